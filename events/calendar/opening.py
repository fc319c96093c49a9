"""When a schedule is open: its weekly windows, its overrides and its holidays, by the clocks of its zone.

A date's windows are those of its override if there is one, none if it is a holiday, those of its weekday otherwise: an
override is what somebody said of that very date, so it opens a holiday too. A window is open from when the clock
reaches its start until the clock has left it (see `zones`). Windows that meet or overlap are one, within a day and
over midnight.

Something is open during a slot only if it is open during all of it. Where a zone's offset is no multiple of a quarter
hour (Monrovia until 1972, most of the world before its standard time), spans begin late and end early by the odd
minutes.

Caches go by the identity of a schedule: it is frozen, and holds tables that cannot be hashed. An equal schedule that is
another object costs one more reckoning, nothing else. Each cache is bounded and keeps its schedules alive while it
holds them, so no other can take their identity.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from events.calendar.quantum import Span, ceil, date_of_day, floor
from events.calendar.zones import clock_minute, left, local_day, reached
from events.catalog import WEEKDAYS, Schedule, Window
from events.clock import Instant

WHOLE_DAY: Final = (Window(0, 1_440),)
_DAYS_CACHED: Final = 32_768
_THURSDAY: Final = dt.date(1970, 1, 1).weekday()


class Same:
    """One schedule or several as a key: equal to what was made of the very same objects."""

    __slots__ = ("_hash", "schedules")

    def __init__(self, schedules: tuple[Schedule, ...]) -> None:
        self.schedules = schedules
        self._hash = hash(tuple(map(id, schedules)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Same)
            and len(self.schedules) == len(other.schedules)
            and all(mine is its for mine, its in zip(self.schedules, other.schedules, strict=True))
        )


@lru_cache(maxsize=1_024)
def always_open(time_zone: str) -> Schedule:
    """What stands in for no schedule: open at all times, with the clocks of a zone for whatever goes by clocks."""
    return Schedule(id="always", name="always", time_zone=time_zone, weekly=dict.fromkeys(WEEKDAYS, WHOLE_DAY))


def windows_on(schedule: Schedule, day: int) -> tuple[Window, ...]:
    """What is said of a local day, `day` counting from 1970-01-01."""
    date = date_of_day(day)
    if date in schedule.overrides:
        return schedule.overrides[date]
    if date in schedule.holidays:
        return ()
    return schedule.weekly.get(WEEKDAYS[(day + _THURSDAY) % 7], ())


def open_spans(schedule: Schedule, start: Instant, end: Instant) -> tuple[Span, ...]:
    """When the schedule is open between two instants: in order, each apart from the next, on the grid but where the
    range itself cuts them off it."""
    return _within(_open(Same((schedule,)), start, end), start, end)


def open_in_all(schedules: Sequence[Schedule], start: Instant, end: Instant) -> tuple[Span, ...]:
    """When every one of the schedules is open; always, when there are none."""
    spans: tuple[Span, ...] = (Span(start, end),) if start < end else ()
    for schedule in schedules:
        spans = intersection(spans, open_spans(schedule, start, end))
    return spans


def intersection(some: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """What lies in a span of both. Each of the two is in order and without overlaps, and so is the answer."""
    found = []
    one = other = 0
    while one < len(some) and other < len(others):
        start = max(some[one].start, others[other].start)
        end = min(some[one].end, others[other].end)
        if start < end:
            found.append(Span(start, end))
        if some[one].end < others[other].end:
            one += 1
        else:
            other += 1
    return tuple(found)


def _open(same: Same, start: Instant, end: Instant) -> Iterable[Span]:
    """The spans on the grid of all local days that can reach into the range, merged before they are cut to the grid: a
    midnight off the grid is no gap."""
    if start >= end:
        return ()
    (schedule,) = same.schedules
    first, last = local_day(start, schedule.time_zone) - 1, local_day(end, schedule.time_zone) + 1
    merged = _merged(chain.from_iterable(_of_day(same, day) for day in range(first, last + 1)))
    return [Span(ceil(span.start), floor(span.end)) for span in merged]


@lru_cache(maxsize=_DAYS_CACHED)
def _of_day(same: Same, day: int) -> tuple[Span, ...]:
    (schedule,) = same.schedules
    readings = _merged(
        Span(clock_minute(day, window.start), clock_minute(day, window.end)) for window in windows_on(schedule, day)
    )
    tz = schedule.time_zone
    return tuple(Span(reached(span.start, tz), left(span.end, tz)) for span in readings)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """In order, and those that meet or overlap as one; the empty ones gone."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= span.end:
            continue
        if found and span.start <= found[-1].end:
            if span.end > found[-1].end:
                found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    return found


def _within(spans: Iterable[Span], start: Instant, end: Instant) -> tuple[Span, ...]:
    cut = (Span(max(span.start, start), min(span.end, end)) for span in spans)
    return tuple(span for span in cut if span.start < span.end)
