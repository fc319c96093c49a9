"""The roll of living hosts, as one listener keeps it by its own clock."""

from __future__ import annotations

import msgspec
import pytest

from actors.runtime.limits import BEAT_EVERY_MS, DEAD_AFTER_MS
from actors.runtime.membership import BEAT_DECODER, Beat, Roll, encode_beat, subject_of
from actors.runtime.placement import owners
from events.limits import PARTITIONS

DEAD_AFTER_S = DEAD_AFTER_MS / 1000


def beat(host: str, number: int = 1, *, incarnation: str = "i1", since: int = 100, leaving: bool = False) -> Beat:
    return Beat(host, incarnation, since, number, [], leaving=leaving)


def roll_of(*hosts: str, now: float = 0.0) -> Roll:
    roll = Roll()
    for host in hosts:
        assert roll.hear(beat(host), now)
    return roll


def living(roll: Roll) -> list[str]:
    return sorted(roll.beats)


def test_a_beat_travels_unchanged() -> None:
    """Written and read, it says the same."""
    one = Beat("h-1", "i1", 100, 7, [1, 2], 99, leaving=True, counts={"actors": 3})
    assert BEAT_DECODER.decode(encode_beat(one)) == one


def test_each_incarnation_has_a_subject_of_its_own() -> None:
    """What was sent to a host that is gone never reaches the one that took its name."""
    assert subject_of(beat("h-1", incarnation="i1")) != subject_of(beat("h-1", incarnation="i2"))


def test_the_owners_are_computed_from_the_living() -> None:
    """All who have heard the same hosts name the same owner for each partition."""
    roll = roll_of("a", "b", "c")
    expected = owners(["a", "b", "c"])
    found = [roll.owner_of(partition) for partition in range(PARTITIONS)]
    assert [one.host for one in found if one is not None] == expected
    assert roll.owned_by("a") == frozenset(partition for partition, host in enumerate(expected) if host == "a")


def test_nobody_owns_anything_before_a_host_was_heard() -> None:
    """There is nobody to send to, and nobody's share."""
    roll = Roll()
    assert roll.owner_of(0) is None
    assert roll.owned_by("a") == frozenset()
    assert roll.sweep(100.0) == []


def test_only_news_is_told() -> None:
    """A host that is heard again is no change; a new one and a new incarnation are."""
    roll = roll_of("a")
    assert not roll.hear(beat("a", 2), 0.2)
    assert roll.hear(beat("b"), 0.2)
    assert roll.hear(beat("a", 1, incarnation="i2", since=200), 0.4)


class TestDeath:
    def test_a_host_is_dead_when_it_was_not_heard_for_too_long(self) -> None:
        """At the bound it still lives; behind it, it is dropped with the last that it said."""
        roll = roll_of("a", "b")
        roll.hear(beat("a", 2), DEAD_AFTER_S)
        assert roll.sweep(DEAD_AFTER_S) == []
        roll.hear(beat("a", 3), DEAD_AFTER_S + 0.1)
        assert [gone.host for gone in roll.sweep(DEAD_AFTER_S + 0.1)] == ["b"]
        assert living(roll) == ["a"]
        assert roll.owned_by("a") == frozenset(range(PARTITIONS))

    def test_a_host_that_is_heard_lives(self) -> None:
        """Beats at their usual distance keep it on the roll for ever."""
        roll = roll_of("a", "b")
        for step in range(100):
            now = step * BEAT_EVERY_MS / 1000
            roll.hear(beat("a", step), now)
            roll.hear(beat("b", step), now)
            assert roll.sweep(now) == []

    def test_a_host_that_comes_back_is_news(self) -> None:
        """After it was dropped, its next beat puts it on the roll again."""
        roll = roll_of("a", "b")
        for step in (1, 2):
            roll.hear(beat("a", step), step * 0.8)
        assert [gone.host for gone in roll.sweep(1.6)] == ["b"]
        assert roll.hear(beat("b", 9), 1.7)
        assert living(roll) == ["a", "b"]

    def test_a_host_that_leaves_is_gone_at_once(self) -> None:
        """Nobody waits for its death."""
        roll = roll_of("a", "b")
        assert roll.hear(beat("b", 2, leaving=True), 0.1)
        assert living(roll) == ["a"]

    def test_a_farewell_of_somebody_unknown_is_no_news(self) -> None:
        """It neither adds nor removes anybody."""
        roll = roll_of("a")
        assert not roll.hear(beat("b", leaving=True), 0.1)
        assert living(roll) == ["a"]


