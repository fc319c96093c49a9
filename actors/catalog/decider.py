"""The catalog: one actor per organisation, `<org>.catalog`, that knows its resources, schedules and event types.

A resource is put (added or changed), retired (it takes nothing new; its id stays taken, so that history keeps its
meaning) and put again. Schedules and event types are put and removed: bookings carry what they were made under.
Links say which event type can book which resource. Listing and showing are questions: they write nothing.

What this decider cannot know is what is booked: that stands in other actors. So what bookings may stand on shrinks or
goes in two steps, between which whoever asks for it looks at the bookings: see `rations`.

Public holidays are worked out when a schedule is put and recorded with it, for this year and those after. So they must
be worked out anew each year: the catalog wakes at new year, UTC, while any schedule has a region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from actors.catalog.checks import check_event_type, check_resource, check_schedule, merged, shown
from actors.catalog.commands import (
    COMMANDS,
    CatalogCommand,
    LiftRation,
    Link,
    ListEventTypes,
    ListResources,
    ListSchedules,
    PutEventType,
    PutResource,
    PutSchedule,
    RationResource,
    RemoveEventType,
    RemoveSchedule,
    RetireResource,
    ShowResource,
    Unlink,
)
from actors.catalog.limits import RENEWED_BYTES_MAX, CatalogPolicy
from actors.catalog.rations import ration, still_bookable, still_offered
from actors.catalog.regions import holidays_of, new_year, year_of
from actors.decider import Decider, Decision, Refusal, Tick
from events.catalog import (
    FACTS,
    WEEKDAYS,
    Catalog,
    CatalogFact,
    EventType,
    EventTypePut,
    EventTypeRemoved,
    Linked,
    Resource,
    ResourcePut,
    ResourceRetired,
    Schedule,
    SchedulePut,
    ScheduleRemoved,
    Unlinked,
    take_in,
)
from events.clock import Instant
from events.codec import canonical

T = TypeVar("T")
_USERS_NAMED: Final = 5


def decide(
    catalog: Catalog, command: CatalogCommand | Tick, at: Instant, policy: CatalogPolicy
) -> Decision[CatalogFact] | Refusal:
    match command:
        case PutResource():
            return _put_resource(catalog, command, at, policy)
        case RetireResource(id, looked_at):
            return _retire(catalog, id, at, looked_at)
        case RationResource() | LiftRation():
            return ration(catalog, command)
        case ListResources():
            return _list_resources(catalog, command)
        case ShowResource(id):
            return _show_resource(catalog, id)
        case PutSchedule():
            return _put_schedule(catalog, command, at, policy)
        case RemoveSchedule(id):
            return _remove_schedule(catalog, id)
        case ListSchedules(after, most):
            return Decision(reply={"schedules": list(_page(catalog.schedules, after, most).values())})
        case PutEventType():
            return _put_event_type(catalog, command, policy)
        case RemoveEventType(slug, looked_at):
            if slug not in catalog.event_types:
                return _unknown_event_type(slug)
            return still_offered(catalog, slug, at, looked_at) or Decision((EventTypeRemoved(slug),), {"slug": slug})
        case ListEventTypes(after, most):
            return _list_event_types(catalog, after, most)
        case Link() | Unlink():
            return _link(catalog, command, policy)
        case Tick():
            return _renew_holidays(catalog, at)


def wake(catalog: Catalog) -> Instant | None:
    """The new year at which some schedule's present year ends."""
    since = [schedule.holidays_since for schedule in catalog.schedules.values() if schedule.region]
    return new_year(min(since) + 1) if since else None


def evolve(catalog: Catalog, fact: CatalogFact, at: Instant) -> Catalog:
    return take_in(catalog, fact, at)


# ------------------------------------------------------------------------------------------------- resources


