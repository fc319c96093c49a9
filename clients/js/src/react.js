/**
 * React hooks over the client: what is shown follows what happens, and nothing else renders.
 *
 * Each takes the client from `TidegateProvider`. On a server, where nothing is followed, all of them show nothing yet.
 */

import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

/** @import { ReactNode } from "react" */
/** @import { Tidegate } from "./client.js" */
/** @import { CallOptions, Connection } from "./stream.js" */
/** @import { Problem } from "./problem.js" */

/**
 * @template Value
 * @typedef {object} Shown
 * @property {Value | null} value null until it is known
 * @property {boolean} current whether it is told what changes, and not merely as it was last known
 * @property {Problem | null} problem why it cannot be shown, where it cannot
 */

const Context = createContext(/** @type {Tidegate | null} */ (null));
const nothing = () => null;

/** @param {{ client: Tidegate, children?: ReactNode }} props */
export function TidegateProvider({ client, children }) {
  return createElement(Context.Provider, { value: client }, children);
}

/** @returns {Tidegate} */
export function useTidegate() {
  const client = useContext(Context);
  if (!client) throw new Error("there is no TidegateProvider above");
  return client;
}

/**
 * Follow anything that can be subscribed to.
 * @template Value
 * @param {{ subscribe: (listener: () => void) => () => void, current: boolean, problem: Problem | null }} source
 * @param {() => Value | null} read
 * @returns {Shown<Value>}
 */
function useShown(source, read) {
  const subscribe = useCallback((/** @type {() => void} */ listener) => source.subscribe(listener), [source]);
  const value = useSyncExternalStore(subscribe, read, nothing);
  const current = useSyncExternalStore(
    subscribe,
    () => source.current,
    () => false,
  );
  const problem = useSyncExternalStore(subscribe, () => source.problem, nothing);
  return useMemo(() => ({ value, current, problem }), [value, current, problem]);
}

/**
 * A topic by its name: its state, as it is told.
 * @param {string} name
 * @param {string} [token] of a booking, for its booker
 * @returns {Shown<any>}
 */
export function useTopic(name, token = "") {
  const client = useTidegate();
  const topic = useMemo(() => client.stream.topic(name, token), [client, name, token]);
  return useShown(topic, () => topic.state);
}

/**
 * A local date of a resource, quarter by quarter.
 * @param {{ resource: string, date: string, tz: string, units?: number }} of
 * @returns {Shown<import("./views.js").Day>}
 */
export function useDay({ resource, date, tz, units = 1 }) {
  const client = useTidegate();
  const view = useMemo(() => client.day({ resource, date, tz, units }), [client, resource, date, tz, units]);
  return useShown(view, () => view.value);
}

/**
 * A month of a resource.
 * @param {{ resource: string, month: string }} of
 * @returns {Shown<import("./views.js").Month>}
 */
export function useMonth({ resource, month }) {
  const client = useTidegate();
  const view = useMemo(() => client.month({ resource, month }), [client, resource, month]);
  return useShown(view, () => view.value);
}

/**
 * A waiting room as everybody sees it.
 * @param {string} room
 * @returns {Shown<import("./views.js").RoomShown>}
 */
export function useRoom(room) {
  const client = useTidegate();
  const view = useMemo(() => client.roomView(room), [client, room]);
  return useShown(view, () => view.value);
}

/**
 * A ticket, and how many are ahead of it. Whoever shows their own is there.
 * @param {string} ticket
 * @returns {Shown<import("./views.js").TicketShown>}
 */
export function useTicket(ticket) {
  const client = useTidegate();
  const view = useMemo(() => client.ticketView(ticket), [client, ticket]);
  return useShown(view, () => view.value);
}

/** How the connection is. @returns {Connection} */
export function useConnection() {
  const { stream } = useTidegate();
  const subscribe = useCallback((/** @type {() => void} */ listener) => stream.subscribe(listener), [stream]);
  return useSyncExternalStore(
    subscribe,
    () => stream.connection,
    () => "idle",
  );
}

/**
 * A command over the stream: `run` has it done, and what came of it is shown. With a `guess` about a topic, that is
 * shown until the answer has arrived there.
 * @param {string} command
 * @returns {{
 *   run: (options?: CallOptions & { guess?: { topic: string, apply: (state: any) => any } }) => Promise<any>,
 *   busy: boolean, answer: any, problem: Problem | null,
 * }}
 */
export function useCall(command) {
  const { stream } = useTidegate();
  const [shown, show] = useState({ busy: false, answer: null, problem: /** @type {Problem | null} */ (null) });
  const last = useRef(0);
  const run = useCallback(
    async (/** @type {any} */ { guess, ...options } = {}) => {
      const mine = ++last.current;
      const tell = (/** @type {typeof shown} */ next) => mine === last.current && show(next);
      tell({ busy: true, answer: null, problem: null });
      try {
        const ask = () => stream.call(command, options);
        const { answer } = await (guess ? stream.topic(guess.topic).guess(guess.apply, ask) : ask());
        tell({ busy: false, answer, problem: null });
        return answer;
      } catch (problem) {
        tell({ busy: false, answer: null, problem: /** @type {Problem} */ (problem) });
        throw problem;
      }
    },
    [stream, command],
  );
  return { run, ...shown };
}
