"""Presence: a place is kept while its holder is silent, for as long as the room says; nobody alive is ever missed."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from actors.decider import TICK, Consulted, Decision
from actors.waiting.commands import Join, Present, Touch
from actors.waiting.limits import FORGOTTEN_AT_ONCE_MIN
from actors.waiting.line import LINE, PERIOD_MS, Line
from actors.waiting.presence import NOBODY, Presence, Seen
from actors.waiting.queue import Shard
from actors.waiting.standing import Room
from events.clock import Instant
from events.codec import spelled
from events.line import Expired, Forgotten, Joined, Left, LineFact, Returned, WentAbsent
from events.room import Phase, RoomSettings
from tests.support.launch import MINUTE_MS, NOON, SECOND_MS, key_of, session

AWAY_MS = 600_000
"""As long as an absence may be in these rooms."""


class Watch:
    """A shard, who is heard of, and the room that it decides by."""

    def __init__(self, *names: str, absent_after_s: int = 60, since: Instant = NOON) -> None:
        self.line: Line = LINE.initial("demo.line.launch.0")
        self.presence = Presence(since)
        self.shard = Shard(count=len(names))
        settings = RoomSettings(capacity=10, absent_after_s=absent_after_s, absence_max_s=AWAY_MS // SECOND_MS)
        self.room = Room("launch", exists=True, settings=settings, phase="open", shards=[self.shard])
        for number, name in enumerate(names):
            self.line = LINE.evolve(self.line, Joined(number, session(name), 1), since)
        assert self.look(since) == ()

    def ask(self, command: object, at: Instant) -> tuple[LineFact, ...]:
        told = LINE.decide(self.line, command, at, Consulted(self.room, self.presence, 7))  # type: ignore[arg-type]
        assert isinstance(told, Decision), told
        self.presence.keep(told.leases, at)
        for fact in told.facts:
            self.line = LINE.evolve(self.line, fact, at)
        return told.facts

    def heard(self, *numbers: int, at: Instant) -> tuple[LineFact, ...]:
        return self.ask(Present(spelled(numbers)), at)

    def look(self, at: Instant) -> tuple[LineFact, ...]:
        return self.ask(TICK, at)

    def wake(self) -> Instant | None:
        assert LINE.leased is not None
        return LINE.leased(self.line, self.presence)

    def enter(self, phase: Phase) -> None:
        self.room.phase = phase


def absent(*numbers: int, at: Instant) -> WentAbsent:
    return WentAbsent(spelled(numbers), at + AWAY_MS)


class TestFallingSilent:
    @pytest.mark.parametrize("after_ms", [0, 1, 30_000, 59_999])
    def test_who_was_heard_of_is_missed_after_one_period_and_before_two(self, after_ms: int) -> None:
        """Wherever in a period that was."""
        watch, at = Watch("ann"), NOON + 10 * MINUTE_MS
        watch.heard(0, at=at + after_ms)
        assert watch.look(at + MINUTE_MS + 59_999) == ()
        assert watch.look(at + 2 * MINUTE_MS) == (absent(0, at=at + 2 * MINUTE_MS),)

    def test_who_is_heard_of_in_every_period_is_never_missed(self) -> None:
        """A hidden tab says little, but it says something."""
        watch = Watch("ann", "bob")
        for minute in range(1, 30):
            watch.heard(0, 1, at=NOON + minute * MINUTE_MS + (minute * 37_123) % MINUTE_MS)
            assert watch.look(NOON + (minute + 1) * MINUTE_MS - 1) == ()

    def test_joining_and_asking_for_the_ticket_again_is_being_there(self) -> None:
        """And so is a touch."""
        watch, at = Watch(), NOON + 5 * MINUTE_MS
        watch.ask(Join(key_of("ann")), at)
        watch.ask(Join(key_of("bob")), at)
        watch.ask(Join(key_of("cem")), at)
        watch.ask(Join(key_of("ann")), at + MINUTE_MS)
        watch.ask(Touch("launch.0.1", key_of("bob")), at + MINUTE_MS)
        assert watch.look(at + 2 * MINUTE_MS) == (absent(2, at=at + 2 * MINUTE_MS),)

    def test_it_is_said_once(self) -> None:
        """However often somebody looks."""
        watch, at = Watch("ann", "bob"), NOON + 5 * MINUTE_MS
        assert watch.look(at) == (absent(0, 1, at=at),)
        assert watch.look(at + 1) == ()

    def test_who_takes_over_misses_nobody_before_a_whole_period(self) -> None:
        """The last heartbeats went with the host that heard them."""
        watch = Watch("ann", "bob", since=NOON + 30_000)
        assert watch.look(NOON + MINUTE_MS) == ()
        watch.heard(0, at=NOON + MINUTE_MS + 1)
        assert watch.look(NOON + 2 * MINUTE_MS - 1) == ()
        assert watch.look(NOON + 2 * MINUTE_MS) == (absent(1, at=NOON + 2 * MINUTE_MS),)

    def test_by_a_period_that_has_just_changed_nobody_is_missed(self) -> None:
        """Neither by the old one nor by the new one, before the new one has passed."""
        watch, at = Watch("ann", "bob"), NOON + 10 * MINUTE_MS
        watch.heard(0, 1, at=at - 1)
        watch.room.settings = RoomSettings(capacity=10, absent_after_s=5, absence_max_s=AWAY_MS // SECOND_MS)
        assert watch.look(at) == ()
        watch.heard(0, at=at + 6 * SECOND_MS)
        assert watch.look(at + 9 * SECOND_MS) == ()
        assert watch.look(at + 10 * SECOND_MS) == (absent(1, at=at + 10 * SECOND_MS),)

    def test_whom_the_room_has_called_nobody_misses(self) -> None:
        """They are the room's to wait for."""
        watch, at = Watch("ann", "bob"), NOON + 10 * MINUTE_MS
        watch.shard.served.add(0)
        watch.shard.inside.add(0)
        assert watch.look(at) == (absent(1, at=at),)

    def test_a_call_that_was_missed_makes_them_the_lines_again(self) -> None:
        """They wait once more, and can fall silent, come back, leave and be gone as before."""
        for ends in (Left(0), Expired(spelled([0]))):
            watch, at = Watch("ann"), NOON + 10 * MINUTE_MS
            watch.shard.served.add(0)
            watch.shard.inside.add(0)
            assert watch.look(at) == ()
            watch.shard.served.discard(0)
            watch.shard.inside.discard(0)
            assert watch.look(at + 2 * MINUTE_MS) == (absent(0, at=at + 2 * MINUTE_MS),)
            assert watch.heard(0, at=at + 3 * MINUTE_MS) == (Returned(spelled([0])),)
            watch.line = LINE.evolve(watch.line, ends, at)
            assert not watch.line.living

    def test_the_numbers_that_are_asked_about_are_left_alone(self) -> None:
        """Whoever asks keeps what they hand over."""
        presence, expected = Presence(), BitMap([1, 2])
        presence.keep(Seen(NOBODY, MINUTE_MS), NOON - MINUTE_MS)
        presence.keep(Seen(BitMap([1]), MINUTE_MS), NOON)
        assert presence.missed(expected, NOON, MINUTE_MS) == NOBODY
        assert presence.missed(expected, NOON + MINUTE_MS, MINUTE_MS) == BitMap([2])
        assert expected == BitMap([1, 2]) and not NOBODY


