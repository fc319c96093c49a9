import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Tidegate } from "../src/index.js";
import { at, fakeFetch, FakeSockets, snapshot, ticketDelta } from "./fakes.js";

const TOPIC = "ticket/launch.0.1";
const turn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_780_308_000_000 }));
afterEach(() => mock.timers.reset());

function begun(caller = {}) {
  const sockets = new FakeSockets();
  const tidegate = new Tidegate({ url: "http://gate", org: "demo", WebSocket: sockets.WebSocket, ...caller });
  return { sockets, tidegate, stream: tidegate.stream };
}

test("it connects when there is something to follow, shows its token as a sub-protocol, and tells what it hears", () => {
  const { sockets, stream } = begun({ token: "ts.demo.a+b" });
  assert.equal(sockets.all.length, 0);
  const topic = stream.topic(TOPIC);
  const told = [];
  topic.subscribe((news) => news && told.push(news.why));
  assert.equal(sockets.last.url, "ws://gate/v1/demo/stream");
  assert.deepEqual(sockets.last.protocols, ["tidegate.v1", "bearer.ts.demo.a%2Bb"]);
  assert.equal(topic.state, null);
  sockets.open("me");
  const [{ id }] = sockets.last.news();
  sockets.last.hear(snapshot(id, TOPIC, 5, { state: "waiting", until: null }));
  sockets.last.hear(ticketDelta(TOPIC, 5, 6, "called"));
  assert.deepEqual([topic.state.state, topic.position, topic.current], ["called", at(6), true]);
  assert.deepEqual([told, stream.session], [["snapshot", "delta"], "me"]);
});

test("whoever leaves for a moment has not left, and whoever leaves is not told any more", () => {
  const { sockets, stream } = begun();
  const topic = stream.topic(TOPIC);
  const stop = topic.subscribe(() => {});
  sockets.open();
  sockets.last.news();
  stop();
  const again = stream.topic(TOPIC).subscribe(() => {});
  mock.timers.tick(5_000);
  assert.deepEqual(sockets.last.news(), []);
  again();
  mock.timers.tick(5_000);
  assert.deepEqual(
    sockets.last.news().map(({ type }) => type),
    ["unsubscribe"],
  );
});

test("a lost connection is made again, topics go on, and what is shown meanwhile says that it is not current", () => {
  const { sockets, stream } = begun();
  const topic = stream.topic(TOPIC);
  topic.subscribe(() => {});
  sockets.open();
  sockets.last.hear(snapshot(sockets.last.news()[0].id, TOPIC, 5, { state: "waiting", until: null }));
  sockets.last.cut();
  assert.deepEqual([stream.connection, topic.state.state, topic.current], ["waiting", "waiting", false]);
  mock.timers.tick(1_000);
  assert.equal(sockets.all.length, 2);
  sockets.open();
  assert.deepEqual(
    sockets.last.news().map(({ from }) => from),
    [at(5)],
  );
});

test("a line that went dead without a word is noticed", () => {
  const { sockets, stream } = begun();
  stream.topic(TOPIC).subscribe(() => {});
  sockets.open();
  sockets.last.news();
  mock.timers.tick(30_000);
  assert.deepEqual(
    sockets.last.news().map(({ type }) => type),
    ["sync"],
  );
  sockets.last.hear({ type: "synced", id: 99, position: at(1) });
  mock.timers.tick(25_000);
  assert.equal(stream.connection, "open");
  mock.timers.tick(15_000);
  assert.ok(sockets.all[0].closed);
  assert.notEqual(stream.connection, "open");
});

