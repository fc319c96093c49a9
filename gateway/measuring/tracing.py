"""Traces: a request, what it asks of actors, the commit that this becomes, and the deltas that tell of it.

    POST /v1/{org}/holds ──▶ command place_hold ──▶ commit ──▶ delta holds/studio-north/2026-12-07
                                                        └────▶ delta …

A trace that a client began goes on (W3C `traceparent`); a request without one begins one, when spans are sent somewhere
at all. With each command its span's context travels to the host, and stands in the header of the commit then, so
whoever follows the log can go on with it. This process does that for what was asked of it: when a command was
done, the commit is read, for when it was decided, when it was stored and whose else it is; and it is waited for to be
told. What has not been by then has no spans of deltas. Of a room deltas are gathered, and of all bookings those of one
step are one: only one that ends with this very commit is taken for its own.

Without `gateway.otel_endpoint` nothing of this runs: commands are traced by a sender of another class, so the one that
everybody has knows nothing of it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, Task
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
import structlog
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    set_span_in_context,
)

from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import TRACE_HEADER, Accepted, is_trace
from events.bus import Bus, Message, Subscription
from events.clock import Clock, Instant
from events.errors import LogError, TidegateError
from events.log import EventLog
from gateway.measuring.limits import FOLLOWED_MAX, HEARD_MAX, SPANS_FLUSHED_MS, TOLD_WITHIN_S
from projections import publishing
from projections.folding import sequence_at

log = structlog.get_logger(__name__)

SERVICE: Final = "tidegate-gateway"
_SPANS_AT: Final = "/v1/traces"
"""Where OTLP has them, by its own convention."""
_MS_IN_NS: Final = 1_000_000


class NoExporter(TidegateError):
    """Spans are to be sent, and the libraries that do it are not there."""

    code = "no_exporter"
    next_step = "install them, pip install 'tidegate[otel]', or leave gateway.otel_endpoint empty"


class _Command(msgspec.Struct, frozen=True):
    command: str


class _Commit(msgspec.Struct, frozen=True):
    """What of a commit is of interest here."""

    actor: str
    at: Instant
    decided: list[msgspec.Raw]


class _Told(msgspec.Struct, frozen=True):
    topic: str
    after: str


_COMMANDS: Final = msgspec.json.Decoder(_Command)
_COMMITS: Final = msgspec.json.Decoder(_Commit)
_TOLD: Final = msgspec.json.Decoder(_Told)
_BEATS: Final = msgspec.json.Decoder(publishing.Beat)

Stop: TypeAlias = Callable[[], None]


class Tracing:
    """Makes spans. `stop` is called when no more come."""

    def __init__(self, provider: TracerProvider, stop: Stop = lambda: None) -> None:
        self.tracer: Final[Tracer] = provider.get_tracer("tidegate")
        self._stop: Final = stop

    @classmethod
    def to(cls, endpoint: str) -> Tracing:
        """Send spans to a collector, by OTLP over HTTP: `http://collector:4318`."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # extra
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # extra
            from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415  # extra
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # extra
        except ImportError as error:
            raise NoExporter(f"gateway.otel_endpoint is {endpoint}, but {error.name} is not installed") from error
        url = endpoint.rstrip("/") + _SPANS_AT if urlsplit(endpoint).path in {"", "/"} else endpoint
        provider = Provider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, timeout=SPANS_FLUSHED_MS / 1000)))
        return cls(provider, provider.shutdown)

    async def stop(self) -> None:
        """Send what is left."""
        try:
            async with asyncio.timeout(SPANS_FLUSHED_MS / 1000):
                await asyncio.to_thread(self._stop)
        except TimeoutError:
            log.warning("spans_not_sent", after_ms=SPANS_FLUSHED_MS)

    def request(self, method: str, trace: str) -> Span:
        """The span of a request, which goes on with the client's trace if it has one."""
        return self.tracer.start_span(method, _context_of(trace), SpanKind.SERVER)

    def command(self, actor: str, body: bytes, trace: str, parts: int) -> Span:
        name = f"command {_COMMANDS.decode(body).command}"
        about: dict[str, str | int] = {"tidegate.actor": actor, "tidegate.parts": parts}
        return self.tracer.start_span(name, _context_of(trace), SpanKind.CLIENT, about)


