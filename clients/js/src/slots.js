/**
 * What is free of a day, by its bookings and its holds: the rule by which the gateway answers too.
 *
 * A slot is `free` for so many units, `held` when it would be but for what others hold, `full` when it is not even so,
 * and `blocked` when it was taken out of use. A visit is as free as the least free of its slots.
 */

import { flagsOf, unitsOf } from "./deltas.js";

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
export function slotsOf(day, holds, { own = [], units = 1 } = {}) {
  const taken = unitsOf(day.taken);
  const held = unitsOf(holds.units);
  for (const [first, end, many] of own)
    for (let slot = first; slot < end; slot++) held[slot] = (held[slot] ?? 0) - many;
  return flagsOf(day.blocked).map((blocked, slot) => {
    if (blocked) return { use: "blocked", units: 0 };
    const booked = day.capacity - (taken[slot] ?? 0);
    const left = booked - (held[slot] ?? 0);
    return { use: left >= units ? "free" : booked >= units ? "held" : "full", units: Math.max(left, 0) };
  });
}

/**
 * Whether a visit may have these slots, and how many units are left over all of them.
 * @param {SlotUse[]} slots
 * @returns {{ state: "free" | "held" | "full", units: number }}
 */
export function visitOf(slots) {
  const uses = new Set(slots.map(({ use }) => use));
  const state = uses.has("full") || uses.has("blocked") ? "full" : uses.has("held") ? "held" : "free";
  return { state, units: Math.min(...slots.map(({ units }) => units)) };
}
