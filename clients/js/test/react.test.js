import assert from "node:assert/strict";
import { after, test } from "node:test";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<div id=root></div>");
globalThis.navigator ??= window.navigator;
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });

const { act, createElement, StrictMode } = await import("react");
const { createRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const { Tidegate } = await import("../src/index.js");
const { TidegateProvider, useCall, useConnection, useDay, useRoom, useTopic } = await import("../src/react.js");
const { at, FakeSockets, snapshot } = await import("./fakes.js");

const ROOM = {
  phase: "open",
  seed: "",
  about: { title: "The premiere", announcement: "", lanes: [] },
  lanes: [{ lane: "", called_through: 3, waiting: 2, blocks: [], counts: [] }],
};
const opened = [];
after(() => opened.forEach((root) => act(() => root.unmount())));

function shown(component) {
  const sockets = new FakeSockets();
  const client = new Tidegate({ url: "http://gate", org: "demo", WebSocket: sockets.WebSocket });
  const place = document.createElement("div");
  const root = createRoot(place);
  opened.push(root);
  const tree = createElement(StrictMode, null, createElement(TidegateProvider, { client }, createElement(component)));
  act(() => root.render(tree));
  const answer = (state) =>
    act(async () => {
      for (const { id, topic, type } of sockets.last.news()) {
        if (type === "subscribe") sockets.last.hear(snapshot(id, topic, 5, state));
      }
    });
  return { sockets, place, answer, open: () => act(() => sockets.open()) };
}

test("a component shows nothing, then the room, then the room as it changes, and whether that is current", async () => {
  const { sockets, place, answer, open } = shown(function Board() {
    const { value, current } = useRoom("launch");
    return value && `${value.about.title}: ${value.waiting} ${ageOf(current)}`;
  });
  assert.equal(place.textContent, "");
  open();
  await answer(ROOM);
  assert.equal(place.textContent, "The premiere: 2 now");
  await act(async () =>
    sockets.last.hear({
      type: "delta",
      topic: "room/launch",
      before: at(5),
      after: at(6),
      delta: { delta: "room", lanes: [{ lane: "", called_through: 4, waiting: 1 }] },
    }),
  );
  assert.equal(place.textContent, "The premiere: 1 now");
  await act(async () => sockets.last.cut());
  assert.equal(place.textContent, "The premiere: 1 then");
});

const ageOf = (current) => (current ? "now" : "then");

test("two components that show one topic follow it once", async () => {
  const topics = function Twice() {
    const [one, other] = [useTopic("room/launch"), useTopic("room/launch")];
    return `${one.value?.phase} ${other.value?.phase}`;
  };
  const { sockets, place, answer, open } = shown(topics);
  open();
  assert.equal(sockets.last.said.length, 1);
  await answer(ROOM);
  assert.equal(place.textContent, "open open");
});

test("why something cannot be shown is shown", () => {
  const { sockets, place, open } = shown(function Numbers() {
    const { problem } = useTopic("numbers/launch");
    return problem?.code;
  });
  open();
  const [{ id }] = sockets.last.news();
  act(() => sockets.last.hear({ type: "error", id, code: "not_permitted", detail: "x", fault: "caller", status: 403 }));
  assert.equal(place.textContent, "not_permitted");
});

test("a command shows its guess at once, and what came of it when that has arrived", async () => {
  let run;
  const { sockets, place, answer, open } = shown(function Ticket() {
    const { value } = useTopic("ticket/launch.0.1");
    const call = useCall("claim");
    run = call.run;
    return `${value?.state} ${call.busy} ${call.answer?.status ?? call.problem?.code ?? ""}`;
  });
  open();
  await answer({ state: "called", until: null });
  const guess = { topic: "ticket/launch.0.1", apply: (state) => ({ ...state, state: "active" }) };
  let told;
  act(() => {
    told = run({ args: {}, guess });
  });
  assert.equal(place.textContent, "active true ");
  const [{ id }] = sockets.last.news();
  const delta = { delta: "ticket", state: "active", until: 7 };
  await act(async () => {
    sockets.last.hear({ type: "result", id, position: at(6), answer: { status: "active" } });
    sockets.last.hear({ type: "delta", topic: "ticket/launch.0.1", before: at(5), after: at(6), delta });
    await told;
  });
  assert.equal(place.textContent, "active false active");
});

test("on a server nothing is followed, and nothing is shown yet", () => {
  const client = new Tidegate({ url: "http://gate", org: "demo" });
  const Day = () => {
    const { value } = useDay({ resource: "mics", date: "2026-12-07", tz: "UTC" });
    return `${useConnection()} ${value}`;
  };
  assert.equal(renderToString(createElement(TidegateProvider, { client }, createElement(Day))), "idle null");
});
