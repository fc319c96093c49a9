"""Deltas go out in order, and beats say how far: soon, not too often, and never further than is true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Final

import msgspec
import pytest

from actors.simulation.loop import VirtualLoop
from events.bus import Message
from events.catalog import Resource
from events.day import Slots, day_actor
from events.errors import BusError
from events.log import Recorded, Step
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections.folding import Change, sequence_at
from projections.limits import BEAT_MS, BEATS_APART_MS, GATHER_MS
from projections.models import ReadModels
from projections.publishing import Beat, Publishing, Told
from projections.questions import Since
from tests.projections.launch import Launch, opened
from tests.projections.story import DATE, NOW, ORG, Story
from tests.projections.test_availability import taken
from tests.support.waiting import until


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """In virtual time: beats are exactly as far apart as they are said to be."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


class Listening:
    """A projector that publishes on a bus in memory, and everything that was heard of it and when."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus: Final = bus
        self.publishing: Final = Publishing("p", bus)
        self.changes: list[Change] = []
        self.models: Final = ReadModels(
            MemoryLog(lambda: NOW), MemoryShelf(), lambda: NOW, self._tell, self.publishing.recent
        )
        self.told: list[tuple[float, Told]] = []
        self.bodies: list[bytes] = []
        self.beats: list[tuple[float, Beat]] = []

    def _tell(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        self.publishing.told(changes)

    def take(self, *steps: Step) -> None:
        for step in steps:
            self.models.projector.take(step)

    def hear(self, message: Message) -> None:
        now = asyncio.get_running_loop().time()
        if message.subject == "deltas":
            self.beats.append((now, msgspec.json.decode(message.data, type=Beat)))
            self._check(self.beats[-1][1])
        else:
            self.told.append((now, msgspec.json.decode(message.data, type=Told)))
            self.bodies.append(message.data)

    def _check(self, beat: Beat) -> None:
        """Nothing is said to be told that is still to come."""
        through: dict[str, int] = {}
        for _, told in self.told:
            through[told.topic] = max(through.get(told.topic, 0), sequence_at(beat.epoch, told.after) or 0)
        for change in self.changes:
            said = beat.sequence if change.delta.gathered else beat.prompt
            assert change.after > said or through.get(change.topic, 0) >= change.after, (change.topic, beat)
        assert beat.sequence <= beat.prompt <= self.models.projector.sequence


@asynccontextmanager
async def listening(bus: MemoryBus | None = None) -> AsyncIterator[Listening]:
    found = Listening(bus or MemoryBus())
    await found.bus.subscribe("deltas", found.hear)
    await found.bus.subscribe("deltas.>", found.hear)
    await found.models.projector.start()
    task = asyncio.ensure_future(found.publishing.run(found.models.projector))
    await until(lambda: found.beats)
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def many_bookings(count: int) -> Story:
    story = Story()
    story.open(Resource("room", "Room", "UTC", capacity=count))
    for number in range(count):
        story.tell(day_actor(ORG, "room", DATE), taken(f"b{number}", Slots(0, 4)))
    return story


async def test_a_beat_follows_what_was_told() -> None:
    """At the same moment, when nothing was said for a while; then once a second."""
    story = many_bookings(1)
    async with listening() as heard:
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        heard.take(*story.steps)
        await until(lambda: len(heard.beats) == 4)
        first, *quiet = heard.beats[1:]
        assert (first[0], first[1].sequence, first[1].prompt) == (began, 2, 2)
        assert heard.told[-1][0] == began
        assert [round(1_000 * (at - began)) for at, _ in quiet] == [BEAT_MS, 2 * BEAT_MS]


async def test_beats_keep_their_distance() -> None:
    """However much is told; and the last of it is said within a moment."""
    story = many_bookings(400)
    async with listening() as heard:
        for step in story.steps:
            heard.take(step)
            await asyncio.sleep(0.001)
        ended, last = asyncio.get_running_loop().time(), story.steps[-1][-1].sequence
        await until(lambda: heard.beats[-1][1].sequence == last)
        assert asyncio.get_running_loop().time() <= ended + 2 * BEATS_APART_MS / 1_000
        apart = [later - earlier for (earlier, _), (later, _) in pairwise(heard.beats)]
        assert min(apart) >= BEATS_APART_MS / 1_000 - 1e-9
        assert 400 / BEATS_APART_MS / 2 <= len(heard.beats) <= 400 / BEATS_APART_MS + 3


async def test_a_step_that_tells_nothing_is_said_as_well() -> None:
    """Whoever wrote it may wait for the screen to be as new as that."""
    async with listening() as heard:
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        heard.take((Recorded(9, "demo.other.room.1", b"not even read", NOW),))
        await until(lambda: len(heard.beats) == 2)
        assert (heard.beats[1][0], heard.beats[1][1].sequence, heard.told) == (began, 9, [])


async def test_what_is_gathered_holds_back_its_own_kind_only() -> None:
    """A booking is said to be on the screen while a room's changes still wait to be one."""
    launch: Launch = opened()
    for _ in range(5):
        launch.join(0, "")
    launch.story.tell(day_actor(ORG, "room", DATE), taken("b", Slots(0, 4)))
    last = launch.story.steps[-1][-1].sequence
    async with listening() as heard:
        began = asyncio.get_running_loop().time()
        for step in launch.story.steps:
            heard.take(step)
            await asyncio.sleep(0.003)
        await until(lambda: heard.beats[-1][1].prompt == last)
        beat, at = heard.beats[-1][1], asyncio.get_running_loop().time()
        assert beat.sequence < last
        assert at < began + 0.1
        await until(lambda: heard.beats[-1][1].sequence == last)
        assert asyncio.get_running_loop().time() <= began + (GATHER_MS + 2 * BEATS_APART_MS) / 1_000


class Failing(MemoryBus):
    """One that refuses deltas while it is told to."""

    fails = False

    async def publish(self, subject: str, data: bytes, reply: str = "", headers: object = None) -> None:
        if self.fails and subject.startswith("deltas."):
            raise BusError("away")
        await super().publish(subject, data, reply)


async def test_what_was_lost_is_said_at_once() -> None:
    """By where everything begins to have been told; and nobody is given what may not be all of it."""
    story, bus = many_bookings(3), Failing()
    async with listening(bus) as heard:
        heard.take(*story.steps[:2])
        await until(lambda: heard.beats[-1][1].sequence == 2)
        stands = heard.told[-1][1].after
        bus.fails = True
        heard.take(story.steps[2])
        await until(lambda: heard.publishing._dropped_at == 3)
        bus.fails = False
        heard.take(story.steps[3])
        await until(lambda: heard.beats[-1][1].sequence == 4)
        assert heard.beats[-1][1].since == 3
        topic = f"day/room/{DATE}"
        assert heard.models.answer_now(Since(org=ORG, topic=topic, position=stands)) is None
        assert [one.topic for _, one in heard.told].count(topic) == 2


async def test_what_is_dropped_is_dropped_for_whoever_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """They start over, as those who stayed do."""
    story = many_bookings(3)
    async with listening() as heard:
        heard.take(*story.steps[:2])
        await until(lambda: heard.beats[-1][1].sequence == 2)
        stands = heard.told[-1][1].after
        monkeypatch.setattr("projections.publishing.CHANGES_WAITING_MAX", 0)
        heard.take(story.steps[2])
        monkeypatch.undo()
        await until(lambda: heard.beats[-1][1].since == 3)
        assert heard.models.answer_now(Since(org=ORG, topic=f"day/room/{DATE}", position=stands)) is None
