"""Who is there: the tickets of those who hold a stream open to this gateway.

An open stream keeps its ticket alive. Lines are told of all of theirs at once, in a bitmap, often enough for the most
impatient room; it costs the log nothing. A gateway that dies takes nobody's place: whoever comes back to another one
within the room's longest absence stands where they stood.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from pyroaring import BitMap

from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.waiting.commands import Present
from events.codec import spelled
from events.errors import UnknownOutcome
from events.waiting.sessions import Ticket, line_actor

log = structlog.get_logger(__name__)

EVERY_S: Final = 10.0
"""Rooms that miss people sooner are told oftener: each at a third of its own patience, but not below a second."""
WITHIN_MS: Final = 5_000
AGAIN_S: Final = 1.0
"""A line that was too busy to hear it is told again so soon."""
LOOK_EVERY_S: Final = 0.5
TOLD_AT_ONCE_MAX: Final = 1_024
"""Lines that have not answered yet. It is more than the lines of a host that is away, for most; who has waited longest
goes first."""


class Living:
    def __init__(self, sender: Sender) -> None:
        self._sender: Final = sender
        self._here: Final[dict[str, dict[int, int]]] = {}
        """By line: the numbers of its tickets, each with how many streams it has."""
        self._every_s: Final[dict[str, float]] = {}
        self._due: dict[str, float] = {}
        """By line, when it is to be told again."""
        self._being_told: Final[set[str]] = set()

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

    async def run(self) -> None:
        """Tell the lines, for ever, each at its own pace: who does not answer keeps nobody else waiting."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as telling:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                due = self._due = {line: self._due.get(line, 0.0) for line in self._here}
                now = loop.time()
                ready = sorted((at, line) for line, at in due.items() if at <= now and line not in self._being_told)
                for _, line in ready[: TOLD_AT_ONCE_MAX - len(self._being_told)]:
                    due[line] = now + self._every_s[line]
                    self._being_told.add(line)
                    telling.create_task(self._tell(line))

    async def _tell(self, line: str) -> None:
        numbers = spelled(BitMap(self._here.get(line, {})))
        try:
            answer = await self._sender.send(line, Present(numbers), by="gateway", within_ms=WITHIN_MS)
        except UnknownOutcome as error:
            log.warning("line_not_told", line=line, code=error.code)  # the next one says it again
        else:
            if isinstance(answer, Refusal):
                log.warning("line_not_told", line=line, code=answer.code, detail=answer.detail)
                if answer.fault == "busy":  # it said so at once, and nobody is to lose their place by that
                    again_at = asyncio.get_running_loop().time() + AGAIN_S
                    self._due[line] = min(self._due.get(line, again_at), again_at)
        finally:
            self._being_told.discard(line)
