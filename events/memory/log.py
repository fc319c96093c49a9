"""The log in memory: a list of commits, the sequences of each actor, and the futures of those who wait for more.

An append is decided at once and acknowledged one turn of the loop later, as a network would: a caller that does
not expect to be interrupted there is found out. Faults (time-outs, lost answers) are not in here; the simulation
puts them around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from events import limits
from events.clock import Clock
from events.entries import check_each, check_together, too_large
from events.errors import Conflict, LogFull, SequenceRanBackwards
from events.log import Batch, BatchMark, Entry, LogHead, Recorded, Step
from events.names import org_of


class MemoryLog:
    """An `EventLog` that lasts as long as the object. `bytes_max` bounds the bodies that it keeps, if given."""

    def __init__(self, clock: Clock, *, identity: str = "memory", bytes_max: int | None = None) -> None:
        self.identity: Final = identity
        self.bytes_max = bytes_max
        self._clock: Final = clock
        self._recorded: Final[list[Recorded]] = []
        self._of_actor: Final[dict[str, list[Recorded]]] = {}
        self._sequence_of_id: Final[dict[tuple[str, str], int]] = {}
        self._bytes = 0
        self._batches = 0
        self._waiting: Final[list[asyncio.Future[None]]] = []

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        check_each(entries)
        outcomes = [self._append(entry) for entry in entries]
        self._wake()
        await asyncio.sleep(0)
        return outcomes

    def _append(self, entry: Entry) -> int | Exception:
        stored = self._sequence_of_id.get((entry.actor, entry.id))
        if stored is not None:
            return stored
        refusal = too_large(entry) or self._stale(entry) or self._no_room((entry,))
        return refusal if refusal is not None else self._store(entry, None)

    async def append_together(self, entries: Sequence[Entry]) -> list[int]:
        check_together(entries)
        stored = [self._sequence_of_id.get((entry.actor, entry.id)) for entry in entries]
        sequences = [sequence for sequence in stored if sequence is not None]
        if len(sequences) < len(entries):
            refusal = next((one for entry in entries if (one := self._stale(entry))), None) or self._no_room(entries)
            if refusal is not None:
                await asyncio.sleep(0)
                raise refusal
            self._batches += 1
            batch, size = f"{self.identity}-{self._batches}", len(entries)
            sequences = [
                self._store(entry, BatchMark(batch, index, index == size)) for index, entry in enumerate(entries, 1)
            ]
            self._wake()
        await asyncio.sleep(0)
        return sequences

    def begin(self, first: Entry) -> Batch:
        return Batch(first, self.append_together)

    def _stale(self, entry: Entry) -> Conflict | None:
        commits = self._of_actor.get(entry.actor)
        last = commits[-1].sequence if commits else 0
        if last == entry.expect.sequence:
            return None
        return Conflict(entry.actor, f"{entry.actor}: expected at {entry.expect.sequence}, stands at {last}")

    def _no_room(self, entries: Sequence[Entry]) -> LogFull | None:
        if self.bytes_max is None or self._bytes + sum(len(entry.body) for entry in entries) <= self.bytes_max:
            return None
        return LogFull(f"the log holds {self._bytes} of at most {self.bytes_max} bytes")

    def _store(self, entry: Entry, batch: BatchMark | None) -> int:
        sequence = len(self._recorded) + 1
        recorded = Recorded(
            sequence, entry.actor, entry.body, self._clock(), dict(entry.headers), batch, entry.expect.sequence
        )
        self._recorded.append(recorded)
        self._of_actor.setdefault(entry.actor, []).append(recorded)
        self._sequence_of_id[entry.actor, entry.id] = sequence
        self._bytes += len(entry.body)
        return sequence

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        await asyncio.sleep(0)
        return {actor: self._of_actor[actor][-1] for actor in actors if actor in self._of_actor}

    async def at(self, sequence: int) -> Recorded | None:
        await asyncio.sleep(0)
        return self._recorded[sequence - 1] if 1 <= sequence <= len(self._recorded) else None

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        return [await self.at(sequence) for sequence in sequences]

    def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        return _pages([one for one in self._of_actor.get(actor, ()) if one.sequence > after])

    def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        return _pages(self._recorded[after:])

    async def actors_under(self, name: str) -> list[str]:
        await asyncio.sleep(0)
        return sorted(actor for actor in self._of_actor if actor.startswith(f"{name}."))

    async def orgs_with(self, kind: str) -> list[str]:
        await asyncio.sleep(0)
        return sorted(org_of(actor) for actor in self._of_actor if actor.split(".", 1)[1] == kind)

    async def follow(self, after: int = 0, under: str = "") -> AsyncIterator[Step]:
        if after > len(self._recorded):
            raise SequenceRanBackwards(f"asked for what comes after {after}, but the log ends at {len(self._recorded)}")
        position = after
        while True:
            page_end = min(position + limits.READ_PAGE_ENTRIES, len(self._recorded))
            if position == page_end:
                await self._more()
            while position < page_end:
                step = self._step_behind(position)
                position += len(step)
                if not under:
                    yield step
                    continue
                for recorded in step:
                    if recorded.actor.startswith(f"{under}."):
                        yield (recorded,)
            await asyncio.sleep(0)

    def _step_behind(self, position: int) -> Step:
        end = position + 1
        while (batch := self._recorded[end - 1].batch) is not None and not batch.last:
            end += 1
        return tuple(self._recorded[position:end])

    async def _more(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _wake(self) -> None:
        waiting = self._waiting[:]
        self._waiting.clear()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def head(self) -> LogHead:
        await asyncio.sleep(0)
        last = len(self._recorded)
        return LogHead(self.identity, min(last, 1), last, self._bytes)


async def _pages(recorded: Sequence[Recorded]) -> AsyncIterator[Recorded]:
    """One turn of the loop per page, so that a long read lets others run."""
    for start in range(0, len(recorded), limits.READ_PAGE_ENTRIES):
        await asyncio.sleep(0)
        for one in recorded[start : start + limits.READ_PAGE_ENTRIES]:
            yield one
