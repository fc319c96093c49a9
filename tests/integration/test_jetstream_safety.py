"""The start refuses a log that could lose what it acknowledges, and names the setting."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events import limits
from events.errors import LogUnavailable, UnsafeLog
from events.nats.connection import Connection, connect
from events.nats.log import JetStreamLog
from events.nats.monitor import reports
from events.nats.safety import REQUIRED, check_payload, check_stream, check_version
from events.nats.server import NatsServer
from events.nats.stream import log_settings
from events.nats.wire import StreamConfig
from tests.contracts.log_contract import ALICE, append, entry
from tests.support.jetstream import api, connected, delete_stream, opened_log, running_cluster
from tests.support.ports import own_port


@pytest.fixture
def connection(runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Connection]:
    connection = runner.run(connect(nats_server.url))
    yield connection
    runner.run(connection.close())
    runner.run(delete_stream(nats_server))


@asynccontextmanager
async def monitoring_port(report: dict[str, Any]) -> AsyncIterator[str]:
    """A monitoring port that says whatever the test wants."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = msgspec.json.encode(report)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


def a_report(name: str, version: str = "2.15.1", **config: Any) -> dict[str, Any]:
    return {"server_name": name, "version": version, "jetstream": {"config": config}}


async def test_a_server_that_acknowledges_before_fsync_is_refused(runner: asyncio.Runner, tmp_path: Path) -> None:
    """`sync_interval` at its default loses acknowledged commits in a power cut."""
    lazy = NatsServer(tmp_path, port=own_port(), monitoring_port=own_port(), sync_always=False)
    async with lazy:
        with pytest.raises(UnsafeLog, match="sync_interval"):
            async with opened_log(lazy):
                pass


@pytest.mark.parametrize("monitors", [[], ["http://127.0.0.1:1"], ["nats://127.0.0.1:1"]])
async def test_what_cannot_be_learnt_is_unsafe(connection: Connection, monitors: list[str]) -> None:
    """Without a word from the server about itself the start refuses, and says how to make it speak."""
    with pytest.raises(UnsafeLog, match=r"cannot learn sync_interval.*monitoring URL"):
        await JetStreamLog.open(connection, monitors=monitors)


async def test_no_proxy_stands_before_a_monitoring_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is asked directly, whatever proxy the environment names for the web."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # the one that was made before these were set
    async with monitoring_port(a_report("tidegate", sync_always=True)) as url:
        found, failed = await reports([url])
    assert ([report.server_name for report in found], failed) == (["tidegate"], [])


async def test_an_ordinary_user_is_not_the_system_account(connection: Connection, nats_server: NatsServer) -> None:
    """A NATS URL without a user of the system account teaches nothing, and the refusal says so."""
    with pytest.raises(UnsafeLog, match="not a user of the system account"):
        await JetStreamLog.open(connection, monitors=[nats_server.url])


async def test_another_server_cannot_vouch(connection: Connection) -> None:
    """Each server that holds the stream must be heard of by its name."""
    async with monitoring_port(a_report("somebody-else", sync_always=True)) as url:
        with pytest.raises(UnsafeLog, match="cannot learn sync_interval of tidegate"):
            await JetStreamLog.open(connection, monitors=[url])


@pytest.mark.parametrize("version", ["2.10.22", "2.12.13", "2.13.0", "2.14.3", "not a version"])
async def test_an_old_server_is_refused(connection: Connection, version: str) -> None:
    """Versions in which an atomic batch could be checked against the wrong actor's expectation are refused."""
    async with monitoring_port(a_report("tidegate", version, sync_always=True)) as url:
        with pytest.raises(UnsafeLog, match=f"version {version}"):
            await JetStreamLog.open(connection, monitors=[url])


@pytest.mark.parametrize("version", ["2.12.14", "2.12.20", "2.14.4", "2.15.0-RC.1", "v2.15.1", "3.0.0"])
def test_a_mended_server_is_accepted(version: str) -> None:
    """Versions in which the batch is mended are accepted."""
    check_version(version)


async def test_the_system_account_speaks_for_all_servers(runner: asyncio.Runner, tmp_path: Path) -> None:
    """Instead of monitoring ports, one user of the system account will do."""
    server = NatsServer(tmp_path, port=own_port(), monitoring_port=own_port())
    accounts = """
accounts {
  APP { jetstream: enabled, users: [{user: app, password: app}] }
  SYS { users: [{user: sys, password: secret}] }
}
system_account: SYS
"""
    plain = server.configuration()
    server.configuration = lambda: plain + accounts  # type: ignore[method-assign]
    async with server:
        connection = await connect(f"nats://app:app@127.0.0.1:{server.port}")
        log = await JetStreamLog.open(connection, monitors=[f"nats://sys:secret@127.0.0.1:{server.port}"])
        await append(log, entry(ALICE))
        with pytest.raises(UnsafeLog) as caught:
            await JetStreamLog.open(connection, monitors=["nats://sys:secret@127.0.0.1:1"])
        assert "secret" not in str(caught.value)
        await connection.close()


