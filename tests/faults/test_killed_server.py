"""nats-server dies in the middle of traffic: alone, or as one of three."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from events.nats.connection import connect
from events.nats.reach import Reach
from events.nats.server import NatsServer
from tests.faults.conftest import Measured
from tests.faults.hosts import hosts
from tests.faults.judging import judge
from tests.faults.traffic import traffic
from tests.support.jetstream import api, in_step, running_cluster
from tests.support.stack import kill, up

pytestmark = pytest.mark.xdist_group("faults")

GAP_S_MAX = 10.0
ELECTED_S_MAX = 20.0
"""A cluster of nats-servers elects a new leader within four to nine seconds, and may need a second round."""


async def test_a_killed_server_is_started_again_on_the_same_store(tmp_path: Path, measured: Measured) -> None:
    """By the stack that watches it; twice. Hosts and clients find it again by themselves."""
    async with up(tmp_path, "--runtime", "process") as stack, traffic(stack.reach) as clients:
        for _ in range(2):
            await clients.flow(300)
            moment, told = clients.now(), len(stack.events)
            kill(stack.pid_of("nats-server"))
            await stack.until("part_back", since=told, part="nats-server")
            await clients.served_since(moment)
            gap_s = max(clients.gaps_s(moment).values())
            measured("nats-server killed, longest gap", gap_s)
            assert gap_s < GAP_S_MAX
        await judge(clients, stack.reach)


async def test_any_one_of_three_servers_may_be_killed(tmp_path: Path, measured: Measured) -> None:
    """First one that follows, then the one that leads the log's stream; each is started again, and has caught up,
    before the next."""
    async with running_cluster(3, tmp_path) as servers:
        reach = Reach(
            servers=tuple(server.url for server in servers),
            monitors=tuple(server.monitor for server in servers),
            replicas=3,
        )
        async with hosts(tmp_path, reach), traffic(reach) as clients:
            for role in ("follower", "leader"):
                await clients.flow(200)
                await in_step(servers)
                victim = await server_that_is(role, servers)
                moment = clients.now()
                await victim.kill()
                await clients.served_since(moment)
                await clients.flow(100)
                gap_s = max(clients.gaps_s(moment).values())
                measured(f"{role} of three servers killed, longest gap", gap_s)
                assert gap_s < ELECTED_S_MAX
                await victim.start()
                await clients.served_since(clients.now())
            await judge(clients, reach)


async def server_that_is(role: str, servers: Sequence[NatsServer]) -> NatsServer:
    """The one that leads the log's stream, or one that follows it."""
    connection = await connect([server.url for server in servers])
    try:
        leader = (await api(connection, "STREAM.INFO.log"))["cluster"]["leader"]
    finally:
        await connection.close()
    return next(server for server in servers if (server.name == leader) == (role == "leader"))
