"""Clocks and local days: readings to instants and back, and days that divide time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.quantum import DAY_MS, MINUTE_MS, BadDate, Span, date_of_day, day_number, day_start
from events.calendar.zones import (
    UnknownZone,
    clock_minute,
    is_zone,
    left,
    local_date,
    local_day_span,
    local_month_dates,
    midnight,
    reached,
    reading,
    zone,
)
from tests.events.calendar.oracle import CHANGING, UNHURRIED, ZONES, at, shown

ANY_ZONE = st.sampled_from(CHANGING) | st.sampled_from(ZONES)
DAYS = st.integers(day_number("1971-01-01"), day_number("2100-01-01"))


@UNHURRIED
@given(ANY_ZONE, st.integers(at("1971-01-01T00:00Z"), at("2100-01-01T00:00Z")))
def test_a_clock_shows_what_the_standard_library_reads(tz: str, instant: int) -> None:
    """To the millisecond, whatever the zone's offset."""
    label = shown(instant - instant % 1_000, tz)
    assert reading(instant, tz) == at(label.replace(tzinfo=None).isoformat() + "Z") + instant % 1_000


@UNHURRIED
@given(ANY_ZONE, st.integers(at("1971-01-01T00:00Z"), at("2100-01-01T00:00Z")))
def test_what_a_clock_shows_now_was_reached_by_now_and_is_left_after(tz: str, instant: int) -> None:
    """An instant lies between the two answers for its own reading, and is both where a reading comes once."""
    shows = reading(instant, tz)
    assert reached(shows, tz) <= instant <= left(shows, tz) or left(shows, tz) == reached(shows, tz) < instant
    assert reading(reached(shows, tz), tz) == shows


def test_readings_in_a_gap_and_in_a_fold() -> None:
    """A gap's are reached and left where it ends; a fold's first and last; a fold's beginning is left when it
    begins."""
    tz, spring, autumn = "Europe/Berlin", at("2027-03-28T01:00Z"), at("2027-10-31T00:00Z")
    gap, fold = clock_minute(day_number("2027-03-28"), 150), clock_minute(day_number("2027-10-31"), 150)
    assert (reached(gap, tz), left(gap, tz)) == (spring, spring)
    assert (reached(fold, tz), left(fold, tz)) == (autumn + 30 * MINUTE_MS, autumn + 90 * MINUTE_MS)
    begins, ends = (fold + by * MINUTE_MS for by in (-30, 30))
    assert (reached(begins, tz), left(begins, tz)) == (autumn, autumn)
    assert (reached(ends, tz), left(ends, tz)) == (autumn + 120 * MINUTE_MS, autumn + 120 * MINUTE_MS)


@settings(UNHURRIED, max_examples=300)
@given(ANY_ZONE, DAYS)
def test_local_days_divide_time(tz: str, day: int) -> None:
    """Each begins where the one before ends, and has just the instants that are of its date."""
    span = local_day_span(date_of_day(day), tz)
    assert span == Span(midnight(day, tz), midnight(day + 1, tz))
    if span.start < span.end:
        assert local_date(span.start, tz) == local_date(span.end - 1, tz) == date_of_day(day)
        assert local_date(span.start - 1, tz) < date_of_day(day)
    assert 0 <= span.end - span.start <= 26 * 60 * MINUTE_MS


def test_an_evening_that_comes_back_after_midnight_belongs_to_the_new_day() -> None:
    """In St John's the clocks went from 00:01 back to 23:01 of the day before."""
    span = local_day_span("2010-11-07", "America/St_Johns")
    assert span.start == at("2010-11-07T02:30Z")
    assert shown(span.start + 30 * MINUTE_MS, "America/St_Johns").day == 6
    assert local_date(span.start + 30 * MINUTE_MS, "America/St_Johns") == "2010-11-07"


def test_the_date_that_apia_skipped_has_no_instants() -> None:
    """The month goes on without it."""
    skipped = local_day_span("2011-12-30", "Pacific/Apia")
    assert skipped == Span(at("2011-12-30T10:00Z"), at("2011-12-30T10:00Z"))
    dates = local_month_dates("2011-12", "Pacific/Apia")
    assert len(dates) == 30 and "2011-12-30" not in dates and dates[-1] == "2011-12-31"


def test_a_month_has_its_dates_in_order() -> None:
    """Leap years included; what is no month is refused like what is no date."""
    assert local_month_dates("2028-02", "Europe/Berlin") == tuple(f"2028-02-{day:02}" for day in range(1, 30))
    assert len(local_month_dates("2026-12", "Asia/Kathmandu")) == 31
    for month in ("", "2026", "2026-13", "2026-00", "2026-1", "2026-12-07", "1899-12", "9999-01"):
        with pytest.raises(BadDate):
            local_month_dates(month, "UTC")


def test_days_at_the_ends_of_what_is_bookable() -> None:
    """The first and the last date have spans in every zone; an instant beyond has no local date."""
    for tz in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"):
        for date in ("1900-01-01", "9998-12-31"):
            span = local_day_span(date, tz)
            assert abs(span.start - day_start(date)) < DAY_MS <= span.end - span.start
    with pytest.raises(BadDate):
        local_date(10**18, "UTC")


def test_a_zone_has_one_spelling() -> None:
    """Neither paths, nor other files of the database, nor this machine's own zone."""
    assert is_zone("Europe/Berlin") and is_zone("UTC")
    assert zone("Asia/Kolkata") == "Asia/Kolkata"
    for name in (
        "",
        "europe/berlin",
        "Europe",
        "../UTC",
        "/etc/localtime",
        "localtime",
        "posixrules",
        "tzdata.zi",
        "X\0",
    ):
        assert not is_zone(name), name
        with pytest.raises(UnknownZone):
            local_day_span("2026-12-07", name)
