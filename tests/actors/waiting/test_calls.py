"""Who waits first is called first, may claim for a while, and is passed over while they are away."""

from __future__ import annotations

import pytest

from actors.decider import TICK, Followed, News
from actors.specification import given
from actors.waiting.commands import Claim, CloseRoom, Exit, Prolong, Revoke, ShowTicket
from actors.waiting.limits import OUTCOMES_COUNTED_MIN
from actors.waiting.room import ROOM_KIND
from events.codec import spelled
from events.line import Expired, Joined, Left, Returned, WentAbsent
from events.room import (
    ClaimWaits,
    Heard,
    LinesHeard,
    PhaseEntered,
    RoomFact,
    RoomPut,
    RoomSettings,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from events.waiting.sessions import tag_of
from tests.support.launch import NOON, ROOM_ACTOR, SECOND_MS, Launch, key_of, recount, session

ONE = RoomSettings(capacity=1, claim_s=60, active_s=600)
NAMES = ("ann", "bob", "cem")
HEARD = LinesHeard((Heard(5, 0, 0, "".join(tag_of(session(name)) for name in NAMES), (("", 3),)),))
UNTIL = NOON + 60 * SECOND_MS
CALLED: tuple[RoomFact, ...] = (RoomPut(ONE), PhaseEntered("open"), HEARD, TicketsCalled("", ("0.0",), UNTIL))
ANN, BOB = "launch.0.0", "launch.0.1"


def news(sequence: int, *facts: object) -> Followed:
    return Followed((News(sequence, "demo.line.launch.0", "5" * 64, facts),))


class TestCalling:
    def test_what_the_line_said_is_taken_in_and_the_first_is_called(self) -> None:
        """One thing at a time, each on what the one before has led to."""
        joins = news(5, *(Joined(number, session(name), 2) for number, name in enumerate(NAMES)))
        past = given(ROOM_KIND, *CALLED[:2], at=NOON, actor=ROOM_ACTOR)
        past.when(TICK, policy=joins).then(HEARD).wakes_at(0)
        past.given(HEARD, at=NOON).when(TICK).then(CALLED[3]).wakes_at(UNTIL + 1)

    def test_nobody_is_called_but_by_a_room_that_is_open_or_drains(self) -> None:
        """Who waits before that waits."""
        for phase in ("pre_queue", "paused"):
            past = given(ROOM_KIND, RoomPut(ONE), PhaseEntered(phase), HEARD, at=NOON, actor=ROOM_ACTOR)
            past.when(TICK).then_nothing()
        past = given(ROOM_KIND, RoomPut(ONE), PhaseEntered("draining"), HEARD, at=NOON, actor=ROOM_ACTOR)
        past.when(TICK).then(CALLED[3])

    def test_the_order_is_that_of_the_log_across_shards(self) -> None:
        """Whichever shard they stand in."""
        launch = Launch(RoomSettings(capacity=1, shards=4))
        launch.control("pause")
        names = [f"visitor {number}" for number in range(40)]
        for name in names:
            launch.join(name)
        launch.put(capacity=100)
        launch.control("resume")
        assert launch.called() == names
        assert len({ticket.split(".")[1] for ticket in launch.tickets.values()}) == 4

    def test_a_seat_that_is_given_up_is_offered_in_the_same_commit(self) -> None:
        """Not by a sweep."""
        launch = Launch(ONE)
        launch.join_all(NAMES)
        launch.claim("ann")
        launch.exit("ann")
        last = launch.history[-1]
        assert last.facts == (TicketExited("0.0"),)
        assert last.behind == (TicketsCalled("", ("0.1",), launch.at + 60 * SECOND_MS),)

    def test_no_more_are_called_than_there_are_seats_for(self) -> None:
        """Those who are called count as much as those who are in."""
        launch = Launch(RoomSettings(capacity=3))
        launch.join_all(str(number) for number in range(10))
        assert len(launch.room.called) == 3
        for name in launch.called():
            launch.claim(name)
        assert len(launch.room.active) == 3 and not launch.room.called

    def test_a_room_without_bound_calls_everybody(self) -> None:
        """By rate alone it is bounded, or not at all."""
        launch = Launch(RoomSettings(per_minute=1_000_000, burst=1_000_000))
        launch.join_all(str(number) for number in range(500))
        assert len(launch.room.called) == 500


class TestClaiming:
    PAST = given(ROOM_KIND, *CALLED, at=NOON, actor=ROOM_ACTOR)

    def test_a_claim_is_a_pass(self) -> None:
        """Good for as long as the room says, and never beyond what it is good for in all."""
        until, until_max = NOON + 600 * SECOND_MS, NOON + 3_600 * SECOND_MS
        self.PAST.when(Claim(ANN, key_of("ann"))).then(TicketClaimed("0.0", until, until_max)).replies(
            {
                "ticket": ANN, "status": "active", "room": "launch", "session": session("ann"), "since": NOON,
                "until": until, "until_max": until_max,
            }
        )  # fmt: skip

    def test_claimed_again_it_is_the_same_pass(self) -> None:
        """And not a millisecond longer."""
        launch = Launch(ONE)
        launch.join("ann")
        first = launch.ask(Claim(ANN, key_of("ann")))
        launch.later(5)
        again = launch.ask(Claim(ANN, key_of("ann")))
        assert getattr(again, "reply", 1) == getattr(first, "reply", 2) and not getattr(again, "facts", ())

    def test_before_the_call(self) -> None:
        """There is nothing to claim; and an absent ticket is not over."""
        self.PAST.when(Claim(BOB, key_of("bob"))).then_refused("not_called")
        gone = self.PAST.given(LinesHeard((Heard(6, 0, absent=spelled([1])),)), at=NOON)
        gone.when(Claim(BOB, key_of("bob"))).then_refused("not_called")

    @pytest.mark.parametrize("command", [Claim, Exit, Prolong])
    def test_somebody_elses(self, command: type[Claim | Exit | Prolong]) -> None:
        """Whoever has not the key claims, prolongs and ends nothing."""
        for key in (key_of("bob"), "", session("ann"), "\u0000"):
            self.PAST.when(command(ANN, key)).then_refused("not_your_ticket")

    @pytest.mark.parametrize("ticket", ["launch.0.3", "launch.1.0", "other.0.0", "0.0", "", "launch.0.00", "launch.0"])
    def test_a_ticket_that_there_is_not(self, ticket: str) -> None:
        """Or that nobody has heard of here."""
        for command in (Claim(ticket, key_of("ann")), Revoke(ticket), ShowTicket(ticket)):
            self.PAST.when(command).then_refused("unknown_ticket")

    def test_half_characters_are_nobodys(self) -> None:
        """Whatever is asked with them is refused as if they were any others."""
        state = self.PAST.state()
        for command in (Claim("\ud800", "\udfff"), Claim(ANN, "\ud800" * 20), Exit(ANN, "\ud800"), Revoke("\ud800")):
            told = ROOM_KIND.decide(state, command, NOON, Followed())
            assert getattr(told, "code", None) in {"unknown_ticket", "not_your_ticket"}

    def test_at_the_last_instant_of_the_window(self) -> None:
        """It is claimed; a millisecond later it is missed."""
        for late, told in ((0, "active"), (1, "ticket_over")):
            launch = Launch(RoomSettings(capacity=1, claim_s=60, missed="out"))
            launch.join("ann")
            launch.until(UNTIL + late)
            assert launch.claim("ann") == told

    def test_while_the_room_pauses(self) -> None:
        """Who is called may come."""
        launch = Launch(ONE)
        launch.join_all(NAMES)
        launch.control("pause")
        assert launch.claim("ann") == "active"

    def test_closing_ends_calls_and_claims_that_wait(self) -> None:
        """Who is in stays in; nobody comes after them."""
        launch = Launch(RoomSettings(capacity=3))
        launch.join_all([*NAMES, "dan", "eve"])
        launch.claim("ann")
        launch.put(capacity=1)
        assert launch.claim("bob") == "claiming"
        launch.ask(CloseRoom())
        assert launch.statuses(*NAMES, "dan", "eve") == ["active", "over", "over", "over", "over"]
        assert launch.claim("bob") == launch.claim("cem") == launch.claim("eve") == "ticket_over"
        assert launch.prolong("ann") == "active"
        recount(launch.room)
        launch.exit("ann")
        assert ROOM_KIND.wake(launch.room) is None and not launch.room.agenda


class TestMissing:
    def test_once_more_and_then_it_is_over(self) -> None:
        """A call that nobody claims is made again, before all others; and not a third time."""
        launch = Launch(ONE)
        launch.join_all(NAMES)
        launch.alive = {"bob", "cem"}
        launch.until(UNTIL + 1)
        assert launch.called() == ["ann", "ann"]
        launch.later(61)
        assert launch.called() == ["ann", "ann", "bob"] and launch.status("ann") == "over"

    def test_or_it_is_over_at_once(self) -> None:
        """By the room's settings."""
        given(ROOM_KIND, RoomPut(RoomSettings(capacity=1, missed="out")), *CALLED[1:], at=NOON, actor=ROOM_ACTOR).when(
            TICK, at=UNTIL + 1
        ).then(TicketsMissed((), ("0.0",)))

    def test_a_claim_after_a_miss_that_was_called_again(self) -> None:
        """Is as good as any; and a later call may be missed twice anew, by another ticket."""
        launch = Launch(ONE)
        launch.join_all(NAMES)
        launch.until(UNTIL + 1)
        assert launch.claim("ann") == "active" and not launch.room.missed_once

    def test_whoever_was_missed_and_falls_silent_is_passed_over(self) -> None:
        """The line knows of them again: they come back to the head, leave, or are gone for good."""
        for end, status in (("touch", "called"), ("leave", "over"), ("wait", "over")):
            launch = Launch(RoomSettings(capacity=1, claim_s=30, absence_max_s=300))
            launch.join_all(NAMES)
            launch.control("pause")
            launch.later(31)
            assert launch.status("ann") == "waiting" and list(launch.room.missed_once) == ["0.0"]
            launch.later(150)
            assert launch.statuses(*NAMES) == ["absent", "absent", "absent"]
            launch.touch("bob")
            if end == "wait":
                launch.later(301)
            else:
                getattr(launch, end)("ann")
            launch.control("resume")
            assert launch.status("ann") == status
            assert not launch.room.missed_once or end == "touch"
            recount(launch.room)

    def test_those_who_stay_away_are_called_beyond_the_seats(self) -> None:
        """By how many came of those who were called lately, and never beyond what may come in within a minute twice."""
        launch = Launch(RoomSettings(capacity=10, missed="out", claim_s=32))
        launch.join_all(str(number) for number in range(500))
        launch.alive = set(launch.tickets)
        most = 0
        for _ in range(10):
            calls = launch.called()[-len(launch.room.called) :]
            for name in calls[: max(1, len(calls) // 4)]:
                if launch.status(name) == "called":
                    launch.claim(name)
            for name, ticket in list(launch.tickets.items()):
                if ticket.partition(".")[2] in launch.room.active:
                    launch.exit(name)
            launch.later(33)
            most = max(most, len(launch.room.called))
            assert len(launch.room.active) <= 10
        assert launch.room.turnout.missed > OUTCOMES_COUNTED_MIN and most > 20

    def test_who_does_not_come_soon_keeps_no_seat_empty(self) -> None:
        """Ten seats, stays of a few seconds, and every fifth of those who are called never comes: the seats are in use,
        though each who stays away is waited for much longer than anybody stays."""
        launch = Launch(RoomSettings(capacity=10, claim_s=64, active_s=600))
        launch.join_all(str(number) for number in range(900))
        launch.alive = set(launch.tickets)
        came: dict[str, int] = {}
        busy = 0
        for second in range(300):
            for name in [name for name, since in came.items() if since <= second - 4]:
                launch.exit(name)
                del came[name]
            for name in list(launch.room.called):
                number = int(name.partition(".")[2])
                if number % 5 and launch.claim(str(number)) == "active":
                    came[str(number)] = second
            busy += len(came) if second >= 100 else 0
            launch.later(1)
        assert busy / 200 > 8


class TestWaitingForASeat:
    def crowd(self) -> Launch:
        """Three are called, of whom one has the only seat that there is now, and two are there too."""
        launch = Launch(RoomSettings(capacity=3, active_s=300))
        launch.join_all(["ann", "bob", "cem", "dan", "eve"])
        launch.put(capacity=1)
        assert [launch.claim(name) for name in NAMES] == ["active", "claiming", "claiming"]
        return launch

    def test_more_came_than_were_expected(self) -> None:
        """They wait for a seat, and get it in the order in which they came, before anybody else is called."""
        launch = self.crowd()
        launch.later(120)
        assert launch.statuses("bob", "cem", "dan") == ["claiming", "claiming", "absent"]
        launch.touch("dan")
        launch.exit("ann")
        assert launch.statuses("bob", "cem", "dan") == ["active", "claiming", "waiting"]
        launch.exit("bob")
        launch.exit("cem")
        assert launch.statuses("cem", "dan") == ["over", "called"]

    def test_a_newcomer_does_not_claim_past_them(self) -> None:
        """Even where there is a seat by now."""
        past = given(ROOM_KIND, RoomPut(RoomSettings(capacity=3)), *CALLED[1:3], at=NOON, actor=ROOM_ACTOR)
        both = past.given(TicketsCalled("", ("0.0", "0.1"), UNTIL), ClaimWaits("0.0"), at=NOON)
        both.when(Claim(BOB, key_of("bob"))).then(ClaimWaits("0.1"))

    def test_who_leaves_while_claiming_is_gone(self) -> None:
        """And the next one has the seat; so is who is sent away, or goes by themselves."""
        for end in ("leave", "exit", "revoke", "remove"):
            launch = self.crowd()
            getattr(launch, end)("bob")
            assert launch.status("bob") == "over"
            launch.exit("ann")
            assert launch.status("cem") == "active"
            recount(launch.room)

    def test_who_has_vanished_while_claiming_has_the_seat_for_one_life(self) -> None:
        """Then it comes back: nobody waits for them for ever."""
        launch = self.crowd()
        launch.put(absence_max_s=7_200)
        launch.later(301)
        assert launch.status("bob") == "active"
        launch.later(301)
        assert launch.statuses("bob", "cem") == ["over", "active"]
        launch.later(301)
        assert launch.statuses("cem", "dan", "eve") == ["over", "absent", "absent"]
        assert not launch.room.active and not launch.room.claiming

    def test_capacity_that_grows_lets_them_all_in(self) -> None:
        """However many they are."""
        launch = Launch(RoomSettings(capacity=50))
        names = [str(number) for number in range(50)]
        launch.join_all(names)
        launch.put(capacity=1)
        assert [launch.claim(name) for name in launch.called()].count("claiming") == 49
        launch.put(capacity=60)
        assert len(launch.room.active) == 50 and not launch.room.claiming


class TestAbsence:
    def test_who_is_away_is_passed_over_and_comes_back_to_the_head(self) -> None:
        """In the order of their places, before everybody who was never passed over."""
        launch = Launch(ONE)
        launch.put(absent_after_s=30)
        launch.join_all(["zoe", *NAMES, "dan"])
        launch.claim("zoe")
        for _ in range(3):
            launch.later(30)
            launch.here("dan")
        assert launch.statuses(*NAMES, "dan") == ["absent", "absent", "absent", "waiting"]
        launch.exit("zoe")
        assert launch.called()[-1] == "dan"
        for name in ("cem", "ann"):
            launch.touch(name)
        launch.claim("dan")
        launch.exit("dan")
        assert launch.statuses(*NAMES) == ["called", "absent", "waiting"]

    def test_what_crosses(self) -> None:
        """Who was called before the room heard that they are away is called, and once only if the line has given them
        up; who left has left."""
        past = given(ROOM_KIND, *CALLED, at=NOON, actor=ROOM_ACTOR)
        away = news(9, WentAbsent(spelled([0]), NOON + 1))
        heard = past.when(TICK, policy=away).facts
        assert past.given(*heard, at=NOON).state().shards[0].absent == past.state().shards[0].absent
        expired = past.when(TICK, policy=news(9, Expired(spelled([0])))).facts
        recount(past.given(*expired, at=NOON).state())
        past.given(*expired, at=NOON).when(Claim(ANN, key_of("ann"))).replies(
            {
                "ticket": ANN, "status": "active", "room": "launch", "session": session("ann"), "since": NOON,
                "until": NOON + 600_000, "until_max": NOON + 3_600_000,
            }
        )  # fmt: skip
        missed = past.given(*expired, at=NOON).when(TICK, at=UNTIL + 1)
        missed.then(TicketsMissed((), ("0.0",)))
        left = past.when(TICK, policy=news(9, Left(0))).facts
        past.given(*left, at=NOON).when(Claim(ANN, key_of("ann"))).then_refused("ticket_over")

    def test_there_and_back_in_one_commit(self) -> None:
        """The last word counts."""
        past = given(ROOM_KIND, *CALLED, at=NOON, actor=ROOM_ACTOR)
        for facts, status in (
            ((WentAbsent(spelled([1]), NOON), Returned(spelled([1]))), "waiting"),
            ((WentAbsent(spelled([1]), NOON), Returned(spelled([1])), WentAbsent(spelled([1]), NOON)), "absent"),
            ((WentAbsent(spelled([1]), NOON), Expired(spelled([1]))), "over"),
            ((WentAbsent(spelled([1]), NOON), Left(1)), "over"),
        ):
            heard = past.when(TICK, policy=news(9, *facts)).facts
            after = past.given(*heard, at=NOON)
            after.when(ShowTicket(BOB)).replies({"ticket": BOB, "status": status, "until": None})
            recount(after.state())

    def test_a_commit_that_was_heard_is_not_heard_again(self) -> None:
        """A delivery that is repeated changes no place."""
        past = given(ROOM_KIND, *CALLED, at=NOON, actor=ROOM_ACTOR)
        past.when(TICK, policy=news(5, Joined(0, session("ann"), 2))).then_nothing()
        with pytest.raises(ValueError, match="was heard up to 5"):
            ROOM_KIND.evolve(past.state(), HEARD, NOON)
