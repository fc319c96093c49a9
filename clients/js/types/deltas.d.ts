/** @typedef {"take" | "ignore" | "start_over"} Does */
/** @param {string} topic */
export function kindOf(topic: string): string;
/**
 * A position as its log and its number.
 * @param {string} position
 * @returns {[epoch: string, sequence: number]}
 */
export function parsePosition(position: string): [epoch: string, sequence: number];
/**
 * Whether whoever stands at `mine` has everything through `wanted`.
 * @param {string} mine
 * @param {string} wanted
 */
export function reached(mine: string, wanted: string): boolean;
/**
 * What a delta is to somebody who stands at `mine`. Those of gathered topics say how things are, not how they differ:
 * so they take on whoever stands anywhere before their end, and not before their beginning.
 * @param {string} topic
 * @param {string} mine
 * @param {string} before
 * @param {string} after
 * @returns {Does}
 */
export function does(topic: string, mine: string, before: string, after: string): Does;
/**
 * The topic's state once the delta was taken in; `StartOver` where that says nothing to such a state.
 * @param {string} topic
 * @param {any} state
 * @param {any} delta
 * @returns {any}
 */
export function after(topic: string, state: any, delta: any): any;
/**
 * The units of each slot; later runs have the last word.
 * @param {Run[]} runs
 * @returns {number[]}
 */
export function unitsOf(runs: Run[]): number[];
/**
 * Whether each of a day's slots is set in its bitmap: slot 0 is the lowest bit.
 * @param {string} bits
 * @returns {boolean[]}
 */
export function flagsOf(bits: string): boolean[];
/** Something was missed: ask for the topic as it is now. */
export class StartOver extends Error {
}
export type Does = "take" | "ignore" | "start_over";
import type { Run } from "./wire.js";
