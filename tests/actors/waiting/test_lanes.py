"""Lanes go in their order, each by itself first come first served, and the ordinary one has its share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.waiting.queue import Queue, Shard, next_in_turn
from actors.waiting.room import ROOM_KIND
from events.room import Lane, RoomSettings
from events.waiting.sessions import hidden
from tests.support.launch import Launch, recount, through_the_shelf

PRESS, STAFF = Lane("press", (hidden("p"),)), Lane("staff", (hidden("s"),))
CODES = {"press": "p", "staff": "s", "": ""}


def room(share: int, *lanes: Lane, capacity: int = 1) -> Launch:
    """One in which nobody is called yet."""
    launch = Launch(RoomSettings(capacity=capacity, ordinary_share=share, lanes=lanes))
    launch.control("pause")
    return launch


def join(launch: Launch, lane: str, count: int) -> list[str]:
    names = [f"{lane or 'ordinary'} {len(launch.tickets) + number}" for number in range(count)]
    for name in names:
        launch.join(name, lane, CODES[lane])
    return names


def called_lanes(launch: Launch) -> str:
    """The first letters of the lanes of all who were called, one by one."""
    while launch.room.called:
        for name in launch.called():
            launch.exit(name)
    return "".join(name[0] for name in launch.called())


class TestOrder:
    def test_before_the_ordinary_one(self) -> None:
        """Whenever they joined."""
        launch = room(0, STAFF, PRESS)
        join(launch, "", 2)
        join(launch, "press", 2)
        join(launch, "staff", 2)
        launch.control("resume")
        assert called_lanes(launch) == "ssppoo"

    def test_within_a_lane_first_come_first_served(self) -> None:
        """Law 3."""
        launch = room(30, PRESS)
        ordinary, press = [], []
        for _ in range(10):
            ordinary += join(launch, "", 2)
            press += join(launch, "press", 1)
        launch.control("resume")
        called_lanes(launch)
        assert [name for name in launch.called() if name in ordinary] == ordinary
        assert [name for name in launch.called() if name in press] == press

    def test_the_order_of_lanes_may_change(self) -> None:
        """While people wait in them."""
        launch = room(0, STAFF, PRESS)
        join(launch, "press", 2)
        join(launch, "staff", 2)
        launch.put(lanes=(PRESS, STAFF))
        launch.control("resume")
        assert called_lanes(launch) == "ppss"

    def test_somebody_who_was_on_the_way_when_their_lane_was_taken_away(self) -> None:
        """Is called: after the lanes that there are, and before the ordinary one."""
        for shelf in (False, True):
            launch = room(0, STAFF, PRESS)
            launch.prompt = False
            launch.freeze()
            join(launch, "press", 1)
            assert launch.room.heard == 0
            launch.news, late = [], launch.news
            assert launch.put(lanes=(STAFF,)) == "ok"
            launch.thaw()
            launch.news = late
            launch.prompt = True
            launch.settle()
            join(launch, "", 1)
            join(launch, "staff", 1)
            if shelf:
                launch.room = through_the_shelf(ROOM_KIND, launch.room)
            launch.control("resume")
            assert called_lanes(launch) == "spo"
            recount(launch.room)

    def test_somebody_who_was_called_when_their_lane_was_taken_away(self) -> None:
        """And missed the call, is called again."""
        launch = room(0, PRESS)
        join(launch, "press", 1)
        launch.control("resume")
        (name,) = launch.called()
        launch.alive = {name}
        assert launch.put(lanes=()) == "ok"
        launch.later(61)
        assert launch.status(name) == "called" and launch.claim(name) == "active"

    def test_a_new_lane_is_open_at_once(self) -> None:
        """To those who have its code."""
        launch = room(0)
        join(launch, "", 2)
        assert launch.join("zoe", "press", "p") == "unknown_lane"
        launch.put(lanes=(PRESS,))
        join(launch, "press", 1)
        launch.control("resume")
        assert called_lanes(launch) == "poo"


class TestShares:
    @pytest.mark.parametrize(
        ("share", "expected"),
        [(0, "pppppppppp"), (20, "ppppoppppo"), (50, "popopopopo"), (100, "oooooooooo"), (34, "ppoppoppop")],
    )
    def test_of_a_hundred_who_are_called(self, share: int, expected: str) -> None:
        """So many are from the ordinary lane, evenly among the others."""
        launch = room(share, PRESS, capacity=10)
        join(launch, "", 20)
        join(launch, "press", 20)
        called, _ = next_in_turn(
            launch.room.queues, launch.room.shards, launch.room.waiting, launch.room.lanes, 0, share, 10
        )
        assert "".join(lane[:1] or "o" for lane, _ in called) == expected
        launch.control("resume")
        assert sorted(name[0] for name in launch.called()) == sorted(expected)

    def test_one_by_one_as_well_as_together(self) -> None:
        """What is owed is carried on from call to call."""
        launch = room(34, PRESS)
        join(launch, "", 20)
        join(launch, "press", 20)
        launch.control("resume")
        for _ in range(9):
            launch.exit(launch.called()[-1])
        assert "".join(name[0] for name in launch.called()) == "ppoppoppop"

    def test_nothing_is_owed_to_nobody(self) -> None:
        """Who comes to an ordinary lane in which nobody waited is not called before all others."""
        launch = room(50, PRESS)
        join(launch, "press", 20)
        launch.control("resume")
        for _ in range(9):
            launch.exit(launch.called()[-1])
        join(launch, "", 3)
        for _ in range(4):
            launch.exit(launch.called()[-1])
        assert "".join(name[0] for name in launch.called()) == "p" * 11 + "opo"

    @given(st.integers(0, 100), st.integers(0, 40), st.integers(0, 40), st.integers(1, 60))
    def test_nobody_is_called_twice_and_nobody_forgotten(
        self, share: int, press: int, ordinary: int, wanted: int
    ) -> None:
        """Whatever the share, as many are called as are wanted, if so many wait."""
        queues, shards = {"press": Queue(), "": Queue()}, [Shard(count=press + ordinary)]
        queues["press"].append(0, 0, press, "0" * 16 * press)
        queues[""].append(0, press, ordinary, "0" * 16 * ordinary)
        waiting = {"press": press, "": ordinary}
        called, owed = next_in_turn(queues, shards, waiting, ["press", ""], 0, share, wanted)
        assert len(called) == min(wanted, press + ordinary) == len({place.ticket for _, place in called})
        for lane, queue in queues.items():
            mine = [place.place for one, place in called if one == lane]
            assert mine == list(range(len(mine))) and len(mine) <= queue.length
        assert 0 <= owed < 200
