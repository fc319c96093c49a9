"""The draw: who joined before the opening is shuffled as anybody can recompute, and nobody could have steered."""

from __future__ import annotations

import json
from hashlib import sha256, shake_256
from typing import Any

import pytest

from actors.decider import Decision, Followed, Refusal
from actors.waiting.commands import Draw, OpenRoom, PutRoom
from actors.waiting.room import ROOM_KIND
from events.commit import hash_of
from events.room import Drawn, Lane, PhaseEntered, RoomSettings
from events.waiting.draw import commitment_of
from events.waiting.sessions import hidden
from tests.support.launch import MINUTE_MS, NOON, Launch, code_of, recount

SECRET = "the operator's secret"
LANES = (Lane("press", (hidden("open sesame"),)),)
SETTINGS = RoomSettings(capacity=100, shards=3, draw=True, lanes=LANES, ordinary_share=0)
CROWD = [f"visitor {number}" for number in range(60)]


def pre_queue(settings: RoomSettings = SETTINGS, secret: str = SECRET) -> Launch:
    launch = Launch()
    assert code_of(launch.ask(PutRoom(settings, commitment_of(secret)))) == "ok"
    assert launch.control("start") == "pre_queue" or launch.room.phase == "pre_queue"
    return launch


def crowded() -> Launch:
    """Sixty have joined; every fifth of them by the lane."""
    launch = pre_queue()
    for number, name in enumerate(CROWD):
        launch.join(name, *(("press", "open sesame") if number % 5 == 0 else ()))
    return launch


def recomputed(launch: Launch, secret: str, beacon: str) -> list[str]:
    """Everybody's place, from the log alone, as its description says."""
    heads = ["0" * 64] * 3
    lanes: dict[str, list[str]] = {"": [], "press": []}
    for recorded in launch.log:
        _, kind, _, *shard = recorded.actor.split(".")
        if kind == "line":
            heads[int(shard[0])] = hash_of(recorded.body)
            commit: dict[str, Any] = json.loads(recorded.body)
            for one in commit["decided"]:
                for fact in one["facts"]:
                    if fact["fact"] == "Joined.1":
                        lanes[fact.get("lane", "")].append(f"{shard[0]}.{fact['number']}")
    seed = sha256("\n".join(["tidegate draw 1", secret, beacon, *heads]).encode()).digest()
    order: list[str] = []
    for lane, tickets in lanes.items():
        stream = shake_256(seed + lane.encode()).digest(8 * len(tickets))
        keys = [int.from_bytes(stream[8 * n : 8 * n + 8], "big") for n in range(len(tickets))]
        order += [ticket for _, ticket in sorted(zip(keys, tickets, strict=True), key=lambda pair: pair[0])]
    return order


def order_of(launch: Launch) -> list[str]:
    return [launch.tickets[name].partition(".")[2] for name in launch.called()]


