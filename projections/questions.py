"""What can be asked of read models, and how they answer: typed records, each question with its answer beside it.

Every question names its organisation, and `at_least` the sequence that the asker knows of: the answer is not older
(read your writes). A `session` sees its own holds as free, because that is how the judges see them.

It is whole in one module because it is the one language that everybody asks projectors in.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from events.access import ApiKey, Issuer
from events.calendar.quantum import Span
from events.catalog import Catalog
from events.clock import Instant
from events.day import Booker, Item, Status, Wish
from events.errors import TidegateError
from events.facts import Personal
from events.room import Phase
from projections.estimates import Estimate
from projections.numbers import RoomNumbers
from projections.room_topics import About
from projections.standing import TicketState

Fault: TypeAlias = Literal["caller", "late", "busy", "ours"]
State: TypeAlias = Literal["free", "held", "full"]
"""Free; free but for what others hold; not free even without those."""
Use: TypeAlias = Literal["free", "held", "full", "blocked", "closed"]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no answer: a stable `code`, a sentence, whose fault it is."""

    code: str
    detail: str
    fault: Fault = "caller"


class Unanswered(TidegateError):
    """A question that cannot be answered as it was asked."""

    code: ClassVar[str] = "unanswered"

    def __init__(self, code: str, detail: str, fault: Fault = "caller") -> None:
        super().__init__(detail)
        self.problem: Final = Problem(code, detail, fault)


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    org: str
    at_least: int = 0


class EverybodysDay(Question, frozen=True):
    """The starts that an event type offers on a local date, and what is left of each, as they are to everybody; and to
    whom they are not, so that whoever answers many asks once. Without `tz`, by the clocks of the resource."""

    event_type: str
    resource: str
    date: str
    minutes: int
    tz: str = ""
    units: int = 1


class DaySlots(EverybodysDay, frozen=True):
    """The same as it is to one. With `email`, what the booker with this address has booked counts against their
    limits."""

    session: str = ""
    email: str = ""


class Slot(msgspec.Struct, frozen=True):
    """`end` is that of the visit, without buffers; `units` are left over its whole time and its buffers."""

    start: Instant
    end: Instant
    state: State
    units: int


class EverybodysDayAnswer(msgspec.Struct, frozen=True):
    """`apart` are the sessions that hold something there, to which that is free. None, when it may be any session:
    since there are too many, or what a visitor has booked counts against their limits."""

    slots: tuple[Slot, ...]
    apart: tuple[str, ...] | None


class Month(Question, frozen=True):
    """On which dates of a local month (`2026-12`) the day's slots have a free one."""

    event_type: str
    resource: str
    month: str
    minutes: int
    tz: str = ""
    units: int = 1
    session: str = ""
    email: str = ""


class Range(Question, frozen=True):
    """How a resource is used between two instants, whatever is offered there."""

    resource: str
    start: Instant
    end: Instant
    units: int = 1
    session: str = ""


class Stretch(msgspec.Struct, frozen=True):
    """Slots in a row with the same use and the same units left."""

    start: Instant
    end: Instant
    use: Use
    units: int


class RangeAnswer(msgspec.Struct, frozen=True):
    free: bool
    """All of it, for so many units."""
    stretches: tuple[Stretch, ...]


class Check(Question, frozen=True):
    """May all of these be booked together? The first item leads, as in a wish."""

    event_type: str
    start: Instant
    minutes: int
    items: tuple[Item, ...]
    session: str = ""
    email: str = ""
    admitted: str = ""
    """The ticket by whose pass they come through the room that guards the event type."""


class CheckSeries(Question, frozen=True):
    """The same for visits at each of these starts, in order: each on what the ones before it, as far as they fit, would
    leave."""

    event_type: str
    starts: tuple[Instant, ...]
    minutes: int
    items: tuple[Item, ...]
    session: str = ""
    email: str = ""
    admitted: str = ""
    """The ticket by whose pass they come through the room that guards the event type."""


