/**
 * Holds this client to what all clients agree on (`clients/conformance/README.md`), and then to a real gateway:
 *
 *     node conformance.mjs http://127.0.0.1:8080 ../conformance
 *
 * The gateway has the demo organisation, and the environment variable `TIDEGATE_KEY` an API key of its owner. Ends with
 * status 0 when all is well. Without a gateway (`-` for its address), only the vectors are gone through.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import {
  Dialogue,
  Problem,
  Tidegate,
  after,
  aheadOf,
  does,
  doWork,
  localDate,
  slotsOf,
  verifyWebhook,
  visitOf,
} from "./src/index.js";
import { problemOf } from "./src/problem.js";

const [, , url = "-", folder = join(import.meta.dirname, "../conformance")] = process.argv;
const WITHIN_MS = 15_000;
let done = 0;
let failed = 0;

async function check(name, run) {
  try {
    await run();
    done += 1;
  } catch (error) {
    failed += 1;
    console.error(`not ok: ${name}\n${error.stack}\n`);
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

const HOUR_MS = 3_600_000;

async function live() {
  const WebSocket = globalThis.WebSocket ?? (await import("ws")).default;
  const caller = { url, org: "demo", WebSocket };
  const visitor = new Tidegate(caller);
  const other = new Tidegate(caller);
  const owner = new Tidegate({ ...caller, token: process.env.TIDEGATE_KEY });
  const within = () => AbortSignal.timeout(WITHIN_MS);
  const until = async (view, isSo) => {
    const signal = within();
    await new Promise((resolve, reject) => {
      const look = () => (signal.aborted ? end(() => reject(signal.reason)) : isSo(view.value) && end(resolve));
      const stop = view.subscribe(look);
      const end = (then) => (stop(), then());
      signal.addEventListener("abort", look);
      queueMicrotask(look);
    });
    return view.value;
  };
  await visitor.begin();
  await other.begin();
  const [resource, tz] = ["studio-south", "Europe/Lisbon"];
  /** Two free starts that are not today, on different days. */
  const free = [];
  for (let day = 1; day < 60 && free.length < 2; day++) {
    const date = localDate(Date.now() + day * 24 * HOUR_MS, tz);
    const slots = await visitor.slots({ event_type: "session", resource, date, duration: 60 });
    const found = slots.find(({ state }) => state === "free");
    if (found) free.push({ date, start: found.start, end: found.end });
  }
  const [first, second] = free;
  const wanted = { event_type: "session", resource, start: first.start, duration: 60 };
  const view = visitor.day({ resource, date: first.date, tz });
  const useAt = (day, start) => day?.slots.find((slot) => slot.start === Date.parse(start))?.use;

  await check("a day is shown, and a hold, a booking and its end change it", async () => {
    const day = await view.ready(within());
    assert.equal(useAt(day, first.start), "free");
    const holding = await other.holding(wanted);
    await until(view, (now) => useAt(now, first.start) === "held");
    const kept = await other.keepHold(holding.hold);
    assert.ok(Date.parse(kept.expires_at) > 0);
    const booked = await other.book({
      ...wanted,
      hold: holding.hold,
      answers: { project: "x" },
      booker: { name: "Ann" },
    });
    holding.stop();
    await until(view, (now) => useAt(now, first.start) === "full");
    assert.equal(view.value.visit(Date.parse(first.start), Date.parse(first.end)).state, "full");
    const shown = await other.booking(booked.booking, { manageToken: booked.manage_token });
    assert.deepEqual([shown.status, shown.booker.name], ["confirmed", "Ann"]);
    await other.cancel(booked.booking, { manage_token: booked.manage_token }).catch(async (problem) => {
      assert.equal(problem.code, "too_late"); // the demo asks for a day's notice
      await owner.cancel(booked.booking);
    });
    await until(view, (now) => useAt(now, first.start) === "free");
  });

  await check("a month agrees with its days", async () => {
    const month = await visitor.month({ resource, month: first.date.slice(0, 7) }).ready(within());
    const answered = await visitor.stream.topic(`day/${resource}/${month.days.at(-1).date}`).ready(within());
    const bits = BigInt(`0x${answered.busy}`).toString(2).replaceAll("0", "").length;
    assert.equal(month.days.at(-1).busySlots, bits);
  });

  await check("somebody else's slot is refused, in words, and what is refused changes nothing", async () => {
    const held = await other.hold({ ...wanted, start: second.start });
    await assert.rejects(visitor.hold({ ...wanted, start: second.start }), (problem) => {
      assert.ok(problem instanceof Problem);
      assert.deepEqual([problem.code, problem.fault], ["taken", "late"]);
      return true;
    });
    await other.releaseHold(held.hold);
  });

  await check("the same key has one effect and gets the first answer", async () => {
    const key = `conformance-${Date.now()}`;
    const one = await other.hold({ ...wanted, start: second.start }, { key });
    const again = await other.hold({ ...wanted, start: second.start }, { key });
    assert.equal(one.hold, again.hold);
    await assert.rejects(other.hold(wanted, { key }), { code: "idempotency_key_reused" });
    await other.releaseHold(one.hold);
  });

  await check("a guess is shown at once, and gone when the answer has arrived", async () => {
    const name = `holds/${resource}/${new Date(Date.parse(second.start)).toISOString().slice(0, 10)}`;
    const topic = visitor.stream.topic(name);
    const stop = topic.subscribe(() => {});
    const before = (await topic.ready(within())).held;
    const guessed = { held: "f".repeat(24), units: [[0, 96, 1]] };
    const states = [];
    const look = topic.subscribe(() => states.push(topic.state.held));
    const { answer, position } = await topic.guess(
      () => guessed,
      () => visitor.stream.call("hold", { body: { ...wanted, start: second.start } }),
    );
    assert.equal(states[0], guessed.held);
    await visitor.stream.sync(position);
    assert.notEqual(topic.state.held, guessed.held);
    assert.notEqual(topic.state.held, before);
    await assert.rejects(
      topic.guess(
        () => guessed,
        () => visitor.stream.call("hold", { body: {} }),
      ),
      { code: "malformed" },
    );
    assert.notEqual(topic.state.held, guessed.held);
    await visitor.stream.call("release_hold", { args: { hold: answer.hold } });
    await until({ value: null, subscribe: (told) => topic.subscribe(told) }, () => topic.state.held === before);
    look();
    stop();
  });

  const room = `conformance-${Date.now().toString(36)}`;
  await check("a room is made, run and stood in line for; a place is exact without being asked for", async () => {
    await owner.putRoom(room, { title: "Conformance", capacity: 1, per_minute: 600, straight_through: false });
    const early = new Tidegate(caller);
    await early.begin();
    await owner.stepRoom(room, "open");
    const shown = owner.roomView(room);
    await until(shown, (value) => value?.phase === "open");
    const inside = await early.join(room);
    await early.wait(inside.ticket, { signal: within() });
    const seat = await early.claim(inside.ticket);
    assert.equal(seat.status, "active");
    assert.equal((await visitor.checkPass(room, seat.pass)).ticket, inside.ticket);
    const mine = await visitor.join(room);
    const theirs = await other.join(room);
    assert.equal((await other.join(room)).ticket, theirs.ticket);
    const standing = other.ticketView(theirs.ticket);
    await until(standing, (value) => value?.ahead === 1 && value.position === 2);
    await visitor.leave(mine.ticket);
    await until(standing, (value) => value?.ahead === 0);
    await early.leave(inside.ticket);
    const called = await other.wait(theirs.ticket, { signal: within() });
    assert.ok(["called", "active", "claim_waits"].includes(called.state));
    assert.equal((await other.claim(theirs.ticket)).status, "active");
    await until(shown, (value) => value?.waiting === 0);
    const late = await early.join(room);
    const stands = early.ticketView(late.ticket);
    await until(stands, (value) => value?.state === "waiting");
    await owner.stepRoom(room, "close");
    await until(shown, (value) => value?.phase === "closed");
    await until(stands, (value) => value?.state === "closed");
    await assert.rejects(visitor.wait(mine.ticket, { signal: within() }), { code: "ticket_over" });
    early.close();
  });

  await check("who joined before a draw has no place, and then the one that was drawn", async () => {
    const drawn = `${room}-drawn`;
    const secret = "nobody knows this before";
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
    const commitment = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    await owner.putRoom(drawn, { draw: true, commitment, capacity: 1, straight_through: false });
    await owner.stepRoom(drawn, "start");
    const tickets = [await visitor.join(drawn), await other.join(drawn)];
    const standing = tickets.map(({ ticket }, at) => [visitor, other][at].ticketView(ticket));
    for (const one of standing) await until(one, (value) => value?.state === "drawing" && value.place === null);
    await owner.drawRoom(drawn, { secret });
    for (const one of standing)
      await until(one, (value) => value !== null && value.place !== null && value.state !== "drawing");
    assert.deepEqual(standing.map(({ value }) => value.place).sort(), [0, 1]);
    await owner.stepRoom(drawn, "close");
  });

  await check("work is done where a room asks for it, for the visitor or for who they say they are", async () => {
    for (const settings of [{ work_bits: 8 }, { work_bits: 8, one_per_identity: true }]) {
      const busy = `${room}-work-${settings.one_per_identity ? "who" : "any"}`;
      await owner.putRoom(busy, { capacity: 5, ...settings });
      await owner.stepRoom(busy, "open");
      await assert.rejects(visitor.join(busy, { identity: "ann@example.org" }), { code: "work_needed" });
      const ticket = await visitor.standInLine(busy, { identity: "ann@example.org" });
      assert.ok(ticket.ticket.startsWith(`${busy}.`));
      await owner.stepRoom(busy, "close");
    }
  });

  await check("what may not be followed is told so, and what can goes on", async () => {
    await assert.rejects(visitor.stream.topic(`numbers/${room}`).ready(within()), { code: "not_permitted" });
    assert.equal((await owner.stream.topic(`numbers/${room}`).ready(within())).phase, "closed");
    await assert.rejects(visitor.stream.topic("day/nothing/2026-12-07").ready(within()), {
      code: "unknown_resource",
    });
  });

  await check("sixty topics at once begin, though the gateway takes sixteen requests at a time", async () => {
    const names = Array.from({ length: 50 }, (_, day) => {
      return `day/${resource}/${new Date(Date.now() + day * 24 * HOUR_MS).toISOString().slice(0, 10)}`;
    });
    const states = await Promise.all(names.map((name) => owner.stream.topic(name).ready(within())));
    assert.ok(states.every(({ capacity }) => capacity === 1));
  });

  await check("whoever shows a forged token is told so, and does not try for ever", async () => {
    const forged = new Tidegate({ ...caller, token: "ts.demo.abc.6b29def2.AAAA" });
    await assert.rejects(forged.resources(), { code: "bad_token" });
    await assert.rejects(forged.stream.topic(`room/${room}`).ready(within()), { code: "bad_token" });
    forged.close();
  });

  await check("pages of bookings, keys and webhooks are read and written", async () => {
    let count = 0;
    for await (const booking of owner.bookings({ resource, limit: 5 })) count += Number(booking.booking.length > 0);
    assert.ok(count > 5, `${count} bookings`);
    const told = await owner.issueKey({ role: "viewer", name: "conformance" });
    assert.ok((await owner.keys()).keys.some(({ id }) => id === told.id));
    await owner.revokeKey(told.id);
    const put = await owner.putWebhook("conformance", { url: "https://example.com/hooks", events: ["booking.*"] });
    assert.ok(put.secret === null || put.secret.startsWith("whsec_"));
    await owner.removeWebhook("conformance");
  });

  for (const client of [visitor, other, owner]) client.close();
}

if (url !== "-") await live();
console.log(`${done} agree${failed ? `, ${failed} do not` : ""}`);
process.exit(failed ? 1 : 0);
