"""Timers: an actor's `wake` says when it wants a Tick; the host sees that it gets one.

While an actor's host lives, this is a heap in memory and costs the log nothing. What makes it durable is that
every commit carries its actor's next wake in a header. Whoever takes a partition over reads the partition's last
*page* from the shelf (the wakes known up to some sequence) and then the log behind it. A page is a cache: without
one, the whole log is read.

A host that is believed dead may still have had commits on their way. They land within the append's time-out or
never, so the log is read once more after it; and when a lost host comes back, from where it was lost.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog

from actors.runtime.horizon import Horizon, insist
from actors.runtime.wire import WAKE_HEADER
from events import limits
from events.clock import Clock, Instant
from events.codec import canonical
from events.log import EventLog
from events.names import kind_of, partition_of
from events.shelf import Shelf

log = structlog.get_logger(__name__)

LOOK_EVERY_MS: Final = 1_000
"""The wall clock is looked at this often at least, so that a jump of it delays no timer by more."""
FIRE_AGAIN_MS: Final = 1_000
"""A Tick is given again this much later, until the actor's wake has moved: the first may have met a full mailbox."""
PAGES_EVERY_MS: Final = 2_000
PAGE_BEHIND_MAX: Final = 5_000
"""A partition's page is written anew when the log has moved on by this many commits, even if no wake changed."""


SCANNED_AT_A_TIME: Final = 32
"""Commits that are looked at before everybody else has a turn: a long log is read beside the commands, not before
them."""
HEAP_SLACK: Final = 1_024
"""How many entries about wakes that have moved the heap may hold beyond as many as there are timers."""


class Page(msgspec.Struct, frozen=True):
    """All wakes of one partition that follow from the log up to `through`."""

    through: int
    wakes: dict[str, Instant]


_PAGES: Final = msgspec.json.Decoder(Page)


def page_name(partition: int) -> str:
    return f"timers.{partition}"


