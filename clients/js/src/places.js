/** How many are ahead: those in the lane's blocks of 1,024 places before one's own, and those before one in it. */

/** @import { BlockState, RoomState } from "./wire.js" */

const BLOCK_PLACES = 1_024;

/**
 * How many wait before this place of the block's lane.
 * @param {RoomState} room
 * @param {BlockState} block
 * @param {number} place
 */
export function aheadOf(room, block, place) {
  const bytes = bytesOf(block.waiting);
  const within = place % BLOCK_PLACES;
  let ahead = bitsSet(bytes.subarray(0, within >> 3));
  ahead += bitsSet(Uint8Array.of((bytes[within >> 3] ?? 0) & ((1 << (within & 7)) - 1)));
  const counts = laneOf(room, block)?.counts ?? [];
  return counts.slice(0, block.index).reduce((sum, count) => sum + count, ahead);
}

/**
 * Whether the two have been heard up to the same change, as far as can be told: they agree on how many wait in the
 * block.
 * @param {RoomState} room
 * @param {BlockState} block
 */
export function agree(room, block) {
  return laneOf(room, block)?.counts[block.index] === bitsSet(bytesOf(block.waiting));
}

/**
 * @param {RoomState} room
 * @param {BlockState} block
 */
function laneOf(room, block) {
  return room.lanes.find(({ lane }) => lane === block.lane);
}

/** @param {string} text */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array} bytes */
function bitsSet(bytes) {
  let count = 0;
  for (let byte of bytes) for (; byte; byte &= byte - 1) count++;
  return count;
}
