"""Activation: from an actor's name to its memory, as cheaply as the log allows.

One look-up asks for the last commits of many actors at once, and for their snapshots beside it. From there:

- no commit: the actor is new;
- what is remembered (from before, or from the snapshot) stands on the last commit: it is the memory;
- it stands on the commit before the last one: that one is taken in, and nothing else is read;
- otherwise the actor's commits behind it are read, or all of them when there is nothing to stand on.

A snapshot that doesn't fit the chain is ignored (law 8). One that is *ahead* of the log is not: it was made of
acknowledged commits, so the log has lost some, and the actor halts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from actors.runtime.cell import Cell, Phase
from actors.runtime.limits import HostLimits
from actors.runtime.memory import Memory
from actors.runtime.tasks import Tasks
from events import limits as ground
from events.commit import hash_of, previous_of
from events.errors import ChainBroken, LogError, LogHalted, SequenceRanBackwards
from events.log import EventLog, Recorded
from events.shelf import Shelf

log = structlog.get_logger(__name__)

REPLAYS_AT_A_TIME: Final = 16


class Loading:
    """Brings cold cells to readiness, many per look-up. `loaded` and `halted` tell the host how it ended."""

    def __init__(
        self,
        events: EventLog,
        shelf: Shelf,
        limits: HostLimits,
        tasks: Tasks,
        loaded: Callable[[Cell], None],
        halted: Callable[[Cell, Exception], None],
    ) -> None:
        self._events = events
        self._shelf = shelf
        self._limits = limits
        self._tasks = tasks
        self._loaded = loaded
        self._halted = halted
        self._waiting: deque[Cell] = deque()
        self._in_flight = 0
        self._scheduled = False

    def want(self, cell: Cell, era: int) -> None:
        """Load a cold cell, or make sure of one that was remembered in an earlier era."""
        assert cell.phase in (Phase.COLD, Phase.READY)
        cell.phase = Phase.LOADING
        cell.era = era
        self._waiting.append(cell)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._scheduled = False
        while self._waiting and self._in_flight < self._limits.loads_in_flight_max:
            page = [self._waiting.popleft() for _ in range(min(len(self._waiting), ground.LOOKUP_ACTORS_MAX))]
            self._in_flight += 1
            self._tasks.start(self._load(page))

    async def _load(self, cells: list[Cell]) -> None:
        try:
            last, snapshots = await self._look_up(cells)
            slow = []
            for cell in cells:
                if not self._settle(cell, last.get(cell.actor), snapshots.get(cell.actor)):
                    slow.append((cell, last[cell.actor]))
            slow = await self._walk_back(slow)
            for start in range(0, len(slow), REPLAYS_AT_A_TIME):
                await asyncio.gather(*(self._replay(*one) for one in slow[start : start + REPLAYS_AT_A_TIME]))
        except Exception as error:
            for cell in cells:
                if cell.phase is Phase.LOADING:
                    self._halted(cell, error)
            if not isinstance(error, LogHalted):
                raise  # a bug of ours: those who wait were told, and the task says it aloud
        finally:
            self._in_flight -= 1
            self._go_on()

    async def _look_up(self, cells: list[Cell]) -> tuple[dict[str, Recorded], dict[str, Memory]]:
        """Ask until the log answers: without it there is nothing to decide on, and deadlines take care of who waits."""
        while True:
            try:
                last, shelved = await asyncio.gather(
                    self._events.last_of([cell.actor for cell in cells]),
                    self._shelf.get([cell.actor for cell in cells if cell.memory is None]),
                )
                snapshots = self._read(cells, shelved)
                ahead = [
                    actor
                    for actor, memory in snapshots.items()
                    if actor not in last or memory.sequence > last[actor].sequence
                ]
                if ahead:  # its former host committed and put it there in between, or else the log has lost something
                    last |= await self._events.last_of(ahead)
                return last, snapshots
            except LogHalted:
                raise
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error), actors=len(cells))
                await asyncio.sleep(self._limits.retry_log_ms / 1000)

    def _read(self, cells: list[Cell], shelved: dict[str, bytes]) -> dict[str, Memory]:
        snapshots = {}
        for cell in cells:
            data = shelved.get(cell.actor)
            if data is not None:
                memory = Memory.from_snapshot(cell.decider, cell.actor, self._limits.remembered_commands_max, data)
                if memory is not None:
                    snapshots[cell.actor] = memory
                    cell.snapshot_bytes = len(data)
        return snapshots

    def _settle(self, cell: Cell, newest: Recorded | None, snapshot: Memory | None) -> bool:
        """Ready the cell if what is at hand suffices; False when the log must be read."""
        try:
            memory = self._base(cell, newest, snapshot)
            if newest is not None and memory.sequence < newest.sequence:
                if memory.head != previous_of(newest.body):
                    cell.memory = memory
                    return False
                memory.follow(newest)
                cell.unsaved += 1
            cell.memory = memory
            self._ready(cell)
        except LogHalted as halt:
            self._halted(cell, halt)
        except Exception as bug:  # a decider's, or a snapshot that only seems to fit: read everything before halting
            log.exception("evolve_failed", actor=cell.actor)
            if newest is not None:
                cell.memory = self._blank(cell)
                return False
            self._halted(cell, bug)
        return True

    def _base(self, cell: Cell, newest: Recorded | None, snapshot: Memory | None) -> Memory:
        """What is remembered or shelved and stands on the chain as far as the last commit can tell; else a blank
        memory."""
        memory = cell.memory or snapshot
        end = 0 if newest is None else newest.sequence
        if memory is not None and memory.sequence > end:
            raise SequenceRanBackwards(
                f"{cell.actor}: sequence {memory.sequence} was acknowledged, but the log ends at {end}"
            )
        if memory is not None and newest is not None and memory.sequence == end and memory.head != hash_of(newest.body):
            if cell.memory is not None:
                raise ChainBroken(f"{cell.actor}: the commit at sequence {end} is not the one that was acknowledged")
            log.warning("snapshot_ignored", actor=cell.actor, sequence=end)
            memory = None
        return memory or self._blank(cell)

    def _blank(self, cell: Cell) -> Memory:
        cell.unsaved = 0
        return Memory(cell.decider, cell.actor, self._limits.remembered_commands_max)

    async def _walk_back(self, slow: list[tuple[Cell, Recorded]]) -> list[tuple[Cell, Recorded]]:
        """Every commit says where its actor's commit before it stands: go back so, for all of these cells at once,
        until what they remember is reached. Finding an actor's few last commits in a long log takes much longer.
        Returns those for which it is too far, or leads elsewhere."""
        trails = {cell: [newest] for cell, newest in slow}
        for _ in range(self._limits.walk_back_max):
            asking = [(cell, trail) for cell, trail in trails.items() if trail[-1].previous > _sequence_of(cell)]
            if not asking:
                break
            try:
                found = await self._events.at_each([trail[-1].previous for _, trail in asking])
            except LogHalted:
                raise
            except LogError:
                return slow  # reading asks until the log answers
            for (cell, trail), recorded in zip(asking, found, strict=True):
                if recorded is None or recorded.actor != cell.actor:
                    del trails[cell]
                else:
                    trail.append(recorded)
        return [(cell, newest) for cell, newest in slow if not self._take_in(cell, trails.get(cell))]

    def _take_in(self, cell: Cell, trail: list[Recorded] | None) -> bool:
        """Ready the cell with the commits that it lacks, newest first; False when they don't follow."""
        memory = cell.memory
        assert memory is not None
        if trail is None or trail[-1].previous != memory.sequence:
            return False
        try:
            for recorded in reversed(trail):
                memory.follow(recorded)
                cell.unsaved += 1
            self._ready(cell)
        except Exception as error:  # noqa: BLE001  # broken or a bug: reading everything will tell, and say so
            log.warning("trail_ignored", actor=cell.actor, sequence=memory.sequence, detail=str(error))
            cell.memory = self._blank(cell)
            return False
        return True

    async def _replay(self, cell: Cell, newest: Recorded) -> None:
        """Read what the memory lacks; if it doesn't follow from a snapshot, read everything before calling it
        broken."""
        while True:
            memory = cell.memory
            assert memory is not None
            started_at = memory.sequence
            try:
                async for recorded in self._events.read_actor(cell.actor, after=started_at):
                    memory.follow(recorded)
                    cell.unsaved += 1
                if memory.sequence < newest.sequence:
                    raise ChainBroken(
                        f"{cell.actor}: the commit at sequence {newest.sequence} was seen, but cannot be read"
                    )
                self._ready(cell)
                return
            except ChainBroken as broken:
                if started_at == 0:
                    self._halted(cell, broken)
                    return
                log.warning("snapshot_ignored", actor=cell.actor, sequence=started_at)
                cell.memory = self._blank(cell)
            except LogHalted as halt:
                self._halted(cell, halt)
                return
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error), actor=cell.actor)
                await asyncio.sleep(self._limits.retry_log_ms / 1000)
            except Exception as bug:  # as above
                log.exception("evolve_failed", actor=cell.actor)
                if started_at == 0:
                    self._halted(cell, bug)
                    return
                cell.memory = self._blank(cell)

    def _ready(self, cell: Cell) -> None:
        cell.phase = Phase.READY
        self._loaded(cell)


def _sequence_of(cell: Cell) -> int:
    return 0 if cell.memory is None else cell.memory.sequence
