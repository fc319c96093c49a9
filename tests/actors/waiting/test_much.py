"""Much of everything: thousands are called in one step, and no commit is ever more than a message to the log holds."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from actors.decider import News
from actors.waiting.commands import Present, PutRoom
from actors.waiting.hearing import hear
from actors.waiting.limits import (
    CALLED_AT_ONCE_MAX,
    ENDED_AT_ONCE_MAX,
    HEARD_BYTES_AT_ONCE_MAX,
    LIVING_PER_SHARD_MAX,
)
from actors.waiting.room import ROOM_KIND
from actors.waiting.standing import Call, Seat
from events.codec import canonical, spelled
from events.limits import LOG_MESSAGE_BYTES_MAX, SHELF_ITEM_BYTES_MAX
from events.line import Joined, Left, Returned, WentAbsent
from events.room import Heard, LinesHeard, PhaseEntered, RoomPut, RoomSettings, TicketsCalled
from events.waiting.sessions import NUMBERS_MAX, SHARDS_MAX
from tests.support.launch import NOON, Launch, code_of, through_the_shelf

WIDE = RoomSettings(capacity=1, shards=SHARDS_MAX, queue_max=SHARDS_MAX * LIVING_PER_SHARD_MAX)
LAST = SHARDS_MAX - 1


def open_room(settings: RoomSettings = WIDE) -> Launch:
    """One whose tickets have the longest names: the last shard has given nearly all of its numbers."""
    launch = Launch()
    launch._evolve([RoomPut(settings), PhaseEntered("open")])
    launch.room.shards[LAST].count = NUMBERS_MAX - 60_000
    launch.room.shards[LAST].gone.add_range(0, NUMBERS_MAX - 60_000)
    return launch


def with_waiting(launch: Launch, count: int) -> Launch:
    first = launch.room.shards[LAST].count
    launch._evolve([LinesHeard((Heard(1, LAST, first, "f" * 16 * count, (("", count),)),))])
    return launch


def sizes(launch: Launch) -> list[int]:
    return [len(recorded.body) for recorded in launch.log if ".room." in recorded.actor]


class TestOneStep:
    @pytest.mark.parametrize("count", [1_001, 10_000])
    def test_more_than_a_thousand_are_called_in_one_step(self, count: int) -> None:
        """Ten thousand too: in one commit, and in their order."""
        launch = Launch(RoomSettings(capacity=20_000, shards=4))
        launch.control("pause")
        names = [f"visitor {number}" for number in range(count)]
        launch.join_all(names)
        commits = len(launch.log)
        launch.control("resume")
        assert len(launch.room.called) == count and len(launch.log) == commits + 1
        assert sorted(launch.called()) == sorted(names)

    def test_the_seats_of_ten_thousand_end_at_once(self) -> None:
        """In commits that can be stored; and others are called in their places."""
        launch = Launch(RoomSettings(capacity=10_000, shards=4, active_s=60))
        launch.join_all(f"visitor {number}" for number in range(20_000))
        for ticket, call in list(launch.room.called.items()):
            launch.room.active[ticket] = Seat(NOON, NOON + 60_000, NOON + 60_000, call.place.tag)
        launch.room.called.clear()
        launch.room.turnout.out.clear()
        launch.room.agenda = sorted((seat.until, ticket) for ticket, seat in launch.room.active.items())
        launch.at = NOON + 60_001
        commits = launch.settle()
        assert not launch.room.active and len(launch.room.called) == 10_000
        assert commits <= 2 and max(sizes(launch)) < LOG_MESSAGE_BYTES_MAX // 2


class TestTheLargestCommit:
    def test_six_steps_of_calls(self) -> None:
        """Three before a command, three behind it, of the longest names there are."""
        most = 3 * CALLED_AT_ONCE_MAX
        launch = with_waiting(open_room(), 2 * most + 1)
        launch.room.settings = RoomSettings(capacity=most, shards=SHARDS_MAX)
        answer = launch._turn(PutRoom(RoomSettings(capacity=2 * most, shards=SHARDS_MAX)))
        assert code_of(answer) == "ok" and len(launch.room.called) == 2 * most
        assert LOG_MESSAGE_BYTES_MAX // 2 < sizes(launch)[-1] < LOG_MESSAGE_BYTES_MAX * 3 // 4

    def test_six_steps_of_ends(self) -> None:
        """Passes that expire and calls that are missed, together."""
        launch = with_waiting(open_room(), 50_000)
        launch.room.settings = RoomSettings(capacity=50_000, shards=SHARDS_MAX)
        launch.settle()
        for index, (ticket, call) in enumerate(list(launch.room.called.items())):
            if index % 2:
                launch.room.active[ticket] = Seat(NOON, call.until, call.until, call.place.tag)
                del launch.room.called[ticket]
        launch.at = NOON + 60_001
        launch.room.phase = "paused"
        launch._turn(PutRoom(RoomSettings(capacity=50_000, shards=SHARDS_MAX, missed="out")))
        assert len(launch.room.active) + len(launch.room.called) == 50_000 - 6 * ENDED_AT_ONCE_MAX
        assert launch.settle() <= 4 and not launch.room.active and not launch.room.called
        assert sizes(launch)[-1] < LOG_MESSAGE_BYTES_MAX * 3 // 4

    @pytest.mark.parametrize("draws", [False, True])
    def test_lines_that_say_little_in_very_many_commits(self, draws: bool) -> None:
        """As after a while in which nobody listened: all of it is taken in, in commits that can be stored."""
        settings = RoomSettings(capacity=1, shards=SHARDS_MAX, draw=draws)
        launch = Launch()
        launch._evolve([RoomPut(settings), PhaseEntered("pre_queue")])
        launch.news = [
            News(number + 1, f"demo.line.launch.{number % SHARDS_MAX}", "f" * 64, (joined(number // SHARDS_MAX),))
            for number in range(20_000)
        ]
        launch.news += [
            News(20_001 + number, f"demo.line.launch.{number % SHARDS_MAX}", "f" * 64, (Left(number // SHARDS_MAX),))
            for number in range(20_000)
        ]
        commits = launch.settle()
        assert launch.room.heard == 40_000 and not launch.room.somebody_waits
        assert commits > 1 and max(sizes(launch)) < LOG_MESSAGE_BYTES_MAX

    def test_a_single_commit_is_taken_in_whole(self) -> None:
        """However much it says: the largest that a line can write fits."""
        scattered = BitMap(range(0, NUMBERS_MAX, NUMBERS_MAX // LIVING_PER_SHARD_MAX))
        half = BitMap(number for index, number in enumerate(scattered) if index % 2)
        facts = (WentAbsent(spelled(half), NOON), Returned(spelled(scattered - half)))
        heard = hear([News(1, "demo.line.launch.63", "f" * 64, facts)] * 2, 0, heads=True)
        assert HEARD_BYTES_AT_ONCE_MAX < len(canonical(heard)) < LOG_MESSAGE_BYTES_MAX // 3 and len(heard) == 1

    def test_a_step_is_bounded_by_what_it_writes(self) -> None:
        """Not by how many joined alone."""
        lanes = [f"{'l' * 60}{number}" for number in range(4)]
        news = [
            News(number + 1, "demo.line.launch.0", "f" * 64, (joined(number, lane=lanes[number % 4]),))
            for number in range(4_000)
        ]
        assert len(canonical(LinesHeard(hear(news, 0, heads=True)))) < HEARD_BYTES_AT_ONCE_MAX + 100


def joined(number: int, lane: str = "") -> Joined:
    return Joined(number, f"{number:032x}", 1, lane)


class TestShelf:
    def test_a_hundred_thousand_who_wait_fit_on_it(self) -> None:
        """A room that large need not be replayed from its first commit."""
        launch = with_waiting(open_room(), 59_000)
        first = launch.room.shards[0].count
        launch._evolve([LinesHeard((Heard(2, 0, first, "e" * 16 * 50_000, (("", 50_000),)),))])
        written = canonical(launch.room)
        assert len(written) < SHELF_ITEM_BYTES_MAX // 2
        assert canonical(through_the_shelf(ROOM_KIND, launch.room)) == written

    def test_a_full_shard_reports_who_is_alive(self) -> None:
        """In one message, however they are scattered among those who were there before."""
        launch = Launch(RoomSettings(capacity=1))
        everybody = spelled(range(1_000_000, 1_000_000 + LIVING_PER_SHARD_MAX))
        assert code_of(launch.ask_line(0, Present(everybody))) == "ok"
        every_third = spelled(range(0, 3 * LIVING_PER_SHARD_MAX, 3))
        assert code_of(launch.ask_line(0, Present(every_third))) == "ok"


def test_a_call_says_where_it_stands() -> None:
    """What is called is written once; the room keeps each call with its place."""
    launch = with_waiting(open_room(), 3)
    launch.settle()
    assert all(isinstance(call, Call) for call in launch.room.called.values())
    (fact,) = (fact for one in launch.history for fact in one.before if isinstance(fact, TicketsCalled))
    assert len(fact.tickets) == 1
