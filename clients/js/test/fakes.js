/** A gateway that says what a test lets it say: over HTTP, and over sockets. */

/**
 * A `fetch` that gives these answers, one after another, and remembers what it was asked.
 * @param {({ status?: number, body?: any, headers?: Record<string, string> } | Error)[]} answers
 */
export function fakeFetch(answers) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ url, ...init, headers: { ...init.headers } });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    const { status = 200, body = {}, headers = {} } = answer;
    return new Response(JSON.stringify(body), { status, headers });
  };
  return Object.assign(fetch, { asked });
}

export const busy = {
  status: 503,
  body: { code: "busy", detail: "too much", fault: "busy", retry_after_ms: 5, status: 503 },
};
export const taken = {
  status: 409,
  body: { code: "taken", detail: "somebody was quicker", fault: "late", status: 409 },
};
export const EPOCH = "0123456789ab";

/** Sockets that a test opens, fills and breaks by hand. */
export class FakeSockets {
  /** @type {FakeSocket[]} */
  all = [];
  WebSocket;

  constructor() {
    const { all } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url, protocols) {
        super(url, protocols);
        all.push(this);
      }
    };
  }

  get last() {
    return this.all.at(-1);
  }

  /** The last one opens, and the gateway says hello. */
  open(session = "") {
    this.last.onopen();
    this.last.hear({ type: "hello", id: null, epoch: EPOCH, session });
  }
}

class FakeSocket {
  said = [];
  closed = false;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    this.said.push(JSON.parse(text));
  }

  /** What was said since this was asked last. */
  news() {
    return this.said.splice(0);
  }

  hear(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  close() {
    this.closed = true;
  }

  /** The line is cut. */
  cut() {
    this.onclose();
  }
}

export const at = (sequence) => `${EPOCH}:${sequence}`;
export const snapshot = (id, topic, sequence, state) => ({
  type: "snapshot",
  id,
  topic,
  position: at(sequence),
  state,
});
export const ticketDelta = (topic, before, after, state) => {
  return { type: "delta", topic, before: at(before), after: at(after), delta: { delta: "ticket", state } };
};
