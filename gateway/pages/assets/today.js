/**
 * The first page: an organisation's calendars of a day, and its waiting rooms, as they change.
 *
 * It is a client as any other: what it shows comes over one stream of `tidegate/`, the client library, and is drawn
 * anew where it changed. What no topic tells (opening hours, how many are inside a room, how long a newcomer would
 * wait) is asked for over HTTP, now and then and whenever the room has changed.
 */

import { Tidegate, localClock, localDate } from "./tidegate/index.js";
import { openSlots } from "./hours.js";
import { made, minutes, runsOf, seconds } from "./making.js";

const ASK_EVERY_MS = 5_000;
const ASK_SOON_MS = 400;
const CATALOG_EVERY_MS = 60_000;
const CLOCK_EVERY_MS = 10_000;
const TELL_EVERY_MS = 8_000;
const DAY_MS = 86_400_000;
const WORDS = { free: "free", held: "held", full: "busy", blocked: "out of use", closed: "closed" };
const PHASES = {
  scheduled: "not open yet",
  pre_queue: "gathering",
  open: "open",
  paused: "paused",
  draining: "closing",
  closed: "closed",
};
const REASONS = { measuring: "a first guess, while it is measured", slower: "it goes slower than before" };
const SILENT = {
  paused: "Nobody is called while it is paused.",
  not_open_yet: "It is not open yet.",
  draining: "Nobody else is let in: it is about to close.",
  closed: "It is closed.",
};

const byId = (id) => document.getElementById(id);
const org = new URLSearchParams(location.search).get("org") || "demo";
const tidegate = new Tidegate({ url: location.origin, org, cookies: true });
/** @type {Map<string, ReturnType<typeof calendar>>} */
const calendars = new Map();
const boards = new Map();
let schedules = new Map();
let daysAway = 0;

// Calendars

function calendar(resource) {
  const left = made("span", { class: "left" });
  const place = made("span", { class: "place" });
  const strip = made("div", { class: "strip", role: "img" });
  const hours = made("div", { class: "hours", "aria-hidden": "true" });
  const runs = made("ol", { class: "runs" });
  const name = made("h3", {}, resource.name || resource.id);
  const element = made("article", { class: "resource", "data-resource": resource.id }, [
    made("div", { class: "about" }, [name, place, left]),
    strip,
    hours,
    runs,
  ]);
  let stop = () => {};
  let view = null;
  let date = "";

  function follow() {
    const wanted = localDate(Date.now() + daysAway * DAY_MS, resource.time_zone);
    if (wanted === date) return;
    stop();
    date = wanted;
    view = tidegate.day({ resource: resource.id, date, tz: resource.time_zone });
    stop = view.subscribe(draw);
    draw();
  }

  function draw() {
    const now = Date.now();
    place.textContent = [resource.time_zone.replaceAll("_", " "), localClock(now, resource.time_zone)].join(" · ");
    const day = view.value;
    element.toggleAttribute("data-stale", day !== null && !view.current);
    if (!day) {
      left.textContent = view.problem ? view.problem.detail : "";
      return;
    }
    const open = openSlots(schedules.get(resource.schedule), day);
    const slots = day.slots.map((slot, at) => (open[at] || slot.use !== "free" ? slot : { ...slot, use: "closed" }));
    const found = runsOf(slots, day.end);
    drawStrip(found, day, now);
    drawRuns(found, day);
    left.textContent = leftOf(found, day, now);
  }

  let drawn = "";
  function drawStrip(found, day, now) {
    const length = day.end - day.start;
    const share = (ms) => `${(100 * ms) / length}%`;
    const spelled = JSON.stringify([day.date, day.capacity, found]);
    if (spelled !== drawn) {
      drawn = spelled;
      const blocks = found.map((run) => {
        const words = `${run.clock}–${run.endClock} ${spoken(run, day)}`;
        const block = made("span", {
          class: "run",
          "data-use": run.use,
          "data-start": run.clock,
          title: words,
        });
        block.style.left = share(run.start - day.start);
        block.style.width = share(run.end - run.start);
        if (run.use === "free" && run.units < day.capacity) {
          const part = made("i");
          part.style.height = share(((day.capacity - run.units) / day.capacity) * length);
          block.append(part);
        }
        return block;
      });
      strip.replaceChildren(...blocks, made("span", { class: "now" }));
      strip.setAttribute(
        "aria-label",
        `${day.date}: ${found.map((run) => `${run.clock} ${spoken(run, day)}`).join(", ")}`,
      );
      const ticks = day.slots.filter(({ clock }) => clock.endsWith(":00") && Number(clock.slice(0, 2)) % 6 === 0);
      const marks = [...ticks.map(({ clock, start }) => [clock, start]), ["24:00", day.end]].map(([clock, start]) => {
        const mark = made("span", {}, clock);
        mark.style.left = share(start - day.start);
        return mark;
      });
      hours.replaceChildren(...marks);
    }
    const line = strip.querySelector(".now");
    line.hidden = now < day.start || now >= day.end;
    line.style.left = share(now - day.start);
  }

  function drawRuns(found, day) {
    const told = found.filter(({ use }) => use !== "closed");
    const items = told.map((run) => {
      return made("li", { "data-is": run.use }, [
        made("b", {}, `${run.clock}–${run.endClock}`),
        ` ${spoken(run, day)}`,
      ]);
    });
    runs.replaceChildren(...(items.length ? items : [made("li", {}, "closed all day")]));
  }

  function drop() {
    stop();
    element.remove();
  }

  return { element, follow, draw, drop };
}

