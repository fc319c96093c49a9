"""Answers that are ready: what somebody who said nothing of themselves was told a moment ago, for all who ask the same.

A launch page asks for the same slots a thousand times a second. Such a request is answered here, before the framework
has a look at it: routing it, reading its parameters and writing its answer cost ten times what it takes to find it.

Only what is the same for everybody is kept: `GET` of the routes below, with nothing in its headers that says who asks,
what they have seen or which page they are on. And only for so short a time that with what `at_hand` keeps behind it an
answer is at most `SLOTS_FRESH_S` + `READY_FRESH_S` old, a quarter of a second. Who has to know sends a position, and
is not answered here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from gateway.limiting.guard import App, Event, Receive, Scope, Send
from gateway.limits import ANSWERS_KEPT_MAX, READY_FRESH_S
from gateway.writing import WHOLE, answer

ROUTES: Final = frozenset({"/v1/{org}/slots", "/v1/{org}/months", "/v1/{org}/rooms", "/v1/{org}/rooms/{room}"})
_PERSONAL: Final = frozenset(
    {
        b"authorization", b"cookie", b"if-none-match", b"origin", b"range", b"tidegate-pass", b"tidegate-position",
        b"tidegate-session", b"tidegate-timeout-ms", b"traceparent",
    }
)  # fmt: skip
_OK: Final = 200
QUERY_BYTES_MAX: Final = 256
"""Whoever asks for more than that asks for something else than everybody."""


_Key: TypeAlias = tuple[bytes, bytes]


class _Answer(msgspec.Struct, frozen=True):
    until: float
    route: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Ready:
    """Stands before `app`."""

    def __init__(self, app: App) -> None:
        self._app: Final = app
        self._kept: Final[dict[_Key, _Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or len(scope["query_string"]) > QUERY_BYTES_MAX
            or not _PERSONAL.isdisjoint([name for name, _ in scope["headers"]])
        ):
            await self._app(scope, receive, send)
            return
        key = (scope["raw_path"], scope["query_string"])
        kept = self._kept.get(key)
        if kept is None or kept.until <= asyncio.get_running_loop().time():
            await self._app(scope, receive, _Keeping(self._kept, key, scope, send).send)
            return
        scope["path_template"] = kept.route
        await answer(scope, send, _OK, kept.headers, kept.body)


class _Keeping:
    """Passes an answer on, and keeps it if it is one to be kept."""

    __slots__ = ("_headers", "_keep", "_kept", "_key", "_scope", "_send")

    def __init__(
        self, kept: dict[tuple[bytes, bytes], _Answer], key: tuple[bytes, bytes], scope: Scope, send: Send
    ) -> None:
        self._kept = kept
        self._key = key
        self._scope = scope
        self._send = send
        self._keep = False
        self._headers: Sequence[tuple[bytes, bytes]] = ()

    async def send(self, event: Event) -> None:
        if event["type"] in {"http.response.start", WHOLE}:
            self._keep = event["status"] == _OK and self._scope.get("path_template") in ROUTES
            self._headers = [header for header in event.get("headers", ()) if header[0] != b"content-length"]
        if event["type"] == WHOLE:
            if self._keep:
                self._store(event["body"])
        elif self._keep and event["type"] == "http.response.body":
            self._keep = False
            if not event.get("more_body", False):
                self._store(event.get("body", b""))
        await self._send(event)

    def _store(self, body: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._kept.pop(self._key, None)
        self._kept[self._key] = _Answer(now + READY_FRESH_S, self._scope["path_template"], self._headers, body)
        while self._kept[oldest := next(iter(self._kept))].until <= now or len(self._kept) > ANSWERS_KEPT_MAX:
            del self._kept[oldest]
