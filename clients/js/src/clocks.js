/**
 * Local days by the clocks of a time zone: from when midnight is first reached until the next date's is. They have 24
 * hours as a rule, 23 or 25 when the clocks change. `Intl` knows every zone; nothing else is needed.
 */

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** @type {Map<string, Intl.DateTimeFormat>} */
const CLOCKS = new Map();

/** @param {string} tz */
function clockOf(tz) {
  let clock = CLOCKS.get(tz);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
      timeZone: tz,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    CLOCKS.set(tz, clock);
  }
  return clock;
}

/**
 * What the clocks show, as milliseconds from 1970-01-01T00:00 to their reading.
 * @param {number} instant
 * @param {string} tz
 */
function reading(instant, tz) {
  /** @type {Record<string, number>} */
  const parts = {};
  for (const { type, value } of clockOf(tz).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day, hour, minute, second } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1_000) + 1_000) % 1_000);
}

/**
 * The first instant at which the clocks show this reading or a later one.
 * @param {number} shows
 * @param {string} tz
 */
function firstReached(shows, tz) {
  let [low, high] = [shows - DAY_MS, shows + DAY_MS];
  const before = reading(low, tz) - low;
  const behind = reading(high, tz) - high;
  if (before === behind) return shows - before;
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2_000) * 1_000;
    if (reading(middle, tz) - middle === before) low = middle;
    else high = middle;
  }
  return shows - before < high ? shows - before : Math.max(high, shows - behind);
}

/**
 * A local day by its date.
 * @param {string} date
 * @param {string} tz
 * @returns {{ start: number, end: number }}
 */
export function localDay(date, tz) {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  return { start: firstReached(midnight, tz), end: firstReached(midnight + DAY_MS, tz) };
}

/**
 * @param {number} instant
 * @param {string} tz
 */
export function localDate(instant, tz) {
  return new Date(reading(instant, tz)).toISOString().slice(0, 10);
}

/**
 * `09:15`.
 * @param {number} instant
 * @param {string} tz
 */
export function localClock(instant, tz) {
  return new Date(reading(instant, tz)).toISOString().slice(11, 16);
}
