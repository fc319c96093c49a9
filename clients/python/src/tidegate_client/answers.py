"""What is answered: frozen records, with the fields that a gateway writes.

Instants are text with an offset (RFC 3339), as they are written: `datetime.fromisoformat` reads them. The module is
whole, because a reader looks for one record among all others here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

SlotState: TypeAlias = Literal["free", "held", "full"]
Status: TypeAlias = Literal[
    "provisional", "pending", "confirmed", "declined", "cancelled", "lapsed", "completed", "no_show"
]
Phase: TypeAlias = Literal["scheduled", "pre_queue", "open", "paused", "draining", "closed"]
TicketState: TypeAlias = Literal[
    "drawing", "waiting", "absent", "called", "claim_waits", "active", "missed", "left", "expired", "pass_expired",
    "exited", "closed",
]  # fmt: skip
OVER: frozenset[TicketState] = frozenset({"missed", "left", "expired", "pass_expired", "exited", "closed"})
CALLED: frozenset[TicketState] = frozenset({"called", "claim_waits", "active"})


@dataclass(frozen=True)
class SessionBegun:
    """`token` is what to show. `session` is its name, which opens nothing; `visitor` is the name that the visitor has
    in lines, for which work is done where a room asks for it."""

    session: str
    token: str
    expires_at: str
    visitor: str = ""


# The catalog


@dataclass(frozen=True)
class Resource:
    id: str
    time_zone: str
    name: str = ""
    capacity: int = 1
    type: str = ""
    description: str = ""
    schedule: str = ""
    standalone: bool = True
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hours:
    start: str
    end: str


@dataclass(frozen=True)
class Schedule:
    id: str
    time_zone: str
    name: str = ""
    weekly: dict[str, tuple[Hours, ...]] = field(default_factory=dict)
    overrides: dict[str, tuple[Hours, ...]] = field(default_factory=dict)
    region: str = ""
    holidays: dict[str, str] = field(default_factory=dict)
    """When it is closed, unless an override says otherwise: names by date."""


@dataclass(frozen=True)
class Question:
    """What a booker is asked."""

    id: str
    label: str
    kind: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    characters_max: int = 500


@dataclass(frozen=True)
class EventType:
    """A way of booking. Times are in minutes, unless their names say else."""

    slug: str
    title: str = ""
    description: str = ""
    durations: tuple[int, ...] = ()
    interval: int = 0
    align: str = "window"
    schedule: str = ""
    buffer_before: int = 0
    buffer_after: int = 0
    notice: int = 0
    horizon_days: int = 365
    approval: bool = False
    hold_seconds: int = 10
    hold_seconds_max: int = 900
    cancel_before: int = 0
    reschedule_before: int = 0
    questions: tuple[Question, ...] = ()
    locations: tuple[str, ...] = ()
    price: str = ""
    room: str = ""
    active: bool = True
    resources: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Put:
    id: str


# Slots, holds and bookings


@dataclass(frozen=True)
class Slot:
    """A start that is on offer: `free`, `held` by others for a moment, or `full`."""

    start: str
    end: str
    state: SlotState
    units: int


@dataclass(frozen=True)
class Held:
    """Yours until `expires_at`, longer by heartbeats, never beyond `expires_at_latest`."""

    hold: str
    start: str
    end: str
    tz: str
    expires_at: str
    expires_at_latest: str


@dataclass(frozen=True)
class HoldKept:
    hold: str
    expires_at: str


@dataclass(frozen=True)
class HoldReleased:
    hold: str


@dataclass(frozen=True)
class Booked:
    """`manage_token` is shown this once; it moves and cancels the booking. `until` is when it lapses unless it is
    confirmed."""

    booking: str
    status: Status
    manage_token: str
    start: str
    end: str
    tz: str
    until: str | None = None


@dataclass(frozen=True)
class Changed:
    booking: str
    status: Status
    version: int


@dataclass(frozen=True)
class Units:
    resource: str
    units: int


@dataclass(frozen=True)
class Booker:
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Booking:
    """`version` counts the times that it was moved."""

    booking: str
    event_type: str
    status: Status
    start: str
    end: str
    tz: str
    items: tuple[Units, ...]
    booker: Booker
    answers: dict[str, str]
    created_at: str
    until: str | None
    version: int
    reason: str


@dataclass(frozen=True)
class Page:
    """Without a `cursor` it is the last one."""

    bookings: tuple[Booking, ...]
    cursor: str


@dataclass(frozen=True)
class StoodBy:
    """What is offered to you one day is a hold of the name `standby`."""

    standby: str
    ahead: int


@dataclass(frozen=True)
class StandbyLeft:
    standby: str


# Rooms and tickets


@dataclass(frozen=True)
class Eta:
    """Seconds until the call, as a range; without numbers where they are unknown. `reason` says why."""

    low_s: int | None
    middle_s: int | None
    high_s: int | None
    reason: str


@dataclass(frozen=True)
class RoomLine:
    id: str
    title: str
    phase: Phase
    waiting: int
    active: int


@dataclass(frozen=True)
class Lane:
    id: str
    title: str
    waiting: int
    called_through: int


@dataclass(frozen=True)
class Room:
    room: str
    phase: Phase
    title: str
    announcement: str
    lanes: tuple[Lane, ...]
    newcomer: Eta
    pre_queue_at: str | None = None
    opens_at: str | None = None
    closes_at: str | None = None
    draw: bool = False
    work_bits: int = 0
    one_per_identity: bool = False
    absent_after_s: int = 60
    seed: str = ""


@dataclass(frozen=True)
class LaneNumbers:
    lane: str
    joined: int
    drawing: int
    waiting: int
    absent: int
    called: int
    active: int
    calls: int
    claims: int
    misses: int
    left: int
    expired: int
    ended: int


@dataclass(frozen=True)
class WaitsNumbers:
    count: int = 0
    p50_s: int = 0
    p90_s: int = 0
    p99_s: int = 0


@dataclass(frozen=True)
class RoomNumbers:
    """A room in numbers; `at` is when that was, in Unix milliseconds."""

    at: int
    phase: Phase
    all: LaneNumbers
    lanes: tuple[LaneNumbers, ...]
    waits: WaitsNumbers
    calls_last_minute: int
    claims_last_minute: int
    per_minute: int
    capacity: int


@dataclass(frozen=True)
class RoomStepped:
    room: str
    phase: Phase


@dataclass(frozen=True)
class Drawn:
    seed: str
    drawn: dict[str, int]


@dataclass(frozen=True)
class Ticket:
    """`ahead` are present before you, `position` counts from 1; neither before a draw, or once you were called."""

    ticket: str
    state: TicketState
    lane: str
    place: int | None = None
    block: int | None = None
    index: int | None = None
    ahead: int | None = None
    position: int | None = None
    eta: Eta | None = None
    until: str | None = None
    new: bool = False
    """Of a ticket that was joined for: whether the place was given out now."""


@dataclass(frozen=True)
class Seat:
    """`active` is in, by the pass; `claiming` waits for a seat."""

    ticket: str
    status: str
    until: str | None = None
    until_max: str | None = None
    pass_: str | None = None


@dataclass(frozen=True)
class PassGood:
    """It opens the room for this ticket."""

    ticket: str
    session: str
    expires_at: str


@dataclass(frozen=True)
class Alive:
    ticket: str
    state: TicketState
    seat: Seat | None = None


@dataclass(frozen=True)
class TicketOver:
    ticket: str


# Keys and webhooks


@dataclass(frozen=True)
class Key:
    id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    state: Literal["good", "expired"]
    issued_at: str
    expires_at: str | None
    old_until: str | None
    key: str = ""
    """What opens; shown once, when it is issued and when it is rotated."""


@dataclass(frozen=True)
class KeyEnded:
    id: str
    state: Literal["revoked", "expired"]
    ended_at: str


@dataclass(frozen=True)
class Keys:
    """Without a `cursor` it is the last page."""

    keys: tuple[Key, ...]
    ended: tuple[KeyEnded, ...]
    cursor: str


@dataclass(frozen=True)
class Gone:
    id: str


@dataclass(frozen=True)
class Webhook:
    id: str
    url: str
    events: tuple[str, ...]
    description: str
    active: bool
    why: str
    secrets: int


@dataclass(frozen=True)
class WebhookPut:
    """`secret` is shown once, when the endpoint is new."""

    id: str
    active: bool
    secret: str | None = None


@dataclass(frozen=True)
class WebhookRotated:
    id: str
    secret: str
    old_until: str


@dataclass(frozen=True)
class WebhookSwitched:
    id: str
    active: bool


@dataclass(frozen=True)
class WebhookTried:
    delivery: str


@dataclass(frozen=True)
class Attempt:
    delivery: str
    event: str
    at: str
    took_ms: int
    status: int
    why: str


@dataclass(frozen=True)
class Late:
    delivery: str
    attempts: int
    first_at: str | None
    next_at: str | None


@dataclass(frozen=True)
class Deliveries:
    delivered: int
    failed: int
    delivered_at: str | None
    failing_since: str | None
    attempts: tuple[Attempt, ...]
    late_count: int
    late: tuple[Late, ...]


@dataclass(frozen=True)
class DeadLetter:
    delivery: str
    event: str
    attempts: int
    first_at: str | None
    at: str
    why: str


@dataclass(frozen=True)
class DeadLetters:
    dead: tuple[DeadLetter, ...]
    dropped: int


@dataclass(frozen=True)
class Replayed:
    replayed: int
    left: int
