"""Hosts in this very process, for tests, notebooks and examples: the same host code, no process of their own.

    async with in_memory(hosts=2) as system:
        answer = await system.sender.send("demo.catalog", PutResource("studio", "Europe/Berlin"))

`in_memory` keeps everything in this process's memory; what happened is in `system.log`. `on_servers` is the same on a
NATS that is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from actors.decider import AnyDecider
from actors.kinds import KINDS
from actors.runtime.host import Host
from actors.runtime.limits import HostLimits
from actors.runtime.sender import Sender
from actors.runtime.serving import new_incarnation
from events.bus import Bus
from events.clock import Clock, system_clock
from events.log import EventLog
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.nats.ground import reached
from events.nats.reach import Reach
from events.shelf import Shelf


@dataclass(frozen=True)
class System:
    """What runs. `sender` is one that is started; make others on `bus`."""

    log: EventLog
    bus: Bus
    shelf: Shelf
    hosts: tuple[Host, ...]
    sender: Sender


@asynccontextmanager
async def in_memory(
    hosts: int = 1,
    *,
    kinds: Mapping[str, AnyDecider] = KINDS,
    clock: Clock = system_clock,
    limits: HostLimits | None = None,
) -> AsyncIterator[System]:
    """A system that lasts as long as the block."""
    log, bus, shelf = MemoryLog(clock), MemoryBus(), MemoryShelf()
    async with _system(log, bus, shelf, hosts, kinds, clock, limits) as system:
        yield system


@asynccontextmanager
async def on_servers(
    reach: Reach,
    hosts: int = 1,
    *,
    kinds: Mapping[str, AnyDecider] = KINDS,
    limits: HostLimits | None = None,
) -> AsyncIterator[System]:
    """Hosts in this process on the log that is reached; beside others, if there are any."""
    async with reached(reach, name="in-process") as ground:
        log, shelf = await ground.log(create=True), await ground.shelf()
        async with _system(log, ground.bus, shelf, hosts, kinds, system_clock, limits) as system:
            yield system


@asynccontextmanager
async def _system(
    log: EventLog,
    bus: Bus,
    shelf: Shelf,
    count: int,
    kinds: Mapping[str, AnyDecider],
    clock: Clock,
    limits: HostLimits | None,
) -> AsyncIterator[System]:
    async with AsyncExitStack() as stops:
        hosts = []
        for number in range(1, count + 1):
            incarnation = new_incarnation()
            host = Host(
                f"in-process-{number}-{incarnation[-8:]}",
                events=log,
                bus=bus,
                shelf=shelf,
                clock=clock,
                kinds=kinds,
                incarnation=incarnation,
                limits=limits,
            )
            stops.push_async_callback(host.stop)
            await host.start()
            hosts.append(host)
        sender = Sender(bus, clock)
        stops.push_async_callback(sender.stop)
        await sender.start()
        yield System(log, bus, shelf, tuple(hosts), sender)