class Conflict(msgspec.Struct, frozen=True):
    """What stands against one of the resources: a rule (then `stretches` is empty), or the use of some of its time."""

    resource: str
    code: str
    detail: str
    stretches: tuple[Stretch, ...] = ()


class CheckAnswer(msgspec.Struct, frozen=True):
    free: bool
    objection: Problem | None
    """What stands against the time and the length themselves."""
    conflicts: tuple[Conflict, ...]


class WhichDays(Question, frozen=True):
    """On which local dates of a month each resource, when it is open, has so many minutes free in a row that begin
    there. All resources in use, when none is named."""

    month: str
    minutes: int
    resources: tuple[str, ...] = ()
    tz: str = "UTC"
    units: int = 1
    session: str = ""


class WhichDaysAnswer(msgspec.Struct, frozen=True):
    """`days` has a number for each resource: bit n is set when `dates[n]` has room."""

    dates: tuple[str, ...]
    resources: tuple[str, ...]
    days: tuple[int, ...]

    def of(self, resource: str) -> tuple[str, ...]:
        bits = self.days[self.resources.index(resource)]
        return tuple(date for place, date in enumerate(self.dates) if bits >> place & 1)


class Row(msgspec.Struct, frozen=True):
    """A booking as it is shown: all but its session and the hash of its token."""

    id: str
    wish: Wish
    span: Span
    status: Status
    booker: Booker
    answers: dict[str, Personal]
    created_at: Instant
    until: Instant | None
    version: int
    reason: Personal
    sequence: int
    """Where it changed last."""


class Booking(Question, frozen=True):
    """The booking with this id, or none."""

    id: str


class Bookings(Question, frozen=True):
    """Bookings in order of their start, those that fit all that is said. `start` and `end` bound the start, `end` not
    included. An e-mail address is the same in capitals."""

    email: str = ""
    resource: str = ""
    event_type: str = ""
    start: Instant | None = None
    end: Instant | None = None
    statuses: tuple[Status, ...] = ()
    cursor: str = ""
    limit: int = 50


class Search(Question, frozen=True):
    """Bookings of which each of the words begins a word of the booker's name or address, or of the event type's title.
    In capitals or not is the same."""

    words: str
    cursor: str = ""
    limit: int = 50


class Page(msgspec.Struct, frozen=True):
    """Without a cursor it is the last one. With one it may be short, or even empty."""

    rows: tuple[Row, ...]
    cursor: str = ""


class History(Question, frozen=True):
    """What happened to a booking, by the log of the day that owns it."""

    id: str


class Happened(msgspec.Struct, frozen=True):
    """A fact with where and when it was recorded, and who asked for it."""

    sequence: int
    at: Instant
    by: str
    fact: str
    says: dict[str, Any]


class Shown(Question, frozen=True):
    """A topic as it is now: what its deltas go on from."""

    topic: str


class ShownAnswer(msgspec.Struct, frozen=True):
    """`position` is that of the topic's last change. `access`, `bookings` and `catalog` have no state here: they are
    asked for by questions of their own."""

    topic: str
    position: str
    state: Any = None


class Since(Question, frozen=True):
    """What was told of a topic behind this position, for a subscriber that comes back; none where that is not known for
    sure. The position may be further than a projector has come: that of another one, which `at_least` waits for."""

    topic: str
    position: str


class SinceAnswer(msgspec.Struct, frozen=True):
    """Every delta as it was published, in order; none when nothing was told. They lead to `position`, and what is told
    later goes on from there."""

    deltas: tuple[msgspec.Raw, ...]
    position: str


class Rooms(Question, frozen=True):
    """All waiting rooms, by their names."""


class RoomLine(msgspec.Struct, frozen=True):
    """A room among others."""

    id: str
    title: str
    phase: Phase
    waiting: int
    """How many are in line."""
    active: int
    """How many are in."""


class RoomOf(Question, frozen=True):
    """What everybody may know of a room."""

    room: str


