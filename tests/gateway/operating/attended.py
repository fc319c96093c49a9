"""A gateway in memory that is watched, as one that serves is.

async with attended(access_log=True) as gate:
    shown = await gate.get("/v1/demo/resources")
    assert gate.lines[-1]["status"] == 200
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx
import msgspec
from opentelemetry.trace import TracerProvider
from prometheus_client.parser import text_string_to_metric_families

from gateway.edge import Edge
from gateway.http.access_log import AccessLog, Line
from gateway.http.app import application, beside
from gateway.http.front import Front
from gateway.http.measured import measured
from gateway.identity.bearer import Bearers
from gateway.keys import Keys
from gateway.measuring.tracing import TracedSender, Tracing, Trail
from gateway.watched import Watched, WatchSettings, watched
from tests.support.gateway import SECRET, Gate, open_gateway

LOOPBACK: Final = "127.0.0.1"
STRANGER: Final = "203.0.113.77"


class Attended:
    def __init__(self, gate: Gate, watching: Watched, app: Any, lines: list[dict[str, Any]]) -> None:
        self.gate: Final = gate
        self.watching: Final = watching
        self.app: Final = app
        self.lines: Final = lines

    async def ask(
        self, method: str, path: str, *, client: str = LOOPBACK, headers: Mapping[str, str] | None = None, **about: Any
    ) -> httpx.Response:
        """As somebody at that address."""
        transport = httpx.ASGITransport(self.app, client=(client, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://gate") as asking:
            return await asking.request(method, path, headers=headers, **about)

    async def get(self, path: str, **about: Any) -> httpx.Response:
        return await self.ask("GET", path, **about)

    async def beside(self, path: str) -> httpx.Response:
        """At the port of this process alone."""
        transport = httpx.ASGITransport(beside(self.watching.operating))  # type: ignore[arg-type]  # in other words
        async with httpx.AsyncClient(transport=transport, base_url="http://gate") as asking:
            return await asking.get(path)

    async def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """What a scrape has under that name, by labels."""
        text = (await self.watching.metrics.written()).decode()
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }


@asynccontextmanager
async def attended(
    *, provider: TracerProvider | None = None, shared: bool = False, demo: bool = True, **settings: Any
) -> AsyncIterator[Attended]:
    """With spans, if there is somebody who takes them."""
    lines: list[dict[str, Any]] = []

    def take(line: Line) -> None:
        lines.append(msgspec.json.decode(msgspec.json.encode(line)))

    async with AsyncExitStack() as stops:
        gate = await stops.enter_async_context(open_gateway(demo=demo))
        house, epoch, watch = gate.house, gate.edge.epoch, WatchSettings(**settings)
        watching = await stops.enter_async_context(
            watched(house.bus, house.log, epoch, gate.clock, watch, lines=take, shared=shared)
        )
        if provider is None:
            app = watching.over(application(gate.front, how=watching.operating))
        else:
            tracing = Tracing(provider)
            trail = Trail(tracing, house.bus, house.log, epoch, gate.clock)
            sender = TracedSender(tracing, trail, house.bus, gate.clock, by="gateway")
            for part in (trail, sender):
                await part.start()
                stops.push_async_callback(part.stop)
            edge = Edge(house.bus, sender, house.log, epoch, Keys.open(gate.ground.folder), SECRET, gate.clock)
            front = Front(edge, Bearers(edge.sessions, gate.register, gate.clock))
            app = measured(application(front), watching.metrics, AccessLog(take), tracing)
        yield Attended(gate, watching, app, lines)
