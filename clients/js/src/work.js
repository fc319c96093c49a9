/**
 * Proof of work, where a room asks for it: `<minute>:<nonce>`, such that SHA-256 of `<room>:<visitor>:<work>` begins
 * with so many zero bits. SHA-256 is written out here, since the platform's own answers each of a million hashes
 * later, and only on pages that were served over TLS.
 */

import { sleep } from "./calling.js";

const MINUTE_MS = 60_000;
const TURN_MS = 12;

const PRIMES = primes(64);
const H0 = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const K = PRIMES.map((prime) => fraction(Math.cbrt(prime)));

/**
 * Do the work: about 2ᵇⁱᵗˢ hashes. A page goes on meanwhile.
 * @param {string} room
 * @param {string} visitor
 * @param {number} bits
 * @param {{ at?: number, signal?: AbortSignal }} [options]
 * @returns {Promise<string>}
 */
export async function doWork(room, visitor, bits, { at = Date.now(), signal } = {}) {
  const minute = Math.floor(at / MINUTE_MS);
  let rest = performance.now() + TURN_MS;
  for (let nonce = 0; ; nonce++) {
    const work = `${minute}:${nonce.toString(16)}`;
    if (zeroBits(sha256(`${room}:${visitor}:${work}`)) >= bits) return work;
    if (nonce % 64 === 0 && performance.now() > rest) {
      await sleep(0, signal);
      rest = performance.now() + TURN_MS;
    }
  }
}

/**
 * For whom it is done: for the visitor, or for who they say they are, where the room gives one place to each.
 * @param {{ one_per_identity: boolean }} room
 * @param {string} visitor
 * @param {string} identity
 */
export function whoseWork(room, visitor, identity) {
  if (!room.one_per_identity || !identity) return visitor;
  return Array.from(sha256(identity).subarray(0, 4), (word) => word.toString(16).padStart(8, "0")).join("");
}

/** @param {Uint32Array} digest */
function zeroBits(digest) {
  let bits = 0;
  for (const word of digest) {
    bits += Math.clz32(word);
    if (word !== 0) break;
  }
  return bits;
}

/**
 * @param {string} text
 * @returns {Uint32Array} eight words
 */
export function sha256(text) {
  const said = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer(((said.length + 8) >> 6) * 64 + 64));
  said.forEach((byte, at) => padded.setUint8(at, byte));
  padded.setUint8(said.length, 0x80);
  padded.setUint32(padded.byteLength - 4, said.length * 8);
  const digest = Uint32Array.from(H0);
  const words = new Uint32Array(64);
  for (let begin = 0; begin < padded.byteLength; begin += 64) {
    for (let at = 0; at < 16; at++) words[at] = padded.getUint32(begin + 4 * at);
    mix(digest, words);
  }
  return digest;
}

/**
 * @param {Uint32Array} digest
 * @param {Uint32Array} words
 */
function mix(digest, words) {
  for (let at = 16; at < 64; at++) {
    const [far, near] = [/** @type {number} */ (words[at - 15]), /** @type {number} */ (words[at - 2])];
    const low = turned(far, 7) ^ turned(far, 18) ^ (far >>> 3);
    const high = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10);
    words[at] = /** @type {number} */ (words[at - 16]) + low + /** @type {number} */ (words[at - 7]) + high;
  }
  let [a, b, c, d, e, f, g, h] = /** @type {any} */ (digest);
  for (let at = 0; at < 64; at++) {
    const high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + high + ((e & f) ^ (~e & g)) + K[at] + words[at]) | 0;
    const low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => (digest[at] = /** @type {number} */ (digest[at]) + word));
}

/**
 * @param {number} word
 * @param {number} bits
 */
function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

/** @param {number} root */
function fraction(root) {
  return Math.floor((root % 1) * 2 ** 32) >>> 0;
}

/** @param {number} count */
function primes(count) {
  /** @type {number[]} */
  const found = [];
  for (let number = 2; found.length < count; number++) if (found.every((prime) => number % prime)) found.push(number);
  return found;
}
