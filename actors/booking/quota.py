"""A quota: at most so many bookings of an event type in a day, a week, a month, by one booker or of one resource.

It is an actor of its own because no day knows the others, and it takes part in the transactions of those bookings that
have limits, and of no others. It gets the same commands as the days, and goes a booking's way by itself: what lapses
is not counted any more, whoever notices.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import Final

import msgspec

from actors.booking.commands import Book, BookSeries, Cancel, Confirm, Decline, Move
from actors.booking.lifecycle import first_status, moved_status, next_status
from actors.booking.limits import LIMITS
from actors.booking.part import BEHIND, By, apart
from actors.booking.series import visits_of
from actors.decider import Consulted, Decider, Decision, Leases, Refusal
from events.calendar.periods import periods_of
from events.calendar.quantum import DAY_MS
from events.catalog import Catalog
from events.clock import Instant
from events.day import Status, Wish, owner_of
from events.quota import (
    FACTS,
    Advanced,
    Counted,
    QuotaFact,
    Recounted,
    Uncounted,
    booker_key,
    resource_key,
)

QuotaCommand = Book | BookSeries | Confirm | Decline | Cancel | Move
Answer = Decision[QuotaFact] | Refusal

KEPT_FOR_MS: Final = 62 * DAY_MS
"""What began longer ago counts for no month any more."""


PERIOD_MS_MAX: Final = 32 * DAY_MS
"""Two that begin in one month begin no further apart."""
FORGOTTEN_AT_ONCE: Final = 64


class Entry(msgspec.Struct, frozen=True):
    event_type: str
    start: Instant
    status: Status
    until: Instant | None


class Tally(msgspec.Struct):
    """The bookings that count."""

    org: str
    key: str
    entries: dict[str, Entry] = {}
    order: list[tuple[Instant, str]] = []
    """The same by their start."""

    def between(self, start: Instant, end: Instant) -> list[tuple[Instant, str]]:
        return self.order[bisect_left(self.order, (start, "")) : bisect_left(self.order, (end, ""))]

    def since(self, start: Instant) -> int:
        """How many begin then or later."""
        return len(self.order) - bisect_left(self.order, (start, ""))

    def add(self, id: str, entry: Entry) -> None:
        self.entries[id] = entry
        insort(self.order, (entry.start, id))

    def remove(self, id: str) -> Entry:
        entry = self.entries.pop(id)
        del self.order[bisect_left(self.order, (entry.start, id))]
        return entry

    def forget(self, at: Instant) -> None:
        """What is over and counts for nothing any more; some of it at a time."""
        while self.order and self.order[0][0] < at - KEPT_FOR_MS:
            self.remove(self.order[0][1])
        for _, id in self.order[:FORGOTTEN_AT_ONCE]:
            if _is_over(self.entries[id], at):
                self.remove(id)


def decide(tally: Tally, command: QuotaCommand, at: Instant, by: By) -> Answer:
    if isinstance(command, BookSeries):
        return _count_series(tally, command, at, by)
    id = command.booking
    if owner_of(tally.org, id) not in by.together:
        return apart(id)
    entry = tally.entries.get(id)
    match command:
        case Book():
            return _count(tally, [command], at, by)
        case Confirm():
            if entry is None or _is_over(entry, at):
                return Refusal("lapsed", f"{id!r} has lapsed", "late")
            status, until = next_status(
                entry.status, by.state.event_types.get(entry.event_type), command.token, at
            )  # fmt: skip
            return Decision((Advanced(id, status, until),))
        case Decline() | Cancel():
            return Decision(() if entry is None else (Uncounted(id),))
        case Move(_, wish):
            if entry is None:
                return Refusal("not_counted", f"{id!r} is not counted here")
            full = _full(tally, [wish], at, by, without=id)
            if full is not None:
                return full
            event_type = by.state.event_types.get(entry.event_type)
            if event_type is None:
                return Decision((Recounted(id, wish.start),))
            status, until = moved_status(entry.status, entry.until, event_type, command.token, at)
            advanced = (Advanced(id, status, until),) if status != entry.status else ()
            return Decision((Recounted(id, wish.start), *advanced))


def _count_series(tally: Tally, command: BookSeries, at: Instant, by: By) -> Answer:
    visits = visits_of(command, at, by)
    if isinstance(visits, Refusal):
        return visits
    for visit in visits:
        if visit.owner(tally.org) not in by.together:
            return apart(visit.asked.booking)
    return _count(tally, [visit.asked for visit in visits], at, by)


def _count(tally: Tally, asked: list[Book], at: Instant, by: By) -> Answer:
    """One booking, or those of a series, of which each counts for the next."""
    first = asked[0]
    if by.sequence < first.catalog:
        return BEHIND
    event_type = by.state.event_types.get(first.wish.event_type)
    if event_type is None:
        return Refusal("unknown_event_type", f"there is no event type {first.wish.event_type!r}")
    if tally.key != booker_key(first.booker, first.session) and _resource(tally, first.wish) is None:
        return Refusal("not_here", "this quota is neither the booker's nor one of the resources'")
    for one in asked:
        if one.booking in tally.entries:
            return Refusal("booking_exists", f"there is a booking {one.booking!r} already")
    full = _full(tally, [one.wish for one in asked], at, by)
    if full is not None:
        return full
    status, until = first_status(event_type, at)
    return Decision(tuple(Counted(one.booking, event_type.slug, one.wish.start, status, until) for one in asked))


def _resource(tally: Tally, wish: Wish) -> str | None:
    """Whose quota this is, if it is that of one of these resources."""
    return next((item.resource for item in wish.items if resource_key(item.resource) == tally.key), None)


def _full(tally: Tally, wishes: list[Wish], at: Instant, by: By, *, without: str = "") -> Refusal | None:
    """Only what may begin in the same periods is looked at: what is counted of other months costs nothing."""
    leading = wishes[0]
    named = _resource(tally, leading)
    event_type = by.state.event_types.get(leading.event_type)
    resource = by.state.active.get(named or leading.items[0].resource)
    if event_type is None or resource is None:
        return Refusal("unknown_resource", f"there is no resource {leading.items[0].resource!r}, or it is out of use")
    if tally.since(at - KEPT_FOR_MS) + len(wishes) > LIMITS.counted_max:
        return Refusal("too_many_bookings", f"a quota counts at most {LIMITS.counted_max} bookings at a time")
    limits = event_type.per_booker if named is None else event_type.per_resource
    wanted = [periods_of(wish.start, resource.time_zone) for wish in wishes]
    seen = wanted + [
        periods_of(start, resource.time_zone)
        for start, id in tally.between(wishes[0].start - PERIOD_MS_MAX, wishes[-1].start + PERIOD_MS_MAX)
        if id != without and (entry := tally.entries[id]).event_type == event_type.slug and not _is_over(entry, at)
    ]
    for period in ("day", "week", "month"):
        most = getattr(limits, period)
        begin = Counter(getattr(one, period) for one in seen)
        if most and any(begin[getattr(one, period)] > most for one in wanted):
            whose = "of this resource" if named is not None else "by the same booker"
            return Refusal("over_limit", f"at most {most} bookings {whose} begin in one {period}")
    return None


def _is_over(entry: Entry, at: Instant) -> bool:
    """Lapsed, or so long past that it counts for no period any more."""
    return (entry.until is not None and entry.until < at) or entry.start < at - KEPT_FOR_MS


def evolve(tally: Tally, fact: QuotaFact, at: Instant) -> Tally:
    match fact:
        case Counted(booking, event_type, start, status, until):
            tally.forget(at)
            tally.add(booking, Entry(event_type, start, status, until))
        case Advanced(booking, status, until):
            old = tally.entries[booking]
            tally.entries[booking] = Entry(old.event_type, old.start, status, until)
        case Recounted(booking, start):
            tally.add(booking, msgspec.structs.replace(tally.remove(booking), start=start))
        case Uncounted(booking):
            tally.remove(booking)
    return tally


def _initial(actor: str) -> Tally:
    org, _, key = (*actor.split("."), "", "")[:3]
    return Tally(org, key)


QUOTA: Final[Decider[Tally, QuotaCommand, QuotaFact, By]] = Decider(
    kind="quota",
    state_version=2,
    parts=("key",),
    commands=(Book, BookSeries, Confirm, Decline, Cancel, Move),
    facts=FACTS,
    state=Tally,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    policy=Consulted(Catalog(), Leases()),
    consults="catalog",
)
