"""What a rush is made of, answered promptly: what is free on a day, a place in line, a hold, a booking.

Finding the route, reading the body and writing the answer takes the framework a quarter of what such a request costs a
gateway. Here it takes a look at a table. Only what is exactly as it should be is answered here: a path as it is
spelled, a body of JSON that is what is wanted. Everything else goes on to the framework, body and all, as if nobody had
looked, and is told there what is wrong with it. So what these routes take, ask of their caller and mean stands with
them, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from gateway.calls import Call
from gateway.http import bookings, holds, rooms
from gateway.http.front import NEEDS, POSITION, Front
from gateway.http.groups import Groups
from gateway.http.rooms import ROOM_CHARACTERS_MAX
from gateway.limiting.guard import App, Event, Receive, Scope, Send
from gateway.limits import BODY_BYTES_MAX, DAY_QUERY_BYTES_MAX, DAYS_READ_MAX
from gateway.operations import bookings as booking
from gateway.operations import holds as holding
from gateway.operations import slots, tickets
from gateway.operations.wishes import Wanted
from gateway.problems import problem_from
from gateway.writing import JSON, TOLD_ONCE, Header, answer, write_problem

_CREATED: Final = 201
_OK: Final = 200
_TYPE: Final = (b"content-type", b"application/json")
_UNUSUAL: Final = b"origin"
"""A page of another site may have to be told that it may read the answer."""

_Done: TypeAlias = Callable[[Call, str, Any], Awaitable[tuple[Any, int]]]


class _Route(NamedTuple):
    template: str
    needs: Any
    wanted: msgspec.json.Decoder[Any]
    done: _Done
    headers: tuple[Header, ...] = ()


async def _join(call: Call, room: str, wanted: Any) -> tuple[tickets.Joined, int]:
    joined = await tickets.join(call, room, wanted)
    return joined, _CREATED if joined.new else _OK


async def _hold(call: Call, _: str, wanted: Any) -> tuple[holding.HoldPlaced, int]:
    return await holding.place(call, wanted), _CREATED


async def _book(call: Call, _: str, wanted: Any) -> tuple[booking.Booked, int]:
    return await booking.book(call, wanted), _CREATED


def _route(handler: HTTPRouteHandler, wanted: type, done: _Done, *headers: Header) -> _Route:
    (path,) = handler.paths
    return _Route(path.replace(":str", ""), handler.opt[NEEDS], msgspec.json.Decoder(wanted), done, headers)


_Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
_Number: TypeAlias = Annotated[str, Meta(pattern=r"^[1-9]\d{0,2}$")]
_PLAIN: Final = re.compile(r"(?:[a-z_]+=[A-Za-z0-9_/-]+&){2,5}[a-z_]+=[A-Za-z0-9_/-]+", re.ASCII)
(_DAY_PATH,) = bookings.day.paths
_DAY: Final = _DAY_PATH.replace(":str", "")
_JOIN: Final = _route(rooms.join, tickets.JoinWanted, _join)
_BY_LAST: Final = {
    "holds": _route(holds.place, Wanted, _hold),
    "bookings": _route(bookings.book, booking.BookWanted, _book, TOLD_ONCE),
}


class _DayAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a day, where nothing in it has another spelling. Whatever else it may be, the framework reads."""

    event_type: _Name
    resource: _Name
    date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    duration: _Number = ""
    tz: Annotated[str, Meta(max_length=64)] = ""
    units: _Number = "1"


class _Day(NamedTuple):
    """As `slots.day` takes it."""

    event_type: str
    resource: str
    date: str
    duration: int | None
    tz: str
    units: int


@lru_cache(DAYS_READ_MAX)
def _day_asked(query_string: bytes) -> _Day | None:
    query = query_string.decode("latin-1").replace("%2F", "/")  # as browsers write a zone
    if _PLAIN.fullmatch(query) is None:
        return None
    pairs = [pair.split("=") for pair in query.split("&")]
    said = dict(pairs)
    if len(said) < len(pairs):
        return None
    try:
        asked = msgspec.convert(said, _DayAsked)
    except msgspec.ValidationError:
        return None
    duration = int(asked.duration) if asked.duration else None
    return _Day(asked.event_type, asked.resource, asked.date, duration, asked.tz, int(asked.units))


