"""Bookings in order of their start, page by page, while they come, move and end.

A page's cursor is the key of its last row, start and id, and the sequence at which the first page was read. A booking
that is moved meanwhile would be shown twice, or never: so every page looks for it where it lay at that sequence, and
shows it as it is now. One that was made later lies where it was made. So each booking has one place in one reading,
and is shown once, if it fits when its place is reached.

For that the order keeps the places that bookings had, as long as it keeps the bookings.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from events.calendar.quantum import DAY_MS
from events.clock import Instant
from projections.questions import Unanswered

_FAR: Final = 1 << 62
_FEW_MAX: Final = 256


class Key(NamedTuple):
    start: Instant
    id: str


_NO_BUCKETS: Final[dict[int, list[Key]]] = {}


BEFORE_ALL: Final = Key(-_FAR, "")


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a reading goes on: behind this key, as it began at that sequence."""

    as_of: int
    start: Instant
    id: str

    @property
    def key(self) -> Key:
        return Key(self.start, self.id)

    def spelled(self) -> str:
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


_CURSORS: Final = msgspec.json.Decoder(Cursor)


def read_cursor(text: str, as_of: int) -> Cursor:
    """The cursor that was given out; a reading that begins now, when the text is empty."""
    if not text:
        return Cursor(as_of, *BEFORE_ALL)
    try:
        return _CURSORS.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise Unanswered("bad_cursor", "this cursor was not given out here") from error


class Order:
    """Keys in order: while they are few in one list, then in one for each day of the starts, so that to add one moves
    few others. Most orders are those of a booker and stay small."""

    __slots__ = ("_buckets", "_days", "_few", "count")

    def __init__(self) -> None:
        self._few: list[Key] | None = []
        self._days: list[int] = []
        self._buckets: dict[int, list[Key]] = _NO_BUCKETS
        self.count = 0

    def add(self, key: Key) -> None:
        """Once is enough."""
        bucket = self._few
        if bucket is None:
            day = key.start // DAY_MS
            bucket = self._buckets.get(day)
            if bucket is None:
                bucket = self._buckets[day] = []
                insort(self._days, day)
        place = bisect_left(bucket, key)
        if place == len(bucket) or bucket[place] != key:
            bucket.insert(place, key)
            self.count += 1
            if self._few is not None and self.count > _FEW_MAX:
                self._split(self._few)

    def _split(self, keys: list[Key]) -> None:
        self._few, self._buckets = None, {}
        for key in keys:
            self._buckets.setdefault(key.start // DAY_MS, []).append(key)
        self._days = list(self._buckets)

    def remove(self, key: Key) -> None:
        """If it is there."""
        day = key.start // DAY_MS
        bucket = self._buckets.get(day, []) if self._few is None else self._few
        place = bisect_left(bucket, key)
        if place < len(bucket) and bucket[place] == key:
            del bucket[place]
            self.count -= 1
            if not bucket and self._few is None:
                del self._buckets[day]
                del self._days[bisect_left(self._days, day)]

    def behind(self, key: Key) -> Iterator[Key]:
        """The keys behind this one, in order."""
        if self._few is not None:
            yield from self._few[bisect_right(self._few, key) :]
            return
        first = key.start // DAY_MS
        for place in range(bisect_left(self._days, first), len(self._days)):
            day = self._days[place]
            bucket = self._buckets[day]
            yield from bucket[bisect_right(bucket, key) if day == first else 0 :]
