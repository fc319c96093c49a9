"""Months: which slots of a resource are busy on each UTC date of one, for whoever shows a calendar.

Topic `month/<resource>/<yyyy-mm>`. A month is the days that lie in it, so all that is kept for it is where what is busy
changed last (`Columns.busy_at`); that, or where the resource's capacity changed last, is its position. Of a pool most
bookings leave every slot with a unit to spare; such a booking moves its day, and not its month.

A change of capacity is told to the days and months on which something lies, one by one, and to all others at once, by
`units/<resource>`. Whoever shows a month sees only what is busy, and could not tell by that which of the two it is: a
pool's month that has bookings may show as free as one that has none. So it says so (`untouched`), and the first
booking or block of a month is told to it whatever it leaves free.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import msgspec
import numpy as np

from events.calendar.quantum import date_of_day, day_number
from events.calendar.zones import local_month_dates
from projections.columns import Columns, Flags, bits, same
from projections.folding import Bits, Delta, spelled

Flipped: TypeAlias = tuple[Bits, Bits]
"""What is set and was not, and what was and is not."""
NOTHING_FLIPPED: Final[Flipped] = (spelled(0), spelled(0))


class DayBusy(msgspec.Struct, frozen=True):
    """What is busy on a date and was not, and the other way round."""

    date: str
    busy_set: Bits
    busy_cleared: Bits


class MonthChanged(Delta, frozen=True, tag="month"):
    """Topic `month/<resource>/<yyyy-mm>`. The days are those that differ: one, or as many as another capacity fills or
    opens; none, when all that is told is that capacity, or that there is something in the month at all."""

    capacity: int
    days: tuple[DayBusy, ...]


class MonthShown(msgspec.Struct, frozen=True):
    """A month as it is: the dates on which something is busy, in order, with the slots that are taken at capacity or
    blocked; with a capacity of 0, all of them. While it is `untouched`, nothing was ever taken or blocked in it, and
    `units/<resource>` is told for it."""

    capacity: int
    untouched: bool
    days: dict[str, Bits]


def month_shown(columns: Columns, resource: int, month: str) -> MonthShown:
    capacity = int(columns.capacity[resource])
    busy, first = _busy(columns, resource, month, capacity), days_in(month)[0]
    some = np.flatnonzero(busy.any(axis=1)).tolist()
    days = {date_of_day(first + day): spelled(bits(busy[day])) for day in some}
    return MonthShown(capacity, (resource, month) not in columns.busy_at, days)


def month_delta(columns: Columns, resource: int, month: str, was_capacity: int) -> MonthChanged:
    """What its capacity has made of it, now that it is another."""
    capacity, first = int(columns.capacity[resource]), days_in(month)[0]
    was, now = (_busy(columns, resource, month, units) for units in (was_capacity, capacity))
    differ = np.flatnonzero((was != now).any(axis=1)).tolist()
    days = (DayBusy(date_of_day(first + day), *flipped_flags(was[day], now[day])) for day in differ)
    return MonthChanged(capacity, tuple(days))


def _busy(columns: Columns, resource: int, month: str, capacity: int) -> Flags:
    """Day by day, the slots that are taken at this capacity, or blocked."""
    rows = columns.rows([resource], *days_in(month))[0]
    found: Flags = (columns.taken[rows] >= capacity) | (columns.blocked[rows] > 0)
    return found


def flipped(was: int, now: int) -> Flipped:
    """What is set of a bitmap and was not, and what was and is not."""
    return NOTHING_FLIPPED if was == now else (spelled(now & ~was), spelled(was & ~now))


def flipped_flags(was: Flags, now: Flags) -> Flipped:
    return NOTHING_FLIPPED if same(was, now) else flipped(bits(was), bits(now))


@lru_cache(maxsize=1_024)
def days_in(month: str) -> tuple[int, int]:
    """The first day of the month, and the one behind its last; `BadDate` for what is no month."""
    dates = local_month_dates(month, "UTC")
    return day_number(dates[0]), day_number(dates[-1]) + 1