class TracedSender(Sender):
    """A sender whose every command has a span, and which follows what becomes of it."""

    def __init__(self, tracing: Tracing, trail: Trail, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._tracing: Final = tracing
        self._trail: Final = trail

    def post(
        self,
        actor: str,
        body: bytes,
        *,
        id: str | None = None,
        by: str | None = None,
        within_ms: int = 5_000,
        asked_at: Instant | None = None,
        trace: str = "",
        also: list[tuple[str, bytes]] | None = None,
    ) -> Future[Accepted | Refusal]:
        span = self._tracing.command(actor, body, trace, 1 + len(also or ()))
        trace = header_of(span)
        answer = super().post(actor, body, id=id, by=by, within_ms=within_ms, asked_at=asked_at, trace=trace, also=also)
        answer.add_done_callback(partial(self._answered, span))
        return answer

    def _answered(self, span: Span, answer: Future[Accepted | Refusal]) -> None:
        error = None if answer.cancelled() else answer.exception()
        if answer.cancelled() or error is not None:
            span.set_status(Status(StatusCode.ERROR, "cancelled" if error is None else str(error)))
        elif isinstance(said := answer.result(), Refusal):
            span.set_attribute("tidegate.refused", said.code)
        elif said.sequence:
            span.set_attribute("tidegate.sequence", said.sequence)
            if span.is_recording():
                self._trail.follow(said.sequence, span.get_span_context())
        span.end()


class Trail:
    """What became of traced commands behind their answers."""

    def __init__(self, tracing: Tracing, bus: Bus, events: EventLog, epoch: str, clock: Clock) -> None:
        self._tracer: Final = tracing.tracer
        self._clock: Final = clock
        self._epoch: Final = epoch
        self._bus: Final = bus
        self._events: Final = events
        self._contexts: Final[dict[int, list[SpanContext]]] = {}
        """Of the commands that are in a commit, while it is followed."""
        self._heard: Final[defaultdict[int, dict[str, int]]] = defaultdict(dict)
        """When each topic was first heard to have come to a sequence, in nanoseconds."""
        self._through = 0
        self._moved: Final = asyncio.Event()
        self._tasks: Final[set[Task[None]]] = set()
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        self._subscriptions = [
            await self._bus.subscribe(f"{publishing.BEATS}.>", self._hear),
            await self._bus.subscribe(publishing.BEATS, self._hear_beat),
        ]

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            await subscription.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def follow(self, sequence: int, command: SpanContext) -> None:
        contexts = self._contexts.get(sequence)
        if contexts is not None:
            contexts.append(command)
        elif len(self._contexts) < FOLLOWED_MAX:
            self._contexts[sequence] = [command]
            task = asyncio.get_running_loop().create_task(self._follow(sequence))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _follow(self, sequence: int) -> None:
        try:
            await self._told(sequence)
            recorded = await self._events.at(sequence)
        except LogError as error:
            log.debug("commit_not_read", sequence=sequence, code=error.code, detail=str(error))
            return
        finally:
            contexts = self._contexts.pop(sequence)
        assert recorded is not None, "it was acknowledged"
        commit = _COMMITS.decode(recorded.body)
        others = [_remote(one) for one in recorded.headers.get(TRACE_HEADER, "").split(",") if is_trace(one)]
        decided_ns, stored_ns = commit.at * _MS_IN_NS, recorded.stored_at * _MS_IN_NS
        about: dict[str, str | int] = {
            "tidegate.actor": commit.actor,
            "tidegate.sequence": sequence,
            "tidegate.commands": len(commit.decided),
        }
        for command in contexts:
            links = [Link(one) for one in others if one.span_id != command.span_id]
            span = self._tracer.start_span(
                "commit", _within(command), attributes=about, links=links, start_time=decided_ns
            )
            stored_ns = max(decided_ns, stored_ns)  # two machines' clocks
            span.end(stored_ns)
            for topic, heard_ns in self._heard.get(sequence, {}).items():
                name = f"delta {topic.partition('/')[0]}"
                context = _within(span.get_span_context())
                delta = self._tracer.start_span(
                    name, context, attributes={"tidegate.topic": topic}, start_time=stored_ns
                )
                delta.end(max(stored_ns, heard_ns))

    async def _told(self, sequence: int) -> None:
        """Until everybody was told, or for as long as that may take."""
        try:
            async with asyncio.timeout(TOLD_WITHIN_S):
                while self._through < sequence:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            log.debug("not_told", sequence=sequence)

    def _hear(self, message: Message) -> None:
        told = _TOLD.decode(message.data)
        sequence = sequence_at(self._epoch, told.after)
        if sequence is None:
            return
        self._heard[sequence].setdefault(told.topic, self._clock() * _MS_IN_NS)
        if len(self._heard) > HEARD_MAX:
            del self._heard[next(iter(self._heard))]

    def _hear_beat(self, message: Message) -> None:
        self._through = max(self._through, _BEATS.decode(message.data).sequence)
        self._moved.set()


def header_of(span: Span) -> str:
    """Its context as it travels; empty when there is none."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}" if context.is_valid else ""


def _context_of(trace: str) -> Context:
    """What a span begins in; nothing, without a trace."""
    remote = _remote(trace) if is_trace(trace) else None
    return Context() if remote is None or not remote.is_valid else _within(remote)


def _remote(trace: str) -> SpanContext:
    _, trace_id, span_id, flags = trace.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))


def _within(context: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(context), Context())
