"""Our own nats-server starts when it says so, stops when asked, and says why when it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest

from events.nats import server as server_module
from events.nats.connection import connect
from events.nats.log import JetStreamLog
from events.nats.server import PORTS, NatsServer, ServerFailed, free_port
from tests.contracts.log_contract import ALICE, append, bodies, entry
from tests.support.jetstream import opened_log
from tests.support.ports import own_port
from tests.support.waiting import until


def a_server(directory: Path, **options: object) -> NatsServer:
    ports = {"port": own_port(), "monitoring_port": own_port()} | options
    return NatsServer(directory, **ports)  # type: ignore[arg-type]


def test_a_free_port_is_not_taken_by_outgoing_connections() -> None:
    """It is below those that the system gives to them, where it says which: it stays free until somebody listens."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(given.read_text().split()[0]) if given.exists() else PORTS.stop
    if first < PORTS.stop:
        pytest.skip(f"this system gives ports from {first} on to outgoing connections")
    found = {free_port() for _ in range(50)}
    assert all(port in PORTS for port in found)
    assert len(found) > 40
    one = free_port()
    with closing(socket.socket()) as taken, patch.object(server_module, "PORTS", range(one, one + 1)):
        assert free_port() == one
        taken.bind(("127.0.0.1", one))
        with pytest.raises(ServerFailed, match="no port is free"):
            free_port()


async def test_it_is_ready_when_started(tmp_path: Path) -> None:
    """As soon as `start` returns, a log can be opened and written to."""
    async with a_server(tmp_path / "new" / "directory") as server, opened_log(server) as log:
        await append(log, entry(ALICE))
        pid = server.pid
        assert pid is not None
        assert alive(pid)
    assert (server.running, server.pid, alive(pid)) == (False, None, False)


async def test_it_keeps_what_it_has(tmp_path: Path) -> None:
    """Stopped or killed and started again, it has what it had."""
    server = a_server(tmp_path)
    async with server, opened_log(server) as log:
        await append(log, entry(ALICE, "kept"))
    async with server, opened_log(server) as log:
        assert await bodies(log.read()) == [b"kept"]
        await server.kill()
    async with server, opened_log(server) as log:
        assert await bodies(log.read()) == [b"kept"]


@pytest.mark.parametrize("which", ["port", "monitoring_port"])
async def test_a_taken_port_is_named(tmp_path: Path, which: str) -> None:
    """A port that somebody listens on is found before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        server = a_server(tmp_path, **{which: taken})
        with pytest.raises(ServerFailed, match=f"port {taken} on 127.0.0.1 is taken"):
            await server.start()
        assert not server.running


async def test_a_server_that_ends_at_once_shows_its_last_words(tmp_path: Path) -> None:
    """When the program gives up, the error says what it logged."""
    (tmp_path / "store").write_text("a file where the directory should be")
    with pytest.raises(ServerFailed, match=r"ended: .*FTL"):
        await a_server(tmp_path).start()


async def test_starting_twice_is_refused(own_server: NatsServer) -> None:
    """One object is one process."""
    with pytest.raises(ServerFailed, match="running already"):
        await own_server.start()


async def test_a_server_that_does_not_end_is_ended(own_server: NatsServer) -> None:
    """A server that ignores being asked is killed when its time is up."""
    own_server.pause()
    await own_server.stop(within_ms=100)
    assert not own_server.running


async def test_stopping_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    """A server that was never started, or was stopped before, can be stopped."""
    server = a_server(tmp_path)
    await server.stop()
    await server.kill()
    server.pause()
    server.resume()


async def test_its_store_can_be_bounded(tmp_path: Path) -> None:
    """A server with a bounded store makes no log that is larger."""
    async with a_server(tmp_path, store_bytes_max=10 << 20) as server:
        connection = await connect(server.url)
        with pytest.raises(Exception, match="storage"):
            await JetStreamLog.open(connection, monitors=[server.monitor], bytes_max=1 << 30)
        await connection.close()


PARENT = """
import asyncio, pathlib, sys
from events.nats.server import NatsServer

async def main():
    server = NatsServer(pathlib.Path(sys.argv[1]), port=int(sys.argv[2]), monitoring_port=int(sys.argv[3]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """When the process that started it is killed with -9, it ends by itself."""
    parent = subprocess.Popen(  # noqa: ASYNC220  # it must be dead before anything else happens
        [sys.executable, "-c", PARENT, str(tmp_path), str(own_port()), str(own_port())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(await asyncio.to_thread(parent.stdout.readline))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    await until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
