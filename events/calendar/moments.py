"""Moments as programs write them: `2026-12-07T10:00:00+01:00`, or without an offset, by the clocks of a zone.

A time that a clock skips, or shows twice, is not guessed at: it is refused with what would be unambiguous.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import whenever

from events.calendar.zones import zone
from events.clock import Instant
from events.errors import TidegateError

_OFFSET: Final = re.compile(r"(?:Z|[+-]\d{2}:\d{2})$", re.ASCII)
_LOCAL: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?", re.ASCII)


class BadTime(TidegateError):
    """No instant can be made of what was typed."""

    code = "bad_time"
    next_step = "write it as in '2026-12-07 10:00', 'tomorrow 10:00', 'mon 10:00' or 2026-12-07T10:00+01:00"


def has_offset(text: str) -> bool:
    """Whether it says by itself which instant it is."""
    return "T" in text and _OFFSET.search(text) is not None


def moment_of(text: str, tz: str) -> Instant:
    """The instant that the text says: with an offset, or by the clocks of the zone."""
    if has_offset(text):
        try:
            return round(dt.datetime.fromisoformat(text).timestamp() * 1000)
        except (ValueError, OverflowError) as error:
            raise BadTime(f"{text!r} is no instant") from error
    if _LOCAL.fullmatch(text) is None:
        raise BadTime(f"{text!r} is no instant")
    try:
        moment = whenever.PlainDateTime.parse_iso(text).assume_tz(zone(tz), disambiguation="raise")
    except whenever.SkippedTime as error:
        raise BadTime(f"in {tz} the clocks skip {text.replace('T', ' ')}") from error
    except whenever.RepeatedTime as error:
        said = f"in {tz} the clocks show {text.replace('T', ' ')} twice: say the offset, as in {text}+01:00"
        raise BadTime(said) from error
    except ValueError as error:
        raise BadTime(f"{text!r} is no instant") from error
    return moment.timestamp(unit="millisecond")


def local_iso(instant: Instant, tz: str) -> str:
    """`2026-12-07T10:00:00+01:00`."""
    return whenever.Instant.from_timestamp(instant, unit="millisecond").to_tz(tz).format_iso().partition("[")[0]
