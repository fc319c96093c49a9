"""Opening hours as people write them."""

from __future__ import annotations

import pytest

from events.catalog import WEEKDAYS, Window
from tidegate.hours import BadHours, override_from, spelled, weekly_from, window_from


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("mon-fri 09:00-17:00, sat 10:00-14:00", "mon-fri 09:00-17:00, sat 10:00-14:00"),
        ("mon-fri 9-12, 13-17", "mon-fri 09:00-12:00, 13:00-17:00"),
        ("daily 00:00-24:00", "daily 00:00-24:00"),
        ("SAT-MON 10:00-12:30", "mon 10:00-12:30, sat-sun 10:00-12:30"),
        ("wed 08:15–09:00", "wed 08:15-09:00"),
    ],
)
def test_hours_are_read_as_they_are_written(text: str, again: str) -> None:
    """In the order of the week, days that are alike together."""
    weekly = weekly_from(text)
    assert spelled(weekly) == again
    assert weekly_from(spelled(weekly)) == weekly
    assert list(weekly) == [day for day in WEEKDAYS if day in weekly]


def test_what_ends_before_it_begins_goes_on_over_midnight() -> None:
    """Cut there, in the week too: Sunday's night is Monday's morning."""
    assert weekly_from("sun 22:00-02:00") == {"mon": (Window(0, 120),), "sun": (Window(1_320, 1_440),)}
    assert weekly_from("fri 18:00-00:00") == {"fri": (Window(1_080, 1_440),)}


@pytest.mark.parametrize(
    "text",
    ["", ",", "09:00-17:00", "mon", "mun 9-17", "mon-xyz 9-17", "mon 9", "mon 9-25", "mon 24:00-02:00", "mon 9:60-10"],
)
def test_what_cannot_be_hours_is_refused(text: str) -> None:
    """With how they are written."""
    with pytest.raises(BadHours) as refused:
        weekly_from(text)
    assert "mon-fri 09:00-17:00" in refused.value.next_step


def test_an_override_closes_a_date_or_replaces_its_hours() -> None:
    """Several windows are joined by +."""
    assert override_from("2026-12-24") == ("2026-12-24", ())
    assert override_from("2026-12-31 10:00-12:00+13:00-14:00") == (
        "2026-12-31",
        (Window(600, 720), Window(780, 840)),
    )
    assert window_from("9-17:30") == (540, 1_050)
