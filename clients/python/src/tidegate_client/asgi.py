"""A site behind a waiting room: an ASGI application that lets in whoever has its pass, over HTTP and WebSockets.

    app = WaitingRoom(app, "https://tidegate.example", "demo", "launch", turn_away_to="https://launch.example/wait")

A pass stands in the header `Tidegate-Pass` or in the cookie `tidegate_pass`. Its signature is checked here, without a
question to anybody. Whether it was taken back before its end only the gateway knows: with `ask` it is asked about each
pass that comes, and believed for `ask_again_s`. If it does not answer then, `unsure` says what that comes to: `open`
goes by the signature, `closed` turns everybody away until it does. Without a public key there is nothing to go by, and
nobody comes in.

Who has no pass and looks with a browser is sent to `turn_away_to`; everybody else gets a problem (RFC 9457), 403. What
is let in finds its pass in `scope["tidegate.pass"]`. A socket is looked at when it is opened, and not again.

Needs `tidegate-client[passes]`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import httpx

from tidegate_client.passes import BadPass, Jwks, NoKeys, Pass, verify_pass_async

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE: Final = "tidegate_pass"
HEADER: Final = b"tidegate-pass"
SCOPE: Final = "tidegate.pass"
ASK_AGAIN_S: Final = 1.0
ASKED_WITHIN_S: Final = 2.0
ANSWERS_KEPT_MAX: Final = 100_000
UNSURE: Final = "pass_not_checked"
_ELSEWHERE, _FORBIDDEN, _AWAY = 302, 403, 503
_DENIAL: Final = "websocket.http.response"


class WaitingRoom:
    """`guards` says which requests need a pass: all, unless it is said otherwise. `keys` are those of the gateway."""

    def __init__(
        self,
        app: App,
        gateway: str,
        org: str,
        room: str,
        *,
        turn_away_to: str = "",
        ask: bool = False,
        unsure: Literal["open", "closed"] = "open",
        ask_again_s: float = ASK_AGAIN_S,
        guards: Callable[[Scope], bool] = lambda _scope: True,
        keys: Jwks | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        base = gateway.rstrip("/")
        self._app: Final = app
        self._org: Final = org
        self._room: Final = room
        self._turn_away_to: Final = turn_away_to
        self._guards: Final = guards
        self._now: Final = now
        self._keys: Final = keys or Jwks(f"{base}/.well-known/jwks.json")
        check = f"{base}/v1/{quote(org, safe='')}/rooms/{quote(room, safe='')}/check"
        self._asking: Final = _Asking(check, unsure, ask_again_s) if ask else None

    async def aclose(self) -> None:
        """Let go of the connections to the gateway; a server that has lifespans does that when it stops."""
        if self._asking is not None:
            await self._asking.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self.aclose()
            return
        if scope["type"] not in {"http", "websocket"} or not self._guards(scope):
            await self._app(scope, receive, send)
            return
        try:
            found = await self._let_in(_shown(scope["headers"]))
        except _TurnedAway as why:
            await self._turn_away(scope, receive, send, why)
            return
        await self._app({**scope, SCOPE: found}, receive, send)

    async def _let_in(self, token: str) -> Pass:
        if not token:
            raise _TurnedAway("pass_needed", f"this is behind the waiting room {self._room!r}")
        try:
            found = await verify_pass_async(token, self._keys, self._org, self._room, at=self._now())
        except BadPass as error:
            raise _TurnedAway(error.code, str(error)) from None
        except NoKeys as error:
            raise _TurnedAway(UNSURE, str(error), _AWAY) from None
        if self._asking is not None and not await self._asking.stands(token):
            raise _TurnedAway("pass_revoked", "its seat was given back or taken away")
        return found

    async def _turn_away(self, scope: Scope, receive: Receive, send: Send, why: _TurnedAway) -> None:
        headers = [(b"cache-control", b"no-store")]
        status, body = why.status, b""
        if self._turn_away_to and status == _FORBIDDEN and _is_looking(scope):
            status = _ELSEWHERE
            headers.append((b"location", self._turn_away_to.encode("ascii")))
        else:
            told = {"type": f"urn:tidegate:problem:{why.code}", "title": why.code.replace("_", " ").capitalize()}
            body = json.dumps(told | {"status": status, "code": why.code, "detail": str(why)}).encode()
            headers.append((b"content-type", b"application/problem+json"))
        headers.append((b"content-length", b"%d" % len(body)))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await receive()  # that somebody wants to connect
        if _DENIAL in scope.get("extensions", {}):
            await send({"type": f"{_DENIAL}.start", "status": status, "headers": headers})
            await send({"type": f"{_DENIAL}.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": why.code})


class _TurnedAway(Exception):
    def __init__(self, code: str, detail: str, status: int = _FORBIDDEN) -> None:
        super().__init__(detail)
        self.code: Final = code
        self.status: Final = status


class _Asking:
    """What the gateway says of a pass, kept for a moment. Who shows the same pass meanwhile waits for one answer."""

    def __init__(self, url: str, unsure: str, again_s: float) -> None:
        self._url: Final = url
        self._unsure: Final = unsure
        self._again_s: Final = again_s
        self._http: httpx.AsyncClient | None = None
        self._known: Final[dict[str, tuple[float, bool]]] = {}
        """Until when, and what. The oldest first."""
        self._asked: Final[dict[str, asyncio.Task[bool | None]]] = {}

    async def aclose(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def stands(self, token: str) -> bool:
        """`_TurnedAway` when nobody can tell, and that is to close the door."""
        until, stands = self._known.get(token, (float("-inf"), False))
        if time.monotonic() < until:
            return stands
        task = self._asked.get(token)
        if task is None:
            task = self._asked[token] = asyncio.create_task(self._ask(token))
            task.add_done_callback(lambda _: self._asked.pop(token))
        said = await asyncio.shield(task)
        if said is None and self._unsure == "closed":
            raise _TurnedAway(UNSURE, "whether the pass still holds is not known at the moment", _AWAY)
        return said is not False

    async def _ask(self, token: str) -> bool | None:
        """None when there is no telling. That is asked again by whoever comes next."""
        self._http = http = self._http or httpx.AsyncClient(timeout=ASKED_WITHIN_S)
        try:
            async with asyncio.timeout(ASKED_WITHIN_S):
                response = await http.get(self._url, headers={HEADER.decode(): token})
        except (httpx.HTTPError, TimeoutError):
            return None
        if response.status_code not in {httpx.codes.OK, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return None
        stands = response.status_code == httpx.codes.OK
        self._known.pop(token, None)
        self._known[token] = (time.monotonic() + self._again_s, stands)
        while len(self._known) > ANSWERS_KEPT_MAX:
            del self._known[next(iter(self._known))]
        return stands


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The pass that the request shows: in its own header, or else in the cookie."""
    cookie = ""
    for name, value in headers:
        if name == HEADER:
            return value.decode("latin-1")
        if name == b"cookie" and not cookie:
            pairs = (pair.strip().partition("=") for pair in value.decode("latin-1").split(";"))
            cookie = next((text.strip('"') for key, _, text in pairs if key == COOKIE), "")
    return cookie


def _is_looking(scope: Scope) -> bool:
    """Whether it is somebody who wants to see a page, and not a program that wants an answer."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
