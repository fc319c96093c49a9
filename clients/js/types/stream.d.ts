/**
 * @typedef {"idle" | "connecting" | "open" | "waiting" | "failed" | "closed"} Connection
 *
 * @typedef {object} Socket what is needed of a WebSocket: a browser's, Node's own, or that of the package `ws`
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onerror
 * @property {((event: any) => void) | null} onclose
 * @property {(text: string) => void} send
 * @property {() => void} close
 * @typedef {new (url: string, protocols: string[]) => Socket} SocketClass
 *
 * @typedef {object} Way how a stream gets to its gateway
 * @property {() => string} url
 * @property {() => string} token empty where cookies say who asks, or nobody does
 * @property {() => Promise<unknown>} ask anything over HTTP, as the same caller
 * @property {(position: string | null) => void} saw
 * @property {() => void} goOn that gateway cannot be reached, or has gone: the next is another, where there are several
 * @property {(url: string, protocols: string[]) => Socket} open
 *
 * @typedef {object} CallOptions
 * @property {Record<string, string>} [args] what stands in the path over HTTP: the hold, the booking, the room, the ticket
 * @property {unknown} [body]
 * @property {string} [key] made up where there is none
 * @property {string} [pass]
 * @property {number} [withinMs]
 * @property {number} [patienceMs]
 */
export class Stream {
    /** @param {Way} way */
    constructor(way: Way);
    /** Where the connection is. @type {Connection} */
    connection: Connection;
    /** When it is tried again, while it is `waiting`; in milliseconds since 1970. */
    triesAt: number;
    /** Why nothing comes of it any more: it has failed for good, or was closed. @type {Problem | null} */
    problem: Problem | null;
    /**
     * The topic of that name; it is followed while somebody is subscribed to it.
     * @param {string} name
     * @param {string} [token] of a booking, for its booker
     * @returns {Topic<any>}
     */
    topic(name: string, token?: string): Topic<any>;
    /**
     * Have a command done, and learn where in the log that was. With the same key it is done once, however often it is
     * said.
     * @param {string} command hold, keep_hold, release_hold, book, confirm, cancel, reschedule, join, heartbeat, claim, …
     * @param {CallOptions} [options]
     * @returns {Promise<{ answer: any, position: string | null }>}
     */
    call(command: string, { args, body, key, pass, withinMs, patienceMs }?: CallOptions): Promise<{
        answer: any;
        position: string | null;
    }>;
    /**
     * Come back when everything through that position has been told here; or all that has happened so far, without one.
     * @param {string} [position]
     */
    sync(position?: string): Promise<string>;
    /** By whom the gateway takes us: the name of the session, or nothing. */
    get session(): string;
    /**
     * Be told whenever the connection is another.
     * @param {() => void} listener
     * @returns {() => void}
     */
    subscribe(listener: () => void): () => void;
    /** Connect, if there is no connection and none is under way. What is followed or asked for does so by itself. */
    connect(): void;
    /** Connect anew: who asks is somebody else now. */
    renew(): void;
    /** Nothing is followed any more, and nothing is waited for: whoever does is told so. */
    close(): void;
    #private;
}
export type Connection = "idle" | "connecting" | "open" | "waiting" | "failed" | "closed";
/**
 * what is needed of a WebSocket: a browser's, Node's own, or that of the package `ws`
 */
export type Socket = {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    send: (text: string) => void;
    close: () => void;
};
export type SocketClass = new (url: string, protocols: string[]) => Socket;
/**
 * how a stream gets to its gateway
 */
export type Way = {
    url: () => string;
    /**
     * empty where cookies say who asks, or nobody does
     */
    token: () => string;
    /**
     * anything over HTTP, as the same caller
     */
    ask: () => Promise<unknown>;
    saw: (position: string | null) => void;
    /**
     * that gateway cannot be reached, or has gone: the next is another, where there are several
     */
    goOn: () => void;
    open: (url: string, protocols: string[]) => Socket;
};
export type CallOptions = {
    /**
     * what stands in the path over HTTP: the hold, the booking, the room, the ticket
     */
    args?: Record<string, string> | undefined;
    body?: unknown;
    /**
     * made up where there is none
     */
    key?: string | undefined;
    pass?: string | undefined;
    withinMs?: number | undefined;
    patienceMs?: number | undefined;
};
import { Problem } from "./problem.js";
import { Topic } from "./topic.js";