async def test_every_server_of_a_cluster_must_be_heard_of(runner: asyncio.Runner, tmp_path: Path) -> None:
    """A replica nobody can ask about itself makes the log unsafe; so does a lazy one."""
    async with running_cluster(3, tmp_path) as servers:
        monitors = [server.monitor for server in servers]
        connection = await connect([server.url for server in servers])
        await JetStreamLog.open(connection, monitors=monitors, replicas=3)
        with pytest.raises(UnsafeLog, match="cannot learn sync_interval of n3"):
            await JetStreamLog.open(connection, monitors=monitors[:2], replicas=3)
        await connection.close()


async def test_a_server_that_comes_back_lazy_is_refused(own_server: NatsServer) -> None:
    """Safety is checked again after every reconnect, and the log goes on when the server is safe again."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE))
        await restart(own_server, log, sync_always=False)
        [outcome] = await log.append_each([entry("demo.line.a")])
        assert isinstance(outcome, UnsafeLog)
        with pytest.raises(UnsafeLog, match="sync_interval"):
            await log.head()
        await restart(own_server, log, sync_always=True)
        await append(log, entry("demo.line.a"))


async def restart(server: NatsServer, log: JetStreamLog, *, sync_always: bool) -> None:
    await server.stop()
    server.sync_always = sync_always
    await server.start()
    await connected(log)


async def test_a_stream_with_another_setting_is_refused(connection: Connection, nats_server: NatsServer) -> None:
    """A stream of the right name that somebody made differently is refused, and left as it is."""
    settings = log_settings("log", 1, None) | {"deny_purge": False}
    assert "error" not in await api(connection, "STREAM.CREATE.log", settings)
    with pytest.raises(UnsafeLog, match="deny_purge is false, must be true"):
        await JetStreamLog.open(connection, monitors=[nats_server.monitor])
    assert (await api(connection, "STREAM.INFO.log"))["config"]["deny_purge"] is False


UNSAFE: dict[str, Any] = {
    "subjects": ("log.demo.>",),
    "storage": "memory",
    "retention": "workqueue",
    "discard": "old",
    "persist_mode": "async",
    "max_msgs": 1_000_000,
    "max_age": 1,
    "max_msgs_per_subject": 1,
    "max_msg_size": 1_000,
    "deny_delete": False,
    "deny_purge": False,
    "allow_rollup_hdrs": True,
    "allow_msg_ttl": True,
    "allow_direct": False,
    "allow_atomic": False,
    "sealed": True,
    "no_ack": True,
    "sources": (msgspec.Raw(b"{}"),),
    "mirror": msgspec.Raw(b"{}"),
    "subject_transform": msgspec.Raw(b"{}"),
}


@pytest.mark.parametrize("setting", sorted(REQUIRED))
def test_each_unsafe_setting_is_named(setting: str) -> None:
    """Every setting that can break a promise is looked at, and named when it does."""
    safe = StreamConfig(name="log", **REQUIRED)
    check_stream(safe, replicas=1)
    with pytest.raises(UnsafeLog, match=setting):
        check_stream(msgspec.structs.replace(safe, **{setting: UNSAFE[setting]}), replicas=1)


def test_fewer_replicas_than_asked_for_are_refused() -> None:
    """More replicas than asked for are welcome, fewer are not."""
    one, three = (StreamConfig(name="log", num_replicas=number, **REQUIRED) for number in (1, 3))
    check_stream(three, replicas=1)
    with pytest.raises(UnsafeLog, match="num_replicas"):
        check_stream(one, replicas=3)


def test_a_server_that_refuses_large_messages_is_refused() -> None:
    """The server must accept the largest message that anybody here sends: a snapshot, which is larger than a commit."""
    check_payload(limits.SERVER_PAYLOAD_BYTES_MAX)
    with pytest.raises(UnsafeLog, match="max_payload"):
        check_payload(limits.SERVER_PAYLOAD_BYTES_MAX - 1)


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    """Connecting ends in time, and names where it tried."""
    port = own_port()
    with pytest.raises(LogUnavailable, match=str(port)):
        await connect(f"nats://127.0.0.1:{port}", within_ms=300)
