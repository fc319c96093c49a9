/** Elements and words: what all pages make things of. Text is only ever put there as text. */

/**
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {string | (Node | string)[]} [content]
 */
export function made(name, attributes = {}, content = []) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...(Array.isArray(content) ? content : [content]));
  return element;
}

/**
 * Text in which what stands between backticks is set as code, and between stars with stress.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function worded(text) {
  return text.split(/(`[^`]+`|\*[^*\s]+\*)/).map((part, at) => {
    if (at % 2 === 0) return part;
    return made(part.startsWith("`") ? "code" : "em", {}, part.slice(1, -1));
  });
}

/**
 * A table that scrolls by itself where it is too wide. Cells are words, or made already.
 * @param {string[]} names
 * @param {(string | Node)[][]} rows
 */
export function table(names, rows) {
  const head = made("thead", {}, [
    made(
      "tr",
      {},
      names.map((name) => made("th", { scope: "col" }, name)),
    ),
  ]);
  const body = rows.map((cells) => {
    return made(
      "tr",
      {},
      cells.map((cell) => (typeof cell === "string" ? made("td", {}, worded(cell)) : cell)),
    );
  });
  return made("div", { class: "table" }, [made("table", {}, [head, made("tbody", {}, body)])]);
}

/**
 * Slots in a row that are the same, as few as say it all.
 * @param {import("./tidegate/views.js").DaySlot[]} slots
 * @param {number} end of the last one
 */
export function runsOf(slots, end) {
  const runs = [];
  for (const { start, clock, use, units } of slots) {
    const last = runs.at(-1);
    if (last && last.use === use && last.units === units) continue;
    if (last) Object.assign(last, { end: start, endClock: clock });
    runs.push({ start, clock, use, units, end, endClock: "24:00" });
  }
  return runs;
}

/** `4 h 30 min` */
export function minutes(ms) {
  const all = Math.floor(ms / 60_000);
  const [hours, rest] = [Math.floor(all / 60), all % 60];
  return [hours && `${hours} h`, (rest || !hours) && `${rest} min`].filter(Boolean).join(" ");
}

/** `40 s`, `12 min`, `2 h`. */
export function seconds(many) {
  if (many < 90) return `${many} s`;
  return many < 5_400 ? `${Math.round(many / 60)} min` : `${Math.round(many / 360) / 10} h`;
}
