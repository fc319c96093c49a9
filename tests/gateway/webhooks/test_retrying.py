"""When something is tried again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.limits import BACKOFF_MS, JITTER_SHARE, TRIED_FOR_MS
from gateway.webhooks.retrying import next_attempt

BEGAN = 1_796_644_800_000
DAY_MS = 86_400_000


def attempts_with(chances: list[float]) -> list[int]:
    """When it is tried, since the beginning, if every attempt fails at once."""
    at, times = BEGAN, [0]
    while True:
        chance = chances[len(times) % len(chances)]
        again = next_attempt(len(times), BEGAN, at, chance)
        if again is None:
            return times
        at = again
        times.append(at - BEGAN)


def test_without_chance_it_is_the_table() -> None:
    """Five seconds, a quarter of a minute, …, four hours; the last time after exactly a day."""
    times = attempts_with([0.5])
    assert [later - earlier for earlier, later in pairwise(times)][:10] == list(BACKOFF_MS)
    assert times[-1] == DAY_MS == TRIED_FOR_MS
    assert 12 <= len(times) <= 16


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_whatever_chance_says_it_is_a_day(chances: list[float]) -> None:
    """Each interval is within its share, and nothing is given up before a last attempt at the end."""
    times = attempts_with(chances)
    assert times[-1] == DAY_MS
    for number, (earlier, later) in enumerate(pairwise(times[:-1])):
        interval = BACKOFF_MS[min(number, len(BACKOFF_MS) - 1)]
        assert interval * (1 - JITTER_SHARE) - 1 <= later - earlier <= interval * (1 + JITTER_SHARE)


def test_what_failed_together_does_not_come_back_together() -> None:
    """The intervals are spread."""
    times = {next_attempt(3, BEGAN, BEGAN, chance / 100) for chance in range(101)}
    assert len(times) == 101
