/** What is said over the wire, as the gateway's OpenAPI and its table of topics have it. Names are kept as they are. */

export type Fault = "caller" | "late" | "busy" | "ours";

// What topics are

/** `[first, end, units]`, `end` not included, of a UTC date's 96 slots. */
export type Run = [first: number, end: number, units: number];
/** 24 hexadecimal digits, slot 0 the lowest bit. */
export type Bits = string;

export interface DayState {
  capacity: number;
  busy: Bits;
  blocked: Bits;
  taken: Run[];
}
export interface HoldsState {
  held: Bits;
  units: Run[];
}
export interface MonthState {
  capacity: number;
  untouched: boolean;
  days: Record<string, Bits>;
}
export type Phase = "scheduled" | "pre_queue" | "open" | "paused" | "draining" | "closed";
export interface RoomAbout {
  title: string;
  announcement: string;
  lanes: { id: string; title: string }[];
  pre_queue_at: number | null;
  opens_at: number | null;
  closes_at: number | null;
  draw: boolean;
  shards: number;
  work_bits: number;
  one_per_identity: boolean;
  absent_after_s: number;
}
export interface RoomLane {
  lane: string;
  called_through: number;
  waiting: number;
  blocks: number[];
  counts: number[];
}
export interface RoomState {
  phase: Phase;
  about: RoomAbout;
  seed: string;
  lanes: RoomLane[];
}
/** `waiting` is 1,024 bits as base64, the first place the lowest bit of the first byte. */
export interface BlockState {
  lane: string;
  index: number;
  waiting: string;
}
export type TicketStanding =
  | "drawing"
  | "waiting"
  | "absent"
  | "called"
  | "claim_waits"
  | "active"
  | "missed"
  | "left"
  | "expired"
  | "pass_expired"
  | "exited"
  | "closed";
export interface TicketState {
  state: TicketStanding;
  until: number | null;
}
export interface BookingRow {
  id: string;
  status: BookingStatus;
  version: number;
  sequence: number;
  [more: string]: any;
}
/** `late` while nobody tells the gateway what happens. */
export interface StatusState {
  state: "ok" | "late";
}

// What is said over a socket

/** By a client, each message with its `type`. */
export type SaidKind = "subscribe" | "unsubscribe" | "call" | "sync";
/** By the gateway. */
export type ToldKind =
  "hello" | "snapshot" | "resumed" | "reset" | "delta" | "unsubscribed" | "result" | "synced" | "error" | "goaway";

// What changes of topics

export interface DayChanged {
  delta: "day";
  capacity: number;
  busy_set: Bits;
  busy_cleared: Bits;
  blocked_set: Bits;
  blocked_cleared: Bits;
  taken: Run[];
}
export interface UnitsChanged {
  delta: "units";
  capacity: number;
}
export interface HoldsChanged {
  delta: "holds";
  held_set: Bits;
  held_cleared: Bits;
  held: Run[];
}
export interface DayBusy {
  date: string;
  busy_set: Bits;
  busy_cleared: Bits;
}
export interface MonthChanged {
  delta: "month";
  capacity: number;
  days: DayBusy[];
}
export interface LaneNow {
  lane: string;
  called_through: number;
  waiting: number;
}
/** What is not said is as before. */
export interface RoomChanged {
  delta: "room";
  phase?: Phase;
  about?: RoomAbout;
  seed?: string;
  lanes?: LaneNow[];
  blocks?: [block: number, waiting: number][];
  added?: [block: number, lane: string][];
}
export interface BlockChanged {
  delta: "block";
  waiting: string;
}
export interface TicketChanged {
  delta: "ticket";
  state: TicketStanding;
  until?: number | null;
}
export interface NumbersChanged {
  delta: "numbers";
  numbers: Record<string, any>;
}
export interface BookingsChanged {
  delta: "bookings";
  rows: BookingRow[];
}
export interface StatusChanged {
  delta: "status";
  state: StatusState["state"];
}
export type Delta =
  | DayChanged
  | UnitsChanged
  | HoldsChanged
  | MonthChanged
  | RoomChanged
  | BlockChanged
  | TicketChanged
  | NumbersChanged
  | BookingsChanged
  | StatusChanged;

// What is asked for, and answered

/** `visitor` is by whom the session's places in lines are, and whom proof of work is done for. */
export interface SessionBegun {
  session: string;
  visitor: string;
  token: string;
  expires_at: string;
}
export interface Resource {
  id: string;
  name: string;
  time_zone: string;
  capacity: number;
  type: string;
  description: string;
  schedule: string;
  standalone: boolean;
  metadata: Record<string, string>;
}
export type ResourceWanted = Partial<Omit<Resource, "id">> & { time_zone: string };
export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";
export interface Hours {
  start: string;
  end: string;
}
export interface Schedule {
  id: string;
  name: string;
  time_zone: string;
  weekly: Partial<Record<Weekday, Hours[]>>;
  overrides: Record<string, Hours[]>;
  region: string;
  /** When it is closed, unless an override says otherwise: names by date. */
  holidays: Record<string, string>;
}
export type ScheduleWanted = Partial<Omit<Schedule, "id" | "holidays">> & { time_zone: string };
export interface Quota {
  day: number;
  week: number;
  month: number;
}
export interface EventType {
  slug: string;
  title: string;
  description: string;
  durations: number[];
  interval: number;
  align: "window" | "clock";
  schedule: string;
  buffer_before: number;
  buffer_after: number;
  notice: number;
  horizon_days: number;
  per_resource: Quota;
  per_booker: Quota;
  approval: boolean;
  provisional_for: number;
  pending_for: number;
  hold_seconds: number;
  hold_seconds_max: number;
  cancel_before: number;
  reschedule_before: number;
  complete_after: number | null;
  reminders: number[];
  questions: Record<string, any>[];
  locations: string[];
  price: string;
  room: string;
  active: boolean;
  resources: string[];
}
export type EventTypeWanted = Partial<Omit<EventType, "slug">>;