class Timers:
    """The wakes of the partitions that one host owns. `fire` is called with each actor whose time has come."""

    def __init__(
        self,
        events: EventLog,
        shelf: Shelf,
        clock: Clock,
        fire: Callable[[str, Instant], None],
        horizon: Horizon,
        retry_log_ms: int,
        listening: frozenset[str] = frozenset(),
    ) -> None:
        self._events = events
        self._shelf = shelf
        self._clock = clock
        self._fire = fire
        self._horizon = horizon
        self._retry_log_ms = retry_log_ms
        self._wakes: dict[int, dict[str, Instant]] = {}
        self._listening_kinds = listening
        self._listening: set[str] = set()
        """Actors of those kinds that had a wake when it was last noted."""
        self._heap: list[tuple[Instant, str, Instant]] = []
        """When to look, at which actor, and the wake that it is about."""
        self._known_at: dict[str, int] = {}
        """While a scan runs: the sequence at which an actor's wake was learnt, so that older news doesn't undo
        newer."""
        self._scans = 0
        self._through: dict[int, int] = {}
        self._stale: dict[int, None] = {}
        """Partitions whose wakes changed since their page was written."""
        self._timer: asyncio.TimerHandle | None = None

    def note(self, actor: str, partition: int, sequence: int, wake: Instant | None) -> None:
        """The actor's commit at `sequence` leaves it wanting a Tick at `wake`."""
        wakes = self._wakes.get(partition)
        if wakes is None:
            return
        if self._scans:
            self._known_at[actor] = sequence
        if wakes.get(actor) == wake:
            return
        self._stale[partition] = None
        if self._listening_kinds and kind_of(actor) in self._listening_kinds:
            (self._listening.discard if wake is None else self._listening.add)(actor)
        if wake is None:
            del wakes[actor]
            return
        wakes[actor] = wake
        entries = len(self._heap)
        if entries > HEAP_SLACK and entries > HEAP_SLACK + 2 * sum(len(some) for some in self._wakes.values()):
            self._tidy()
        else:
            heapq.heappush(self._heap, (wake, actor, wake))
        if self._heap[0][0] == wake:
            self._arm()

    def listening(self) -> list[str]:
        """The actors of ours that have to be live, because they listen."""
        self._listening = {actor for actor in self._listening if actor in self._wakes.get(partition_of(actor), ())}
        return sorted(self._listening)

    def _tidy(self) -> None:
        """Most of the heap is about wakes that have moved: start it anew. What was fired in vain is fired once more."""
        self._heap = [(wake, actor, wake) for wakes in self._wakes.values() for actor, wake in wakes.items()]
        heapq.heapify(self._heap)

    def keep(self, partitions: Iterable[int]) -> list[int]:
        """From here on these partitions are ours; the ones among them that were not before, and need `learn`."""
        wanted = set(partitions)
        for partition in [partition for partition in self._wakes if partition not in wanted]:
            del self._wakes[partition]
            self._through.pop(partition, None)
            self._stale.pop(partition, None)
        new = sorted(partition for partition in wanted if partition not in self._wakes)
        for partition in new:
            self._wakes[partition] = {}
        return new

    async def learn_for_sure(self, partitions: list[int]) -> None:
        """`learn`, however long the log takes to answer, and once more what may have landed meanwhile."""
        through = await insist(lambda: self.learn(partitions), self._retry_log_ms)
        if through is not None:
            number = self._horizon.hold(through)
            await self._scan_late(through, partitions)
            self._horizon.release(number)

    async def scan_for_sure(self, after: int, partitions: Iterable[int]) -> None:
        """`scan`, however long the log takes to answer, and once more what may have landed meanwhile."""
        number = self._horizon.hold(after)
        await insist(lambda: self.scan(after, partitions), self._retry_log_ms)
        await self._scan_late(after, partitions)
        self._horizon.release(number)

    async def _scan_late(self, after: int, partitions: Iterable[int]) -> None:
        """What was on its way when the log was read has landed by then, or never will."""
        await asyncio.sleep(limits.APPEND_TIMEOUT_MS / 1000)
        await insist(lambda: self.scan(after, partitions), self._retry_log_ms)

    async def learn(self, partitions: list[int]) -> int:
        """Read the wakes of partitions that just became ours; the sequence through which they are known."""
        begun = {partition: self._wakes.get(partition) for partition in partitions}
        pages = await self._pages(partitions)
        for partition, page in pages.items():
            for actor, wake in page.wakes.items():
                self._learnt(actor, partition, page.through, wake)
        after = min((pages[partition].through if partition in pages else 0) for partition in partitions)
        through = await self.scan(after, partitions)
        for partition, wakes in begun.items():
            if wakes is not None and self._wakes.get(partition) is wakes:  # not lost meanwhile, even if ours again
                self._known(partition, through)
        return through

    async def scan(self, after: int, partitions: Iterable[int]) -> int:
        """Read the wakes that commits behind `after` left, for these partitions; how far the log was read."""
        wanted = frozenset(partitions)
        known = {partition: self._wakes[partition] for partition in wanted if partition in self._through}
        through = after
        self._scans += 1
        try:
            async for recorded in self._events.read(after):
                through = recorded.sequence
                if through % SCANNED_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                partition = partition_of(recorded.actor)
                if partition in wanted:
                    wake = recorded.headers.get(WAKE_HEADER)
                    self._learnt(recorded.actor, partition, through, None if wake is None else int(wake))
        finally:
            self._scans -= 1
            if not self._scans:
                self._known_at.clear()
        for partition, wakes in known.items():  # one that is still being learnt is known no further than before
            if self._wakes.get(partition) is wakes:
                self._known(partition, through)
        return through

    def _known(self, partition: int, through: int) -> None:
        self._through[partition] = max(through, self._through.get(partition, 0))
        self._stale[partition] = None

    def _learnt(self, actor: str, partition: int, sequence: int, wake: Instant | None) -> None:
        if self._known_at.get(actor, 0) <= sequence:
            self.note(actor, partition, sequence, wake)

    async def _pages(self, partitions: list[int]) -> dict[int, Page]:
        shelved = await self._shelf.get([page_name(partition) for partition in partitions])
        pages: dict[int, Page] = {}
        for partition in partitions:
            data = shelved.get(page_name(partition))
            if data is not None:
                try:
                    pages[partition] = _PAGES.decode(data)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:  # a cache: the log has it all
                    log.warning("timer_page_ignored", partition=partition, detail=str(error))
        return pages

    async def keep_pages(self, sure: Callable[[], bool]) -> None:
        """Save what has changed every now and then, while we may trust what we know."""
        while True:
            await asyncio.sleep(PAGES_EVERY_MS / 1000)
            if sure():
                await self.save(self._horizon.known_through())

    async def save(self, through: int) -> None:
        """Put the pages that are stale on the shelf. All commits of our partitions up to `through` were noted."""
        for partition, wakes in list(self._wakes.items()):
            known = self._through.get(partition)
            if known is None or (partition not in self._stale and through - known < PAGE_BEHIND_MAX):
                continue
            self._through[partition] = max(known, through)
            self._stale.pop(partition, None)
            page = canonical(Page(self._through[partition], dict(wakes)))
            if not await self._shelf.put(page_name(partition), page):  # a cache: the next page, or the log, will do
                self._stale[partition] = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._heap:
            self._timer = None
            return
        delay_ms = min(max(self._heap[0][0] - self._clock(), 0), LOOK_EVERY_MS)
        self._timer = asyncio.get_running_loop().call_later(delay_ms / 1000, self._look)

    def _look(self) -> None:
        now = self._clock()
        due: dict[str, Instant] = {}
        while self._heap and self._heap[0][0] <= now:
            _, actor, wake = heapq.heappop(self._heap)
            if self._wakes.get(partition_of(actor), {}).get(actor) == wake:
                due[actor] = wake  # once, however often it was noted
        for actor, wake in due.items():
            heapq.heappush(self._heap, (now + FIRE_AGAIN_MS, actor, wake))
        try:
            for actor, wake in due.items():
                self._fire(actor, wake)
        finally:
            self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def counts(self) -> Mapping[str, int]:
        return {"timers": sum(len(wakes) for wakes in self._wakes.values())}
