"""Whoever left an address is told that their turn is near, once, and that it is now; nobody else costs anything."""

from __future__ import annotations

from typing import Any

import pytest

from actors.decider import TICK, Consulted, Decision, Followed, News, Refusal
from actors.specification import given
from actors.waiting.commands import Draw, Join, PutRoom
from actors.waiting.limits import NEAR_AHEAD_MAX, NEAR_AT_ONCE_MAX
from actors.waiting.line import LINE
from actors.waiting.presence import Presence
from actors.waiting.room import ROOM_KIND
from events.codec import canonical, numbers_of, spelled
from events.facts import REDACTED, redacted
from events.line import Joined
from events.room import Heard, LinesHeard, PhaseEntered, RoomPut, RoomSettings, TicketsCalled, TurnsNear
from events.waiting.draw import commitment_of
from events.waiting.sessions import line_actor, tag_of
from tests.support.launch import NOON, ROOM_ACTOR, SECOND_MS, Launch, key_of, session, through_the_shelf

ONE = RoomSettings(capacity=1, near_ahead=2)
EMAIL = "ann@example.org"
AWAY = [f"away {number}" for number in range(20)]
CROWD = [f"visitor {number}" for number in range(12)]


def crowded(settings: RoomSettings = ONE, *reachable: int) -> Launch:
    launch = Launch(settings)
    for number, name in enumerate(CROWD):
        launch.join(name, email=f"{number}@example.org" if number in reachable else "")
    return launch


def away_in_front(count: int, **settings: Any) -> Launch:
    """Before the room opens: so many who left an address and are absent, and behind them six who are there."""
    launch = Launch(RoomSettings(**{"capacity": 1, "near_ahead": 4, "absence_max_s": 86_400} | settings), opened=False)
    launch.control("start")
    for name in AWAY[:count]:
        launch.join(name, email=EMAIL)
    here = [f"here {number}" for number in range(6)]
    for name in here:
        launch.join(name)
    launch.alive = set(here)
    launch.later(400)
    assert set(launch.statuses(*AWAY[:count])) == {"absent"}
    return launch


def near(launch: Launch) -> list[str]:
    """Who was told that their turn is near, by name, in that order."""
    names = {ticket.partition(".")[2]: name for name, ticket in launch.tickets.items()}
    facts = (fact for one in launch.history for fact in one.before + one.facts + one.behind)
    return [names[ticket] for fact in facts if isinstance(fact, TurnsNear) for ticket in fact.tickets]


def now(launch: Launch) -> list[str]:
    names = {ticket.partition(".")[2]: name for name, ticket in launch.tickets.items()}
    facts = (fact for one in launch.history for fact in one.before + one.facts + one.behind)
    calls = (fact for fact in facts if isinstance(fact, TicketsCalled))
    return [names[call.tickets[at]] for call in calls for at in numbers_of(call.reachable)]


def advance(launch: Launch, name: str) -> None:
    """Whoever is called comes, and goes."""
    assert launch.claim(name) == "active"
    assert launch.exit(name) == "exited"


class TestLeavingAnAddress:
    def test_it_stands_where_it_was_given_and_nowhere_else(self) -> None:
        """Not in what the room hears, not in what it decides; and marked, so that it is shown to nobody by chance."""
        launch = crowded(ONE, *range(12))
        for name in CROWD[:5]:
            advance(launch, name)
        with_it = [recorded for recorded in launch.log if b"@example.org" in recorded.body]
        assert len(with_it) == 12
        assert {recorded.actor for recorded in with_it} == {line_actor("demo", "launch", 0)}
        joined = Joined(0, session("ann"), 1, email=EMAIL)
        assert redacted(joined)["email"] == redacted(Join(key_of("ann"), email=EMAIL))["email"] == REDACTED
        assert EMAIL.encode() not in canonical(launch.room) and b"@" not in canonical(launch.lines[0])

    def test_without_one_nothing_is_written_of_it(self) -> None:
        """Not a byte more than before there were addresses, by anybody."""
        launch = crowded(ONE)
        for name in CROWD[:3]:
            advance(launch, name)
        assert not any(b"email" in one.body or b"reachable" in one.body for one in launch.log)
        assert near(launch) == now(launch) == []
        assert canonical(Join("a key")) == b'{"command":"join","key":"a key"}'

    @pytest.mark.parametrize("email", ["ann", "@example.org", "ann@", "a b@example.org", "a@b\n", "a" * 65 + "@b", "@"])
    def test_what_is_no_address_is_refused(self, email: str) -> None:
        """As a booker's is; and is not repeated in the answer."""
        room = Launch(ONE).room
        by = Consulted(room, Presence(NOON), 1)
        answer = LINE.decide(LINE.initial(line_actor("demo", "launch", 0)), Join(key_of("ann"), email=email), NOON, by)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.detail) == ("bad_email", "that is no e-mail address")

    def test_whoever_stands_there_keeps_the_one_that_they_came_with(self) -> None:
        """Asking again changes nothing, whatever it says."""
        launch = Launch(ONE)
        launch.join("ann", email=EMAIL)
        launch.join("ann", email="bob@example.org")
        launch.join("ann")
        assert sum(b"@" in one.body for one in launch.log) == 1


