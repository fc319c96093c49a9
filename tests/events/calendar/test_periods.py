"""What quotas count by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from events.calendar.periods import Periods, periods_of
from events.calendar.zones import local_day_span
from events.catalog import Quota
from tests.events.calendar.oracle import CHANGING, UNHURRIED, at


def test_an_instant_counts_by_the_clocks_of_the_zone() -> None:
    """The same instant is Monday in Berlin and Sunday in New York."""
    instant = at("2026-12-07T00:30+01:00")
    assert periods_of(instant, "Europe/Berlin") == Periods("2026-12-07", "2026-W50", "2026-12")
    assert periods_of(instant, "America/New_York") == Periods("2026-12-06", "2026-W49", "2026-12")


def test_a_week_is_not_cut_in_two_by_new_year() -> None:
    """Its key has the year that most of it lies in."""
    weeks = {periods_of(at(f"{date}T12:00Z"), "UTC").week for date in ("2026-12-28", "2026-12-31", "2027-01-03")}
    assert weeks == {"2026-W53"}
    assert periods_of(at("2027-01-04T00:00Z"), "UTC").week == "2027-W01"
    assert periods_of(at("2024-12-30T00:00Z"), "UTC").week == "2025-W01"


@UNHURRIED
@given(st.sampled_from(CHANGING), st.integers(at("2026-01-01T00:00Z"), at("2030-01-01T00:00Z")))
def test_the_day_of_an_instant_is_the_local_day_that_it_lies_in(tz: str, instant: int) -> None:
    """Quotas, queries and schedules mean the same by a day."""
    span = local_day_span(periods_of(instant, tz).day, tz)
    assert span.start <= instant < span.end


def test_every_limit_of_a_quota_has_its_period() -> None:
    """By the same name."""
    assert Periods.__struct_fields__ == Quota.__struct_fields__
