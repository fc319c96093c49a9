/**
 * Problems: why something was not done, as the gateway says it (RFC 9457), and what a client finds out by itself.
 *
 * `code` is stable and for programs, `detail` a sentence for people, `fault` whose turn it is: `caller`, `late`
 * (somebody was quicker), `busy`, `ours`. What is `mayRepeat` may be asked again by itself, after `retryAfterMs`
 * where that is known.
 */

/** @import { Fault } from "./wire.js" */

const BUSY = new Set([502, 503, 504]);

export class Problem extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{ fault?: Fault, status?: number, retryAfterMs?: number | null, cause?: unknown }} [about]
   */
  constructor(code, detail, { fault = "caller", status = 0, retryAfterMs = null, cause } = {}) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = "Problem";
    this.code = code;
    this.detail = detail;
    /** @type {Fault} */
    this.fault = fault;
    /** Of the HTTP answer; 0 when there was none. */
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  get mayRepeat() {
    return this.fault === "busy" || this.retryAfterMs !== null;
  }
}

/**
 * What a message or a body says of itself, if it is a problem.
 * @param {any} told
 * @returns {Problem | null}
 */
export function problemTold(told) {
  if (told === null || typeof told !== "object" || typeof told.code !== "string") return null;
  return new Problem(told.code, String(told.detail ?? told.title ?? told.code), {
    fault: told.fault ?? "caller",
    status: told.status ?? 0,
    retryAfterMs: told.retry_after_ms ?? null,
  });
}

/**
 * The problem that an HTTP answer is; one that something between us and the gateway made up is told by its status.
 * @param {number} status
 * @param {(name: string) => string | null | undefined} header
 * @param {string} body
 */
export function problemOf(status, header, body) {
  let told = null;
  try {
    told = problemTold(JSON.parse(body));
  } catch {
    told = null; // a proxy speaks for itself
  }
  if (told) return told;
  const after = header("retry-after") ?? "";
  const retryAfterMs = /^\d{1,6}$/.test(after) ? Number(after) * 1_000 : null;
  const fault = BUSY.has(status) ? "busy" : status >= 500 ? "ours" : "caller";
  return new Problem(`http_${status}`, `the answer was HTTP ${status}`, { fault, status, retryAfterMs });
}

/** @param {unknown} [cause] */
export function connectionLost(cause) {
  return new Problem("connection_lost", "the gateway could not be reached, or was lost before it answered", {
    fault: "busy",
    cause,
  });
}