class TestNow:
    def test_a_call_says_who_is_to_be_written_to(self) -> None:
        """Whose address it is, is the line's to know."""
        tags = "".join(tag_of(session(name)) for name in ("ann", "bob", "cem"))
        heard = LinesHeard((Heard(5, 0, 0, tags, (("", 3),)),), ((0, spelled([1, 2])),))
        news = News(5, line_actor("demo", "launch", 0), "", (
            Joined(0, session("ann"), 2), Joined(1, session("bob"), 2, email=EMAIL),
            Joined(2, session("cem"), 2, email=EMAIL),
        ))  # fmt: skip
        past = given(ROOM_KIND, RoomPut(RoomSettings(capacity=2)), PhaseEntered("open"), at=NOON, actor=ROOM_ACTOR)
        past.when(TICK, policy=Followed((news,))).then(heard)
        called = TicketsCalled("", ("0.0", "0.1"), NOON + 60 * SECOND_MS, reachable=spelled([1]))
        past.given(heard, at=NOON).when(TICK).then(called)

    def test_who_missed_a_call_is_written_to_once_more_by_the_next(self) -> None:
        """It is another call, good until another time."""
        launch = Launch(ONE)
        launch.join("ann", email=EMAIL)
        launch.alive = {"ann"}
        launch.later(62)
        assert now(launch) == ["ann", "ann"]


