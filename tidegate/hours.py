"""Opening hours as people write them: `mon-fri 09:00-17:00, sat 10:00-14:00`.

Days and windows, separated by commas; a window without days is for those before it; `daily` is all week. One that ends
before it begins goes on over midnight, and is cut there, because a schedule is said day by day.
"""

from __future__ import annotations

import re
from typing import Final

from events.catalog import WEEKDAYS, Weekday, Window
from events.errors import TidegateError

_WINDOW: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–]\s*(\d{1,2})(?::(\d{2}))?", re.ASCII)
_DAY_MINUTES: Final = 24 * 60


class BadHours(TidegateError):
    """No opening hours can be made of what was typed."""

    code = "bad_hours"
    next_step = "write them as in 'mon-fri 09:00-17:00, sat 10:00-14:00', 'daily 00:00-24:00'"


def weekly_from(text: str) -> dict[Weekday, tuple[Window, ...]]:
    found: dict[Weekday, list[Window]] = {}
    days: tuple[Weekday, ...] = ()
    for part in filter(None, (part.strip().lower() for part in text.split(","))):
        words = part.split(None, 1)
        if not words[0][0].isdigit():
            days = _days(words[0])
        elif not days:
            raise BadHours(f"{part!r}: on which days?")
        if words[0][0].isdigit() or len(words) == 2:
            window = part if words[0][0].isdigit() else words[1]
            for day in days:
                _open(found, day, *window_from(window))
        else:
            raise BadHours(f"{part!r}: from when until when?")
    if not found:
        raise BadHours("no hours are said")
    return {day: tuple(found[day]) for day in WEEKDAYS if day in found}


def window_from(text: str) -> tuple[int, int]:
    """`09:00-17:00` in minutes of the day."""
    match = _WINDOW.fullmatch(text.strip())
    if match is None:
        raise BadHours(f"{text!r} is no time such as 09:00-17:00")
    start, end = (int(match[hour]) * 60 + int(match[hour + 1] or 0) for hour in (1, 3))
    if start >= _DAY_MINUTES or end > _DAY_MINUTES or any(int(match[minute] or 0) > 59 for minute in (2, 4)):
        raise BadHours(f"{text!r}: a day has 24 hours of 60 minutes")
    return start, end


def override_from(text: str) -> tuple[str, tuple[Window, ...]]:
    """`2026-12-24` is closed; `2026-12-31 10:00-14:00` replaces what the week says."""
    date, _, windows = text.strip().partition(" ")
    spans = [window_from(one) for one in windows.split("+") if one.strip()]
    return date, tuple(Window(*span) for span in spans)


def spelled(weekly: dict[Weekday, tuple[Window, ...]]) -> str:
    """The other way round, days with the same windows together."""
    groups: list[tuple[list[Weekday], tuple[Window, ...]]] = []
    for day in WEEKDAYS:
        windows = weekly.get(day, ())
        follows = bool(groups) and _after(groups[-1][0][-1]) == day != WEEKDAYS[0]
        if windows and follows and groups[-1][1] == windows:
            groups[-1][0].append(day)
        elif windows:
            groups.append(([day], windows))
    parts = []
    for days, windows in groups:
        name = days[0] if len(days) == 1 else "daily" if len(days) == 7 else f"{days[0]}-{days[-1]}"
        parts.append(f"{name} {', '.join(f'{_clock(one.start)}-{_clock(one.end)}' for one in windows)}")
    return ", ".join(parts)


def _days(text: str) -> tuple[Weekday, ...]:
    if text == "daily":
        return WEEKDAYS
    first, dash, last = text.replace("–", "-").partition("-")
    for one in (first, last) if dash else (first,):
        if one not in WEEKDAYS:
            raise BadHours(f"{one!r} is no day: {', '.join(WEEKDAYS)} or daily")
    begin = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last) - begin) % 7 + 1 if dash else 1
    return tuple(WEEKDAYS[(begin + step) % 7] for step in range(count))


def _open(found: dict[Weekday, list[Window]], day: Weekday, start: int, end: int) -> None:
    if end > start:
        found.setdefault(day, []).append(Window(start, end))
        return
    found.setdefault(day, []).append(Window(start, _DAY_MINUTES))
    if end:
        found.setdefault(_after(day), []).append(Window(0, end))


def _after(day: Weekday) -> Weekday:
    return WEEKDAYS[(WEEKDAYS.index(day) + 1) % 7]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
