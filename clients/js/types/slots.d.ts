/** @import { DayState, HoldsState, Run } from "./wire.js" */
/**
 * @typedef {"free" | "held" | "full" | "blocked"} Use
 * @typedef {{ use: Use, units: number }} SlotUse `units` are left
 */
/**
 * The 96 slots of a UTC date.
 * @param {DayState} day
 * @param {HoldsState} holds
 * @param {{ own?: Run[], units?: number }} [reader] what the reader holds of it, which does not stand in their own way
 * @returns {SlotUse[]}
 */
export function slotsOf(day: DayState, holds: HoldsState, { own, units }?: {
    own?: Run[];
    units?: number;
}): SlotUse[];
/**
 * Whether a visit may have these slots, and how many units are left over all of them.
 * @param {SlotUse[]} slots
 * @returns {{ state: "free" | "held" | "full", units: number }}
 */
export function visitOf(slots: SlotUse[]): {
    state: "free" | "held" | "full";
    units: number;
};
export type Use = "free" | "held" | "full" | "blocked";
/**
 * `units` are left
 */
export type SlotUse = {
    use: Use;
    units: number;
};
import type { DayState } from "./wire.js";
import type { HoldsState } from "./wire.js";
import type { Run } from "./wire.js";
