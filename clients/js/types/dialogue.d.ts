/**
 * @typedef {{ type: SaidKind, id: number, [more: string]: any }} Message
 * @typedef {{ type: ToldKind, [more: string]: any }} Told
 * @typedef {"snapshot" | "resumed" | "reset" | "delta" | "failed"} Why
 * @typedef {object} News what a topic's follower is told
 * @property {Why} why
 * @property {any} [delta]
 * @property {string} [reason] why a topic was reset
 * @property {Problem} [problem]
 * @typedef {object} Followed
 * @property {string} topic
 * @property {string} token of a booking
 * @property {"wanted" | "asked" | "begun" | "failed"} standing
 * @property {number} id of the last request about it
 * @property {string | null} from where it can go on
 * @property {string | null} position where `state` stands
 * @property {any} state
 * @property {Problem | null} problem why it has failed
 * @typedef {object} Asked a command or a mark that was not answered yet
 * @property {Message} message
 * @property {(answer: any) => void} answered
 * @property {(problem: Problem) => void} refused
 * @property {() => boolean} mayRepeat
 */
export class Dialogue {
    /**
     * @param {object} by
     * @param {(message: Message) => void} by.say
     * @param {(topic: string, news: News) => void} by.tell
     * @param {(ms: number, then: () => void) => void} by.later
     */
    constructor({ say, tell, later }: {
        say: (message: Message) => void;
        tell: (topic: string, news: News) => void;
        later: (ms: number, then: () => void) => void;
    });
    /** By whom the gateway takes us, once it has said so. */
    session: string;
    /** Whether the gateway has been heard over this connection. */
    get ready(): boolean;
    /**
     * @param {string} topic
     * @param {string} [token]
     */
    follow(topic: string, token?: string): void;
    /** @param {string} topic */
    leave(topic: string): void;
    /**
     * What is shown of a topic; null while that is nothing.
     * @param {string} topic
     * @returns {{ position: string, state: any, current: boolean } | null}
     */
    shows(topic: string): {
        position: string;
        state: any;
        current: boolean;
    } | null;
    /**
     * Why a topic has failed, if it has.
     * @param {string} topic
     */
    problem(topic: string): Problem | null;
    /**
     * Have a command done. It is said again when the connection was lost before its answer came: its `key` makes that
     * safe.
     * @param {Record<string, any>} said
     * @param {() => boolean} mayRepeat whether there is time left to ask again
     * @returns {Promise<{ answer: any, position: string | null }>}
     */
    call(said: Record<string, any>, mayRepeat: () => boolean): Promise<{
        answer: any;
        position: string | null;
    }>;
    /**
     * Come back when everything through that position was told; or all that the gateway knows of now, without one.
     * @param {string} [position]
     * @returns {Promise<string>}
     */
    sync(position?: string): Promise<string>;
    /**
     * Nothing more will come of what was asked for: of all of it, or of what there is no time left for.
     * @param {Problem} problem
     * @param {boolean} [all]
     */
    giveUp(problem: Problem, all?: boolean): void;
    opened(): void;
    lost(): void;
    /** Who asks is somebody else now: what was refused may be theirs. */
    renewed(): void;
    /**
     * How long to stay away now that the connection is lost, as a range to draw from. Whoever cannot connect comes back
     * later each time; a server that asks for it is left alone for so long.
     * @returns {[least: number, most: number]}
     */
    comesBack(): [least: number, most: number];
    /** @param {Told} said */
    hear(said: Told): void;
    #private;
}
export type Message = {
    type: SaidKind;
    id: number;
    [more: string]: any;
};
export type Told = {
    type: ToldKind;
    [more: string]: any;
};
export type Why = "snapshot" | "resumed" | "reset" | "delta" | "failed";
/**
 * what a topic's follower is told
 */
export type News = {
    why: Why;
    delta?: any;
    /**
     * why a topic was reset
     */
    reason?: string | undefined;
    problem?: Problem | undefined;
};
export type Followed = {
    topic: string;
    /**
     * of a booking
     */
    token: string;
    standing: "wanted" | "asked" | "begun" | "failed";
    /**
     * of the last request about it
     */
    id: number;
    /**
     * where it can go on
     */
    from: string | null;
    /**
     * where `state` stands
     */
    position: string | null;
    state: any;
    /**
     * why it has failed
     */
    problem: Problem | null;
};
/**
 * a command or a mark that was not answered yet
 */
export type Asked = {
    message: Message;
    answered: (answer: any) => void;
    refused: (problem: Problem) => void;
    mayRepeat: () => boolean;
};
import { Problem } from "./problem.js";
import type { SaidKind } from "./wire.js";
import type { ToldKind } from "./wire.js";
