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
export function dayView(stream: Stream, { resource, date, tz, units, own }: {
    resource: string;
    date: string;
    tz: string;
    units?: number;
    own?: {
        date: string;
        runs: Run[];
    }[];
}): View<Day>;
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
export function monthView(stream: Stream, { resource, month }: {
    resource: string;
    month: string;
}): View<Month>;
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
export function roomView(stream: Stream, { room }: {
    room: string;
}): View<RoomShown>;
/** @template Value */
export class View<Value> {
    /**
     * @param {Topic<any>[]} topics
     * @param {(...states: any[]) => Value} derive
     */
    constructor(topics: Topic<any>[], derive: (...states: any[]) => Value);
    /** @returns {Value | null} */
    get value(): Value | null;
    /** Whether it is told what changes, and not merely as it was last known. */
    get current(): boolean;
    /** Why it cannot be shown, where it cannot. */
    get problem(): Problem | null;
    /**
     * @param {() => void} listener
     * @returns {() => void}
     */
    subscribe(listener: () => void): () => void;
    /**
     * @param {AbortSignal} [signal]
     * @returns {Promise<Value>}
     */
    ready(signal?: AbortSignal): Promise<Value>;
    #private;
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
    /**
     * @param {Stream} stream
     * @param {string} ticket
     * @param {(seen: string | null) => Promise<Ticket>} ask by an answer that is not older than that position
     */
    constructor(stream: Stream, ticket: string, ask: (seen: string | null) => Promise<Ticket>);
    id: string;
    room: string;
    /** @returns {TicketShown | null} */
    get value(): TicketShown | null;
    get current(): boolean;
    get problem(): Problem | null;
    /**
     * @param {() => void} listener
     * @returns {() => void}
     */
    subscribe(listener: () => void): () => void;
    /**
     * @param {AbortSignal} [signal]
     * @returns {Promise<TicketShown>}
     */
    ready(signal?: AbortSignal): Promise<TicketShown>;
    /**
     * Come back when it was called, or is in already; throw when it is over.
     * @param {AbortSignal} [signal]
     * @returns {Promise<TicketShown>}
     */
    called(signal?: AbortSignal): Promise<TicketShown>;
    #private;
}
/**
 * a quarter of an hour
 */
export type DaySlot = {
    /**
     * in milliseconds since 1970
     */
    start: number;
    /**
     * what the clocks show then, `09:15`
     */
    clock: string;
    use: SlotUse["use"];
    /**
     * left
     */
    units: number;
};
/**
 * a local date
 */
export type Day = {
    date: string;
    tz: string;
    capacity: number;
    start: number;
    end: number;
    /**
     * in order: 96 as a rule, 92 or 100 when the clocks change
     */
    slots: DaySlot[];
    /**
     *   what is left of a time within the day, buffers included by whoever asks
     */
    visit: (start: number, end: number) => {
        state: "free" | "held" | "full";
        units: number;
    };
};
export type Month = {
    month: string;
    capacity: number;
    /**
     * by dates of UTC; of 96 slots
     */
    days: {
        date: string;
        busySlots: number;
    }[];
};
export type RoomShown = {
    room: string;
    phase: Phase;
    about: RoomAbout;
    /**
     * of the draw, once it was made
     */
    seed: string;
    /**
     * in all lanes
     */
    waiting: number;
    /**
     * the ordinary one has no name
     */
    lanes: {
        lane: string;
        title: string;
        waiting: number;
        calledThrough: number;
    }[];
};
export type TicketShown = {
    ticket: string;
    state: TicketStanding;
    /**
     * when the call, the pass, or what an absence may be, ends
     */
    until: number | null;
    lane: string;
    /**
     * none before a draw
     */
    place: number | null;
    /**
     * of it wait so many; none before a draw, or once it was called
     */
    ahead: number | null;
    /**
     * counted from 1
     */
    position: number | null;
    /**
     * as it was answered last
     */
    eta: Eta | null;
    room: RoomShown;
};
import type { Stream } from "./stream.js";
import type { Run } from "./wire.js";
import { Problem } from "./problem.js";
import type { Topic } from "./topic.js";
import type { Ticket } from "./wire.js";
import type { SlotUse } from "./slots.js";
import type { Phase } from "./wire.js";
import type { RoomAbout } from "./wire.js";
import type { TicketStanding } from "./wire.js";
import type { Eta } from "./wire.js";
