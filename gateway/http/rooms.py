"""`/v1/{org}/rooms`, their tickets, and the public keys that passes are checked with."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter

from gateway.http.front import AnyRequest, Front, Org, answered, called, needs, told_once
from gateway.operations import passing, rooms, tickets
from gateway.operations.passing import PassGood
from gateway.operations.rooms import Drawn, DrawWanted, RoomPut, RoomShown, RoomWanted, Stepped
from gateway.operations.tickets import Alive, Joined, JoinWanted, Over, Seat, TicketShown
from projections.numbers import RoomNumbers
from projections.questions import RoomLine

ROOM_CHARACTERS_MAX: Final = 64
TICKET: Final = "Tidegate-Ticket"
PASS_SESSION: Final = "Tidegate-Pass-Session"  # noqa: S105  # the name of a header
RoomName: TypeAlias = Annotated[
    str, PathParameter(description="The room.", max_length=ROOM_CHARACTERS_MAX, schema_extra={"examples": ["launch"]})
]
Ticket: TypeAlias = Annotated[
    str, PathParameter(description="As it was given out.", max_length=100, schema_extra={"examples": ["launch.0.17"]})
]


@get("/v1/{org:str}/rooms", opt=needs("rooms.read"), tags=["Rooms"], summary="Waiting rooms")
async def listed(request: AnyRequest, org: Org) -> Response[tuple[RoomLine, ...]]:
    """By their names."""
    call = called(request)
    return answered(call, await rooms.listed(call))


@get("/v1/{org:str}/rooms/{room:str}", opt=needs("rooms.read"), tags=["Rooms"], summary="A waiting room")
async def show(request: AnyRequest, org: Org, room: RoomName) -> Response[RoomShown]:
    """What everybody may know of it."""
    call = called(request)
    return answered(call, await rooms.show(call, room))


@get(
    "/v1/{org:str}/rooms/{room:str}/numbers",
    opt=needs("numbers.read"), tags=["Rooms"], summary="A waiting room in numbers",
)  # fmt: skip
async def numbers(request: AnyRequest, org: Org, room: RoomName) -> Response[RoomNumbers]:
    """For those who run it."""
    call = called(request)
    return answered(call, await rooms.numbers(call, room))


@put("/v1/{org:str}/rooms/{room:str}", opt=needs("rooms.write"), tags=["Rooms"], summary="Make or change a room")
async def make(request: AnyRequest, org: Org, room: RoomName, data: JSONBody[RoomWanted]) -> Response[RoomPut]:
    """All of its settings, at any time. It keeps every promise that it has made. A room with a `draw` takes a
    `commitment` before anybody joins: the SHA-256 of a secret of 16 to 200 characters, which nobody can guess and the
    draw tells. What is hashed is the secret's text in UTF-8, with no line feed behind it; it is written in 64 small
    hexadecimal digits. `SECRET=$(openssl rand -hex 32)` makes a secret, and
    `printf %s "$SECRET" | sha256sum | cut -d' ' -f1` its commitment."""
    call = called(request)
    return answered(call, await rooms.put(call, room, data))


@post(
    "/v1/{org:str}/rooms/{room:str}/draw",
    opt=needs("rooms.run"), tags=["Rooms"], summary="Draw", status_code=200,
)  # fmt: skip
async def draw(request: AnyRequest, org: Org, room: RoomName, data: JSONBody[DrawWanted]) -> Response[Drawn]:
    """Tell the secret, and shuffle those who joined the pre-queue. Anybody can recompute it from the log. The `secret`
    is the very text that was hashed for the room's `commitment`: the SHA-256 of its UTF-8 is compared, as
    `printf %s "$SECRET" | sha256sum` prints it."""
    call = called(request)
    return answered(call, await rooms.draw(call, room, data))


@post(
    [f"/v1/{{org:str}}/rooms/{{room:str}}/{step}" for step in rooms.STEPS],
    opt=needs("rooms.run"), tags=["Rooms"], summary="Start, open, pause, resume, drain or close a room",
    status_code=200,
)  # fmt: skip
async def step(request: AnyRequest, org: Org, room: RoomName) -> Response[Stepped]:
    """What may follow what: a room that is `scheduled` can start, open or close; in `pre_queue` it can open or close;
    `open`, it can pause, drain or close; `paused`, resume, drain or close; `draining`, close. A room that is `closed`
    stays so. Anything else is refused with `wrong_phase`."""
    call = called(request)
    asked: Any = request.scope["path"].rpartition("/")[2]
    return answered(call, await rooms.step(call, room, asked))


@get(
    "/v1/{org:str}/rooms/{room:str}/check",
    opt=needs("passes.check", guarded=True), tags=["Passes"], summary="Does this pass open the room?",
    response_headers=[
        ResponseHeader(TICKET, value="", description="Whose pass it is.", documentation_only=True),
        ResponseHeader(PASS_SESSION, value="", description="As the pass says it.", documentation_only=True),
    ],
)  # fmt: skip
async def check(request: AnyRequest, org: Org, room: RoomName) -> Response[PassGood]:
    """For a server in front of a site, as nginx's `auth_request`: 200; 401 where there is no pass; 403 for one that
    does not open the room, with why. The pass stands in `Tidegate-Pass`, or in the cookie `tidegate_pass`."""
    call = called(request)
    good = await passing.check(call, room)
    headers = {TICKET: good.ticket, PASS_SESSION: good.session, "Cache-Control": "no-store"}
    return Response(good, headers=headers)


@post(
    "/v1/{org:str}/rooms/{room:str}/tickets",
    opt=needs("tickets.join"), tags=["Tickets"], summary="Stand in line",
    responses={200: ResponseSpec(Joined, generate_examples=False, description="They stood there already.")},
)  # fmt: skip
async def join(
    request: AnyRequest, org: Org, room: RoomName, data: JSONBody[JoinWanted | None] = None
) -> Response[Joined]:
    """Whoever stands there already gets their own place again, however often they ask."""
    call = called(request)
    joined = await tickets.join(call, room, data or JoinWanted())
    return answered(call, joined, 201 if joined.new else 200)


@get(
    "/v1/{org:str}/rooms/{room:str}/tickets/{ticket:str}",
    opt=needs("rooms.read"), tags=["Tickets"], summary="How a ticket stands",
)  # fmt: skip
async def stand(request: AnyRequest, org: Org, room: RoomName, ticket: Ticket) -> Response[TicketShown]:
    """Whoever knows its name may see that, and no more."""
    call = called(request)
    return answered(call, await tickets.show(call, room, ticket))


@post(
    "/v1/{org:str}/rooms/{room:str}/tickets/{ticket:str}/heartbeat",
    opt=needs("tickets.join"), tags=["Tickets"], summary="Still here", status_code=200,
)  # fmt: skip
async def heartbeat(request: AnyRequest, org: Org, room: RoomName, ticket: Ticket) -> Response[Alive]:
    """Whoever is not heard of is passed over, and loses nothing before the room's longest absence. Whoever is in has
    their pass anew, good for longer. An open stream does this by itself."""
    call = called(request)
    return told_once(answered(call, await tickets.heartbeat(call, room, ticket)))


@post(
    "/v1/{org:str}/rooms/{room:str}/tickets/{ticket:str}/claim",
    opt=needs("tickets.join"), tags=["Tickets"], summary="Come in", status_code=200,
)  # fmt: skip
async def claim(request: AnyRequest, org: Org, room: RoomName, ticket: Ticket) -> Response[Seat]:
    """The pass of a ticket that was called; asked again, the same one."""
    call = called(request)
    return told_once(answered(call, await tickets.claim(call, room, ticket)))


@post(
    "/v1/{org:str}/rooms/{room:str}/tickets/{ticket:str}/leave",
    opt=needs("tickets.join"), tags=["Tickets"], summary="Go", status_code=200,
)  # fmt: skip
async def leave(request: AnyRequest, org: Org, room: RoomName, ticket: Ticket) -> Response[Over]:
    """Out of the line, or out of the room: the seat is the next one's."""
    call = called(request)
    return answered(call, await tickets.leave(call, room, ticket))


@post(
    "/v1/{org:str}/rooms/{room:str}/tickets/{ticket:str}/revoke",
    opt=needs("tickets.manage"), tags=["Tickets"], summary="Send somebody away", status_code=200,
)  # fmt: skip
async def revoke(request: AnyRequest, org: Org, room: RoomName, ticket: Ticket) -> Response[Over]:
    """Out of the line, or out of the room."""
    call = called(request)
    return answered(call, await tickets.revoke(call, room, ticket))


@get("/.well-known/jwks.json", tags=["Passes"], summary="The public keys of passes", opt={"public": True})
async def jwks(request: AnyRequest) -> Response[dict[str, Any]]:
    """A JWK Set (RFC 7517). A key is published an hour before it signs."""
    front: Front = request.app.state.front
    keys = front.edge.keys.jwks(front.edge.clock())
    return Response(keys, headers={"Cache-Control": "public, max-age=300"})


ROUTES = (
    listed, show, numbers, make, draw, step, check, join, stand, heartbeat, claim, leave, revoke, jwks,
)  # fmt: skip
