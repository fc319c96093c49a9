"""What stands around the application: every request is measured, gets an id, and leaves a line.

    port ─▶ measured ─▶ what turns away who asks too much ─▶ the application

It is a function of ASGI and no middleware of the framework, so what never reaches a route (a path that there isn't, a
rate that was exceeded) is measured as well, and by what is said in the end: status and problem are read from the answer
itself, whoever gave it.

The id is the client's `X-Request-Id`, if that is one, or made here; it is sent back, and every line that is logged for
this request carries it. A part of the application that knows who asks says so in `scope["state"]["caller"]`.

An event stream is measured until it begins, and is not *under way* from then on; its line is written when it ends.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from itertools import count
from secrets import token_hex
from time import perf_counter
from typing import Any, Final, TypeAlias

import msgspec
from opentelemetry.trace import Span, Status, StatusCode
from structlog.contextvars import bind_contextvars

from actors.runtime.wire import is_trace
from gateway.http.access_log import AccessLog
from gateway.measuring.metrics import Metrics
from gateway.measuring.tracing import Tracing, header_of
from gateway.writing import WHOLE

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

CALLER: Final = "caller"
UNKNOWN: Final = "unknown"
"""The route of what has none."""
REQUEST_ID: Final = b"x-request-id"
TRACE: Final = b"traceparent"
_SANE: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_PROBLEM: Final = b"application/problem+json"
_EVENTS: Final = b"text/event-stream"
_OURS: Final = 500


class _Problem(msgspec.Struct, frozen=True):
    code: str


_PROBLEMS: Final = msgspec.json.Decoder(_Problem)


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_metrics", "_send", "began", "bytes", "id", "is_events", "is_problem", "problem", "scope", "status")

    def __init__(self, metrics: Metrics, scope: Scope, send: Send, id: bytes) -> None:
        self._metrics = metrics
        self._send = send
        self.scope = scope
        self.id = id
        self.status = 0
        self.bytes = 0
        self.problem = ""
        self.is_problem = self.is_events = False
        self.began = perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == WHOLE:
            self.status, self.bytes = message["status"], len(message["body"])
            message["headers"].append((REQUEST_ID, self.id))
        elif message["type"] == "http.response.body":
            body = message.get("body", b"")
            self.bytes += len(body)
            if self.is_problem:
                self._read(body)
        elif message["type"] == "http.response.start":
            self.status = message["status"]
            headers: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            for name, value in headers:
                if name == b"content-type":
                    self.is_problem = value.startswith(_PROBLEM)
                    self.is_events = value.startswith(_EVENTS)
                    break
            message["headers"] = [*headers, (REQUEST_ID, self.id)]
            if self.is_events:
                self.measure()
        await self._send(message)

    def measure(self) -> None:
        """It has its answer, or will never have one."""
        metrics, scope = self._metrics, self.scope
        metrics.under_way -= 1
        metrics.took(route_of(scope), method_of(scope), self.status or _OURS, perf_counter() - self.began)

    def _read(self, body: bytes) -> None:
        self.is_problem = False
        try:
            self.problem = _PROBLEMS.decode(body).code
        except msgspec.DecodeError:
            self.problem = UNKNOWN
        self._metrics.problem(self.problem)


def measured(app: App, metrics: Metrics, log: AccessLog | None = None, tracing: Tracing | None = None) -> App:
    ours = token_hex(5)
    names = (f"{ours}-{number:x}".encode() for number in count(1))

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        id, trace = b"", ""
        for name, value in scope["headers"]:
            if name == REQUEST_ID and not id and _SANE.fullmatch(value):
                id = value
            elif name == TRACE:
                trace = value.decode("latin-1")
        exchange = _Exchange(metrics, scope, send, id or next(names))
        metrics.under_way += 1
        bind_contextvars(request=exchange.id.decode())
        span: Span | None = None
        if tracing is not None:
            span = tracing.request(method_of(scope), trace)
            trace = _goes_on(scope, span)
        try:
            await app(scope, receive, exchange.send)
        finally:
            if not exchange.is_events:
                exchange.measure()
            if log is not None:
                _log(log, exchange, trace)
            if span is not None:
                _end(span, exchange)

    return answer


def route_of(scope: Scope) -> str:
    route: str = scope.get("path_template") or UNKNOWN
    return route


def method_of(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else UNKNOWN


def _goes_on(scope: Scope, span: Span) -> str:
    """From here on the request is asked from within this span."""
    trace = header_of(span)
    others = [header for header in scope["headers"] if header[0] != TRACE]
    scope["headers"] = [*others, (TRACE, trace.encode())] if trace else others
    return trace


def _log(log: AccessLog, exchange: _Exchange, trace: str) -> None:
    scope = exchange.scope
    client = scope.get("client")
    log.request(
        method_of(scope),
        route_of(scope),
        exchange.status or _OURS,
        perf_counter() - exchange.began,
        exchange.bytes,
        request=exchange.id.decode(),
        caller=scope.get("state", {}).get(CALLER, ""),
        address=client[0] if client else "",
        query=scope["query_string"],
        problem=exchange.problem,
        trace=trace[3:35] if trace and is_trace(trace) else "",
    )


def _end(span: Span, exchange: _Exchange) -> None:
    method, route = method_of(exchange.scope), route_of(exchange.scope)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", exchange.status or _OURS)
    if exchange.problem:
        span.set_attribute("tidegate.problem", exchange.problem)
    if (exchange.status or _OURS) >= _OURS:
        span.set_status(Status(StatusCode.ERROR, exchange.problem))
    span.end()
