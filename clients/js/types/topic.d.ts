/**
 * Come back when something that tells of its changes is so; throw its problem when it never will be.
 * @param {{ subscribe: (listener: () => void) => () => void, problem: Problem | null }} what
 * @param {() => boolean} isSo
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function until(what: {
    subscribe: (listener: () => void) => () => void;
    problem: Problem | null;
}, isSo: () => boolean, signal?: AbortSignal): Promise<void>;
/**
 * @typedef {object} Wire what a topic needs of its stream
 * @property {(topic: Topic<any>) => void} follow
 * @property {(topic: Topic<any>) => void} leave
 * @property {(name: string) => { position: string, state: any, current: boolean } | null} shows
 * @property {(name: string) => Problem | null} problem why it cannot be followed, or nothing can any more
 * @property {() => boolean} isClosed
 * @property {(position: string) => Promise<unknown>} sync
 */
/**
 * @template State
 * @typedef {object} Guess
 * @property {(state: State) => State} apply
 * @property {string | null} until
 */
/** @template State */
export class Topic<State> {
    /**
     * @param {Wire} wire
     * @param {string} name
     * @param {string} token
     */
    constructor(wire: Wire, name: string, token: string);
    name: string;
    token: string;
    /** Why it cannot be followed, where it cannot. */
    get problem(): Problem | null;
    /** Where it stands; null before it has begun. */
    get position(): string | null;
    /** Whether it has begun and is told what changes; otherwise it is shown as it was last known. */
    get current(): boolean;
    /** How it is, guesses included: the same object until it changes. @returns {State | null} */
    get state(): State | null;
    /**
     * Be told whenever something of it changes; what comes back ends that. Who comes when it cannot be followed is told
     * so, a moment later.
     * @param {(news: News | null) => void} listener news are null when a guess has come or gone, or the connection
     * @returns {() => void}
     */
    subscribe(listener: (news: News | null) => void): () => void;
    /**
     * Its state, as soon as it has begun.
     * @param {AbortSignal} [signal]
     * @returns {Promise<State>}
     */
    ready(signal?: AbortSignal): Promise<State>;
    /**
     * What is told of it, one after another, until the loop is left or the stream is closed.
     * @param {AbortSignal} [signal]
     * @returns {AsyncGenerator<News, void, undefined>}
     */
    changes(signal?: AbortSignal): AsyncGenerator<News, void, undefined>;
    /**
     * Show what a command is expected to do while it is being done. `apply` may be given a state that has it already.
     * @template {{ position: string | null }} Done
     * @param {(state: State) => State} apply
     * @param {() => Promise<Done>} command
     * @returns {Promise<Done>}
     */
    guess<Done extends {
        position: string | null;
    }>(apply: (state: State) => State, command: () => Promise<Done>): Promise<Done>;
    /**
     * By its stream: something has happened.
     * @param {News | null} news
     */
    tell(news: News | null): void;
    #private;
}
/**
 * what a topic needs of its stream
 */
export type Wire = {
    follow: (topic: Topic<any>) => void;
    leave: (topic: Topic<any>) => void;
    shows: (name: string) => {
        position: string;
        state: any;
        current: boolean;
    } | null;
    /**
     * why it cannot be followed, or nothing can any more
     */
    problem: (name: string) => Problem | null;
    isClosed: () => boolean;
    sync: (position: string) => Promise<unknown>;
};
export type Guess<State> = {
    apply: (state: State) => State;
    until: string | null;
};
import { Problem } from "./problem.js";
import type { News } from "./dialogue.js";
