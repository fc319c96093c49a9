"""`/v1/{org}/audit`."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, get
from litestar.params import PathParameter, QueryParameter

from gateway.http.bookings import BookingName, Duration, EventTypeName, ResourceName, Tz, UnitsWanted
from gateway.http.front import AnyRequest, Org, answered, called, needs
from gateway.limits import CHAIN_COMMITS_MAX, PAGE_ROWS, PAGE_ROWS_MAX
from gateway.operations import audit, draws
from gateway.operations.audit import BookingHistory, ChainProof, Commits
from gateway.operations.draws import DrawProof
from gateway.operations.explaining import Explanation, explain

ActorName: TypeAlias = Annotated[
    str,
    PathParameter(
        description="Without the organisation: a day, a shard of a line, a room, the catalog.",
        max_length=320,
        schema_extra={"examples": ["day.studio-north.2026-12-07", "line.launch.0", "room.launch", "catalog"]},
    ),
]
RoomName: TypeAlias = Annotated[
    str, PathParameter(description="The room.", max_length=64, schema_extra={"examples": ["launch"]})
]
_MOMENT: Final[dict[str, Any]] = {
    "max_length": 40,
    "description": "An instant with its offset, or a local time by the clocks of `tz`.",
    "schema_extra": {"examples": ["2026-12-07T10:00:00+01:00", "2026-12-07T10:00"]},
}
Start: TypeAlias = Annotated[str, QueryParameter(**_MOMENT)]
When: TypeAlias = Annotated[str, QueryParameter(required=False, **_MOMENT)]
Cursor: TypeAlias = Annotated[
    str, QueryParameter(max_length=100, required=False, description="As the answer before told it.")
]
_ACTOR = "/v1/{org:str}/audit/actors/{actor:str}"


@get(
    "/v1/{org:str}/audit/bookings/{booking:str}",
    opt=needs("audit.read"), tags=["Audit"], summary="What happened to a booking",
)  # fmt: skip
async def booking(
    request: AnyRequest, org: Org, booking: BookingName, at: When = "", tz: Tz = ""
) -> Response[BookingHistory]:
    """In order, with who asked for it, and how it stands now; or with `at`, how it stood then, and what had happened by
    then. What was refused left nothing in the log, and is not here."""
    call = called(request)
    return answered(call, await audit.booking(call, booking, at, tz))


@get(_ACTOR, opt=needs("audit.read"), tags=["Audit"], summary="What an actor has decided")
async def commits(
    request: AnyRequest,
    org: Org,
    actor: ActorName,
    cursor: Cursor = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_ROWS_MAX, required=False)] = PAGE_ROWS,
) -> Response[Commits]:
    """Its commits as the log has them, from the first on, with the hashes that chain them: whose commands they were,
    and what became true by each. Quotas take `bookings.read` as well, `access` takes `keys.manage`, and webhooks take
    `webhooks.manage`."""
    call = called(request)
    return answered(call, await audit.commits(call, actor, cursor, limit))


@get(f"{_ACTOR}/proof", opt=needs("audit.read"), tags=["Audit"], summary="Was anything altered?")
async def proof(
    request: AnyRequest,
    org: Org,
    actor: ActorName,
    cursor: Cursor = "",
    limit: Annotated[int, QueryParameter(ge=1, le=CHAIN_COMMITS_MAX, required=False)] = CHAIN_COMMITS_MAX,
) -> Response[ChainProof]:
    """The hash chain of an actor, checked from its first commit on, or from where a proof before has ended: keep its
    `cursor`, and what was true then is held to."""
    call = called(request)
    return answered(call, await audit.proof(call, actor, cursor, limit))


@get(
    "/v1/{org:str}/audit/rooms/{room:str}/draw",
    opt=needs("audit.read"), tags=["Audit"], summary="What a draw was made of",
)  # fmt: skip
async def draw(request: AnyRequest, org: Org, room: RoomName) -> Response[DrawProof]:
    """Everything that it takes to work every place out again, without us."""
    call = called(request)
    return answered(call, await draws.draw(call, room))


@get("/v1/{org:str}/audit/explain", opt=needs("audit.read"), tags=["Audit"], summary="Why can it not be booked?")
async def explained(
    request: AnyRequest,
    org: Org,
    event_type: EventTypeName,
    resource: ResourceName,
    start: Start,
    duration: Duration = None,
    tz: Tz = "",
    units: UnitsWanted = 1,
) -> Response[Explanation]:
    """The rule that stands against the time; or, where none does, what lies there already. For anybody who holds
    nothing there, and has come through the waiting room where there is one. Nothing is taken by asking."""
    call = called(request)
    return answered(call, await explain(call, event_type, resource, start, duration, tz, units))


ROUTES = (booking, commits, proof, draw, explained)
