"""A pass and its seat are one: they begin, are prolonged and end together, and nobody has more of either than may."""

from __future__ import annotations

import pytest

from actors.decider import Decision
from actors.waiting.commands import CloseRoom, Prolong
from events.room import PassesExpired, PassProlonged, RoomSettings, TicketExited
from tests.support.launch import NOON, SECOND_MS, Launch, key_of, recount

SETTINGS = RoomSettings(capacity=2, active_s=100, active_max_s=250, claim_s=60)


def inside(*names: str, settings: RoomSettings = SETTINGS) -> Launch:
    """A room in which these are in, and nobody waits."""
    launch = Launch(settings)
    launch.join_all(names)
    for name in names:
        assert launch.claim(name) == "active"
    return launch


def until_of(launch: Launch, name: str = "ann") -> int:
    """Through when the pass is good, in seconds from the beginning."""
    seat = launch.room.active[launch.tickets[name].partition(".")[2]]
    return (seat.until - NOON) // SECOND_MS


class TestEnding:
    @pytest.mark.parametrize(("late_ms", "status"), [(0, "active"), (1, "over")])
    def test_at_exactly_its_end_it_stands(self, late_ms: int, status: str) -> None:
        """And a moment later it is gone, and the seat is another's at once."""
        launch = inside("ann", "bob")
        launch.join("cem")
        launch.until(NOON + 100 * SECOND_MS + late_ms)
        assert launch.status("ann") == status
        assert launch.status("cem") == ("waiting" if status == "active" else "called")

    def test_it_ends_by_itself(self) -> None:
        """Whether anybody asks for it or not."""
        launch = inside("ann", "bob")
        launch.later(101)
        facts = [fact for one in launch.history for fact in one.before + one.behind]
        assert PassesExpired(("0.0", "0.1")) in facts and not launch.room.active
        recount(launch.room)

    def test_leaving_ends_it(self) -> None:
        """By the room's door, by the line's, or at an operator's word; and it is prolonged no more."""
        for end in ("exit", "leave", "revoke", "remove"):
            launch = inside("ann", "bob")
            launch.join("cem")
            assert getattr(launch, end)("ann") in {"exited", "ok"}
            assert launch.statuses("ann", "cem") == ["over", "called"]
            assert launch.prolong("ann") == launch.claim("ann") == launch.exit("ann") == "ticket_over"
            recount(launch.room)

    def test_who_was_sent_away_is_told_so(self) -> None:
        """The fact says that it was not they who went."""
        launch = inside("ann")
        launch.revoke("ann")
        assert launch.history[-1].facts == (TicketExited("0.0", revoked=True),)
        assert launch.revoke("ann") == "not_in"

    def test_nobody_is_sent_away_who_is_not_in(self) -> None:
        """A waiter is removed from the line instead."""
        launch = inside("ann", "bob")
        launch.join("cem")
        assert launch.revoke("cem") == "not_in"
        launch.tickets["nobody"] = "launch.0.99"
        assert launch.revoke("nobody") == "unknown_ticket"

    def test_a_call_is_given_up_in_the_same_way(self) -> None:
        """The next one is called, and nobody was missed."""
        for end in ("exit", "leave", "revoke"):
            launch = Launch(RoomSettings(capacity=1))
            launch.join_all(["ann", "bob"])
            getattr(launch, end)("ann")
            assert launch.statuses("ann", "bob") == ["over", "called"] and not launch.room.turnout.missed

    def test_a_closed_room_lets_those_who_are_in_stay(self) -> None:
        """As long as their passes."""
        launch = inside("ann", "bob")
        launch.ask(CloseRoom())
        assert launch.statuses("ann", "bob") == ["active", "active"]
        launch.exit("ann")
        launch.later(101)
        assert launch.statuses("ann", "bob") == ["over", "over"]

    def test_whoever_was_in_may_come_again(self) -> None:
        """With another ticket, behind everybody else."""
        launch = inside("ann", "bob")
        launch.join("cem")
        assert launch.exit("ann") == "exited"
        assert launch.join("ann") == "launch.0.3"
        assert launch.statuses("cem", "ann") == ["called", "waiting"]


class TestProlonging:
    def test_activity_prolongs_it(self) -> None:
        """By as much as it would be good for now."""
        launch = inside("ann")
        launch.later(50)
        assert launch.prolong("ann") == "active"
        assert launch.history[-1].facts == (PassProlonged("0.0", NOON + 150 * SECOND_MS),)
        launch.later(99)
        assert launch.status("ann") == "active"

    def test_but_not_by_next_to_nothing(self) -> None:
        """A tenth of its life is worth a commit, less is not."""
        launch = inside("ann")
        launch.later(9)
        assert launch.prolong("ann") == "active" and until_of(launch) == 100
        launch.later(1)
        assert launch.prolong("ann") == "active" and until_of(launch) == 110

    def test_nobody_stays_for_ever(self) -> None:
        """It ends at its maximum, however active they are; and the last step may be a small one."""
        launch = inside("ann")
        for _ in range(48):
            launch.later(5)
            assert launch.prolong("ann") == "active"
        assert until_of(launch) == 250
        launch.later(10)
        answer = launch.ask(Prolong(launch.tickets["ann"], key_of("ann")))
        assert isinstance(answer, Decision) and not answer.facts and answer.reply["until"] == answer.reply["until_max"]
        launch.until(NOON + 250 * SECOND_MS + 1)
        assert launch.prolong("ann") == "ticket_over"

    def test_a_shorter_life_takes_nothing_away(self) -> None:
        """Who has a pass has it for as long as it was given."""
        launch = inside("ann")
        launch.put(active_s=10, active_max_s=20)
        assert launch.prolong("ann") == "active" and until_of(launch) == 100
        launch.later(95)
        assert launch.prolong("ann") == "active" and until_of(launch) == 105

    def test_who_is_called_has_nothing_to_prolong(self) -> None:
        """Nor has who waits for a seat, or in line."""
        launch = Launch(RoomSettings(capacity=2))
        launch.join_all(["ann", "bob", "cem"])
        assert launch.prolong("ann") == "not_in"
        launch.put(capacity=1)
        launch.claim("ann")
        launch.claim("bob")
        assert launch.prolong("bob") == "not_in" and launch.prolong("cem") == "not_called"


class TestSeats:
    def test_capacity_below_those_who_are_in(self) -> None:
        """Sends nobody away, and lets nobody in before enough have gone."""
        names = [str(number) for number in range(10)]
        launch = inside(*names, settings=RoomSettings(capacity=10, active_s=3_600))
        launch.join_all(["ann", "bob"])
        launch.put(capacity=3)
        assert len(launch.room.active) == 10
        for number, name in enumerate(names[:7]):
            launch.exit(name)
            assert launch.status("ann") == "waiting", number
        launch.exit(names[7])
        assert launch.statuses("ann", "bob") == ["called", "waiting"]

    def test_never_more_than_there_are_seats(self) -> None:
        """Though far more were called, before the capacity fell."""
        launch = Launch(RoomSettings(capacity=20))
        launch.join_all(str(number) for number in range(30))
        launch.put(capacity=5)
        for name in launch.called():
            launch.claim(name)
            assert len(launch.room.active) <= 5
        assert len(launch.room.claiming) == 15

    def test_a_session_that_returns_in_time_finds_its_pass(self) -> None:
        """A refresh, a second tab: the same ticket, and the same pass."""
        launch = inside("ann", "bob")
        first = launch.tickets["ann"]
        launch.later(60)
        assert launch.join("ann") == first and launch.claim("ann") == "active" and until_of(launch) == 100
