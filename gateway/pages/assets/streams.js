/** The protocol of streams: as tables, and to be tried by hand, without the client library in between. */

import { made, table } from "./making.js";

const SAID_MAX = 300;

const TABLES = [
  {
    title: "What a client says",
    names: ["type", "with", "means"],
    rows: [
      [
        "subscribe",
        "id, topic or topics, from?, token?",
        "Follow it; from a position, go on there. A booking's own token opens its topic.",
      ],
      ["unsubscribe", "id, topic", "Follow it no longer."],
      [
        "call",
        "id, command, args?, body?, key?, timeout_ms?, pass?",
        "Have something done, as over HTTP; with a key, once.",
      ],
      [
        "sync",
        "id, position?",
        "Tell me when everything through there has been told: or through now. After 10 s in vain it is refused as `behind`.",
      ],
    ],
  },
  {
    title: "What it is told",
    names: ["type", "with", "means"],
    rows: [
      ["hello", "epoch, session", "The first message: which log it is, and by what session you are taken."],
      ["snapshot", "id, topic, position, state", "The topic as it is; deltas go on from there."],
      ["resumed", "id, topic, position", "You stood there, and deltas go on from there."],
      [
        "reset",
        "id, topic, position, why, state",
        "You could not go on: the topic as it is, and why (too_old, other_log, slow, missed).",
      ],
      ["delta", "topic, before, after, delta", "What changed, between two positions."],
      ["unsubscribed", "id, topic", "It is followed no longer."],
      ["result", "id, position, answer", "What came of a call, and where in the log that is."],
      ["synced", "id, position", "Everything through there has been told."],
      [
        "error",
        "id, topic?, code, detail, fault, retry_after_ms?",
        "A problem, as over HTTP; with a topic, that one cannot be followed, or not any more.",
      ],
      ["goaway", "why, after_ms", "Come back to this gateway, or another, and not before so long."],
    ],
  },
  {
    title: "Topics",
    names: ["topic", "needs", "is"],
    rows: [
      ["day/<resource>/<date>", "slots.read", "capacity, and what is taken and blocked of the 96 slots of a UTC date"],
      ["holds/<resource>/<date>", "slots.read", "what is held there, which changes every few seconds"],
      ["month/<resource>/<yyyy-mm>", "slots.read", "what is busy on each date of a month"],
      [
        "room/<room>",
        "rooms.read",
        "a waiting room: its phase, its lanes, how many wait in each block of 1,024 places",
      ],
      ["block/<room>/<n>", "rooms.read", "who waits at those places, as bits"],
      ["ticket/<ticket>", "rooms.read", "how a ticket stands; followed by whose it is, it is kept alive"],
      ["numbers/<room>", "numbers.read", "a room in numbers, for those who run it"],
      ["booking/<booking>", "bookings.read, or its token", "a booking, without whom it is for"],
      ["bookings", "bookings.read", "the bookings that change"],
      ["status", "slots.read", "whether everything runs"],
    ],
  },
  {
    title: "In which order, and how much at once",
    names: ["of", "holds"],
    rows: [
      [
        "calls",
        "They run side by side. Of two that are sent without waiting, either may be done first, and answered first: a `reschedule` and a `cancel` of one booking may cancel it, and then there is nothing to move. Where the order matters, wait for the `result` of the first.",
      ],
      [
        "requests",
        "At most 16 of a socket, `call` and `subscribe` together, are under way at once. One more is an `error`, `too_many_requests`: ask again after its `retry_after_ms`.",
      ],
      [
        "topics",
        "At most 64 of a socket. Many go into one `subscribe`, as `topics: […]`: that is one request, they begin as of one moment, and a `synced` of the same id stands behind them.",
      ],
      ["messages", "At most 50 a second, and 200 in a burst. Whoever says more is sent away."],
    ],
  },
  {
    title: "What a delta is to you",
    names: ["it", "so"],
    rows: [
      ["leads no further than where you stand", "you have it already: ignore it"],
      ["begins where you stand", "take it in"],
      [
        "is of a room, a block or numbers, and began before where you stand",
        "take it in: it says how things are, not how they differ",
      ],
      ["is anything else", "something was missed: unsubscribe, and subscribe anew without a position"],
    ],
  },
  {
    title: "Commands of call",
    names: ["command", "args", "body"],
    rows: [
      ["hold", "", "as POST /holds"],
      ["keep_hold", "hold", ""],
      ["release_hold", "hold", ""],
      ["book", "", "as POST /bookings"],
      ["confirm", "booking", "manage_token"],
      ["cancel", "booking", "manage_token, reason"],
      ["reschedule", "booking", "as POST …/reschedule"],
      ["stand_by", "", "as POST /standby"],
      ["stand_down", "standby", ""],
      ["join", "room", "as POST …/tickets"],
      ["heartbeat", "room, ticket", ""],
      ["claim", "room, ticket", ""],
      ["leave", "room, ticket", ""],
    ],
  },
];
const TODAY = new Date().toISOString().slice(0, 10);
const EXAMPLES = {
  "follow a day": { type: "subscribe", id: 1, topic: `day/studio-south/${TODAY}` },
  "follow several": {
    type: "subscribe",
    id: 6,
    topics: [`day/studio-north/${TODAY}`, `day/studio-south/${TODAY}`, "room/launch"],
  },
  "follow its holds": { type: "subscribe", id: 2, topic: `holds/studio-south/${TODAY}` },
  "follow a room": { type: "subscribe", id: 3, topic: "room/launch" },
  "stand in line": { type: "call", id: 4, command: "join", args: { room: "launch" }, body: {} },
  "what has happened so far": { type: "sync", id: 5 },
};

