"""The facts of an organisation's catalog: which resources it has."""

from __future__ import annotations

import msgspec

from events.facts import Fact, FactSet


class Resource(msgspec.Struct, frozen=True):
    """Something with a calendar of its own. `time_zone` is an IANA name; `capacity` counts units per slot."""

    id: str
    name: str
    time_zone: str
    capacity: int = 1


class ResourcePut(Fact, frozen=True):
    """The resource is as said from here on, whether it was there before or not."""

    resource: Resource


class ResourceRetired(Fact, frozen=True):
    """The resource takes no new bookings; its id stays taken, so that history keeps its meaning."""

    id: str


FACTS = FactSet[ResourcePut | ResourceRetired]((ResourcePut, ResourceRetired))
