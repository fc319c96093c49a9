"""Ground to stand on: one connection, and the bus, the log and the shelf over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from events.nats.bus import NatsBus
from events.nats.connection import Connection, connect
from events.nats.log import JetStreamLog
from events.nats.reach import Reach
from events.nats.shelf import JetStreamShelf


class Ground:
    """One connection to the servers, and what stands on it. Made by `reached`."""

    def __init__(self, reach: Reach, connection: Connection) -> None:
        self.reach: Final = reach
        self.connection: Final = connection
        self.bus: Final = NatsBus(connection)

    async def log(self, *, create: bool = False) -> JetStreamLog:
        """The log, when it is safe. Only who means to write creates it."""
        reach = self.reach
        return await JetStreamLog.open(
            self.connection,
            monitors=reach.monitors,
            name=reach.stream,
            replicas=reach.replicas,
            bytes_max=reach.bytes_max if create else None,
            identity=reach.identity,
            create=create,
        )

    async def shelf(self) -> JetStreamShelf:
        return await JetStreamShelf.open(self.connection)


@asynccontextmanager
async def reached(reach: Reach, *, name: str) -> AsyncIterator[Ground]:
    """A connection for as long as the block runs; `name` is how servers show it. `LogUnavailable` if none answers."""
    connection = await connect(reach.servers, name=name)
    try:
        yield Ground(reach, connection)
    finally:
        await connection.close()
