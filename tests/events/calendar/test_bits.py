"""Runs of free slots: by shifts, in one day and over midnight, for one calendar and for a thousand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.calendar import bitmaps
from events.calendar.bits import FULL, slots_of, starts_with_room
from events.calendar.quantum import DAY_MS, SLOT_MS, SLOTS, Span, day_start, mask
from tests.events.calendar.oracle import UNHURRIED

RUNS = st.lists(st.tuples(st.integers(0, 96), st.integers(0, 96)), max_size=4)
DAYS = st.integers(0, FULL) | RUNS.map(
    lambda runs: FULL & ~sum({mask(min(run), max(run)) for run in runs[:1]}, 0) if runs else FULL
)
"""Days with noise, and days with one thing in them."""
LENGTHS = st.integers(1, 12) | st.integers(1, 400)


def room(days: list[int], length: int) -> list[int]:
    """The naive model: look at every slot of every run, on one line of slots."""
    line = [bool(day >> slot & 1) for day in days for slot in range(SLOTS)]
    runs = [0] * (len(line) + 1)
    for place in reversed(range(len(line))):
        runs[place] = runs[place + 1] + 1 if line[place] else 0
    return [sum(1 << slot for slot in range(SLOTS) if runs[day * SLOTS + slot] >= length) for day in range(len(days))]


@UNHURRIED
@given(st.lists(DAYS, min_size=1, max_size=5), LENGTHS)
def test_a_run_begins_where_the_naive_model_finds_one(days: list[int], length: int) -> None:
    """In a day alone, and chained with those that follow."""
    today, *following = days
    assert starts_with_room(today, length) == room([today], length)[0]
    assert starts_with_room(today, length, *following) == room(days, length)[0]


def test_a_run_over_midnight_is_a_run() -> None:
    """An hour that begins at 23:30 needs half an hour of the next day."""
    evening, morning = mask(94, 96), mask(0, 2)
    assert starts_with_room(evening, 4) == 0
    assert starts_with_room(evening, 4, morning) == mask(94, 95)
    assert starts_with_room(evening, 2 + SLOTS + 2, FULL, morning) == mask(94, 95)


def test_nothing_is_not_a_length() -> None:
    """Room for no slots would be everywhere, on booked ones as well."""
    with pytest.raises(AssertionError):
        starts_with_room(FULL, 0)


@UNHURRIED
@given(st.integers(0, FULL))
def test_the_slots_of_a_bitmap_are_those_that_are_set(bits: int) -> None:
    """In order."""
    assert list(slots_of(bits)) == [slot for slot in range(SLOTS) if bits >> slot & 1]


@st.composite
def calendars(draw: st.DrawFn) -> list[list[int]]:
    days = draw(st.integers(1, 5))
    return draw(st.lists(st.lists(DAYS, min_size=days, max_size=days), min_size=1, max_size=4))


@UNHURRIED
@given(calendars(), LENGTHS)
def test_a_table_finds_what_each_calendar_has(of_all: list[list[int]], length: int) -> None:
    """Day by day the same as the ints, runs over midnight included, and the table itself is left as it was."""
    table = bitmaps.table(of_all)
    found = bitmaps.starts_with_room(table, length)
    for resource, days in enumerate(of_all):
        for day, free in enumerate(days):
            assert bitmaps.day_bits(table, resource, day) == free
            assert bitmaps.day_bits(found, resource, day) == starts_with_room(free, length, *days[day + 1 :])
    assert bitmaps.any_on_days(found).tolist() == [
        [any(found[r, d]) for d in range(len(of_all[0]))] for r in range(len(of_all))
    ]


@UNHURRIED
@given(calendars(), st.lists(st.tuples(st.integers(-90, 600), st.integers(0, 600)), max_size=4))
def test_a_table_is_asked_about_any_spans(of_all: list[list[int]], places: list[tuple[int, int]]) -> None:
    """Local days begin at any slot, and may reach out of the table: there nothing is set."""
    begins = day_start("2026-12-07")
    spans = [Span(begins + first * SLOT_MS, begins + (first + length) * SLOT_MS) for first, length in places]
    found = bitmaps.any_within(bitmaps.table(of_all), begins, spans)
    for resource, days in enumerate(of_all):
        whole = sum(bits << day * SLOTS for day, bits in enumerate(days))
        naive = [any(whole >> slot & 1 for slot in range(max(0, first), first + length)) for first, length in places]
        assert found[resource].tolist() == naive


def test_no_resources_are_a_table_too() -> None:
    """An organisation begins without any."""
    empty = bitmaps.table([])
    assert bitmaps.any_on_days(bitmaps.starts_with_room(empty, 8)).shape == (0, 0)
    assert bitmaps.any_within(empty, 0, [Span(0, DAY_MS)]).shape == (0, 1)


def test_a_part_of_a_table_is_a_table() -> None:
    """Whoever keeps a year asks about a month of it."""
    rng = np.random.default_rng(7)
    year = rng.integers(0, 1 << 32, (3, 12, 3), np.uint32) | rng.integers(0, 1 << 32, (3, 12, 3), np.uint32)
    part = bitmaps.starts_with_room(year[:, 4:8], 5)
    for resource in range(3):
        days = [bitmaps.day_bits(year, resource, day) for day in range(4, 8)]
        assert [bitmaps.day_bits(part, resource, day) for day in range(4)] == room(days, 5)
