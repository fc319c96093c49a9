import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem, Tidegate } from "../src/index.js";
import { busy, EPOCH, fakeFetch, taken } from "./fakes.js";

const client = (fetch, more = {}) => new Tidegate({ url: "http://gate/", org: "demo", fetch, ...more });
const held = { body: { hold: "h" }, headers: { "tidegate-position": `${EPOCH}:7` } };

test("a write is asked again under the same key while the gateway is busy or away, and not otherwise", async () => {
  const fetch = fakeFetch([busy, new TypeError("fetch failed"), held]);
  assert.deepEqual(await client(fetch).hold({ event_type: "e", resource: "r", start: "s" }), { hold: "h" });
  const keys = new Set(fetch.asked.map(({ headers }) => headers["Idempotency-Key"]));
  assert.equal(fetch.asked.length, 3);
  assert.equal(keys.size, 1);
  assert.match([...keys][0], /^[0-9a-f]{32}$/);

  const late = fakeFetch([taken]);
  await assert.rejects(client(late).hold({}), (problem) => problem instanceof Problem && problem.code === "taken");
  assert.equal(late.asked.length, 1);
});

test("no longer than patience lasts, and not when the gateway asks for more of it", async () => {
  const long = { ...busy, body: { ...busy.body, retry_after_ms: 60_000 } };
  const fetch = fakeFetch([long]);
  await assert.rejects(client(fetch).rooms(), { code: "busy", retryAfterMs: 60_000 });
  assert.equal(fetch.asked.length, 1);
  const away = fakeFetch([new TypeError("fetch failed")]);
  await assert.rejects(client(away).rooms({ patienceMs: 300 }), { code: "connection_lost" });
  assert.ok(away.asked.length > 1);
});

test("nothing older is read than what was answered before, until the log is another", async () => {
  const lost = { status: 412, body: { code: "position_unknown", detail: "another log", fault: "late", status: 412 } };
  const fetch = fakeFetch([held, { body: [] }, lost, { body: [] }]);
  const tidegate = client(fetch);
  await tidegate.hold({});
  assert.equal(tidegate.position, `${EPOCH}:7`);
  await tidegate.rooms();
  await tidegate.rooms();
  const seen = fetch.asked.map(({ headers }) => headers["Tidegate-Position"]);
  assert.deepEqual(seen, [undefined, `${EPOCH}:7`, `${EPOCH}:7`, undefined]);
});

test("whoever asks shows a token, or the browser's cookies, and never both", async () => {
  const fetch = fakeFetch([{ body: { token: "ts.demo.x" } }]);
  const tidegate = client(fetch);
  await tidegate.begin();
  await tidegate.rooms();
  assert.deepEqual([fetch.asked[1].headers.Authorization, fetch.asked[1].credentials], ["Bearer ts.demo.x", "omit"]);
  const page = client(fetch, { cookies: true });
  await page.begin();
  await page.rooms();
  assert.deepEqual([fetch.asked[3].headers.Authorization, fetch.asked[3].credentials], [undefined, "include"]);
});

test("a call that was given up is not asked again", async () => {
  const fetch = fakeFetch([busy]);
  const given = new AbortController();
  const told = client(fetch).rooms({ signal: given.signal });
  setTimeout(() => given.abort(new Error("enough")), 30);
  await assert.rejects(told, { message: "enough" });
  const { length } = fetch.asked;
  await new Promise((wake) => setTimeout(wake, 50));
  assert.equal(fetch.asked.length, length);
});

test("what stands in a path cannot leave it, and what was not said is not asked", async () => {
  const fetch = fakeFetch([{ body: {} }]);
  await client(fetch).resource("../keys?x=1");
  await client(fetch).slots({ event_type: "e", resource: "r", date: "2026-12-07", tz: "", duration: undefined });
  assert.equal(fetch.asked[0].url, "http://gate/v1/demo/resources/..%2Fkeys%3Fx%3D1");
  assert.equal(fetch.asked[1].url, "http://gate/v1/demo/slots?event_type=e&resource=r&date=2026-12-07");
});

test("a hold is kept by heartbeats until it is stopped, and says so when it is lost", async () => {
  const soon = new Date(Date.now() + 1_200).toISOString();
  const over = { status: 410, body: { code: "hold_gone", detail: "it has ended", fault: "late", status: 410 } };
  const fetch = fakeFetch([
    { body: { hold: "h", expires_at: soon } },
    { body: { hold: "h", expires_at: "then" } },
    over,
  ]);
  const holding = await client(fetch).holding({});
  await new Promise((resolve) => holding.lost.addEventListener("abort", resolve));
  assert.equal(holding.expiresAt, "then");
  assert.equal(holding.lost.reason.code, "hold_gone");
  assert.equal(fetch.asked.length, 3);
});
