/**
 * Holds this client to what all clients agree on (`clients/conformance/README.md`), and then to a real gateway:
 *
 *     node conformance.mjs http://127.0.0.1:8080 ../conformance
 *
 * The gateway has the demo organisation, and the environment variable `TIDEGATE_KEY` an API key of its owner. Ends with
 * status 0 when all is well. Without a gateway (`-` for its address), only the vectors are gone through. The words of the
 * scenarios (`live.json`) are explained in `scenarios.py`, beside it.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect, isDeepStrictEqual } from "node:util";

import {
  Dialogue,
  Problem,
  Tidegate,
  after,
  aheadOf,
  does,
  doWork,
  slotsOf,
  verifyWebhook,
  visitOf,
} from "./src/index.js";
import { problemOf } from "./src/problem.js";

const [, , url = "-", folder = join(import.meta.dirname, "../conformance")] = process.argv;
const WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 20;
const DAY_MS = 86_400_000;
const SLOT_MS = DAY_MS / 96;
const FORGED = "ts.demo.abc.6b29def2.AAAA";
let done = 0;
let failed = 0;

async function check(name, run) {
  try {
    await run();
    done += 1;
  } catch (error) {
    failed += 1;
    console.error(`not ok: ${name}\n${inspect(error)}\n`);
  }
}

// Vectors

const VECTORS = {
  deltas({ topic, position, state, steps }) {
    for (const step of steps) {
      if (does(topic, position, step.before, step.after) === "ignore") continue;
      assert.equal(does(topic, position, step.before, step.after), "take");
      state = after(topic, state, step.delta);
      position = step.after;
      if ("state" in step) assert.deepEqual(state, step.state);
    }
  },
  gathered({ topic, position, state, before, after: to, delta, then }) {
    assert.equal(does(topic, position, before, to), "take");
    assert.deepEqual(after(topic, state, delta), then);
  },
  following(one) {
    assert.equal(does(one.topic, one.mine, one.before, one.after), one.does);
  },
  slots({ day, holds, own, units, slots, visits }) {
    const found = slotsOf(day, holds, { own, units });
    const runs = [];
    found.forEach(({ use, units: left }, slot) => {
      const last = runs.at(-1);
      if (last && last[2] === use && last[3] === left) last[1] = slot + 1;
      else runs.push([slot, slot + 1, use, left]);
    });
    assert.deepEqual(runs, slots);
    for (const [first, end, state, left] of visits) {
      assert.deepEqual(visitOf(found.slice(first, end)), { state, units: left });
    }
  },
  places({ room, blocks, tickets }) {
    for (const { block, place, ahead } of tickets) assert.equal(aheadOf(room, blocks[block], place), ahead);
  },
  streams({ steps }) {
    talk(steps);
  },
  problems({ status, headers, body, problem }) {
    const found = problemOf(status, (name) => headers[name], body);
    const { detail = found.detail, again, retry_after_ms: retryAfterMs, ...rest } = problem;
    assert.deepEqual(
      { code: found.code, fault: found.fault, status: found.status, detail: found.detail },
      { ...rest, detail },
    );
    assert.deepEqual([found.mayRepeat, found.retryAfterMs], [again, retryAfterMs]);
  },
  async webhooks({ secret, headers, body, now, flaw }) {
    const told = verifyWebhook(secret, headers, body, now);
    if (flaw === null) assert.deepEqual(await told, JSON.parse(body));
    else await assert.rejects(told, { code: flaw });
  },
  async work({ room, visitor, bits, at_ms: at, work }) {
    assert.equal(await doWork(room, visitor, bits, { at }), work);
  },
};

function talk(steps) {
  const [said, told, later, ids] = [[], [], [], new Map()];
  let lastId = null;
  const dialogue = new Dialogue({
    say(message) {
      const { id, ...rest } = message;
      said.push(rest);
      if (message.topic) ids.set(message.topic, id);
      lastId = id;
    },
    tell: (topic, { why }) => told.push([topic, why]),
    later: (_ms, then) => later.push(then),
  });
  const acts = {
    do: ({ follow = [], leave = [] }) => {
      follow.forEach((topic) => dialogue.follow(topic));
      leave.forEach((topic) => dialogue.leave(topic));
    },
    open: () => dialogue.opened(),
    lost: () => {
      dialogue.lost();
      stays = dialogue.comesBack();
    },
    hear: (message) =>
      dialogue.hear(message.id === "its" ? { ...message, id: ids.get(message.topic) ?? lastId } : message),
    says: (expected) => assert.deepEqual(said.splice(0), expected),
    told: (expected) => assert.deepEqual(told.splice(0), expected),
    shows: (expected) => {
      for (const [topic, wanted] of Object.entries(expected)) {
        const shown = dialogue.shows(topic);
        assert.deepEqual(shown && { position: shown.position, state: shown.state }, wanted);
      }
    },
    comes_back: (expected) => assert.deepEqual(stays, expected),
    asks_again: () => later.splice(0).forEach((then) => then()),
  };
  let stays = null;
  for (const step of steps) for (const [what, about] of Object.entries(step)) acts[what](about);
}

for (const [name, run] of Object.entries(VECTORS)) {
  const { cases } = JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"));
  for (const [at, one] of cases.entries()) await check(`${name} ${at} ${one.name ?? one.topic ?? ""}`, () => run(one));
}

// A gateway

/** Operations whose arguments are not the one object that stands in a step. */
const OPERATIONS = {
  put_resource: (client, { id, ...wanted }) => client.putResource(id, wanted),
  put_event_type: (client, { slug, ...wanted }) => client.putEventType(slug, wanted),
  put_schedule: (client, { id, ...wanted }) => client.putSchedule(id, wanted),
  schedule: (client, { id }) => client.schedule(id),
  resource: (client, { id }) => client.resource(id),
  resources: (client) => client.resources(),
  hold: (client, wanted, options) => client.hold(wanted, options),
  keep_hold: (client, { hold }) => client.keepHold(hold),
  release_hold: (client, { hold }) => client.releaseHold(hold),
  book: (client, wanted) => client.book(wanted),
  booking: (client, { booking, manage_token }) => client.booking(booking, { manageToken: manage_token }),
  reschedule: (client, { booking, ...wanted }) => client.reschedule(booking, wanted),
  cancel: (client, { booking, ...by }) => client.cancel(booking, by),
  async bookings(client, asked) {
    const found = [];
    for await (const { booking } of client.bookings(asked)) found.push(booking);
    return { bookings: found };
  },
  put_room: (client, { room, ...settings }) => client.putRoom(room, settings),
  step_room: (client, { room, step }) => client.stepRoom(room, step),
  draw: (client, { room, ...by }) => client.drawRoom(room, by),
  check_pass: (client, { room, shown }) => client.checkPass(room, shown),
  join: (client, { room, ...wanted }) => client.join(room, wanted),
  stand_in_line: (client, { room, ...wanted }) => client.standInLine(room, wanted),
  wait: (client, { ticket }) => client.wait(ticket, { signal: within() }),
  ticket: (client, { ticket }) => client.ticket(ticket),
  claim: (client, { ticket }) => client.claim(ticket),
  leave: (client, { ticket }) => client.leave(ticket),
  issue_key: (client, wanted) => client.issueKey(wanted),
  keys: (client) => client.keys(),
  revoke_key: (client, { id }) => client.revokeKey(id),
  put_webhook: (client, { id, ...wanted }) => client.putWebhook(id, wanted),
  webhooks: (client) => client.webhooks(),
  remove_webhook: (client, { id }) => client.removeWebhook(id),
};
const OVER_A_STREAM = {
  hold: (body) => ({ body }),
  release_hold: (args) => ({ args }),
};
const WATCHED = {
  day: (client, of) => client.day({ ...of, tz: "UTC" }),
  month: (client, of) => client.month(of),
  room: (client, { room }) => client.roomView(room),
  ticket: (client, { ticket }) => client.ticketView(ticket),
  topic: (client, { topic }) => client.stream.topic(topic),
};
const SHOWN = {
  day({ value }, { visits = [] }) {
    const runs = [];
    value.slots.forEach(({ use, units }, slot) => {
      const last = runs.at(-1);
      if (last && last[2] === use && last[3] === units) last[1] = slot + 1;
      else runs.push([slot, slot + 1, use, units]);
    });
    const instant = (slot) => value.start + slot * SLOT_MS;
    return {
      runs,
      visits: visits.map(([first, end]) => {
        const { state, units } = value.visit(instant(first), instant(end));
        return [first, end, state, units];
      }),
    };
  },
  month: ({ value }) => ({
    busy: Object.fromEntries(value.days.filter(({ busySlots }) => busySlots).map((day) => [day.date, day.busySlots])),
  }),
  room: ({ value }) => value,
  ticket: ({ value }) => value,
  topic: ({ state }) => state,
};

