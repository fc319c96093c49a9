"""Publishing deltas over the bus, for whoever keeps subscribers current.

A delta goes out on `deltas.<org>.<topic>`, the topic with dots for its slashes, with the positions before and after it:
`<epoch>:<offset>`, a log's short name and a sequence. Several projectors may tell the same; who hears goes by the
positions (see `folding`), so it is neither taken in twice nor missed without a word.

A bus may lose the last delta of a topic, and nothing would come behind it. So every projector beats on `deltas`, behind
the deltas that it has just published, and once a second when there are none: up to which `sequence` it has told what it
knows, and `since` when it has told everything. Whoever has heard everything from a projector's `since` on is current up
to its `sequence`; who missed a part looks at its topics' positions.

What changes faster than anybody reads is gathered first (`conflating`). It holds `sequence` back for as long as it
waits, so a beat also says how far all other topics have been told: that is what somebody waits for who has booked
something and looks for it on the screen. What was published last is kept (`recent`), for subscribers that come back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NoReturn

import msgspec
import structlog

from events.bus import Bus
from events.errors import BusError
from projections.access import AccessChanged
from projections.availability import DayChanged, HoldsChanged, UnitsChanged
from projections.bookings import BookingsChanged
from projections.catalog import CatalogChanged
from projections.conflating import Conflating
from projections.folding import Change
from projections.limits import BEAT_MS, BEATS_APART_MS, CHANGES_WAITING_MAX
from projections.months import MonthChanged
from projections.projector import Projector
from projections.recent import Recent
from projections.room_topics import BlockChanged, NumbersChanged, RoomChanged, TicketChanged

log = structlog.get_logger(__name__)

BEATS: Final = "deltas"
AnyDelta = (
    DayChanged
    | MonthChanged
    | UnitsChanged
    | HoldsChanged
    | BookingsChanged
    | CatalogChanged
    | AccessChanged
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
    """Everything is told through here."""
    prompt: int
    """Everything that is told at once is told through here: all but what is gathered, of rooms, blocks and numbers."""
    broken: tuple[str, ...] = ()


_ENCODER: Final = msgspec.json.Encoder()
_TOLD: Final = b'{"topic":%b,"before":"%b:%d","after":"%b:%d","delta":%b}'
"""A `Told`, for what is spelled already."""


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
        self._last: Beat | None = None
        self._last_at = float("-inf")
        self.recent: Final = Recent()
        """What was published last, for whoever answers."""

    def told(self, changes: Sequence[Change]) -> None:
        if len(self._waiting) + self._gathered.count + len(changes) > CHANGES_WAITING_MAX:
            self._dropped_at = max((change.after for change in changes), default=self._dropped_at)
            log.warning("deltas_dropped", waiting=len(self._waiting), sequence=self._dropped_at)
            self._waiting.clear()
            self._gathered.clear()
            self.recent.clear()
            return
        now_ms = _now_ms()
        self.recent.coming(changes)
        self._waiting.extend(change for change in changes if not self._gathered.gather(change, now_ms))
        self._news.set()

    async def run(self, projector: Projector) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            due_at = 0.0
            try:
                await self._publish_waiting(projector.epoch)
                due_at = await self._beat(projector)
            except BusError as error:
                self._dropped_at = projector.sequence
                self.recent.clear()
                log.warning("deltas_not_told", code=error.code, detail=str(error))
            due_at = min(due_at, self._gathered.next_ms() / 1000)
            try:
                async with asyncio.timeout_at(max(due_at, loop.time() + 0.01)):
                    await self._news.wait()
            except TimeoutError:
                pass  # time for a beat, or for what was gathered

    async def _publish_waiting(self, epoch: str) -> None:
        self._news.clear()
        self._waiting.extend(self._gathered.due(_now_ms()))
        encode, spelled_epoch = _ENCODER.encode, epoch.encode()
        delta, spelled = None, b""
        while self._waiting:
            change = self._waiting.popleft()
            if change.delta is not delta:  # what two topics are told is spelled once
                delta, spelled = change.delta, encode(change.delta)
            data = _TOLD % (encode(change.topic), spelled_epoch, change.before, spelled_epoch, change.after, spelled)
            await self._bus.publish(subject_of(change.org, change.topic), data)
            self.recent.keep(change, data)

    async def _beat(self, projector: Projector) -> float:
        """Say how far everything has been told, now that nothing waits but what is gathered, if it is time to; when it
        is time to look again."""
        now = asyncio.get_running_loop().time()
        if now < self._last_at + BEATS_APART_MS / 1000:
            return self._last_at + BEATS_APART_MS / 1000
        since = max(projector.caught_up_at, self._dropped_at)
        through = self._gathered.told_through(projector.sequence)
        beat = Beat(self._name, projector.epoch, since, through, projector.sequence, tuple(projector.broken))
        if beat == self._last and now < self._last_at + BEAT_MS / 1000:
            return self._last_at + BEAT_MS / 1000
        if not projector.caught_up:
            return now
        await self._bus.publish(BEATS, _ENCODER.encode(beat))
        self._last, self._last_at = beat, now
        return now + BEATS_APART_MS / 1000


def _now_ms() -> float:
    """By the clock of the loop, which no change of the time bends."""
    return asyncio.get_running_loop().time() * 1000
