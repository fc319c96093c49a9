"""The log answers slowly: every message between hosts and nats-server goes through a proxy that delays what the server
says. Clients go past it, so it is the hosts that have to live with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from events import limits
from events.nats.reach import Reach
from events.nats.server import NatsServer
from tests.faults.conftest import Measured
from tests.faults.hosts import hosts
from tests.faults.judging import judge
from tests.faults.traffic import Traffic, traffic
from tests.support.proxy import Proxy
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("faults")

SLOW_MS = 300
TOO_SLOW_MS = limits.APPEND_TIMEOUT_MS + 1_000
GAP_S_MAX = 5.0
"""From the end of the slowness to the last actor's first answer."""

ANSWER_OF_THE_LOG: Final = re.compile(rb"H?MSG _INBOX\.[^. ]+\.\d+\.\d+ ")
"""To `<inbox>.<call>.<part>`, which only what asks the log and the shelf listens to (`events.nats.replies`)."""
ACKNOWLEDGEMENT: Final = re.compile(rb'\{"stream": ?"log"')


def is_answer_of_the_log(said: bytes) -> bool:
    return ANSWER_OF_THE_LOG.match(said) is not None


def is_acknowledgement(said: bytes) -> bool:
    return is_answer_of_the_log(said) and ACKNOWLEDGEMENT.search(said) is not None


@asynccontextmanager
async def slowable(folder: Path, server: NatsServer) -> AsyncIterator[tuple[Proxy, Traffic, Reach]]:
    """Two hosts that hear the server through the proxy, and traffic."""
    reach = Reach(servers=(server.url,), monitors=(server.monitor,))
    async with Proxy(server.host, server.port) as proxy:
        through = msgspec.structs.replace(reach, servers=(proxy.url,))
        async with hosts(folder, through), traffic(reach) as clients:
            yield proxy, clients, reach


async def test_slow_answers_are_waited_for(own_server: NatsServer, tmp_path: Path, measured: Measured) -> None:
    """Everything that hosts hear is 300 ms late, their own beats too: slower, and nothing else."""
    async with slowable(tmp_path, own_server) as (proxy, clients, reach):
        await clients.flow(200)
        proxy.delay(SLOW_MS)
        moment = clients.now()
        await clients.flow(300)
        await clients.served_since(moment)
        measured(f"longest gap with {SLOW_MS} ms on everything", max(clients.gaps_s(moment).values()))
        await proxy.heal()
        await clients.served_since(clients.now())
        await judge(clients, reach)


async def test_acknowledgements_that_come_too_late_are_looked_up(
    own_server: NatsServer, tmp_path: Path, measured: Measured
) -> None:
    """They come after the append's time is up. The log is asked what became of the append, and answers: so commands are
    answered all the while, if late."""
    async with slowable(tmp_path, own_server) as (proxy, clients, reach):
        await clients.flow(200)
        proxy.delay(TOO_SLOW_MS, is_acknowledgement)
        slow = clients.now()
        await until(lambda: clients.outcomes(slow)["accepted"] >= 100, look_every_s=0.05)
        assert clients.now() - slow > limits.APPEND_TIMEOUT_MS / 1000
        await proxy.heal()
        await served_again(clients, measured, "acknowledgements were prompt again")
        await judge(clients, reach)


async def test_a_log_that_answers_nothing_in_time_is_waited_for(
    own_server: NatsServer, tmp_path: Path, measured: Measured
) -> None:
    """Reads are as late as acknowledgements, so nobody can tell what became of anything: no command is answered with a
    guess. Hosts hear each other as ever, and stay the owners."""
    async with slowable(tmp_path, own_server) as (proxy, clients, reach):
        await clients.flow(200)
        proxy.delay(TOO_SLOW_MS, is_answer_of_the_log)
        slow = clients.now()
        await asyncio.sleep(TOO_SLOW_MS / 1000)  # that long, what was asked before is still answered
        await until(lambda: clients.outcomes(slow)["unknown"] >= 50, look_every_s=0.05)
        await proxy.heal()
        await served_again(clients, measured, "the log was prompt again")
        await judge(clients, reach)


async def served_again(clients: Traffic, measured: Measured, since_what: str) -> None:
    moment = clients.now()
    await clients.served_since(moment)
    gap_s = clients.now() - moment
    measured(f"served after {since_what}", gap_s)
    assert gap_s < GAP_S_MAX
    await clients.flow(300)
