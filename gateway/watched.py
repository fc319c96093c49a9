"""How one gateway process is watched: what it measures, what it hears around it, its traces, and the lines of its
access log; put together here from the settings, so that `serving` needs to know of one thing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import msgspec
import structlog

from actors.runtime.sender import Sender
from events.bus import Bus
from events.clock import Clock
from events.log import EventLog
from gateway.http import port
from gateway.http.access_log import AccessLog, Addresses, Lines
from gateway.http.app import beside
from gateway.http.measured import App, measured
from gateway.http.methods import Methods
from gateway.http.operating import Operating, Visibility
from gateway.measuring.around import Around
from gateway.measuring.metrics import Metrics
from gateway.measuring.showing import Showing
from gateway.measuring.tracing import TracedSender, Tracing, Trail

log = structlog.get_logger(__name__)

LOOPBACK: Final = "127.0.0.1"
BY: Final = "gateway"


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`metrics` says who may see them, `metrics_port` is one where this process alone listens, or 0. `drain_s` is how
    long it says that it is leaving before it does. `addresses` is how much of an address the access log has."""

    metrics: Visibility = "local"
    metrics_port: int = 0
    access_log: bool = True
    addresses: Addresses = "short"
    otel_endpoint: str = ""
    drain_s: float = 0.0


class Watched:
    """Made by `watched`."""

    def __init__(
        self,
        sender: Sender,
        metrics: Metrics,
        operating: Operating,
        lines: AccessLog | None,
        tracing: Tracing | None,
        drain_s: float,
    ) -> None:
        self.sender: Final = sender
        """By which everything is to be asked here."""
        self.metrics: Final = metrics
        self.operating: Final = operating
        self._lines: Final = lines
        self._tracing: Final = tracing
        self._drain_s: Final = drain_s

    def over(self, app: App) -> App:
        """The same application, watched."""
        return measured(app, self.metrics, self._lines, self._tracing)

    async def leave(self, until: asyncio.Event, ending: asyncio.Event) -> None:
        """When `until` is set, say that nobody is to be sent here, and after a while set `ending`."""
        await until.wait()
        self.operating.leaving = True
        log.info("gateway_leaving", drain_s=self._drain_s, under_way=self.metrics.under_way)
        await asyncio.sleep(self._drain_s)
        ending.set()


@asynccontextmanager
async def watched(
    bus: Bus,
    events: EventLog,
    epoch: str,
    clock: Clock,
    settings: WatchSettings,
    *,
    lines: Lines | None = None,
    shared: bool = False,
    taken: socket.socket | None = None,
) -> AsyncIterator[Watched]:
    """Watched for as long as the block runs. `lines` takes the access log; `taken` is the socket of `metrics_port`,
    where is answered to the end of the block, so that whoever asks is told to the last that we are leaving."""
    async with AsyncExitStack() as stops:
        sender, tracing = Sender(bus, clock, by=BY), None
        if settings.otel_endpoint:
            tracing = Tracing.to(settings.otel_endpoint)
            stops.push_async_callback(tracing.stop)
            trail = Trail(tracing, bus, events, epoch, clock)
            await trail.start()
            stops.push_async_callback(trail.stop)
            sender = TracedSender(tracing, trail, bus, clock, by=BY)
        await sender.start()
        stops.push_async_callback(sender.stop)
        around = Around(bus, events, epoch)
        await around.start()
        stops.push_async_callback(around.stop)
        metrics = Metrics()
        metrics.add(Showing(around, sender))
        operating = Operating(metrics, around, epoch, settings.metrics, shared=shared)
        if taken is not None:
            await stops.enter_async_context(_beside(operating, taken))
        access = AccessLog(lines, settings.addresses) if lines is not None and settings.access_log else None
        yield Watched(sender, metrics, operating, access, tracing, settings.drain_s)


def taken_beside(host: str, settings: WatchSettings) -> socket.socket | None:
    """The socket of `metrics_port`, if there is to be one: where others can reach it only if metrics are for all."""
    if not settings.metrics_port:
        return None
    return port.taken(host if settings.metrics == "open" else LOOPBACK, settings.metrics_port)


@asynccontextmanager
async def _beside(operating: Operating, taken: socket.socket) -> AsyncIterator[None]:
    ending = asyncio.Event()
    at = taken.dup()  # it is closed at the end, and `taken` is wanted again when the log was away
    serving = asyncio.ensure_future(port.serve(Methods(beside(operating)), at, None, ending))
    try:
        yield
    finally:
        ending.set()
        with suppress(asyncio.CancelledError):
            await serving
