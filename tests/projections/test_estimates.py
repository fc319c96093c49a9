"""Estimates hold: judged by what those who were called had really waited for, in launches of several kinds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.room import Lane, RoomSettings
from projections.estimates import Estimate, Forecast, Line, Outlook
from projections.paces import Sums
from tests.projections.crowd import SHARDS, Launch, Simulated, evenly, exponential, shopping

BY_RATE = Launch(RoomSettings(per_minute=120, shards=SHARDS))
BY_CAPACITY = Launch(RoomSettings(capacity=200, active_s=300, shards=SHARDS))
LAUNCHES = {
    "by rate": BY_RATE,
    "by rate, quick": Launch(RoomSettings(per_minute=600, missed="out"), people=6_000, no_shows=0.25),
    "by capacity": BY_CAPACITY,
    "by capacity, shopping": Launch(
        RoomSettings(capacity=150, active_s=600), people=1_200, dwell=shopping(240), no_shows=0.2, leaving=0.0001
    ),
    "by capacity, evenly": Launch(RoomSettings(capacity=300, active_s=300), dwell=evenly(100, 400), trickle=0.3),
    "by both": Launch(RoomSettings(capacity=300, per_minute=90, active_s=300), dwell=shopping(180), leaving=0.0003),
    "by both, seats first": Launch(
        RoomSettings(capacity=400, per_minute=240, active_s=300, missed="out"),
        people=3_000,
        dwell=exponential(300),
        no_shows=0.3,
        leaving=0.0002,
    ),
    "press first": Launch(
        RoomSettings(per_minute=90, capacity=400, active_s=200, lanes=(Lane("press"),)), press=0.25, trickle=0.3
    ),
    "many leave": Launch(RoomSettings(per_minute=60), people=2_500, leaving=0.001, no_shows=0.05),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", LAUNCHES)
def test_the_true_wait_lies_in_the_range(name: str, seed: int) -> None:
    """For eight in ten at least; and half of all middles are off by less than 15 %."""
    asked, within, off = Simulated(LAUNCHES[name], seed).run().judged()
    assert asked > 150
    assert within >= 0.8, (within, off)
    assert off < 0.15, (within, off)


def outlook(**known: Any) -> Outlook:
    plain = Outlook("open", 0, 0, 0, 300, None, 0.0, 0, 0, (0,) * 60, Sums(), Sums())
    return msgspec.structs.replace(plain, **known)


WAITED = Line(Sums())


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"phase": "paused", "per_minute": 60}, "paused"),
        ({"phase": "closed", "per_minute": 60}, "closed"),
        ({"phase": "scheduled", "per_minute": 60}, "not_open_yet"),
        ({"phase": "pre_queue", "per_minute": 60}, "not_open_yet"),
        ({"capacity": 1, "active_s": 86_400, "active": 1, "in_for_s": 9.0}, "measuring"),
    ],
)
def test_what_is_unknown_is_said_to_be(known: dict[str, Any], reason: str) -> None:
    """With the reason, and without a number."""
    assert Forecast(outlook(**known)).estimate(50, WAITED) == Estimate(reason=reason)  # type: ignore[arg-type]


def test_before_anything_was_measured_the_settings_are_taken_for_it() -> None:
    """The rate, or the seats and how long a pass lasts; and it is said that this is no measure."""
    rate = Forecast(outlook(per_minute=60)).estimate(600, WAITED)
    assert rate.middle_s == pytest.approx(600, rel=0.05)
    assert rate.reason == ""
    seats = Forecast(outlook(capacity=60, active=60, active_s=300, in_for_s=1.0)).estimate(600, WAITED)
    assert seats.middle_s == pytest.approx(3_000, rel=0.05)
    assert seats.low_s is not None and seats.high_s is not None
    assert seats.low_s < 1_500 and seats.high_s > 6_000
    assert seats.reason == "measuring"


def test_it_waits_for_the_opening() -> None:
    """And for what comes after it."""
    found = Forecast(outlook(phase="scheduled", opens_in_s=1_000.0, per_minute=60)).estimate(59, WAITED)
    assert found.low_s is not None and found.middle_s is not None
    assert 1_000 <= found.low_s <= found.middle_s <= 1_075


def test_a_room_that_calls_less_than_before_is_slower() -> None:
    """The range says why it has grown."""
    window = Sums(open_ms=300_000, calls=500, claims=500)
    recent = Sums(open_ms=60_000, calls=20, claims=20)
    assert Forecast(outlook(per_minute=120, window=window, recent=recent)).estimate(9, WAITED).reason == "slower"
    steady = Sums(open_ms=60_000, calls=100, claims=100)
    assert Forecast(outlook(per_minute=120, window=window, recent=steady)).estimate(9, WAITED).reason == ""


def test_a_room_that_calls_less_than_it_may_is_measured() -> None:
    """What the settings would allow is no promise."""
    window = Sums(open_ms=300_000, calls=250, claims=250)
    found = Forecast(outlook(per_minute=100, window=window, recent=window)).estimate(100, WAITED)
    assert found.middle_s == pytest.approx(120, rel=0.1)


def test_draining_goes_on_and_says_so() -> None:
    """Nobody joins any more, and those who wait are still called."""
    found = Forecast(outlook(phase="draining", per_minute=60)).estimate(60, WAITED)
    assert found.reason == "draining"
    assert found.middle_s == pytest.approx(60, rel=0.2)


_COUNT = st.integers(0, 1 << 40)
_SUMS = st.builds(Sums, *[_COUNT] * 6, st.integers(-(1 << 20), 1 << 40), *[_COUNT] * 5)


@given(
    st.builds(
        Outlook,
        st.sampled_from(["scheduled", "pre_queue", "open", "paused", "draining", "closed"]),
        *[st.integers(0, 1 << 20)] * 4,
        st.none() | st.floats(-1e9, 1e9),
        st.floats(0, 1e9),
        *[st.integers(0, 1 << 20)] * 2,
        st.lists(st.integers(0, 1_000), min_size=60, max_size=60).map(tuple),
        _SUMS,
        _SUMS,
    ),
    st.builds(Line, _SUMS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 1 << 20), st.floats(0, 1e6)),
    st.integers(0, 1 << 26),
)
def test_whatever_was_measured_there_is_an_answer(known: Outlook, line: Line, before: int) -> None:
    """A range around its middle, or none; and nothing is divided by zero."""
    found = Forecast(known).estimate(before, line)
    if found.middle_s is not None:
        assert found.low_s is not None
        assert 0 <= found.low_s <= found.middle_s
        assert found.high_s is None or found.middle_s <= found.high_s
    else:
        assert found.reason
