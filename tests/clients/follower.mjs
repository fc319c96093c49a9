// Follows a topic at one of several gateways, and prints what it is told, line by line: `node follower.mjs <topic> <url> …`

import { Tidegate } from "../../clients/js/src/index.js";

const [, , name, ...urls] = process.argv;
const WebSocket = globalThis.WebSocket ?? (await import("../../clients/js/node_modules/ws/wrapper.mjs")).default;
const tidegate = new Tidegate({ url: urls, org: "demo", WebSocket });
const print = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);
const topic = tidegate.stream.topic(name);
topic.subscribe((news) => news && print({ topic: name, why: news.why, reason: news.reason, position: topic.position, state: topic.state }));
tidegate.stream.subscribe(() => print({ connection: tidegate.stream.connection }));