class LaneLine(msgspec.Struct, frozen=True):
    id: str
    title: str
    waiting: int
    called_through: int


class RoomAnswer(msgspec.Struct, frozen=True):
    """`lanes` in the order in which they go before each other; the ordinary one has no name and is the last.
    `newcomer` is what somebody has to expect who joins that one now. `seed` is the draw's, once it was made."""

    id: str
    phase: Phase
    about: About
    lanes: tuple[LaneLine, ...]
    newcomer: Estimate
    seed: str
    sequence: int
    """Where it changed last."""


class TicketOf(Question, frozen=True):
    """How a ticket stands, by its id (`launch.3.4711`)."""

    ticket: str


class TicketAnswer(msgspec.Struct, frozen=True):
    """Before a draw there is no `place`, `block` or `ahead`. `ahead` and `estimate` are there for who is in the line;
    `index` is the place within the block, `position` counts from 1. `until` is when the call, the pass, or what an
    absence may be, ends."""

    id: str
    state: TicketState
    lane: str
    place: int | None
    block: int | None
    index: int | None
    ahead: int | None
    position: int | None
    estimate: Estimate | None
    until: Instant | None
    absent_since: Instant | None
    joined_at: Instant
    """To the second."""
    sequence: int
    """Where it came to stand as it does."""


class Tickets(Question, frozen=True):
    """How each of these tickets stands; none for one that is not there."""

    tickets: tuple[str, ...]


class TurnOf(Question, frozen=True):
    """Whom to tell that it is a ticket's turn, and how it stands: for whoever writes letters, and for nobody else. None
    where no address was left, or one that too many tickets of that day have, or nothing is to be told any more."""

    ticket: str


class TurnAnswer(msgspec.Struct, frozen=True):
    """`title` is what people call the room."""

    email: Personal
    title: str
    stands: TicketAnswer


class NumbersOf(Question, frozen=True):
    """A room in numbers, for those who run it."""

    room: str


class CatalogOf(Question, frozen=True):
    """All that is on offer; or what is said of these event types and resources alone, with the schedules that they go
    by, and the links between them."""

    event_types: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class CatalogAnswer(msgspec.Struct, frozen=True):
    catalog: Catalog
    sequence: int


class AccessOf(Question, frozen=True):
    """What keys and tokens are checked by, for gateways."""


class AccessAnswer(msgspec.Struct, frozen=True):
    """Both ordered by id. Of keys those that were not revoked; whether one has expired is for whoever checks it to
    see."""

    keys: tuple[ApiKey, ...]
    issuers: tuple[Issuer, ...]
    sequence: int


KINDS: Final[dict[str, tuple[type[Question], Any]]] = {
    "day_slots": (DaySlots, tuple[Slot, ...]),
    "everybodys_day": (EverybodysDay, EverybodysDayAnswer),
    "month": (Month, dict[str, bool]),
    "range": (Range, RangeAnswer),
    "check": (Check, CheckAnswer),
    "check_series": (CheckSeries, tuple[CheckAnswer, ...]),
    "which_days": (WhichDays, WhichDaysAnswer),
    "booking": (Booking, Row | None),
    "bookings": (Bookings, Page),
    "search": (Search, Page),
    "history": (History, tuple[Happened, ...]),
    "shown": (Shown, ShownAnswer),
    "since": (Since, SinceAnswer | None),
    "catalog": (CatalogOf, CatalogAnswer),
    "access": (AccessOf, AccessAnswer),
    "rooms": (Rooms, tuple[RoomLine, ...]),
    "room": (RoomOf, RoomAnswer),
    "ticket": (TicketOf, TicketAnswer),
    "tickets": (Tickets, tuple[TicketAnswer | None, ...]),
    "turn": (TurnOf, TurnAnswer | None),
    "numbers": (NumbersOf, RoomNumbers),
}
"""Every question by the name that it is asked under, with what its answer is."""

KIND_OF: Final[dict[type[Question], str]] = {question: kind for kind, (question, _) in KINDS.items()}
