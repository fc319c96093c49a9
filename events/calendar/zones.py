"""The clocks of time zones: from what a clock shows to instants, and back.

A clock that is set forward skips readings (a gap), one that is set back shows some twice (a fold). Two questions have
one answer each in any case, and everything local here is made of them:

- `reached`: when does a clock first show this reading or a later one? In a gap that is the first instant after it, in a
  fold the earlier of the two.
- `left`: when does it last go on from the readings before this one? In a gap the same instant, in a fold the later one.
  A reading at which a fold just begins was preceded once only, so it is left when it is first reached.

So what is open from `reached(start)` to `left(end)` covers both hours of a fold and nothing of a gap, and whoever
closes at two, on the night when two o'clock comes twice, closes at the first.

A **local day** is from when its midnight is first reached until the next date's is. These days divide time: each
instant lies in exactly one, also where the clock goes from 00:01 back into the evening before (St John's until 2011),
and a date that was skipped (Apia's 2011-12-30) is an empty one.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import ClassVar, Final, Literal

import whenever

from events.calendar.quantum import DAY_MS, FIRST_DAY, LAST_DAY, MINUTE_MS, BadDate, Span, date_of_day, day_number
from events.clock import Instant
from events.errors import TidegateError

_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)


class UnknownZone(TidegateError):
    """Not the name of a time zone in the database of this machine."""

    code: ClassVar[str] = "unknown_time_zone"
    next_step: ClassVar[str] = "use a name of the IANA time zone database, as in Europe/Berlin"


@cache
def _zones() -> frozenset[str]:
    return frozenset(whenever.available_timezones())


def is_zone(name: str) -> bool:
    """Whether a zone has this very name. The database's files are found by other spellings too, on some machines."""
    return name in _zones()


def zone(name: str) -> str:
    """`name` itself, if a zone has it; `UnknownZone` otherwise."""
    if not is_zone(name):
        raise UnknownZone(f"{name[:64]!r} is not the name of a time zone such as Europe/Berlin")
    return name


def reading(instant: Instant, tz: str) -> int:
    """What the clock shows: the milliseconds from 1970-01-01T00:00 to its reading, as if both were UTC."""
    shown = whenever.Instant.from_timestamp(instant, unit="millisecond").to_tz(tz)
    return shown.to_plain().assume_utc().timestamp(unit="millisecond")


def reached(shows: int, tz: str) -> Instant:
    """The first instant at which the clock shows this reading or a later one."""
    instant, skipped = _resolve(shows, tz, "earlier")
    return instant if skipped is None else skipped


def left(shows: int, tz: str) -> Instant:
    """The end of the last instant at which the clock shows less than this reading."""
    instant, skipped = _resolve(shows - 1, tz, "later")
    return instant + 1 if skipped is None else skipped


def _resolve(shows: int, tz: str, which: Literal["earlier", "later"]) -> tuple[Instant, Instant | None]:
    """The instant of a reading; and the end of the gap that it lies in, if it does."""
    plain = whenever.Instant.from_timestamp(shows, unit="millisecond").to_fixed_offset().to_plain()
    zoned = plain.assume_tz(tz, disambiguation=which)
    if zoned.to_plain() == plain:
        return zoned.timestamp(unit="millisecond"), None
    before = plain.assume_tz(tz, disambiguation="earlier")
    change = before.next_transition()
    while change is not None and change.offset == before.offset:  # a zone can change its name alone
        change = change.next_transition()
    assert change is not None, "a gap ends"
    return zoned.timestamp(unit="millisecond"), change.timestamp(unit="millisecond")


@lru_cache(maxsize=16_384)
def midnight(day: int, tz: str) -> Instant:
    """When a local day begins: `day` counts from 1970-01-01."""
    return reached(day * DAY_MS, tz)


def local_day(instant: Instant, tz: str) -> int:
    """Which local day an instant lies in, counted from 1970-01-01."""
    if not FIRST_DAY <= instant // DAY_MS <= LAST_DAY:
        raise BadDate(f"instant {instant} is further away than anyone books")
    day = reading(instant, tz) // DAY_MS
    return day + 1 if midnight(day + 1, tz) <= instant else day


def local_date(instant: Instant, tz: str) -> str:
    return date_of_day(local_day(instant, tz))


def local_day_span(date: str, tz: str) -> Span:
    """A local day by its date: 23, 24 or 25 hours as a rule, and none at all where the date was skipped."""
    day = day_number(date)
    zone(tz)
    return Span(midnight(day, tz), midnight(day + 1, tz))


def local_month_dates(month: str, tz: str) -> tuple[str, ...]:
    """The dates of a month (`2026-12`) in order, without any that the zone skipped."""
    if not _MONTH.fullmatch(month):
        raise BadDate(f"{month[:40]!r} is not a month as in 2026-12")
    zone(tz)
    first = day_number(month + "-01")
    days = (day for day in range(first, first + 31) if date_of_day(day)[:7] == month)
    return tuple(date_of_day(day) for day in days if midnight(day, tz) < midnight(day + 1, tz))


def clock_minute(day: int, minute: int) -> int:
    """The reading at a minute of a local day; minute 1,440 is the end of it."""
    return day * DAY_MS + minute * MINUTE_MS
