/**
 * How many wait before this place of the block's lane.
 * @param {RoomState} room
 * @param {BlockState} block
 * @param {number} place
 */
export function aheadOf(room: RoomState, block: BlockState, place: number): number;
/**
 * Whether the two have been heard up to the same change, as far as can be told: they agree on how many wait in the
 * block.
 * @param {RoomState} room
 * @param {BlockState} block
 */
export function agree(room: RoomState, block: BlockState): boolean;
import type { RoomState } from "./wire.js";
import type { BlockState } from "./wire.js";
