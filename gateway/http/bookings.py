"""`/v1/{org}/bookings`, `/slots` and `/months`."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from events.day import Status
from gateway.http.front import AnyRequest, Org, answered, called, needs, told_once
from gateway.limits import PAGE_ROWS, PAGE_ROWS_MAX
from gateway.operations import bookings, slots
from gateway.operations.bookings import (
    Booked,
    BookingShown,
    BookWanted,
    Changed,
    Explained,
    Managed,
    MoveWanted,
    Page,
)
from gateway.operations.slots import SlotShown

BookingName: TypeAlias = Annotated[
    str,
    PathParameter(
        description="As it was given when it was made.",
        max_length=200,
        schema_extra={"examples": ["studio-north.2026-12-07.b-k3v7x2mqa5"]},
    ),
]
_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
EventTypeName: TypeAlias = Annotated[
    str, QueryParameter(pattern=_NAME, description="The way of booking.", schema_extra={"examples": ["session"]})
]
ResourceName: TypeAlias = Annotated[
    str, QueryParameter(pattern=_NAME, description="Of what.", schema_extra={"examples": ["studio-north"]})
]
Date: TypeAlias = Annotated[
    str,
    QueryParameter(
        pattern=r"^\d{4}-\d{2}-\d{2}$", description="By the clocks of `tz`.", schema_extra={"examples": ["2026-12-07"]}
    ),
]
MonthName: TypeAlias = Annotated[
    str,
    QueryParameter(
        pattern=r"^\d{4}-\d{2}$", description="By the clocks of `tz`.", schema_extra={"examples": ["2026-12"]}
    ),
]
Duration: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=1, le=10_080, required=False, description="In minutes; the event type's first, if none."),
]
Tz: TypeAlias = Annotated[
    str, QueryParameter(max_length=64, required=False, description="By whose clocks; the resource's own, if none.")
]
UnitsWanted: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1_000_000, required=False)]
Text: TypeAlias = Annotated[str, QueryParameter(max_length=320, required=False)]


@get("/v1/{org:str}/slots", opt=needs("slots.read"), tags=["Slots"], summary="The starts of a day")
async def day(
    request: AnyRequest,
    org: Org,
    event_type: EventTypeName,
    resource: ResourceName,
    date: Date,
    duration: Duration = None,
    tz: Tz = "",
    units: UnitsWanted = 1,
) -> Response[tuple[SlotShown, ...]]:
    """In order, each with whether it is free, held by somebody for a moment, or full, and how many units are left."""
    call = called(request)
    return _written(await slots.day(call, event_type, resource, date, duration, tz, units))


@get("/v1/{org:str}/months", opt=needs("slots.read"), tags=["Slots"], summary="The days of a month with room")
async def month(
    request: AnyRequest,
    org: Org,
    event_type: EventTypeName,
    resource: ResourceName,
    month: MonthName,
    duration: Duration = None,
    tz: Tz = "",
    units: UnitsWanted = 1,
) -> Response[dict[str, bool]]:
    """Whether each date has a free start."""
    call = called(request)
    return _written(await slots.month(call, event_type, resource, month, duration, tz, units))


@post("/v1/{org:str}/bookings", opt=needs("bookings.book", guarded=True), tags=["Bookings"], summary="Book")
async def book(request: AnyRequest, org: Org, data: JSONBody[BookWanted]) -> Response[Booked]:
    """All that is asked for or nothing. `manage_token` is shown this once; it moves and cancels the booking."""
    call = called(request)
    return told_once(answered(call, await bookings.book(call, data), 201))


@get("/v1/{org:str}/bookings", opt=needs("bookings.read"), tags=["Bookings"], summary="Bookings, a page at a time")
async def listed(
    request: AnyRequest,
    org: Org,
    resource: Text = "",
    event_type: Text = "",
    email: Text = "",
    start: Text = "",
    end: Text = "",
    status: Annotated[list[Status] | None, QueryParameter(required=False, max_items=8)] = None,
    words: Text = "",
    cursor: Annotated[str, QueryParameter(max_length=500, required=False)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_ROWS_MAX, required=False)] = PAGE_ROWS,
    tz: Tz = "",
) -> Response[Page]:
    """Those that fit all that is said, in order of their start; or those with `words` that begin a word of the
    booker's name or address, or of the event type's title. `cursor` of one page asks for the next."""
    call = called(request)
    page = await bookings.listed(
        call, resource=resource, event_type=event_type, email=email, start=start, end=end,
        status=tuple(status or ()), words=words, cursor=cursor, limit=limit, tz=tz,
    )  # fmt: skip
    return answered(call, page)


@get("/v1/{org:str}/bookings/{booking:str}", opt=needs("slots.read"), tags=["Bookings"], summary="A booking")
async def show(
    request: AnyRequest,
    org: Org,
    booking: BookingName,
    manage_token: Annotated[str, HeaderParameter(name="Tidegate-Manage-Token", max_length=200, required=False)] = "",
    tz: Tz = "",
) -> Response[BookingShown]:
    """For whoever has its token, or may see all of them."""
    call = called(request)
    return answered(call, await bookings.show(call, booking, manage_token, tz))


@post(
    "/v1/{org:str}/bookings/{booking:str}/confirm",
    opt=needs("slots.read"), tags=["Bookings"], summary="Confirm a booking", status_code=200,
)  # fmt: skip
async def confirm(
    request: AnyRequest, org: Org, booking: BookingName, data: JSONBody[Managed | None] = None
) -> Response[Changed]:
    """By its booker, so that it does not lapse; or by somebody who manages bookings, who approves it."""
    call = called(request)
    return answered(call, await bookings.confirm(call, booking, data or Managed()))


@post(
    "/v1/{org:str}/bookings/{booking:str}/decline",
    opt=needs("bookings.manage"), tags=["Bookings"], summary="Decline a booking", status_code=200,
)  # fmt: skip
async def decline(
    request: AnyRequest, org: Org, booking: BookingName, data: JSONBody[Explained | None] = None
) -> Response[Changed]:
    """One that waits for approval. Its slots are free again."""
    call = called(request)
    return answered(call, await bookings.decline(call, booking, data or Explained()))


@post(
    "/v1/{org:str}/bookings/{booking:str}/cancel",
    opt=needs("slots.read"), tags=["Bookings"], summary="Cancel a booking", status_code=200,
)  # fmt: skip
async def cancel(
    request: AnyRequest, org: Org, booking: BookingName, data: JSONBody[Explained | None] = None
) -> Response[Changed]:
    """By its booker, in time, with the token; or by somebody who manages bookings. Its slots are free again."""
    call = called(request)
    return answered(call, await bookings.cancel(call, booking, data or Explained()))


@post(
    "/v1/{org:str}/bookings/{booking:str}/reschedule",
    opt=needs("slots.read"), tags=["Bookings"], summary="Move a booking", status_code=200,
)  # fmt: skip
async def reschedule(
    request: AnyRequest, org: Org, booking: BookingName, data: JSONBody[MoveWanted]
) -> Response[Changed]:
    """To another time, in one step; it may overlap its own old one. It keeps its name."""
    call = called(request)
    return answered(call, await bookings.reschedule(call, booking, data))


@post(
    "/v1/{org:str}/bookings/{booking:str}/complete",
    opt=needs("bookings.manage"), tags=["Bookings"], summary="A booking has taken place", status_code=200,
)  # fmt: skip
async def complete(request: AnyRequest, org: Org, booking: BookingName) -> Response[Changed]:
    """Most say so by themselves, at their end."""
    call = called(request)
    return answered(call, await bookings.complete(call, booking))


@post(
    "/v1/{org:str}/bookings/{booking:str}/no-show",
    opt=needs("bookings.manage"), tags=["Bookings"], summary="Nobody came", status_code=200,
)  # fmt: skip
async def no_show(request: AnyRequest, org: Org, booking: BookingName) -> Response[Changed]:
    """Once it has begun."""
    call = called(request)
    return answered(call, await bookings.no_show(call, booking))


def _written(body: bytes) -> Response[Any]:
    """An answer that was written before."""
    return Response(body, media_type=MediaType.JSON)


ROUTES = (
    day, month, book, listed, show, confirm, decline, cancel, reschedule, complete, no_show,
)  # fmt: skip
