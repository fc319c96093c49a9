/**
 * Views: what a screen shows, kept up to date. Each stands on a few topics, has a `value` that is null until all of
 * them have begun and the same object until something of it changes, and tells its subscribers when it does: once of
 * what arrives together, when all of it was taken in.
 */

import { localClock, localDay } from "./clocks.js";
import { aheadOf, agree } from "./places.js";
import { Problem } from "./problem.js";
import { slotsOf, visitOf } from "./slots.js";
import { until } from "./topic.js";

/** @import { Stream } from "./stream.js" */
/** @import { Topic } from "./topic.js" */
/** @import { Eta, MonthState, Phase, RoomAbout, RoomState, Run, Ticket, TicketStanding } from "./wire.js" */
/** @import { SlotUse } from "./slots.js" */

const SLOT_MS = 15 * 60_000;
const DAY_MS = 96 * SLOT_MS;
const LEARN_EVERY_MS = 15_000;
const LEARN_SOON_MS = 3_000;
/** What a room closes on. */
const GOING = new Set(["drawing", "waiting", "absent", "called", "claim_waits"]);

/** @template Value */
export class View {
  #topics;
  #derive;
  /** @type {{ from: any[], value: Value } | null} */
  #known = null;

  /**
   * @param {Topic<any>[]} topics
   * @param {(...states: any[]) => Value} derive
   */
  constructor(topics, derive) {
    this.#topics = topics;
    this.#derive = derive;
  }

