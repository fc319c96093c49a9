"""What every request goes through: who it is from, what it may do, how long it may take, and what it has seen.

Authorization, Cookie, Tidegate-Session    who asks (`gateway.identity.bearer`)
Idempotency-Key                            the same request under the same key is done once
Tidegate-Position                          as an answer told it: nothing older is read
Tidegate-Timeout-Ms                        how long the client waits; it travels with the commands
Tidegate-Pass                              of the waiting room that guards what is asked for; a cookie does as well
traceparent                                the client's trace (W3C), which goes on in the log
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, cast

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter

from actors.runtime.wire import is_trace
from events.names import is_identifier
from events.permissions import Permission
from gateway.calls import Call
from gateway.edge import Edge
from gateway.http.measured import CALLER, Scope
from gateway.idempotency import sealed_id
from gateway.identity.bearer import COOKIE, Bearers, Shown, bearer_of, cookie_of
from gateway.identity.callers import Caller
from gateway.limiting.addresses import Addresses
from gateway.limiting.rates import DEEDS, Rates
from gateway.limits import IDEMPOTENCY_KEY_CHARACTERS_MAX, WITHIN_MS, WITHIN_MS_MAX, WITHIN_MS_MIN
from gateway.problems import Problem
from gateway.streams.events import Events

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Org: TypeAlias = Annotated[str, PathParameter(description="The organisation.", schema_extra={"examples": ["demo"]})]

POSITION: Final = "tidegate-position"
NEEDS: Final = "needs"
WRITES: Final = "writes"
TAGGED: Final = "tagged"
GUARDED: Final = "guarded"
_CALL: Final = "call"
PASS_COOKIE: Final = "tidegate_pass"  # noqa: S105  # where a pass stands, not one
UNLIMITED: Final = Rates()
PEERS: Final = Addresses()
_POSITION: Final = re.compile(r"([0-9a-f]{12}):(\d{1,15})", re.ASCII)
_READ: Final = {
    name.encode(): name
    for name in (
        "authorization", "cookie", "host", "idempotency-key", "origin", "sec-fetch-site", "tidegate-pass", POSITION,
        "tidegate-session", "tidegate-timeout-ms", "traceparent",
    )
}  # fmt: skip
"""Of a request's headers, those that are looked at."""
_DIGITS_MAX: Final = 9
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


Writes: TypeAlias = Literal["once", "drawn", "again", "nothing"]
"""What a request does that is none of the harmless ones: something that is done `once` under an Idempotency-Key, or is
only `drawn` from it without the log; or what is done `again`, whatever the key, because that does no harm; or `nothing`
that the log would know of."""
KEYED: Final = frozenset[Writes](("once", "drawn"))
LOGGED: Final = frozenset[Writes](("once", "again"))


def needs(permission: str, *, writes: Writes = "once", tagged: bool = False, guarded: bool = False) -> dict[str, Any]:
    """What a route asks of its caller, where its description and the tests find it; and what else it heeds. A `tagged`
    answer is not sent again to whoever has it, a `guarded` one may take the pass of a waiting room."""
    return {NEEDS: permission, WRITES: writes, TAGGED: tagged, GUARDED: guarded}