class TestComingBack:
    def test_the_place_was_kept(self) -> None:
        """Whoever is heard of again, by whatever way, is back at once."""
        for command in (Present(spelled([0])), Touch("launch.0.0", key_of("ann")), Join(key_of("ann"))):
            watch, at = Watch("ann", "bob"), NOON + 5 * MINUTE_MS
            watch.look(at)
            assert watch.ask(command, at + 1_000) == (Returned(spelled([0])),)
            assert watch.line.absent == BitMap([1]) and watch.line.living == BitMap([0, 1])

    def test_until_the_instant_at_which_the_absence_is_over(self) -> None:
        """And not after it."""
        watch, at = Watch("ann", "bob"), NOON + 5 * MINUTE_MS
        watch.look(at)
        assert watch.wake() == at + AWAY_MS + 1
        assert watch.look(at + AWAY_MS) == ()
        assert watch.heard(0, at=at + AWAY_MS) == (Returned(spelled([0])),)
        assert watch.look(at + AWAY_MS + 1) == (Expired(spelled([1])),)
        assert watch.line.living == BitMap([0])

    def test_who_has_been_back_may_be_away_as_long_again(self) -> None:
        """Every absence is measured by itself."""
        watch, at = Watch("ann"), NOON + 5 * MINUTE_MS
        watch.look(at)
        back = at + AWAY_MS - 1
        assert watch.heard(0, at=back) == (Returned(spelled([0])),)
        again = back + 2 * MINUTE_MS
        assert watch.look(again) == (absent(0, at=again),)
        assert watch.look(again + AWAY_MS) == ()
        assert watch.look(again + AWAY_MS + 1) == (Expired(spelled([0])),)

    def test_whom_the_room_called_meanwhile_was_not_away(self) -> None:
        """The two crossed: the room is right, and the place does not run out."""
        watch, at = Watch("ann"), NOON + 5 * MINUTE_MS
        watch.look(at)
        watch.shard.served.add(0)
        watch.shard.inside.add(0)
        assert watch.look(at + AWAY_MS + 1) == (Returned(spelled([0])),)
        assert watch.line.living == BitMap([0]) and not watch.line.absent


