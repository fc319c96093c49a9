/**
 * One request over HTTP, as often as it takes: with a key that makes it safe to ask again, the time that there is for
 * it, and the position of what was seen last, so that nothing older is read.
 *
 * Asked again is only what may be: when the gateway says that it is busy or asks to wait, when its answer does not
 * come, and when it cannot be reached. All of it within `patienceMs`; what a problem asks to wait for longer than
 * that is told.
 */

import { parsePosition } from "./deltas.js";
import { connectionLost, Problem, problemOf } from "./problem.js";

const WITHIN_MS = 5_000;
const PATIENCE_MS = 20_000;
const ON_THE_WAY_MS = 2_000;
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 3_000;

/**
 * @typedef {object} Options of one call
 * @property {string} [key] the Idempotency-Key of a write; made up where there is none
 * @property {AbortSignal} [signal]
 * @property {number} [withinMs] how long the gateway may take
 * @property {number} [patienceMs] how long it is asked again
 * @property {string} [pass] of the waiting room that guards what is asked for
 *
 * @typedef {object} Caller who asks, and where
 * @property {string | string[]} url of the gateway; of several, another one is gone to when one cannot be reached
 * @property {string} org
 * @property {string} [token] an API key, a session's token, or one of an issuer that the organisation trusts
 * @property {string} [session] the session of the visitor for whom a server asks, beside its own token
 * @property {boolean} [cookies] the browser's cookies say who asks; so it is on pages of the gateway's own, without a token
 * @property {typeof globalThis.fetch} [fetch]
 * @property {number} [withinMs]
 * @property {number} [patienceMs]
 */

export class Calling {
  #urls;
  #at = 0;
  #fetch;
  #withinMs;
  #patienceMs;

  /** @param {Caller} caller */
  constructor(caller) {
    this.#urls = [caller.url].flat().map((url) => url.replace(/\/+$/, ""));
    this.org = caller.org;
    this.token = caller.token ?? "";
    this.session = caller.session ?? "";
    this.cookies = caller.cookies ?? (!this.token && this.url === globalThis.location?.origin);
    /** The last position that we were told of. */
    this.position = "";
    this.#fetch = caller.fetch ?? ((...given) => globalThis.fetch(...given));
    this.#withinMs = caller.withinMs ?? WITHIN_MS;
    this.#patienceMs = caller.patienceMs ?? PATIENCE_MS;
  }

  /** Of the gateway that is asked now. */
  get url() {
    return /** @type {string} */ (this.#urls[this.#at % this.#urls.length]);
  }

  /** That one cannot be reached: ask the next. */
  goOn() {
    this.#at += 1;
  }

  /**
   * @param {string} method
   * @param {string} path below the organisation's, its parts escaped (`path`)
   * @param {{ query?: Record<string, any>, body?: unknown, headers?: Record<string, string> }} said
   * @param {Options} options
   * @returns {Promise<any>}
   */
  async ask(method, path, { query, body, headers } = {}, options = {}) {
    const below = `/v1/${this.org}${path}${queryOf(query)}`;
    const key = method === "GET" ? "" : (options.key ?? newKey());
    const until = Date.now() + (options.patienceMs ?? this.#patienceMs);
    for (let tries = 0; ; tries++) {
      const seen = this.position;
      try {
        return await this.#once(
          method,
          this.url + below,
          body,
          { ...headers, ...this.#headers(key, seen, options) },
          options,
        );
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.code === "connection_lost") this.goOn();
        if (problem.code === "position_unknown" && seen) {
          this.position = ""; // it was one of a log that is no more
          continue;
        }
        const pause = pauseMs(tries, problem.retryAfterMs);
        if (!problem.mayRepeat || Date.now() + pause > until) throw problem;
        await sleep(pause, options.signal);
      }
    }
  }

  /**
   * Remember where things stand, if that is later than what we knew.
   * @param {string | null} position
   */
  saw(position) {
    if (!position) return;
    const [epoch, sequence] = parsePosition(position);
    const [known, at] = parsePosition(this.position);
    if (epoch !== known || sequence > at) this.position = position;
  }

  /**
   * @param {string} key
   * @param {string} seen
   * @param {Options} options
   */
  #headers(key, seen, { withinMs, pass }) {
    /** @type {Record<string, string>} */
    const headers = { "Tidegate-Timeout-Ms": String(withinMs ?? this.#withinMs) };
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    if (this.session) headers["Tidegate-Session"] = this.session;
    if (key) headers["Idempotency-Key"] = key;
    if (seen) headers["Tidegate-Position"] = seen;
    if (pass) headers["Tidegate-Pass"] = pass;
    return headers;
  }

  /**
   * @param {string} method
   * @param {string} address
   * @param {unknown} body
   * @param {Record<string, string>} headers
   * @param {Options} options
   */
  async #once(method, address, body, headers, { signal, withinMs = this.#withinMs }) {
    const patience = AbortSignal.timeout(withinMs + ON_THE_WAY_MS);
    /** @type {RequestInit} */
    const init = {
      method,
      headers,
      credentials: this.cookies ? "include" : "omit",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let response, text;
    try {
      response = await this.#fetch(address, init);
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw connectionLost(error);
    }
    this.saw(response.headers.get("tidegate-position"));
    if (!response.ok) throw problemOf(response.status, (name) => response.headers.get(name), text);
    return text ? JSON.parse(text) : null;
  }
}

/**
 * A path of parts, each escaped.
 * @param {TemplateStringsArray} written
 * @param {string[]} parts
 */
export function path(written, ...parts) {
  return String.raw({ raw: written }, ...parts.map(encodeURIComponent));
}

/** A key that nobody else has; also where pages are not served over TLS. */
export function newKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Spread, so that many who were sent away do not come back together.
 * @param {number} tries
 * @param {number | null} retryAfterMs
 */
export function pauseMs(tries, retryAfterMs) {
  const least = retryAfterMs ?? 0;
  return least + Math.random() * Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** tries);
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((wake, abort) => {
    const stop = () => {
      clearTimeout(timer);
      abort(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      wake();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** @param {Record<string, any>} [query] */
function queryOf(query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") found.append(name, String(one));
    }
  }
  return found.size ? `?${found}` : "";
}
