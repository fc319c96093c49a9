/**
 * The interactive documentation: what `/docs/openapi.json` says, as something to read and to try. Nothing of it is
 * written here: a route that is added is here by itself, and one that is not described is not here.
 */

import { made, table, worded } from "./making.js";

const METHODS = ["get", "post", "put", "delete"];
const DEPTH_MAX = 6;

const byId = (id) => document.getElementById(id);
let description = null;

// Schemas

function resolved(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? { title: name, ...description.components.schemas[name] } : (schema ?? {});
}

/** What a value of it may look like. */
function exampleOf(given, depth = 0) {
  const schema = resolved(given);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choices = (schema.oneOf ?? schema.anyOf)?.filter((one) => resolved(one).type !== "null");
  if (choices?.length) return exampleOf(choices[0], depth);
  switch ([schema.type].flat()[0]) {
    case "object": {
      if (depth > DEPTH_MAX) return {};
      const needed = new Set(schema.required ?? []);
      const shown = Object.entries(schema.properties ?? {}).filter(
        ([name, one]) => needed.has(name) || resolved(one).examples,
      );
      return Object.fromEntries(shown.map(([name, one]) => [name, exampleOf(one, depth + 1)]));
    }
    case "array":
      return schema.minItems ? [exampleOf(schema.items, depth + 1)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return false;
    default:
      return "";
  }
}

/** In a few words, what it is. */
function kindOf(given) {
  const schema = resolved(given);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices)
    return choices
      .filter((one) => Object.keys(one).length)
      .map(kindOf)
      .join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return `list of ${kindOf(schema.items)}`;
  const bounds = [
    schema.minimum !== undefined && `≥ ${schema.minimum}`,
    schema.maximum !== undefined && `≤ ${schema.maximum}`,
    schema.maxLength !== undefined && `≤ ${schema.maxLength} characters`,
    schema.maxItems !== undefined && `≤ ${schema.maxItems}`,
  ].filter(Boolean);
  const name = given?.$ref && schema.type === "object" ? schema.title : [schema.type ?? "anything"].flat().join(" or ");
  return bounds.length ? `${name}, ${bounds.join(", ")}` : name;
}

/** Its fields, and what they are made of as far as that has a name. */
function fieldsOf(given, seen = new Set()) {
  const schema = resolved(given);
  if (schema.type === "array") return fieldsOf(schema.items, seen);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.flatMap((one) => fieldsOf(one, seen));
  if (!schema.properties || seen.has(schema.title)) return [];
  seen.add(schema.title);
  const needed = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, one]) => {
    const field = resolved(one);
    const standard = field.default !== undefined && field.default !== "" ? ` = ${JSON.stringify(field.default)}` : "";
    return [
      made("td", {}, [made("code", {}, name), needed.has(name) ? " *" : ""]),
      made("td", { class: "kind" }, kindOf(one) + standard),
      one.description ?? field.description ?? "",
    ];
  });
  const inner = Object.values(schema.properties).flatMap((one) => fieldsOf(one, seen));
  return [made("p", { class: "name" }, schema.title ?? ""), table(["field", "is", ""], rows), ...inner];
}

// Operations

/** What can be asked of us; or, `sent`, what we ask of others, which nobody can try from here. */
function operation(path, method, about, sent = false) {
  const name = `${method.toUpperCase()} ${path}`;
  const head = made("summary", {}, [
    made("span", { class: "method", "data-is": method.toUpperCase() }, method.toUpperCase()),
    made("code", { class: "path" }, path),
    made("span", { class: "summary" }, worded(about.summary ?? "")),
  ]);
  const element = made(
    "details",
    { class: sent ? "operation sent" : "operation", id: name.replaceAll(/[^A-Za-z]+/g, "-"), "data-name": name },
    [head],
  );
  element.dataset.find = `${name} ${about.summary} ${about.description ?? ""}`.toLowerCase();
  element.addEventListener("toggle", () => {
    if (element.open && element.childElementCount === 1) element.append(inside(path, method, about, sent));
  });
  return element;
}

