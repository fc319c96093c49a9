"""A quota: at most so many bookings of an event type in a day, a week, a month, by one booker or of one resource.

It is an actor of its own because no day knows the others, and it takes part in the transactions of those bookings that
have limits, and of no others. It gets the same commands as the days, and goes a booking's way by itself: what lapses
is not counted any more, whoever notices.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from actors.booking.commands import Book, BookSeries, Cancel, Confirm, Decline, Move
from actors.booking.lifecycle import first_status, next_status
from actors.booking.limits import LIMITS
from actors.booking.part import BEHIND, By, apart
from actors.booking.series import visits_of
from actors.decider import Consulted, Decider, Decision, Refusal
from events.calendar.periods import periods_of
from events.calendar.quantum import DAY_MS
from events.catalog import Catalog, EventType, Quota
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
            return full or Decision((Recounted(id, wish.start),))


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
    keys = (resource_key(first.wish.items[0].resource), booker_key(first.booker, first.session))
    if tally.key not in keys:
        return Refusal("not_here", "this quota is neither the resource's nor the booker's")
    event_type = by.state.event_types.get(first.wish.event_type)
    if event_type is None:
        return Refusal("unknown_event_type", f"there is no event type {first.wish.event_type!r}")
    for one in asked:
        if one.booking in tally.entries:
            return Refusal("booking_exists", f"there is a booking {one.booking!r} already")
    full = _full(tally, [one.wish for one in asked], at, by)
    if full is not None:
        return full
    status, until = first_status(event_type, at)
    return Decision(tuple(Counted(one.booking, event_type.slug, one.wish.start, status, until) for one in asked))


def _full(tally: Tally, wishes: list[Wish], at: Instant, by: By, *, without: str = "") -> Refusal | None:
    leading = wishes[0]
    event_type = by.state.event_types.get(leading.event_type)
    resource = by.state.active.get(leading.items[0].resource)
    if event_type is None or resource is None:
        return Refusal("unknown_resource", f"there is no resource {leading.items[0].resource!r}, or it is out of use")
    counting = {id: entry for id, entry in tally.entries.items() if not _is_over(entry, at) and id != without}
    if len(counting) + len(wishes) > LIMITS.counted_max:
        return Refusal("too_many_bookings", f"a quota counts at most {LIMITS.counted_max} bookings")
    starts = [entry.start for entry in counting.values() if entry.event_type == event_type.slug]
    starts += [wish.start for wish in wishes]
    limits = _limits(tally, event_type)
    wanted = [periods_of(wish.start, resource.time_zone) for wish in wishes]
    seen = [periods_of(start, resource.time_zone) for start in starts]
    for period in ("day", "week", "month"):
        most = getattr(limits, period)
        begin = Counter(getattr(one, period) for one in seen)
        if most and any(begin[getattr(one, period)] > most for one in wanted):
            whose = "of this resource" if tally.key.startswith("r-") else "by the same booker"
            return Refusal("over_limit", f"at most {most} bookings {whose} begin in one {period}")
    return None


def _limits(tally: Tally, event_type: EventType) -> Quota:
    return event_type.per_resource if tally.key.startswith("r-") else event_type.per_booker


def _is_over(entry: Entry, at: Instant) -> bool:
    """Lapsed, or so long past that it counts for no period any more."""
    return (entry.until is not None and entry.until < at) or entry.start < at - KEPT_FOR_MS


def evolve(tally: Tally, fact: QuotaFact, at: Instant) -> Tally:
    match fact:
        case Counted(booking, event_type, start, status, until):
            for id in [id for id, old in tally.entries.items() if _is_over(old, at)]:
                del tally.entries[id]
            tally.entries[booking] = Entry(event_type, start, status, until)
        case Advanced(booking, status, until):
            old = tally.entries[booking]
            tally.entries[booking] = Entry(old.event_type, old.start, status, until)
        case Recounted(booking, start):
            tally.entries[booking] = msgspec.structs.replace(tally.entries[booking], start=start)
        case Uncounted(booking):
            del tally.entries[booking]
    return tally


def _initial(actor: str) -> Tally:
    org, _, key = (*actor.split("."), "", "")[:3]
    return Tally(org, key)


QUOTA: Final[Decider[Tally, QuotaCommand, QuotaFact, By]] = Decider(
    kind="quota",
    parts=("key",),
    commands=(Book, BookSeries, Confirm, Decline, Cancel, Move),
    facts=FACTS,
    state=Tally,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    policy=Consulted(Catalog()),
    consults="catalog",
)
