"""Streams: what one gateway process tells thousands of sockets, what a socket costs it, and how they come back.

Three kinds of figures, all by real sockets of a process of its own (`readers`) at the gateway of a whole stack:

- How many messages of 200 bytes it delivers. They are put on the bus as a projector publishes deltas, at a rate, for a
  topic that everybody follows; the figure is the highest rate of those tried at which everybody hears every one of
  them and the last is heard within the time in which they were told, but for a little.
- How long it takes from a commit, by the commit's own time, which is before it is on the disk, until the last of 5,000
  has heard of it. Holds are placed and released, so there are the host, the log, the projector and the gateway between.
  Then the same with stalled readers among them, for whom as much lies ready by then as is kept for one.
- How long it takes until 10,000 are back, and go on where they stood, after the gateway was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from itertools import count
from typing import Final

import msgspec
from rich.console import Console

from actors.booking.commands import PlaceHold, ReleaseHold
from bench import booking, waiting
from bench.booking import Slot, ask, slots
from bench.crowd import Crowd, Delays, crowd
from bench.footprint import pss_bytes
from bench.report import Row, number
from bench.stack import ORG, Stack, files_allowed, stack
from events import day
from events.day import Item, Wish, day_actor, new_id
from events.nats.ground import Ground
from gateway.streams.limits import UNSENT_BYTES_MAX
from projections import answering
from projections.publishing import subject_of
from projections.questions import Shown, ShownAnswer

MESSAGE_BYTES: Final = 200
SPARE_FILES: Final = 500
CAUGHT_UP_WITHIN_S: Final = 20.0
LATE_S: Final = 0.25
"""What the last message may take longer than the time in which they were told."""
BACK_WITHIN_S: Final = 60.0
LOUD_BYTES: Final = 16_384
LOUD_PER_S: Final = 100
DEAF_WITHIN_S: Final = 15.0
_DELTA: Final = '{"type":"delta","topic":"","before":"","after":"","delta":""}'
_HOLDS: Final = count()


@dataclass(frozen=True)
class Size:
    sockets: int = 5_000
    first: int = 500
    """Before memory is looked at."""
    rates: tuple[int, ...] = (14, 20, 28, 40, 56, 80)
    """Deltas a second that are told to everybody."""
    rate_s: float = 5.0
    commits: int = 100
    commits_per_s: float = 8.0
    stalled: int = 10
    reconnecting: int = 10_000
    topics: int = 100


SIZE: Final = Size()


# How many


async def stands_at(ground: Ground, topic: str) -> str:
    answer: ShownAnswer = await answering.ask(ground.bus, Shown(org=ORG, topic=topic), 5_000)
    return answer.position


class Telling:
    """Deltas as a projector publishes them, of a size, each going on from the one before."""

    def __init__(self, ground: Ground, topic: str, position: str, message_bytes: int) -> None:
        self._bus: Final = ground.bus
        self._topic: Final = topic
        self._subject: Final = subject_of(ORG, topic)
        self._epoch, _, at = position.rpartition(":")
        self._at = int(at)
        self._message_bytes: Final = message_bytes

    async def tell(self) -> None:
        before, self._at = f"{self._epoch}:{self._at}", self._at + 1
        after = f"{self._epoch}:{self._at}"
        fill = "x" * (self._message_bytes - len(_DELTA) - len(self._topic) - len(before) - len(after))
        said = {"topic": self._topic, "before": before, "after": after, "delta": fill}
        await self._bus.publish(self._subject, msgspec.json.encode(said))

    async def paced(self, per_s: float, total: int) -> float:
        """So many, at a rate; when the first was told."""
        began = time.time()
        for one in range(total):
            ahead = began + one / per_s - time.time()
            if ahead > 0:
                await asyncio.sleep(ahead)
            await self.tell()
        return began


async def kept_up_with(readers: Crowd, telling: Telling, topic: str, size: Size) -> dict[float, Delays]:
    """The rates of those tried that were kept up with, and how long everybody waited then."""
    found: dict[float, Delays] = {}
    for per_s in size.rates:
        await readers.clear()
        total = int(per_s * size.rate_s)
        began = await telling.paced(per_s, total)
        heard = await readers.heard((topic,), total, CAUGHT_UP_WITHIN_S)
        if not heard.all or heard.begun or heard.last_at > began + total / per_s + LATE_S:
            break
        delays, _ = await readers.delays(topic, [began + one / per_s for one in range(total)])
        found[heard.messages * per_s / total] = delays
    return found


# How soon


async def commits(on: Stack, slot: Slot, size: Size) -> None:
    """Holds that come and go on one day, at a rate."""
    actor, session = day_actor(ORG, slot.resource, slot.date), "bench"
    wish = Wish("quarter", slot.start, 15, (Item(slot.resource),))
    began, hold = time.monotonic(), ""
    for one in range(size.commits):
        await asyncio.sleep(max(0.0, began + one / size.commits_per_s - time.monotonic()))
        if one % 2 == 0:
            hold = new_id(slot.resource, slot.date, f"h-{next(_HOLDS)}")
        await waiting.have(on.sender, actor, ReleaseHold(hold, session) if one % 2 else PlaceHold(hold, session, wish))


async def delays_of(on: Stack, readers: Crowd, slot: Slot, size: Size) -> tuple[Delays, Delays]:
    """Of everybody, and of the last, behind the instants of the commits."""
    topic = f"holds/{slot.resource}/{slot.date}"
    await readers.clear()
    await commits(on, slot, size)
    heard = await readers.heard((topic,), size.commits, CAUGHT_UP_WITHIN_S)
    assert heard.all and not heard.begun, f"not everybody has heard everything: {heard.messages:,} {heard.begun}"
    instants: list[float] = []
    for recorded in await on.log.at_each([int(after.rpartition(":")[2]) for after in heard.after]):
        assert recorded is not None
        instants.append(day.FACTS.read(recorded.body).at / 1_000)
    return await readers.delays(topic, instants)


async def make_deaf(on: Stack, telling: Telling, stalled: int) -> None:
    """Tell the stalled so much that the gateway keeps for each of them all that it keeps for one."""
    async with asyncio.timeout(DEAF_WITHIN_S):
        while await asyncio.to_thread(on.metric, "tidegate_stream_unsent_bytes") < stalled * UNSENT_BYTES_MAX:
            await telling.paced(LOUD_PER_S, LOUD_PER_S // 10)


# How they come back


async def reconnect(on: Stack, size: Size) -> tuple[dict[str, float], dict[str, int]]:
    """Kill the gateway under all of them, and change half of what they follow while it is away; seconds from then on
    until they were back, and how they began. Whoever was resumed has to hear what has changed."""
    days = slots(size.topics)
    await booking.warm(on.sender, days)
    topics = [f"day/{slot.resource}/{slot.date}" for slot in days]
    async with crowd(on.port) as readers:
        await readers.open(size.reconnecting, topics, within_s=120)
        await readers.clear()
        killed = time.time()
        os.kill(on.gateway_pid, signal.SIGKILL)
        for at, slot in enumerate(days[: len(days) // 2]):
            await ask(on.sender, slot, f"away-{at}")
        told = await readers.begun(BACK_WITHIN_S)
        assert told.all, f"not all are back: {told.begun} {told.back}"
        if not told.begun.get("reset"):
            heard = await readers.heard(topics[: len(days) // 2], 1, CAUGHT_UP_WITHIN_S)
            assert heard.all, "not everybody has heard what changed meanwhile"
    return {name: told.lost_at - killed + after for name, after in told.back.items()}, told.begun


# The rows


class Figures:
    def __init__(self, size: Size) -> None:
        sockets = f"{size.sockets:,} sockets"
        self.rate: Final = Row(f"messages of {MESSAGE_BYTES} B, one process to {sockets}", "/s", goal="≥ 70,000")
        self.slow: Final = Row(f"… how long they take at {size.rates[0] * size.sockets:,} a second, p99", "ms")
        self.memory: Final = Row("an idle socket that follows a topic, beyond the kernel's", "bytes", goal="≤ 8,192")
        self.last: Final = Row(f"from commit to the last of {sockets}, p99", "ms", goal="< 150")
        self.each: Final = Row("… to each of them, p99", "ms")
        self.among: Final = Row(f"… with {size.stalled} stalled readers among them, p99", "ms", goal="within 10%")
        self.back: Final = Row(
            f"{size.reconnecting:,} sockets resumed after the gateway was killed", "s", goal="< 15, none reset"
        )
        self._reset = 0

    def add_rates(self, kept_up_with: dict[float, Delays]) -> None:
        if not kept_up_with:
            self.rate.values.append(0)
            return
        lowest, highest = min(kept_up_with), max(kept_up_with)
        about = kept_up_with[highest]
        self.rate.values.append(highest)
        self.rate.beside = f"heard after {number(about.p50)} ms, p99 {number(about.p99)} ms"
        self.slow.values.append(kept_up_with[lowest].p99)

    def add_back(self, after_s: dict[str, float], begun: dict[str, int]) -> None:
        resumed, reset = begun.get("resumed", 0), begun.get("reset", 0) + begun.get("snapshot", 0)
        self._reset += reset
        self.back.values.append(after_s["last"])
        self.back.beside = f"{resumed:,} resumed, {reset:,} reset; the first after {number(after_s['first'])} s"

    @property
    def rows(self) -> list[Row]:
        self.rate.met, self.memory.met = self.rate.value >= 70_000, self.memory.value <= 8_192
        self.last.met, self.back.met = self.last.value < 150, self.back.value < 15 and not self._reset
        ratio = self.among.value / self.each.value
        self.among.met, self.among.beside = ratio <= 1.1, f"{ratio:.2f}× without"
        slow = [self.slow] if self.slow.values else []
        return [self.rate, *slow, self.memory, self.last, self.each, self.among, self.back]


async def rows(runs: int, console: Console, size: Size = SIZE) -> list[Row]:
    files = files_allowed()
    if files < size.reconnecting + SPARE_FILES:
        console.print(f"  streams: SKIPPED, a process may open {files:,} files here", style="bold yellow")
        return []
    figures = Figures(size)
    async with stack() as on:
        await booking.set_up(on.sender)
        for run in range(runs):
            console.print(f"  streams, run {run + 1} of {runs}", style="dim")
            await _told(on, size, figures)
            await _heard(on, size, figures)
            figures.add_back(*await reconnect(on, size))  # last: what ends soon after its start is started with a pause
    return figures.rows


async def _told(on: Stack, size: Size, figures: Figures) -> None:
    """What a socket costs, and how much can be told to so many."""
    (slot,) = slots(1)
    await booking.warm(on.sender, [slot])
    topic = f"day/{slot.resource}/{slot.date}"
    async with crowd(on.port) as readers:
        await readers.open(size.first, [topic])
        before, more = pss_bytes(on.gateway_pid), size.sockets - size.first
        await readers.open(more, [topic])
        if not figures.memory.values:  # later runs use what this one leaves behind, and would seem to need nothing
            figures.memory.values.append((pss_bytes(on.gateway_pid) - before) / more)
        telling = Telling(on.ground, topic, await stands_at(on.ground, topic), MESSAGE_BYTES)
        figures.add_rates(await kept_up_with(readers, telling, topic, size))


async def _heard(on: Stack, size: Size, figures: Figures) -> None:
    """How soon so many hear of a commit: without, with, and without stalled readers among them."""
    held, loud = slots(2)
    await booking.warm(on.sender, [held, loud])
    holds, much = f"holds/{held.resource}/{held.date}", f"day/{loud.resource}/{loud.date}"
    async with crowd(on.port) as readers:
        await readers.open(size.sockets, [holds])
        for is_stalled in (False, True, False):
            if is_stalled:
                await readers.open(size.stalled, [holds, much], stalled=True)
                telling = Telling(on.ground, much, await stands_at(on.ground, much), LOUD_BYTES)
                await make_deaf(on, telling, size.stalled)
            each, of_the_last = await delays_of(on, readers, held, size)
            if is_stalled:
                figures.among.values.append(each.p99)
                await readers.drop()
            else:
                figures.each.values.append(each.p99)
                figures.last.values.append(of_the_last.p99)
                figures.last.beside = f"p50 {number(of_the_last.p50)} ms"