function inside(path, method, about, sent) {
  const parts = [made("p", {}, worded(about.description ?? ""))];
  const parameters = about.parameters ?? [];
  if (parameters.length) {
    const rows = parameters.map((one) => [
      made("td", {}, [made("code", {}, one.name), one.required ? " *" : ""]),
      one.in,
      made("td", { class: "kind" }, kindOf(one.schema)),
      one.description ?? resolved(one.schema).description ?? "",
    ]);
    parts.push(made("h4", {}, "Parameters"), table(["name", "in", "is", ""], rows));
  }
  const { schema: wanted, example } = about.requestBody?.content?.["application/json"] ?? {};
  const heading = about.requestBody?.required ? "Body" : "Body, which may be left out";
  if (wanted) parts.push(made("h4", {}, heading), ...fieldsOf(wanted));
  for (const [status, answer] of Object.entries(about.responses ?? {})) {
    const [kind, content] = Object.entries(answer.content ?? {})[0] ?? [];
    if (status === "400") continue; // every refusal is told the same way, below
    const fields = content?.schema ? fieldsOf(content.schema) : [];
    parts.push(made("h4", {}, `Answer ${status}${kind && kind !== "application/json" ? `, ${kind}` : ""}`));
    parts.push(
      ...(fields.length
        ? fields
        : [made("p", {}, content?.schema ? kindOf(content.schema) : sent ? answer.description : "nothing more")]),
    );
  }
  if (sent) {
    const text = JSON.stringify(example, null, 2);
    parts.push(made("h4", {}, "For example"), made("pre", { class: "code", tabindex: "0" }, text));
    return made("div", { class: "inside" }, parts);
  }
  parts.push(
    made("h4", {}, "Refusals"),
    made(
      "p",
      {},
      "application/problem+json: code, detail, fault, and retry_after_ms where the same may be asked again.",
    ),
  );
  parts.push(trial(path, method, parameters, wanted));
  return made("div", { class: "inside" }, parts);
}

function trial(path, method, parameters, wanted) {
  const inputs = parameters
    .filter((one) => one.name !== "org")
    .map((one) => {
      const example = resolved(one.schema).examples?.[0] ?? "";
      const input = made("input", {
        value: String(example),
        spellcheck: "false",
        autocomplete: "off",
        "data-in": one.in,
        name: one.name,
      });
      input.required = Boolean(one.required);
      input.placeholder = one.required ? (one.description ?? "") : "";
      return [made("label", {}, [one.name + (one.required ? " *" : ""), input]), input];
    });
  const body = wanted ? made("textarea", { rows: "8", spellcheck: "false", "aria-label": "Body" }) : null;
  if (body) body.value = JSON.stringify(exampleOf(wanted), null, 2);
  const curl = made("pre", { class: "code" });
  const answer = made("pre", { class: "code", hidden: "", tabindex: "0" });
  const status = made("span", { class: "status", role: "status" });
  const form = made("form", { class: "try" }, [
    made(
      "div",
      { class: "fields" },
      inputs.map(([label]) => label),
    ),
    ...(body ? [body] : []),
    made("p", { class: "row" }, [made("button", { class: "main" }, "Send"), status]),
    answer,
    made("h4", {}, "By curl"),
    curl,
  ]);
  const request = () =>
    requestOf(
      path,
      method,
      inputs.map(([, input]) => input),
      body?.value,
    );
  const draw = () => {
    if (form.isConnected || !curl.textContent) curl.textContent = curlOf(request());
  };
  form.addEventListener("input", draw);
  byId("asker").addEventListener("input", draw);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = "";
    const { url, ...init } = request();
    const began = performance.now();
    try {
      const response = await fetch(url, { ...init, credentials: "same-origin" });
      status.textContent = `${response.status} ${response.statusText}, ${Math.round(performance.now() - began)} ms`;
      await tell(response, answer);
    } catch (error) {
      status.textContent = "no answer";
      answer.textContent = String(error);
    }
  });
  draw();
  return form;
}