test("a command whose answer was lost is said again under its key, and is answered once", async () => {
  const { sockets, stream, tidegate } = begun();
  const told = stream.call("join", { args: { room: "launch" }, body: {} });
  sockets.open();
  const [said] = sockets.last.news();
  sockets.last.cut();
  mock.timers.tick(1_000);
  sockets.open();
  assert.deepEqual(sockets.last.news(), [said]);
  sockets.last.hear({ type: "result", id: said.id, position: at(8), answer: { ticket: "launch.0.1" } });
  assert.deepEqual(await told, { answer: { ticket: "launch.0.1" }, position: at(8) });
  assert.equal(tidegate.position, at(8));
});

test("a command is asked again while the gateway is busy, and given up when patience is over", async () => {
  const { sockets, stream } = begun();
  const told = stream.call("join", { args: { room: "launch" }, patienceMs: 3_000 });
  sockets.open();
  const [{ id }] = sockets.last.news();
  sockets.last.hear({ type: "error", id, code: "busy", detail: "too much", fault: "busy", retry_after_ms: 200 });
  mock.timers.tick(200);
  assert.deepEqual(
    sockets.last.news().map((said) => said.id),
    [id],
  );
  mock.timers.tick(3_000);
  await assert.rejects(told, { code: "unknown_outcome" });
});

test("no more than a dozen requests are under way, and the others follow as they are answered", () => {
  const { sockets, stream } = begun();
  const names = Array.from({ length: 40 }, (_, at) => `ticket/launch.0.${at}`);
  names.forEach((name) => stream.topic(name).subscribe(() => {}));
  sockets.open();
  let seen = 0;
  for (let said = sockets.last.news(); said.length; said = sockets.last.news()) {
    assert.ok(said.length <= 12);
    seen += said.length;
    said.forEach(({ id, topic }) => sockets.last.hear(snapshot(id, topic, 1, { state: "waiting", until: null })));
  }
  assert.equal(seen, 40);
});

test("whoever is somebody else now connects anew", () => {
  const { sockets, stream, tidegate } = begun();
  stream.topic(TOPIC).subscribe(() => {});
  sockets.open();
  tidegate.token = "ts.demo.me";
  assert.ok(sockets.all[0].closed);
  assert.deepEqual(sockets.last.protocols, ["tidegate.v1", "bearer.ts.demo.me"]);
});

async function failed() {
  const refused = {
    status: 401,
    body: { code: "token_expired", detail: "the session has ended", fault: "caller", status: 401 },
  };
  const { sockets, stream, tidegate } = begun({ token: "ts.demo.old", fetch: fakeFetch([refused]) });
  const topic = stream.topic(TOPIC);
  topic.subscribe(() => {});
  sockets.last.cut();
  mock.timers.tick(1_000);
  sockets.last.cut();
  for (let turns = 0; turns < 10; turns++) await turn();
  return { sockets, stream, tidegate, topic };
}

/** What becomes of it, without anybody's clock going on: the problem's code, what it comes to, or "pending". */
async function comesTo(promise) {
  let came = "pending";
  promise.then(
    (value) => (came = value),
    (problem) => (came = problem.code),
  );
  for (let turns = 0; turns < 10; turns++) await turn();
  return came;
}

async function whysOf(changes) {
  const whys = [];
  for await (const { why } of changes) whys.push(why);
  return whys;
}

test("whoever may not follow anything learns why over HTTP, and is not tried for ever", async () => {
  const { sockets, stream, topic } = await failed();
  assert.deepEqual(
    [stream.connection, stream.problem.code, topic.problem.code],
    ["failed", "token_expired", "token_expired"],
  );
  const { length } = sockets.all;
  mock.timers.tick(120_000);
  assert.equal(sockets.all.length, length);
});

const GUESSED = { state: "called", until: null };

async function guessing() {
  const { sockets, stream } = begun();
  const topic = stream.topic(TOPIC);
  const states = [];
  topic.subscribe(() => states.push(topic.state?.state));
  sockets.open();
  sockets.last.hear(snapshot(sockets.last.news()[0].id, TOPIC, 5, { state: "waiting", until: null }));
  const told = topic.guess(
    () => GUESSED,
    () => stream.call("claim", {}),
  );
  const { id } = sockets.last.news()[0];
  return { sockets, topic, states, told, id };
}

