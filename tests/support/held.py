"""A log on reins: one host's view of a shared log, on which calls can be held, failed, and looked at.

log = Held(shared)
log.hold("prepare")         # batches that have begun are not prepared
log.hold("append")          # appends wait before they are stored
log.hold("acknowledge")     # appends are stored, and their acknowledgements wait
log.release("append")
log.fail(Conflict())        # the next append ends so, without being stored
log.fail(UnknownOutcome(), stored=True)
log.down = True             # nobody answers
log.breaks = True           # the next append ends in a bug
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias

from events.errors import LogError, LogUnavailable
from events.log import Batch, Entry, EventLog, LogHead, Recorded, Step

Gate: TypeAlias = Literal["prepare", "append", "acknowledge", "read"]


class Held:
    """An `EventLog`. `appends` is what was asked to be stored: the actors of each call, and whether together."""

    def __init__(self, log: EventLog) -> None:
        self.log: Final = log
        self.down = False
        self.breaks = False
        self.fails_after: int | None = None
        """How many commits the next replay gets to see before the log fails it."""
        self.appends: Final[list[tuple[Literal["each", "together"], tuple[str, ...]]]] = []
        self.begun: Final[list[str]] = []
        self.looked_up: Final[list[tuple[str, ...]]] = []
        self.read_at: Final[list[tuple[int, ...]]] = []
        self.replayed: Final[list[tuple[str, int]]] = []
        self.held: Final[dict[Gate, int]] = {"prepare": 0, "append": 0, "acknowledge": 0, "read": 0}
        """How many calls wait at each gate."""
        self._gates: Final[dict[Gate, asyncio.Event]] = {gate: asyncio.Event() for gate in self.held}
        for gate in self._gates.values():
            gate.set()
        self._passed: Final[dict[Gate, asyncio.Event]] = {}
        self._faults: Final[deque[tuple[LogError, bool]]] = deque()

    def hold(self, gate: Gate) -> None:
        self._gates[gate].clear()

    def let_by(self, gate: Gate) -> None:
        """Those who wait there go on waiting; those who come now don't."""
        self._passed[gate] = self._gates[gate]
        self._gates[gate] = asyncio.Event()
        self._gates[gate].set()

    def release(self, gate: Gate) -> None:
        self._gates[gate].set()
        if gate in self._passed:
            self._passed.pop(gate).set()

    def fail(self, error: LogError, *, stored: bool = False) -> None:
        """The next append ends with `error`; whether it is stored all the same is for the test to say."""
        self._faults.append((error, stored))

    async def _pass(self, gate: Gate) -> None:
        self.held[gate] += 1
        try:
            await self._gates[gate].wait()
        finally:
            self.held[gate] -= 1
        if self.down:
            raise LogUnavailable("the log is down")
        if self.breaks and gate == "append":
            self.breaks = False
            raise RuntimeError("a bug")

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        self.appends.append(("each", tuple(entry.actor for entry in entries)))
        try:
            await self._pass("append")
        except LogUnavailable as unavailable:
            return [unavailable for _ in entries]
        if not self._faults:
            outcomes = await self.log.append_each(entries)
            await self._pass("acknowledge")
            return outcomes
        error, stored = self._faults.popleft()
        if stored:
            await self.log.append_each(entries)
        await self._pass("acknowledge")
        return [error for _ in entries]

    async def append_together(self, entries: Sequence[Entry]) -> list[int]:
        self.appends.append(("together", tuple(entry.actor for entry in entries)))
        await self._pass("append")
        if not self._faults:
            sequences = await self.log.append_together(entries)
            await self._pass("acknowledge")
            return sequences
        error, stored = self._faults.popleft()
        if stored:
            await self.log.append_together(entries)
        await self._pass("acknowledge")
        raise error

    def begin(self, first: Entry) -> Batch:
        self.begun.append(first.actor)
        prepared: asyncio.Future[None] = asyncio.ensure_future(self._prepare())
        return Batch(first, self.append_together, prepared)

    async def _prepare(self) -> None:
        with suppress(LogUnavailable):
            await self._pass("prepare")

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        self.looked_up.append(tuple(actors))
        last = await self.log.last_of(actors)
        await self._pass("read")
        return last

    async def at(self, sequence: int) -> Recorded | None:
        await self._pass("read")
        return await self.log.at(sequence)

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        self.read_at.append(tuple(sequences))
        return [await self.at(sequence) for sequence in sequences]

    async def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        self.replayed.append((actor, after))
        await self._pass("read")
        seen = 0
        async for recorded in self.log.read_actor(actor, after):
            if seen == self.fails_after:
                self.fails_after = None
                raise LogUnavailable("the log went down")
            seen += 1
            yield recorded

    async def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        await self._pass("read")
        async for recorded in self.log.read(after):
            yield recorded

    async def follow(self, after: int = 0, under: str = "") -> AsyncIterator[Step]:
        async for step in self.log.follow(after, under):
            yield step

    async def actors_under(self, name: str) -> list[str]:
        await self._pass("read")
        return await self.log.actors_under(name)

    async def orgs_with(self, kind: str) -> list[str]:
        return await self.log.orgs_with(kind)

    async def head(self) -> LogHead:
        return await self.log.head()
