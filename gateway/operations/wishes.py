"""Wishes as clients say them: which event type, of what, when, with what along."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from actors.booking.asking import bookable, minutes_of
from actors.decider import Refusal
from events.calendar.moments import moment_of
from events.calendar.quantum import MINUTE_MS
from events.calendar.zones import zone
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from events.day import Item, Wish
from gateway.calls import Call, agreed
from gateway.limits import ITEMS_MAX
from gateway.operations.passing import ticket_for

Id: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["studio-north"])]
Moment: TypeAlias = Annotated[
    str,
    Meta(
        description="An instant with its offset, or a local time by the clocks of `tz`.",
        examples=["2026-12-07T10:00:00+01:00", "2026-12-07T10:00"],
        max_length=40,
    ),
]
Zone: TypeAlias = Annotated[
    str,
    Meta(description="An IANA time zone; the resource's own, if empty.", examples=["Europe/Berlin"], max_length=64),
]
Minutes: TypeAlias = Annotated[int, Meta(ge=1, le=10_080, examples=[60])]
Units: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]


class Along(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of something that is booked together with the resource."""

    resource: Id
    units: Units = 1
    """How many of them."""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is wanted, when, and with what along."""

    event_type: Annotated[Id, Meta(examples=["session"])]
    """The slug of the way of booking."""
    resource: Id
    start: Moment
    duration: Minutes | None = None
    """In minutes; the event type's first, if none."""
    tz: Zone = ""
    units: Units = 1
    """How many of the resource."""
    along: Annotated[tuple[Along, ...], Meta(max_length=ITEMS_MAX - 1)] = ()
    """What is booked together with it."""


class Understood(msgspec.Struct, frozen=True):
    """A wish, with what it is about. `catalog` is where that changed last."""

    event_type: EventType
    resource: Resource
    wish: Wish
    tz: str
    catalog: int

    @property
    def end(self) -> Instant:
        return self.wish.start + self.wish.minutes * MINUTE_MS


async def understood(call: Call, wanted: Wanted) -> Understood:
    found = await way_of(call, wanted.event_type, wanted.resource, wanted.duration)
    event_type, resource = found.event_type, found.resource
    tz = zone(wanted.tz or resource.time_zone)
    items = (Item(wanted.resource, wanted.units), *(Item(one.resource, one.units) for one in wanted.along))
    admitted = await ticket_for(call, event_type.room) if event_type.room else ""
    wish = Wish(event_type.slug, moment_of(wanted.start, tz), found.minutes, items, admitted)
    return Understood(event_type, resource, wish, tz, found.catalog)


class Way(msgspec.Struct, frozen=True):
    """How something is booked: the event type, of what, for how long. `catalog` is where that changed last."""

    event_type: EventType
    resource: Resource
    minutes: int
    catalog: int


async def way_of(call: Call, event_type: str, resource: str, duration: int | None) -> Way:
    """Asked for anew, and no older than the client has seen, before somebody is told that there is no such thing."""
    found = _way(*await call.edge.catalogs.of(call), event_type, resource, duration)
    if isinstance(found, Refusal):
        call.edge.catalogs.forget(call.org)
        found = agreed(_way(*await call.edge.catalogs.of(call, call.at_least), event_type, resource, duration))
    return found


def _way(catalog: Catalog, sequence: int, event_type: str, resource: str, duration: int | None) -> Way | Refusal:
    found = bookable(catalog, event_type, resource)
    if isinstance(found, Refusal):
        return found
    minutes = minutes_of(found[0], duration)
    return minutes if isinstance(minutes, Refusal) else Way(*found, minutes, sequence)
