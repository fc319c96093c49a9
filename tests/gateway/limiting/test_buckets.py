"""Tokens are taken at the rate that was promised, and full buckets cost nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limiting.buckets import Buckets
from gateway.limiting.limits import Rate

TEN: Rate = Rate(10, 5)


class Slow:
    """A token bucket as it is drawn in books: a level, and when it was last looked at."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.level = rate.burst
        self.seen_s = 0.0

    def take(self, now_s: float) -> bool:
        self.level = min(self.rate.burst, self.level + (now_s - self.seen_s) * self.rate.per_s)
        self.seen_s = now_s
        if self.level < 1 - 1e-6:
            return False
        self.level -= 1
        return True


def test_a_burst_and_then_the_rate() -> None:
    """So many at once; then one in each interval, and the wait that is told is the one that it takes."""
    buckets = Buckets[str](TEN)
    assert [buckets.take("a", 0.0) for _ in range(5)] == [0.0] * 5
    assert buckets.take("a", 0.0) == pytest.approx(0.1)
    assert buckets.take("a", 0.06) == pytest.approx(0.04)
    assert buckets.take("a", 0.1) == 0.0
    assert buckets.take("a", 0.1) == pytest.approx(0.1)


def test_whoever_is_refused_has_taken_nothing() -> None:
    """Asking without end doesn't put the next token off."""
    buckets = Buckets[str](Rate(1, 1))
    assert buckets.take("a", 0.0) == 0.0
    assert all(buckets.take("a", at / 1_000) > 0 for at in range(1, 1_000))
    assert buckets.take("a", 1.0) == 0.0


def test_everybody_has_a_bucket_of_their_own() -> None:
    """What one takes is not taken from another."""
    buckets = Buckets[str](Rate(1, 1))
    assert buckets.take("a", 0.0) == buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0 < buckets.take("b", 0.0)


def test_a_token_may_be_given_back() -> None:
    """It is there again; and whoever took nothing has nothing to give."""
    buckets = Buckets[str](Rate(1, 2))
    buckets.give_back("a")
    assert [buckets.take("a", 0.0) for _ in range(2)] == [0.0, 0.0]
    buckets.give_back("a")
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) > 0


def test_full_buckets_are_forgotten() -> None:
    """Whoever does not come for as long as filling a bucket takes, twice at most, is not remembered."""
    buckets = Buckets[int](TEN)
    for key in range(1_000):
        buckets.take(key, 0.0)
    assert len(buckets) == 1_000
    buckets.take(0, 0.51)
    buckets.take(0, 1.02)
    assert len(buckets) <= 2


def test_too_many_are_forgotten_too_soon() -> None:
    """Never are there more than the most; those who came last keep what they have taken."""
    buckets = Buckets[int](Rate(0.001, 1), most=100)
    for key in range(10_000):
        assert buckets.take(key, 0.0) == 0.0
        assert len(buckets) <= 100
    assert all(buckets.take(key, 0.0) > 0 for key in range(9_951, 10_000))
    assert buckets.take(0, 0.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2)), max_size=200))
def test_it_is_a_token_bucket(steps: list[tuple[str, float]]) -> None:
    """Whoever comes when: the same ones are let through as by the one in the books."""
    buckets, slow, now_s = Buckets[str](TEN), {"a": Slow(TEN), "b": Slow(TEN)}, 0.0
    for key, later_s in steps:
        now_s += round(later_s, 2)
        assert (buckets.take(key, now_s) == 0.0) == slow[key].take(now_s)
