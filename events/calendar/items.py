"""Items: what may be booked together by an event type, whenever it is.

The judges and the read models ask the same here, so what is shown as possible is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from events.calendar.offers import Schedules, occupied, schedules_of
from events.calendar.quantum import shares
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from events.day import Item
from events.waiting.sessions import ticket_of

ITEMS_MAX: Final = 32
PARTIES_MAX: Final = 30
"""Days of all items together. A move asks twice as many, and quotas besides: no more than one transaction may span."""


class Unfit(NamedTuple):
    """What stands against it: a stable code, and a sentence."""

    code: str
    sentence: str


def offered(catalog: Catalog, slug: str) -> EventType | Unfit:
    event_type = catalog.event_types.get(slug)
    if event_type is None:
        return Unfit("unknown_event_type", f"there is no event type {slug!r}")
    if not event_type.active:
        return Unfit("inactive_event_type", f"{slug!r} is not on offer at the moment")
    return event_type


def guarded(event_type: EventType, admitted: str) -> Unfit | None:
    """Whether it takes a pass of a waiting room that they do not have."""
    if not event_type.room:
        return None
    ticket = ticket_of(admitted)
    if ticket is not None and ticket.room == event_type.room:
        return None
    return Unfit(
        "pass_needed", f"{event_type.slug!r} is behind the waiting room {event_type.room!r}: its pass is needed"
    )


def unfit_list(items: Sequence[Item]) -> Unfit | None:
    """What is wrong with the items as a list, if anything."""
    if not 1 <= len(items) <= ITEMS_MAX:
        return Unfit("bad_items", f"a booking has between 1 and {ITEMS_MAX} items")
    if len({item.resource for item in items}) < len(items):
        return Unfit("item_twice", "a resource is named once, with all of its units")
    return None


def unfit(catalog: Catalog, event_type: EventType, item: Item) -> Unfit | None:
    """What stands against one of them, if anything."""
    resource = catalog.active.get(item.resource)
    if resource is None:
        return Unfit("unknown_resource", f"there is no resource {item.resource!r}, or it is out of use")
    if not catalog.linked(event_type.slug, resource.id):
        return Unfit("not_linked", f"{resource.id!r} cannot be booked by {event_type.slug!r}")
    if item.units < 1:
        return Unfit("bad_units", "at least one unit is booked")
    if item.units > (units := catalog.units_of(resource)):
        return Unfit("over_capacity", f"{resource.id!r} has {units} units, not {item.units}")
    return None


def unfit_to_lead(leading: Resource) -> Unfit | None:
    if leading.standalone:
        return None
    return Unfit("only_with_another", f"{leading.id!r} is booked along with something else, never alone")


def too_many_days(event_type: EventType, items: Sequence[Item], start: Instant, minutes: int) -> Unfit | None:
    if len(items) * len(shares(occupied(event_type, start, minutes))) <= PARTIES_MAX:
        return None
    return Unfit("too_many_days", f"a booking touches at most {PARTIES_MAX} days of resources")


def schedules_together(catalog: Catalog, event_type: EventType, resources: Sequence[Resource]) -> Schedules:
    """All of them must be open; the leading resource's say by which clocks."""
    leading, *along = resources
    found = {schedule.id: schedule for schedule in schedules_of(catalog, event_type, leading)}
    for one in along:
        if one.schedule:
            found.setdefault(one.schedule, catalog.schedules[one.schedule])
    return tuple(found.values())