function spoken(run, day) {
  if (run.use !== "free" || day.capacity === 1) return WORDS[run.use];
  return `${run.units} of ${day.capacity} free`;
}

/** What is left of the day, in words. */
function leftOf(runs, day, now) {
  const free = runs.filter(({ use, end }) => use === "free" && end > now);
  const ms = free.reduce((sum, run) => sum + run.end - Math.max(run.start, now), 0);
  if (!free.length)
    return runs.every(({ use }) => use === "closed") ? "closed" : day.end <= now ? "over" : "nothing left";
  const [next] = free;
  const when = next.start <= now ? "free now" : `free from ${next.clock}`;
  return `${when} · ${minutes(ms)} left`;
}

// Waiting rooms

function board(room) {
  const name = made("h3", {}, room);
  const phase = made("span", { class: "phase" });
  const [waiting, called, inside] = [made("dd"), made("dd"), made("dd")];
  const newcomer = made("p", { class: "newcomer" });
  const announcement = made("p", { class: "announcement", hidden: "" });
  const lanes = made("ul", { class: "lanes", hidden: "" });
  const element = made("article", { class: "room", "data-room": room }, [
    made("div", { class: "about" }, [name, phase]),
    made("dl", {}, [
      made("div", { "data-is": "waiting" }, [made("dt", {}, "waiting"), waiting]),
      made("div", { "data-is": "called" }, [made("dt", {}, "called through"), called]),
      made("div", { "data-is": "inside" }, [made("dt", {}, "inside"), inside]),
    ]),
    announcement,
    newcomer,
    lanes,
  ]);
  const view = tidegate.roomView(room);
  let [active, eta, soon] = [null, null, null];

  function draw() {
    const shown = view.value;
    element.toggleAttribute("data-stale", shown !== null && !view.current);
    if (!shown) {
      newcomer.textContent = view.problem ? view.problem.detail : "";
      return;
    }
    name.textContent = shown.about.title || room;
    phase.textContent = PHASES[shown.phase];
    phase.dataset.phase = shown.phase;
    waiting.textContent = String(shown.waiting);
    const ordinary = shown.lanes.find(({ lane }) => lane === "");
    called.textContent = String(ordinary?.calledThrough ?? 0);
    inside.textContent = active === null ? "–" : String(active);
    announcement.hidden = !shown.about.announcement;
    announcement.textContent = shown.about.announcement;
    newcomer.textContent = eta ? expected(eta) : "";
    lanes.hidden = shown.lanes.length < 2;
    lanes.replaceChildren(
      ...shown.lanes.map(({ lane, title, waiting: many }) => {
        return made("li", {}, `${title || lane || "everybody else"}: ${many} waiting`);
      }),
    );
  }

  /** What is told by no topic. */
  async function ask() {
    try {
      eta = (await tidegate.room(room)).newcomer;
    } catch {
      return; // it is asked again soon, and the connection says what is wrong
    }
    draw();
  }

  const stop = view.subscribe(() => {
    draw();
    clearTimeout(soon);
    soon = setTimeout(askRooms, ASK_SOON_MS);
  });
  draw();

  return {
    element,
    ask,
    counted(many) {
      active = many;
      draw();
    },
    spoken() {
      const shown = view.value;
      if (!shown) return "";
      return `${shown.about.title || room}: ${PHASES[shown.phase]}, ${shown.waiting} waiting, ${active ?? "unknown"} inside.`;
    },
    drop() {
      stop();
      clearTimeout(soon);
      element.remove();
    },
  };
}

