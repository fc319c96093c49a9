"""Gathering: a room whose line moves changes many times a second, and nobody can read that fast.

While less than `GATHER_MS` have passed since something of a room was published, what changes of it is kept, and deltas
of one topic that can be one become one: from where the first began to where the last one led. Then all of them go out
together, so that a room and its blocks, which are added up, are of the same moment. What cannot be one (`Delta.then`)
stands behind; what is not of that kind (`Delta.gathered`) goes out at once, since it is of other topics.

No clock here; whoever publishes says what time it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from projections.folding import Change, joined
from projections.limits import GATHER_MS

Room: TypeAlias = tuple[str, str]


class _Gathered:
    """What waits of one room: by topic, changes in order, which mostly are one."""

    __slots__ = ("due_ms", "first", "topics")

    def __init__(self, due_ms: float) -> None:
        self.due_ms = due_ms
        self.topics: dict[str, list[Change]] = {}
        self.first = 0
        """The sequence of the first change that waits, as it was when it came."""


class Conflating:
    def __init__(self) -> None:
        self._rooms: Final[dict[Room, _Gathered]] = {}
        self.count = 0
        """How many changes wait."""

    def gather(self, change: Change, now_ms: float) -> bool:
        """Keep the change, if it is one that is gathered; it is due at once when the room was quiet."""
        if not change.delta.gathered:
            return False
        room = (change.org, change.topic.split("/")[1])
        gathered = self._rooms.get(room)
        if gathered is None:
            gathered = self._rooms[room] = _Gathered(now_ms)
        if not gathered.topics:
            gathered.first = change.after
        waiting = gathered.topics.setdefault(change.topic, [])
        merged = joined(waiting[-1], change) if waiting else None
        if merged is None:
            waiting.append(change)
            self.count += 1
        else:
            waiting[-1] = merged
        return True

    def due(self, now_ms: float) -> list[Change]:
        """What may go out by now, room by room."""
        return list(self._leave(now_ms)) if self._rooms else []

    def _leave(self, now_ms: float) -> Iterator[Change]:
        for room, gathered in list(self._rooms.items()):
            if gathered.due_ms > now_ms:
                continue
            if not gathered.topics:  # quiet since it was published last
                del self._rooms[room]
                continue
            leaving, gathered.topics = gathered.topics, {}
            gathered.due_ms = now_ms + GATHER_MS
            for changes in leaving.values():
                self.count -= len(changes)
                yield from changes

    def next_ms(self) -> float:
        """When something is due next."""
        return min((one.due_ms for one in self._rooms.values()), default=float("inf"))

    def told_through(self, sequence: int) -> int:
        """Of a fold that has come as far as `sequence`, how far everything has left."""
        return min([one.first - 1 for one in self._rooms.values() if one.topics], default=sequence)

    def clear(self) -> None:
        self._rooms.clear()
        self.count = 0
