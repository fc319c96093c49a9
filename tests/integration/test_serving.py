"""A host on real servers waits for what will come back, and ends for what a person has to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from actors.catalog import ListResources, PutResource
from actors.runtime import serving
from actors.runtime.host import Host
from actors.runtime.in_process import on_servers
from actors.runtime.sender import Sender
from actors.runtime.serving import HostSuperseded, serve
from actors.runtime.wire import Accepted
from events.clock import system_clock
from events.errors import LogRecreated, UnsafeLog
from events.limits import PARTITIONS
from events.nats.connection import Connection, connect
from events.nats.ground import reached
from events.nats.reach import Reach
from events.nats.server import NatsServer
from events.nats.stream import log_settings
from tests.support.jetstream import api
from tests.support.ports import own_port
from tests.support.waiting import until

WITHIN_S = 30


class Served:
    """A host in a task of its own: `host` once it is there, `work` for how it ended."""

    def __init__(self, name: str, reach: Reach, *, patient: bool = False) -> None:
        self.stop = asyncio.Event()
        self.host: Host | None = None
        self.work = asyncio.create_task(serve(name, reach, until=self.stop, patient=patient, started=self._started))

    def _started(self, host: Host) -> None:
        self.host = host

    async def owns_all(self) -> None:
        await until(lambda: self.host is not None and len(self.host.owned) == PARTITIONS, look_every_s=0.01)


@asynccontextmanager
async def served(server: NatsServer, name: str = "host", *, patient: bool = False) -> AsyncIterator[Served]:
    served = Served(name, reach_of(server), patient=patient)
    try:
        yield served
    finally:
        served.stop.set()
        with suppress(LogRecreated, UnsafeLog, HostSuperseded):
            await served.work


def reach_of(server: NatsServer) -> Reach:
    return Reach(servers=(server.url,), monitors=(server.monitor,))


async def test_a_host_leaves_in_order_when_it_is_told(own_server: NatsServer) -> None:
    """It ends without an error, and says so: nobody has to wait until it is missed."""
    async with served(own_server) as host, reached(reach_of(own_server), name="test") as ground:
        await host.owns_all()
        sender = Sender(ground.bus, system_clock)
        await sender.start()
        assert isinstance(await sender.send("a.catalog", PutResource("x", "UTC")), Accepted)
        assert set(sender.roll.beats) == {"host"}
        host.stop.set()
        async with asyncio.timeout(WITHIN_S):
            await host.work
        await until(lambda: not sender.roll.beats, within_s=0.5, look_every_s=0.01)
        await sender.stop()


async def test_a_server_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be started in a certain order."""
    monkeypatch.setattr(serving, "REACH_AGAIN_MS", 10)
    server = NatsServer(tmp_path / "nats", port=own_port(), monitoring_port=own_port())
    async with served(server) as host:
        await asyncio.sleep(0)
        assert not host.work.done()
        await server.start()
        await host.owns_all()
        host.stop.set()
        await host.work
    await server.stop()


async def test_an_idle_host_notices_that_the_log_was_created_anew(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to send a command first; and nobody gets an answer from a log that has lost what was acknowledged."""
    monkeypatch.setattr(serving, "ASK_LOG_EVERY_MS", 50)
    async with served(own_server) as host:
        await host.owns_all()
        connection = await connect(own_server.url)
        await api(connection, "STREAM.DELETE.log")
        await api(connection, "STREAM.CREATE.log", log_settings("log", 1, None))
        await connection.close()
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(LogRecreated):
                await host.work


async def test_a_host_that_was_told_which_log_is_meant_takes_no_other(own_server: NatsServer) -> None:
    """A process that is started later must not take the wrong log for the right one."""
    reach = Reach(servers=(own_server.url,), monitors=(own_server.monitor,), identity="2020-01-01T00:00:00Z")
    with pytest.raises(LogRecreated):
        await serve("host", reach, until=asyncio.Event())


async def test_of_two_hosts_of_one_name_the_earlier_ends(own_server: NatsServer) -> None:
    """Its error says why, and the later one owns everything."""
    async with served(own_server, "twin") as first:
        await first.owns_all()
        async with served(own_server, "twin") as second:
            async with asyncio.timeout(WITHIN_S):
                with pytest.raises(HostSuperseded):
                    await first.work
            await second.owns_all()


async def test_a_log_that_is_not_safe_ends_a_host_that_somebody_started(tmp_path: Path, runner: asyncio.Runner) -> None:
    """They see the error, and what to change."""
    server = NatsServer(tmp_path / "nats", port=own_port(), monitoring_port=own_port(), sync_always=False)
    await server.start()
    try:
        with pytest.raises(UnsafeLog, match="sync_interval"):
            await serve("host", reach_of(server), until=asyncio.Event())
    finally:
        await server.stop()


async def test_a_log_that_is_not_safe_is_waited_for_by_a_host_that_a_machine_started(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves nobody meanwhile, and begins by itself when the setting was mended."""
    monkeypatch.setattr(serving, "SAFE_AGAIN_MS", 50)
    port, monitor = own_port(), own_port()
    unsafe = NatsServer(tmp_path / "nats", port=port, monitoring_port=monitor, sync_always=False)
    await unsafe.start()
    safe = NatsServer(tmp_path / "nats", port=port, monitoring_port=monitor)
    async with served(safe, patient=True) as host:
        refused = await connect(unsafe.url)
        await until_stream(refused)
        assert host.host is None
        await refused.close()
        await unsafe.stop()
        await safe.start()
        await host.owns_all()
        host.stop.set()
        await host.work
    await safe.stop()


async def until_stream(connection: Connection) -> None:
    """Wait until the host has come as far as the log: it makes the stream, and only then finds it unsafe."""
    async with asyncio.timeout(WITHIN_S):
        while "error" in await api(connection, "STREAM.INFO.log"):  # noqa: ASYNC110  # the server can only be asked
            await asyncio.sleep(0.01)


async def test_a_server_that_comes_back_unsafe_ends_the_host(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was safe at the start may not be later."""
    monkeypatch.setattr(serving, "ASK_LOG_EVERY_MS", 50)
    port, monitor = own_port(), own_port()
    safe = NatsServer(tmp_path / "nats", port=port, monitoring_port=monitor)
    await safe.start()
    unsafe = NatsServer(tmp_path / "nats", port=port, monitoring_port=monitor, sync_always=False)
    async with served(safe) as host:
        await host.owns_all()
        await safe.stop()
        await unsafe.start()
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(UnsafeLog):
                await host.work
    await unsafe.stop()


async def test_hosts_in_this_process_share_a_log_with_those_of_others(own_server: NatsServer) -> None:
    """For notebooks: the same log, beside whatever else runs on it."""
    async with served(own_server) as other:
        await other.owns_all()
        async with on_servers(reach_of(own_server), hosts=2) as system:
            await until(lambda: len(system.hosts[0].roll.beats) == 3, look_every_s=0.01)
            answer = await system.sender.send("a.catalog", PutResource("x", "UTC"))
            assert isinstance(answer, Accepted)
        await other.owns_all()
    async with on_servers(reach_of(own_server)) as system:
        answer = await system.sender.send("a.catalog", ListResources())
        assert isinstance(answer, Accepted)
        assert [one["id"] for one in answer.reply["resources"]] == ["x"]
