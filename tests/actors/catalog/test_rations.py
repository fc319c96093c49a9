"""What bookings may stand on shrinks or goes in two steps, with a look at the bookings in between."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.catalog import (
    CATALOG,
    LiftRation,
    PutEventType,
    PutResource,
    RationResource,
    RemoveEventType,
    RetireResource,
)
from actors.catalog.rations import CLOCKS_DIFFER_MS, SETTLED_MS
from actors.runtime.limits import CLOCK_AHEAD_MS_MAX
from actors.specification import Given, given
from events.catalog import (
    EventType,
    EventTypePut,
    EventTypeRemoved,
    Linked,
    RationLifted,
    Resource,
    ResourcePut,
    ResourceRationed,
    ResourceRetired,
    Unlinked,
)

ROOM = Resource("room", "room", "UTC", 5)
VISIT = EventType("visit", "visit")
SMALLER = PutResource("room", "UTC", capacity=3)
LINKED = (ResourcePut(ROOM), EventTypePut(VISIT), Linked("visit", "room"))


def linked(*facts: Any, at: int = 0) -> Given[Any, Any, Any, Any]:
    return given(CATALOG, *LINKED, *facts, at=at)


def test_what_nothing_was_ever_linked_to_goes_at_once() -> None:
    """It has no bookings."""
    given(CATALOG, ResourcePut(ROOM)).when(SMALLER).then(ResourcePut(Resource("room", "room", "UTC", 3)))
    given(CATALOG, ResourcePut(ROOM)).when(RetireResource("room")).then(ResourceRetired("room"))
    given(CATALOG, EventTypePut(VISIT)).when(RemoveEventType("visit")).then(EventTypeRemoved("visit"))


def test_what_may_be_booked_does_not_shrink_unseen() -> None:
    """Nor go, nor by unlinking it before; growing is nobody's loss."""
    for facts in ((), (Unlinked("visit", "room"),)):
        linked(*facts).when(SMALLER).then_refused("still_bookable")
        linked(*facts).when(RetireResource("room")).then_refused("still_bookable")
        linked(*facts).when(RemoveEventType("visit")).then_refused("still_bookable")
    linked().when(PutResource("room", "UTC", capacity=6)).then(ResourcePut(Resource("room", "room", "UTC", 6)))


def test_a_ration_comes_first() -> None:
    """And has to be known everywhere before anything is built on it."""
    settled = {"id": "room", "most": 3, "settled_after_ms": SETTLED_MS}
    linked().when(RationResource("room", 3)).then(ResourceRationed("room", 3)).replies(settled)
    rationed = linked(ResourceRationed("room", 3), at=100)
    rationed.when(RationResource("room", 3)).then_nothing(reply=settled)
    rationed.when(SMALLER, at=100 + SETTLED_MS - 1).then_refused("not_settled")
    put = ResourcePut(Resource("room", "room", "UTC", 3))
    known = 100 + SETTLED_MS
    for looked_at in (0, known - 1):
        rationed.when(msgspec.structs.replace(SMALLER, looked_at=looked_at), at=known).then_refused("not_looked")
    rationed.when(msgspec.structs.replace(SMALLER, looked_at=known), at=known).then(put)
    rationed.when(PutResource("room", "UTC", capacity=2, looked_at=known), at=known).then_refused("still_bookable")
    assert rationed.given(put, at=200).state().rations == {}


def test_clocks_differ_by_what_a_host_puts_up_with() -> None:
    """A sender or host whose clock is further ahead is refused: so no two say more different instants."""
    assert CLOCKS_DIFFER_MS == CLOCK_AHEAD_MS_MAX


def test_a_stricter_ration_counts_from_its_own_time() -> None:
    """Three for long does not make none settled."""
    stricter = linked(ResourceRationed("room", 3)).given(ResourceRationed("room", 0), at=SETTLED_MS)
    stricter.when(RetireResource("room"), at=SETTLED_MS).then_refused("not_settled")
    gone = RetireResource("room", 2 * SETTLED_MS)
    stricter.when(gone, at=2 * SETTLED_MS).then(ResourceRetired("room"))


def test_a_ration_is_lifted() -> None:
    """When more turned out to be reserved; again is harmless."""
    linked(ResourceRationed("room", 3)).when(LiftRation("room")).then(RationLifted("room"))
    linked().when(LiftRation("room")).then_nothing()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RationResource("room", 5), "bad_ration"),
        (RationResource("attic", 1), "unknown_resource"),
        (LiftRation("attic"), "unknown_resource"),
    ],
)
def test_a_ration_is_less_than_there_is(command: RationResource | LiftRation, code: str) -> None:
    """Of something that is there."""
    linked().when(command).then_refused(code)


def test_an_event_type_goes_when_it_has_long_been_inactive() -> None:
    """Made active in between, it starts anew."""
    inactive = EventTypePut(EventType("visit", "visit", active=False))
    linked(inactive, at=5).when(RemoveEventType("visit"), at=4 + SETTLED_MS).then_refused("not_settled")
    linked(inactive, at=5).when(RemoveEventType("visit"), at=5 + SETTLED_MS).then_refused("not_looked")
    looked = RemoveEventType("visit", 5 + SETTLED_MS)
    linked(inactive, at=5).when(looked, at=5 + SETTLED_MS).then(EventTypeRemoved("visit"))
    again = linked(inactive, at=5).given(EventTypePut(VISIT), at=6).given(inactive, at=7)
    again.when(RemoveEventType("visit"), at=6 + SETTLED_MS).then_refused("not_settled")
    again.when(PutEventType("visit"), at=8).then(EventTypePut(EventType("visit", "visit")))