class TestDrawing:
    def test_anybody_can_recompute_every_place(self) -> None:
        """From the log, the secret, the beacon, and two functions that every language has."""
        launch = crowded()
        expected = recomputed(launch, SECRET, "the beacon of noon")
        told = launch.ask(Draw(SECRET, "the beacon of noon"))
        assert isinstance(told, Decision) and told.reply["drawn"] == {"": 48, "press": 12}
        launch.control("open")
        assert order_of(launch) == expected
        assert order_of(launch) != recomputed(launch, SECRET, "")
        recount(launch.room)

    def test_what_is_written_of_it(self) -> None:
        """All that it was made of."""
        launch = crowded()
        launch.ask(Draw(SECRET))
        (drawn,) = launch.history[-1].facts
        assert isinstance(drawn, Drawn)
        assert (drawn.secret, drawn.beacon, drawn.counts) == (SECRET, "", {"": 48, "press": 12})
        assert drawn.through == max(one.sequence for one in launch.log if ".line." in one.actor)
        assert len(drawn.heads) == 3

    def test_whoever_comes_after_it_stands_behind(self) -> None:
        """In the order of the log, though the room has not opened yet."""
        launch = crowded()
        launch.put(capacity=1_000)
        launch.ask(Draw(SECRET))
        for name in ("late", "later"):
            launch.join(name)
        launch.control("open")
        launch.join("latest")
        assert [name for name in launch.called() if name.startswith("late")] == ["late", "later", "latest"]
        ordinary = [name for number, name in enumerate(CROWD) if number % 5]
        assert set(launch.called()[: len(ordinary)]) == set(ordinary)

    def test_who_left_or_is_away_has_their_place(self) -> None:
        """The one is never called; the other comes back to it."""
        launch = crowded()
        launch.put(capacity=1)
        launch.alive = set(CROWD[1:])
        launch.leave(CROWD[3])
        launch.later(180)
        assert launch.status(CROWD[0]) == "absent"
        drawn = recomputed(launch, SECRET, "")
        launch.ask(Draw(SECRET))
        launch.control("open")
        launch.touch(CROWD[0])
        launch.put(capacity=1_000)
        names = {ticket.partition(".")[2]: name for name, ticket in launch.tickets.items()}
        for lane in (set(CROWD[::5]), set(CROWD) - set(CROWD[::5])):
            expected = [name for ticket in drawn if (name := names[ticket]) in lane and name != CROWD[3]]
            if expected[0] == CROWD[0]:  # away when the first was called
                expected[:2] = expected[1::-1]
            assert [name for name in launch.called() if name in lane] == expected

    def test_an_empty_pre_queue_is_drawn_as_well(self) -> None:
        """There is nobody, and the room may open."""
        launch = pre_queue()
        assert code_of(launch.ask(Draw(SECRET))) == "ok"
        launch.control("open")
        assert launch.room.phase == "open"

    def test_by_the_clock_it_opens_when_it_is_drawn(self) -> None:
        """Not before; and then at once, in the same commit."""
        launch = Launch()
        times = RoomSettings(capacity=9, draw=True, pre_queue_at=NOON + 1, opens_at=NOON + MINUTE_MS)
        launch.ask(PutRoom(times, commitment_of(SECRET)))
        launch.later(1)
        launch.join("ann")
        launch.later(120)
        assert launch.room.phase == "pre_queue" and ROOM_KIND.wake(launch.room) != times.opens_at
        launch.ask(Draw(SECRET))
        assert ROOM_KIND.wake(launch.room) is not None
        assert PhaseEntered("open") in launch.history[-1].behind and launch.called() == []
        launch.touch("ann")
        assert launch.called() == ["ann"]


class TestRefusals:
    def test_not_before_the_draw(self) -> None:
        """Nobody opens a room in which places are still to be drawn."""
        launch = crowded()
        assert code_of(launch.ask(OpenRoom())) == "not_drawn"

    def test_another_secret(self) -> None:
        """The one that was committed, or none."""
        assert code_of(crowded().ask(Draw("another secret of theirs"))) == "wrong_secret"

    def test_twice(self) -> None:
        """It was made, and stays."""
        launch = crowded()
        launch.ask(Draw(SECRET))
        assert code_of(launch.ask(Draw(SECRET))) == "drawn_already"

    @pytest.mark.parametrize(("secret", "beacon"), [("short", ""), ("x" * 201, ""), (SECRET, "x" * 201)])
    def test_what_is_no_secret(self, secret: str, beacon: str) -> None:
        """Too short to be one, or too long to be written."""
        assert code_of(crowded().ask(Draw(secret, beacon))) == "bad_secret"

    @pytest.mark.parametrize(("secret", "beacon"), [("\ud800" * 20, ""), (SECRET, "\udfff")])
    def test_what_cannot_be_written(self, secret: str, beacon: str) -> None:
        """Half a character is in no secret, and in no beacon."""
        launch = crowded()
        told = ROOM_KIND.decide(launch.room, Draw(secret, beacon), launch.at, Followed())
        assert isinstance(told, Refusal) and told.code == "bad_secret"

    def test_where_nothing_is_drawn(self) -> None:
        """A room that does not draw, or one that has opened."""
        launch = Launch(RoomSettings(capacity=1), opened=False)
        launch.control("start")
        assert code_of(launch.ask(Draw(SECRET))) == "nothing_to_draw"
        drawn = pre_queue()
        drawn.ask(Draw(SECRET))
        drawn.control("open")
        assert code_of(drawn.ask(Draw(SECRET))) == "nothing_to_draw"

    def test_the_operator_is_bound(self) -> None:
        """Once people may have joined, neither the secret nor the draw is taken back; before, both may change."""
        launch = Launch()
        launch.ask(PutRoom(SETTINGS, commitment_of(SECRET)))
        assert code_of(launch.ask(PutRoom(SETTINGS, commitment_of("another secret")))) == "ok"
        launch.control("start")
        assert code_of(launch.ask(PutRoom(SETTINGS, commitment_of(SECRET)))) == "draw_fixed"
        assert launch.put(draw=False) == "draw_fixed"
        assert code_of(launch.ask(PutRoom(SETTINGS, commitment_of("another secret")))) == "ok"
