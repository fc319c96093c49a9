export class Tidegate {
    /**
     * @param {Caller & { WebSocket?: SocketClass }} caller where there is no `WebSocket` (Node before 22), one has to be
     *   given: that of the package `ws`
     */
    constructor(caller: Caller & {
        WebSocket?: SocketClass;
    });
    /** By whom our places in lines are, once a session has begun: work is done for this name. */
    visitor: string;
    get url(): string;
    get org(): string;
    /** The last position that an answer named. */
    get position(): string;
    set token(token: string);
    /** What says who asks: an API key, or a session's token. */
    get token(): string;
    /**
     * Begin a session, and be that visitor from here on. A browser on a page of the gateway's own keeps it as a cookie,
     * which no script can read.
     * @param {Options} [options]
     * @returns {Promise<wire.SessionBegun>}
     */
    begin(options?: Options): Promise<wire.SessionBegun>;
    /** @param {Options} [options] @returns {Promise<wire.Resource[]>} */
    resources(options?: Options): Promise<wire.Resource[]>;
    /** @param {string} id @param {Options} [options] @returns {Promise<wire.Resource>} */
    resource(id: string, options?: Options): Promise<wire.Resource>;
    /**
     * @param {string} id
     * @param {wire.ResourceWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<{ id: string }>}
     */
    putResource(id: string, wanted: wire.ResourceWanted, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
    retireResource(id: string, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {Options} [options] @returns {Promise<wire.Schedule[]>} */
    schedules(options?: Options): Promise<wire.Schedule[]>;
    /** @param {string} id @param {Options} [options] @returns {Promise<wire.Schedule>} */
    schedule(id: string, options?: Options): Promise<wire.Schedule>;
    /**
     * All of it. The `holidays` of one that was read follow from its `region`, and are not sent.
     * @param {string} id
     * @param {wire.ScheduleWanted & { holidays?: object }} wanted
     * @param {Options} [options]
     * @returns {Promise<{ id: string }>}
     */
    putSchedule(id: string, { holidays: _, ...wanted }: wire.ScheduleWanted & {
        holidays?: object;
    }, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
    removeSchedule(id: string, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {Options} [options] @returns {Promise<wire.EventType[]>} */
    eventTypes(options?: Options): Promise<wire.EventType[]>;
    /** @param {string} slug @param {Options} [options] @returns {Promise<wire.EventType>} */
    eventType(slug: string, options?: Options): Promise<wire.EventType>;
    /**
     * @param {string} slug
     * @param {wire.EventTypeWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<{ id: string }>}
     */
    putEventType(slug: string, wanted: wire.EventTypeWanted, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {string} slug @param {Options} [options] @returns {Promise<{ id: string }>} */
    removeEventType(slug: string, options?: Options): Promise<{
        id: string;
    }>;
    /**
     * The starts of a day, in order.
     * @param {wire.SlotsAsked} asked
     * @param {Options} [options]
     * @returns {Promise<wire.Slot[]>}
     */
    slots(asked: wire.SlotsAsked, options?: Options): Promise<wire.Slot[]>;
    /**
     * By dates.
     * @param {wire.MonthsAsked} asked
     * @param {Options} [options]
     * @returns {Promise<Record<string, boolean>>}
     */
    months(asked: wire.MonthsAsked, options?: Options): Promise<Record<string, boolean>>;
    /** @param {wire.Wanted} wanted @param {Options} [options] @returns {Promise<wire.HoldPlaced>} */
    hold(wanted: wire.Wanted, options?: Options): Promise<wire.HoldPlaced>;
    /** @param {string} hold @param {Options} [options] @returns {Promise<wire.HoldKept>} */
    keepHold(hold: string, options?: Options): Promise<wire.HoldKept>;
    /** @param {string} hold @param {Options} [options] @returns {Promise<{ hold: string }>} */
    releaseHold(hold: string, options?: Options): Promise<{
        hold: string;
    }>;
    /**
     * Hold slots and keep them by heartbeats, until they are released, booked or lost.
     * @param {wire.Wanted} wanted @param {Options} [options] @returns {Promise<Holding>}
     */
    holding(wanted: wire.Wanted, options?: Options): Promise<Holding>;
    /** @param {wire.BookWanted} wanted @param {Options} [options] @returns {Promise<wire.Booked>} */
    book(wanted: wire.BookWanted, options?: Options): Promise<wire.Booked>;
    /**
     * @param {string} booking @param {{ manageToken?: string, tz?: string } & Options} [options]
     * @returns {Promise<wire.Booking>}
     */
    booking(booking: string, { manageToken, tz, ...options }?: {
        manageToken?: string;
        tz?: string;
    } & Options): Promise<wire.Booking>;
    /**
     * A page of them.
     * @param {wire.BookingsAsked} [asked]
     * @param {Options} [options]
     * @returns {Promise<wire.BookingsPage>}
     */
    bookingsPage(asked?: wire.BookingsAsked, options?: Options): Promise<wire.BookingsPage>;
    /**
     * All of them, page after page.
     * @param {wire.BookingsAsked} [asked]
     * @param {Options} [options]
     * @returns {AsyncGenerator<wire.Booking>}
     */
    bookings(asked?: wire.BookingsAsked, options?: Options): AsyncGenerator<wire.Booking>;
    /** @param {string} booking @param {wire.Managed} [by] @param {Options} [options] @returns {Promise<wire.Changed>} */
    confirm(booking: string, by?: wire.Managed, options?: Options): Promise<wire.Changed>;
    /**
     * @param {string} booking
     * @param {wire.Explained} [by]
     * @param {Options} [options]
     * @returns {Promise<wire.Changed>}
     */
    decline(booking: string, by?: wire.Explained, options?: Options): Promise<wire.Changed>;
    /**
     * @param {string} booking
     * @param {wire.Explained} [by]
     * @param {Options} [options]
     * @returns {Promise<wire.Changed>}
     */
    cancel(booking: string, by?: wire.Explained, options?: Options): Promise<wire.Changed>;
    /**
     * @param {string} booking
     * @param {wire.MoveWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<wire.Changed>}
     */
    reschedule(booking: string, wanted: wire.MoveWanted, options?: Options): Promise<wire.Changed>;
    /** @param {string} booking @param {Options} [options] @returns {Promise<wire.Changed>} */
    complete(booking: string, options?: Options): Promise<wire.Changed>;
    /** @param {string} booking @param {Options} [options] @returns {Promise<wire.Changed>} */
    noShow(booking: string, options?: Options): Promise<wire.Changed>;
    /**
     * @param {wire.StandbyWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<{ standby: string, ahead: number }>}
     */
    standBy(wanted: wire.StandbyWanted, options?: Options): Promise<{
        standby: string;
        ahead: number;
    }>;
    /** @param {string} standby @param {Options} [options] @returns {Promise<{ standby: string }>} */
    standDown(standby: string, options?: Options): Promise<{
        standby: string;
    }>;
    /** @param {Options} [options] @returns {Promise<wire.RoomLine[]>} */
    rooms(options?: Options): Promise<wire.RoomLine[]>;
    /** @param {string} room @param {Options} [options] @returns {Promise<wire.Room>} */
    room(room: string, options?: Options): Promise<wire.Room>;
    /** @param {string} room @param {Options} [options] @returns {Promise<any>} */
    roomNumbers(room: string, options?: Options): Promise<any>;
    /**
     * @param {string} room
     * @param {wire.RoomWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<{ room: string, phase: wire.Phase }>}
     */
    putRoom(room: string, wanted: wire.RoomWanted, options?: Options): Promise<{
        room: string;
        phase: wire.Phase;
    }>;
    /**
     * @param {string} room
     * @param {wire.RoomStep} step
     * @param {Options} [options]
     * @returns {Promise<{ room: string, phase: wire.Phase }>}
     */
    stepRoom(room: string, step: wire.RoomStep, options?: Options): Promise<{
        room: string;
        phase: wire.Phase;
    }>;
    /**
     * @param {string} room @param {{ secret: string, beacon?: string }} wanted @param {Options} [options]
     * @returns {Promise<{ seed: string, drawn: Record<string, number> }>}
     */
    drawRoom(room: string, wanted: {
        secret: string;
        beacon?: string;
    }, options?: Options): Promise<{
        seed: string;
        drawn: Record<string, number>;
    }>;
    /**
     * Whether the pass opens the room now.
     * @param {string} room
     * @param {string} pass
     * @param {Options} [options]
     * @returns {Promise<wire.PassGood>}
     */
    checkPass(room: string, pass: string, options?: Options): Promise<wire.PassGood>;
    /**
     * Stand in line; whoever stands there already gets their own place again.
     * @param {string} room
     * @param {wire.JoinWanted} [wanted]
     * @param {Options} [options]
     * @returns {Promise<wire.Joined>}
     */
    join(room: string, wanted?: wire.JoinWanted, options?: Options): Promise<wire.Joined>;
    /**
     * Stand in line, and do the work that the room may ask for.
     * @param {string} room @param {wire.JoinWanted} [wanted] @param {Options} [options] @returns {Promise<wire.Joined>}
     */
    standInLine(room: string, wanted?: wire.JoinWanted, options?: Options): Promise<wire.Joined>;
    /** @param {string} ticket @param {Options} [options] @returns {Promise<wire.Ticket>} */
    ticket(ticket: string, options?: Options): Promise<wire.Ticket>;
    /**
     * Still here; an open stream that follows the ticket says so by itself.
     * @param {string} ticket
     * @param {Options} [options]
     * @returns {Promise<wire.Alive>}
     */
    heartbeat(ticket: string, options?: Options): Promise<wire.Alive>;
    /** Come in, with the pass. @param {string} ticket @param {Options} [options] @returns {Promise<wire.Seat>} */
    claim(ticket: string, options?: Options): Promise<wire.Seat>;
    /** @param {string} ticket @param {Options} [options] @returns {Promise<{ ticket: string }>} */
    leave(ticket: string, options?: Options): Promise<{
        ticket: string;
    }>;
    /** @param {string} ticket @param {Options} [options] @returns {Promise<{ ticket: string }>} */
    revoke(ticket: string, options?: Options): Promise<{
        ticket: string;
    }>;
    /**
     * Come back when the ticket was called, however long that takes; throw when it is over. Whoever waits so is there.
     * @param {string} ticket @param {{ signal?: AbortSignal }} [options]
     */
    wait(ticket: string, { signal }?: {
        signal?: AbortSignal;
    }): Promise<import("./views.js").TicketShown>;
    /** @param {wire.KeyWanted} wanted @param {Options} [options] @returns {Promise<wire.KeyTold>} */
    issueKey(wanted: wire.KeyWanted, options?: Options): Promise<wire.KeyTold>;
    /**
     * @param {{ ended?: boolean, cursor?: string, limit?: number }} [asked] @param {Options} [options]
     * @returns {Promise<{ keys: wire.KeyShown[], ended: any[], cursor: string }>}
     */
    keys(asked?: {
        ended?: boolean;
        cursor?: string;
        limit?: number;
    }, options?: Options): Promise<{
        keys: wire.KeyShown[];
        ended: any[];
        cursor: string;
    }>;
    /**
     * @param {string} id
     * @param {{ overlap_s?: number }} [wanted]
     * @param {Options} [options]
     * @returns {Promise<wire.KeyTold>}
     */
    rotateKey(id: string, wanted?: {
        overlap_s?: number;
    }, options?: Options): Promise<wire.KeyTold>;
    /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
    revokeKey(id: string, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {Options} [options] @returns {Promise<any[]>} */
    issuers(options?: Options): Promise<any[]>;
    /** @param {string} id @param {Record<string, any>} wanted @param {Options} [options] @returns {Promise<any>} */
    putIssuer(id: string, wanted: Record<string, any>, options?: Options): Promise<any>;
    /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
    removeIssuer(id: string, options?: Options): Promise<{
        id: string;
    }>;
    /** @param {Options} [options] @returns {Promise<wire.WebhookShown[]>} */
    webhooks(options?: Options): Promise<wire.WebhookShown[]>;
    /** @param {string} id @param {Options} [options] @returns {Promise<wire.WebhookShown>} */
    webhook(id: string, options?: Options): Promise<wire.WebhookShown>;
    /**
     * @param {string} id
     * @param {wire.WebhookWanted} wanted
     * @param {Options} [options]
     * @returns {Promise<{ id: string, active: boolean, secret: string | null }>}
     */
    putWebhook(id: string, wanted: wire.WebhookWanted, options?: Options): Promise<{
        id: string;
        active: boolean;
        secret: string | null;
    }>;
    /** @param {string} id @param {Options} [options] @returns {Promise<{ id: string }>} */
    removeWebhook(id: string, options?: Options): Promise<{
        id: string;
    }>;
    /**
     * @param {string} id @param {"rotate" | "enable" | "disable" | "test" | "replay"} what
     * @param {Record<string, any>} [body] @param {Options} [options] @returns {Promise<any>}
     */
    doWithWebhook(id: string, what: "rotate" | "enable" | "disable" | "test" | "replay", body?: Record<string, any>, options?: Options): Promise<any>;
    /**
     * What was sent, and what was late or given up.
     * @param {string} id
     * @param {"deliveries" | "dead"} what
     * @param {Options} [options]
     * @returns {Promise<any>}
     */
    webhookDeliveries(id: string, what?: "deliveries" | "dead", options?: Options): Promise<any>;
    /** The stream of this client; it connects when it is needed. */
    get stream(): Stream;
    /** @param {Parameters<typeof dayView>[1]} of */
    day(of: Parameters<typeof dayView>[1]): import("./views.js").View<import("./views.js").Day>;
    /** @param {Parameters<typeof monthView>[1]} of */
    month(of: Parameters<typeof monthView>[1]): import("./views.js").View<import("./views.js").Month>;
    /** @param {string} room */
    roomView(room: string): import("./views.js").View<import("./views.js").RoomShown>;
    /** @param {string} ticket */
    ticketView(ticket: string): TicketView;
    /** End the stream, if there is one. */
    close(): void;
    #private;
}
import type { Options } from "./calling.js";
import type * as wire from "./wire.js";
import { Holding } from "./holding.js";
import { Stream } from "./stream.js";
import { dayView } from "./views.js";
import { monthView } from "./views.js";
import { TicketView } from "./views.js";
import type { Caller } from "./calling.js";
import type { SocketClass } from "./stream.js";
