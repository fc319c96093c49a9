import assert from "node:assert/strict";
import { test } from "node:test";

import { localDate, localDay, Tidegate } from "../src/index.js";
import { at, fakeFetch, FakeSockets, snapshot } from "./fakes.js";

const HOUR_MS = 3_600_000;
const EMPTY = "0".repeat(24);
const DAY = { capacity: 2, busy: EMPTY, blocked: EMPTY, taken: [] };
const HOLDS = { held: EMPTY, units: [] };

function begun(fetch = fakeFetch([{}])) {
  const sockets = new FakeSockets();
  const tidegate = new Tidegate({ url: "http://gate", org: "demo", WebSocket: sockets.WebSocket, fetch });
  const answer = (states) => {
    for (const { id, topic, type } of sockets.last.news()) {
      if (type === "subscribe") sockets.last.hear(snapshot(id, topic, 5, states(topic)));
    }
  };
  return { sockets, tidegate, answer };
}

test("a local day has 23 hours when the clocks go forward, 25 when they go back, and none where a date was skipped", () => {
  const hours = (date, tz) => (localDay(date, tz).end - localDay(date, tz).start) / HOUR_MS;
  assert.equal(hours("2026-03-29", "Europe/Berlin"), 23);
  assert.equal(hours("2026-10-25", "Europe/Berlin"), 25);
  assert.equal(hours("2026-10-04", "Australia/Lord_Howe"), 23.5);
  assert.equal(hours("2011-12-30", "Pacific/Apia"), 0);
  assert.equal(hours("2026-12-07", "UTC"), 24);
  assert.equal(new Date(localDay("2026-12-07", "Asia/Kolkata").start).toISOString(), "2026-12-06T18:30:00.000Z");
  assert.equal(localDate(Date.parse("2026-12-06T18:30:00Z"), "Asia/Kolkata"), "2026-12-07");
});

test("a local day is put together from two dates of UTC, in the order of its clocks", () => {
  const { sockets, tidegate, answer } = begun();
  const view = tidegate.day({ resource: "mics", date: "2026-12-07", tz: "Europe/Berlin" });
  view.subscribe(() => {});
  sockets.open();
  assert.equal(view.value, null);
  answer((topic) => {
    if (topic === "day/mics/2026-12-06") return { ...DAY, taken: [[92, 96, 2]] };
    if (topic === "holds/mics/2026-12-07") return { ...HOLDS, units: [[36, 40, 1]] };
    return topic.startsWith("day") ? { ...DAY, taken: [[36, 40, 1]] } : HOLDS;
  });
  const { slots, capacity, visit, start } = view.value;
  assert.deepEqual([slots.length, capacity], [96, 2]);
  assert.deepEqual([slots[0].clock, slots[0].use, slots[4].use], ["00:00", "full", "free"]);
  assert.deepEqual([slots[40].clock, slots[40].use, slots[40].units], ["10:00", "held", 0]);
  assert.deepEqual(visit(start + 4 * HOUR_MS, start + 11 * HOUR_MS), { state: "held", units: 0 });
  assert.deepEqual(visit(start + 4 * HOUR_MS, start + 9 * HOUR_MS), { state: "free", units: 2 });
  assert.equal(view.value, view.value);
});

test("who looks at a view is told once of what arrives together, and sees how it is then", async () => {
  const { sockets, tidegate, answer } = begun();
  const view = tidegate.day({ resource: "mics", date: "2026-12-07", tz: "UTC" });
  const seen = [];
  const stop = view.subscribe(() => seen.push(view.value?.slots[36].use));
  const holds = (before, after, held) => {
    const changed = { held_set: EMPTY, held_cleared: EMPTY, held: [[36, 40, held]] };
    sockets.last.hear({
      type: "delta",
      topic: "holds/mics/2026-12-07",
      before: at(before),
      after: at(after),
      delta: { delta: "holds", ...changed },
    });
  };
  sockets.open();
  answer((topic) => (topic.startsWith("day") ? DAY : HOLDS));
  holds(5, 6, 2);
  holds(6, 7, 0);
  assert.deepEqual(seen, []);
  await null;
  assert.deepEqual(seen, ["free"]);
  holds(7, 8, 2);
  await null;
  assert.deepEqual(seen, ["free", "held"]);
  holds(8, 9, 0);
  stop();
  await null;
  assert.deepEqual([seen, view.value.slots[36].use], [["free", "held"], "free"]);
});

