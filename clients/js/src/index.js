/**
 * Tidegate's client: everything over HTTP, and live.
 *
 *     const tidegate = new Tidegate({ url: "http://127.0.0.1:8080", org: "demo" });
 *     const day = tidegate.day({ resource: "studio-north", date: "2026-12-07", tz: "Europe/Berlin" });
 *     day.subscribe(() => console.log(day.value));
 */

export { Tidegate } from "./client.js";
export { Stream } from "./stream.js";
export { Topic } from "./topic.js";
export { View, TicketView } from "./views.js";
export { Holding } from "./holding.js";
export { Problem } from "./problem.js";
export { Dialogue } from "./dialogue.js";
export { after, does, reached, StartOver } from "./deltas.js";
export { slotsOf, visitOf } from "./slots.js";
export { aheadOf } from "./places.js";
export { localClock, localDate, localDay } from "./clocks.js";
export { doWork } from "./work.js";
export { verifyWebhook } from "./webhooks.js";