test("a guess is shown until the topic has come to the position of its answer, and not a moment longer", async () => {
  const { sockets, topic, told, id } = await guessing();
  assert.equal(topic.state.state, "called");
  sockets.last.hear({ type: "result", id, position: at(9), answer: {} });
  await told;
  assert.equal(topic.state.state, "called");
  sockets.last.hear(ticketDelta(TOPIC, 5, 7, "absent"));
  assert.equal(topic.state.state, "called");
  sockets.last.hear(ticketDelta(TOPIC, 7, 9, "active"));
  assert.equal(topic.state.state, "active");
});

test("a guess about a topic that the command did not change is dropped when everything before has been told", async () => {
  const { sockets, topic, told, id, states } = await guessing();
  sockets.last.hear({ type: "result", id, position: at(9), answer: {} });
  await told;
  const [sync] = sockets.last.news();
  assert.deepEqual([sync.type, sync.position], ["sync", at(9)]);
  sockets.last.hear({ type: "synced", id: sync.id, position: at(9) });
  await turn();
  assert.equal(topic.state.state, "waiting");
  assert.equal(states.at(-1), "waiting");
});

test("a guess whose answer comes behind its delta is dropped with the answer; one that is refused, at once", async () => {
  const first = await guessing();
  first.sockets.last.hear(ticketDelta(TOPIC, 5, 9, "active"));
  first.sockets.last.hear({ type: "result", id: first.id, position: at(9), answer: {} });
  await first.told;
  assert.deepEqual([first.topic.state.state, first.states.at(-1)], ["active", "active"]);
  const other = await guessing();
  other.sockets.last.hear({
    type: "error",
    id: other.id,
    code: "not_called",
    detail: "x",
    fault: "late",
    status: 409,
  });
  await assert.rejects(other.told, { code: "not_called" });
  assert.deepEqual([other.topic.state.state, other.states.at(-1)], ["waiting", "waiting"]);
});

test("a topic that was lost later, by an error that names none, is asked for again where it stands", () => {
  const { sockets, stream } = begun();
  stream.topic(TOPIC).subscribe(() => {});
  sockets.open();
  sockets.last.hear(snapshot(sockets.last.news()[0].id, TOPIC, 5, { state: "waiting", until: null }));
  sockets.last.hear({
    type: "error",
    id: null,
    code: "not_answered",
    detail: "x",
    fault: "busy",
    retry_after_ms: 200,
  });
  assert.deepEqual(
    sockets.last.news().map(({ type, from }) => [type, from]),
    [["subscribe", at(5)]],
  );
});

test("a stream that was closed says so to whoever waits", async () => {
  const { sockets, stream } = begun();
  const told = stream.call("join");
  sockets.open();
  stream.close();
  await assert.rejects(told, { code: "closed" });
  await assert.rejects(stream.call("join"), { code: "closed" });
});

test("topics of a stream that is closed tell so: who waits is refused, and what is gone through ends", async () => {
  const { sockets, stream } = begun();
  const [topic, other] = [stream.topic(TOPIC), stream.topic("room/launch")];
  const waits = [whysOf(topic.changes()), other.ready(), stream.sync(at(9))];
  sockets.open();
  const [{ id }] = sockets.last.news();
  sockets.last.hear(snapshot(id, TOPIC, 5, { state: "waiting", until: null }));
  stream.close();
  assert.deepEqual(await Promise.all(waits.map(comesTo)), [["snapshot"], "closed", "closed"]);
  assert.deepEqual([topic.problem.code, topic.state.state, topic.current], ["closed", "waiting", false]);
});

