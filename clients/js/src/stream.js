/**
 * A stream: one socket that is kept open, over which topics are followed and commands are asked for.
 *
 * It connects when there is something to follow or to ask, and again whenever it was lost: later each time, spread,
 * and as late as the gateway asks for; at once when the machine says that it is online again. Every topic goes on
 * from where it stood. What is silent for long is asked whether it is still there, since a browser does not notice a
 * dead line by itself.
 *
 * A handshake that is refused tells a browser nothing. After the second one in a row the same is asked over HTTP,
 * where a problem has words: who may not follow anything is told so, and does not try for ever.
 */

import { newKey } from "./calling.js";
import { Dialogue } from "./dialogue.js";
import { connectionLost, Problem } from "./problem.js";
import { Topic } from "./topic.js";

/** @import { News } from "./dialogue.js" */

const PROTOCOL = "tidegate.v1";
const LOOK_EVERY_MS = 5_000;
const SILENT_MS = 25_000;
const SILENT_MS_MAX = 35_000;
const CONNECT_WITHIN_MS = 10_000;
const MESSAGES_PER_S = 40;
const MESSAGES_BURST = 150;
const PATIENCE_MS = 20_000;
const REFUSALS_MAX = 2;

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
  /** Those that are followed. @type {Map<string, Topic<any>>} */
  #topics = new Map();
  /**
   * Those that somebody has in hand: a name has one topic, so that all who show it show the same.
   * @type {Map<string, WeakRef<Topic<any>>>}
   */
  #known = new Map();
  #dropped = new FinalizationRegistry((/** @type {string} */ name) => {
    if (!this.#known.get(name)?.deref()) this.#known.delete(name);
  });
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Socket | null} */
  #socket = null;
  #way;
  #dialogue;
  #heardAt = 0;
  #probing = false;
  #refusals = 0;
  #renewals = 0;
  #allowance = MESSAGES_BURST;
  #allowedAt = Date.now();
  /** @type {string[]} */
  #unsent = [];
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reconnecting;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  /** Where the connection is. @type {Connection} */
  connection = "idle";
  /** When it is tried again, while it is `waiting`; in milliseconds since 1970. */
  triesAt = 0;
  /** Why nothing comes of it any more: it has failed for good, or was closed. @type {Problem | null} */
  problem = null;

  /** @param {Way} way */
  constructor(way) {
    this.#way = way;
    this.#dialogue = new Dialogue({
      say: (message) => this.#say(JSON.stringify(message)),
      tell: (topic, news) => this.#topics.get(topic)?.tell(news),
      later: (ms, then) => this.#after(ms, then),
    });
  }

  // Following

  /**
   * The topic of that name; it is followed while somebody is subscribed to it.
   * @param {string} name
   * @param {string} [token] of a booking, for its booker
   * @returns {Topic<any>}
   */
  topic(name, token = "") {
    const known = this.#known.get(name)?.deref();
    if (known) {
      known.token ||= token;
      return known;
    }
    const topic = new Topic(this.#wire, name, token);
    this.#known.set(name, new WeakRef(topic));
    this.#dropped.register(topic, name);
    return topic;
  }

  /** @type {import("./topic.js").Wire} */
  #wire = {
    follow: (topic) => {
      this.#topics.set(topic.name, topic);
      this.#dialogue.follow(topic.name, topic.token);
      this.connect();
    },
    leave: (topic) => {
      this.#topics.delete(topic.name);
      this.#dialogue.leave(topic.name);
    },
    shows: (name) => this.#dialogue.shows(name),
    problem: (name) => this.problem ?? this.#dialogue.problem(name),
    isClosed: () => this.connection === "closed",
    sync: (position) => this.sync(position),
  };

  // Asking

  /**
   * Have a command done, and learn where in the log that was. With the same key it is done once, however often it is
   * said.
   * @param {string} command hold, keep_hold, release_hold, book, confirm, cancel, reschedule, join, heartbeat, claim, …
   * @param {CallOptions} [options]
   * @returns {Promise<{ answer: any, position: string | null }>}
   */
  async call(command, { args = {}, body, key = newKey(), pass, withinMs, patienceMs = PATIENCE_MS } = {}) {
    if (this.problem) throw this.problem;
    const until = Date.now() + patienceMs;
    /** @type {Record<string, any>} */
    const said = { command, args, key };
    if (body !== undefined) said.body = body;
    if (pass) said.pass = pass;
    if (withinMs) said.timeout_ms = withinMs;
    const told = this.#dialogue.call(said, () => Date.now() < until);
    this.connect();
    this.#after(patienceMs, () => this.#dialogue.giveUp(tooLate(), false));
    const done = await told;
    this.#way.saw(done.position);
    return done;
  }

  /**
   * Come back when everything through that position has been told here; or all that has happened so far, without one.
   * @param {string} [position]
   */
  sync(position) {
    if (this.problem) return Promise.reject(this.problem);
    const told = this.#dialogue.sync(position);
    this.connect();
    return told;
  }

  /** By whom the gateway takes us: the name of the session, or nothing. */
  get session() {
    return this.#dialogue.session;
  }

  // The connection

  /**
   * Be told whenever the connection is another.
   * @param {() => void} listener
   * @returns {() => void}
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Connect, if there is no connection and none is under way. What is followed or asked for does so by itself. */
  connect() {
    if (this.connection !== "idle") return;
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    /** @type {any} */ (this.#looking).unref?.();
    globalThis.addEventListener?.("online", this.#online);
    this.#open();
  }

  /** Connect anew: who asks is somebody else now. */
  renew() {
    if (this.connection === "idle" || this.connection === "closed") return;
    this.problem = null;
    this.#refusals = 0;
    this.#renewals += 1;
    this.#drop();
    this.#dialogue.renewed();
    this.#open();
  }

  /** Nothing is followed any more, and nothing is waited for: whoever does is told so. */
  close() {
    if (this.connection === "closed") return;
    const problem = new Problem("closed", "the stream was closed");
    this.#drop();
    clearInterval(this.#looking);
    globalThis.removeEventListener?.("online", this.#online);
    for (const timer of this.#timers) clearTimeout(timer);
    this.problem = problem;
    this.#become("closed");
    this.#dialogue.giveUp(problem);
  }

  #online = () => {
    if (this.connection === "waiting") this.#open();
    else this.#probe();
  };

  #open() {
    clearTimeout(this.#reconnecting);
    const token = this.#way.token();
    const protocols = token ? [PROTOCOL, `bearer.${encodeURIComponent(token)}`] : [PROTOCOL];
    const socket = this.#way.open(this.#way.url(), protocols);
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#become("connecting");
    socket.onopen = () => {
      if (this.#socket === socket) this.#opened();
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#hear(data);
    };
    socket.onerror = () => {}; // it is closed as well, which is what counts
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #opened() {
    this.#refusals = 0;
    this.#unsent = [];
    this.#allowance = MESSAGES_BURST;
    this.#dialogue.opened();
  }

  /** @param {string} data */
  #hear(data) {
    this.#heardAt = Date.now();
    this.#probing = false;
    const said = JSON.parse(data);
    this.#dialogue.hear(said);
    if (said.type === "hello") this.#become("open");
  }

  #lost() {
    const refused = this.connection === "connecting" && ++this.#refusals >= REFUSALS_MAX;
    this.#drop();
    this.#way.goOn();
    const [least, most] = this.#dialogue.comesBack();
    const ms = least + Math.random() * (most - least);
    this.triesAt = Date.now() + ms;
    this.#become("waiting");
    this.#reconnecting = setTimeout(() => this.#open(), ms);
    if (refused) void this.#learnWhy();
  }

  /** Who may not be here is told so over HTTP. Anything else may pass, and what was said to somebody else has. */
  async #learnWhy() {
    const renewals = this.#renewals;
    try {
      await this.#way.ask();
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.mayRepeat || problem.fault !== "caller") return;
      if (this.connection !== "waiting" && this.connection !== "connecting") return;
      if (renewals !== this.#renewals) return;
      this.#drop();
      clearTimeout(this.#reconnecting);
      this.problem = problem;
      this.#become("failed");
      this.#dialogue.giveUp(problem);
      for (const topic of this.#topics.values()) topic.tell({ why: "failed", problem });
    }
  }

  #drop() {
    clearTimeout(this.#reconnecting);
    const socket = this.#socket;
    this.#socket = null;
    this.#probing = false;
    this.#dialogue.lost();
    socket?.close();
  }

  /** @param {Connection} connection */
  #become(connection) {
    this.connection = connection;
    for (const listener of [...this.#listeners]) listener();
    for (const topic of [...this.#topics.values()]) topic.tell(null);
  }

  #look() {
    const silentMs = Date.now() - this.#heardAt;
    if (this.connection === "open" && silentMs > SILENT_MS) this.#probe();
    const stuck = this.connection === "connecting" && silentMs > CONNECT_WITHIN_MS;
    if (stuck || (this.connection === "open" && this.#probing && silentMs > SILENT_MS_MAX)) this.#lost();
  }

  #probe() {
    if (this.connection !== "open" || this.#probing) return;
    this.#probing = true;
    this.#dialogue.sync().catch(() => {}); // it is the answer that counts, or that there is none
  }

  // Saying

  /** @param {string} text */
  #say(text) {
    const now = Date.now();
    this.#allowance = Math.min(MESSAGES_BURST, this.#allowance + ((now - this.#allowedAt) * MESSAGES_PER_S) / 1_000);
    this.#allowedAt = now;
    if (this.#unsent.length === 0 && this.#allowance >= 1) {
      this.#allowance -= 1;
      this.#socket?.send(text);
      return;
    }
    this.#unsent.push(text);
    if (this.#unsent.length === 1) this.#after(1_000 / MESSAGES_PER_S, () => this.#sayMore());
  }

  #sayMore() {
    const [text, ...others] = this.#unsent;
    this.#unsent = [];
    if (text !== undefined) this.#say(text);
    this.#unsent.push(...others);
    if (this.#unsent.length > 0) this.#after(1_000 / MESSAGES_PER_S, () => this.#sayMore());
  }

  /**
   * @param {number} ms
   * @param {() => void} then
   */
  #after(ms, then) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
    /** @type {any} */ (timer).unref?.();
  }
}

function tooLate() {
  return new Problem(
    "unknown_outcome",
    "no answer came in time: ask again with the same key to learn what became of it",
    {
      fault: "busy",
      cause: connectionLost(),
    },
  );
}
