"""What a benchmark runs on: a nats-server of its own, hosts in processes of their own, and a sender in this one."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from actors.runtime.membership import Roll
from actors.runtime.sender import Sender
from events.clock import system_clock
from events.limits import APPEND_TIMEOUT_MS
from events.nats.ground import Ground, reached
from events.nats.reach import Reach
from events.nats.server import NatsServer, free_port

READY_WITHIN_S = 20
CALM_AFTER_S = APPEND_TIMEOUT_MS / 1000 + 1
"""A host that took partitions over reads the log once more when everything that was on its way has landed. What is
measured here is one that has; what a start costs is measured by `recovery`."""


class HostProcess:
    """One host in a process of its own; `python -m bench.host_process` with the way to the servers."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def start_host(name: str, reach: Reach) -> HostProcess:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.host_process",
        name,
        msgspec.json.encode(reach).decode(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_S)
    assert line == b"ready\n", f"the host {name} did not start: {line!r}"
    return HostProcess(name, process)


class Stage:
    def __init__(self, server: NatsServer, reach: Reach, ground: Ground, sender: Sender) -> None:
        self.server = server
        self.reach = reach
        self.ground = ground
        self.sender = sender
        self.hosts: dict[str, HostProcess] = {}

    async def add_host(self, name: str) -> HostProcess:
        host = self.hosts[name] = await start_host(name, self.reach)
        await self.settled()
        return host

    async def settled(self) -> None:
        """Wait until every partition has an owner that knows it, and no host is known that is not ours."""
        roll = self.sender.roll
        while not self._agree(roll):
            await asyncio.sleep(0.01)

    def _agree(self, roll: Roll) -> bool:
        if roll.beats.keys() != self.hosts.keys():
            return False
        return all(frozenset(beat.partitions) == roll.owned_by(beat.host) for beat in roll.beats.values())


@asynccontextmanager
async def stage(hosts: int = 1) -> AsyncIterator[Stage]:
    """Everything fresh, and gone afterwards."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-bench-"))
        server = NatsServer(Path(folder) / "nats", port=free_port(), monitoring_port=free_port())
        await stack.enter_async_context(server)
        reach = Reach(servers=(server.url,), monitors=(server.monitor,))
        ground = await stack.enter_async_context(reached(reach, name="bench"))
        sender = Sender(ground.bus, system_clock, by="bench")
        await sender.start()
        stack.push_async_callback(sender.stop)
        it = Stage(server, reach, ground, sender)
        try:
            for number in range(hosts):
                await it.add_host(f"host-{number}")
            await asyncio.sleep(CALM_AFTER_S)
            yield it
        finally:
            for host in it.hosts.values():
                await host.kill()
