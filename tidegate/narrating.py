"""What happens to a day, in plain words: a sentence for each fact that somebody who looks at that day wants to know.

A local day lies across two UTC dates, so each of its resource-days has a narrator, and each tells of what touches the
local day only. What an id stood for is remembered from when it was first told of. No sentence has anything personal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from events.calendar.quantum import SLOT_MS, Span, day_start
from events.day import (
    Blocked,
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingLapsed,
    BookingMade,
    BookingMissed,
    BookingMoved,
    BookingPending,
    DayFact,
    HoldExpired,
    HoldReleased,
    Item,
    OfferLapsed,
    OfferMade,
    OfferTaken,
    ReminderDue,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    StandbyJoined,
    StandbyLeft,
    StandbyPassed,
    Unblocked,
)
from tidegate.local_time import clock, range_shown, second


class Narrator:
    """Tells of one UTC date, as far as it lies in the local day."""

    def __init__(self, date: str, shown: Span, tz: str) -> None:
        self._starts: Final = day_start(date)
        self._shown: Final = shown
        self._tz: Final = tz
        self._spans: Final[dict[str, Span]] = {}
        """What holds, bookings, blocks and those in line have, or wait for, of this date."""

    def told(self, facts: Sequence[DayFact]) -> Iterator[tuple[DayFact, str]]:
        """Of one commit: each fact that is told of, and the sentence."""
        own = {fact.booking.id for fact in facts if isinstance(fact, BookingMade)}
        own |= {fact.booking for fact in facts if isinstance(fact, BookingMoved)}
        ended = {fact.booking for fact in facts if isinstance(fact, BookingCancelled | BookingDeclined | BookingLapsed)}
        kept = {fact.booking for fact in facts if isinstance(fact, BookingPending | BookingConfirmed)}
        for fact in facts:
            self._learn(fact)
            told_by_another = (
                (isinstance(fact, SlotsTaken) and fact.booking in own)
                or (isinstance(fact, SlotsFreed) and fact.booking in own | ended)
                or (isinstance(fact, SlotsKept) and fact.booking in kept)
            )
            about = self._spans.get(_subject(fact))
            if not told_by_another and (about is None or about.touches(self._shown)):
                yield fact, self._sentence(fact)

    def _learn(self, fact: DayFact) -> None:
        match fact:
            case SlotsHeld(id, slots=slots) | SlotsTaken(id, slots=slots) | StandbyJoined(id, slots=slots):
                self._spans[id] = self._span(slots)
            case Blocked(id, slots):
                self._spans[id] = self._span(slots)
            case BookingMoved(id, _, span):
                self._spans[id] = span
            case _:
                return

    def _span(self, slots: Slots) -> Span:
        return Span(self._starts + slots.first * SLOT_MS, self._starts + slots.end * SLOT_MS)

    def _sentence(self, fact: DayFact) -> str:
        id = _subject(fact)
        about = self._spans.get(id)
        when = "" if about is None else f"{clock(about.start, self._tz)}–{clock(about.end, self._tz)} "
        match fact:
            case SlotsHeld(session=session, slots=slots, until=until):
                return (
                    f"{when}held{_units(slots)} by session {session} until {second(until, self._tz)}, or longer ({id})"
                )
            case HoldReleased():
                return f"{when}free again: the hold was let go of ({id})"
            case HoldExpired():
                return f"{when}free again: the hold has expired ({id})"
            case SlotsTaken(slots=slots, status=status):
                return f"{when}taken{_units(slots)} by a booking that is {status} ({id})"
            case SlotsKept(status=status):
                return f"{when}stays taken: its booking is {status} ({id})"
            case SlotsFreed():
                return f"{when}free again ({id})"
            case BookingMade(booking):
                visit = range_shown(booking.wish.start, booking.wish.start + booking.wish.minutes * 60_000, self._tz)
                what = f"{booking.wish.event_type} with {_items(booking.wish.items)}"
                return f"{when}booked, {booking.status}: {what}, {visit} ({id})"
            case BookingMoved(wish=wish, version=version):
                visit = range_shown(wish.start, wish.start + wish.minutes * 60_000, self._tz)
                return f"moved to {visit}, for the {_ordinal(version)} time ({id})"
            case _:
                return f"{when}{_PLAIN[type(fact)]} ({id})" if id else _PLAIN[type(fact)]


_PLAIN: Final[dict[type[DayFact], str]] = {
    BookingPending: "confirmed by its booker, waits for approval",
    BookingConfirmed: "booking confirmed",
    BookingDeclined: "free again: the booking was declined",
    BookingCancelled: "free again: the booking was cancelled",
    BookingLapsed: "free again: the booking has lapsed, nobody confirmed it in time",
    BookingCompleted: "has taken place",
    BookingMissed: "nobody showed up",
    ReminderDue: "time to remind the booker",
    StandbyJoined: "full, and somebody waits for it",
    StandbyLeft: "somebody waits no longer",
    StandbyPassed: "there is no room for those in line after all",
    OfferMade: "offered to the first in line",
    OfferTaken: "the offer was taken",
    OfferLapsed: "the offer was not taken in time",
    Blocked: "out of use",
    Unblocked: "in use again",
}


def _subject(fact: DayFact) -> str:
    """The id that a fact is about."""
    match fact:
        case BookingMade(booking):
            return booking.id
        case StandbyPassed():
            return ""
        case _:
            return str(getattr(fact, fact.__struct_fields__[0]))


def _units(slots: Slots) -> str:
    return "" if slots.units == 1 else f", {slots.units} units,"


def _items(items: Iterable[Item]) -> str:
    return ", ".join(item.resource if item.units == 1 else f"{item.units} × {item.resource}" for item in items)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
