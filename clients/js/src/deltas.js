/**
 * What deltas make of topics, without any I/O: given how a topic is and a delta, how it is then.
 *
 * States are never changed in place: what was shown a moment ago stays as it was shown.
 */

/**
 * @import { BlockState, BookingRow, DayState, HoldsState, MonthState, RoomState, Run, StatusState } from "./wire.js"
 * @import { DayChanged, Delta, HoldsChanged, MonthChanged, RoomChanged, TicketState } from "./wire.js"
 */

const SLOTS = 96;
const DIGITS = SLOTS / 4;
const NOTHING = "0".repeat(DIGITS);
const ALL = "f".repeat(DIGITS);
const GATHERED = new Set(["room", "block", "numbers"]);

/** Something was missed: ask for the topic as it is now. */
export class StartOver extends Error {}

/** @typedef {"take" | "ignore" | "start_over"} Does */

/** @param {string} topic */
export function kindOf(topic) {
  return /** @type {string} */ (topic.split("/", 1)[0]);
}

/**
 * A position as its log and its number.
 * @param {string} position
 * @returns {[epoch: string, sequence: number]}
 */
export function parsePosition(position) {
  const colon = position.lastIndexOf(":");
  return [position.slice(0, colon), Number(position.slice(colon + 1))];
}

/**
 * Whether whoever stands at `mine` has everything through `wanted`.
 * @param {string} mine
 * @param {string} wanted
 */
export function reached(mine, wanted) {
  const [epoch, sequence] = parsePosition(mine);
  const [other, through] = parsePosition(wanted);
  return epoch === other && sequence >= through;
}

/**
 * What a delta is to somebody who stands at `mine`. Those of gathered topics say how things are, not how they differ:
 * so they take on whoever stands anywhere before their end, and not before their beginning.
 * @param {string} topic
 * @param {string} mine
 * @param {string} before
 * @param {string} after
 * @returns {Does}
 */
export function does(topic, mine, before, after) {
  const [epoch, at] = parsePosition(mine);
  const [theirs, from] = parsePosition(before);
  const to = parsePosition(after)[1];
  if (epoch !== theirs) return "start_over";
  if (to <= at) return "ignore";
  return from === at || (from < at && GATHERED.has(kindOf(topic))) ? "take" : "start_over";
}

/**
 * The topic's state once the delta was taken in; `StartOver` where that says nothing to such a state.
 * @param {string} topic
 * @param {any} state
 * @param {any} delta
 * @returns {any}
 */
export function after(topic, state, delta) {
  switch (/** @type {`${string} ${Delta["delta"]}`} */ (`${kindOf(topic)} ${delta.delta}`)) {
    case "day day":
      return dayAfter(state, delta);
    case "day units":
      return dayResized(state, delta.capacity);
    case "holds holds":
      return holdsAfter(state, delta);
    case "month month":
      return monthAfter(state, delta);
    case "month units":
      return monthResized(state, delta.capacity, /** @type {string} */ (topic.split("/")[2]));
    case "room room":
      return roomAfter(state, delta);
    case "block block":
      return /** @type {BlockState} */ ({ ...state, waiting: delta.waiting });
    case "ticket ticket":
      return /** @type {TicketState} */ ({ state: delta.state, until: delta.until ?? null });
    case "numbers numbers":
      return delta.numbers;
    case "booking bookings":
      return rowOf(delta.rows, topic.slice("booking/".length));
    case "bookings bookings":
      return state; // too many to be one state: each delta has the rows that changed
    case "status status":
      return /** @type {StatusState} */ ({ state: delta.state });
    default:
      throw new StartOver(`${topic} has no delta ${delta.delta}`);
  }
}

/**
 * @param {DayState} day
 * @param {DayChanged} delta
 * @returns {DayState}
 */
function dayAfter(day, delta) {
  return {
    capacity: delta.capacity,
    busy: flipped(day.busy, delta.busy_set, delta.busy_cleared),
    blocked: flipped(day.blocked, delta.blocked_set, delta.blocked_cleared),
    taken: withRuns(day.taken, delta.taken),
  };
}

/**
 * @param {DayState} day
 * @param {number} capacity
 * @returns {DayState}
 */
function dayResized(day, capacity) {
  let busy = BigInt(`0x${day.blocked}`);
  const runs = capacity > 0 ? day.taken : [/** @type {Run} */ ([0, SLOTS, 0])];
  for (const [first, end, units] of runs) if (units >= capacity) busy |= mask(first, end);
  return { ...day, capacity, busy: spelled(busy) };
}

/**
 * @param {HoldsState} holds
 * @param {HoldsChanged} delta
 * @returns {HoldsState}
 */
function holdsAfter(holds, delta) {
  return { held: flipped(holds.held, delta.held_set, delta.held_cleared), units: withRuns(holds.units, delta.held) };
}

