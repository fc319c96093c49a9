"""The grid: quarter hours of UTC dates, 96 to each, whatever any local clock does.

An instant is milliseconds since the epoch. Unix time has no leap seconds, so a UTC date is always 86,400,000 of them,
and slots, dates and spans are plain division. A local calendar lies across two UTC dates; that is the business of
`zones` and `opening`, and what is stored knows nothing of it.

A date is written `2026-12-07` everywhere: it is a token in actors' names and a key in records. It is read strictly, so
that one date has one name.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import ClassVar, Final

import msgspec

from events.clock import Instant
from events.errors import TidegateError

MINUTE_MS: Final = 60_000
SLOT_MINUTES: Final = 15
SLOT_MS: Final = SLOT_MINUTES * MINUTE_MS
SLOTS: Final = 96
"""Slots of a UTC date."""
DAY_MS: Final = SLOTS * SLOT_MS
assert DAY_MS == 24 * 60 * MINUTE_MS

SPAN_DAYS_MAX: Final = 31
"""The longest that one booking or hold occupies anything, buffers included: it is decided by so many resource-days
together, and one more when it begins within a day."""
SPAN_MS_MAX: Final = SPAN_DAYS_MAX * DAY_MS

FIRST_DATE: Final = "1900-01-01"
LAST_DATE: Final = "9998-12-31"
"""Dates outside of these are refused: inside, the days before and after are dates too, in every zone."""

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class BadDate(TidegateError):
    """Not a date of the calendar as it is written here, or one that is further away than anyone books."""

    code: ClassVar[str] = "bad_date"
    next_step: ClassVar[str] = f"write it as in 2026-12-07, between {FIRST_DATE} and {LAST_DATE}"


class Span(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """From an instant to another, the end not included; never the wrong way round."""

    start: Instant
    end: Instant

    @classmethod
    def outward(cls, start: Instant, end: Instant) -> Span:
        """The least span on the grid that has all of the given one."""
        return cls(floor(start), ceil(end))

    def touches(self, other: Span) -> bool:
        """Whether they share an instant. Those that only meet end to start do not."""
        return self.start < other.end and other.start < self.end

    def holds(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


class Share(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a span takes of one UTC date: its slots from `first` up to `end`, which is not included."""

    date: str
    first: int
    end: int

    @property
    def bits(self) -> int:
        return mask(self.first, self.end)


def floor(instant: Instant) -> Instant:
    """The last instant of the grid that is not after it."""
    return instant - instant % SLOT_MS


def ceil(instant: Instant) -> Instant:
    """The first instant of the grid that is not before it."""
    return instant + -instant % SLOT_MS


def on_grid(instant: Instant) -> bool:
    return instant % SLOT_MS == 0


def whole_slots_ms(minutes: int) -> int:
    """So many minutes in milliseconds, rounded up to whole slots: 50 minutes are an hour."""
    return ceil(minutes * MINUTE_MS)


def mask(first: int, end: int) -> int:
    """A day's bitmap with the slots from `first` up to `end` set: bit n is slot n."""
    assert 0 <= first <= end <= SLOTS, (first, end)
    return (1 << end) - (1 << first)


@lru_cache(maxsize=4_096)
def shares(span: Span) -> tuple[Share, ...]:
    """Every slot that the span touches, date by date. An empty span touches none."""
    if span.start >= span.end:
        return ()
    start, end = floor(span.start), ceil(span.end)
    found = []
    for day in range(start // DAY_MS, -(-end // DAY_MS)):
        begins = day * DAY_MS
        first = max(start - begins, 0) // SLOT_MS
        found.append(Share(date_of_day(day), first, min(end - begins, DAY_MS) // SLOT_MS))
    return tuple(found)


@lru_cache(maxsize=4_096)
def day_number(date: str) -> int:
    """Days since 1970-01-01; `BadDate` for anything that is not a date."""
    if not _DATE.fullmatch(date) or not FIRST_DATE <= date <= LAST_DATE:
        raise BadDate(f"{date[:40]!r} is not a date as in 2026-12-07")
    try:
        return dt.date.fromisoformat(date).toordinal() - _EPOCH
    except ValueError as unknown:
        raise BadDate(f"{date} is not a date of the calendar") from unknown


@lru_cache(maxsize=4_096)
def date_of_day(number: int) -> str:
    """The date that is so many days after 1970-01-01."""
    if not FIRST_DAY <= number <= LAST_DAY:
        raise BadDate(f"day {number} is not between {FIRST_DATE} and {LAST_DATE}")
    return dt.date.fromordinal(_EPOCH + number).isoformat()


FIRST_DAY: Final = day_number(FIRST_DATE)
LAST_DAY: Final = day_number(LAST_DATE)


def is_date(text: str) -> bool:
    try:
        day_number(text)
    except BadDate:
        return False
    return True


def day_start(date: str) -> Instant:
    """The first instant of a UTC date."""
    return day_number(date) * DAY_MS


def date_of(instant: Instant) -> str:
    """The UTC date that an instant lies in."""
    return date_of_day(instant // DAY_MS)


def slot_of(instant: Instant) -> int:
    """Which slot of its UTC date an instant lies in."""
    return instant % DAY_MS // SLOT_MS