class TestIncarnations:
    def test_an_older_incarnation_is_ignored(self) -> None:
        """It doesn't know yet that it was replaced; neither its beats nor its farewell count."""
        roll = Roll()
        roll.hear(beat("a", incarnation="i2", since=200), 0.0)
        assert not roll.hear(beat("a", 50, incarnation="i1", since=100), 0.1)
        assert not roll.hear(beat("a", 51, incarnation="i1", since=100, leaving=True), 0.1)
        assert roll.beats["a"].incarnation == "i2"

    def test_incarnations_of_the_same_instant_are_told_apart(self) -> None:
        """All listeners prefer the same one."""
        for order in (("i1", "i2"), ("i2", "i1")):
            roll = Roll()
            for incarnation in order:
                roll.hear(beat("a", incarnation=incarnation, since=100), 0.0)
            assert roll.beats["a"].incarnation == "i2"

    def test_a_farewell_of_the_replaced_leaves_its_successor(self) -> None:
        """A host that restarts under its name says good-bye for itself only."""
        roll = Roll()
        roll.hear(beat("a", incarnation="i1", since=100), 0.0)
        roll.hear(beat("a", incarnation="i2", since=200), 0.1)
        assert not roll.hear(beat("a", 9, incarnation="i1", since=100, leaving=True), 0.2)
        assert living(roll) == ["a"]

    def test_a_host_whose_clock_was_set_back_is_heard_in_the_end(self) -> None:
        """It claims to be older than the one before it; when that one has been silent long enough, it is believed."""
        roll = Roll()
        roll.hear(beat("a", incarnation="i1", since=500), 0.0)
        assert not roll.hear(beat("a", incarnation="i2", since=400), 0.5)
        assert roll.hear(beat("a", 9, incarnation="i2", since=400), DEAD_AFTER_S + 0.1)
        assert roll.beats["a"].incarnation == "i2"


class TestDeafness:
    def test_a_listener_that_heard_nobody_drops_nobody(self) -> None:
        """When all are silent, it is the listener that was cut off, or stood still."""
        roll = roll_of("a", "b", "c")
        assert roll.sweep(60.0) == []
        assert living(roll) == ["a", "b", "c"]

    def test_after_deafness_everybody_gets_a_fresh_period(self) -> None:
        """The first beat that is heard again doesn't condemn the others, whose beats are a moment behind it."""
        roll = roll_of("a", "b", "c")
        roll.hear(beat("a", 2), 60.0)
        assert roll.sweep(60.1) == []
        roll.hear(beat("b", 2), 60.1)
        roll.hear(beat("a", 3), 61.05)
        roll.hear(beat("b", 3), 61.05)
        assert [gone.host for gone in roll.sweep(61.05)] == ["c"]

    @pytest.mark.parametrize("silent", [["b"], ["b", "c"]])
    def test_a_listener_that_hears_one_is_not_deaf(self, silent: list[str]) -> None:
        """Those that it doesn't hear are dead, however many they are."""
        roll = roll_of("a", *silent)
        for step in (1, 2):
            roll.hear(beat("a", step), step * 0.8)
        assert sorted(gone.host for gone in roll.sweep(1.6)) == silent


def test_a_malformed_beat_is_no_beat() -> None:
    """What can't be read is told apart from what can."""
    for data in (b"", b"{}", b'{"host":3}', b"[1]"):
        with pytest.raises(msgspec.DecodeError):
            BEAT_DECODER.decode(data)
