"""The bus over NATS keeps the contract, and comes back after its server was away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from events.bus import Bus
from events.errors import BusError, BusTimeout
from events.nats.bus import NatsBus
from events.nats.connection import connect
from events.nats.server import NatsServer
from tests.contracts.bus_contract import BusContract
from tests.support.mailbox import Mailbox
from tests.support.proxy import Proxy
from tests.support.waiting import later, until


class TestNatsBus(BusContract):
    @pytest.fixture
    def bus(self, runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Bus]:
        connection = runner.run(connect(nats_server.url))
        yield NatsBus(connection)
        runner.run(connection.close())

    @pytest.fixture
    def other(self, runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Bus]:
        connection = runner.run(connect(nats_server.url))
        yield NatsBus(connection)
        runner.run(connection.close())


async def test_subscriptions_survive_a_restart(own_server: NatsServer) -> None:
    """After the server was away, who subscribed hears again, and what was published meanwhile arrives."""
    connection = await connect(own_server.url)
    bus, box = NatsBus(connection), Mailbox()
    await bus.subscribe("news", box)
    await bus.publish("news", b"before")
    assert await box.bodies(1) == [b"before"]
    await own_server.kill()
    await until(lambda: not connection.connected)
    await bus.publish("news", b"meanwhile")
    await own_server.start()
    await connection.wait()
    await bus.publish("news", b"after")
    assert await box.bodies(2) == [b"meanwhile", b"after"]
    await connection.close()


async def test_who_waits_for_an_answer_hears_that_the_connection_is_lost(own_server: NatsServer) -> None:
    """The answer went with it, and waiting on would keep others waiting."""
    connection = await connect(own_server.url)
    bus, box = NatsBus(connection), Mailbox()
    await bus.subscribe("deaf", box)
    asking = later(bus.request("deaf", b"", 60_000))
    await box.take(1)
    await own_server.kill()
    async with asyncio.timeout(5):
        with pytest.raises(BusTimeout, match="connection was lost"):
            await asking
    await connection.close()


async def test_a_subscription_outlives_the_connection_that_it_was_made_on(nats_server: NatsServer) -> None:
    """The connection is lost before the server has confirmed it: it is there, and hears when the connection is back."""
    async with Proxy("127.0.0.1", nats_server.port) as proxy:
        connection = await connect(proxy.url)
        bus, box = NatsBus(connection), Mailbox()
        proxy.swallow_answers()
        subscribing = later(bus.subscribe("news", box))
        await until(lambda: proxy.bytes_swallowed > 0)
        await proxy.heal()
        async with asyncio.timeout(5):
            subscription = await subscribing
        await connection.wait()
        await bus.publish("news", b"heard")
        assert await box.bodies(1) == [b"heard"]
        await subscription.stop()
        await connection.close()


async def test_nobody_subscribes_on_a_closed_bus(nats_server: NatsServer) -> None:
    """A subscription that would never hear anything is refused."""
    connection = await connect(nats_server.url)
    bus = NatsBus(connection)
    await connection.close()
    with pytest.raises(BusError, match="closed"):
        await bus.subscribe("news", Mailbox())


async def test_a_closed_bus_loses_messages_quietly(nats_server: NatsServer) -> None:
    """The bus may lose messages: publishing on one that is closed is no error."""
    connection = await connect(nats_server.url)
    bus = NatsBus(connection)
    subscription = await bus.subscribe("news", Mailbox())
    await connection.close()
    await connection.close()
    await bus.publish("news", b"lost")
    await subscription.stop()


async def test_too_large_a_message_is_lost_alone(nats_server: NatsServer) -> None:
    """A message that the server would not take is dropped before it costs the connection."""
    connection = await connect(nats_server.url)
    bus, box = NatsBus(connection), Mailbox()
    await bus.subscribe("news", box)
    await bus.publish("news", b"x" * (connection.client.max_payload + 1))
    await bus.publish("news", b"small")
    assert await box.bodies(1) == [b"small"]
    await connection.close()
