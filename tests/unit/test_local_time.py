"""Local time as people type and read it."""

from __future__ import annotations

import pytest

from events.calendar.moments import BadTime, local_iso
from events.calendar.quantum import BadDate
from events.calendar.zones import UnknownZone
from tidegate.local_time import clock, date_from, instant_from, range_shown, shown

BERLIN = "Europe/Berlin"
SATURDAY = 1_795_280_000_000
"""2026-11-21T16:53:20Z."""
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-12-07 10:00", "Mon 2026-12-07 10:00"),
        ("2026-12-07T10:00", "Mon 2026-12-07 10:00"),
        ("2026-12-07T10:00+00:00", "Mon 2026-12-07 11:00"),
        ("2026-12-07T10:00:00Z", "Mon 2026-12-07 11:00"),
        ("today 9:05", "Sat 2026-11-21 09:05"),
        ("Tomorrow 10:00", "Sun 2026-11-22 10:00"),
        ("sat 23:00", "Sat 2026-11-21 23:00"),
        ("tue 10:00", "Tue 2026-11-24 10:00"),
        ("fri 10:00", "Fri 2026-11-27 10:00"),
        ("+30 00:00", "Mon 2026-12-21 00:00"),
    ],
)
def test_a_time_is_read_by_the_clocks_of_its_zone(text: str, read: str) -> None:
    """Relative dates count from the local today."""
    assert shown(instant_from(text, SATURDAY, BERLIN), BERLIN) == read


def test_today_is_that_of_the_zone() -> None:
    """It is Sunday in Auckland already."""
    assert date_from("today", SATURDAY, "Pacific/Auckland") == "2026-11-22"
    assert date_from("today", SATURDAY, BERLIN) == "2026-11-21"


@pytest.mark.parametrize(
    "text", ["", "10:00", "2026-12-07", "2026-12-07 24:00", "2026-13-07 10:00", "someday 10:00", "2026-12-07T1:00+9"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """With how it is written."""
    with pytest.raises(BadTime):
        instant_from(text, SATURDAY, BERLIN)


def test_a_time_that_the_clocks_skip_is_not_guessed() -> None:
    """Nobody is told to come at half past two on that night."""
    with pytest.raises(BadTime, match="skip 2026-03-29 02:30"):
        instant_from("2026-03-29 02:30", SATURDAY, BERLIN)


def test_a_time_that_comes_twice_wants_its_offset() -> None:
    """Then it is one instant."""
    with pytest.raises(BadTime, match="twice"):
        instant_from("2026-10-25 02:30", SATURDAY, BERLIN)
    first = instant_from("2026-10-25T02:30+02:00", SATURDAY, BERLIN)
    assert instant_from("2026-10-25T02:30+01:00", SATURDAY, BERLIN) - first == HOUR_MS


def test_an_unknown_zone_is_an_error_of_its_own() -> None:
    """Not of the time."""
    with pytest.raises(UnknownZone):
        instant_from("today 10:00", SATURDAY, "Mars/Base")
    assert not issubclass(UnknownZone, BadTime | BadDate)


def test_times_are_shown_as_short_as_they_are_clear() -> None:
    """The date of the end only where it is another."""
    start = instant_from("2026-12-07 22:00", SATURDAY, BERLIN)
    assert range_shown(start, start + HOUR_MS, BERLIN) == "Mon 2026-12-07 22:00–23:00"
    assert range_shown(start, start + 3 * HOUR_MS, BERLIN) == "Mon 2026-12-07 22:00–Tue 2026-12-08 01:00"
    assert clock(start, "UTC") == "21:00"
    assert local_iso(start, BERLIN) == "2026-12-07T22:00:00+01:00"
    assert instant_from(local_iso(start, BERLIN), SATURDAY, "UTC") == start
