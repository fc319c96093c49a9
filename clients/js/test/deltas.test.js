// What is not in the vectors of all clients: topics that no read model tells.

import assert from "node:assert/strict";
import { test } from "node:test";

import { after, StartOver } from "../src/deltas.js";

test("the gateway's status is taken in as it is told", () => {
  assert.deepEqual(after("status", { state: "ok" }, { delta: "status", state: "late" }), { state: "late" });
});

test("a delta that says nothing to its topic begins it anew", () => {
  assert.throws(() => after("status", { state: "ok" }, { delta: "day" }), StartOver);
});
