"""Law 2 for bookings: whatever spans several days has its slots on all of them or on none, and as its owner says.

From the owner's record follows, by plain division, which days of which resources must have given how much. That is
compared with what they did give after every batch; a day that alone is not enough for anything. Only time works on
each day by itself: what nobody confirms lapses there and at its owner, each when its own host says so. In between, a
share may be gone already or still be there; when all is quiet no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from events.clock import Instant
from events.day import (
    Booking,
    BookingCancelled,
    BookingConfirmed,
    BookingDeclined,
    BookingLapsed,
    BookingMade,
    BookingMoved,
    BookingPending,
    Slots,
    SlotsFreed,
    SlotsKept,
    SlotsTaken,
)
from tests.laws.history import History

_SLOT_MS: Final = 900_000
_DAY_MS: Final = 96 * _SLOT_MS
LAPSES_WITHIN_MS: Final = 3_000
"""So long a Tick may take, as `progress` allows."""


class Share(NamedTuple):
    slots: Slots
    until: Instant | None


class Owned:
    """A booking, as its owner's facts tell it."""

    def __init__(self, booking: Booking) -> None:
        self.items: Final = booking.wish.items
        self.span = booking.span
        self.until = booking.until
        self.status: str = booking.status

    @property
    def alive(self) -> bool:
        return self.status not in {"cancelled", "declined", "lapsed"}

    def shares(self, org: str) -> dict[str, Slots]:
        """What every day has to give."""
        found = {}
        for midnight in range(self.span.start // _DAY_MS * _DAY_MS, self.span.end, _DAY_MS):
            first = max(self.span.start - midnight, 0) // _SLOT_MS
            end = min(self.span.end - midnight, _DAY_MS) // _SLOT_MS
            for item in self.items:
                found[f"{org}.day.{item.resource}.{_date(midnight)}"] = Slots(first, end, item.units)
        return found


def _date(midnight: Instant) -> str:
    """The civil date of a day number, by the calendar's own arithmetic: years of 365 days and their leap days."""
    days, year = midnight // _DAY_MS, 1970
    while days >= (length := 366 if _leap(year) else 365):
        days, year = days - length, year + 1
    for month, length in enumerate((31, 29 if _leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
        if days < length:
            return f"{year:04d}-{month:02d}-{days + 1:02d}"
        days -= length
    raise AssertionError("a year has twelve months")


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


class _Books:
    """All bookings of a log: what their owners say, and what they have."""

    def __init__(self) -> None:
        self.owned: Final[dict[tuple[str, str], Owned]] = {}
        self.has: Final[dict[tuple[str, str], dict[str, Share]]] = {}
        """By organisation and id: the share on each day."""
        self.lapsed: Final[dict[tuple[str, str], set[str]]] = {}
        """The days on which its time was over before it was with its owner."""

    def take_in(self, actor: str, fact: Any, at: Instant) -> Iterator[tuple[str, str]]:
        """Which booking the fact is about, if it is about one."""
        org = actor.split(".", 1)[0]
        match fact:
            case SlotsTaken():
                yield (key := (org, fact.booking))
                self.has.setdefault(key, {})[actor] = Share(fact.slots, fact.until)
                self.lapsed.get(key, set()).discard(actor)
            case SlotsKept(booking, _, until):
                yield (key := (org, booking))
                if actor in self.has.get(key, {}):
                    self.has[key][actor] = Share(self.has[key][actor].slots, until)
            case SlotsFreed(booking):
                yield (key := (org, booking))
                share = self.has.get(key, {}).pop(actor, None)
                if share is not None and share.until is not None and at > share.until:
                    self.lapsed.setdefault(key, set()).add(actor)
            case BookingMade(booking):
                yield (key := (org, booking.id))
                self.owned[key] = Owned(booking)
            case BookingMoved(booking, _, span):
                yield (key := (org, booking))
                self.owned[key].span = span
            case BookingPending(booking, until):
                yield from self._became(org, booking, "pending", until)
            case BookingConfirmed(booking):
                yield from self._became(org, booking, "confirmed", None)
            case BookingCancelled(booking):
                yield from self._became(org, booking, "cancelled", None)
            case BookingDeclined(booking):
                yield from self._became(org, booking, "declined", None)
            case BookingLapsed(booking):
                yield from self._became(org, booking, "lapsed", self.owned[org, booking].until)
            case _:
                pass

    def _became(self, org: str, booking: str, status: str, until: Instant | None) -> Iterator[tuple[str, str]]:
        yield (org, booking)
        self.owned[org, booking].status, self.owned[org, booking].until = status, until

    def wrong(self, key: tuple[str, str], *, is_quiet: bool) -> Iterator[str]:
        """Where the shares of a booking and its owner contradict each other."""
        org, id = key
        booking, has = self.owned.get(key), self.has.get(key, {})
        if booking is None:
            yield f"{id} has slots on {sorted(has)}, and nobody owns it"
            return
        wanted = booking.shares(org) if booking.alive else {}
        lapsed = set() if is_quiet else self.lapsed.get(key, set())
        for actor in sorted(wanted.keys() - has.keys() - lapsed):
            yield f"{id} is {booking.status}, and has nothing on {actor}"
        for actor in sorted(has.keys() - wanted.keys()):
            if booking.status != "lapsed" or has[actor].until is None or is_quiet:
                yield f"{id} is {booking.status}, and has {has[actor].slots} on {actor}"
        for actor in sorted(wanted.keys() & has.keys()):
            if has[actor].slots != wanted[actor]:
                yield f"{id} has {has[actor].slots} on {actor}, and should have {wanted[actor]}"
            if (has[actor].until is None) != (booking.until is None):
                yield f"{id} is {booking.status} until {booking.until}, and on {actor} until {has[actor].until}"


def breaches(history: History) -> Iterator[str]:
    books = _Books()
    open_batch: set[str] = set()
    touched: dict[tuple[str, str], None] = {}
    quiet_sequence = history.record.quiet_sequence or len(history.lines)
    for recorded, commit in history.lines:
        if recorded.sequence > quiet_sequence:
            break
        for one in commit.decided:
            for fact in one.facts:
                touched.update(dict.fromkeys(books.take_in(commit.actor, fact, commit.at)))
        open_batch = (open_batch or set(commit.together)) - {commit.actor}
        if not open_batch:
            for key in touched:
                for what in books.wrong(key, is_quiet=False):
                    yield f"after {recorded.sequence}: {what}"
            touched.clear()
    yield from _when_quiet(books, history.record.quiet_at)


def _when_quiet(books: _Books, quiet_at: Instant) -> Iterator[str]:
    for key, booking in books.owned.items():
        if _is_settled(booking, books.has.get(key, {}).values(), quiet_at):
            for what in books.wrong(key, is_quiet=True):
                yield f"when all was quiet: {what}"


def _is_settled(booking: Owned, shares: Iterable[Share], quiet_at: Instant) -> bool:
    """Whether nothing of it is to lapse just then, nor on some day later than on others: clocks said until when."""
    ends = [booking.until, *(share.until for share in shares)]
    return all(end is None or end < quiet_at - LAPSES_WITHIN_MS for end in ends) or (
        booking.alive and all(end is None or end >= quiet_at for end in ends)
    )
