"""What clients work out for themselves is what counting by hand says, whatever happens in whatever order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.room import RoomSettings
from projections import places
from projections.deriving import Following, StartOver, ahead
from projections.models import ReadModels
from projections.room_topics import RoomChanged
from tests.projections.launch import ROOM, Launch
from tests.projections.story import Story

ROOM_TOPIC = f"room/{ROOM}"


class Clients:
    """Somebody who follows the room and every one of its blocks by deltas alone."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.topics: dict[str, Following[Any]] = {}
        self.heard = len(launch.changes)
        self.started_over = 0
        self._begin(ROOM_TOPIC)

    def _begin(self, topic: str) -> None:
        shown = self.launch.shown(topic)
        self.topics[topic] = Following(shown.state, int(shown.position.partition(":")[2]))

    def listen(self) -> None:
        heard, self.heard = self.launch.changes[self.heard :], len(self.launch.changes)
        for change in heard:
            if change.topic in self.topics:
                try:
                    self.topics[change.topic].hear(change)
                except StartOver:
                    self.started_over += 1
                    self._begin(change.topic)

    def ahead(self, ticket: str) -> int:
        found = self.launch.ticket(ticket)
        assert found.place is not None
        topic = f"block/{ROOM}/{found.block}"
        if topic not in self.topics:
            self._begin(topic)
        return ahead(self.topics[ROOM_TOPIC].state, self.topics[topic].state, found.place)


def check(launch: Launch, clients: Clients) -> None:
    clients.listen()
    room = clients.topics[ROOM_TOPIC].state
    for name, lane in launch.lanes.items():
        now = next(one for one in room.lanes if one.lane == name)
        assert now.waiting == sum(one.state == "waiting" for one in lane)
    for one in launch.tickets("waiting", "absent"):
        found = launch.ticket(one.id)
        assert found.state == one.state
        if launch.room.places.drawing:
            assert (found.place, found.ahead) == (None, None)
        else:
            assert found.ahead == launch.ahead(one) == clients.ahead(one.id)
            assert found.place == launch.lanes[one.lane].index(one)
    for state in ("drawing", "called", "active", "missed", "left", "expired", "exited", "pass_expired", "closed"):
        for one in launch.tickets(state):
            assert launch.ticket(one.id).state == state
    for topic, following in clients.topics.items():
        assert following.state == launch.shown(topic).state


def some(launch: Launch, dice: random.Random, *states: str) -> list[Any]:
    found = launch.tickets(*states)
    return dice.sample(found, dice.randint(1, len(found))) if found else []


def act(launch: Launch, dice: random.Random, act: str, shards: int, lanes: list[str]) -> None:
    drawing = launch.room.places.drawing
    match act:
        case "join":
            launch.join(dice.randrange(shards), *dice.choices(lanes, k=dice.randint(1, 9)))
        case "leave":
            for one in some(launch, dice, "waiting", "absent", "drawing", "called", "active")[:2]:
                launch.leave(one)
        case "silent":
            launch.silent(some(launch, dice, "waiting", "drawing"))
        case "back":
            launch.back(some(launch, dice, "absent"))
        case "give up":
            launch.give_up(some(launch, dice, "absent"))
        case "call" if not drawing and launch.room.phase == "open":
            launch.call(some(launch, dice, "waiting"))
        case "claim":
            launch.claim(some(launch, dice, "called"))
        case "miss":
            missed = some(launch, dice, "called")
            launch.miss(missed[::2], missed[1::2])
        case "exit":
            for one in some(launch, dice, "active")[:1]:
                launch.exit(one)
        case "end":
            launch.end(some(launch, dice, "active"))
        case "draw" if drawing:
            last = max((one.joined for lane in launch.lanes.values() for one in lane), default=0)
            launch.draw(max(0, last - dice.randint(0, 2)))
        case "open" if not drawing and launch.room.phase == "pre_queue":
            launch.enter("open")
        case _:
            pass


ACTS = ("join", "leave", "silent", "back", "give up", "call", "claim", "miss", "exit", "end", "draw", "open")


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(st.sampled_from(ACTS), min_size=5, max_size=30),
    seed=st.integers(0, 1 << 32),
    shards=st.integers(1, 4),
    lane_count=st.integers(1, 3),
    draw=st.booleans(),
)
def test_derived_is_counted(acts: list[str], seed: int, shards: int, lane_count: int, draw: bool) -> None:
    """At every step, for everybody in the line, from the room's topic and one block's; with blocks of eight places, so
    that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BLOCK_BITS", 3)
        patch.setattr(places, "BLOCK_PLACES", 8)
        patch.setattr("projections.deriving.BLOCK_PLACES", 8)
        patch.setattr("projections.waiting.BLOCK_PLACES", 8)
        lanes, dice = ["", "press", "crew"][:lane_count], random.Random(seed)
        launch = Launch(RoomSettings(draw=draw, shards=shards))
        launch.enter("pre_queue")
        clients = Clients(launch)
        late, came = launch.story.fresh(), 0
        for number, one in enumerate(acts):
            act(launch, dice, one, shards, lanes)
            check(launch, clients)
            if number == len(acts) // 2:
                late.rooms.load(launch.story.models.rooms.save())
                came = launch.story.steps[-1][-1].sequence
        assert clients.started_over == 0
        same_from(late, launch.story, came)


def same_from(late: ReadModels, story: Story, came: int) -> None:
    """Law 8: who began at a snapshot, and who began at the beginning, have the same bytes."""
    late.projector._stand.update(dict.fromkeys(late.projector._stand, came))
    first = story.fresh()
    for step in story.steps:
        first.projector.take(step)
        if step[-1].sequence > came:
            late.projector.take(step)
    assert late.rooms.save() == first.rooms.save() == story.models.rooms.save()


def test_who_missed_a_delta_starts_over() -> None:
    """Nobody goes on from where they do not stand; what they know already does them no harm."""
    launch = Launch()
    launch.enter("open")
    clients = Clients(launch)
    launch.join(0, "", "")
    launch.join(0, "")
    first, second = [change for change in launch.changes if change.topic == ROOM_TOPIC][-2:]
    following = clients.topics[ROOM_TOPIC]
    with pytest.raises(StartOver):
        following.hear(second)
    following.hear(first)
    following.hear(second)
    following.hear(first)
    following.hear(second)
    assert following.state == launch.shown(ROOM_TOPIC).state


def test_a_change_too_large_to_be_told_makes_everybody_start_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on from where nobody stands; whoever began there takes it for what they have."""
    monkeypatch.setattr("projections.rooms.BLOCKS_TOLD_MAX", 1)
    launch = Launch()
    launch.enter("open")
    queued = launch.join(0, *[""] * 3_000)
    clients = Clients(launch)
    launch.silent(queued[::2])
    change = next(change for change in reversed(launch.changes) if change.topic == ROOM_TOPIC)
    assert change.before == change.after
    assert isinstance(change.delta, RoomChanged)
    assert change.delta.blocks == ()
    clients.listen()
    assert clients.started_over == 1
    check_one = queued[2_999]
    assert clients.ahead(check_one.id) == launch.ahead(check_one) == 1_499
    clients.topics[ROOM_TOPIC].hear(change)
    assert clients.topics[ROOM_TOPIC].state == launch.shown(ROOM_TOPIC).state