def _day_of(scope: Scope) -> str:
    """The organisation, if a day of it is what the path says."""
    match scope["path"].split("/"):
        case ["", "v1", org, "slots"]:
            return str(org)
    return ""


def _found(scope: Scope) -> tuple[_Route, str, str] | None:
    """The route of a path, its organisation and its room."""
    match scope["path"].split("/"):
        case ["", "v1", org, last] if org and last in _BY_LAST:
            return _BY_LAST[last], org, ""
        case ["", "v1", org, "rooms", room, "tickets"] if org and 0 < len(room) <= ROOM_CHARACTERS_MAX:
            return _JOIN, org, room
    return None


class Prompt:
    """Stands before `app`, the framework's."""

    def __init__(self, app: App, front: Front) -> None:
        self._app: Final = app
        self._front: Final = front
        self._groups: Final = Groups()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"%" not in scope["raw_path"]:
            method = scope["method"]
            if method == "POST" and (found := _found(scope)) is not None and _is_usual(scope) and _is_json(scope):
                await self._do(found, scope, receive, send)
                return
            if method == "GET" and (org := _day_of(scope)) and _is_usual(scope):
                query = scope["query_string"]
                asked = _day_asked(query) if len(query) <= DAY_QUERY_BYTES_MAX else None
                if asked is not None:
                    await self._look(org, asked, scope, send)
                    return
        await self._app(scope, receive, send)

    async def _do(self, found: tuple[_Route, str, str], scope: Scope, receive: Receive, send: Send) -> None:
        route, org, room = found
        pieces = await _pieces(receive)
        body = b"".join([piece.get("body", b"") for piece in pieces])
        wanted = _read(route, pieces[-1], body)
        if wanted is None:
            await self._app(scope, _behind(pieces, receive), send)
            return
        await self._groups.begin()
        try:
            call = await self._asked(scope, org, route.template, route.needs, body)
            self._front.begins(call, scope)
            done, status = await route.done(call, room, wanted)
        except Exception as error:  # noqa: BLE001  # as the framework does: whoever asked is told, and our log of a bug
            await write_problem(send, problem_from(error))
            return
        headers = [JSON, *route.headers]
        if call.sequence:
            headers.append((POSITION.encode(), call.position.encode()))
        await answer(scope, send, status, headers, msgspec.json.encode(done))

    async def _look(self, org: str, asked: _Day, scope: Scope, send: Send) -> None:
        try:
            call = await self._asked(scope, org, _DAY, bookings.day.opt[NEEDS], b"")
            body = await slots.day(call, *asked)
        except Exception as error:  # noqa: BLE001  # as above
            await write_problem(send, problem_from(error))
            return
        await answer(scope, send, _OK, [JSON], body)

    async def _asked(self, scope: Scope, org: str, template: str, needs: Any, body: bytes) -> Call:
        scope["path_template"] = template
        scope.setdefault("state", {})
        return await self._front.asked(scope, org, needs, body)


def _is_usual(scope: Scope) -> bool:
    return _UNUSUAL not in [name for name, _ in scope["headers"]]


def _is_json(scope: Scope) -> bool:
    return _TYPE in scope["headers"]


async def _pieces(receive: Receive) -> list[Event]:
    """The body as it comes, up to its end or to where it is too large."""
    pieces = [await receive()]
    size = len(pieces[0].get("body", b""))
    while pieces[-1].get("more_body", False) and size <= BODY_BYTES_MAX:
        pieces.append(await receive())
        size += len(pieces[-1].get("body", b""))
    return pieces


def _read(route: _Route, last: Event, body: bytes) -> Any:
    """What is wanted, if that is all of it and as it should be."""
    if last["type"] != "http.request" or last.get("more_body", False) or len(body) > BODY_BYTES_MAX:
        return None
    try:
        return route.wanted.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _behind(pieces: list[Event], receive: Receive) -> Receive:
    """What is received, from the beginning."""
    waiting = iter(pieces)

    async def again() -> Event:
        piece = next(waiting, None)
        return await receive() if piece is None else piece

    return again
