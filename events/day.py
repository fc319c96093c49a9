"""The facts of a resource-day: what is held, taken, blocked and wanted of its 96 quarter hours, and the bookings that
begin there.

A day's name says whose and which it is, `demo.day.studio-a.2026-12-07`; a slot is known by its number. Whatever spans
several days or resources is recorded by each of them for its own part. The first day of the first resource owns the
booking: it alone records what becomes of it, and the booking's id says where that is.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from events.calendar.quantum import Span
from events.clock import Instant
from events.facts import Fact, FactSet, Personal

Status: TypeAlias = Literal[
    "provisional", "pending", "confirmed", "cancelled", "declined", "lapsed", "completed", "no_show"
]


class Item(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """So many units of a resource."""

    resource: str
    units: int = 1


class Wish(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What somebody wants: an event type from `start` on, for `minutes`, with these items; the first one leads.

    `admitted` is the ticket by whose pass they came through the waiting room that guards the event type. Whoever lets
    commands through has seen the pass; what is written is whose it was."""

    event_type: str
    start: Instant
    minutes: int
    items: tuple[Item, ...]
    admitted: str = ""


class Slots(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A run of one day's slots, `end` not included, in so many units."""

    first: int
    end: int
    units: int = 1


class Booker(msgspec.Struct, frozen=True, gc=False):
    """Whom it is for."""

    name: Personal = ""
    email: Personal = ""
    phone: Personal = ""


class Booking(msgspec.Struct, frozen=True, gc=False):
    """A booking as its owner knows it. `version` counts the times that it was moved."""

    id: str
    wish: Wish
    span: Span
    """What it occupies of each item: the time itself, and its buffers."""
    status: Status
    session: str = ""
    booker: Booker = Booker()
    answers: dict[str, Personal] = {}
    token_hash: str = ""
    created_at: Instant = 0
    until: Instant | None = None
    """When it lapses unless it is confirmed."""
    complete_after: int | None = None
    reminders: tuple[int, ...] = ()
    counted: tuple[str, ...] = ()
    """The quotas that count it."""
    version: int = 0
    reason: Personal = ""


class SlotsHeld(Fact, frozen=True):
    """Nobody else may have them while the hold stands: through `until`, and longer by heartbeats, never beyond
    `until_max`."""

    hold: str
    session: str
    wish: Wish
    slots: Slots
    until: Instant
    until_max: Instant
    period_ms: int
    catalog: int


class HoldReleased(Fact, frozen=True):
    hold: str


class HoldExpired(Fact, frozen=True):
    hold: str


class SlotsTaken(Fact, frozen=True):
    """By a booking, which may be owned elsewhere; through `until`, unless it is kept before. A hold that it was made
    from ends in the same moment."""

    booking: str
    event_type: str
    slots: Slots
    status: Status
    until: Instant | None
    hold: str
    catalog: int


class SlotsKept(Fact, frozen=True):
    """The booking has come further and stands longer: through `until`, or for good."""

    booking: str
    status: Status
    until: Instant | None


class SlotsFreed(Fact, frozen=True):
    booking: str


class BookingMade(Fact, frozen=True):
    booking: Booking


class BookingPending(Fact, frozen=True):
    """The booker has confirmed; now somebody has to approve."""

    booking: str
    until: Instant | None


class BookingConfirmed(Fact, frozen=True):
    booking: str


class BookingDeclined(Fact, frozen=True):
    booking: str
    reason: Personal


class BookingCancelled(Fact, frozen=True):
    booking: str
    reason: Personal


class BookingLapsed(Fact, frozen=True):
    """Nobody confirmed it in time."""

    booking: str


class BookingMoved(Fact, frozen=True):
    booking: str
    wish: Wish
    span: Span
    version: int


class BookingCompleted(Fact, frozen=True):
    booking: str


class BookingMissed(Fact, frozen=True):
    """Nobody showed up."""

    booking: str


class ReminderDue(Fact, frozen=True):
    """So many minutes before the booking's start, for whoever reminds people."""

    booking: str
    minutes: int


class StandbyJoined(Fact, frozen=True):
    """In line for slots that are full. `capacity` is what the resource had then."""

    standby: str
    session: str
    booker: Booker
    wish: Wish
    slots: Slots
    capacity: int


class StandbyLeft(Fact, frozen=True):
    """Not in line any more: by their own wish, or because what they wait for cannot be booked any more."""

    standby: str


class StandbyPassed(Fact, frozen=True):
    """The line goes by another capacity from here on; 0 while there is room, but nobody in line can be given it."""

    capacity: int


class OfferMade(Fact, frozen=True):
    """The slots are held for them, by a hold of the same id: nobody else gets them before `until`."""

    standby: str
    until: Instant


class OfferTaken(Fact, frozen=True):
    standby: str
    booking: str


class OfferLapsed(Fact, frozen=True):
    """They did not take it in time, and are in line no more."""

    standby: str


class Blocked(Fact, frozen=True):
    """Taken out of use by the operator; what is booked there already stays booked."""

    block: str
    slots: Slots
    reason: str


class Unblocked(Fact, frozen=True):
    block: str


DayFact: TypeAlias = (
    SlotsHeld
    | HoldReleased
    | HoldExpired
    | SlotsTaken
    | SlotsKept
    | SlotsFreed
    | BookingMade
    | BookingPending
    | BookingConfirmed
    | BookingDeclined
    | BookingCancelled
    | BookingLapsed
    | BookingMoved
    | BookingCompleted
    | BookingMissed
    | ReminderDue
    | StandbyJoined
    | StandbyLeft
    | StandbyPassed
    | OfferMade
    | OfferTaken
    | OfferLapsed
    | Blocked
    | Unblocked
)
FACTS = FactSet[DayFact](
    (
        SlotsHeld,
        HoldReleased,
        HoldExpired,
        SlotsTaken,
        SlotsKept,
        SlotsFreed,
        BookingMade,
        BookingPending,
        BookingConfirmed,
        BookingDeclined,
        BookingCancelled,
        BookingLapsed,
        BookingMoved,
        BookingCompleted,
        BookingMissed,
        ReminderDue,
        StandbyJoined,
        StandbyLeft,
        StandbyPassed,
        OfferMade,
        OfferTaken,
        OfferLapsed,
        Blocked,
        Unblocked,
    )
)


def day_actor(org: str, resource: str, date: str) -> str:
    return f"{org}.day.{resource}.{date}"


def new_id(resource: str, date: str, token: str) -> str:
    """The id of a hold or a booking that begins there: it leads to its owner without a look-up."""
    return f"{resource}.{date}.{token}"


def owner_of(org: str, id: str) -> str:
    """The day that owns a hold or a booking; nobody, when the id says nothing of the kind."""
    resource, _, rest = id.partition(".")
    date, dot, _ = rest.partition(".")
    return day_actor(org, resource, date) if dot else ""