  /** @returns {Value | null} */
  get value() {
    const states = this.#topics.map((topic) => topic.state);
    if (this.#topics.some((topic) => topic.position === null)) return null;
    if (!this.#known || states.some((state, at) => state !== this.#known?.from[at])) {
      this.#known = { from: states, value: this.#derive(...states) };
    }
    return this.#known.value;
  }

  /** Whether it is told what changes, and not merely as it was last known. */
  get current() {
    return this.#topics.every((topic) => topic.current);
  }

  /** Why it cannot be shown, where it cannot. */
  get problem() {
    return this.#topics.find((topic) => topic.problem)?.problem ?? null;
  }

  /**
   * @param {() => void} listener
   * @returns {() => void}
   */
  subscribe(listener) {
    const { tell, end } = together(listener);
    const stops = [end, ...this.#topics.map((topic) => topic.subscribe(tell))];
    return () => stops.forEach((stop) => stop());
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<Value>}
   */
  async ready(signal) {
    await until(this, () => this.current, signal);
    return /** @type {Value} */ (this.value);
  }
}

/**
 * @typedef {object} DaySlot a quarter of an hour
 * @property {number} start in milliseconds since 1970
 * @property {string} clock what the clocks show then, `09:15`
 * @property {SlotUse["use"]} use
 * @property {number} units left
 *
 * @typedef {object} Day a local date
 * @property {string} date
 * @property {string} tz
 * @property {number} capacity
 * @property {number} start
 * @property {number} end
 * @property {DaySlot[]} slots in order: 96 as a rule, 92 or 100 when the clocks change
 * @property {(start: number, end: number) => { state: "free" | "held" | "full", units: number }} visit
 *   what is left of a time within the day, buffers included by whoever asks
 */

/**
 * A local date of a resource: which lies on two dates of UTC, as a rule, each with its bookings and its holds.
 * @param {Stream} stream
 * @param {{ resource: string, date: string, tz: string, units?: number, own?: { date: string, runs: Run[] }[] }} of
 *   `own` are the reader's own holds, by dates of UTC: they do not stand in their way
 * @returns {View<Day>}
 */
export function dayView(stream, { resource, date, tz, units = 1, own = [] }) {
  const { start, end } = localDay(date, tz);
  const clocks = Array.from({ length: Math.round((end - start) / SLOT_MS) }, (_, at) =>
    localClock(start + at * SLOT_MS, tz),
  );
  /** @type {number[]} */
  const dates = [];
  for (let at = Math.floor(start / DAY_MS) * DAY_MS; at < end; at += DAY_MS) dates.push(at);
  const names = dates.map((at) => new Date(at).toISOString().slice(0, 10));
  const topics = names.flatMap((name) => [`day/${resource}/${name}`, `holds/${resource}/${name}`]);
  const followed = topics.map((name) => stream.topic(name));
  return new View(followed, (...states) => {
    const all = names.flatMap((name, at) => {
      const mine = own.filter((one) => one.date === name).flatMap(({ runs }) => runs);
      return slotsOf(states[2 * at], states[2 * at + 1], { units, own: mine });
    });
    /** @param {number} instant */
    const placeOf = (instant) => (instant - /** @type {number} */ (dates[0])) / SLOT_MS;
    const slots = all.slice(placeOf(start), placeOf(end)).map((slot, at) => {
      return { start: start + at * SLOT_MS, clock: clocks[at] ?? "", ...slot };
    });
    return {
      date,
      tz,
      capacity: states[0].capacity,
      start,
      end,
      slots,
      visit: (from, to) => visitOf(all.slice(Math.floor(placeOf(from)), Math.ceil(placeOf(to)))),
    };
  });
}

/**
 * @typedef {object} Month
 * @property {string} month
 * @property {number} capacity
 * @property {{ date: string, busySlots: number }[]} days by dates of UTC; of 96 slots
 */

/**
 * A month of a resource: how much of each date is busy.
 * @param {Stream} stream
 * @param {{ resource: string, month: string }} of
 * @returns {View<Month>}
 */
export function monthView(stream, { resource, month }) {
  return new View([stream.topic(`month/${resource}/${month}`)], (/** @type {MonthState} */ state) => {
    const days = [];
    for (let at = Date.parse(`${month}-01T00:00Z`); new Date(at).toISOString().startsWith(month); at += DAY_MS) {
      const date = new Date(at).toISOString().slice(0, 10);
      const bits = BigInt(`0x${state.days[date] ?? "0"}`).toString(2);
      days.push({ date, busySlots: bits.replaceAll("0", "").length });
    }
    return { month, capacity: state.capacity, days };
  });
}

/**
 * @typedef {object} RoomShown
 * @property {string} room
 * @property {Phase} phase
 * @property {RoomAbout} about
 * @property {string} seed of the draw, once it was made
 * @property {number} waiting in all lanes
 * @property {{ lane: string, title: string, waiting: number, calledThrough: number }[]} lanes the ordinary one has no name
 */

/**
 * A waiting room as everybody sees it.
 * @param {Stream} stream
 * @param {{ room: string }} of
 * @returns {View<RoomShown>}
 */
export function roomView(stream, { room }) {
  return new View([stream.topic(`room/${room}`)], (/** @type {RoomState} */ state) => roomShown(room, state));
}

/**
 * @param {string} room
 * @param {RoomState} state
 * @returns {RoomShown}
 */
function roomShown(room, state) {
  const titles = new Map(state.about.lanes.map(({ id, title }) => [id, title]));
  const lanes = state.lanes.map(({ lane, waiting, called_through }) => {
    return { lane, title: titles.get(lane) ?? "", waiting, calledThrough: called_through };
  });
  const waiting = lanes.reduce((sum, lane) => sum + lane.waiting, 0);
  return { room, phase: state.phase, about: state.about, seed: state.seed, waiting, lanes };
}

/**
 * @typedef {object} TicketShown
 * @property {string} ticket
 * @property {TicketStanding} state
 * @property {number | null} until when the call, the pass, or what an absence may be, ends
 * @property {string} lane
 * @property {number | null} place none before a draw
 * @property {number | null} ahead of it wait so many; none before a draw, or once it was called
 * @property {number | null} position counted from 1
 * @property {Eta | null} eta as it was answered last
 * @property {RoomShown} room
 */

/**
 * A ticket: how it stands, and how many are ahead of it, exactly, without anybody having to tell it that. While it is
 * followed by whose it is, they need not say that they are still there.
 *
 * That a draw was made, and that a room has closed, is told by the room alone, to all at once. Of a draw everybody
 * asks for their own place then, not all in the same moment.
 */
export class TicketView {
  #stream;
  #ask;
  #ticket;
  #room;
  /** @type {Topic<any> | null} */
  #block = null;
  /** @type {Ticket | null} */
  #learnt = null;
  #learntSeed = "";
  #learning = false;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #soon;
  /** @type {number | null} */
  #ahead = null;
  /** @type {{ from: any[], value: TicketShown } | null} */
  #known = null;
  /** @type {(() => void)[]} */
  #stops = [];
  /** @type {Problem | null} */
  #problem = null;

  /**
   * @param {Stream} stream
   * @param {string} ticket
   * @param {(seen: string | null) => Promise<Ticket>} ask by an answer that is not older than that position
   */
  constructor(stream, ticket, ask) {
    this.#stream = stream;
    this.#ask = ask;
    this.id = ticket;
    this.room = /** @type {string} */ (ticket.split(".")[0]);
    this.#ticket = stream.topic(`ticket/${ticket}`);
    this.#room = stream.topic(`room/${this.room}`);
  }

  /** @returns {TicketShown | null} */
  get value() {
    const [stands, room, learnt] = [this.#ticket.state, this.#room.state, this.#learnt];
    if (!stands || !room || !learnt) return null;
    const state = standingOf(stands.state, room, learnt);
    const waits = state === "waiting" || state === "absent";
    const block = waits ? (this.#block?.state ?? null) : null;
    if (block && learnt.place !== null && agree(room, block)) this.#ahead = aheadOf(room, block, learnt.place);
    const ahead = block ? this.#ahead : null;
    const from = [stands, room, learnt, ahead];
    if (!this.#known || from.some((one, at) => one !== this.#known?.from[at])) {
      const { lane, place, eta } = learnt;
      const position = ahead === null ? null : ahead + 1;
      const shown = roomShown(this.room, room);
      const value = {
        ticket: this.id,
        state,
        until: stands.until,
        lane,
        place,
        ahead,
        position,
        eta: waits ? eta : null,
        room: shown,
      };
      this.#known = { from, value };
    }
    return this.#known.value;
  }

  get current() {
    const block = this.#block === null || this.#block.current;
    return this.#ticket.current && this.#room.current && this.#learnt !== null && block;
  }

  get problem() {
    return this.#problem ?? this.#ticket.problem ?? this.#room.problem;
  }

  /**
   * @param {() => void} listener
   * @returns {() => void}
   */
  subscribe(listener) {
    const { tell, end } = together(listener);
    this.#listeners.add(tell);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      end();
      if (this.#listeners.delete(tell) && this.#listeners.size === 0) this.#stop();
    };
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<TicketShown>}
   */
  async ready(signal) {
    await until(this, () => this.current && this.value !== null, signal);
    return /** @type {TicketShown} */ (this.value);
  }

  /**
   * Come back when it was called, or is in already; throw when it is over.
   * @param {AbortSignal} [signal]
   * @returns {Promise<TicketShown>}
   */
  async called(signal) {
    const standing = () => this.value?.state;
    await until(this, () => !["drawing", "waiting", "absent", undefined].includes(standing()), signal);
    const value = /** @type {TicketShown} */ (this.value);
    if (["called", "claim_waits", "active"].includes(value.state)) return value;
    throw new Problem("ticket_over", `the ticket is ${value.state}`, { fault: "late", status: 410 });
  }

  #start() {
    this.#problem = null;
    this.#stops = [this.#ticket, this.#room].map((topic) => topic.subscribe(() => this.#changed()));
    if (this.#block) this.#stops.push(this.#block.subscribe(() => this.#changed()));
    this.#timer = setInterval(() => {
      if (this.#learnt === null || this.value?.state === "waiting") void this.#learn();
    }, LEARN_EVERY_MS);
    /** @type {any} */ (this.#timer).unref?.();
    void this.#learn();
  }

  #stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#soon = undefined;
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  #changed() {
    const seed = this.#room.state?.seed ?? "";
    if (this.#learnt?.place === null && seed !== this.#learntSeed && !this.#soon) {
      this.#soon = setTimeout(() => {
        this.#soon = undefined;
        void this.#learn();
      }, Math.random() * LEARN_SOON_MS);
    }
    this.#tell();
  }

  #tell() {
    for (const tell of this.#listeners) tell();
  }

  /** Its place never changes once it has one; before a draw it has none. */
  async #learn() {
    if (this.#learning) return;
    this.#learning = true;
    const seed = this.#room.state?.seed ?? "";
    try {
      this.#learnt = await this.#ask(this.#room.position);
      this.#learntSeed = seed;
      const { block } = this.#learnt;
      if (block !== null && !this.#block) {
        this.#block = this.#stream.topic(`block/${this.room}/${block}`);
        if (this.#listeners.size > 0) this.#stops.push(this.#block.subscribe(() => this.#changed()));
      }
    } catch (error) {
      if (error instanceof Problem && !error.mayRepeat) this.#problem = error;
    } finally {
      this.#learning = false;
    }
    this.#tell();
  }
}

/**
 * Tells a listener a moment later, and once, however often it was to be told until then.
 * @param {() => void} listener
 */
function together(listener) {
  let waits = false;
  let ended = false;
  const now = () => {
    waits = false;
    if (!ended) listener();
  };
  return {
    tell() {
      if (!waits) queueMicrotask(now);
      waits = true;
    },
    end() {
      ended = true;
    },
  };
}

/**
 * How a ticket stands, by its own topic and by what its room has told everybody.
 * @param {TicketStanding} told
 * @param {RoomState} room
 * @param {Ticket} learnt
 * @returns {TicketStanding}
 */
function standingOf(told, room, learnt) {
  const state = told === "drawing" && learnt.place !== null ? learnt.state : told;
  return room.phase === "closed" && GOING.has(state) ? "closed" : state;
}