function within() {
  return AbortSignal.timeout(WITHIN_MS);
}

function agrees(wanted, found) {
  if (wanted === null || typeof wanted !== "object") return wanted === found;
  if (Array.isArray(wanted)) return isDeepStrictEqual(wanted, found);
  if (wanted.one_of) return wanted.one_of.some((one) => agrees(one, found));
  if (wanted.has) return found.some((one) => agrees(wanted.has, one));
  if (wanted.busy) return isDeepStrictEqual(wanted, found);
  return Object.entries(wanted).every(([name, one]) => found !== null && name in found && agrees(one, found[name]));
}

function compare(wanted, found) {
  assert.ok(agrees(wanted, found), `${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
}

/** Whoever asks a gateway, and what they have been told so far. */
class Gateway {
  #WebSocket;
  #clients = new Map();
  #watched = new Map();
  #holdings = new Map();
  #stops = [];
  #named;

  constructor(WebSocket) {
    this.#WebSocket = WebSocket;
    const date = new Date(Date.now() + 20 * DAY_MS).toISOString().slice(0, 10);
    this.#named = { run: Date.now().toString(36), date, month: date.slice(0, 7) };
  }

  close() {
    for (const stop of this.#stops) stop();
    for (const client of this.#clients.values()) client.close();
  }

  /** One step of a scenario. */
  async do(written) {
    const step = this.#said(written);
    let answer;
    try {
      answer = await this.#done(step);
    } catch (problem) {
      if (!(problem instanceof Problem) || !step.refused) throw problem;
      return compare(step.refused, problem);
    }
    assert.ok(!step.refused, `not refused: ${JSON.stringify(answer)}`);
    if (step.gives) compare(step.gives, answer);
    if (step.as) this.#named[step.as] = answer;
  }

  async #done(step) {
    const client = step.who && (await this.#client(step.who));
    if (step.guess) return this.#guessed(client, step);
    if (step.over === "stream") return (await client.stream.call(step.do, OVER_A_STREAM[step.do](step.with))).answer;
    if (step.do) return OPERATIONS[step.do](client, step.with, { key: step.key });
    if (step.watch) return this.#watch(client, step);
    if (step.topics)
      return void (await Promise.all(step.topics.map((name) => client.stream.topic(name).ready(within()))));
    if (step.until) return this.#until(step.until, step.shows);
    if (step.now) return compare(step.shows, this.#shown(step.now, step.shows));
    if (step.reaches) return void (await client.stream.sync((await this.#client(step.reaches)).position));
    if (step.holding) return void this.#holdings.set(step.as, await client.holding(step.holding));
    if (step.outlives) return this.#outlives(this.#holdings.get(step.outlives));
    if (step.lets_go) return void (await this.#holdings.get(step.lets_go).release());
    if (step.same) return compare(step.same[1], step.sorted ? step.same[0].sort() : step.same[0]);
    assert.fail(`no client knows what that is: ${JSON.stringify(step)}`);
  }

  async #client(who) {
    if (!this.#clients.has(who)) {
      const token = { owner: process.env.TIDEGATE_KEY, forged: FORGED }[who];
      const client = new Tidegate({ url, org: "demo", token, WebSocket: this.#WebSocket });
      this.#clients.set(who, client);
      if (!token) await client.begin();
    }
    return this.#clients.get(who);
  }

  async #watch(client, { watch, of, as }) {
    const view = WATCHED[watch](client, of);
    await view.ready(within());
    this.#stops.push(view.subscribe(() => {}));
    this.#watched.set(as, { view, of, kind: watch });
  }

  #shown(name, wanted) {
    const { view, kind } = this.#watched.get(name);
    return SHOWN[kind](view, wanted);
  }

  async #until(name, shows) {
    const { view } = this.#watched.get(name);
    const [signal, isSo] = [within(), () => agrees(shows, this.#shown(name, shows))];
    let stop = () => {};
    await new Promise((resolve) => {
      stop = view.subscribe(() => isSo() && resolve());
      signal.addEventListener("abort", resolve);
      if (isSo()) resolve();
    });
    stop();
    compare(shows, this.#shown(name, shows));
  }

  async #outlives(holding) {
    const [first, signal] = [holding.placed.expires_at, within()];
    while (holding.expiresAt === first || Date.now() < Date.parse(first)) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    assert.equal(holding.lost.aborted, false);
  }

  async #guessed(client, { do: command, with: given, guess }) {
    const { resource, date } = this.#watched.get(guess.of).of;
    const [first, end] = guess.holds;
    const bits = (1n << BigInt(end)) - (1n << BigInt(first));
    const done = client.stream.topic(`holds/${resource}/${date}`).guess(
      ({ held, units }) => ({
        held: (BigInt(`0x${held}`) | bits).toString(16).padStart(24, "0"),
        units: [...units, guess.holds],
      }),
      () => client.stream.call(command, OVER_A_STREAM[command](given)),
    );
    compare(guess.shows, this.#shown(guess.of, guess.shows));
    return (await done).answer;
  }

  /** With what its names stand for. */
  #said(written) {
    if (Array.isArray(written)) return written.map((one) => this.#said(one));
    if (written !== null && typeof written === "object") {
      return Object.fromEntries(Object.entries(written).map(([name, one]) => [this.#said(name), this.#said(one)]));
    }
    if (typeof written !== "string") return written;
    const whole = /^\{([a-z_0-9.]+)\}$/.exec(written);
    if (whole) return this.#found(whole[1]);
    return written.replaceAll(/\{([a-z_0-9.]+)\}/g, (_, path) => this.#found(path));
  }

  #found(path) {
    const found = path.split(".").reduce((about, name) => about?.[name], this.#named);
    assert.notEqual(found, undefined, path);
    return found;
  }
}

async function live() {
  const gateway = new Gateway(globalThis.WebSocket ?? (await import("ws")).default);
  const { cases } = JSON.parse(await readFile(join(folder, "live.json"), "utf8"));
  for (const { name, steps } of cases) {
    await check(name, async () => {
      for (const step of steps) {
        await gateway.do(step).catch((error) => {
          throw new Error(JSON.stringify(step), { cause: error });
        });
      }
      console.log(`live: ${name} (${steps.length} steps)`);
    });
  }
  gateway.close();
}

if (url !== "-") await live();
console.log(`${done} agree${failed ? `, ${failed} do not` : ""}`);
process.exit(failed ? 1 : 0);