def _put_resource(
    catalog: Catalog, command: PutResource, at: Instant, policy: CatalogPolicy
) -> Decision[CatalogFact] | Refusal:
    id = command.id
    resource = Resource(  # field by field: it is put more often than the others, and this takes a fifth of the time
        id,
        command.name or id,
        command.time_zone,
        command.capacity,
        command.type,
        command.description,
        command.schedule,
        command.standalone,
        command.metadata,
    )
    if refusal := check_resource(resource, policy) or _schedule_missing(catalog, resource.schedule):
        return refusal
    known = id in catalog.active or id in catalog.retired
    if not known and len(catalog.active) + len(catalog.retired) >= policy.resources_max:
        return _full("resources, retired ones included", "too_many_resources", policy.resources_max)
    if catalog.active.get(id) == resource:
        return Decision(reply=resource)
    if refusal := still_bookable(catalog, id, resource.capacity, at, command.looked_at):
        return refusal
    return Decision((ResourcePut(resource),), resource)


def _retire(catalog: Catalog, id: str, at: Instant, looked_at: Instant) -> Decision[CatalogFact] | Refusal:
    if id in catalog.retired:
        return Decision(reply={"id": id})
    if id not in catalog.active:
        return _unknown_resource(id)
    return still_bookable(catalog, id, 0, at, looked_at) or Decision((ResourceRetired(id),), {"id": id})


def _list_resources(catalog: Catalog, command: ListResources) -> Decision[CatalogFact]:
    everything = catalog.active | catalog.retired if command.retired else catalog.active
    resources = _page(everything, command.after, command.most)
    links: dict[str, list[str]] = {id: [] for id in resources}
    for slug in sorted(catalog.links):
        for id in catalog.links[slug]:
            if id in links:
                links[id].append(slug)
    retired = [id for id in resources if id in catalog.retired]
    return Decision(reply={"resources": list(resources.values()), "links": links, "retired": retired})


def _show_resource(catalog: Catalog, id: str) -> Decision[CatalogFact] | Refusal:
    resource = catalog.active.get(id) or catalog.retired.get(id)
    if resource is None:
        return _unknown_resource(id)
    event_types = [slug for slug in sorted(catalog.links) if catalog.linked(slug, id)]
    return Decision(reply={"resource": resource, "event_types": event_types, "retired": id in catalog.retired})


# ------------------------------------------------------------------------------------------------- schedules


def _put_schedule(
    catalog: Catalog, command: PutSchedule, at: Instant, policy: CatalogPolicy
) -> Decision[CatalogFact] | Refusal:
    said = Schedule(**_fields(command, name=command.name or command.id))
    if refusal := check_schedule(said, policy):
        return refusal
    known = catalog.schedules.get(said.id)
    if known is None and len(catalog.schedules) >= policy.schedules_max:
        return _full("schedules", "too_many_schedules", policy.schedules_max)
    schedule = msgspec.structs.replace(
        said,
        weekly={day: merged(said.weekly[day]) for day in WEEKDAYS if said.weekly.get(day)},
        overrides={day: merged(windows) for day, windows in sorted(said.overrides.items())},
    )
    # A host whose clock is behind at new year takes nothing back.
    schedule = _with_holidays(schedule, max(year_of(at), known.holidays_since if known else 0))
    if known == schedule:
        return Decision(reply=schedule)
    return Decision((SchedulePut(schedule),), schedule)


def _with_holidays(schedule: Schedule, since: int) -> Schedule:
    if not schedule.region:
        return schedule
    return msgspec.structs.replace(schedule, holidays=dict(holidays_of(schedule.region, since)), holidays_since=since)


def _renew_holidays(catalog: Catalog, at: Instant) -> Decision[CatalogFact]:
    """Those of the schedules whose first year is over: as many as fit into a commit, for the wake stays due until all
    are done."""
    year = year_of(at)
    facts: list[CatalogFact] = []
    size = 0
    for id in sorted(catalog.schedules):
        schedule = catalog.schedules[id]
        if not schedule.region or schedule.holidays_since >= year:
            continue
        if size > RENEWED_BYTES_MAX:
            break
        fact = SchedulePut(_with_holidays(schedule, year))
        size += len(canonical(fact))
        facts.append(fact)
    return Decision(tuple(facts))


