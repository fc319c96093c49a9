"""Never over-admitted: in any minute no more come in than may, and in any second no more are called than may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.waiting.pace import MINUTE_MS, SECOND_MS, Pace
from actors.waiting.room import ROOM_KIND
from events.room import RoomSettings, TicketClaimed, TicketsCalled
from tests.support.launch import NOON, Launch, through_the_shelf


def instants(launch: Launch, kind: type[TicketsCalled | TicketClaimed]) -> list[int]:
    """When each call was made, or each seat given."""
    found = []
    for one in launch.history:
        for fact in one.before + one.facts + one.behind:
            if isinstance(fact, kind):
                found += [one.at] * (len(fact.tickets) if isinstance(fact, TicketsCalled) else 1)
    return found


def most_within(found: list[int], span_ms: int) -> int:
    """The most in any span of that length, wherever it begins."""
    return max((sum(begin <= at < begin + span_ms for at in found) for begin in found), default=0)


def crowd(launch: Launch, count: int) -> None:
    launch.join_all(str(number) for number in range(count))
    launch.alive = set(launch.tickets)


def come(launch: Launch, seconds: int) -> None:
    """Time goes on, and whoever is called comes within a second."""
    for _ in range(seconds):
        launch.later(1)
        for name in launch.called():
            if launch.status(name) == "called":
                launch.claim(name)


class TestRate:
    def test_so_many_a_minute(self) -> None:
        """And never one more, in whatever minute; nor less, while enough wait."""
        launch = Launch(RoomSettings(per_minute=30))
        crowd(launch, 200)
        come(launch, 200)
        calls, claims = instants(launch, TicketsCalled), instants(launch, TicketClaimed)
        assert most_within(calls, MINUTE_MS) == most_within(claims, MINUTE_MS) == 30
        assert 90 <= len(claims) <= 120

    def test_so_many_a_second(self) -> None:
        """A twentieth of a minute's, unless it is said otherwise."""
        for burst, most in ((0, 3), (7, 7), (60, 60), (1, 1)):
            launch = Launch(RoomSettings(per_minute=60, burst=burst))
            crowd(launch, 100)
            launch.later(62)
            assert most_within(instants(launch, TicketsCalled), SECOND_MS) == most

    def test_a_lower_rate_holds_at_once(self) -> None:
        """Nobody is called before the last minute has fewer than that."""
        launch = Launch(RoomSettings(per_minute=60, burst=60))
        crowd(launch, 200)
        assert len(launch.called()) == 60
        launch.put(per_minute=10, burst=10)
        launch.until(NOON + MINUTE_MS - 1)
        assert len(launch.called()) == 60
        launch.later(1)
        assert len(launch.called()) == 70

    def test_a_higher_rate_holds_at_once(self) -> None:
        """The difference is called in the same commit."""
        launch = Launch(RoomSettings(per_minute=10, burst=10))
        crowd(launch, 200)
        launch.put(per_minute=50, burst=50)
        assert len(launch.called()) == 50

    def test_claims_keep_to_it_too(self) -> None:
        """Those who were called before it fell wait for the minute to pass."""
        launch = Launch(RoomSettings(per_minute=40, burst=40, claim_s=600))
        crowd(launch, 40)
        launch.put(per_minute=10, burst=10)
        told = [launch.claim(name) for name in launch.called()]
        assert told == ["active"] * 10 + ["claiming"] * 30
        launch.later(61)
        assert len(launch.room.active) == 20
        launch.later(121)
        assert len(launch.room.active) == 40
        assert most_within(instants(launch, TicketClaimed), MINUTE_MS) == 10

    def test_nobody_is_called_while_somebody_waits_to_come_in(self) -> None:
        """Though of calls the minute has room: they came late, and go first."""
        launch = Launch(RoomSettings(per_minute=10, burst=10, claim_s=600))
        crowd(launch, 40)
        launch.later(65)
        assert [launch.claim(name) for name in launch.called()].count("claiming") == 10
        launch.until(NOON + 124 * SECOND_MS)
        launch.join("somebody else")
        assert len(launch.called()) == 20 and len(launch.room.claiming) == 10
        launch.until(NOON + 126 * SECOND_MS)
        assert len(launch.called()) == 30 and not launch.room.claiming

    def test_by_both_bounds(self) -> None:
        """Whichever is narrower."""
        launch = Launch(RoomSettings(per_minute=60, burst=60, capacity=5, active_s=10, active_max_s=10))
        crowd(launch, 200)
        come(launch, 65)
        assert most_within(instants(launch, TicketClaimed), MINUTE_MS) <= 60
        assert len(launch.room.active) <= 5


class TestWholeSeconds:
    def test_where_nobody_goes_straight_through(self) -> None:
        """Calls are made at the next whole second, one step at a time."""
        launch = Launch(RoomSettings(capacity=100, straight_through=False), at=NOON + 345)
        launch.join("ann")
        launch.join("bob")
        assert launch.called() == [] and ROOM_KIND.wake(launch.room) == NOON + SECOND_MS
        launch.until(NOON + SECOND_MS)
        assert launch.called() == ["ann", "bob"]
        launch.join("cem")
        assert launch.called() == ["ann", "bob"]
        launch.until(NOON + 2 * SECOND_MS)
        assert launch.called() == ["ann", "bob", "cem"]

    def test_otherwise_whoever_comes_is_called_at_once(self) -> None:
        """While a seat is free and nobody waits."""
        launch = Launch(RoomSettings(capacity=1))
        launch.join("ann")
        assert launch.called() == ["ann"]


class TestPace:
    @given(
        st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 5)), max_size=30),
        st.integers(0, 70_000),
        st.integers(1, 12),
        st.sampled_from([SECOND_MS, MINUTE_MS]),
    )
    def test_it_counts_as_one_would_by_hand(
        self, added: list[tuple[int, int]], later: int, bound: int, span_ms: int
    ) -> None:
        """In tenths of a second, each of which counts until its end is that long ago; so never too few."""
        pace, at, all_of_them = Pace(), NOON, []
        for after, count in added:
            at += after
            pace.add(at, count)
            all_of_them += [at] * count
        assert pace == through_the_shelf_of(pace)

        def by_hand(now: int) -> int:
            return sum(-(-one // 100) * 100 + span_ms > now for one in all_of_them)

        now = at + later
        assert pace.within(now, span_ms) == by_hand(now) >= sum(one > now - span_ms for one in all_of_them)
        since = pace.below(bound, span_ms)
        assert by_hand(max(since, at)) < bound
        assert since <= at or by_hand(since - 1) >= bound


def through_the_shelf_of(pace: Pace) -> Pace:
    launch = Launch(RoomSettings(capacity=1))
    launch.room.calls = pace
    found: Pace = through_the_shelf(ROOM_KIND, launch.room).calls
    return found


@pytest.mark.parametrize("per_minute", [1, 2, 7, 100])
def test_a_rate_is_reached(per_minute: int) -> None:
    """Small ones too: the first is called at once, and the last at the end of the minute at the latest."""
    launch = Launch(RoomSettings(per_minute=per_minute))
    crowd(launch, per_minute + 1)
    launch.until(NOON + MINUTE_MS - 1)
    assert len(launch.called()) == per_minute
    launch.until(NOON + MINUTE_MS + 100)
    assert len(launch.called()) >= per_minute + 1
