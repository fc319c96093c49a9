"""Publishing deltas over the bus, for whoever keeps subscribers current.

A delta goes out on `deltas.<org>.<topic>`, the topic with dots for its slashes, with the positions before and after it:
`<epoch>:<offset>`, a log's short name and a sequence. Several projectors may tell the same; who hears goes by the
positions (see `folding`), so it is neither taken in twice nor missed without a word.

A bus may lose the last delta of a topic, and nothing would come behind it. So every projector beats once a second on
`deltas`: up to which `sequence` it has told what it knows, and `since` when it has told everything. Whoever has heard
everything from a projector's `since` on is current up to its `sequence`; who missed a part looks at its topics'
positions.

What changes faster than anybody reads is gathered first (`conflating`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec
import structlog

from events.bus import Bus
from events.codec import canonical
from events.errors import BusError
from projections.availability import DayChanged, HoldsChanged, UnitsChanged
from projections.bookings import BookingsChanged
from projections.catalog import CatalogChanged
from projections.conflating import Conflating
from projections.folding import Change, position
from projections.limits import BEAT_MS, CHANGES_WAITING_MAX
from projections.projector import Projector
from projections.room_topics import BlockChanged, NumbersChanged, RoomChanged, TicketChanged

log = structlog.get_logger(__name__)

BEATS: Final = "deltas"
AnyDelta = (
    DayChanged
    | UnitsChanged
    | HoldsChanged
    | BookingsChanged
    | CatalogChanged
    | RoomChanged
    | BlockChanged
    | TicketChanged
    | NumbersChanged
)


class Told(msgspec.Struct, frozen=True):
    """A delta as it is published."""

    topic: str
    before: str
    after: str
    delta: AnyDelta


class Beat(msgspec.Struct, frozen=True):
    """`broken` are the organisations of which nothing more is told."""

    projector: str
    epoch: str
    since: int
    sequence: int
    broken: tuple[str, ...] = ()


def subject_of(org: str, topic: str) -> str:
    return f"{BEATS}.{org}.{topic.replace('/', '.')}"


class Publishing:
    """`told` is what a projector tells its changes to; `run` takes them out, in order."""

    def __init__(self, name: str, bus: Bus) -> None:
        self._name: Final = name
        self._bus: Final = bus
        self._waiting: Final[deque[Change]] = deque()
        self._gathered: Final = Conflating()
        self._news: Final = asyncio.Event()
        self._dropped_at = 0

    def told(self, changes: Sequence[Change]) -> None:
        if len(self._waiting) + self._gathered.count + len(changes) > CHANGES_WAITING_MAX:
            self._dropped_at = changes[-1].after
            log.warning("deltas_dropped", waiting=len(self._waiting), sequence=self._dropped_at)
            self._waiting.clear()
            self._gathered.clear()
            return
        now_ms = _now_ms()
        self._waiting.extend(change for change in changes if not self._gathered.gather(change, now_ms))
        self._news.set()

    async def run(self, projector: Projector) -> NoReturn:
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            try:
                await self._publish_waiting(projector.epoch)
                if loop.time() >= beat_at and projector.caught_up:
                    since = max(projector.caught_up_at, self._dropped_at)
                    told = self._gathered.told_through(projector.sequence)
                    beat = Beat(self._name, projector.epoch, since, told, tuple(projector.broken))
                    await self._bus.publish(BEATS, canonical(beat))
                    beat_at = loop.time() + BEAT_MS / 1000
            except BusError as error:
                self._dropped_at = projector.sequence
                log.warning("deltas_not_told", code=error.code, detail=str(error))
            try:
                due_at = min(beat_at, self._gathered.next_ms() / 1000)
                async with asyncio.timeout_at(max(due_at, loop.time() + 0.01)):
                    await self._news.wait()
            except TimeoutError:
                pass  # time for a beat, or for what was gathered

    async def _publish_waiting(self, epoch: str) -> None:
        self._news.clear()
        self._waiting.extend(self._gathered.due(_now_ms()))
        while self._waiting:
            change = self._waiting.popleft()
            told = {
                "topic": change.topic,
                "before": position(epoch, change.before),
                "after": position(epoch, change.after),
                "delta": change.delta,
            }
            await self._bus.publish(subject_of(change.org, change.topic), canonical(told))


def _now_ms() -> float:
    """By the clock of the loop, which no change of the time bends."""
    return asyncio.get_running_loop().time() * 1000
