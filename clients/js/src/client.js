/**
 * Tidegate's public surface, one method for each thing that can be asked. Names of fields are those of the wire. It
 * is whole in one module because it is one table.
 *
 * Every write is done once, however often the network makes us ask; every read is at least as new as the last answer.
 */

import { Calling, path } from "./calling.js";
import { Holding } from "./holding.js";
import { Problem } from "./problem.js";
import { Stream } from "./stream.js";
import { dayView, monthView, roomView, TicketView } from "./views.js";
import { doWork, whoseWork } from "./work.js";

/** @import { Caller, Options } from "./calling.js" */
/** @import { SocketClass } from "./stream.js" */
/** @import * as wire from "./wire.js" */

const NO_SOCKET =
  "there is no WebSocket here (Node has its own from 22 on): " +
  'npm install ws; import WebSocket from "ws"; new Tidegate({ …, WebSocket })';

export class Tidegate {
  #calling;
  #WebSocket;
  /** @type {Stream | null} */
  #stream = null;
  /** By whom our places in lines are, once a session has begun: work is done for this name. */
  visitor = "";

  /**
   * @param {Caller & { WebSocket?: SocketClass }} caller where there is no `WebSocket` (Node before 22), one has to be
   *   given: that of the package `ws`
   */
  constructor(caller) {
    this.#calling = new Calling(caller);
    this.#WebSocket = caller.WebSocket;
  }

  get url() {
    return this.#calling.url;
  }

  get org() {
    return this.#calling.org;
  }

  /** The last position that an answer named. */
  get position() {
    return this.#calling.position;
  }

  /** What says who asks: an API key, or a session's token. */
  get token() {
    return this.#calling.token;
  }

