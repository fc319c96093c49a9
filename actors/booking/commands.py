"""What can be asked of a resource-day.

Whatever spans several days is one command, sent to all of them in one transaction: each takes its own part.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from actors.decider import Command, Tick
from events.clock import Instant
from events.day import Booker, Wish
from events.facts import Personal


class PlaceHold(Command, frozen=True):
    """Keep these slots for a session for a short while. Its own earlier hold on them gives way."""

    hold: str
    session: str
    wish: Wish
    catalog: int = 0
    """A sequence of the catalog that the asker has seen: older ones are not decided by."""


class KeepHold(Command, frozen=True):
    """The heartbeat: still wanted."""

    hold: str
    session: str


class ReleaseHold(Command, frozen=True):
    hold: str
    session: str


class Book(Command, frozen=True):
    """Take the slots for good, or as far as the event type says. A hold of the same session turns into the booking."""

    booking: str
    wish: Wish
    session: str = ""
    hold: str = ""
    booker: Booker = Booker()
    answers: dict[str, Personal] = msgspec.field(default_factory=dict)
    token_hash: str = ""
    catalog: int = 0


class BookSeries(Command, frozen=True):
    """The same visit again and again: a booking for `wish` and one for each later start in `again`, all or none. Their
    ids follow from the day that each begins on: `<resource>.<date>.<series>-1`, `-2`, …"""

    series: str
    wish: Wish
    again: tuple[Instant, ...]
    session: str = ""
    booker: Booker = Booker()
    answers: dict[str, Personal] = msgspec.field(default_factory=dict)
    token_hash: str = ""
    catalog: int = 0


class Confirm(Command, frozen=True):
    """By the booker, who shows the management token; or by the operator, who shows none and approves."""

    booking: str
    token: str | None = None


class Decline(Command, frozen=True):
    booking: str
    reason: Personal = ""


class Cancel(Command, frozen=True):
    """By the booker, in time; or by the operator."""

    booking: str
    token: str | None = None
    reason: Personal = ""


class Move(Command, frozen=True):
    """To another time, perhaps overlapping the old one. The event type and the items stay; so does `until`, which days
    that are new to the booking cannot know otherwise. Its owner sees that they do."""

    booking: str
    wish: Wish
    until: Instant | None = None
    token: str | None = None
    session: str = ""
    """Whose own holds are no obstacle."""
    catalog: int = 0


class Complete(Command, frozen=True):
    booking: str


class Miss(Command, frozen=True):
    """Nobody showed up."""

    booking: str


class BlockSlots(Command, frozen=True):
    """Take slots of this day out of use. What is booked there stays, and is named in the answer."""

    block: str
    first: int = 0
    end: int = 96
    reason: str = ""


class UnblockSlots(Command, frozen=True):
    block: str


class JoinStandby(Command, frozen=True):
    """Stand in line for slots that are full: when there is room, the first that fits gets an offer for a while."""

    standby: str
    session: str
    wish: Wish
    booker: Booker = Booker()
    catalog: int = 0


class LeaveStandby(Command, frozen=True):
    standby: str
    session: str


class ShowBooking(Command, frozen=True):
    booking: str


class ShowDay(Command, frozen=True):
    """What is in use, per slot."""


DayCommand: TypeAlias = (
    PlaceHold
    | KeepHold
    | ReleaseHold
    | Book
    | BookSeries
    | Confirm
    | Decline
    | Cancel
    | Move
    | Complete
    | Miss
    | BlockSlots
    | UnblockSlots
    | JoinStandby
    | LeaveStandby
    | ShowBooking
    | ShowDay
    | Tick
)
COMMANDS = (
    PlaceHold,
    KeepHold,
    ReleaseHold,
    Book,
    BookSeries,
    Confirm,
    Decline,
    Cancel,
    Move,
    Complete,
    Miss,
    BlockSlots,
    UnblockSlots,
    JoinStandby,
    LeaveStandby,
    ShowBooking,
    ShowDay,
)
