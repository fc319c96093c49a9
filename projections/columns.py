"""Units in columns: for every day of every resource that something happened on, how many are taken and held, slot by
slot, and how many blocks lie on it.

A day is a row; which one, is found in pages: a page is 32 days of all resources, as a table of row numbers. So one day
is found by two look-ups, a month of a thousand resources by gathering a few pages, and neither knows how many rows
there are or were. Row 0 is a day on which nothing ever happened, and stands for all of them.

`full` is derived when it is asked for: the slots of which nothing is left, as three words of 32 bits, in the form that
`events.calendar.bitmaps` looks for room in.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from events.calendar.bitmaps import WORDS, Bitmaps
from events.calendar.quantum import SLOTS, date_of_day

Rows: TypeAlias = NDArray[np.int32]
"""Row numbers; 0 where there is none."""
Units: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]

_PAGE_BITS: Final = 5
_PAGE_DAYS: Final = 1 << _PAGE_BITS
_FIRST_ROOM: Final = 64


def words(flags: Flags) -> Bitmaps:
    """Flags per slot (…, 96) as words of a bitmap (…, 3)."""
    return np.packbits(flags, axis=-1, bitorder="little").view(np.uint32)


def same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two columns of one day are alike; `np.array_equal` takes fifteen times as long to say so."""
    return one.tobytes() == other.tobytes()


def bits(flags: Flags) -> int:
    """One day's flags as a bitmap."""
    return int.from_bytes(np.packbits(flags, None, "little").tobytes(), "little")


class Columns:
    def __init__(self) -> None:
        self.resources: dict[tuple[str, str], int] = {}
        """By organisation and id; the number of its place in every page."""
        self.capacity: Units = np.ones(_FIRST_ROOM, np.int32)
        self.resized_at: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        """By resource: the sequence at which its capacity changed last."""
        self.resource_of: Rows = np.zeros(_FIRST_ROOM, np.int32)
        self.day_of: NDArray[np.int32] = np.zeros(_FIRST_ROOM, np.int32)
        self.taken: Units = np.zeros((_FIRST_ROOM, SLOTS), np.int32)
        self.held: Units = np.zeros((_FIRST_ROOM, SLOTS), np.int32)
        self.blocked: Units = np.zeros((_FIRST_ROOM, SLOTS), np.int32)
        self._full: Bitmaps = np.zeros((_FIRST_ROOM, WORDS), np.uint32)
        self.taken_at: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        """The sequence at which what is taken, blocked or there changed last."""
        self.held_at: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        self.busy_at: dict[tuple[int, str], int] = {}
        """By resource and month (`2026-12`), of those in which something was ever taken or blocked: the sequence at
        which that began, or at which what is busy changed last."""
        self._pages: Final[dict[int, Rows]] = {}
        self._free: Final[list[int]] = []
        self._stale: Final[set[int]] = set()
        """Rows whose `full` is not what their counts say, since nobody has asked for it."""
        self._end = 1

    @property
    def count(self) -> int:
        return self._end - 1 - len(self._free)

    def resource(self, org: str, id: str) -> int:
        """Its number; a new one for who has none yet."""
        number = self.resources.get((org, id))
        if number is None:
            number = self.resources[org, id] = len(self.resources)
            if number == len(self.capacity):
                self.capacity = np.concatenate((self.capacity, np.ones_like(self.capacity)))
                self.resized_at = np.concatenate((self.resized_at, np.zeros_like(self.resized_at)))
                for page, rows in self._pages.items():
                    self._pages[page] = np.concatenate((rows, np.zeros_like(rows)))
        return number

    def changed_at(self, resource: int, row: int) -> int:
        """The sequence at which one of its days, if only by its capacity, changed last."""
        return max(int(self.taken_at[row]), int(self.resized_at[resource]))

    def month_changed_at(self, resource: int, month: str) -> int:
        """The sequence at which one of its months, if only by its capacity, changed last what is busy."""
        return max(self.busy_at.get((resource, month), 0), int(self.resized_at[resource]))

    def row(self, resource: int, day: int) -> int:
        """Where a day lies; 0 when nothing happened on it."""
        page = self._pages.get(day >> _PAGE_BITS)
        return 0 if page is None else int(page[resource, day % _PAGE_DAYS])

    def make_row(self, resource: int, day: int) -> int:
        row = self.row(resource, day)
        if not row:
            row = self._free.pop() if self._free else self._new()
            page = self._pages.get(day >> _PAGE_BITS)
            if page is None:
                page = self._pages[day >> _PAGE_BITS] = np.zeros((len(self.capacity), _PAGE_DAYS), np.int32)
            page[resource, day % _PAGE_DAYS] = row
            self.resource_of[row], self.day_of[row] = resource, day
        return row

    def _new(self) -> int:
        if self._end == len(self.day_of):
            for name in ("resource_of", "day_of", "taken", "held", "blocked", "_full", "taken_at", "held_at"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        self._end += 1
        return self._end - 1

    def rows(self, resources: Rows | list[int], first: int, end: int) -> Rows:
        """Where the days from `first` up to `end` lie: (resources, days)."""
        numbers = np.asarray(resources, np.int32)
        parts = []
        for page in range(first >> _PAGE_BITS, ((end - 1) >> _PAGE_BITS) + 1):
            low, high = max(first, page << _PAGE_BITS), min(end, (page + 1) << _PAGE_BITS)
            table = self._pages.get(page)
            if table is None:
                parts.append(np.zeros((len(numbers), high - low), np.int32))
            else:
                begins = low % _PAGE_DAYS
                parts.append(table[numbers, begins : begins + high - low])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def days_of(self, resource: int) -> list[int]:
        """The rows of one resource, in order of their days."""
        found = np.concatenate([self._pages[page][resource] for page in sorted(self._pages)] or [np.zeros(0, np.int32)])
        return [int(row) for row in found[found > 0]]

    def every_row(self) -> list[int]:
        found = [rows[rows > 0] for rows in self._pages.values()]
        return [int(row) for row in np.concatenate(found)] if found else []

    def drop_before(self, day: int) -> list[int]:
        """Forget all days before this one; the rows that are free by it, empty already."""
        dropped: list[int] = []
        for page in sorted(self._pages):
            if page << _PAGE_BITS >= day:
                break
            table = self._pages[page]
            gone = table[:, : min(day - (page << _PAGE_BITS), _PAGE_DAYS)]
            dropped += (int(row) for row in gone[gone > 0])
            gone[:] = 0
            if not table.any():
                del self._pages[page]
        for column in (self.taken, self.held, self.blocked, self._full, self.taken_at, self.held_at):
            column[dropped] = 0
        month = date_of_day(day)[:7]
        for key in [key for key in self.busy_at if key[1] < month]:
            del self.busy_at[key]
        self._free.extend(dropped)
        self._stale.difference_update(dropped)
        return dropped

    def changed(self, *rows: int) -> None:
        """What is full on these days may be something else now."""
        self._stale.update(rows)

    @property
    def full(self) -> Bitmaps:
        """Of each row, the slots of which nothing is left."""
        if self._stale:
            rows = list(self._stale)
            capacity = self.capacity[self.resource_of[rows]]
            used = self.taken[rows] + self.held[rows]
            self._full[rows] = words((used >= capacity[:, np.newaxis]) | (self.blocked[rows] > 0))
            self._stale.clear()
        return self._full