export interface SlotsAsked {
  event_type: string;
  resource: string;
  date: string;
  duration?: number;
  tz?: string;
  units?: number;
}
export interface MonthsAsked {
  event_type: string;
  resource: string;
  month: string;
  duration?: number;
  tz?: string;
  units?: number;
}
export interface Slot {
  start: string;
  end: string;
  state: "free" | "held" | "full";
  units: number;
}

export interface Wanted {
  event_type: string;
  resource: string;
  start: string;
  duration?: number;
  tz?: string;
  units?: number;
  along?: { resource: string; units?: number }[];
}
export interface HoldPlaced {
  hold: string;
  start: string;
  end: string;
  tz: string;
  expires_at: string;
  expires_at_latest: string;
}
export interface HoldKept {
  hold: string;
  expires_at: string;
}
export interface Booker {
  name?: string;
  email?: string;
  phone?: string;
}
export interface BookWanted extends Wanted {
  hold?: string;
  booker?: Booker;
  answers?: Record<string, string>;
}
export type BookingStatus =
  | "provisional"
  | "pending"
  | "confirmed"
  | "cancelled"
  | "declined"
  | "lapsed"
  | "completed"
  | "no_show"
  | (string & {});
export interface Booked {
  booking: string;
  status: BookingStatus;
  manage_token: string;
  start: string;
  end: string;
  tz: string;
  until: string | null;
}
export interface Changed {
  booking: string;
  status: BookingStatus;
  version: number;
}
export interface Managed {
  manage_token?: string;
}
export interface Explained extends Managed {
  reason?: string;
}
export interface MoveWanted extends Managed {
  start: string;
  duration?: number;
  tz?: string;
}
export interface Booking {
  booking: string;
  event_type: string;
  status: BookingStatus;
  start: string;
  end: string;
  tz: string;
  items: { resource: string; units: number }[];
  booker: Required<Booker>;
  answers: Record<string, string>;
  created_at: string;
  until: string | null;
  version: number;
  reason: string;
}
export interface BookingsAsked {
  resource?: string;
  event_type?: string;
  email?: string;
  start?: string;
  end?: string;
  status?: BookingStatus[];
  words?: string;
  cursor?: string;
  limit?: number;
  tz?: string;
}
export interface BookingsPage {
  bookings: Booking[];
  cursor: string;
}
export interface StandbyWanted extends Wanted {
  booker?: Booker;
}

export interface RoomLine {
  id: string;
  title: string;
  phase: Phase;
  waiting: number;
  active: number;
}
export interface Eta {
  low_s: number | null;
  middle_s: number | null;
  high_s: number | null;
  reason: string;
}
export interface Room {
  room: string;
  phase: Phase;
  title: string;
  announcement: string;
  lanes: { id: string; title: string; waiting: number; called_through: number }[];
  newcomer: Eta;
  pre_queue_at: string | null;
  opens_at: string | null;
  closes_at: string | null;
  draw: boolean;
  work_bits: number;
  one_per_identity: boolean;
  absent_after_s: number;
  seed: string;
}
export type RoomWanted = Record<string, any>;
export type RoomStep = "start" | "open" | "pause" | "resume" | "drain" | "close";
export interface JoinWanted {
  lane?: string;
  code?: string;
  identity?: string;
  work?: string;
  /** Where to write when it is their turn, where the organisation writes letters. */
  email?: string;
}
export interface Ticket {
  ticket: string;
  state: TicketStanding;
  lane: string;
  place: number | null;
  block: number | null;
  index: number | null;
  ahead: number | null;
  position: number | null;
  eta: Eta | null;
  until: string | null;
}
export interface Joined extends Ticket {
  new: boolean;
}
export interface Seat {
  ticket: string;
  status: string;
  until: string | null;
  until_max: string | null;
  pass: string | null;
}
export interface Alive {
  ticket: string;
  state: TicketStanding;
  seat: Seat | null;
}
export interface PassGood {
  ticket: string;
  session: string;
  expires_at: string;
}

export interface KeyWanted {
  role: string;
  name?: string;
  scopes?: string[];
  expires_at?: string;
  id?: string;
}
export interface KeyShown {
  id: string;
  name: string;
  role: string;
  scopes: string[];
  state: "good" | "expired";
  issued_at: string;
  expires_at: string | null;
  old_until: string | null;
}
export interface KeyTold extends KeyShown {
  key: string;
}
export interface WebhookWanted {
  url: string;
  events?: string[];
  description?: string;
  active?: boolean;
}
export interface WebhookShown {
  id: string;
  url: string;
  events: string[];
  description: string;
  active: boolean;
  why: string;
  secrets: number;
}
