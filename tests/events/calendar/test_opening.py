"""When a schedule is open: windows, overrides, holidays, midnights, and two schedules at once."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.calendar.opening import always_open, intersection, open_in_all, open_spans
from events.calendar.quantum import DAY_MS, SLOT_MS, Span, on_grid
from events.calendar.zones import local_day_span
from events.catalog import WEEKDAYS, Schedule, Window
from events.clock import Instant
from tests.events.calendar.oracle import UNHURRIED, at, minutes_of, schedules

NINE_TO_FIVE = (Window(540, 1_020),)
YEAR_2027 = st.integers(at("2027-01-01T00:00Z") // SLOT_MS, at("2028-01-01T00:00Z") // SLOT_MS).map(
    lambda slot: slot * SLOT_MS
)
LENGTHS = st.integers(0, 5 * 96).map(lambda slots: slots * SLOT_MS)


def spans(*texts: str) -> tuple[Span, ...]:
    return tuple(Span(at(start), at(end)) for start, end in (text.split(" ") for text in texts))


def open_on(schedule: Schedule, date: str) -> tuple[Span, ...]:
    day = local_day_span(date, schedule.time_zone)
    return open_spans(schedule, day.start, day.end)


def test_windows_of_adjacent_days_are_one_over_midnight() -> None:
    """A bar that is open until two is not closed for an instant at twelve."""
    schedule = Schedule(
        "bar", "bar", "Europe/Berlin", weekly={"fri": (Window(1_320, 1_440),), "sat": (Window(0, 120),)}
    )
    assert open_spans(schedule, at("2026-12-10T00:00Z"), at("2026-12-13T00:00Z")) == spans(
        "2026-12-11T21:00Z 2026-12-12T01:00Z"
    )


def test_what_is_always_open_is_one_span() -> None:
    """Through every midnight and both changes of its clocks."""
    start, end = at("2027-01-01T00:00Z"), at("2028-01-01T00:00Z")
    assert open_spans(always_open("Europe/Berlin"), start, end) == (Span(start, end),)
    assert open_in_all((), start, end) == (Span(start, end),)


def test_an_override_is_said_of_its_very_date() -> None:
    """It closes a day, opens another, and opens a holiday too."""
    schedule = Schedule(
        "shop",
        "shop",
        "UTC",
        weekly=dict.fromkeys(WEEKDAYS[:5], NINE_TO_FIVE),
        overrides={"2026-12-22": (), "2026-12-26": (Window(600, 660),), "2026-12-27": (Window(600, 720),)},
        holidays={"2026-12-25": "Christmas Day", "2026-12-26": "Boxing Day"},
    )
    assert open_on(schedule, "2026-12-21") == spans("2026-12-21T09:00Z 2026-12-21T17:00Z")
    assert open_on(schedule, "2026-12-22") == ()
    assert open_on(schedule, "2026-12-25") == ()
    assert open_on(schedule, "2026-12-26") == spans("2026-12-26T10:00Z 2026-12-26T11:00Z")
    assert open_on(schedule, "2026-12-27") == spans("2026-12-27T10:00Z 2026-12-27T12:00Z")


def test_the_day_that_apia_skipped_is_no_break() -> None:
    """Its windows are nowhere; the days around it meet."""
    apia = Schedule("apia", "apia", "Pacific/Apia", weekly=dict.fromkeys(WEEKDAYS, NINE_TO_FIVE))
    start, end = at("2011-12-29T10:00Z"), at("2011-12-31T10:00Z")
    assert open_spans(apia, start, end) == spans(
        "2011-12-29T19:00Z 2011-12-30T03:00Z", "2011-12-30T19:00Z 2011-12-31T03:00Z"
    )
    assert open_on(apia, "2011-12-30") == ()
    assert open_spans(always_open("Pacific/Apia"), start, end) == (Span(start, end),)


def test_an_evening_that_comes_back_after_midnight_is_open_again() -> None:
    """Asked from midnight on as well: in St John's the clocks went from 00:01 back to 23:01."""
    late = Schedule("late", "late", "America/St_Johns", overrides={"2010-11-06": (Window(1_380, 1_440),)})
    assert open_spans(late, at("2010-11-07T00:00Z"), at("2010-11-07T05:00Z")) == spans(
        "2010-11-07T01:30Z 2010-11-07T03:30Z"
    )
    assert open_on(late, "2010-11-07") == spans("2010-11-07T02:30Z 2010-11-07T03:30Z")


