/** @param {{ client: Tidegate, children?: ReactNode }} props */
export function TidegateProvider({ client, children }: {
    client: Tidegate;
    children?: ReactNode;
}): import("react").FunctionComponentElement<import("react").ProviderProps<Tidegate | null>>;
/** @returns {Tidegate} */
export function useTidegate(): Tidegate;
/**
 * A topic by its name: its state, as it is told.
 * @param {string} name
 * @param {string} [token] of a booking, for its booker
 * @returns {Shown<any>}
 */
export function useTopic(name: string, token?: string): Shown<any>;
/**
 * A local date of a resource, quarter by quarter.
 * @param {{ resource: string, date: string, tz: string, units?: number }} of
 * @returns {Shown<import("./views.js").Day>}
 */
export function useDay({ resource, date, tz, units }: {
    resource: string;
    date: string;
    tz: string;
    units?: number;
}): Shown<import("./views.js").Day>;
/**
 * A month of a resource.
 * @param {{ resource: string, month: string }} of
 * @returns {Shown<import("./views.js").Month>}
 */
export function useMonth({ resource, month }: {
    resource: string;
    month: string;
}): Shown<import("./views.js").Month>;
/**
 * A waiting room as everybody sees it.
 * @param {string} room
 * @returns {Shown<import("./views.js").RoomShown>}
 */
export function useRoom(room: string): Shown<import("./views.js").RoomShown>;
/**
 * A ticket, and how many are ahead of it. Whoever shows their own is there.
 * @param {string} ticket
 * @returns {Shown<import("./views.js").TicketShown>}
 */
export function useTicket(ticket: string): Shown<import("./views.js").TicketShown>;
/** How the connection is. @returns {Connection} */
export function useConnection(): Connection;
/**
 * A command over the stream: `run` has it done, and what came of it is shown. With a `guess` about a topic, that is
 * shown until the answer has arrived there.
 * @param {string} command
 * @returns {{
 *   run: (options?: CallOptions & { guess?: { topic: string, apply: (state: any) => any } }) => Promise<any>,
 *   busy: boolean, answer: any, problem: Problem | null,
 * }}
 */
export function useCall(command: string): {
    run: (options?: CallOptions & {
        guess?: {
            topic: string;
            apply: (state: any) => any;
        };
    }) => Promise<any>;
    busy: boolean;
    answer: any;
    problem: Problem | null;
};
export type Shown<Value> = {
    /**
     * null until it is known
     */
    value: Value | null;
    /**
     * whether it is told what changes, and not merely as it was last known
     */
    current: boolean;
    /**
     * why it cannot be shown, where it cannot
     */
    problem: Problem | null;
};
import type { Tidegate } from "./client.js";
import type { ReactNode } from "react";
import type { Connection } from "./stream.js";
import type { CallOptions } from "./stream.js";
import type { Problem } from "./problem.js";