class TestNear:
    def test_those_on_the_next_places_are_told_once_as_the_line_moves(self) -> None:
        """Each when they come among them, in order; those without an address are counted, and not told."""
        launch = crowded(ONE, 0, 1, 3, 4, 8)
        assert near(launch) == ["visitor 1"]  # and not who was called at once
        told = []
        for name in CROWD[:8]:
            advance(launch, name)
            told.append(near(launch))
        assert [len(one) for one in told] == [2, 3, 3, 3, 3, 4, 4, 4]
        assert near(launch) == ["visitor 1", "visitor 3", "visitor 4", "visitor 8"]

    def test_everybody_is_near_when_hardly_anybody_waits(self) -> None:
        """However many places between them are empty."""
        launch = crowded(ONE, 11)
        for name in CROWD[1:10]:
            launch.leave(name)
        assert launch.room.waiting[""] == 2
        assert near(launch) == ["visitor 11"]

    def test_who_is_away_is_told_too(self) -> None:
        """It is they who have to come back."""
        launch = crowded(ONE, 4)
        launch.alive = set(CROWD) - {"visitor 4"}
        launch.here(*launch.alive)
        launch.put(claim_s=600)
        launch.later(130)
        assert launch.status("visitor 4") == "absent" and near(launch) == []
        for name in CROWD[:3]:
            launch.claim(name)
            launch.exit(name)
        assert near(launch) == ["visitor 4"]

    def test_who_is_passed_over_is_told_in_that_very_commit(self) -> None:
        """Those who leave an address and go away gather at the front, more of them than are near: one call of somebody
        behind them passes over all."""
        launch = away_in_front(20)
        launch.control("open")
        assert launch.called() == ["here 0"] and len(launch.room.queues[""].passed_over) == 20
        assert sorted(near(launch)) == sorted(AWAY) and now(launch) == []
        behind = launch.history[-1].behind
        assert [type(fact) for fact in behind if type(fact) in {TicketsCalled, TurnsNear}] == [TicketsCalled, TurnsNear]
        for number in range(3):
            advance(launch, f"here {number}")
        assert sorted(near(launch)) == sorted(AWAY)
        launch.here("away 7")
        advance(launch, "here 3")
        assert launch.called()[-1] == "away 7" and now(launch) == ["away 7"]

    def test_who_was_passed_over_unsaid_is_told_when_it_is_said_at_all(self) -> None:
        """Unless they are gone by then, or have come back and were called; and by whoever took the room over
        meanwhile, for whom those who stood before them are in no buffer any more."""
        count = 4_999
        launch = away_in_front(6, near_ahead=0)
        launch.join_all(f"more {number}" for number in range(count))
        launch.control("open")
        launch.put(capacity=count)
        assert len(launch.called()) == count and launch.room.queues[""].first > 6
        launch.here("away 1", "away 3")
        launch.leave("away 2")
        launch.leave("away 3")
        launch.exit("here 0")
        assert near(launch) == [] and launch.called()[-1] == "away 1"
        assert launch.replayed() == launch.room
        launch.room = through_the_shelf(ROOM_KIND, launch.room)
        launch.put(near_ahead=1)
        assert sorted(near(launch)) == ["away 0", "away 4", "away 5"] and now(launch) == ["away 1"]
        assert launch.replayed() == launch.room

    def test_however_many_are_passed_over_each_is_told_in_steps(self) -> None:
        """As many at once as of those who are near."""
        count = 2 * NEAR_AT_ONCE_MAX + 7
        launch = Launch(RoomSettings(capacity=1, near_ahead=3, queue_max=20_000), opened=False)
        launch.control("start")
        everybody = Heard(1, 0, 0, "f" * 16 * (count + 1), (("", count + 1),), absent=spelled(range(count)))
        launch._evolve([LinesHeard((everybody,), ((0, spelled(range(count))),))])
        launch.control("open")
        facts = [fact for one in launch.history for fact in one.before + one.facts + one.behind]
        told = [fact.tickets for fact in facts if isinstance(fact, TurnsNear)]
        assert [len(tickets) for tickets in told] == [NEAR_AT_ONCE_MAX, NEAR_AT_ONCE_MAX, 7]
        assert [ticket for tickets in told for ticket in tickets] == [f"0.{number}" for number in range(count)]

    def test_who_is_gone_is_not(self) -> None:
        """They left, or their place is over; the next one is told as if they had never been there."""
        launch = crowded(ONE, 5, 6)
        launch.leave("visitor 5")
        for name in CROWD[:5]:
            advance(launch, name)
        assert near(launch) == ["visitor 6"]

    def test_a_room_that_does_not_call_says_nothing(self) -> None:
        """Before it opens, and while it is paused; nor one that is set to say it to nobody."""
        for step in ("start", "pause"):
            launch = Launch(ONE, opened=step != "start")
            launch.control(step)
            launch.join("ann", email=EMAIL)
            launch.join("bob", email=EMAIL)
            assert near(launch) == []
            launch.control("resume" if step == "pause" else "open")
            assert (near(launch), now(launch)) == (["bob"], ["ann"])
        assert near(crowded(RoomSettings(capacity=1, near_ahead=0), *range(12))) == []

    def test_a_draw_takes_them_along(self) -> None:
        """Who is near follows from the places that were drawn."""
        launch = Launch()
        settings = RoomSettings(capacity=1, draw=True, near_ahead=3, shards=3)
        secret = "the operator's secret"
        launch.ask(PutRoom(settings, commitment_of(secret)))
        launch.control("start")
        odd = {name for number, name in enumerate(CROWD) if number % 2}
        for name in CROWD:
            launch.join(name, email=EMAIL if name in odd else "")
        launch.ask(Draw(secret))
        launch.control("open")
        while len(order := launch.called()) < len(CROWD):
            advance(launch, order[-1])
        assert order != CROWD
        assert now(launch) == [name for name in order if name in odd]
        assert near(launch) == [name for name in order[1:] if name in odd]

    def test_whoever_takes_the_room_over_tells_nobody_twice(self) -> None:
        """From the shelf, or from the log alone."""
        launch = crowded(ONE, *range(12))
        for name in CROWD[:4]:
            advance(launch, name)
            assert launch.replayed() == launch.room
            launch.room = through_the_shelf(ROOM_KIND, launch.room)
        assert near(launch) == CROWD[1:7]

    def test_very_many_are_told_in_several_steps(self) -> None:
        """And none of them is left out."""
        launch = Launch(RoomSettings(capacity=1, near_ahead=NEAR_AHEAD_MAX, queue_max=20_000))
        count = NEAR_AHEAD_MAX + 1
        reachable = ((0, spelled(range(count))),)
        launch._evolve([LinesHeard((Heard(1, 0, 0, "f" * 16 * count, (("", count),)),), reachable)])
        launch.settle()
        facts = [fact for one in launch.history for fact in one.before + one.behind if isinstance(fact, TurnsNear)]
        assert max(len(fact.tickets) for fact in facts) == NEAR_AT_ONCE_MAX
        assert [ticket for fact in facts for ticket in fact.tickets] == [f"0.{number}" for number in range(1, count)]

    @pytest.mark.parametrize("ahead", [-1, NEAR_AHEAD_MAX + 1])
    def test_it_is_bounded(self, ahead: int) -> None:
        """As every setting is."""
        assert Launch(ONE).put(near_ahead=ahead) == "bad_near_ahead"


def test_the_room_hears_of_addresses_only_where_there_are_some() -> None:
    """And from each shard by itself."""
    launch = Launch(RoomSettings(capacity=1, shards=4))
    for number, name in enumerate(CROWD):
        answer = launch.join(name, email=EMAIL if number % 2 else "")
        assert answer.startswith("launch.")
    for number, name in enumerate(CROWD):
        shard, of_shard = map(int, launch.tickets[name].split(".")[1:])
        assert (of_shard in launch.room.shards[shard].reachable) == bool(number % 2)
    assert isinstance(launch.ask_line(0, TICK), Decision)