test("a day on which the clocks go back has 100 quarters, and shows the second hour again", () => {
  const { sockets, tidegate, answer } = begun();
  const view = tidegate.day({ resource: "mics", date: "2026-10-25", tz: "Europe/Berlin" });
  view.subscribe(() => {});
  sockets.open();
  answer((topic) => (topic.startsWith("day") ? DAY : HOLDS));
  const clocks = view.value.slots.map(({ clock }) => clock);
  assert.equal(clocks.length, 100);
  assert.deepEqual(clocks.slice(8, 17), [
    "02:00",
    "02:15",
    "02:30",
    "02:45",
    "02:00",
    "02:15",
    "02:30",
    "02:45",
    "03:00",
  ]);
});

test("a month says how much of each date is busy", () => {
  const { sockets, tidegate, answer } = begun();
  const view = tidegate.month({ resource: "mics", month: "2028-02" });
  view.subscribe(() => {});
  sockets.open();
  answer(() => ({ capacity: 1, untouched: false, days: { "2028-02-29": "0".repeat(22) + "0f" } }));
  assert.equal(view.value.days.length, 29);
  assert.deepEqual(view.value.days.at(-1), { date: "2028-02-29", busySlots: 4 });
});

const bits = (places) => {
  const bytes = new Uint8Array(128);
  for (const place of places) bytes[place >> 3] |= 1 << (place & 7);
  return btoa(String.fromCharCode(...bytes));
};
const ROOM = {
  phase: "open",
  seed: "",
  about: { title: "T", announcement: "", lanes: [{ id: "press", title: "Press" }] },
  lanes: [
    { lane: "press", called_through: 0, waiting: 1, blocks: [1], counts: [1] },
    { lane: "", called_through: 3, waiting: 1_027, blocks: [0, 2], counts: [1_024, 3] },
  ],
};

test("a place follows from the room and its block, and waits for the two to agree", async () => {
  const ticket = { ticket: "launch.0.9", lane: "", place: 1_030, block: 2, index: 6, eta: null, state: "waiting" };
  const { sockets, tidegate, answer } = begun(fakeFetch([{ body: ticket }]));
  const view = tidegate.ticketView("launch.0.9");
  view.subscribe(() => {});
  sockets.open();
  const states = (topic) => {
    if (topic.startsWith("ticket")) return { state: "waiting", until: null };
    return topic.startsWith("room") ? ROOM : { lane: "", index: 1, waiting: bits([2, 4, 6]) };
  };
  answer(states);
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  answer(states);
  assert.deepEqual([view.value.ahead, view.value.position, view.current], [1_026, 1_027, true]);
  const told = {
    type: "delta",
    topic: "block/launch/2",
    before: at(5),
    after: at(8),
    delta: { delta: "block", waiting: bits([4, 6]) },
  };
  sockets.last.hear(told);
  assert.equal(view.value.ahead, 1_026);
  sockets.last.hear({
    type: "delta",
    topic: "room/launch",
    before: at(5),
    after: at(8),
    delta: { delta: "room", lanes: [{ lane: "", called_through: 3, waiting: 1_026 }], blocks: [[2, 2]] },
  });
  assert.deepEqual([view.value.ahead, view.value.room.waiting], [1_025, 1_027]);
  assert.deepEqual(
    view.value.room.lanes.map(({ title }) => title),
    ["Press", ""],
  );
});
