"""Whoever holds a stream open is there, and their line is told so, whatever becomes of other lines."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from actors.runtime.sender import Sender
from events.errors import UnknownOutcome
from events.waiting.sessions import Ticket, ticket_of
from gateway.streams.living import EVERY_S, Living
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

ORG: Final = "demo"


class Lines:
    """Those of a room `sick` do not answer in time; the others do after `takes_s`."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.told: Final[defaultdict[str, list[float]]] = defaultdict(list)
        """By line, when it began to be told."""
        self.at_once = self.most_at_once = 0
        self._takes_s: Final = takes_s

    async def send(self, line: str, *_: Any, within_ms: int, **__: Any) -> None:
        self.told[line].append(asyncio.get_running_loop().time())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(within_ms / 1_000 if ".sick." in line else self._takes_s)
        finally:
            self.at_once -= 1
        if ".sick." in line:
            raise UnknownOutcome("nobody answered in time")


def ticket(room: str, shard: int) -> Ticket:
    found = ticket_of(f"{room}.{shard}.1")
    assert found is not None
    return found


@asynccontextmanager
async def running(lines: Lines) -> AsyncIterator[Living]:
    """What goes wrong in it goes wrong here."""
    here = Living(cast(Sender, lines))
    telling = asyncio.ensure_future(here.run())
    try:
        yield here
        assert not telling.done(), telling
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def test_a_line_whose_last_stream_leaves_while_others_are_told_is_passed_over() -> None:
    """And the others are told as before."""
    lines = Lines(takes_s=0.3)
    async with running(lines) as here:
        for shard in range(3):
            here.come(ORG, ticket("launch", shard), EVERY_S)
        await asyncio.sleep(0.6)  # somebody is being told
        here.go(ORG, ticket("launch", 1))
        await asyncio.sleep(1)
        lines.told.clear()
        await asyncio.sleep(EVERY_S)
        assert set(lines.told) == {"demo.line.launch.0", "demo.line.launch.2"}