  set token(token) {
    if (token === this.#calling.token) return;
    this.#calling.token = token;
    this.#stream?.renew();
  }

  /**
   * Begin a session, and be that visitor from here on. A browser on a page of the gateway's own keeps it as a cookie,
   * which no script can read.
   * @param {Options} [options]
   * @returns {Promise<wire.SessionBegun>}
   */
  async begin(options) {
    const begun = await this.#post(path`/sessions`, undefined, options);
    this.visitor = begun.visitor;
    if (this.#calling.cookies) this.#stream?.renew();
    else this.token = begun.token;
    return begun;
  }

  // What there is

  /** @param {Options} [options] @returns {Promise<wire.Resource[]>} */
  resources(options) {
    return this.#get(path`/resources`, {}, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<wire.Resource>} */
  resource(id, options) {
    return this.#get(path`/resources/${id}`, {}, options);
  }
  /**
   * @param {string} id
   * @param {wire.ResourceWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<{ id: string }>}
   */
  putResource(id, wanted, options) {
    return this.#put(path`/resources/${id}`, wanted, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
  retireResource(id, options) {
    return this.#delete(path`/resources/${id}`, options);
  }
  /** @param {Options} [options] @returns {Promise<wire.Schedule[]>} */
  schedules(options) {
    return this.#get(path`/schedules`, {}, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<wire.Schedule>} */
  schedule(id, options) {
    return this.#get(path`/schedules/${id}`, {}, options);
  }
  /**
   * All of it. The `holidays` of one that was read follow from its `region`, and are not sent.
   * @param {string} id
   * @param {wire.ScheduleWanted & { holidays?: object }} wanted
   * @param {Options} [options]
   * @returns {Promise<{ id: string }>}
   */
  putSchedule(id, { holidays: _, ...wanted }, options) {
    return this.#put(path`/schedules/${id}`, wanted, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
  removeSchedule(id, options) {
    return this.#delete(path`/schedules/${id}`, options);
  }
  /** @param {Options} [options] @returns {Promise<wire.EventType[]>} */
  eventTypes(options) {
    return this.#get(path`/event-types`, {}, options);
  }
  /** @param {string} slug @param {Options} [options] @returns {Promise<wire.EventType>} */
  eventType(slug, options) {
    return this.#get(path`/event-types/${slug}`, {}, options);
  }
  /**
   * @param {string} slug
   * @param {wire.EventTypeWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<{ id: string }>}
   */
  putEventType(slug, wanted, options) {
    return this.#put(path`/event-types/${slug}`, wanted, options);
  }
  /** @param {string} slug @param {Options} [options] @returns {Promise<{ id: string }>} */
  removeEventType(slug, options) {
    return this.#delete(path`/event-types/${slug}`, options);
  }

  // When it is free

  /**
   * The starts of a day, in order.
   * @param {wire.SlotsAsked} asked
   * @param {Options} [options]
   * @returns {Promise<wire.Slot[]>}
   */
  slots(asked, options) {
    return this.#get(path`/slots`, asked, options);
  }
  /**
   * By dates.
   * @param {wire.MonthsAsked} asked
   * @param {Options} [options]
   * @returns {Promise<Record<string, boolean>>}
   */
  months(asked, options) {
    return this.#get(path`/months`, asked, options);
  }

  // Holds

  /** @param {wire.Wanted} wanted @param {Options} [options] @returns {Promise<wire.HoldPlaced>} */
  hold(wanted, options) {
    return this.#post(path`/holds`, wanted, options);
  }
  /** @param {string} hold @param {Options} [options] @returns {Promise<wire.HoldKept>} */
  keepHold(hold, options) {
    return this.#post(path`/holds/${hold}/heartbeat`, undefined, options);
  }
  /** @param {string} hold @param {Options} [options] @returns {Promise<{ hold: string }>} */
  releaseHold(hold, options) {
    return this.#delete(path`/holds/${hold}`, options);
  }
  /**
   * Hold slots and keep them by heartbeats, until they are released, booked or lost.
   * @param {wire.Wanted} wanted @param {Options} [options] @returns {Promise<Holding>}
   */
  async holding(wanted, options) {
    const placed = await this.hold(wanted, options);
    return new Holding(placed, {
      keep: () => this.keepHold(placed.hold),
      release: () => this.releaseHold(placed.hold),
    });
  }

  // Bookings

  /** @param {wire.BookWanted} wanted @param {Options} [options] @returns {Promise<wire.Booked>} */
  book(wanted, options) {
    return this.#post(path`/bookings`, wanted, options);
  }
  /**
   * @param {string} booking @param {{ manageToken?: string, tz?: string } & Options} [options]
   * @returns {Promise<wire.Booking>}
   */
  booking(booking, { manageToken, tz, ...options } = {}) {
    /** @type {Record<string, string>} */
    const headers = manageToken ? { "Tidegate-Manage-Token": manageToken } : {};
    return this.#calling.ask("GET", path`/bookings/${booking}`, { query: { tz }, headers }, options);
  }
  /**
   * A page of them.
   * @param {wire.BookingsAsked} [asked]
   * @param {Options} [options]
   * @returns {Promise<wire.BookingsPage>}
   */
  bookingsPage(asked, options) {
    return this.#get(path`/bookings`, asked ?? {}, options);
  }
  /**
   * All of them, page after page.
   * @param {wire.BookingsAsked} [asked]
   * @param {Options} [options]
   * @returns {AsyncGenerator<wire.Booking>}
   */
  async *bookings(asked, options) {
    let cursor = asked?.cursor ?? "";
    do {
      const page = await this.bookingsPage({ ...asked, cursor }, options);
      yield* page.bookings;
      ({ cursor } = page);
    } while (cursor);
  }
  /** @param {string} booking @param {wire.Managed} [by] @param {Options} [options] @returns {Promise<wire.Changed>} */
  confirm(booking, by = {}, options) {
    return this.#post(path`/bookings/${booking}/confirm`, by, options);
  }
  /**
   * @param {string} booking
   * @param {wire.Explained} [by]
   * @param {Options} [options]
   * @returns {Promise<wire.Changed>}
   */
  decline(booking, by = {}, options) {
    return this.#post(path`/bookings/${booking}/decline`, by, options);
  }
  /**
   * @param {string} booking
   * @param {wire.Explained} [by]
   * @param {Options} [options]
   * @returns {Promise<wire.Changed>}
   */
  cancel(booking, by = {}, options) {
    return this.#post(path`/bookings/${booking}/cancel`, by, options);
  }
  /**
   * @param {string} booking
   * @param {wire.MoveWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<wire.Changed>}
   */
  reschedule(booking, wanted, options) {
    return this.#post(path`/bookings/${booking}/reschedule`, wanted, options);
  }
  /** @param {string} booking @param {Options} [options] @returns {Promise<wire.Changed>} */
  complete(booking, options) {
    return this.#post(path`/bookings/${booking}/complete`, undefined, options);
  }
  /** @param {string} booking @param {Options} [options] @returns {Promise<wire.Changed>} */
  noShow(booking, options) {
    return this.#post(path`/bookings/${booking}/no-show`, undefined, options);
  }
  /**
   * @param {wire.StandbyWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<{ standby: string, ahead: number }>}
   */
  standBy(wanted, options) {
    return this.#post(path`/standby`, wanted, options);
  }
  /** @param {string} standby @param {Options} [options] @returns {Promise<{ standby: string }>} */
  standDown(standby, options) {
    return this.#delete(path`/standby/${standby}`, options);
  }

  // Waiting rooms

  /** @param {Options} [options] @returns {Promise<wire.RoomLine[]>} */
  rooms(options) {
    return this.#get(path`/rooms`, {}, options);
  }
  /** @param {string} room @param {Options} [options] @returns {Promise<wire.Room>} */
  room(room, options) {
    return this.#get(path`/rooms/${room}`, {}, options);
  }
  /** @param {string} room @param {Options} [options] @returns {Promise<any>} */
  roomNumbers(room, options) {
    return this.#get(path`/rooms/${room}/numbers`, {}, options);
  }
  /**
   * @param {string} room
   * @param {wire.RoomWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<{ room: string, phase: wire.Phase }>}
   */
  putRoom(room, wanted, options) {
    return this.#put(path`/rooms/${room}`, wanted, options);
  }
  /**
   * @param {string} room
   * @param {wire.RoomStep} step
   * @param {Options} [options]
   * @returns {Promise<{ room: string, phase: wire.Phase }>}
   */
  stepRoom(room, step, options) {
    return this.#post(path`/rooms/${room}/${step}`, undefined, options);
  }
  /**
   * @param {string} room @param {{ secret: string, beacon?: string }} wanted @param {Options} [options]
   * @returns {Promise<{ seed: string, drawn: Record<string, number> }>}
   */
  drawRoom(room, wanted, options) {
    return this.#post(path`/rooms/${room}/draw`, wanted, options);
  }
  /**
   * Whether the pass opens the room now.
   * @param {string} room
   * @param {string} pass
   * @param {Options} [options]
   * @returns {Promise<wire.PassGood>}
   */
  checkPass(room, pass, options) {
    return this.#get(path`/rooms/${room}/check`, {}, { ...options, pass });
  }

  // Tickets

  /**
   * Stand in line; whoever stands there already gets their own place again.
   * @param {string} room
   * @param {wire.JoinWanted} [wanted]
   * @param {Options} [options]
   * @returns {Promise<wire.Joined>}
   */
  join(room, wanted = {}, options) {
    return this.#post(path`/rooms/${room}/tickets`, wanted, options);
  }
  /**
   * Stand in line, and do the work that the room may ask for.
   * @param {string} room @param {wire.JoinWanted} [wanted] @param {Options} [options] @returns {Promise<wire.Joined>}
   */
  async standInLine(room, wanted = {}, options = {}) {
    try {
      return await this.join(room, wanted, options);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== "work_needed" || !this.visitor) throw problem;
    }
    const about = await this.room(room, options);
    const whose = whoseWork(about, this.visitor, wanted.identity ?? "");
    const work = await doWork(room, whose, about.work_bits, { signal: options.signal });
    return this.join(room, { ...wanted, work }, options);
  }
  /** @param {string} ticket @param {Options} [options] @returns {Promise<wire.Ticket>} */
  ticket(ticket, options) {
    return this.#get(path`/rooms/${roomOf(ticket)}/tickets/${ticket}`, {}, options);
  }
  /**
   * Still here; an open stream that follows the ticket says so by itself.
   * @param {string} ticket
   * @param {Options} [options]
   * @returns {Promise<wire.Alive>}
   */
  heartbeat(ticket, options) {
    return this.#post(path`/rooms/${roomOf(ticket)}/tickets/${ticket}/heartbeat`, undefined, options);
  }
  /** Come in, with the pass. @param {string} ticket @param {Options} [options] @returns {Promise<wire.Seat>} */
  claim(ticket, options) {
    return this.#post(path`/rooms/${roomOf(ticket)}/tickets/${ticket}/claim`, undefined, options);
  }
  /** @param {string} ticket @param {Options} [options] @returns {Promise<{ ticket: string }>} */
  leave(ticket, options) {
    return this.#post(path`/rooms/${roomOf(ticket)}/tickets/${ticket}/leave`, undefined, options);
  }
  /** @param {string} ticket @param {Options} [options] @returns {Promise<{ ticket: string }>} */
  revoke(ticket, options) {
    return this.#post(path`/rooms/${roomOf(ticket)}/tickets/${ticket}/revoke`, undefined, options);
  }
  /**
   * Come back when the ticket was called, however long that takes; throw when it is over. Whoever waits so is there.
   * @param {string} ticket @param {{ signal?: AbortSignal }} [options]
   */
  wait(ticket, { signal } = {}) {
    return this.ticketView(ticket).called(signal);
  }

  // Who may ask, and who is told

  /** @param {wire.KeyWanted} wanted @param {Options} [options] @returns {Promise<wire.KeyTold>} */
  issueKey(wanted, options) {
    return this.#post(path`/keys`, wanted, options);
  }
  /**
   * @param {{ ended?: boolean, cursor?: string, limit?: number }} [asked] @param {Options} [options]
   * @returns {Promise<{ keys: wire.KeyShown[], ended: any[], cursor: string }>}
   */
  keys(asked, options) {
    return this.#get(path`/keys`, asked ?? {}, options);
  }
  /**
   * @param {string} id
   * @param {{ overlap_s?: number }} [wanted]
   * @param {Options} [options]
   * @returns {Promise<wire.KeyTold>}
   */
  rotateKey(id, wanted = {}, options) {
    return this.#post(path`/keys/${id}/rotate`, wanted, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
  revokeKey(id, options) {
    return this.#delete(path`/keys/${id}`, options);
  }
  /** @param {Options} [options] @returns {Promise<any[]>} */
  issuers(options) {
    return this.#get(path`/issuers`, {}, options);
  }
  /** @param {string} id @param {Record<string, any>} wanted @param {Options} [options] @returns {Promise<any>} */
  putIssuer(id, wanted, options) {
    return this.#put(path`/issuers/${id}`, wanted, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
  removeIssuer(id, options) {
    return this.#delete(path`/issuers/${id}`, options);
  }
  /** @param {Options} [options] @returns {Promise<wire.WebhookShown[]>} */
  webhooks(options) {
    return this.#get(path`/webhooks`, {}, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<wire.WebhookShown>} */
  webhook(id, options) {
    return this.#get(path`/webhooks/${id}`, {}, options);
  }
  /**
   * @param {string} id
   * @param {wire.WebhookWanted} wanted
   * @param {Options} [options]
   * @returns {Promise<{ id: string, active: boolean, secret: string | null }>}
   */
  putWebhook(id, wanted, options) {
    return this.#put(path`/webhooks/${id}`, wanted, options);
  }
  /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
  removeWebhook(id, options) {
    return this.#delete(path`/webhooks/${id}`, options);
  }
  /**
   * @param {string} id @param {"rotate" | "enable" | "disable" | "test" | "replay"} what
   * @param {Record<string, any>} [body] @param {Options} [options] @returns {Promise<any>}
   */
  doWithWebhook(id, what, body, options) {
    return this.#post(path`/webhooks/${id}/${what}`, body, options);
  }
  /**
   * What was sent, and what was late or given up.
   * @param {string} id
   * @param {"deliveries" | "dead"} what
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  webhookDeliveries(id, what = "deliveries", options) {
    return this.#get(path`/webhooks/${id}/${what}`, {}, options);
  }

  // Live

  /** The stream of this client; it connects when it is needed. */
  get stream() {
    const calling = this.#calling;
    const given = this.#WebSocket;
    this.#stream ??= new Stream({
      url: () => `${calling.url.replace(/^http/, "ws")}/v1/${calling.org}/stream`,
      token: () => calling.token || calling.session,
      ask: () => calling.ask("GET", path`/rooms`, {}, { patienceMs: 0 }),
      saw: (position) => calling.saw(position),
      goOn: () => calling.goOn(),
      open: (url, protocols) => {
        const Socket = given ?? globalThis.WebSocket;
        if (!Socket) throw new TypeError(NO_SOCKET);
        return new Socket(url, protocols);
      },
    });
    return this.#stream;
  }
  /** @param {Parameters<typeof dayView>[1]} of */
  day(of) {
    return dayView(this.stream, of);
  }
  /** @param {Parameters<typeof monthView>[1]} of */
  month(of) {
    return monthView(this.stream, of);
  }
  /** @param {string} room */
  roomView(room) {
    return roomView(this.stream, { room });
  }
  /** @param {string} ticket */
  ticketView(ticket) {
    return new TicketView(this.stream, ticket, (seen) => {
      this.#calling.saw(seen);
      return this.ticket(ticket);
    });
  }
  /** End the stream, if there is one. */
  close() {
    this.#stream?.close();
    this.#stream = null;
  }

  /** @param {string} at @param {any} query @param {Options} [options] */
  #get(at, query, options) {
    return this.#calling.ask("GET", at, { query }, options);
  }
  /** @param {string} at @param {unknown} body @param {Options} [options] */
  #put(at, body, options) {
    return this.#calling.ask("PUT", at, { body }, options);
  }
  /** @param {string} at @param {unknown} body @param {Options} [options] */
  #post(at, body, options) {
    return this.#calling.ask("POST", at, { body }, options);
  }
  /** @param {string} at @param {Options} [options] */
  #delete(at, options) {
    return this.#calling.ask("DELETE", at, {}, options);
  }
}

/** @param {string} ticket */
function roomOf(ticket) {
  return /** @type {string} */ (ticket.split(".")[0]);
}
