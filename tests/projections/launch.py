"""A waiting room for read models to fold: facts of its lines and of the room itself, and beside them a plain list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.decider import News
from actors.waiting.hearing import hear
from events.clock import Instant
from events.codec import spelled
from events.facts import Fact
from events.line import Expired, Joined, Left, Returned, WentAbsent
from events.room import (
    Drawn,
    Lane,
    LinesHeard,
    PassesExpired,
    Phase,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from events.waiting.draw import drawn_order
from events.waiting.sessions import line_actor, room_actor
from projections.folding import Change
from projections.questions import Question, Shown, TicketAnswer, TicketOf
from projections.rooms import Room
from tests.projections.story import ORG, Story

ROOM = "launch"
ACTOR = room_actor(ORG, ROOM)
SEED = "5eed" * 16
PRESS = Lane("press", ("c" * 32,), "For the press")
SECOND_MS = 1_000


@dataclass
class Queued:
    """A ticket as anybody would keep it."""

    id: str
    lane: str
    joined: int
    state: str = "waiting"


@dataclass
class Launch:
    """A story about one room. `lanes` has everybody in order, and is what is right."""

    settings: RoomSettings = field(default_factory=RoomSettings)
    story: Story = field(default_factory=Story)
    lanes: dict[str, list[Queued]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.put(self.settings)

    @property
    def now(self) -> Instant:
        return self.story.now

    @property
    def room(self) -> Room:
        return self.story.models.rooms.of(ORG)[ROOM]

    @property
    def changes(self) -> list[Change]:
        return self.story.changes

    def later(self, seconds: float) -> None:
        self.story.now += int(seconds * SECOND_MS)

    def ask(self, asked: Question) -> Any:
        return self.story.models.answer_now(asked)

    def shown(self, topic: str) -> Any:
        return self.ask(Shown(org=ORG, topic=topic))

    def ticket(self, ticket: str) -> TicketAnswer:
        found: TicketAnswer = self.ask(TicketOf(org=ORG, ticket=f"{ROOM}.{ticket}"))
        return found

    def tickets(self, *states: str) -> list[Queued]:
        return [one for lane in self.lanes.values() for one in lane if one.state in states]

    def ahead(self, ticket: Queued) -> int:
        lane = self.lanes[ticket.lane]
        return sum(one.state == "waiting" for one in lane[: lane.index(ticket)])

    # -- what the room says ---------------------------------------------------------------------------------------

    def tell(self, *facts: Fact) -> int:
        return self.story.tell(ACTOR, *facts)

    def put(self, settings: RoomSettings) -> int:
        self.settings = settings
        return self.tell(RoomPut(settings))

    def enter(self, phase: Phase) -> int:
        sequence = self.tell(PhaseEntered(phase))
        if phase == "open":
            self._stand(self.tickets("drawing"), "waiting")
        if phase == "closed":
            self._stand(self.tickets("drawing", "waiting", "absent", "called", "claim_waits"), "closed")
        return sequence

    def draw(self, through: int) -> int:
        counts: dict[str, int] = {}
        for name, lane in self.lanes.items():
            count = counts[name] = sum(one.joined <= through for one in lane)
            order = drawn_order(SEED, name, count).tolist()
            self.lanes[name] = [lane[number] for number in order] + lane[count:]
        self._stand(self.tickets("drawing"), "waiting")
        return self.tell(Drawn("secret", "", SEED, (), through, counts))

    def call(self, tickets: Sequence[Queued], for_s: int = 60) -> int:
        until = self.now + for_s * SECOND_MS
        self._stand(tickets, "called")
        by_lane: dict[str, list[str]] = {}
        for one in tickets:
            by_lane.setdefault(one.lane, []).append(one.id)
        return self.tell(*(TicketsCalled(lane, tuple(ids), until) for lane, ids in by_lane.items()))

    def claim(self, tickets: Sequence[Queued], for_s: int = 600) -> int:
        until = self.now + for_s * SECOND_MS
        self._stand(tickets, "active")
        return self.tell(*(TicketClaimed(one.id, until, until) for one in tickets))

    def miss(self, again: Sequence[Queued], out: Sequence[Queued] = ()) -> int:
        self._stand(again, "waiting")
        self._stand(out, "missed")
        return self.tell(TicketsMissed(_ids(again), _ids(out)))

    def exit(self, ticket: Queued) -> int:
        self._stand([ticket], "exited")
        return self.tell(TicketExited(ticket.id))

    def end(self, tickets: Sequence[Queued]) -> int:
        self._stand(tickets, "pass_expired")
        return self.tell(PassesExpired(_ids(tickets)))

    # -- what lines say -------------------------------------------------------------------------------------------

    def line(self, shard: int, *facts: Fact) -> int:
        """What a line says; and, where it is more than who joined, what the room hears of it."""
        actor = line_actor(ORG, ROOM, shard)
        sequence = self.story.tell(actor, *facts)
        if not all(isinstance(fact, Joined) for fact in facts):
            self.tell(LinesHeard(hear((News(sequence, actor, "", facts),), 0, heads=False)))
        return sequence

    def join(self, shard: int, *lanes: str) -> list[Queued]:
        """One ticket for each of these lanes, in one commit."""
        first = self.counts.get(shard, 0)
        self.counts[shard] = first + len(lanes)
        numbers = range(first, first + len(lanes))
        sequence = self.line(shard, *joined(numbers, lanes))
        state = "drawing" if self.room.places.drawing else "waiting"
        found = [
            Queued(f"{shard}.{number}", lane, sequence, state) for number, lane in zip(numbers, lanes, strict=True)
        ]
        for one in found:
            self.lanes.setdefault(one.lane, []).append(one)
        return found

    def leave(self, ticket: Queued) -> int:
        shard, number = _split(ticket)
        self._stand([ticket], "left")
        return self.line(shard, Left(number))

    def silent(self, tickets: Sequence[Queued]) -> None:
        self._stand(tickets, "absent")
        for shard, numbers in _by_shard(tickets):
            self.line(shard, WentAbsent(spelled(numbers), self.now + 600_000))

    def back(self, tickets: Sequence[Queued]) -> None:
        self._stand(tickets, "drawing" if self.room.places.drawing else "waiting")
        for shard, numbers in _by_shard(tickets):
            self.line(shard, Returned(spelled(numbers)))

    def give_up(self, tickets: Sequence[Queued]) -> None:
        self._stand(tickets, "expired")
        for shard, numbers in _by_shard(tickets):
            self.line(shard, Expired(spelled(numbers)))

    @staticmethod
    def _stand(tickets: Iterable[Queued], state: str) -> None:
        for one in tickets:
            one.state = state


def opened(**settings: Any) -> Launch:
    """One that is open, of which nobody has told anything yet."""
    launch = Launch(RoomSettings(**settings))
    launch.enter("open")
    launch.changes.clear()
    return launch


def joined(numbers: Iterable[int], lanes: Sequence[str]) -> list[Joined]:
    return [Joined(number, f"{number:032x}", 1, lane) for number, lane in zip(numbers, lanes, strict=True)]


def _ids(tickets: Sequence[Queued]) -> tuple[str, ...]:
    return tuple(one.id for one in tickets)


def _split(ticket: Queued) -> tuple[int, int]:
    shard, _, number = ticket.id.partition(".")
    return int(shard), int(number)


def _by_shard(tickets: Sequence[Queued]) -> list[tuple[int, list[int]]]:
    found: dict[int, list[int]] = {}
    for one in tickets:
        shard, number = _split(one)
        found.setdefault(shard, []).append(number)
    return list(found.items())