class TestForgetting:
    def test_who_is_through_is_forgotten_with_the_last_who_waits(self) -> None:
        """Or along with something else that is to be written; alone they are not worth a commit."""
        watch, at = Watch("ann", "bob", "cem"), NOON + 5 * MINUTE_MS
        watch.heard(1, 2, at=at)
        watch.shard.served.add(0)
        assert watch.look(at + 1) == ()
        watch.heard(2, at=at + MINUTE_MS)
        late = at + 2 * MINUTE_MS
        assert watch.look(late) == (absent(1, at=late), Forgotten(spelled([0])))
        watch.shard.served.update([1, 2])
        assert watch.look(late + 1) == (Returned(spelled([1])), Forgotten(spelled([1, 2])))
        assert watch.wake() is None

    def test_very_many_who_are_through_are_forgotten_anyway(self) -> None:
        """Though others wait."""
        names = [f"visitor {number}" for number in range(FORGOTTEN_AT_ONCE_MIN + 1)]
        watch = Watch(*names)
        watch.shard.served = BitMap(range(FORGOTTEN_AT_ONCE_MIN))
        assert watch.look(NOON + 1) == (Forgotten(spelled(range(FORGOTTEN_AT_ONCE_MIN))),)
        assert watch.line.living == BitMap([FORGOTTEN_AT_ONCE_MIN])

    def test_a_closed_room_is_through_with_all_who_are_not_in(self) -> None:
        """Waiting and absent ones alike; then the line sleeps."""
        watch, at = Watch("ann", "bob", "cem"), NOON + 5 * MINUTE_MS
        watch.heard(1, 2, at=at - 1)
        assert watch.look(at) == (absent(0, at=at),)
        watch.shard.served.add(2)
        watch.shard.inside.add(2)
        watch.enter("closed")
        assert watch.look(at + AWAY_MS + 1) == (Forgotten(spelled([0, 1])),)
        watch.shard.inside.discard(2)
        assert watch.look(at + AWAY_MS + 2) == (Forgotten(spelled([2])),)
        assert watch.wake() is None


class TestWaking:
    def test_a_line_looks_once_a_period(self) -> None:
        """As soon as the period is over in which it last did."""
        watch = Watch("ann")
        for minute in range(1, 5):
            at = NOON + minute * MINUTE_MS + 123
            watch.heard(0, at=at)
            assert watch.look(at) == ()
            assert watch.wake() == NOON + (minute + 1) * MINUTE_MS

    def test_whoever_is_heard_of_does_not_put_it_off(self) -> None:
        """A line that is never quiet would never look who is missed."""
        watch = Watch("ann", "bob")
        for second in range(181):
            watch.heard(0, at=NOON + second * SECOND_MS)
            wake = watch.wake()
            assert wake is not None
            if wake <= NOON + second * SECOND_MS:
                watch.look(NOON + second * SECOND_MS)
        assert watch.line.absent == BitMap([1])

    def test_a_line_without_anybody_sleeps(self) -> None:
        """And so does one whose last visitors are away, until their time is over."""
        assert Watch().wake() is None
        watch = Watch("ann", "bob")
        watch.look(NOON + 5 * MINUTE_MS)
        assert watch.wake() == NOON + 5 * MINUTE_MS + AWAY_MS + 1

    def test_who_knows_nothing_of_it_looks_soon(self) -> None:
        """A host that has never heard of the shard."""
        watch = Watch("ann")
        assert LINE.wake(watch.line) == NOON + PERIOD_MS
        watch.look(NOON + 5 * MINUTE_MS)
        assert LINE.wake(watch.line) == NOON + 5 * MINUTE_MS + AWAY_MS + 1
