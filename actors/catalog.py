"""The catalog: one actor per organisation, `<org>.catalog`, that knows its resources.

A resource is put (added or changed), retired (it takes nothing new; its id stays taken, so that history keeps
its meaning) and put again. Listing is a question: it writes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from actors.decider import Command, Decider, Decision, Refusal
from events.catalog import FACTS, Catalog, CatalogFact, Resource, ResourcePut, ResourceRetired, take_in
from events.clock import Instant
from events.names import is_identifier


class PutResource(Command, frozen=True):
    """Add a resource, or change all of it. The same again changes nothing and is accepted."""

    id: str
    time_zone: str
    name: str = ""
    capacity: int = 1


class RetireResource(Command, frozen=True):
    """Take a resource out of use. Retiring what is retired already is accepted."""

    id: str


class ListResources(Command, frozen=True):
    """Which resources are there? Ordered by id; retired ones only when asked for."""

    retired: bool = False


class CatalogPolicy(msgspec.Struct, frozen=True):
    """The limits of one organisation's catalog."""

    resources_max: int = 10_000
    name_characters_max: int = 200
    capacity_max: int = 1_000_000


CatalogCommand = PutResource | RetireResource | ListResources


def decide(
    catalog: Catalog, command: CatalogCommand, at: Instant, policy: CatalogPolicy
) -> Decision[CatalogFact] | Refusal:
    match command:
        case PutResource():
            return _put(catalog, command, policy)
        case RetireResource(id):
            if id in catalog.retired:
                return Decision(reply={"id": id})
            if id not in catalog.active:
                return Refusal("unknown_resource", f"there is no resource {id!r}")
            return Decision((ResourceRetired(id),), {"id": id})
        case ListResources(retired):
            shown = catalog.active | catalog.retired if retired else catalog.active
            return Decision(reply={"resources": [shown[id] for id in sorted(shown)]})


def _put(catalog: Catalog, command: PutResource, policy: CatalogPolicy) -> Decision[CatalogFact] | Refusal:
    if not is_identifier(command.id):
        return Refusal("bad_identifier", f"{command.id!r} is not an identifier: a-z, 0-9, '-', '_', at most 64")
    if not _is_time_zone(command.time_zone):
        return Refusal(
            "unknown_time_zone", f"{command.time_zone!r} is not the name of a time zone such as Europe/Berlin"
        )
    if not 1 <= command.capacity <= policy.capacity_max:
        return Refusal("bad_capacity", f"a capacity is between 1 and {policy.capacity_max}, not {command.capacity}")
    if len(command.name) > policy.name_characters_max:
        return Refusal("name_too_long", f"a name has at most {policy.name_characters_max} characters")
    known = command.id in catalog.active or command.id in catalog.retired
    if not known and len(catalog.active) + len(catalog.retired) >= policy.resources_max:
        return Refusal(
            "too_many_resources", f"a catalog holds at most {policy.resources_max} resources, retired ones included"
        )
    resource = Resource(command.id, command.name or command.id, command.time_zone, command.capacity)
    if catalog.active.get(command.id) == resource:
        return Decision(reply=resource)
    return Decision((ResourcePut(resource),), resource)


@lru_cache(maxsize=1_024)
def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # how zoneinfo says no: unknown, malformed, or the name of a folder
        return False
    return True


def evolve(catalog: Catalog, fact: CatalogFact, at: Instant) -> Catalog:
    return take_in(catalog, fact)


CATALOG: Decider[Catalog, CatalogCommand, CatalogFact, CatalogPolicy] = Decider(
    kind="catalog",
    commands=(PutResource, RetireResource, ListResources),
    facts=FACTS,
    state=Catalog,
    initial=lambda _actor: Catalog(),
    decide=decide,
    evolve=evolve,
    policy=CatalogPolicy(),
)