function expected({ low_s: low, high_s: high, reason }) {
  if (SILENT[reason]) return SILENT[reason];
  const why = REASONS[reason] ? ` (${REASONS[reason]})` : "";
  if (high === null) return `Nobody can say how long a newcomer waits${why}.`;
  if (high < 5) return `A newcomer comes in at once${why}.`;
  return `A newcomer waits ${seconds(low)} to ${seconds(high)}${why}.`;
}

// What there is

/** Show those that there are, in their order, and no others. */
function arrange(into, shown, wanted, make) {
  for (const [id, one] of shown) {
    if (wanted.has(id)) continue;
    one.drop();
    shown.delete(id);
  }
  for (const [id, about] of wanted) if (!shown.has(id)) shown.set(id, make(about));
  into.append(...[...wanted.keys()].map((id) => shown.get(id).element));
}

async function askCatalog() {
  try {
    const [resources, found] = await Promise.all([tidegate.resources(), tidegate.schedules()]);
    schedules = new Map(found.map((schedule) => [schedule.id, schedule]));
    const ordered = resources.sort((one, other) => Number(other.standalone) - Number(one.standalone));
    arrange(byId("resources"), calendars, new Map(ordered.map((one) => [JSON.stringify(one), one])), calendar);
    for (const one of calendars.values()) one.follow();
    drawAll();
    say(
      resources.length
        ? ""
        : `There is nothing in the organisation “${org}” yet. \`tidegate demo\` puts something there.`,
    );
  } catch (problem) {
    say(problem.detail ?? String(problem));
  }
}

async function askRooms() {
  try {
    const rooms = await tidegate.rooms();
    byId("rooms-title").closest("section").hidden = rooms.length === 0;
    arrange(byId("rooms"), boards, new Map(rooms.map(({ id }) => [id, id])), board);
    for (const { id, active } of rooms) boards.get(id).counted(active);
    await Promise.all([...boards.values()].map((one) => one.ask()));
  } catch {
    return; // it is asked again soon, and the connection says what is wrong
  }
}

function drawAll() {
  for (const one of calendars.values()) one.draw();
}

function goTo(days) {
  daysAway = days;
  const names = new Map([
    [-1, "Yesterday"],
    [0, "Today"],
    [1, "Tomorrow"],
  ]);
  const format = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
  byId("calendar-title").textContent = names.get(days) ?? format.format(Date.now() + days * DAY_MS);
  for (const one of calendars.values()) one.follow();
}

// The page

function say(words) {
  byId("note").hidden = !words;
  byId("note").textContent = words;
}

function drawConnection() {
  const { connection, triesAt, problem } = tidegate.stream;
  const words = {
    idle: "connecting",
    connecting: "connecting",
    open: "live",
    closed: "closed",
    waiting: `reconnecting${triesAt > Date.now() + 1_500 ? ` in ${Math.ceil((triesAt - Date.now()) / 1_000)} s` : ""}`,
    failed: problem?.detail ?? "not connected",
  };
  byId("connection").dataset.is = connection;
  if (byId("connection-words").textContent !== words[connection])
    byId("connection-words").textContent = words[connection];
}

/** For who hears the page and does not see it: what the boards say, and not more often than one can listen to. */
let told = "";
function tellBoard() {
  const words = [...boards.values()].map((one) => one.spoken()).join(" ");
  if (words !== told) byId("board").textContent = told = words;
}

byId("org").textContent = org;
byId("earlier").addEventListener("click", () => goTo(daysAway - 1));
byId("today").addEventListener("click", () => goTo(0));
byId("later").addEventListener("click", () => goTo(daysAway + 1));
tidegate.stream.subscribe(drawConnection);
tidegate.stream.connect();
drawConnection();
setInterval(drawConnection, 1_000);
setInterval(tellBoard, TELL_EVERY_MS);
setInterval(() => document.hidden || askRooms(), ASK_EVERY_MS);
setInterval(() => document.hidden || askCatalog(), CATALOG_EVERY_MS);
setInterval(() => {
  for (const one of calendars.values()) one.follow();
  drawAll();
}, CLOCK_EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || (drawAll(), askRooms()));
await Promise.all([askCatalog(), askRooms()]);
