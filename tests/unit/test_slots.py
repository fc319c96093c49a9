"""Which starts are free, as one looks at them before asking."""

from __future__ import annotations

import pytest

from events.calendar.quantum import SLOTS
from events.catalog import Catalog, EventType, Resource, Schedule, Window
from tidegate.local_time import clock, instant_from
from tidegate.refused import Refused
from tidegate.slots import Room, bookable, dates_of, judged, minutes_of, offered

BERLIN = "Europe/Berlin"
NOW = 1_795_280_000_000
VISIT = EventType("visit", "A visit", durations=(60, 120), interval=60, buffer_after=30)
STUDIO = Resource("studio", "Studio", BERLIN, 2, schedule="hours")
CATALOG = Catalog(
    active={"studio": STUDIO, "apart": Resource("apart", "Apart", "UTC")},
    schedules={"hours": Schedule("hours", "Hours", BERLIN, {"mon": (Window(600, 840),)})},
    event_types={"visit": VISIT},
    links={"visit": ["studio"]},
)
MONDAY = "2026-11-23"
"""10:00 in Berlin is slot 36 of the UTC date."""


def counts(**slots: int) -> tuple[int, ...]:
    """`s36=1` is one unit in slot 36."""
    return tuple(slots.get(f"s{number}", 0) for number in range(SLOTS))


def table(room: Room, minutes: int = 60) -> list[tuple[str, str, int]]:
    starts = offered(CATALOG, VISIT, STUDIO, minutes, MONDAY, BERLIN, NOW)
    return [
        (clock(one.start, BERLIN), one.state, one.left)
        for one in judged(VISIT, STUDIO, starts, minutes, {MONDAY: room})
    ]


def test_an_empty_day_is_free_in_all_of_its_units() -> None:
    """As long as it is open, and no longer."""
    assert table(Room()) == [(f"{hour}:00", "free", 2) for hour in range(10, 14)]
    assert [row[0] for row in table(Room(), 120)] == ["10:00", "11:00", "12:00"]


def test_the_fullest_slot_of_a_visit_says_what_is_left_of_it() -> None:
    """Its buffers belong to it: what is taken at 12:15 is in the way of the visit from 11:00 to 12:00."""
    assert table(Room(used=counts(s45=1))) == [
        ("10:00", "free", 2), ("11:00", "free", 1), ("12:00", "free", 1), ("13:00", "free", 2)
    ]  # fmt: skip


def test_what_would_be_free_but_for_holds_is_held() -> None:
    """One booked and one held is held; both booked is full, whoever holds what besides."""
    room = Room(used=counts(s36=2, s42=2, s46=2), held=counts(s36=1, s46=2))
    assert [row[1] for row in table(room)] == ["held", "full", "held", "free"]


def test_what_is_blocked_is_full() -> None:
    """Whatever is left of it."""
    assert table(Room(blocked=counts(s36=1)))[0] == ("10:00", "full", 0)


def test_a_visit_over_midnight_asks_both_dates() -> None:
    """The second because of the buffer alone."""
    start = instant_from("2026-11-23 23:00", NOW, "UTC")
    assert dates_of(VISIT, [start], 60) == ("2026-11-23", "2026-11-24")
    assert dates_of(VISIT, [start - 3_600_000], 60) == ("2026-11-23",)


@pytest.mark.parametrize(
    ("event_type", "resource", "code"),
    [
        ("nothing", "studio", "unknown_event_type"),
        ("visit", "nowhere", "unknown_resource"),
        ("visit", "apart", "not_linked"),
    ],
)
def test_what_cannot_be_booked_is_refused_as_a_day_would(event_type: str, resource: str, code: str) -> None:
    """With the same codes."""
    with pytest.raises(Refused) as refused:
        bookable(CATALOG, event_type, resource)
    assert refused.value.code == code


def test_a_duration_is_one_of_those_that_are_offered() -> None:
    """The first, unless said."""
    assert minutes_of(VISIT, None) == 60
    assert minutes_of(VISIT, 120) == 120
    with pytest.raises(Refused, match="60, 120 minutes, not 45"):
        minutes_of(VISIT, 45)