test("on a stream that was closed nothing new is waited for", async () => {
  const { sockets, stream, tidegate } = begun();
  const view = tidegate.roomView("launch");
  stream.close();
  const topic = stream.topic(TOPIC);
  const told = [];
  topic.subscribe((news) => told.push(news.problem.code));
  const waits = [topic.ready(), whysOf(topic.changes()), view.ready(), stream.sync(), stream.call("join")];
  assert.deepEqual(await Promise.all(waits.map(comesTo)), Array(5).fill("closed"));
  assert.deepEqual([told, sockets.all.length], [["closed"], 0]);
});

test("on a stream that has failed nothing new is waited for, and why is said", async () => {
  const { stream, tidegate } = await failed();
  const topic = stream.topic("room/launch");
  const told = [];
  topic.subscribe((news) => told.push(news.problem.code));
  const view = tidegate.roomView("other");
  const waits = [topic.ready(), whysOf(topic.changes()), view.ready(), stream.sync(), stream.call("join")];
  assert.deepEqual(await Promise.all(waits.map(comesTo)), Array(5).fill("token_expired"));
  assert.deepEqual(told, ["token_expired"]);
});

test("topics of a stream that had failed go on when somebody else asks", async () => {
  const { sockets, tidegate, topic } = await failed();
  tidegate.token = "ts.demo.new";
  assert.equal(topic.problem, null);
  const ready = topic.ready();
  sockets.open();
  const [{ id }] = sockets.last.news();
  sockets.last.hear(snapshot(id, TOPIC, 5, { state: "waiting", until: null }));
  assert.deepEqual(await comesTo(ready), { state: "waiting", until: null });
});

test("whoever comes to a topic that cannot be followed, while others still do, is told why", async () => {
  const { sockets, stream } = begun();
  const topic = stream.topic("room/nowhere");
  topic.subscribe(() => {});
  sockets.open();
  const [{ id }] = sockets.last.news();
  sockets.last.hear({ type: "error", id, code: "unknown_room", detail: "x", fault: "caller", status: 404 });
  assert.equal(await comesTo(whysOf(topic.changes())), "unknown_room");
  assert.equal(await comesTo(topic.ready()), "unknown_room");
});

test("a topic that was refused by itself is asked for again when somebody else asks", async () => {
  const { sockets, stream, tidegate } = begun();
  const topic = stream.topic(TOPIC);
  const told = [];
  topic.subscribe((news) => news && told.push(news.why));
  sockets.open();
  const [{ id }] = sockets.last.news();
  sockets.last.hear({ type: "error", id, code: "not_permitted", detail: "x", fault: "caller", status: 403 });
  assert.equal(topic.problem.code, "not_permitted");
  sockets.last.cut();
  mock.timers.tick(1_000);
  sockets.open();
  assert.deepEqual(sockets.last.news(), []);
  tidegate.token = "ts.demo.me";
  assert.equal(topic.problem, null);
  sockets.open();
  const [again] = sockets.last.news();
  sockets.last.hear(snapshot(again.id, TOPIC, 5, { state: "waiting", until: null }));
  assert.deepEqual([told, topic.problem, topic.current], [["failed", "snapshot"], null, true]);
});

test("why somebody else was refused is nothing to whoever asks now", async () => {
  const asked = [];
  const fetch = () => new Promise((answer) => asked.push(answer));
  const { sockets, stream, tidegate } = begun({ token: "ts.demo.old", fetch });
  stream.topic(TOPIC).subscribe(() => {});
  sockets.last.cut();
  mock.timers.tick(1_000);
  sockets.last.cut();
  assert.equal(asked.length, 1);
  tidegate.token = "ts.demo.new";
  const refused = { code: "token_expired", detail: "the session has ended", fault: "caller", status: 401 };
  asked[0](new Response(JSON.stringify(refused), { status: 401 }));
  for (let turns = 0; turns < 10; turns++) await turn();
  assert.deepEqual([stream.connection, stream.problem], ["connecting", null]);
  sockets.open();
  assert.equal(stream.connection, "open");
});
