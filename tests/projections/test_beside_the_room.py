"""What is shown of a waiting room is what its judges have it: the read model, beside the real room and its lines."""

from __future__ import annotations

import heapq
import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.waiting.commands import CloseRoom, Draw, PutRoom
from events.log import Recorded
from events.room import FACTS as ROOM_FACTS
from events.room import Lane, RoomSettings, TicketsCalled
from events.waiting.draw import commitment_of
from events.waiting.sessions import hidden
from projections.folding import read
from projections.questions import TicketOf
from projections.rooms import Rooms
from projections.standing import OVER, State
from projections.waiting import ticket_answer
from tests.support.launch import NAME, ORG, Launch

CODE, SECRET = "open sesame", "nobody could have guessed it"
LANES = (Lane("press", (hidden(CODE),)),)
SHOWN = {"claiming": "claim_waits"}
"""What a judge calls otherwise."""


class Reader:
    """Follows a launch's log."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.rooms = Rooms()
        self._read = 0

    def follow(self) -> Rooms:
        for recorded in self.launch.log[self._read :]:
            self._take(recorded)
        self._read = len(self.launch.log)
        return self.rooms

    def _take(self, recorded: Recorded) -> None:
        commit = read(recorded)
        assert commit is not None
        self.rooms.take(recorded, commit, tell=True)


def act(launch: Launch, dice: random.Random, what: str) -> None:
    known = list(launch.tickets)
    name = dice.choice(known) if known else ""
    match what:
        case "join":
            for _ in range(dice.randint(1, 6)):
                press = dice.random() < 0.3
                name = f"visitor {len(launch.tickets)}"
                launch.join(name, "press" if press else "", CODE if press else "")
                if not launch.tickets.get(name):
                    break
                if dice.random() < 0.7:
                    launch.alive.add(name)
        case "leave" if name:
            launch.leave(name)
        case "claim" if known:
            for one in known:
                if dice.random() < 0.6:
                    launch.claim(one)
        case "exit" if name:
            launch.exit(name)
        case "touch" if name:
            launch.touch(name)
        case "later":
            launch.later(dice.choice((1, 5, 30, 61, 130, 700)))
        case "pause" | "resume" | "drain":
            launch.control(what)
        case _:
            pass


ACTS = ("join", "join", "leave", "claim", "claim", "exit", "touch", "later", "later", "pause", "resume", "drain")


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(st.sampled_from(ACTS), min_size=4, max_size=24),
    seed=st.integers(0, 1 << 32),
    draw=st.booleans(),
    again=st.booleans(),
    close=st.booleans(),
)
def test_everybody_stands_as_the_room_has_them(
    acts: list[str], seed: int, draw: bool, again: bool, close: bool
) -> None:
    """And in every lane as many wait, whatever the room and its lines have recorded."""
    dice = random.Random(seed)
    launch = Launch(None)
    settings_ = RoomSettings(
        capacity=4, per_minute=30, claim_s=20, active_s=60, absence_max_s=600, shards=2, lanes=LANES, draw=draw,
        missed="again" if again else "out",
    )  # fmt: skip
    launch.ask(PutRoom(settings_, commitment_of(SECRET)))
    launch.control("start")
    for one in acts[:3]:
        act(launch, dice, one)
    if draw:
        launch.ask(Draw(SECRET))
    launch.control("open")
    for one in acts[3:]:
        act(launch, dice, one)
    if close:
        launch.ask(CloseRoom())
    rooms = Reader(launch).follow()
    shown, room = rooms.of(ORG)[NAME], launch.room
    waiting = {lane.name: lane.states[State.WAITING] for lane in shown.places.lanes}
    assert {lane: count for lane, count in waiting.items() if count} == {
        lane: count for lane, count in room.waiting.items() if count
    }
    assert shown.phase == room.phase
    assert shown.places.count(State.ACTIVE) == len(room.active)
    for name, ticket in launch.tickets.items():
        status, state = launch.status(name), ticket_answer(rooms, TicketOf(org=ORG, ticket=ticket), launch.at).state
        status = SHOWN.get(status, status)
        assert state == status or (status == "over" and State[state.upper()] in OVER), (ticket, status, state)


def called_in_order(launch: Launch) -> list[tuple[int, str]]:
    """When each was called first."""
    found: dict[str, int] = {}
    for recorded in launch.log:
        if ".room." in recorded.actor:
            commit = ROOM_FACTS.read(recorded.body)
            for fact in (fact for one in commit.decided for fact in one.facts):
                if isinstance(fact, TicketsCalled):
                    for ticket in fact.tickets:
                        found.setdefault(ticket, commit.at)
    return [(at, ticket) for ticket, at in found.items()]


@pytest.mark.parametrize(("capacity", "per_minute"), [(100, 0), (0, 60), (100, 40)])
def test_the_real_room_calls_when_it_was_said_to(capacity: int, per_minute: int) -> None:
    """A launch that the real room decides: eight in ten are called within their range, and half of all middles are off
    by less than 15 %."""
    dice = random.Random(3)
    launch = Launch(RoomSettings(capacity=capacity, per_minute=per_minute, active_s=300, shards=2))
    names = [f"visitor {number}" for number in range(1_000)]
    launch.join_all(names)
    launch.alive.update(names)
    reader, known = Reader(launch), set[str]()
    coming: list[tuple[int, str]] = []
    leaving: list[tuple[int, str]] = []
    asked = []
    for second in range(3_000):
        launch.later(1)
        for name in launch.called()[len(known) :]:
            if name not in known:
                known.add(name)
                if dice.random() < 0.9:
                    heapq.heappush(coming, (second + dice.randint(1, 20), name))
        while coming and coming[0][0] <= second:
            name = heapq.heappop(coming)[1]
            if launch.claim(name) in {"active", "claiming"}:
                heapq.heappush(leaving, (second + 20 + int(dice.expovariate(1 / 200)), name))
        while leaving and leaving[0][0] <= second:
            launch.exit(heapq.heappop(leaving)[1])
        if second % 30 == 29:
            rooms = reader.follow()
            places = rooms.of(ORG)[NAME].places
            waiting = places.ids_of(places.standing(State.WAITING))
            for ticket in dice.sample(waiting, min(10, len(waiting))):
                answer = ticket_answer(rooms, TicketOf(org=ORG, ticket=f"{NAME}.{ticket}"), launch.at)
                assert answer.estimate is not None
                asked.append((launch.at, ticket, answer.estimate))
        if not launch.room.somebody_waits:
            break
    called = {ticket: at for at, ticket in called_in_order(launch)}
    within, off = [], []
    for at, ticket, estimate in asked:
        if (when := called.get(ticket, 0)) > at:
            wait = (when - at) / 1_000
            low, middle, high = estimate.low_s, estimate.middle_s, estimate.high_s
            assert low is not None
            assert middle is not None
            within.append(low <= wait and (high is None or wait <= high))
            off.append(abs(middle - wait) / max(wait, 30))
    assert len(within) > 200
    assert sum(within) / len(within) >= 0.8
    assert median(off) < 0.15
