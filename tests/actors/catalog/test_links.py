"""The rules of the catalog about links: which event type can book which resource."""

from __future__ import annotations

import pytest

from actors.catalog import (
    CATALOG,
    CatalogCommand,
    CatalogPolicy,
    Link,
    ListEventTypes,
    ListResources,
    PutEventType,
    PutResource,
    ShowResource,
    Unlink,
)
from actors.specification import Given, given
from events.catalog import (
    Catalog,
    CatalogFact,
    EventType,
    EventTypePut,
    EventTypeRemoved,
    Linked,
    Resource,
    ResourcePut,
    ResourceRetired,
    Unlinked,
    take_in,
)

STUDIO = Resource("studio", "studio", "UTC")
ATTIC = Resource("attic", "attic", "UTC")
TALK = EventType("talk", "talk")
VISIT = EventType("visit", "visit")


def stage(*facts: CatalogFact) -> Given[Catalog, CatalogCommand, CatalogFact, CatalogPolicy]:
    """Two resources and two event types, and then these facts."""
    return given(CATALOG, ResourcePut(STUDIO), ResourcePut(ATTIC), EventTypePut(VISIT), EventTypePut(TALK), *facts)


def test_a_resource_is_linked() -> None:
    """Once: linking what is linked changes nothing."""
    reply = {"event_type": "visit", "resource": "studio"}
    stage().when(Link("visit", "studio")).then(Linked("visit", "studio")).replies(reply)
    stage(Linked("visit", "studio")).when(Link("visit", "studio")).then_nothing(reply=reply)


def test_a_resource_is_unlinked() -> None:
    """Once: unlinking what isn't linked changes nothing."""
    reply = {"event_type": "visit", "resource": "studio"}
    stage(Linked("visit", "studio")).when(Unlink("visit", "studio")).then(Unlinked("visit", "studio")).replies(reply)
    stage().when(Unlink("visit", "studio")).then_nothing(reply=reply)
    stage(Linked("talk", "studio"), Linked("visit", "attic")).when(Unlink("visit", "studio")).then_nothing(reply=reply)


@pytest.mark.parametrize("command", [Link, Unlink])
def test_both_ends_are_there(command: type[Link | Unlink]) -> None:
    """What is unknown, removed or retired is neither linked nor unlinked."""
    stage().when(command("tour", "studio")).then_refused("unknown_event_type")
    stage().when(command("visit", "cellar")).then_refused("unknown_resource")
    stage(ResourceRetired("studio")).when(command("visit", "studio")).then_refused("retired_resource")
    linked = stage(Linked("visit", "studio"))
    linked.given(ResourceRetired("studio"), at=1).when(command("visit", "studio")).then_refused("retired_resource")
    linked.given(EventTypeRemoved("visit"), at=1).when(command("visit", "studio")).then_refused("unknown_event_type")


def test_there_are_only_so_many() -> None:
    """Of all event types together. What is linked already needs no room, and unlinking makes some."""
    policy = CatalogPolicy(links_max=2)
    full = stage(Linked("visit", "studio"), Linked("talk", "studio"))
    full.when(Link("visit", "attic"), policy=policy).then_refused("too_many_links")
    full.when(Link("visit", "studio"), policy=policy).then_nothing()
    full.when(Unlink("visit", "studio"), policy=policy).then(Unlinked("visit", "studio"))
    full.given(Unlinked("visit", "studio"), at=1).when(Link("visit", "attic"), policy=policy).then(
        Linked("visit", "attic")
    )


def test_they_are_shown_from_both_ends() -> None:
    """By event type and by resource, in order."""
    linked = stage(Linked("visit", "studio"), Linked("visit", "attic"), Linked("talk", "studio"))
    linked.when(ListEventTypes()).then_nothing(
        reply={"event_types": [TALK, VISIT], "links": {"talk": ["studio"], "visit": ["attic", "studio"]}}
    )
    linked.when(ListResources()).then_nothing(
        reply={"resources": [ATTIC, STUDIO], "links": {"attic": ["visit"], "studio": ["talk", "visit"]}, "retired": []}
    )
    linked.when(ShowResource("studio")).then_nothing(
        reply={"resource": STUDIO, "event_types": ["talk", "visit"], "retired": False}
    )


def test_a_retired_resource_keeps_its_links_and_cannot_be_booked() -> None:
    """So event types don't show it; it is linked as before when it is put again."""
    retired = stage(Linked("visit", "studio"), Linked("visit", "attic"), ResourceRetired("studio"))
    retired.when(ListEventTypes(after="talk")).then_nothing(
        reply={"event_types": [VISIT], "links": {"visit": ["attic"]}}
    )
    retired.when(ShowResource("studio")).then_nothing(
        reply={"resource": STUDIO, "event_types": ["visit"], "retired": True}
    )
    back = retired.given(ResourcePut(STUDIO), at=1)
    back.when(ListEventTypes(after="talk")).then_nothing(
        reply={"event_types": [VISIT], "links": {"visit": ["attic", "studio"]}}
    )


def test_changing_either_end_leaves_them() -> None:
    """Links are said apart from what they link."""
    linked = stage(Linked("visit", "studio"))
    for change in (PutEventType("visit", "Another"), PutResource("studio", "UTC", "Another")):
        outcome = CATALOG.decide(linked.state(), change, 0, CatalogPolicy())
        catalog = linked.state()
        for fact in outcome.facts:  # type: ignore[union-attr]
            take_in(catalog, fact, 0)
        assert catalog.links == {"visit": ["studio"]}


def test_an_event_type_takes_its_links_with_it() -> None:
    """One that comes back under the same slug has none."""
    again = stage(Linked("visit", "studio"), EventTypeRemoved("visit"), EventTypePut(VISIT))
    again.when(ListEventTypes(after="talk")).then_nothing(reply={"event_types": [VISIT], "links": {"visit": []}})
    again.when(ShowResource("studio")).replies({"resource": STUDIO, "event_types": [], "retired": False})


def test_links_are_kept_in_order_without_repeats() -> None:
    """However they came: who folds the facts can rely on it."""
    catalog = Catalog()
    for resource in ("c", "a", "b", "a", "c"):
        take_in(catalog, Linked("visit", resource), 0)
    assert catalog.links == {"visit": ["a", "b", "c"]}
    assert [catalog.linked("visit", id) for id in ("", "a", "b", "c", "d")] == [False, True, True, True, False]
    assert not catalog.linked("talk", "a")
