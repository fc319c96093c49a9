"""What quotas count by: the local day, the week from Monday and the month that an instant lies in.

Weeks are ISO weeks, so that no week is cut in two by New Year: 2027-01-01 lies in `2026-W53`. Each key says what kind
of period it is by its form alone, so keys of all three can share one table.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from events.calendar.zones import local_date
from events.clock import Instant


class Periods(msgspec.Struct, frozen=True, array_like=True):
    """The periods of one instant, named as the limits of a quota are."""

    day: str
    week: str
    month: str


def periods_of(instant: Instant, tz: str) -> Periods:
    """By the clocks of a zone: `2026-12-07`, `2026-W50`, `2026-12`."""
    date = local_date(instant, tz)
    year, week, _ = dt.date.fromisoformat(date).isocalendar()
    return Periods(date, f"{year}-W{week:02}", date[:7])
