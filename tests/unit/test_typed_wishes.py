"""What is typed of a wish: what can be booked by what, and for how long."""

from __future__ import annotations

import pytest

from events.catalog import Catalog, EventType, Resource
from tidegate.cli.booking.common import bookable, minutes_of
from tidegate.refused import Refused

VISIT = EventType("visit", "A visit", durations=(60, 120))
CATALOG = Catalog(
    active={"studio": Resource("studio", "Studio", "Europe/Berlin"), "apart": Resource("apart", "Apart", "UTC")},
    event_types={"visit": VISIT},
    links={"visit": ["studio"]},
)


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
