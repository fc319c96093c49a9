/** A hold that is kept by heartbeats for as long as somebody wants it; and lost for good when one comes too late. */

import { Problem } from "./problem.js";

/** @import { HoldKept, HoldPlaced } from "./wire.js" */

const BEAT_MS = 4_000;

export class Holding {
  #keep;
  #release;
  #lost = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HoldPlaced} placed
   * @param {{ keep: () => Promise<HoldKept>, release: () => Promise<unknown> }} by
   */
  constructor(placed, { keep, release }) {
    this.#keep = keep;
    this.#release = release;
    this.placed = placed;
    this.expiresAt = placed.expires_at;
    const life = Date.parse(placed.expires_at) - Date.now();
    this.#beatIn(life > 1_000 ? Math.min(BEAT_MS, life / 2.5) : BEAT_MS);
  }

  /** Its name. */
  get hold() {
    return this.placed.hold;
  }

  /** Aborted when the hold is lost: its reason is the problem. */
  get lost() {
    return this.#lost.signal;
  }

  /** No more heartbeats: because it was booked, or because it may end as it likes. */
  stop() {
    clearTimeout(this.#timer);
  }

  /** Let go of it. */
  async release() {
    this.stop();
    await this.#release();
  }

  /** @param {number} ms */
  #beatIn(ms) {
    this.#timer = setTimeout(async () => {
      try {
        this.expiresAt = (await this.#keep()).expires_at;
        this.#beatIn(ms);
      } catch (problem) {
        if (problem instanceof Problem && problem.mayRepeat) this.#beatIn(ms);
        else this.#lost.abort(problem);
      }
    }, ms);
  }
}