/**
 * @param {MonthState} month
 * @param {MonthChanged} delta
 * @returns {MonthState}
 */
function monthAfter(month, delta) {
  const days = { ...month.days };
  for (const one of delta.days) days[one.date] = flipped(days[one.date] ?? NOTHING, one.busy_set, one.busy_cleared);
  const busy = Object.entries(days).filter(([, bits]) => bits !== NOTHING);
  return { capacity: delta.capacity, untouched: false, days: Object.fromEntries(busy.sort(byName)) };
}

/**
 * @param {MonthState} month
 * @param {number} capacity
 * @param {string} name
 * @returns {MonthState}
 */
function monthResized(month, capacity, name) {
  if (!month.untouched) throw new StartOver("a month that something lies on is told of its capacity by its own delta");
  const days = capacity > 0 ? [] : datesOf(name).map((date) => [date, ALL]);
  return { capacity, untouched: true, days: Object.fromEntries(days) };
}

/**
 * @param {RoomState} room
 * @param {RoomChanged} delta
 * @returns {RoomState}
 */
function roomAfter(room, delta) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const lane of room.lanes) lane.blocks.forEach((block, place) => counts.set(block, lane.counts[place] ?? 0));
  for (const [block, waiting] of delta.blocks ?? []) counts.set(block, waiting);
  const lanes = new Map(room.lanes.map((lane) => [lane.lane, { ...lane, blocks: [...lane.blocks] }]));
  for (const { lane, called_through, waiting } of delta.lanes ?? []) {
    lanes.set(lane, { lane, called_through, waiting, blocks: lanes.get(lane)?.blocks ?? [], counts: [] });
  }
  for (const [block, lane] of delta.added ?? []) {
    const blocks = lanes.get(lane)?.blocks;
    if (blocks === undefined) throw new StartOver(`there is no lane ${lane}`);
    if (!blocks.includes(block)) blocks.push(block);
  }
  return {
    phase: delta.phase ?? room.phase,
    about: delta.about ?? room.about,
    seed: delta.seed || room.seed,
    lanes: [...lanes.values()].map((lane) => ({
      ...lane,
      counts: lane.blocks.map((block) => counts.get(block) ?? 0),
    })),
  };
}

/**
 * @param {BookingRow[]} rows
 * @param {string} id
 */
function rowOf(rows, id) {
  const row = rows.findLast((one) => one.id === id);
  if (row === undefined) throw new StartOver("a booking's delta has that booking");
  return row;
}

/**
 * @param {string} bits
 * @param {string} set
 * @param {string} cleared
 */
function flipped(bits, set, cleared) {
  return spelled((BigInt(`0x${bits}`) | BigInt(`0x${set}`)) & ~BigInt(`0x${cleared}`));
}

/**
 * @param {Run[]} old
 * @param {Run[]} changed
 */
function withRuns(old, changed) {
  return runsOf(unitsOf([...old, ...changed]));
}

/**
 * The units of each slot; later runs have the last word.
 * @param {Run[]} runs
 * @returns {number[]}
 */
export function unitsOf(runs) {
  const units = new Array(SLOTS).fill(0);
  for (const [first, end, many] of runs) units.fill(many, first, end);
  return units;
}

/**
 * @param {number[]} units
 * @returns {Run[]}
 */
function runsOf(units) {
  /** @type {Run[]} */
  const found = [];
  units.forEach((many, slot) => {
    if (many === 0) return;
    const last = found.at(-1);
    if (last && last[1] === slot && last[2] === many) last[1] = slot + 1;
    else found.push([slot, slot + 1, many]);
  });
  return found;
}

/**
 * Whether each of a day's slots is set in its bitmap: slot 0 is the lowest bit.
 * @param {string} bits
 * @returns {boolean[]}
 */
export function flagsOf(bits) {
  const value = BigInt(`0x${bits}`);
  return Array.from({ length: SLOTS }, (_, slot) => ((value >> BigInt(slot)) & 1n) === 1n);
}

/**
 * @param {number} first
 * @param {number} end
 */
function mask(first, end) {
  return (1n << BigInt(end)) - (1n << BigInt(first));
}

/** @param {bigint} bits */
function spelled(bits) {
  return bits.toString(16).padStart(DIGITS, "0");
}

/** @param {string} month */
function datesOf(month) {
  const [year, number] = month.split("-").map(Number);
  const last = new Date(Date.UTC(Number(year), Number(number), 0)).getUTCDate();
  return Array.from({ length: last }, (_, day) => `${month}-${String(day + 1).padStart(2, "0")}`);
}

/**
 * @param {[string, unknown]} one
 * @param {[string, unknown]} other
 */
function byName([one], [other]) {
  return one < other ? -1 : 1;
}
