"""What counts against quotas: in which local days, weeks and months a resource, or a booker, has had enough.

A start in such a time is not offered as free, because no judge would grant it. Weeks begin on Monday, and the clocks
are those of the resource, as the judges count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from events.calendar.quantum import DAY_MS, Span, date_of_day, day_number
from events.calendar.zones import local_day, midnight
from events.catalog import EventType, Quota, Resource
from events.clock import Instant
from events.codec import canonical
from events.commit import Commit
from events.day import Booker
from events.log import Recorded
from events.names import kind_of
from events.quota import Advanced, Counted, Recounted, Uncounted, booker_key, quota_actor, resource_key
from projections.folding import Change
from projections.limits import COUNTED_PAST_DAYS

_THURSDAY: Final = 3
"""What weekday 1970-01-01 was, Monday being 0."""
_LONGEST_MONTH: Final = 31


class Entry(msgspec.Struct, frozen=True):
    event_type: str
    start: Instant
    until: Instant | None


class _State(msgspec.Struct):
    today: int = -(1 << 31)
    entries: dict[str, dict[str, Entry]] = {}
    """By actor and booking."""


class Quotas:
    """A projection. It tells nothing: whoever books is told by the judge, and the slots themselves have not changed."""

    name = "quotas"
    version = 1

    def __init__(self) -> None:
        self._state = _State()

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        self._advance(commit.at)
        if kind_of(recorded.actor) == "quota":
            entries = self._state.entries.setdefault(recorded.actor, {})
            for decided in commit.decided:
                for fact in decided.facts:
                    _fold(entries, fact)
            if not entries:
                del self._state.entries[recorded.actor]
        return []

    def _advance(self, at: Instant) -> None:
        """Forget what counts for no time that can still be booked."""
        if at // DAY_MS <= self._state.today:
            return
        self._state.today = at // DAY_MS
        first = (self._state.today - COUNTED_PAST_DAYS) * DAY_MS
        for actor, entries in list(self._state.entries.items()):
            for booking in [booking for booking, entry in entries.items() if entry.start < first]:
                del entries[booking]
            if not entries:
                del self._state.entries[actor]

    def spent(
        self,
        org: str,
        event_type: EventType,
        resource: Resource,
        booker: str,
        now: Instant,
        besides: Sequence[Instant] = (),
    ) -> list[Span]:
        """When no further booking may begin; `booker` is the key of a booker's quota, or empty. `besides` are starts of
        bookings that are taken for counted."""
        found: list[Span] = []
        of_resource = resource_key(resource.id) if event_type.per_resource.limits else ""
        for key, quota in ((of_resource, event_type.per_resource), (booker, event_type.per_booker)):
            if quota.limits and key:
                entries = self._state.entries.get(quota_actor(org, key), {})
                starts = [
                    entry.start
                    for entry in entries.values()
                    if entry.event_type == event_type.slug and (entry.until is None or entry.until >= now)
                ]
                starts += besides
                found += _spent(quota, Counter(_local_day(start, resource.time_zone) for start in starts), resource)
        return found

    def save(self) -> bytes:
        return canonical(self._state)

    def load(self, data: bytes) -> None:
        self._state = _SAVED.decode(data)


_SAVED: Final = msgspec.json.Decoder(_State)


def key_of(email: str, session: str) -> str:
    """The key of the asker's own quota; empty for nobody."""
    return booker_key(Booker(email=email), session)


def _fold(entries: dict[str, Entry], fact: Any) -> None:
    match fact:
        case Counted(booking, event_type, start, _, until):
            entries[booking] = Entry(event_type, start, until)
        case Advanced(booking, _, until) if booking in entries:
            entries[booking] = msgspec.structs.replace(entries[booking], until=until)
        case Recounted(booking, start) if booking in entries:
            entries[booking] = msgspec.structs.replace(entries[booking], start=start)
        case Uncounted(booking):
            entries.pop(booking, None)
        case _:
            pass  # of a booking that is forgotten


def _spent(quota: Quota, days: Counter[int], resource: Resource) -> list[Span]:
    counts: Counter[tuple[int, int]] = Counter()
    for day, many in days.items():
        monday = day - (day + _THURSDAY) % 7
        for most, first, end in (
            (quota.day, day, day + 1),
            (quota.week, monday, monday + 7),
            (quota.month, *_month(day)),
        ):
            if most:
                counts[first, end] += many
    tz, most_of = resource.time_zone, {1: quota.day, 7: quota.week}
    return [
        Span(midnight(first, tz), midnight(end, tz))
        for (first, end), many in counts.items()
        if many >= most_of.get(end - first, quota.month)
    ]


def _month(day: int) -> tuple[int, int]:
    """The first day of the month, and of the next one."""
    first = day_number(date_of_day(day)[:7] + "-01")
    return first, day_number(date_of_day(first + _LONGEST_MONTH)[:7] + "-01")


@lru_cache(maxsize=65_536)
def _local_day(start: Instant, tz: str) -> int:
    return local_day(start, tz)
