/**
 * What a message or a body says of itself, if it is a problem.
 * @param {any} told
 * @returns {Problem | null}
 */
export function problemTold(told: any): Problem | null;
/**
 * The problem that an HTTP answer is; one that something between us and the gateway made up is told by its status.
 * @param {number} status
 * @param {(name: string) => string | null | undefined} header
 * @param {string} body
 */
export function problemOf(status: number, header: (name: string) => string | null | undefined, body: string): Problem;
/** @param {unknown} [cause] */
export function connectionLost(cause?: unknown): Problem;
export class Problem extends Error {
    /**
     * @param {string} code
     * @param {string} detail
     * @param {{ fault?: Fault, status?: number, retryAfterMs?: number | null, cause?: unknown }} [about]
     */
    constructor(code: string, detail: string, { fault, status, retryAfterMs, cause }?: {
        fault?: Fault;
        status?: number;
        retryAfterMs?: number | null;
        cause?: unknown;
    });
    code: string;
    detail: string;
    /** @type {Fault} */
    fault: Fault;
    /** Of the HTTP answer; 0 when there was none. */
    status: number;
    retryAfterMs: number | null;
    get mayRepeat(): boolean;
}
import type { Fault } from "./wire.js";
