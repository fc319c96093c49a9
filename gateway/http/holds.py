"""`/v1/{org}/holds` and `/v1/{org}/standby`."""

from __future__ import annotations

from litestar import Response, delete, post
from litestar.params import FromPath, JSONBody

from gateway.http.front import AnyRequest, Org, answered, called, needs
from gateway.operations import holds, standby
from gateway.operations.holds import HoldKept, HoldName, HoldPlaced, HoldReleased
from gateway.operations.standby import StandbyLeft, StandbyWanted, StoodBy
from gateway.operations.wishes import Wanted


@post("/v1/{org:str}/holds", opt=needs("holds.write", guarded=True), tags=["Holds"], summary="Hold slots for a moment")
async def place(request: AnyRequest, org: Org, data: JSONBody[Wanted]) -> Response[HoldPlaced]:
    """Nobody else can hold or book them while the hold stands: until `expires_at`, and longer by heartbeats."""
    call = called(request)
    return answered(call, await holds.place(call, data), 201)


@post(
    "/v1/{org:str}/holds/{hold:str}/heartbeat",
    opt=needs("holds.write", writes="nothing"), tags=["Holds"], summary="Keep a hold", status_code=200,
)  # fmt: skip
async def keep(request: AnyRequest, org: Org, hold: FromPath[HoldName]) -> Response[HoldKept]:
    """Still wanted. Send it twice within a hold's life; it writes nothing."""
    call = called(request)
    return answered(call, await holds.keep(call, hold))


@delete(
    "/v1/{org:str}/holds/{hold:str}",
    opt=needs("holds.write"), tags=["Holds"], summary="Let go of a hold", status_code=200,
)  # fmt: skip
async def release(request: AnyRequest, org: Org, hold: FromPath[HoldName]) -> Response[HoldReleased]:
    """Letting go of what is held no more is accepted."""
    call = called(request)
    return answered(call, await holds.release(call, hold))


@post(
    "/v1/{org:str}/standby",
    opt=needs("standby.write", guarded=True), tags=["Standby"], summary="Stand by for a full slot",
)  # fmt: skip
async def stand_by(request: AnyRequest, org: Org, data: JSONBody[StandbyWanted]) -> Response[StoodBy]:
    """When there is room, the first that fits gets it as a hold of the name that is answered."""
    call = called(request)
    return answered(call, await standby.join(call, data), 201)


@delete(
    "/v1/{org:str}/standby/{standby_name:str}",
    opt=needs("standby.write"), tags=["Standby"], summary="Give a place in standby up", status_code=200,
)  # fmt: skip
async def stand_down(request: AnyRequest, org: Org, standby_name: FromPath[HoldName]) -> Response[StandbyLeft]:
    """With what was offered to it."""
    call = called(request)
    return answered(call, await standby.leave(call, standby_name))


ROUTES = (place, keep, release, stand_by, stand_down)
