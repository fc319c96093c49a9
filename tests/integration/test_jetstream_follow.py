"""A follower misses nothing, whatever happens to its connection, and holds little in memory, however slow its reader
is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import cast

import pytest
from nats.aio.msg import Msg

from events import limits
from events.log import Step
from events.nats import follow
from events.nats.connection import Connection, connect
from events.nats.server import NatsServer
from tests.contracts.log_contract import append, entry, take
from tests.support.jetstream import Site, api, opened_log
from tests.support.proxy import Proxy

WAIT_S = 10
LARGE = b"x" * limits.LOG_MESSAGE_BYTES_MAX


@pytest.fixture
def site(runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Site]:
    site = Site(nats_server)
    yield site
    runner.run(site.clear())


async def test_nothing_is_missed_over_lost_connections(site: Site) -> None:
    """The connection is cut again and again while the log grows: the follower sees each commit once and in order."""
    async with (
        Proxy("127.0.0.1", site.server.port) as proxy,
        opened_log(site) as near,
        opened_log(site, proxy.url) as far,
    ):
        total = 400
        following = asyncio.ensure_future(take(far.follow(), total))
        for number in range(0, total, 4):
            await near.append_together([entry(f"demo.line.{number + offset}") for offset in range(4)])
            if number % 80 == 0:
                proxy.cut()
        steps = await following
        assert [len(step) for step in steps] == [4] * (total // 4)
        assert [one.sequence for step in steps for one in step] == list(range(1, total + 1))


async def test_a_silent_connection_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When heartbeats stay away the follower asks anew, though nobody told it that anything was wrong."""
    monkeypatch.setattr(limits, "FOLLOW_HEARTBEAT_MS", 100)
    async with opened_log(site) as log:
        await append(log, entry("demo.line.a"))
        steps = log.follow()
        assert len(await anext(aiter(steps))) == 1
        waiting = asyncio.ensure_future(anext(aiter(steps)))
        connection = await connect(site.server.url)
        [consumer] = await consumers(connection, site.stream)
        await api(connection, f"CONSUMER.DELETE.{site.stream}.{consumer}")
        await append(log, entry("demo.line.b"))
        [seen] = await waiting
        assert seen.actor == "demo.line.b"
        await connection.close()


async def test_a_message_that_is_lost_on_the_way_is_asked_for_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap in what the consumer numbers is noticed, and filled from the log."""
    consume, lost = follow._Consumer._on_message, list[Msg]()

    def lose_one(self: follow._Consumer, message: Msg) -> None:
        if message.subject == "log.demo.line.3" and not lost:
            lost.append(message)
        else:
            consume(self, message)

    monkeypatch.setattr(follow._Consumer, "_on_message", lose_one)
    async with opened_log(site) as log:
        following = asyncio.ensure_future(take(log.follow(), 6))
        await append(log, *(entry(f"demo.line.{number}") for number in range(6)))
        assert [step[0].sequence for step in await following] == [1, 2, 3, 4, 5, 6]
        assert lost


async def test_a_slow_reader_holds_little_in_memory(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server pushes ahead of the reader is bounded, and all of it comes in the end."""
    consume, waiting = follow._Consumer._on_message, [0]

    def measured(self: follow._Consumer, message: Msg) -> None:
        consume(self, message)
        waiting.append(sum(len(one.data) for one in self._waiting))

    monkeypatch.setattr(follow._Consumer, "_on_message", measured)
    size = 96
    async with opened_log(site) as log:
        for start in range(0, size, 32):
            await append(log, *(entry(f"demo.line.{number}", LARGE) for number in range(start, start + 32)))
        seen: list[int] = []
        async for [recorded] in log.follow():
            seen.append(recorded.sequence)
            await asyncio.sleep(0.005)
            if len(seen) == size:
                break
        assert seen == list(range(1, size + 1))
        assert max(waiting) < size * len(LARGE) / 2


async def test_a_follower_that_leaves_leaves_nothing_behind(site: Site) -> None:
    """The consumer of a follower that ended is gone from the server."""
    async with opened_log(site) as log:
        await append(log, entry("demo.line.a"))
        steps = log.follow()
        assert len(await anext(aiter(steps))) == 1
        connection = await connect(site.server.url)
        assert len(await consumers(connection, site.stream)) == 1
        await cast("AsyncGenerator[Step]", steps).aclose()
        async with asyncio.timeout(WAIT_S):
            while await consumers(connection, site.stream):
                pass
        await connection.close()


async def consumers(connection: Connection, stream: str) -> list[str]:
    names: list[str] = (await api(connection, f"CONSUMER.NAMES.{stream}"))["consumers"]
    return names
