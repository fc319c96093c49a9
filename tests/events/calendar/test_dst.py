"""The nights on which clocks change, in every zone of the database, against an oracle that steps real minutes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.opening import open_spans
from events.calendar.quantum import DAY_MS, MINUTE_MS, SLOT_MS, date_of
from events.catalog import Schedule, Window
from events.clock import Instant
from tests.events.calendar.oracle import CHANGING, UNHURRIED, ZONES, Minutes, changes, minutes_of, shown, windows

HOUR_MS = 60 * MINUTE_MS
YEAR = 2027
AROUND_MS = 40 * HOUR_MS
"""How far the oracle steps around a change; half a day less is compared, so that it sees windows whole."""
COMPARED_MS = 14 * HOUR_MS


def neighbourhoods() -> dict[tuple[int, int, int], list[str]]:
    """Zones by a change of theirs in the year, and the offsets before and after it, in minutes: those that share all
    three have the same clocks around it."""
    found: dict[tuple[int, int, int], list[str]] = {}
    for tz in ZONES:
        for change in changes(tz, YEAR):
            offsets = [shown(change + by, tz).utcoffset() for by in (-MINUTE_MS, 0)]
            before, after = (round(each.total_seconds() / 60) for each in offsets if each is not None)
            found.setdefault((change, before, after), []).append(tz)
    return found


NEIGHBOURHOODS = neighbourhoods()


def compare(minutes: Minutes, schedule: Schedule, around: Instant) -> None:
    """What is open around an instant is what the oracle says."""
    low, high = around - COMPARED_MS, around + COMPARED_MS
    expected = {minute for minute in minutes.open_minutes(schedule.overrides) if low <= minute < high}
    assert minutes_of(open_spans(schedule, low, high)) == expected, schedule


def telling_windows(clock: int) -> list[tuple[Window, ...]]:
    """Windows whose edges lie before, at, within and after what changes at a minute of the day."""
    edges = sorted({edge for by in (-60, -30, 0, 15, 30, 45, 60, 90) if 0 <= (edge := clock + by) <= 1_440})
    single = [(Window(start, end),) for start in edges for end in edges if start < end]
    return [*single, (Window(0, 1_440),), (Window(0, edges[1]), Window(edges[-2], 1_440)), ()]


def test_every_zone_whose_clocks_change_is_here() -> None:
    """A spring and an autumn for each, or a Ramadan; the rest of the database stands still that year."""
    zones = {tz for group in NEIGHBOURHOODS.values() for tz in group}
    assert set(CHANGING) - zones == set()
    assert len(zones) > 150
    counts = [sum(tz in group for group in NEIGHBOURHOODS.values()) for tz in zones]
    assert set(counts) == {2}


@pytest.mark.parametrize("neighbourhood", NEIGHBOURHOODS, ids=lambda each: f"{date_of(each[0])} {each[1]}-{each[2]}")
def test_a_window_covers_both_hours_of_a_fold_and_nothing_of_a_gap(neighbourhood: tuple[int, int, int]) -> None:
    """Wherever its edges lie, in every zone with this change."""
    change, before, after = neighbourhood
    clock = (change // MINUTE_MS + min(before, after)) % 1_440
    first, *others = NEIGHBOURHOODS[neighbourhood]
    minutes = Minutes(first, change - AROUND_MS, change + AROUND_MS)
    for of_day in telling_windows(clock):
        schedule = Schedule("hours", "hours", first, overrides=dict.fromkeys(minutes.by_date, of_day))
        compare(minutes, schedule, change)
        low, high = change - COMPARED_MS, change + COMPARED_MS
        spans = open_spans(schedule, low, high)
        for tz in others:
            other = Schedule("hours", "hours", tz, overrides=schedule.overrides)
            assert open_spans(other, low, high) == spans, tz


@settings(UNHURRIED, max_examples=60)
@given(st.sampled_from(ZONES), st.integers(0, 365 * 96), st.data())
def test_any_night_of_any_zone(tz: str, slot: int, data: st.DataObject) -> None:
    """Clocks that change and clocks that stand still: what is open is what the oracle says."""
    around = 1_798_761_600_000 + slot * SLOT_MS
    compare_anything(tz, around, data)


@settings(UNHURRIED, max_examples=60)
@given(st.sampled_from([(each, tz) for each, zones in NEIGHBOURHOODS.items() for tz in zones]), st.data())
def test_any_windows_around_any_change(where: tuple[tuple[int, int, int], str], data: st.DataObject) -> None:
    """Several windows a day, different from day to day."""
    (change, _, _), tz = where
    compare_anything(tz, change, data)


def compare_anything(tz: str, around: Instant, data: st.DataObject) -> None:
    minutes = Minutes(tz, around - AROUND_MS, around + AROUND_MS)
    overrides = {date: data.draw(windows()) for date in minutes.by_date}
    compare(minutes, Schedule("hours", "hours", tz, overrides=overrides), around)


@pytest.mark.parametrize("year", [2012, 2400, 9_000])
@pytest.mark.parametrize("tz", CHANGING)
def test_rules_hold_in_years_that_no_table_lists(tz: str, year: int) -> None:
    """Far in the future the rule goes on by which the clocks change today."""
    for change in changes(tz, year):
        minutes = Minutes(tz, change - AROUND_MS, change + AROUND_MS)
        for of_day in ((Window(0, 1_440),), (Window(60, 150),), (Window(0, 30), Window(105, 1_440))):
            compare(minutes, Schedule("hours", "hours", tz, overrides=dict.fromkeys(minutes.by_date, of_day)), change)


assert COMPARED_MS + DAY_MS <= AROUND_MS