def _remove_schedule(catalog: Catalog, id: str) -> Decision[CatalogFact] | Refusal:
    if id not in catalog.schedules:
        return _unknown_schedule(id)
    users = [f"the resource {user.id}" for user in catalog.active.values() if user.schedule == id]
    users += [f"the event type {user.slug}" for user in catalog.event_types.values() if user.schedule == id]
    if users:
        named = sorted(users)[:_USERS_NAMED]
        more = [f"{len(users) - len(named)} more"] if len(users) > len(named) else []
        return Refusal("schedule_in_use", f"the schedule {id} is used by {', '.join(named + more)}")
    return Decision((ScheduleRemoved(id),), {"id": id})


# ----------------------------------------------------------------------------------- event types and their links


def _put_event_type(catalog: Catalog, command: PutEventType, policy: CatalogPolicy) -> Decision[CatalogFact] | Refusal:
    slug = command.slug
    reminders = tuple(sorted(command.reminders, reverse=True))
    event_type = EventType(**_fields(command, title=command.title or slug, reminders=reminders))
    if refusal := check_event_type(event_type, policy) or _schedule_missing(catalog, event_type.schedule):
        return refusal
    known = catalog.event_types.get(slug)
    if known is None and len(catalog.event_types) >= policy.event_types_max:
        return _full("event types", "too_many_event_types", policy.event_types_max)
    if known == event_type:
        return Decision(reply=event_type)
    return Decision((EventTypePut(event_type),), event_type)


def _list_event_types(catalog: Catalog, after: str, most: int) -> Decision[CatalogFact]:
    event_types = _page(catalog.event_types, after, most)
    links = {slug: [id for id in catalog.links.get(slug, []) if id in catalog.active] for slug in event_types}
    return Decision(reply={"event_types": list(event_types.values()), "links": links})


def _link(catalog: Catalog, command: Link | Unlink, policy: CatalogPolicy) -> Decision[CatalogFact] | Refusal:
    slug, id = command.event_type, command.resource
    if slug not in catalog.event_types:
        return _unknown_event_type(slug)
    if id in catalog.retired:
        return Refusal("retired_resource", f"the resource {id} is retired: put it again first")
    if id not in catalog.active:
        return _unknown_resource(id)
    reply = {"event_type": slug, "resource": id}
    linked = catalog.linked(slug, id)
    if linked == isinstance(command, Link):
        return Decision(reply=reply)
    if linked:
        return Decision((Unlinked(slug, id),), reply)
    if sum(map(len, catalog.links.values())) >= policy.links_max:
        return _full("links", "too_many_links", policy.links_max)
    return Decision((Linked(slug, id),), reply)


# ---------------------------------------------------------------------------------------------- what they share


def _fields(command: PutSchedule | PutEventType, **changed: Any) -> dict[str, Any]:
    """The fields of a command are those of what it puts."""
    return msgspec.structs.asdict(command) | changed


def _page(rows: Mapping[str, T], after: str, most: int) -> dict[str, T]:
    ids = sorted(id for id in rows if id > after)
    return {id: rows[id] for id in (ids[:most] if most else ids)}


def _schedule_missing(catalog: Catalog, id: str) -> Refusal | None:
    return _unknown_schedule(id) if id and id not in catalog.schedules else None


def _full(things: str, code: str, most: int) -> Refusal:
    return Refusal(code, f"a catalog holds at most {most} {things}")


def _unknown_resource(id: str) -> Refusal:
    return Refusal("unknown_resource", f"there is no resource {shown(id)}")


def _unknown_schedule(id: str) -> Refusal:
    return Refusal("unknown_schedule", f"there is no schedule {shown(id)}")


def _unknown_event_type(slug: str) -> Refusal:
    return Refusal("unknown_event_type", f"there is no event type {shown(slug)}")


CATALOG: Decider[Catalog, CatalogCommand, CatalogFact, CatalogPolicy] = Decider(
    kind="catalog",
    commands=COMMANDS,
    facts=FACTS,
    state=Catalog,
    initial=lambda _actor: Catalog(),
    decide=decide,
    evolve=evolve,
    policy=CatalogPolicy(),
    wake=wake,
)