/** The headers that mean something, and the body; of a stream, what comes in the first seconds. */
async function tell(response, into) {
  const kind = response.headers.get("content-type") ?? "";
  const headers = [...response.headers].filter(([name]) => /^(tidegate|etag|retry|location|content-type)/.test(name));
  const head = headers.map(([name, value]) => `${name}: ${value}\n`).join("") + "\n";
  if (kind.includes("event-stream")) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    setTimeout(() => reader.cancel(), 10_000);
    into.textContent = head;
    for (let next = await reader.read(); !next.done; next = await reader.read()) into.textContent += next.value;
    return;
  }
  const text = await response.text();
  into.textContent = head + (kind.includes("json") && text ? JSON.stringify(JSON.parse(text), null, 2) : text);
}

function requestOf(path, method, inputs, body) {
  const values = new Map(inputs.filter(({ dataset }) => dataset.in === "path").map(({ name, value }) => [name, value]));
  values.set("org", byId("org").value);
  const at = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values.get(name) ?? ""));
  const query = new URLSearchParams();
  const headers = {};
  for (const { name, value, dataset } of inputs) {
    if (!value || dataset.in === "path") continue;
    if (dataset.in === "query")
      for (const one of name === "topic" || name === "status" ? value.split(",") : [value])
        query.append(name, one.trim());
    else headers[name] = value;
  }
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const url = `${at}${query.size ? `?${query}` : ""}`;
  return body === undefined
    ? { url, method: method.toUpperCase(), headers }
    : { url, method: method.toUpperCase(), headers, body };
}

function curlOf({ url, method, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const told = Object.entries(headers).map(([name, value]) => {
    return `-H ${name === "Authorization" ? '"Authorization: Bearer $TOKEN"' : quoted(`${name}: ${value}`)}`;
  });
  const data = body === undefined ? [] : [`-d ${quoted(body)}`];
  return ["curl", ...(method === "GET" ? [] : [`-X ${method}`]), ...told, ...data, quoted(location.origin + url)].join(
    " \\\n  ",
  );
}

// The page

function section({ name, description: about = "" }, operations) {
  return made("section", { id: name, "data-tag": name }, [made("h2", {}, name), made("p", {}, about), ...operations]);
}

function find() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const part of document.querySelectorAll("section")) {
    const operations = [...part.querySelectorAll(".operation")];
    for (const one of operations) one.hidden = !words.every((word) => one.dataset.find.includes(word));
    part.hidden = operations.every((one) => one.hidden);
  }
}

async function begin() {
  const response = await fetch(`/v1/${encodeURIComponent(byId("org").value)}/sessions`, { method: "POST" });
  const said = await response.json();
  byId("note").hidden = response.ok;
  byId("note").textContent = said.detail ?? "";
  byId("token").value = said.token ?? "";
  byId("asker").dispatchEvent(new Event("input"));
}

async function start() {
  description = await (await fetch("/docs/openapi.json")).json();
  byId("title").textContent = `${description.info.title}, version ${description.info.version}`;
  byId("description").textContent = description.info.description ?? "";
  const byTag = new Map((description.tags ?? []).map((tag) => [tag.name, { tag, operations: [] }]));
  const shown = [
    ...Object.entries(description.paths).map((one) => [...one, false]),
    ...Object.entries(description.webhooks ?? {}).map((one) => [...one, true]),
  ];
  for (const [path, item, sent] of shown) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = item[method].tags?.[0] ?? "Other";
      if (!byTag.has(tag)) byTag.set(tag, { tag: { name: tag }, operations: [] });
      byTag.get(tag).operations.push(operation(path, method, item[method], sent));
    }
  }
  const sections = [...byTag.values()].filter(({ operations }) => operations.length);
  byId("operations").append(...sections.map(({ tag, operations }) => section(tag, operations)));
  byId("note").hidden = true;
  const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

byId("find").addEventListener("input", find);
byId("begin").addEventListener("click", begin);
byId("asker").addEventListener("submit", (event) => event.preventDefault());
start().catch((error) => (byId("note").textContent = `The description could not be read: ${error.message}`));
