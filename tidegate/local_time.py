"""Local time as people type and read it: `tomorrow 10:00`, by the clocks of a zone.

A time that a clock skips, or shows twice, is not guessed at: it is refused with what would be unambiguous.
"""

from __future__ import annotations

import re
from typing import Final

from events.calendar.moments import BadTime, has_offset, moment_of
from events.calendar.quantum import DAY_MS, BadDate, date_of_day, day_number
from events.calendar.zones import local_day, reading, zone
from events.catalog import WEEKDAYS
from events.clock import Instant

_THURSDAY: Final = 3
"""The weekday of 1970-01-01, Monday being 0."""
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_DATE_T: Final = re.compile(r"^(\d{4}-\d{2}-\d{2})T", re.ASCII)


def date_from(text: str, now: Instant, tz: str) -> str:
    """`2026-12-07`, `today`, `tomorrow`, `+3` (days from today), or `mon`: the next one, today included."""
    today = local_day(now, zone(tz))
    word = text.strip().lower()
    if word in ("today", "tomorrow"):
        return date_of_day(today + (word == "tomorrow"))
    if word in WEEKDAYS:
        return date_of_day(today + (WEEKDAYS.index(word) - today - _THURSDAY) % 7)
    if word.startswith("+") and word[1:].isascii() and word[1:].isdigit() and len(word) <= 5:
        return date_of_day(today + int(word[1:]))
    try:
        day_number(word)
    except BadDate as error:
        raise BadTime(f"{text!r} is no date") from error
    return word


def instant_from(text: str, now: Instant, tz: str) -> Instant:
    """A date and a time by the clocks of the zone; or any instant that says its own offset."""
    stripped = text.strip()
    if has_offset(stripped):
        return moment_of(stripped, tz)
    day, _, clock = _DATE_T.sub(r"\1 ", stripped).rpartition(" ")
    time = _TIME.fullmatch(clock)
    if not day or time is None or int(time[1]) > 23 or int(time[2]) > 59:
        raise BadTime(f"{text!r} is no date with a time")
    return moment_of(f"{date_from(day, now, tz)}T{int(time[1]):02}:{time[2]}", tz)


def clock(instant: Instant, tz: str) -> str:
    """`10:00`."""
    minute = reading(instant, tz) % DAY_MS // 60_000
    return f"{minute // 60:02}:{minute % 60:02}"


def second(instant: Instant, tz: str) -> str:
    """`10:00:30`."""
    return f"{clock(instant, tz)}:{instant // 1000 % 60:02}"


def shown(instant: Instant, tz: str) -> str:
    """`Mon 2026-12-07 10:00`."""
    day = reading(instant, tz) // DAY_MS
    return f"{WEEKDAYS[(day + _THURSDAY) % 7].title()} {date_of_day(day)} {clock(instant, tz)}"


def range_shown(start: Instant, end: Instant, tz: str) -> str:
    """`Mon 2026-12-07 10:00–12:00`; both dates when they differ."""
    same = reading(start, tz) // DAY_MS == reading(end, tz) // DAY_MS
    return f"{shown(start, tz)}–{clock(end, tz) if same else shown(end, tz)}"
