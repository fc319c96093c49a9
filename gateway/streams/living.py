"""Who is there: the tickets of those who hold a stream open to this gateway.

An open stream keeps its ticket alive. Lines are told of all of theirs at once, in a bitmap, often enough for the most
impatient room; it costs the log nothing. A gateway that dies takes nobody's place: whoever comes back to another one
within the room's longest absence stands where they stood.
"""

from __future__ import annotations

import asyncio
from typing import Final, NoReturn

import structlog
from pyroaring import BitMap

from actors.runtime.sender import Sender
from actors.waiting.commands import Present
from events.codec import spelled
from events.errors import UnknownOutcome
from events.waiting.sessions import Ticket, line_actor

log = structlog.get_logger(__name__)

EVERY_S: Final = 10.0
"""Rooms that miss people sooner are told oftener: each at a third of its own patience, but not below a second."""
WITHIN_MS: Final = 5_000


class Living:
    def __init__(self, sender: Sender) -> None:
        self._sender: Final = sender
        self._here: Final[dict[str, dict[int, int]]] = {}
        """By line: the numbers of its tickets, each with how many streams it has."""
        self._every_s: Final[dict[str, float]] = {}

    def come(self, org: str, ticket: Ticket, every_s: float) -> None:
        line = line_actor(org, ticket.room, ticket.shard)
        here = self._here.setdefault(line, {})
        here[ticket.number] = here.get(ticket.number, 0) + 1
        self._every_s[line] = min(max(every_s, 1.0), EVERY_S)

    def go(self, org: str, ticket: Ticket) -> None:
        line = line_actor(org, ticket.room, ticket.shard)
        here = self._here.get(line, {})
        left = here.get(ticket.number, 0) - 1
        if left > 0:
            here[ticket.number] = left
        else:
            here.pop(ticket.number, None)
        if not here:
            self._here.pop(line, None)
            self._every_s.pop(line, None)

    def __len__(self) -> int:
        return sum(map(len, self._here.values()))

    async def run(self) -> NoReturn:
        """Tell the lines, for ever."""
        loop = asyncio.get_running_loop()
        due: dict[str, float] = {}
        while True:
            await asyncio.sleep(0.5)
            due = {line: due.get(line, 0.0) for line in self._here}
            for line in [line for line, at in due.items() if at <= loop.time()]:
                if (every_s := self._every_s.get(line)) is None:
                    continue  # its last stream has left while others were told
                due[line] = loop.time() + every_s
                await self._tell(line)

    async def _tell(self, line: str) -> None:
        numbers = spelled(BitMap(self._here.get(line, {})))
        try:
            await self._sender.send(line, Present(numbers), by="gateway", within_ms=WITHIN_MS)
        except UnknownOutcome:
            log.warning("line_not_told", line=line)  # the next one says it again
