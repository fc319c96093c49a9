/**
 * Do the work: about 2ᵇⁱᵗˢ hashes. A page goes on meanwhile.
 * @param {string} room
 * @param {string} visitor
 * @param {number} bits
 * @param {{ at?: number, signal?: AbortSignal }} [options]
 * @returns {Promise<string>}
 */
export function doWork(room: string, visitor: string, bits: number, { at, signal }?: {
    at?: number;
    signal?: AbortSignal;
}): Promise<string>;
/**
 * For whom it is done: for the visitor, or for who they say they are, where the room gives one place to each.
 * @param {{ one_per_identity: boolean }} room
 * @param {string} visitor
 * @param {string} identity
 */
export function whoseWork(room: {
    one_per_identity: boolean;
}, visitor: string, identity: string): string;
/**
 * @param {string} text
 * @returns {Uint32Array} eight words
 */
export function sha256(text: string): Uint32Array;
