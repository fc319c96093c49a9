"""Which starts an event type offers, and what stands against one that it does not.

`starts` and `why_not` are made of the same three parts, so they cannot disagree: what is wrong with the length
(`_misfit`), from when until when anything can be booked at `now` (`_bookable`), and which starts a local day has
(`_of_day`, the only place that knows about windows).

**By the window** starts count from where an opening begins, in steps of the interval. One that goes on over midnight
keeps its steps; but a local day that is open throughout begins anew at its midnight. So a bar that is open from 22:00
until 02:00 has one row of starts, and a gym that never closes has the same row every day, instead of one that hangs
on when it last closed. When two schedules count, an opening is what lies in both.

**By the clock** starts are where the clock shows a multiple of the interval since 00:00: twice in a fold, not at all
in a gap.

A start counts if the whole visit lies in one opening. Buffers need not: they only keep the resource occupied.

`schedules` is what must be open: the narrower one first, whose clocks count for alignment, midnights and the horizon
(`schedules_of` says which). Without any, everything is open, by the clocks of UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

from events.calendar.opening import Same, always_open, open_in_all
from events.calendar.quantum import (
    DAY_MS,
    LAST_DAY,
    MINUTE_MS,
    SLOT_MS,
    SPAN_DAYS_MAX,
    SPAN_MS_MAX,
    Span,
    ceil,
    day_start,
    floor,
    on_grid,
    whole_slots_ms,
)
from events.calendar.zones import local_day, midnight, reading
from events.catalog import Catalog, EventType, Resource, Schedule
from events.clock import Instant, iso

Schedules: TypeAlias = tuple[Schedule, ...]
Code: TypeAlias = Literal[
    "off_grid",
    "wrong_duration",
    "span_too_long",
    "in_the_past",
    "too_soon",
    "beyond_horizon",
    "outside_schedule",
    "not_a_start",
]
_DAYS_CACHED: Final = 8_192
_STARTS_CACHED: Final = 32_768
_LOCAL_DAYS_DIFFER: Final = 3
"""So many days before its end an horizon is far enough, whatever the clocks: one for the hours of the day, one for the
zone, and one that a zone may have skipped."""


class Objection(msgspec.Struct, frozen=True):
    """What stands against a start: a stable code, a sentence, and whether it was wrong or only late."""

    code: Code
    sentence: str
    fault: Literal["caller", "late"] = "caller"


def schedules_of(catalog: Catalog, event_type: EventType, resource: Resource) -> Schedules:
    """What must be open for the event type on the resource, the narrower first. The resource's own clocks count when
    neither has a schedule."""
    named = tuple(dict.fromkeys(id for id in (event_type.schedule, resource.schedule) if id))
    return tuple(catalog.schedules[id] for id in named) or (always_open(resource.time_zone),)


def occupied(event_type: EventType, start: Instant, duration: int) -> Span:
    """What a visit of so many minutes takes of its resource: its whole slots, and the buffers around it."""
    before, after = event_type.buffer_before * MINUTE_MS, event_type.buffer_after * MINUTE_MS
    return Span.outward(start - before, start + whole_slots_ms(duration) + after)


def starts(
    event_type: EventType, schedules: Schedules, duration: int, start: Instant, end: Instant, now: Instant
) -> tuple[Instant, ...]:
    """The starts that are offered at `now` from `start` up to `end`, in order. Whether anything is free is not
    asked."""
    if _misfit(event_type, duration):
        return ()
    tz = _clocks(schedules)
    earliest, latest = _bookable(event_type, tz, now)
    start, end = max(start, earliest), min(end, latest)
    if start >= end:
        return ()
    same, found = Same(schedules), list[Instant]()
    for day in range(local_day(start, tz), local_day(end - 1, tz) + 1):
        offered = _of_day(same, whole_slots_ms(duration), _interval(event_type), event_type.align, day)
        found += offered[bisect_left(offered, start) : bisect_left(offered, end)]
    return tuple(found)


def start_bits(event_type: EventType, schedules: Schedules, duration: int, date: str, now: Instant) -> int:
    """The starts of one UTC date as a bitmap of its slots."""
    begins = day_start(date)
    bits = 0
    for start in starts(event_type, schedules, duration, begins, begins + DAY_MS, now):
        bits |= 1 << (start - begins) // SLOT_MS
    return bits


def why_not(
    event_type: EventType, schedules: Schedules, start: Instant, duration: int, now: Instant
) -> Objection | None:
    """What stands against a start; nothing if, and only if, `starts` has it."""
    if not on_grid(start):
        return Objection("off_grid", "a visit starts on a quarter of an hour")
    if (misfit := _misfit(event_type, duration)) is not None:
        return misfit
    if start < now:
        return Objection("in_the_past", "the start has passed", "late")
    tz = _clocks(schedules)
    if start < now + event_type.notice * MINUTE_MS:
        earliest = iso(now + event_type.notice * MINUTE_MS)
        return Objection("too_soon", f"at {event_type.notice} minutes' notice it starts at {earliest} or later", "late")
    if start >= now + (event_type.horizon_days - _LOCAL_DAYS_DIFFER) * DAY_MS:  # else it is within, by any clocks
        latest = _bookable(event_type, tz, now)[1]
        if start >= latest:
            return Objection("beyond_horizon", f"bookings are taken for starts before {iso(latest)}")
    length = whole_slots_ms(duration)
    if _is_start(Same(schedules), length, _interval(event_type), event_type.align, start):
        return None
    visit = Span(start, start + length)
    if open_in_all(schedules, visit.start, visit.end) == (visit,):
        return Objection("not_a_start", "it is open then, but visits start at other times")
    return Objection("outside_schedule", "it is not open for the whole of the visit")


def _misfit(event_type: EventType, duration: int) -> Objection | None:
    """What is wrong with a length, whenever it is."""
    if duration not in event_type.durations:
        lengths = ", ".join(map(str, event_type.durations))
        return Objection("wrong_duration", f"{event_type.slug} takes {lengths} minutes, not {duration}")
    if (took := occupied(event_type, 0, duration)).end - took.start > SPAN_MS_MAX:
        return Objection("span_too_long", f"a booking takes at most {SPAN_DAYS_MAX} days, buffers included")
    return None


def _bookable(event_type: EventType, tz: str, now: Instant) -> tuple[Instant, Instant]:
    """From when, and before when, a start can be booked. The horizon counts whole local days: with one of 1, all of
    tomorrow is within."""
    last = min(local_day(now, tz) + event_type.horizon_days, LAST_DAY - SPAN_DAYS_MAX - 2)
    return now + event_type.notice * MINUTE_MS, midnight(last + 1, tz)


def _clocks(schedules: Schedules) -> str:
    return schedules[0].time_zone if schedules else "UTC"


def _interval(event_type: EventType) -> int:
    return whole_slots_ms(event_type.interval or min(event_type.durations))


@lru_cache(maxsize=_STARTS_CACHED)
def _is_start(same: Same, length: int, interval: int, align: Literal["window", "clock"], start: Instant) -> bool:
    """Whether a visit of that length may begin then; the same for all resources that are open at the same hours."""
    offered = _of_day(same, length, interval, align, local_day(start, _clocks(same.schedules)))
    place = bisect_left(offered, start)
    return place < len(offered) and offered[place] == start


@lru_cache(maxsize=_DAYS_CACHED)
def _of_day(same: Same, length: int, interval: int, align: Literal["window", "clock"], day: int) -> tuple[Instant, ...]:
    """All starts of a local day at which a visit of that length lies in one opening, in order."""
    tz = _clocks(same.schedules)
    yesterday, begins, ends = (midnight(each, tz) for each in (day - 1, day, day + 1))
    found: list[Instant] = []
    for opening in open_in_all(same.schedules, yesterday, ends + length):
        first, last = max(opening.start, ceil(begins)), min(opening.end - length, ends - 1)
        if first > last:
            continue
        if align == "clock":
            offered = range(first, last + 1, SLOT_MS)
            # Less than a slot past a multiple: in zones off the grid a start moves up to the next quarter of UTC.
            found += (each for each in offered if reading(each, tz) % DAY_MS % interval < SLOT_MS)
        else:
            anchor = _anchor(opening, yesterday, begins, ends)
            found += range(first + (anchor - first) % interval, last + 1, interval)
    return tuple(found)


def _anchor(opening: Span, yesterday: Instant, begins: Instant, ends: Instant) -> Instant:
    """Where the steps of an opening count from on the local day between `begins` and `ends`."""
    if opening.start >= begins:
        return opening.start
    if opening.end >= floor(ends):
        return ceil(begins)
    return max(opening.start, ceil(yesterday))
