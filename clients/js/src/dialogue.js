/**
 * What is said over a socket, without the socket: a client's side of the protocol as a machine without I/O.
 *
 * It is told what its user wants (`follow`, `leave`, `call`, `sync`), and what becomes of the connection (`opened`,
 * `hear`, `lost`); it says messages, and tells what has come of them. It keeps no time: what has to happen later is
 * handed to `later`.
 *
 * A topic is *wanted* until the gateway was asked for it, *asked* until it has begun, and then *begun*; or it has
 * *failed*, for a reason that asking again would not change. What it was before is shown until it has begun anew.
 *
 * The gateway takes 16 requests of a socket at a time, and some dozens of messages a second. So what is asked for waits
 * here until something else was answered: a page with sixty topics begins, where it would be refused otherwise.
 */

import { after, does, StartOver } from "./deltas.js";
import { Problem, problemTold } from "./problem.js";

/** @import { SaidKind, ToldKind } from "./wire.js" */

const UNDER_WAY_MAX = 12;
const RETRY_MS = 200;
const AWAY_MS = 1_000;
const AWAY_MS_MAX = 30_000;

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
  /** @type {Map<string, Followed>} */
  #topics = new Map();
  /** @type {Map<number, Asked>} */
  #asked = new Map();
  #underWay = new Set();
  /** @type {Message[]} */
  #unsaid = [];
  #lastId = 0;
  #ready = false;
  #failures = 0;
  /** @type {number | null} */
  #awayMs = null;
  #say;
  #tell;
  #later;

  /** By whom the gateway takes us, once it has said so. */
  session = "";

  /**
   * @param {object} by
   * @param {(message: Message) => void} by.say
   * @param {(topic: string, news: News) => void} by.tell
   * @param {(ms: number, then: () => void) => void} by.later
   */
  constructor({ say, tell, later }) {
    this.#say = say;
    this.#tell = tell;
    this.#later = later;
  }

  /** Whether the gateway has been heard over this connection. */
  get ready() {
    return this.#ready;
  }

  // What is wanted

  /**
   * @param {string} topic
   * @param {string} [token]
   */
  follow(topic, token = "") {
    if (this.#topics.has(topic)) return;
    /** @type {Followed} */
    const followed = {
      topic,
      token,
      standing: "wanted",
      id: 0,
      from: null,
      position: null,
      state: undefined,
      problem: null,
    };
    this.#topics.set(topic, followed);
    if (this.#ready) this.#begin(followed);
  }

  /** @param {string} topic */
  leave(topic) {
    const followed = this.#topics.get(topic);
    if (!followed) return;
    this.#topics.delete(topic);
    this.#end(followed);
  }

  /**
   * What is shown of a topic; null while that is nothing.
   * @param {string} topic
   * @returns {{ position: string, state: any, current: boolean } | null}
   */
  shows(topic) {
    const found = this.#topics.get(topic);
    if (!found || found.position === null) return null;
    return { position: found.position, state: found.state, current: this.#ready && found.standing === "begun" };
  }

  /**
   * Why a topic has failed, if it has.
   * @param {string} topic
   */
  problem(topic) {
    return this.#topics.get(topic)?.problem ?? null;
  }

  /**
   * Have a command done. It is said again when the connection was lost before its answer came: its `key` makes that
   * safe.
   * @param {Record<string, any>} said
   * @param {() => boolean} mayRepeat whether there is time left to ask again
   * @returns {Promise<{ answer: any, position: string | null }>}
   */
  call(said, mayRepeat) {
    return new Promise((answered, refused) => {
      /** @type {Message} */
      const message = { type: "call", id: this.#nextId(), ...said };
      this.#ask({ message, answered, refused, mayRepeat });
    });
  }

  /**
   * Come back when everything through that position was told; or all that the gateway knows of now, without one.
   * @param {string} [position]
   * @returns {Promise<string>}
   */
  sync(position = "") {
    return new Promise((answered, refused) => {
      /** @type {Message} */
      const message = { type: "sync", id: this.#nextId(), position };
      this.#ask({ message, answered, refused, mayRepeat: () => true });
    });
  }

  /**
   * Nothing more will come of what was asked for: of all of it, or of what there is no time left for.
   * @param {Problem} problem
   * @param {boolean} [all]
   */
  giveUp(problem, all = true) {
    for (const [id, asked] of [...this.#asked]) {
      if (!all && asked.mayRepeat()) continue;
      this.#asked.delete(id);
      asked.refused(problem);
    }
  }

  // What becomes of the connection

  opened() {
    this.#ready = false;
    this.#underWay.clear();
    this.#unsaid = [];
  }

  lost() {
    this.opened();
    for (const followed of this.#topics.values()) if (followed.standing !== "failed") followed.standing = "wanted";
  }

  /** Who asks is somebody else now: what was refused may be theirs. */
  renewed() {
    for (const followed of this.#topics.values()) {
      if (followed.standing === "failed") Object.assign(followed, { standing: "wanted", problem: null });
    }
  }

  /**
   * How long to stay away now that the connection is lost, as a range to draw from. Whoever cannot connect comes back
   * later each time; a server that asks for it is left alone for so long.
   * @returns {[least: number, most: number]}
   */
  comesBack() {
    const after = this.#awayMs;
    this.#awayMs = null;
    if (after !== null) return [after, 2 * after];
    return [0, Math.min(AWAY_MS_MAX, AWAY_MS * 2 ** this.#failures++)];
  }

  /** @param {Told} said */
  hear(said) {
    this.#failures = 0;
    switch (said.type) {
      case "hello":
        return this.#greeted(said);
      case "snapshot":
      case "reset":
      case "resumed":
        return this.#begun(said);
      case "delta":
        return this.#changed(said);
      case "result":
      case "synced":
        return this.#answered(said);
      case "error":
        return this.#refused(said);
      case "goaway":
        this.#awayMs = said.after_ms;
    }
  }

  /** @param {any} hello */
  #greeted(hello) {
    this.#ready = true;
    this.session = hello.session;
    for (const followed of this.#topics.values()) if (followed.standing === "wanted") this.#begin(followed);
    for (const asked of this.#asked.values()) this.#put(asked.message);
  }

  // Topics

  /** @param {Followed} followed */
  #begin(followed) {
    followed.standing = "asked";
    followed.id = this.#nextId();
    /** @type {Message} */
    const message = { type: "subscribe", id: followed.id, topic: followed.topic };
    if (followed.from !== null) message.from = followed.from;
    if (followed.token) message.token = followed.token;
    this.#put(message);
  }

  /** @param {Followed} followed */
  #end(followed) {
    if (!this.#ready || followed.standing === "wanted" || followed.standing === "failed") return;
    const waits = this.#unsaid.findIndex((message) => message.id === followed.id);
    if (waits >= 0) {
      this.#unsaid.splice(waits, 1);
      return;
    }
    this.#put({ type: "unsubscribe", id: this.#nextId(), topic: followed.topic });
    this.#done(followed.id); // whoever leaves before it has begun is not told that it begins
  }

  /** @param {Followed} followed */
  #startOver(followed) {
    followed.from = null;
    this.#end(followed);
    this.#begin(followed);
  }

  /** @param {any} said */
  #begun(said) {
    this.#done(said.id);
    const followed = this.#topics.get(said.topic);
    if (!followed || (said.id !== null && said.id !== followed.id)) return;
    if (said.type !== "resumed") {
      followed.position = followed.from = said.position;
      followed.state = said.state;
    }
    followed.standing = "begun";
    this.#tell(followed.topic, { why: said.type, reason: said.why });
  }

  /** @param {any} said */
  #changed(said) {
    const followed = this.#topics.get(said.topic);
    if (!followed || followed.standing !== "begun" || followed.position === null) return;
    const it = does(said.topic, followed.position, said.before, said.after);
    if (it === "ignore") return;
    if (it === "start_over") return this.#startOver(followed);
    try {
      followed.state = after(said.topic, followed.state, said.delta);
    } catch (error) {
      if (!(error instanceof StartOver)) throw error;
      return this.#startOver(followed);
    }
    followed.position = followed.from = said.after;
    this.#tell(followed.topic, { why: "delta", delta: said.delta });
  }

  /**
   * @param {Followed} followed
   * @param {Problem} problem
   */
  #notBegun(followed, problem) {
    if (problem.mayRepeat) {
      followed.standing = "wanted";
      this.#later(problem.retryAfterMs ?? RETRY_MS, () => {
        if (this.#ready && this.#topics.get(followed.topic) === followed && followed.standing === "wanted") {
          this.#begin(followed);
        }
      });
      return;
    }
    Object.assign(followed, { standing: "failed", from: null, position: null, state: undefined, problem });
    this.#tell(followed.topic, { why: "failed", problem });
  }

  // Requests

  /** @param {Asked} asked */
  #ask(asked) {
    this.#asked.set(asked.message.id, asked);
    if (this.#ready) this.#put(asked.message);
  }

  /** @param {any} said */
  #answered(said) {
    this.#done(said.id);
    const asked = this.#asked.get(said.id);
    if (!asked) return;
    this.#asked.delete(said.id);
    asked.answered(said.type === "synced" ? said.position : { answer: said.answer, position: said.position ?? null });
  }

  /** @param {any} said */
  #refused(said) {
    const problem = problemTold(said) ?? new Problem("malformed", "an error without a code");
    this.#done(said.id);
    const asked = this.#asked.get(said.id);
    if (asked) return this.#notDone(asked, problem);
    for (const followed of this.#topics.values()) {
      if (said.id === null) {
        if (isLost(followed, said)) this.#begin(followed);
      } else if (followed.id === said.id && followed.standing === "asked") {
        this.#notBegun(followed, problem);
      }
    }
  }

  /**
   * @param {Asked} asked
   * @param {Problem} problem
   */
  #notDone(asked, problem) {
    const { id } = asked.message;
    if (!problem.mayRepeat || !asked.mayRepeat()) {
      this.#asked.delete(id);
      asked.refused(problem);
      return;
    }
    this.#later(problem.retryAfterMs ?? RETRY_MS, () => {
      if (this.#ready && this.#asked.has(id) && !this.#underWay.has(id)) this.#put(asked.message);
    });
  }

  // Saying

  #nextId() {
    return ++this.#lastId;
  }

  /** @param {Message} message */
  #put(message) {
    if (this.#unsaid.length === 0 && this.#mayGo(message)) this.#go(message);
    else this.#unsaid.push(message);
  }

  /** @param {number | null} id */
  #done(id) {
    if (id === null || !this.#underWay.delete(id)) return;
    for (let next = this.#unsaid[0]; next && this.#mayGo(next); next = this.#unsaid[0]) {
      this.#unsaid.shift();
      this.#go(next);
    }
  }

  /** @param {Message} message */
  #mayGo(message) {
    return !isRequest(message) || this.#underWay.size < UNDER_WAY_MAX;
  }

  /** @param {Message} message */
  #go(message) {
    if (isRequest(message)) this.#underWay.add(message.id);
    this.#say(message);
  }
}

/**
 * An error that names no request is of a topic that had begun, the one it names or any of them; or of a message that
 * could not be read.
 * @param {Followed} followed
 * @param {any} said
 */
function isLost(followed, said) {
  if (followed.standing !== "begun" || said.code === "malformed") return false;
  return said.topic === undefined || said.topic === followed.topic;
}

/** @param {Message} message */
function isRequest(message) {
  return message.type === "subscribe" || message.type === "call";
}
