"""What the calendar is judged by: real minutes, stepped one after another, each labelled by the standard library's
clocks.

It knows nothing of gaps and folds. A window is open from the first to the last of the minutes that bear its readings.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import settings
from hypothesis import strategies as st

from events.calendar.quantum import DAY_MS, MINUTE_MS, Span
from events.catalog import WEEKDAYS, Schedule, Window
from events.clock import Instant

ZONES = sorted(available_timezones() - {"localtime"})
CHANGING = (
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Chatham",
)
"""Whose clocks change: at midnight and at noon of UTC, by an hour and by half of one, from odd offsets, for a month
only."""

UNHURRIED = settings(deadline=None)
"""An example takes as long as it takes: the first in a zone reads it from disk, and a busy machine proves nothing."""


def at(text: str) -> Instant:
    """`2026-12-07T13:00Z`, or with any offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def shown(instant: Instant, tz: str) -> datetime:
    return datetime.fromtimestamp(instant / 1000, _zone(tz))


@cache
def _zone(tz: str) -> ZoneInfo:
    return ZoneInfo(tz)


def changes(tz: str, year: int) -> Iterator[Instant]:
    """The instants in a year at which the zone's offset changes, to the minute."""
    week = 7 * DAY_MS
    begins, ends = (round(datetime(each, 1, 1, tzinfo=UTC).timestamp() * 1000) for each in (year, year + 1))
    before = shown(begins, tz).utcoffset()
    for low in range(begins, ends, week):
        high = low + week
        after = shown(high, tz).utcoffset()
        if after != before:
            start = low
            while high - start > MINUTE_MS:
                middle = (start + high) // 2 // MINUTE_MS * MINUTE_MS
                if shown(middle, tz).utcoffset() == before:
                    start = middle
                else:
                    high = middle
            yield high
        before = after


class Minutes:
    """The minutes of a stretch of time, by what the clocks of a zone show: the first and the last with each label."""

    def __init__(self, tz: str, start: Instant, end: Instant) -> None:
        self.by_date: dict[str, dict[int, tuple[Instant, Instant]]] = {}
        for minute in range(start, end, MINUTE_MS):
            label = shown(minute, tz)
            of_date = self.by_date.setdefault(label.date().isoformat(), {})
            clock = label.hour * 60 + label.minute
            of_date[clock] = (of_date.get(clock, (minute,))[0], minute)

    def open(self, date: str, window: Window) -> Span | None:
        labels = self.by_date.get(date, {})
        found = [labels[clock] for clock in range(window.start, window.end) if clock in labels]
        return Span(min(first for first, _ in found), max(last for _, last in found) + MINUTE_MS) if found else None

    def open_minutes(self, windows: dict[str, tuple[Window, ...]]) -> set[Instant]:
        """Every minute that lies in a window of its date."""
        spans = [self.open(date, window) for date, of_date in windows.items() for window in of_date]
        return {minute for span in spans if span for minute in range(span.start, span.end, MINUTE_MS)}


def minutes_of(spans: tuple[Span, ...]) -> set[Instant]:
    return {minute for span in spans for minute in range(span.start, span.end, MINUTE_MS)}


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, ...]:
    """Up to three windows of a day, in order, apart or adjacent."""
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    return tuple(Window(edges[n] * 15, edges[n + 1] * 15) for n in range(0, len(edges) - 1, 2))


@st.composite
def schedules(draw: st.DrawFn, overrides: st.SearchStrategy[str] | None = None) -> Schedule:
    """A schedule in any zone, with whole days among its windows."""
    day = windows() | st.just((Window(0, 1_440),)) | st.just((Window(0, 120), Window(1_320, 1_440)))
    return Schedule(
        id="hours",
        name="hours",
        time_zone=draw(st.sampled_from(CHANGING) | st.sampled_from(ZONES)),
        weekly={name: draw(day) for name in WEEKDAYS},
        overrides=draw(st.dictionaries(overrides, windows(), max_size=2)) if overrides else {},
    )
