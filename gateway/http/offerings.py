"""`/v1/{org}/resources`, `/schedules` and `/event-types`: the catalog."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, TypeVar

from litestar import Response, delete, get, put
from litestar.params import JSONBody, PathParameter

from events.catalog import Resource
from gateway.http.front import AnyRequest, Org, answered, called, is_known, needs
from gateway.operations import offerings
from gateway.operations.offerings import (
    EventTypeShown,
    EventTypeWanted,
    Put,
    ResourceWanted,
    ScheduleShown,
    ScheduleWanted,
)

T = TypeVar("T")
_READ: Final = needs("catalog.read", tagged=True)
_WRITE: Final = needs("catalog.write", writes="again")
"""A step that was done before is not the next one: a key could only stand in the way."""
ResourceName: TypeAlias = Annotated[
    str, PathParameter(description="Its id.", max_length=64, schema_extra={"examples": ["studio-north"]})
]
ScheduleName: TypeAlias = Annotated[
    str, PathParameter(description="Its id.", max_length=64, schema_extra={"examples": ["berlin-hours"]})
]
Slug: TypeAlias = Annotated[
    str, PathParameter(description="What it is called here.", max_length=64, schema_extra={"examples": ["session"]})
]


@get("/v1/{org:str}/resources", opt=_READ, tags=["Catalog"], summary="Resources")
async def resources(request: AnyRequest, org: Org) -> Response[tuple[Resource, ...]]:
    """Those in use, by their ids."""
    call = called(request)
    return _tagged(request, *await offerings.resources(call), call.edge.epoch)


@get("/v1/{org:str}/resources/{id:str}", opt=_READ, tags=["Catalog"], summary="A resource")
async def resource(request: AnyRequest, org: Org, id: ResourceName) -> Response[Resource]:
    """Something with a calendar of its own."""
    call = called(request)
    return _tagged(request, *await offerings.resource(call, id), call.edge.epoch)


@put("/v1/{org:str}/resources/{id:str}", opt=_WRITE, tags=["Catalog"], summary="Put a resource")
async def put_resource(
    request: AnyRequest, org: Org, id: ResourceName, data: JSONBody[ResourceWanted]
) -> Response[Put]:
    """All of it; what is not said has its default. Fewer units than before take two requests: the first is answered
    *busy* with when to send it again, and refused then if more is reserved on any day to come."""
    call = called(request)
    return answered(call, await offerings.put_resource(call, id, data))


@delete(
    "/v1/{org:str}/resources/{id:str}",
    opt=_WRITE, tags=["Catalog"], summary="Retire a resource", status_code=200,
)  # fmt: skip
async def retire_resource(request: AnyRequest, org: Org, id: ResourceName) -> Response[Put]:
    """In two requests, as for fewer units. Its id stays taken, so that history keeps its meaning."""
    call = called(request)
    return answered(call, await offerings.retire_resource(call, id))


@get("/v1/{org:str}/schedules", opt=_READ, tags=["Catalog"], summary="Schedules")
async def schedules(request: AnyRequest, org: Org) -> Response[tuple[ScheduleShown, ...]]:
    """By their ids."""
    call = called(request)
    return _tagged(request, *await offerings.schedules(call), call.edge.epoch)


@get("/v1/{org:str}/schedules/{id:str}", opt=_READ, tags=["Catalog"], summary="A schedule")
async def schedule(request: AnyRequest, org: Org, id: ScheduleName) -> Response[ScheduleShown]:
    """When something is open."""
    call = called(request)
    return _tagged(request, *await offerings.schedule(call, id), call.edge.epoch)


@put("/v1/{org:str}/schedules/{id:str}", opt=_WRITE, tags=["Catalog"], summary="Put a schedule")
async def put_schedule(
    request: AnyRequest, org: Org, id: ScheduleName, data: JSONBody[ScheduleWanted]
) -> Response[Put]:
    """All of it."""
    call = called(request)
    return answered(call, await offerings.put_schedule(call, id, data))


@delete(
    "/v1/{org:str}/schedules/{id:str}",
    opt=_WRITE, tags=["Catalog"], summary="Remove a schedule", status_code=200,
)  # fmt: skip
async def remove_schedule(request: AnyRequest, org: Org, id: ScheduleName) -> Response[Put]:
    """One that nothing in use names."""
    call = called(request)
    return answered(call, await offerings.remove_schedule(call, id))


@get("/v1/{org:str}/event-types", opt=_READ, tags=["Catalog"], summary="Event types")
async def event_types(request: AnyRequest, org: Org) -> Response[tuple[EventTypeShown, ...]]:
    """By their slugs, with the resources that each can book."""
    call = called(request)
    return _tagged(request, *await offerings.event_types(call), call.edge.epoch)


@get("/v1/{org:str}/event-types/{slug:str}", opt=_READ, tags=["Catalog"], summary="An event type")
async def event_type(request: AnyRequest, org: Org, slug: Slug) -> Response[EventTypeShown]:
    """A way of booking: how long, when, under which rules."""
    call = called(request)
    return _tagged(request, *await offerings.event_type(call, slug), call.edge.epoch)


@put("/v1/{org:str}/event-types/{slug:str}", opt=_WRITE, tags=["Catalog"], summary="Put an event type")
async def put_event_type(request: AnyRequest, org: Org, slug: Slug, data: JSONBody[EventTypeWanted]) -> Response[Put]:
    """All of it, and with `resources` what it can book."""
    call = called(request)
    return answered(call, await offerings.put_event_type(call, slug, data))


@delete(
    "/v1/{org:str}/event-types/{slug:str}",
    opt=_WRITE, tags=["Catalog"], summary="Take an event type away", status_code=200,
)  # fmt: skip
async def remove_event_type(request: AnyRequest, org: Org, slug: Slug) -> Response[Put]:
    """In two requests: it is inactive after the first, and goes with the second if no bookings of it are to come."""
    call = called(request)
    return answered(call, await offerings.remove_event_type(call, slug))


def _tagged(request: AnyRequest, answer: T, sequence: int, epoch: str) -> Response[T]:
    """With a tag by which a client can ask whether it has changed: where the catalog changed last."""
    tag = f'"{epoch}-{sequence}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if is_known(request, tag):
        unchanged: Response[Any] = Response(None, status_code=304, headers=headers)
        return unchanged
    return Response(answer, headers=headers)


ROUTES = (
    resources, resource, put_resource, retire_resource, schedules, schedule, put_schedule, remove_schedule,
    event_types, event_type, put_event_type, remove_event_type,
)  # fmt: skip