class Front:
    """`origins` are the sites whose pages may call us with their visitors' cookies; `*` lets every page call us, and
    then cookies say nothing."""

    def __init__(
        self,
        edge: Edge,
        bearers: Bearers,
        origins: tuple[str, ...] = (),
        rates: Rates = UNLIMITED,
        addresses: Addresses = PEERS,
    ) -> None:
        self.edge: Final = edge
        self.rates: Final = rates
        self.addresses: Final = addresses
        self.events: Final[set[Events]] = set()
        """Streams of server-sent events, to be ended when the server is."""
        self._bearers: Final = bearers
        self._origins: Final = frozenset(origins)

    def leave(self) -> None:
        """The server is about to stop: streams that would go on for ever end."""
        for events in list(self.events):
            events.stop()

    async def call(self, request: AnyRequest, org: str) -> Call:
        """The call that a request is, if its caller may ask for it."""
        scope: Any = request.scope
        return await self.asked(scope, org, request.route_handler.opt[NEEDS], request.body)

    async def asked(
        self, scope: Scope, org: str, needed: Permission, body: bytes | Callable[[], Awaitable[bytes]]
    ) -> Call:
        """The same, of a request that may have been read. To find out who asks is a part of what it may take, and comes
        first."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        headers = {_READ[name]: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        method: str = scope["method"]
        within_ms = _within_ms(headers.get("tidegate-timeout-ms", ""))
        caller = await self.caller(method, org, headers, within_ms)
        scope["state"][CALLER] = caller.by
        caller.needs(needed)
        self.rates.known(caller, _address_of(scope), came=True)
        key, shown_pass = headers.get("idempotency-key", ""), headers.get("tidegate-pass", "")
        id = ""
        if key and method not in _SAFE:
            if len(key) > IDEMPOTENCY_KEY_CHARACTERS_MAX:
                most = IDEMPOTENCY_KEY_CHARACTERS_MAX
                raise Problem("bad_header", f"an Idempotency-Key has at most {most} characters")
            said = body if isinstance(body, bytes) else await body()
            id = sealed_id(caller, key, method.encode(), scope["raw_path"], scope["query_string"], said)
        trace = headers.get("traceparent", "")
        return Call(
            self.edge,
            caller,
            within_ms - int((loop.time() - began) * 1_000),
            at_least=self.seen(headers.get(POSITION, "")),
            id=id,
            shown_pass=shown_pass or cookie_of(headers.get("cookie", ""), PASS_COOKIE),
            trace=trace if is_trace(trace) else "",
        )

    def begins(self, call: Call, scope: Scope) -> None:
        """It is done now, all of it having been read: what could not be read is no deed, and binds no key. Its route is
        in `path_template`."""
        deed = DEEDS.get((scope["method"], scope["path_template"]))
        if deed is not None:
            self.rates.does(call.caller, _address_of(scope), deed)
        call.begin()

    async def caller(self, method: str, org: str, headers: Mapping[str, str], within_ms: int = WITHIN_MS) -> Caller:
        """Whom these headers show, for a request of that method; to open a socket is none of the harmless ones."""
        if not is_identifier(org):
            raise Problem("unknown_organisation", f"{org[:64]!r} is no organisation")
        bearer, cookie = bearer_of(headers.get("authorization", "")), ""
        if not bearer:
            cookie = cookie_of(headers.get("cookie", ""), COOKIE)
            if cookie and method not in _SAFE:
                self._same_site(headers)
        return await self._bearers.caller(org, Shown(bearer, headers.get("tidegate-session", ""), cookie), within_ms)

    def _same_site(self, headers: Mapping[str, str]) -> None:
        """A browser sends cookies whatever page makes it ask; and it says which page that was."""
        origin = headers.get("origin", "")
        if origin:
            if origin.partition("://")[2] != headers.get("host", "") and origin not in self._origins:
                raise Problem("bad_origin", f"pages of {origin[:200]!r} may not ask this with a visitor's cookie")
        elif headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise Problem("bad_origin", "pages of other sites may not ask this with a visitor's cookie")

    def seen(self, text: str) -> int:
        """The sequence of a position that the client was told."""
        if not text:
            return 0
        found = _POSITION.fullmatch(text)
        if found is None:
            raise Problem("bad_header", "a position is sent back as it was told")
        if found[1] != self.edge.epoch:
            raise Problem("position_unknown", "that position is one of another log: begin again without it", "late")
        return int(found[2])


def _within_ms(text: str) -> int:
    if not text:
        return WITHIN_MS
    within_ms = int(text) if len(text) <= _DIGITS_MAX and text.isascii() and text.isdigit() else 0
    if not WITHIN_MS_MIN <= within_ms <= WITHIN_MS_MAX:
        raise Problem("bad_header", f"Tidegate-Timeout-Ms is between {WITHIN_MS_MIN} and {WITHIN_MS_MAX}")
    return within_ms


async def admitted(connection: Connection, route: BaseRouteHandler) -> None:
    """A guard: whoever may not ask for it is told so, whatever else is wrong with what they sent."""
    if NEEDS in route.opt:
        front: Front = connection.app.state.front
        request = cast("AnyRequest", connection)
        connection.scope["state"][_CALL] = await front.call(request, connection.path_params["org"])


def called(request: AnyRequest) -> Call:
    """The call that a request is, which begins."""
    front: Front = request.app.state.front
    call: Call = request.scope["state"][_CALL]
    if request.route_handler.opt[WRITES] in KEYED:
        front.begins(call, cast("Scope", request.scope))
    return call


def _address_of(scope: Scope) -> str:
    client = scope["client"]
    return "" if client is None else str(client[0])


def answered(call: Call, answer: T, status: int = 200) -> Response[T]:
    """With the position of what was done, for whoever wants to read no older."""
    headers = {"Tidegate-Position": call.position} if call.sequence else None
    return Response(answer, status_code=status, headers=headers)


def is_known(request: AnyRequest, tag: str) -> bool:
    """Whether the client has what this tag stands for (RFC 9110, 13.1.2)."""
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in known or known == ["*"]


def told_once(response: Response[T]) -> Response[T]:
    """With something that opens: nobody on the way keeps it."""
    response.headers["Cache-Control"] = "no-store"
    return response
