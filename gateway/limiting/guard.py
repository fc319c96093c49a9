"""The guard: what stands before the application, and turns away what is not to cost anything.

    requests at once    beyond `REQUESTS_AT_ONCE_MAX` under way in this process a request is told 503 and when to come
                        again. None waits: a queue in front of a busy system makes every answer late, and no more of
                        them. How the process is may be asked all the same (`ALWAYS`)
    paths               have one spelling. A proxy that allows some paths and not others looks at what it is sent; so
                        `..`, `//` and percent-encoded dots, slashes and control characters are refused, and not read
    rates               of the address, before anybody is told apart (`gateway.limiting.rates`)
    compressed bodies   are refused: what is to be read has at most 64 kB, and a kilobyte could become a gigabyte of it

It is plain ASGI and stands outside of the web framework, so that who is turned away costs a hundredth of who is not;
what it costs the others is measured in microseconds. It also sees to it that everybody behind it is told where a
request is from: `scope["client"]` is the client, and not our proxy, and `scope["scheme"]` is what they asked it by.

Answers are not compressed here either. Most are shorter than a packet; whoever wants the others short has a proxy in
front, which does it on a core of its own. And an answer in which a secret (a management token, a key that is shown
once) stands beside what a stranger may have chosen tells by its compressed size what the secret is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from gateway.limiting.addresses import Addresses, Headers
from gateway.limiting.rates import Rates
from gateway.limits import REQUESTS_AT_ONCE_MAX
from gateway.problems import Problem
from gateway.writing import write_problem

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

READABLE: Final = ("etag", "retry-after", "tidegate-position", "x-request-id")
"""Headers of answers that pages of other sites may read."""
ALWAYS: Final = frozenset({"/livez", "/readyz", "/metrics"})
OVERLOADED_MS: Final = 1_000
_SLASHES: Final = "/v1/{org}/events".count("/")

_OTHER_SPELLING: Final = re.compile(rb"//|/\.\.?(?:/|\Z)|%(?:2[ef]|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
_READABLE: Final = ", ".join(READABLE).encode()
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OVERLOADED: Final = Problem(
    "overloaded", "too many requests are under way: ask again in a moment", "busy", retry_after_ms=OVERLOADED_MS
)
_BAD_PATH: Final = Problem("bad_path", "a path is written without //, dots as its parts, or these in other spellings")
_COMPRESSED: Final = Problem(
    "compressed", "a body is sent as it is, without Content-Encoding", headers={"Accept-Encoding": "identity"}
)


def never_ends(path: str) -> bool:
    """Whether what is answered there is a stream: such a request is under way until its answer has begun."""
    return path.endswith("/events") and path.count("/") == _SLASHES


class Guard:
    """Stands before `app`. Pages of these `origins` may read why they were turned away."""

    def __init__(
        self,
        app: App,
        rates: Rates,
        addresses: Addresses,
        origins: tuple[str, ...] = (),
        at_once_max: int = REQUESTS_AT_ONCE_MAX,
    ) -> None:
        self._app: Final = app
        self._rates: Final = rates
        self._addresses: Final = addresses
        self._origins: Final = frozenset(origin.encode() for origin in origins)
        self._at_once_max: Final = at_once_max
        self.under_way = 0
        """Requests that have not been answered yet."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope["client"]
        address = ""
        if client is not None:
            peer, headers = client[0], scope["headers"]
            address = self._addresses.of(peer, headers)
            scope["scheme"] = self._addresses.scheme(peer, headers, scope["scheme"])
            if address != peer:
                scope["client"] = (address, 0)
        if scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        problem = self._look(scope, address)
        if problem is not None:
            await self._refuse(problem, scope["headers"], send)
            return
        if never_ends(scope["path"]):
            await self._stream(scope, receive, send)
            return
        self.under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.under_way -= 1

    def _look(self, scope: Scope, address: str) -> Problem | None:
        if self.under_way >= self._at_once_max:
            return _OVERLOADED
        path: bytes = scope["raw_path"]
        if (b"%" in path or b"//" in path or b"/." in path) and _OTHER_SPELLING.search(path):
            return _BAD_PATH
        try:
            self._rates.at_the_door(address)
        except Problem as problem:
            return problem
        if scope["method"] not in _BODILESS:
            for name, value in scope["headers"]:
                if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
                    return _COMPRESSED
        return None

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def begin(event: Event) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self.under_way -= 1
            await send(event)

        self.under_way += 1
        try:
            await self._app(scope, receive, begin)
        finally:
            if not begun:
                self.under_way -= 1

    async def _refuse(self, problem: Problem, headers: Headers, send: Send) -> None:
        await write_problem(send, problem, self._readable(headers) if self._origins else ())

    def _readable(self, headers: Headers) -> Headers:
        """What the application's answers say to browsers as well."""
        origin = next((value for name, value in headers if name == b"origin"), b"")
        if b"*" in self._origins:
            yield b"access-control-allow-origin", b"*"
        elif origin in self._origins:
            yield from ((b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true"))
        yield from ((b"access-control-expose-headers", _READABLE), (b"vary", b"origin"))
