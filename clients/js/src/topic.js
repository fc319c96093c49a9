/**
 * A topic as its followers see it. It is followed while somebody is subscribed, and a moment longer: whoever leaves a
 * screen and comes straight back has not left.
 *
 * A *guess* is what somebody expects their command to do, shown before it is done. It is taken back when the command
 * was refused, and dropped at the very position of its answer: from there on the topic itself says what came of it.
 */

import { reached } from "./deltas.js";
import { Problem } from "./problem.js";

/** @import { News } from "./dialogue.js" */

const LINGER_MS = 1_000;

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
export class Topic {
  /** @type {Set<(news: News | null) => void>} */
  #listeners = new Set();
  /** @type {Guess<State>[]} */
  #guesses = [];
  #wire;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;
  #followed = false;
  /** @type {{ state: State, guesses: Guess<State>[], shown: State } | null} */
  #shown = null;

  /**
   * @param {Wire} wire
   * @param {string} name
   * @param {string} token
   */
  constructor(wire, name, token) {
    this.#wire = wire;
    this.name = name;
    this.token = token;
  }

  /** Why it cannot be followed, where it cannot. */
  get problem() {
    return this.#wire.problem(this.name);
  }

  /** Where it stands; null before it has begun. */
  get position() {
    return this.#wire.shows(this.name)?.position ?? null;
  }

  /** Whether it has begun and is told what changes; otherwise it is shown as it was last known. */
  get current() {
    return this.#wire.shows(this.name)?.current ?? false;
  }

  /** How it is, guesses included: the same object until it changes. @returns {State | null} */
  get state() {
    const known = this.#wire.shows(this.name);
    if (!known) return null;
    if (this.#shown?.state !== known.state || this.#shown?.guesses !== this.#guesses) {
      const shown = this.#guesses.reduce((state, guess) => guess.apply(state), known.state);
      this.#shown = { state: known.state, guesses: this.#guesses, shown };
    }
    return this.#shown.shown;
  }

  /**
   * Be told whenever something of it changes; what comes back ends that. Who comes when it cannot be followed is told
   * so, a moment later.
   * @param {(news: News | null) => void} listener news are null when a guess has come or gone, or the connection
   * @returns {() => void}
   */
  subscribe(listener) {
    /** @param {News | null} news */
    const told = (news) => listener(news); // each subscription is one, also of the same listener
    clearTimeout(this.#leaving);
    this.#listeners.add(told);
    if (!this.#followed) {
      this.#followed = true;
      this.#wire.follow(this);
    }
    if (this.problem) {
      queueMicrotask(() => {
        const { problem } = this;
        if (problem && this.#listeners.has(told)) told({ why: "failed", problem });
      });
    }
    return () => {
      if (!this.#listeners.delete(told) || this.#listeners.size > 0) return;
      this.#leaving = setTimeout(() => this.#leave(), LINGER_MS);
      /** @type {any} */ (this.#leaving).unref?.();
    };
  }

  /**
   * Its state, as soon as it has begun.
   * @param {AbortSignal} [signal]
   * @returns {Promise<State>}
   */
  async ready(signal) {
    await until(this, () => this.current, signal);
    return /** @type {State} */ (this.state);
  }

  /**
   * What is told of it, one after another, until the loop is left or the stream is closed.
   * @param {AbortSignal} [signal]
   * @returns {AsyncGenerator<News, void, undefined>}
   */
  async *changes(signal) {
    /** @type {News[]} */
    const heard = [];
    if (this.problem) throw this.problem;
    /** @type {(() => void) | undefined} */
    let wake;
    const stop = this.subscribe((news) => {
      if (news) heard.push(news);
      wake?.();
    });
    const abort = () => wake?.();
    signal?.addEventListener("abort", abort);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const next = heard.shift();
        if (next?.why === "failed") throw next.problem;
        if (next) yield next;
        else if (this.#wire.isClosed()) return;
        else await new Promise((resolve) => (wake = () => resolve(undefined)));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      stop();
    }
  }

  /**
   * Show what a command is expected to do while it is being done. `apply` may be given a state that has it already.
   * @template {{ position: string | null }} Done
   * @param {(state: State) => State} apply
   * @param {() => Promise<Done>} command
   * @returns {Promise<Done>}
   */
  async guess(apply, command) {
    /** @type {Guess<State>} */
    const guess = { apply, until: null };
    this.#guesses = [...this.#guesses, guess];
    this.tell(null);
    try {
      const done = await command();
      guess.until = done.position;
      this.tell(null);
      if (!done.position) this.#drop(guess);
      else if (this.#guesses.includes(guess)) {
        const drop = () => this.#drop(guess);
        this.#wire.sync(done.position).then(drop, drop);
      }
      return done;
    } catch (problem) {
      this.#drop(guess);
      throw problem;
    }
  }

  /**
   * By its stream: something has happened.
   * @param {News | null} news
   */
  tell(news) {
    this.#dropReached();
    for (const listener of [...this.#listeners]) listener(news);
  }

  #dropReached() {
    const { position } = this;
    const left = this.#guesses.filter(({ until }) => !(until && position && reached(position, until)));
    if (left.length < this.#guesses.length) this.#guesses = left;
  }

  /** @param {Guess<State>} guess */
  #drop(guess) {
    if (!this.#guesses.includes(guess)) return;
    this.#guesses = this.#guesses.filter((one) => one !== guess);
    this.tell(null);
  }

  #leave() {
    if (this.#listeners.size > 0) return;
    this.#followed = false;
    this.#wire.leave(this);
  }
}

/**
 * Come back when something that tells of its changes is so; throw its problem when it never will be.
 * @param {{ subscribe: (listener: () => void) => () => void, problem: Problem | null }} what
 * @param {() => boolean} isSo
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function until(what, isSo, signal) {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const end = () => {
      stop();
      signal?.removeEventListener("abort", look);
    };
    const look = () => {
      if (signal?.aborted) return (end(), reject(signal.reason));
      if (what.problem) return (end(), reject(what.problem));
      if (isSo()) return (end(), resolve());
    };
    signal?.addEventListener("abort", look);
    stop = what.subscribe(look);
    queueMicrotask(look);
  });
}