const byId = (id) => document.getElementById(id);
let socket = null;

function draw() {
  const parts = TABLES.map(({ title, names, rows }) => {
    const told = rows.map(([first, ...rest]) => {
      return [made("td", {}, [names.length > 2 ? made("code", {}, first) : first]), ...rest];
    });
    return made("section", {}, [made("h2", {}, title), table(names, told)]);
  });
  byId("tables").append(...parts);
  byId("examples").append(...Object.keys(EXAMPLES).map((name) => made("option", {}, name)));
  choose();
}

function choose() {
  byId("message").value = JSON.stringify(EXAMPLES[byId("examples").value]);
}

function note(text, ours = false) {
  const list = byId("said");
  const follows = list.scrollTop + list.clientHeight > list.scrollHeight - 20;
  list.append(made("li", ours ? { class: "ours" } : {}, text));
  if (list.childElementCount > SAID_MAX) list.firstElementChild.remove();
  if (follows) list.scrollTop = list.scrollHeight;
}

function show(is, words) {
  byId("connection").dataset.is = is;
  byId("connection-words").textContent = words;
  byId("connect").textContent = is === "idle" ? "Connect" : "Close";
}

/** @returns {Promise<WebSocket>} */
function connected() {
  if (socket) return Promise.resolve(socket);
  const token = byId("token").value.trim();
  const protocols = ["tidegate.v1", ...(token ? [`bearer.${encodeURIComponent(token)}`] : [])];
  const at = `${location.origin.replace(/^http/, "ws")}/v1/${encodeURIComponent(byId("org").value)}/stream`;
  const opening = new WebSocket(at, protocols);
  show("connecting", "connecting");
  return new Promise((resolve, reject) => {
    opening.onopen = () => {
      socket = opening;
      show("open", "connected");
      resolve(opening);
    };
    opening.onmessage = ({ data }) => note(data);
    opening.onclose = ({ code, reason }) => {
      note(`closed: ${code} ${reason}`);
      socket = null;
      show("idle", "not connected");
      reject(new Error("it was closed"));
    };
  });
}

byId("examples").addEventListener("change", choose);
byId("asker").addEventListener("submit", (event) => event.preventDefault());
byId("connect").addEventListener("click", () => (socket ? socket.close() : connected().catch(() => {})));
byId("sender").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const to = await connected();
    note(byId("message").value, true);
    to.send(byId("message").value);
  } catch {
    return; // that it was closed stands among what was said
  }
});
draw();
