/**
 * A path of parts, each escaped.
 * @param {TemplateStringsArray} written
 * @param {string[]} parts
 */
export function path(written: TemplateStringsArray, ...parts: string[]): string;
/** A key that nobody else has; also where pages are not served over TLS. */
export function newKey(): string;
/**
 * Spread, so that many who were sent away do not come back together.
 * @param {number} tries
 * @param {number | null} retryAfterMs
 */
export function pauseMs(tries: number, retryAfterMs: number | null): number;
/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void>;
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
    /** @param {Caller} caller */
    constructor(caller: Caller);
    org: string;
    token: string;
    session: string;
    cookies: boolean;
    /** The last position that we were told of. */
    position: string;
    /** Of the gateway that is asked now. */
    get url(): string;
    /** That one cannot be reached: ask the next. */
    goOn(): void;
    /**
     * @param {string} method
     * @param {string} path below the organisation's, its parts escaped (`path`)
     * @param {{ query?: Record<string, any>, body?: unknown, headers?: Record<string, string> }} said
     * @param {Options} options
     * @returns {Promise<any>}
     */
    ask(method: string, path: string, { query, body, headers }?: {
        query?: Record<string, any>;
        body?: unknown;
        headers?: Record<string, string>;
    }, options?: Options): Promise<any>;
    /**
     * Remember where things stand, if that is later than what we knew.
     * @param {string | null} position
     */
    saw(position: string | null): void;
    #private;
}
/**
 * of one call
 */
export type Options = {
    /**
     * the Idempotency-Key of a write; made up where there is none
     */
    key?: string | undefined;
    signal?: AbortSignal | undefined;
    /**
     * how long the gateway may take
     */
    withinMs?: number | undefined;
    /**
     * how long it is asked again
     */
    patienceMs?: number | undefined;
    /**
     * of the waiting room that guards what is asked for
     */
    pass?: string | undefined;
};
/**
 * who asks, and where
 */
export type Caller = {
    /**
     * of the gateway; of several, another one is gone to when one cannot be reached
     */
    url: string | string[];
    org: string;
    /**
     * an API key, a session's token, or one of an issuer that the organisation trusts
     */
    token?: string | undefined;
    /**
     * the session of the visitor for whom a server asks, beside its own token
     */
    session?: string | undefined;
    /**
     * the browser's cookies say who asks; so it is on pages of the gateway's own, without a token
     */
    cookies?: boolean | undefined;
    fetch?: typeof fetch | undefined;
    withinMs?: number | undefined;
    patienceMs?: number | undefined;
};
