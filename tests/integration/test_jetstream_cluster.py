"""The log over JetStream keeps the contract on three servers, and outlives any one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.errors import LogUnavailable, UnknownOutcome
from events.log import EventLog, ExpectAt
from events.nats.connection import connect
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, EventLogContract, bodies, entry, take
from tests.support.jetstream import Site, in_step, running_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    with asyncio.Runner() as runner:
        running = running_cluster(3, tmp_path_factory.mktemp("cluster"))
        yield runner.run(running.__aenter__())
        runner.run(running.__aexit__(None, None, None))


class TestReplicatedLog(EventLogContract):
    @pytest.fixture
    def site(self, runner: asyncio.Runner, cluster: list[NatsServer]) -> Iterator[Site]:
        site = Site(cluster[0])
        yield site
        runner.run(site.clear())

    @pytest.fixture
    def log(self, runner: asyncio.Runner, cluster: list[NatsServer], site: Site) -> Iterator[EventLog]:
        connection = runner.run(connect(cluster[0].url))
        monitors = [server.monitor for server in cluster]
        yield runner.run(JetStreamLog.open(connection, monitors=monitors, name=site.stream, replicas=3))
        runner.run(connection.close())

    @pytest.fixture
    def rival(self, log: EventLog, runner: asyncio.Runner, cluster: list[NatsServer], site: Site) -> Iterator[EventLog]:
        connection = runner.run(connect(cluster[1].url))
        monitors = [server.monitor for server in cluster]
        yield runner.run(JetStreamLog.open(connection, monitors=monitors, name=site.stream, replicas=3, create=False))
        runner.run(connection.close())


async def append_at_last(log: JetStreamLog, actor: str, body: str, expect: ExpectAt) -> int:
    """Append until somebody takes it, as a host does: after each failure it goes on from what the log says."""
    one = entry(actor, body, expect)
    while True:
        [outcome] = await log.append_each([one])
        if isinstance(outcome, int):
            return outcome
        assert isinstance(outcome, (LogUnavailable, UnknownOutcome)), outcome


async def test_any_server_may_die(tmp_path: Path) -> None:
    """With any one of three servers killed, appends and followers go on, and nothing acknowledged is lost."""
    async with running_cluster(3, tmp_path) as servers:
        connection = await connect([server.url for server in servers])
        monitors = [server.monitor for server in servers]
        log = await JetStreamLog.open(connection, monitors=monitors, replicas=3)
        following = asyncio.ensure_future(take(log.follow(), 9))
        at, written = 0, []
        for victim in servers:
            for moment in ("before", "without", "after"):
                if moment == "without":
                    await in_step(servers)
                    await victim.kill()
                elif moment == "after":
                    await victim.start()
                written.append(f"{moment} {victim.name}".encode())
                at = await append_at_last(log, ALICE, written[-1].decode(), ExpectAt(at))
        assert await bodies(log.read_actor(ALICE)) == written
        assert [step[0].body for step in await following] == written
        await connection.close()
