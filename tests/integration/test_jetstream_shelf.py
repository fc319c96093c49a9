"""The shelf over JetStream keeps the contract, and never fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.nats.connection import connect
from events.nats.ground import reached
from events.nats.reach import Reach
from events.nats.server import NatsServer
from events.nats.shelf import JetStreamShelf
from events.shelf import Shelf
from tests.contracts.log_contract import ALICE, append, bodies, entry
from tests.contracts.shelf_contract import ShelfContract
from tests.support.jetstream import api, delete_stream, in_step, running_cluster
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


async def test_a_shelf_that_cannot_be_made_is_an_empty_shelf(own_server: NatsServer) -> None:
    """A server that has no room for it is no reason not to start; and once it has, the shelf is there by itself."""
    connection = await connect(own_server.url)
    in_the_way = {"name": "other", "subjects": ["shelf.>"]}
    assert "error" not in await api(connection, "STREAM.CREATE.other", in_the_way)
    shelf = await JetStreamShelf.open(connection)
    await shelf.put("demo.a", b"1")
    assert await shelf.get(["demo.a"]) == {}
    await delete_stream(own_server, "other")
    await kept(shelf, "demo.a", b"2")
    await connection.close()


async def test_a_shelf_whose_server_is_down_is_an_empty_shelf(tmp_path: Path) -> None:
    """In a cluster the log goes on without the one server that holds the shelf, and so does who starts then; when it is
    back, what was put before is there, and the shelf is used again."""
    async with running_cluster(3, tmp_path) as servers:
        reach = Reach(
            servers=tuple(server.url for server in servers),
            monitors=tuple(server.monitor for server in servers),
            replicas=3,
        )
        async with reached(reach, name="first") as ground:
            log = await ground.log(create=True)
            await append(log, entry(ALICE))
            await kept(await ground.shelf(), "demo.a", b"before")
            holder = (await api(ground.connection, "STREAM.INFO.shelf"))["cluster"]["leader"]
            await in_step(servers)
        [victim] = [server for server in servers if server.name == holder]
        await victim.stop()  # in order: what is on the shelf is written when the server pleases
        async with reached(reach, name="second") as ground:
            assert await bodies((await ground.log()).read_actor(ALICE)) == [b""]
            shelf = await ground.shelf()
            assert await shelf.get(["demo.a"]) == {}
            await shelf.put("demo.b", b"meanwhile")
            await victim.start()
            assert await found(shelf, "demo.a") == b"before"
            await kept(shelf, "demo.b", b"after")


async def kept(shelf: Shelf, name: str, data: bytes) -> None:
    """Put it there until it stays."""
    async with asyncio.timeout(30):
        while await shelf.get([name]) != {name: data}:
            await shelf.put(name, data)
            await asyncio.sleep(0.01)


async def found(shelf: Shelf, name: str) -> bytes:
    """Ask until it is there."""
    async with asyncio.timeout(30):
        while True:
            items = await shelf.get([name])
            if items:
                return items[name]
            await asyncio.sleep(0.01)


async def test_a_lost_shelf_is_an_empty_shelf(own_server: NatsServer) -> None:
    """Without its stream nothing can be put or got, until it is made anew by whoever puts something there; without its
    server neither. Nobody hears of an error."""
    connection = await connect(own_server.url)
    shelf = await JetStreamShelf.open(connection)
    assert await shelf.put("demo.a", b"1")
    await delete_stream(own_server, "shelf")
    assert not await shelf.put("demo.a", b"2")
    assert await shelf.get(["demo.a"]) == {}
    await kept(shelf, "demo.a", b"3")
    await own_server.kill()
    await until(lambda: not connection.connected)
    assert await shelf.get(["demo.a"]) == {}
    assert not await shelf.put("demo.a", b"4")
    await connection.close()
