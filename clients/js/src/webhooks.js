/** Whether a delivery is Tidegate's: signed as in Standard Webhooks, by a secret that only you and it know. */

import { Problem } from "./problem.js";

const PREFIX = "whsec_";
const TOLERANCE_S = 300;

/**
 * The delivery's body, read; throws a `Problem` (`bad_headers`, `too_old`, `too_new`, `bad_signature`) for any other.
 * @param {string} secret `whsec_…`, as it was shown when the webhook was put
 * @param {Headers | Record<string, string | string[] | undefined>} headers
 * @param {string | Uint8Array} body as it came, byte for byte
 * @param {number} [nowS]
 * @returns {Promise<any>}
 */
export async function verifyWebhook(secret, headers, body, nowS = Math.floor(Date.now() / 1_000)) {
  const [id, timestamp, said] = ["id", "timestamp", "signature"].map((name) => headerOf(headers, `webhook-${name}`));
  if (!id || !said || !/^\d{1,12}$/.test(timestamp ?? ""))
    throw new Problem("bad_headers", "this is no signed delivery");
  const at = Number(timestamp);
  if (nowS - at > TOLERANCE_S) throw new Problem("too_old", "the delivery was signed too long ago");
  if (at - nowS > TOLERANCE_S) throw new Problem("too_new", "the delivery was signed in the future");
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const { subtle } = globalThis.crypto;
  const raw = bytesOf(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (!raw) throw new Problem("bad_secret", "a secret is whsec_ and base64");
  const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const one of said.split(" ")) {
    const signature = one.startsWith("v1,") ? bytesOf(one.slice(3)) : null;
    if (signature && (await subtle.verify("HMAC", key, signature, signed))) return JSON.parse(text);
  }
  throw new Problem("bad_signature", "none of its signatures is by this secret");
}

/**
 * @param {any} headers
 * @param {string} name
 * @returns {string | undefined}
 */
function headerOf(headers, name) {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(found) ? found[0] : found;
}

/** @param {string} text */
function bytesOf(text) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function joined(one, other) {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