def test_windows_that_overlap_are_one() -> None:
    """Also when one lies in the other."""
    schedule = Schedule("s", "s", "UTC", weekly={"mon": (Window(540, 720), Window(570, 600), Window(660, 780))})
    assert open_on(schedule, "2026-12-07") == spans("2026-12-07T09:00Z 2026-12-07T13:00Z")


def test_lord_howe_changes_by_half_an_hour() -> None:
    """A window over the fold is half an hour longer, one over the gap half an hour shorter."""
    night = Schedule("night", "night", "Australia/Lord_Howe", weekly=dict.fromkeys(WEEKDAYS, (Window(60, 180),)))
    lengths = {
        date: sum(span.end - span.start for span in open_on(night, date)) // SLOT_MS
        for date in ("2027-04-03", "2027-04-04", "2027-10-03")
    }
    assert lengths == {"2027-04-03": 8, "2027-04-04": 10, "2027-10-03": 6}


def test_off_the_grid_a_slot_is_open_only_as_a_whole() -> None:
    """Monrovia was 44 minutes and 30 seconds behind until 1972; its midnights broke nothing even so."""
    day = Schedule("day", "day", "Africa/Monrovia", weekly=dict.fromkeys(WEEKDAYS, NINE_TO_FIVE))
    assert open_spans(day, at("1971-06-01T00:00Z"), at("1971-06-02T00:00Z")) == spans(
        "1971-06-01T09:45Z 1971-06-01T17:30Z"
    )
    start, end = at("1971-06-01T00:00Z"), at("1971-06-05T00:00Z")
    assert open_spans(always_open("Africa/Monrovia"), start, end) == (Span(start, end),)
    cut = at("1971-06-02T00:44Z")
    assert open_spans(always_open("Africa/Monrovia"), start, cut) == (Span(start, cut),)


@pytest.mark.parametrize("year", [1905, 2026, 2600, 9_998])
def test_hours_are_kept_in_any_year(year: int) -> None:
    """The clocks of the zone say when, whether a table or a rule knows them."""
    shop = Schedule("shop", "shop", "America/New_York", weekly=dict.fromkeys(WEEKDAYS, NINE_TO_FIVE))
    assert open_on(shop, f"{year}-01-15") == spans(f"{year}-01-15T14:00Z {year}-01-15T22:00Z")


@UNHURRIED
@given(schedules(), YEAR_2027, LENGTHS, LENGTHS)
def test_a_range_is_open_as_its_parts_are(schedule: Schedule, start: Instant, first: int, second: int) -> None:
    """Wherever it is cut; and what is open is in order, apart, inside and on the grid."""
    cut, end = start + first, start + first + second
    whole = open_spans(schedule, start, end)
    parts = open_spans(schedule, start, cut) + open_spans(schedule, cut, end)
    assert minutes_of(whole) == minutes_of(parts)
    assert all(start <= span.start < span.end <= end and on_grid(span.start) and on_grid(span.end) for span in whole)
    assert all(one.end < other.start for one, other in pairwise(whole))


@UNHURRIED
@given(schedules(), schedules(), YEAR_2027, LENGTHS)
def test_both_are_open_when_each_is(one: Schedule, other: Schedule, start: Instant, length: int) -> None:
    """Minute by minute, in either order."""
    end = start + length
    each = [open_spans(schedule, start, end) for schedule in (one, other)]
    both = minutes_of(each[0]) & minutes_of(each[1])
    assert minutes_of(open_in_all((one, other), start, end)) == both
    assert intersection(*each) == intersection(*reversed(each))


@UNHURRIED
@given(schedules(), YEAR_2027)
def test_an_equal_schedule_is_open_at_the_same_times(schedule: Schedule, start: Instant) -> None:
    """What is remembered goes by identity; what is answered does not."""
    copy = msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)
    assert copy is not schedule
    assert open_spans(copy, start, start + 3 * DAY_MS) == open_spans(schedule, start, start + 3 * DAY_MS)


def test_a_changed_schedule_is_not_answered_from_memory() -> None:
    """A thousand schedules that come and go, each with hours of its own."""
    for opens in range(0, 1_380, 15):
        schedule = Schedule("s", "s", "UTC", weekly={"mon": (Window(opens, opens + 60),)})
        (span,) = open_on(schedule, "2026-12-07")
        assert span.start == at("2026-12-07T00:00Z") + opens * 60_000
        del schedule
