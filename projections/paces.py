"""How fast a room moves: what happened in each of the last 300 seconds, by the instants of the commits.

Seconds in which nothing could have been admitted (closed, paused, nobody waiting) say nothing about the pace, so the
time in which somebody could have been is measured too, and how many waited and were in during it. Levels that hold
between two commits are added up when the later one comes.

Only seconds in which something was counted are kept: a room in which nothing happens takes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from events.clock import Instant

WINDOW_S: Final = 300
MINUTE_S: Final = 60

Counts = list[int]
Row = tuple[int, ...]


class Sums(msgspec.Struct):
    """Of a room or a lane, over some time; times in milliseconds."""

    open_ms: int = 0
    """Somebody waited, and the room was open."""
    calls: int = 0
    again: int = 0
    """Missed their calls and wait again: they are called twice."""
    claims: int = 0
    out: int = 0
    joined: int = 0
    gone: int = 0
    """Waited and do not any more, for other reasons than a call; less who came back."""
    waiting_ms: int = 0
    """Of all who waited together, while the room was open; `gone` is counted in that time too."""
    ended: int = 0
    """Passes that were given back, or expired."""
    active_ms: int = 0
    """Of all passes together."""
    full_ms: int = 0
    """The part of `open_ms` in which no seat was free, …"""
    full_net: int = 0
    """… and how many were called in it, less those that wait again."""

    @property
    def net(self) -> int:
        """Who has left the line by a call."""
        return self.calls - self.again


FIELDS: Final = Sums.__struct_fields__
_PLACE: Final = {name: place for place, name in enumerate(FIELDS)}


class Pace:
    """Of one room (`lane` -1) and of its lanes by their numbers."""

    def __init__(self) -> None:
        self.at: Instant = 0
        """As far as it was measured."""
        self.seconds: dict[int, dict[int, Counts]] = {}
        """By second and lane."""

    def advance(self, at: Instant, *, open_: bool, full: bool, active: int, waiting: Sequence[int]) -> None:
        """Things stood like this from where it was measured to `at`; clocks that run backwards stand still."""
        if at <= self.at:
            return
        start, self.at = max(self.at, at - WINDOW_S * 1_000) if self.at else at, at
        for second in [second for second in self.seconds if second < at // 1_000 - WINDOW_S]:
            del self.seconds[second]
        everybody = sum(waiting)
        if not active and not (open_ and everybody):
            return
        while start < at:
            end = min(at, start - start % 1_000 + 1_000)
            second, length = start // 1_000, end - start
            self._add(second, -1, "active_ms", active * length)
            if open_ and everybody:
                self._add(second, -1, "open_ms", length)
                self._add(second, -1, "waiting_ms", everybody * length)
                self._add(second, -1, "full_ms", length if full else 0)
                for lane, count in enumerate(waiting):
                    if count:
                        self._add(second, lane, "open_ms", length)
                        self._add(second, lane, "waiting_ms", count * length)
            start = end

    def add(self, lane: int, field: str, count: int) -> None:
        """This happened at the instant to which it was measured; to the lane, and so to the room."""
        if count:
            self._add(self.at // 1_000, lane, field, count)
            self._add(self.at // 1_000, -1, field, count)

    def _add(self, second: int, lane: int, field: str, count: int) -> None:
        if not count:
            return
        rows = self.seconds.get(second)
        if rows is None:
            rows = self.seconds[second] = {}
        row = rows.get(lane)
        if row is None:
            row = rows[lane] = [0] * len(FIELDS)
        row[_PLACE[field]] += count

    def sums(self, lane: int, end: Instant, start: Instant) -> Sums:
        """From the second of `start` on, up to that of `end`."""
        first, last = start // 1_000, end // 1_000
        found = [rows[lane] for second, rows in self.seconds.items() if first <= second <= last and lane in rows]
        return Sums(*(sum(column) for column in zip(*found, strict=True)))

    def each_second(self, end: Instant, field: str, seconds: int) -> tuple[int, ...]:
        """Of the room, in each of the seconds through that of `end`."""
        place, last = _PLACE[field], end // 1_000
        rows = (self.seconds.get(second, {}).get(-1) for second in range(last - seconds + 1, last + 1))
        return tuple(0 if row is None else row[place] for row in rows)

    def rows(self) -> list[Row]:
        """All of it in order, to be saved: second, lane, counts."""
        return [
            (second, lane, *row)
            for second, rows in sorted(self.seconds.items())
            for lane, row in sorted(rows.items())
        ]  # fmt: skip

    def load(self, at: Instant, rows: Sequence[Row]) -> None:
        self.at, self.seconds = at, {}
        for second, lane, *counts in rows:
            self.seconds.setdefault(second, {})[lane] = counts
