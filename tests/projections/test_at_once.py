"""What changed at once is told at once: of each topic as one, where that leads to the same."""

from __future__ import annotations

from projections.bookings import BookingsChanged
from projections.catalog import CatalogChanged
from projections.folding import Change, Delta, at_once, joined
from projections.room_topics import RoomChanged
from tests.projections.story import ORG

ROWS = BookingsChanged(())


def change(topic: str, before: int, after: int, delta: Delta = ROWS) -> Change:
    return Change(ORG, topic, before, after, delta)


def steps(changes: list[Change]) -> list[tuple[str, int, int]]:
    return [(one.topic, one.before, one.after) for one in changes]


def test_a_topic_is_told_once_from_where_it_began_to_where_it_led() -> None:
    """Whatever else is told between."""
    told = at_once([change("a", 1, 5), change("b", 2, 5), change("a", 5, 6), change("a", 6, 7), change("b", 5, 7)])
    assert steps(told) == [("a", 1, 7), ("b", 2, 7)]


def test_what_does_not_go_on_stays_apart() -> None:
    """Somebody who stands at the first end would miss what is between."""
    apart = [change("a", 1, 5), change("a", 6, 7)]
    assert at_once(apart) == apart and joined(*apart) is None


def test_what_cannot_be_one_stays_apart_and_in_order() -> None:
    """And another organisation's topic of that name is another topic."""
    whole = [change("a", 1, 5, CatalogChanged()), change("a", 5, 6, CatalogChanged())]
    assert at_once(whole) == whole
    elsewhere = [change("a", 1, 5), Change("other", "a", 5, 6, ROWS)]
    assert at_once(elsewhere) == elsewhere


def test_what_is_gathered_later_is_left_as_it_is() -> None:
    """Whoever gathers says from which change on something waits."""
    waits = [change("room/r", 1, 5, RoomChanged(phase="open")), change("room/r", 5, 6, RoomChanged(phase="open"))]
    assert at_once(waits) == waits
