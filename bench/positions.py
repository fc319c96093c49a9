"""What a waiting room's read model costs: a position among a million, what a room tells while more and more wait, ten
thousand calls at once, crowds that are drawn or fall silent, and the memory of a million."""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections.abc import Sequence
from statistics import median

import msgspec
from rich.console import Console

from bench.report import Row
from events.clock import Instant
from events.codec import canonical, spelled
from events.commit import GENESIS, Decided, encode
from events.facts import Fact
from events.line import Joined
from events.log import Recorded
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.room import Drawn, Heard, LinesHeard, Phase, PhaseEntered, RoomPut, RoomSettings, TicketsCalled
from events.waiting.sessions import line_actor, room_actor
from projections.folding import Change
from projections.models import ReadModels
from projections.questions import TicketOf
from projections.rooms import Room

ORG = "bench"
ROOM = "launch"
SHARDS = 8
PEOPLE = (1_000, 100_000, 1_000_000)
AT_ONCE = 1_000
"""Joins of one commit."""
CALLED = 10_000
CROWD = 100_000
ASKED = 20_000
CHANGED = 200
"""How often the cost of a delta is taken."""
NOW: Instant = 1_800_000_000_000
_REPLY = msgspec.Raw(b"null")


class Launch:
    """A room that people join, and what its read model tells."""

    def __init__(self) -> None:
        self.now = NOW
        self.changes: list[Change] = []
        self._sequence = 0
        self._numbers = [0] * SHARDS
        self._turn = 0
        self.models = ReadModels(MemoryLog(self._clock), MemoryShelf(), self._clock, self._hear)
        self.put(RoomSettings(per_minute=600, capacity=5_000, shards=SHARDS), "open")

    def put(self, settings: RoomSettings, phase: Phase) -> None:
        self.tell(room_actor(ORG, ROOM), RoomPut(settings), PhaseEntered(phase))

    def _clock(self) -> Instant:
        return self.now

    def _hear(self, changes: Sequence[Change]) -> None:
        self.changes = list(changes)

    @property
    def room(self) -> Room:
        return self.models.rooms.of(ORG)[ROOM]

    def recorded(self, actor: str, *facts: Fact) -> Recorded:
        self._sequence += 1
        body = encode(actor, self.now, GENESIS, [Decided("c", "bench", self.now, facts, _REPLY)])
        return Recorded(self._sequence, actor, body, self.now)

    def tell(self, actor: str, *facts: Fact) -> float:
        """How long it takes to fold it, in milliseconds."""
        recorded = self.recorded(actor, *facts)
        began = time.perf_counter()
        self.models.projector.take((recorded,))
        return (time.perf_counter() - began) * 1_000

    def join(self, people: int) -> float:
        shard, self._turn = self._turn % SHARDS, self._turn + 1
        first = self._numbers[shard]
        self._numbers[shard] += people
        facts = (Joined(number, "5" * 32, 1) for number in range(first, first + people))
        return self.tell(line_actor(ORG, ROOM, shard), *facts)

    def fill(self, people: int) -> float:
        """Until so many wait; how long that takes in all, in milliseconds."""
        took = 0.0
        while (size := self.room.places.size) < people:
            took += self.join(min(AT_ONCE, people - size))
        return took

    def a_change(self) -> tuple[float, int]:
        """One joins and one is called: how long both take in milliseconds, and how many bytes the room tells."""
        took = self.join(1)
        told = len(canonical(self._of_room()))
        took += self.call(1)
        return took, told + len(canonical(self._of_room()))

    def _of_room(self) -> Change:
        return next(change for change in self.changes if change.topic == f"room/{ROOM}")

    def silent(self, people: int) -> float:
        """So many of all shards fall silent, in one commit of each: how long it takes in all."""
        each = spelled(range(CALLED, CALLED + people // SHARDS))
        return sum(
            self.tell(room_actor(ORG, ROOM), LinesHeard((Heard(0, shard, absent=each),))) for shard in range(SHARDS)
        )

    def call(self, people: int) -> float:
        places = self.room.places
        lane = places.lanes[0]
        rows = lane.rows[lane.called_through : lane.called_through + people].astype(int)
        return self.tell(room_actor(ORG, ROOM), TicketsCalled("", tuple(places.ids_of(rows)), self.now + 60_000))


def drawn_ms(people: int) -> float:
    launch = Launch()
    launch.put(RoomSettings(draw=True, shards=SHARDS), "pre_queue")
    launch.fill(people)
    assert launch.room.places.drawing
    through = launch.recorded(room_actor(ORG, ROOM)).sequence
    took = launch.tell(room_actor(ORG, ROOM), Drawn("secret", "", "5eed" * 16, (), through, {"": people}))
    assert sum(launch.room.waiting()) == people
    return took


def position_us(launch: Launch) -> float:
    """Of somebody among all who wait, found by the name of their ticket."""
    places = launch.room.places
    dice = random.Random(1)
    asked = [(dice.randrange(SHARDS), dice.randrange(places.size // SHARDS - AT_ONCE)) for _ in range(ASKED)]
    began = time.perf_counter()
    for shard, number in asked:
        row = places.row_of(shard, number)
        assert row is not None
        places.lanes[int(places.lane[row])].ahead(int(places.place[row]))
    return (time.perf_counter() - began) / ASKED * 1e6


def answer_us(launch: Launch) -> float:
    """The whole answer, with its estimate."""
    dice = random.Random(2)
    questions = [
        TicketOf(org=ORG, ticket=f"{ROOM}.{dice.randrange(SHARDS)}.{dice.randrange(CALLED, 100_000)}")
        for _ in range(ASKED // 10)
    ]
    began = time.perf_counter()
    for question in questions:
        launch.models.answer_now(question)
    return (time.perf_counter() - began) / len(questions) * 1e6


def forecast_ms(launch: Launch) -> float:
    """With the first answer that needs it."""
    began = time.perf_counter()
    launch.models.answer_now(TicketOf(org=ORG, ticket=f"{ROOM}.0.{CALLED}"))
    return (time.perf_counter() - began) * 1_000


def memory_megabytes(people: int) -> float:
    gc.collect()
    tracemalloc.start()
    launch = Launch()
    launch.fill(people)
    launch.changes = []
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert launch.room.places.size == people
    return size / 1e6


async def rows(runs: int, console: Console) -> list[Row]:
    position = Row("the position of a ticket among 1,000,000", "µs", goal="< 10")
    silent = Row(f"{CROWD:,} fall silent at once", "ms")
    drawn = Row(f"{CROWD:,} are drawn", "ms", goal="< 200")
    forecast = Row("the forecast of a room, once a second", "ms")
    answer = Row("… with its estimate, and all else that is shown of it", "µs")
    joins = Row("joins folded, at 1,000 a commit", "per second", goal="> 25,000")
    calls = Row(f"{CALLED:,} called at once: folded, and told to each", "ms", goal="< 50")
    bytes_told = [Row(f"one joins and one is called, {people:,} waiting", "bytes told") for people in PEOPLE]
    cost = [Row(f"the same, {people:,} waiting", "ms p50", goal="the same") for people in PEOPLE]
    for run in range(runs):
        console.print(f"  a room of {PEOPLE[-1]:,}, run {run + 1}", style="dim")
        launch, took = Launch(), 0.0
        for number, people in enumerate(PEOPLE):
            took += launch.fill(people)
            launch.now += 1_000
            taken = [launch.a_change() for _ in range(CHANGED)]
            cost[number].values.append(median(ms for ms, _ in taken))
            bytes_told[number].values.append(median(size for _, size in taken))
        joins.values.append(PEOPLE[-1] / took * 1_000)
        position.values.append(position_us(launch))
        calls.values.append(launch.call(CALLED))
        answer.values.append(answer_us(launch))
        launch.now += 1_000
        forecast.values.append(forecast_ms(launch))
        silent.values.append(launch.silent(CROWD))
        drawn.values.append(drawn_ms(CROWD))
    memory = Row("a million in the projector", "MB", [memory_megabytes(PEOPLE[-1])], goal="< 100")
    position.met, calls.met, memory.met = position.value < 10, calls.value < 50, memory.value < 100
    drawn.met = drawn.value < 200
    joins.met = joins.value > 25_000
    for few, many in ((cost[0], cost[1]), (cost[0], cost[2])):
        many.met, many.beside = many.value < 1.5 * few.value, f"{many.value / few.value:.2f}× of {PEOPLE[0]:,}"
    return [position, answer, forecast, joins, calls, silent, drawn, *bytes_told, *cost, memory]
