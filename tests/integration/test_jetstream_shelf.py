"""The shelf over JetStream keeps the contract, and never fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from events.nats.connection import connect
from events.nats.server import NatsServer
from events.nats.shelf import JetStreamShelf
from events.shelf import Shelf
from tests.contracts.shelf_contract import ShelfContract
from tests.support.jetstream import api, delete_stream
from tests.support.waiting import until


class TestJetStreamShelf(ShelfContract):
    @pytest.fixture
    def shelf(self, runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Shelf]:
        connection = runner.run(connect(nats_server.url))
        yield runner.run(JetStreamShelf.open(connection))
        runner.run(connection.close())
        runner.run(delete_stream(nats_server, "shelf"))


async def test_a_shelf_is_opened_again(own_server: NatsServer) -> None:
    """What was put before the last opening is there after it."""
    connection = await connect(own_server.url)
    await (await JetStreamShelf.open(connection)).put("demo.a", b"1")
    assert await (await JetStreamShelf.open(connection)).get(["demo.a"]) == {"demo.a": b"1"}
    await connection.close()


async def test_a_shelf_of_another_make_is_replaced(own_server: NatsServer) -> None:
    """A stream with other settings is thrown away: it was a cache."""
    connection = await connect(own_server.url)
    assert "error" not in await api(connection, "STREAM.CREATE.shelf", {"name": "shelf", "subjects": ["shelf.>"]})
    shelf = await JetStreamShelf.open(connection)
    await shelf.put("demo.a", b"1")
    await shelf.put("demo.a", b"2")
    info = await api(connection, "STREAM.INFO.shelf")
    assert (info["state"]["messages"], info["config"]["persist_mode"]) == (1, "async")
    await connection.close()


async def test_a_lost_shelf_is_an_empty_shelf(own_server: NatsServer) -> None:
    """Without its stream, or without its server, nothing can be put or got, and nobody hears of an error."""
    connection = await connect(own_server.url)
    shelf = await JetStreamShelf.open(connection)
    await shelf.put("demo.a", b"1")
    await delete_stream(own_server, "shelf")
    await shelf.put("demo.a", b"2")
    assert await shelf.get(["demo.a"]) == {}
    await own_server.kill()
    await until(lambda: not connection.connected)
    assert await shelf.get(["demo.a"]) == {}
    await connection.close()
