"""Logs over JetStream for tests: opened, and gone when the test is over."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import nats.errors

from events.nats.connection import Connection, connect
from events.nats.log import JetStreamLog
from events.nats.server import Cluster, NatsServer
from events.nats.stream import STREAM_NOT_FOUND
from tests.support.ports import own_port
from tests.support.waiting import until

_numbers = count(1)
_IN_STEP_WITHIN_S = 60
_ASK_AGAIN_S = 0.05


@dataclass(frozen=True)
class Site:
    """A server, and the name of a stream that nobody used before: nats-server 2.15.1, when it makes a stream while it
    still clears away an older one of the same name, can put some of the old one's messages into the new one."""

    server: NatsServer
    stream: str = field(default_factory=lambda: f"log-{next(_numbers)}")

    async def clear(self) -> None:
        await delete_stream(self.server, self.stream)


@asynccontextmanager
async def opened_log(at: Site | NatsServer, url: str | None = None, **options: Any) -> AsyncIterator[JetStreamLog]:
    """A log on a connection of its own, by way of `url` if one is given."""
    site = at if isinstance(at, Site) else Site(at, "log")
    connection = await connect(url or site.server.url)
    try:
        yield await JetStreamLog.open(connection, monitors=[site.server.monitor], name=site.stream, **options)
    finally:
        await connection.close()


async def connected(log: JetStreamLog, *, be: bool = True) -> None:
    """Wait until the log's connection stands, or until it is noticed that it does not."""
    await until(lambda: log.connected == be)


async def delete_stream(server: NatsServer, name: str = "log") -> None:
    """Another one stays: with the last one, nats-server 2.15.1 takes away the folder that all of them are in, sometimes
    while it makes the next one there."""
    connection = await connect(server.url)
    try:
        stays = await api(connection, "STREAM.CREATE.stays", {"name": "stays", "subjects": ["stays"]})
        assert "error" not in stays, stays
        answer = await api(connection, f"STREAM.DELETE.{name}")
        assert answer.get("success") or answer["error"]["err_code"] == STREAM_NOT_FOUND, answer
    finally:
        await connection.close()


async def api(connection: Connection, verb: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request to JetStream, as an operator would make it."""
    data = b"" if request is None else msgspec.json.encode(request)
    answer = await connection.client.request(f"$JS.API.{verb}", data, timeout=5)
    decoded: dict[str, Any] = msgspec.json.decode(answer.data)
    return decoded


@asynccontextmanager
async def running_cluster(size: int, directory: Path) -> AsyncIterator[list[NatsServer]]:
    """Servers on loopback that form one cluster, ready; killed when it is over."""
    ports = [own_port() for _ in range(size)]
    routes = tuple(f"127.0.0.1:{port}" for port in ports)
    servers = [
        NatsServer(
            directory / f"n{number}",
            name=f"n{number}",
            port=own_port(),
            monitoring_port=own_port(),
            cluster=Cluster("tidegate", port, routes),
        )
        for number, port in enumerate(ports, 1)
    ]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        for server in servers:
            await server.kill()


async def in_step(servers: Sequence[NatsServer], stream: str = "log") -> None:
    """Wait until every one of these servers has all of the stream that it had when this was asked.

    A server that was killed and started again calls itself healthy for a moment before it begins to fetch what it
    missed, and while it fetches it can neither lead the stream nor help to elect who does. If the leader dies in that
    moment, the stream stands still until the leader is back, although two of three servers run. So whoever takes
    servers down one after another (an operator too) waits for this in between.
    """
    connection = await connect([server.url for server in servers])
    try:
        async with asyncio.timeout(_IN_STEP_WITHIN_S):
            end = await _end_of(connection, stream)
            behind = list(servers)
            while behind:
                behind = [server for server in behind if not await _has(server, stream, end)]
                await asyncio.sleep(_ASK_AGAIN_S)
    finally:
        await connection.close()


async def _end_of(connection: Connection, stream: str) -> int:
    """The last sequence by the word of the stream's leader, as soon as there is one."""
    while True:
        with suppress(nats.errors.Error):
            answer = await api(connection, f"STREAM.INFO.{stream}")
            if "error" not in answer and answer["cluster"].get("leader"):
                end: int = answer["state"]["last_seq"]
                return end
        await asyncio.sleep(_ASK_AGAIN_S)


async def _has(server: NatsServer, stream: str, end: int) -> bool:
    """Whether it has the stream up to there, by its own word, and has nothing to complain of."""
    if await server.complaint():
        return False
    report = msgspec.json.decode(await asyncio.to_thread(_ask, f"{server.monitor}/jsz?streams=true"))
    streams = [one for account in report.get("account_details", ()) for one in account.get("stream_detail", ())]
    return any(one["name"] == stream and one["state"]["last_seq"] >= end for one in streams)


def _ask(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
        return body
