"""The catalog: what there is to book, as operators put it and everybody sees it.

Taking something away that may be booked has two steps (`gateway.shrinking` says why), with half a minute between them,
until every host has heard of the first. So the first request is answered *busy, ask again in so many milliseconds*, and
the same one again goes on from there. Where bookings stand against it, it is refused and names them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from actors.booking.lifecycle import ALIVE
from actors.catalog.commands import (
    LiftRation,
    Link,
    PutEventType,
    PutResource,
    PutSchedule,
    RationResource,
    RemoveEventType,
    RemoveSchedule,
    RetireResource,
    Unlink,
)
from actors.decider import Command, Refusal
from events.calendar.quantum import date_of
from events.catalog import EventType, Question, Quota, Resource, Weekday
from events.names import actor_name
from gateway.calls import Call
from gateway.operations.wishes import Id
from gateway.problems import Problem, problem_of
from gateway.shrinking import reserved
from projections.questions import Bookings, Page

NAMED_MAX = 20

Clock: TypeAlias = Annotated[
    str, Meta(description="By the local clock, `24:00` at the latest.", pattern=r"^([01]\d|2[0-4]):[0-5]\d$")
]


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On the grid of quarter hours."""

    start: Annotated[Clock, Meta(examples=["09:00"])]
    end: Annotated[Clock, Meta(examples=["17:30"])]


class ResourceWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a resource: what is not said has its default."""

    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])]
    name: str = ""
    capacity: int = 1
    type: str = ""
    description: str = ""
    schedule: str = ""
    standalone: bool = True
    metadata: dict[str, str] = {}


class ScheduleWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`overrides` replace the windows of single dates; none closes it. `region` closes public holidays."""

    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])]
    name: str = ""
    weekly: dict[Weekday, tuple[Hours, ...]] = {}
    """By weekday, when it is open; on those that are not named it is closed."""
    overrides: dict[str, tuple[Hours, ...]] = {}
    region: str = ""
    """Of public holidays: a country, or a part of one, as in `DE-BE`."""


class EventTypeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times are in minutes unless they say else. `resources` are those that it can book; none, to leave them as they
    are."""

    title: str = ""
    description: str = ""
    durations: Annotated[tuple[int, ...], Meta(examples=[[60, 120]])] = (60,)
    interval: int = 0
    align: Literal["window", "clock"] = "window"
    schedule: str = ""
    buffer_before: int = 0
    buffer_after: int = 0
    notice: int = 0
    horizon_days: int = 365
    per_resource: Quota = Quota()
    per_booker: Quota = Quota()
    approval: bool = False
    provisional_for: int = 0
    pending_for: int = 0
    hold_seconds: int = 10
    hold_seconds_max: int = 900
    cancel_before: int = 0
    reschedule_before: int = 0
    complete_after: int | None = 0
    reminders: tuple[int, ...] = ()
    questions: tuple[Question, ...] = ()
    locations: tuple[str, ...] = ()
    price: str = ""
    room: str = ""
    active: bool = True
    resources: tuple[Id, ...] | None = None


class ScheduleShown(ScheduleWanted, frozen=True):
    id: str = ""
    holidays: dict[str, str] = {}
    """Those of the `region` by date, by their names: of this year and the next few. It is closed then, unless an
    override says otherwise."""


class EventTypeShown(EventTypeWanted, frozen=True, kw_only=True):
    slug: str
    """By which it is named."""


class Put(msgspec.Struct, frozen=True):
    """What was put, or taken away."""

    id: str


# Looking


async def resources(call: Call) -> tuple[tuple[Resource, ...], int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    return tuple(catalog.active[id] for id in sorted(catalog.active)), sequence


async def resource(call: Call, id: str) -> tuple[Resource, int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    found = catalog.active.get(id)
    if found is None:
        raise Problem("unknown_resource", f"there is no resource {id[:64]!r}, or it is out of use")
    return found, sequence


async def schedules(call: Call) -> tuple[tuple[ScheduleShown, ...], int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    return tuple(_schedule(catalog.schedules[id]) for id in sorted(catalog.schedules)), sequence


async def schedule(call: Call, id: str) -> tuple[ScheduleShown, int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    found = catalog.schedules.get(id)
    if found is None:
        raise Problem("unknown_schedule", f"there is no schedule {id[:64]!r}")
    return _schedule(found), sequence


async def event_types(call: Call) -> tuple[tuple[EventTypeShown, ...], int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    found = (_event_type(one, catalog.links.get(slug, [])) for slug, one in sorted(catalog.event_types.items()))
    return tuple(found), sequence


async def event_type(call: Call, slug: str) -> tuple[EventTypeShown, int]:
    catalog, sequence = await call.edge.catalogs.of(call, call.at_least)
    found = catalog.event_types.get(slug)
    if found is None:
        raise Problem("unknown_event_type", f"there is no event type {slug[:64]!r}")
    return _event_type(found, catalog.links.get(slug, [])), sequence


# Putting


async def put_resource(call: Call, id: str, wanted: ResourceWanted) -> Put:
    """With a smaller capacity than before: see above."""
    call.caller.needs("catalog.write")

    def command(looked_at: int) -> Command:
        return PutResource(
            id, wanted.time_zone, wanted.name, wanted.capacity, wanted.type, wanted.description, wanted.schedule,
            wanted.standalone, wanted.metadata, looked_at,
        )  # fmt: skip

    await _leave(call, id, wanted.capacity, command)
    return Put(id)


async def retire_resource(call: Call, id: str) -> Put:
    call.caller.needs("catalog.write")
    await _leave(call, id, 0, lambda looked_at: RetireResource(id, looked_at))
    return Put(id)


async def put_schedule(call: Call, id: str, wanted: ScheduleWanted) -> Put:
    call.caller.needs("catalog.write")
    said: dict[str, Any] = {"command": "put_schedule", "id": id, "time_zone": wanted.time_zone, "name": wanted.name}
    said["weekly"] = {day: _windows(hours) for day, hours in wanted.weekly.items()}
    said["overrides"] = {date: _windows(hours) for date, hours in wanted.overrides.items()}
    await _ask(call, msgspec.convert(said | {"region": wanted.region}, PutSchedule))
    return Put(id)


async def remove_schedule(call: Call, id: str) -> Put:
    call.caller.needs("catalog.write")
    await _ask(call, RemoveSchedule(id))
    return Put(id)


async def put_event_type(call: Call, slug: str, wanted: EventTypeWanted) -> Put:
    call.caller.needs("catalog.write")
    said = msgspec.structs.asdict(wanted)
    resources = said.pop("resources")
    await _ask(call, PutEventType(slug, **said))
    if resources is not None:
        catalog, _ = await call.edge.catalogs.of(call, call.sequence or call.at_least)
        has = catalog.links.get(slug, [])
        for one in sorted(set(resources) - set(has)):
            await _ask(call, Link(slug, one))
        for one in sorted(set(has) - set(resources)):
            await _ask(call, Unlink(slug, one))
    return Put(slug)


async def remove_event_type(call: Call, slug: str) -> Put:
    call.caller.needs("catalog.write")
    known = (await event_type(call, slug))[0]
    if known.active:
        said = msgspec.structs.asdict(known) | {"active": False}
        del said["resources"], said["slug"]
        await _ask(call, PutEventType(slug, **said))
    looked_at = call.edge.clock()
    head = (await call.edge.events.head()).last
    page: Page = await call.look(
        Bookings(
            org=call.org, at_least=head, event_type=slug, statuses=tuple(sorted(ALIVE)), start=looked_at,
            limit=NAMED_MAX,
        )
    )  # fmt: skip
    if page.rows:
        named = ", ".join(row.id for row in page.rows)
        raise Problem("still_booked", f"it is inactive now, and these bookings are still to come: {named}", "late")
    await _ask(call, RemoveEventType(slug, looked_at))
    return Put(slug)


async def _leave(call: Call, id: str, units: int, command: Any) -> None:
    """Leave the resource so many units."""
    try:
        await _ask(call, command(0))
    except Problem as problem:
        if problem.code not in {"still_bookable", "not_looked"}:
            raise
        first = problem.code == "still_bookable"
    else:
        return
    if first:
        rationed = await _ask(call, RationResource(id, units))
        detail = f"no more than {units} units are given out from now on; the same again puts it"
        raise Problem("not_settled", detail, "busy", retry_after_ms=rationed["settled_after_ms"])
    looked_at = call.edge.clock()
    days = await reserved(
        call.edge.sender, call.edge.events, actor_name(call.org, "day", id), date_of(looked_at), units
    )
    if isinstance(days, Refusal):
        raise problem_of(days)
    if days:
        await _ask(call, LiftRation(id))
        named = ", ".join(f"{day.date} ({day.units})" for day in days[:NAMED_MAX])
        raise Problem("still_booked", f"more is reserved on {named}", "late")
    await _ask(call, command(looked_at))


async def _ask(call: Call, command: Command) -> Any:
    """All of it may be done again without harm. And it has to be: a step that was done before is not the next one."""
    reply = (await call.ask(actor_name(call.org, "catalog"), command, keyed=False)).reply
    call.edge.catalogs.forget(call.org)
    return reply


# As it is written


def _windows(hours: tuple[Hours, ...]) -> list[tuple[int, int]]:
    return [(_minute(one.start), _minute(one.end)) for one in hours]


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _hours(windows: Any) -> tuple[Hours, ...]:
    return tuple(Hours(_clock(one.start), _clock(one.end)) for one in windows)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _schedule(found: Any) -> ScheduleShown:
    return ScheduleShown(
        found.time_zone,
        found.name,
        {day: _hours(windows) for day, windows in found.weekly.items()},
        {date: _hours(windows) for date, windows in found.overrides.items()},
        found.region,
        found.id,
        found.holidays,
    )


def _event_type(found: EventType, resources: list[str]) -> EventTypeShown:
    return EventTypeShown(**msgspec.structs.asdict(found), resources=tuple(resources))
