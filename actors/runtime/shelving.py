"""Snapshots and passivation: what keeps activation cheap and memory bounded.

An actor is put on the shelf when it has committed and then been quiet for a while, when its commits since the
last snapshot outgrow that snapshot several times (so that writing snapshots costs a bounded share of writing commits),
and when it leaves the host. A snapshot is made between commits only, so it always stands on an acknowledged one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from actors.runtime.cell import Cell, Phase
from actors.runtime.limits import HostLimits
from events import limits as ground
from events.shelf import Shelf

log = structlog.get_logger(__name__)

SAVE_ALL_WITHIN_MS: Final = 2_000
PUTS_AT_ONCE: Final = 64
SNAPSHOT_EVERY: Final = 4
"""An actor that is never quiet is put on the shelf when its commits since are so many times as large as its snapshot: a
fifth of what is written are snapshots then, at most, and no more than that has to be replayed."""
UNSAVED_MIN: Final = 2
"""One commit behind a snapshot, or behind nothing, costs activation no reading: see `loading`."""


class Shelving:
    def __init__(self, shelf: Shelf, limits: HostLimits) -> None:
        self._shelf = shelf
        self._limits = limits
        self._changed: dict[Cell, float] = {}
        """Cells with commits that no snapshot holds, in the order of their last commit, and when that was."""
        self._commits_since_sweep = 0
        self.saved = 0
        self.too_large = 0

    def changed(self, cell: Cell, now: float) -> None:
        """The cell has committed."""
        self._commits_since_sweep += 1
        self.forget(cell)
        self._changed[cell] = now

    def forget(self, cell: Cell) -> None:
        """The cell is let go of, or saved: until it commits again, nobody looks after it here."""
        self._changed.pop(cell, None)

    def outgrown(self, cell: Cell) -> bool:
        return cell.bytes_since_snapshot > max(self._limits.snapshot_bytes_min, SNAPSHOT_EVERY * cell.snapshot_bytes)

    def take(self, cell: Cell) -> bytes | None:
        """The cell's snapshot, if it has one worth giving: a memory of acknowledged commits, with nothing in flight."""
        self.forget(cell)
        if cell.unsaved < UNSAVED_MIN or cell.memory is None or cell.phase is not Phase.READY:
            return None
        cell.unsaved = 0
        cell.bytes_since_snapshot = 0
        try:
            data = cell.memory.snapshot()
        except Exception:  # a bug in a decider: a state that can't be written. Its actors are replayed from the log
            log.exception("snapshot_failed", actor=cell.actor)
            return None
        cell.snapshot_bytes = len(data)
        if len(data) > ground.SHELF_ITEM_BYTES_MAX:
            self.too_large += 1
            return None
        return data

    async def put(self, actor: str, data: bytes) -> None:
        self.saved += await self._shelf.put(actor, data)

    async def save(self, cell: Cell) -> None:
        data = self.take(cell)
        if data is not None:
            await self.put(cell.actor, data)

    async def save_quiet(self, now: float) -> None:
        """Put on the shelf who has been quiet long enough, up to a bound."""
        quiet_before = now - self._limits.snapshot_when_quiet_ms / 1000
        busy = self._commits_since_sweep > self._limits.snapshots_per_sweep_when_busy
        self._commits_since_sweep = 0
        at_most = self._limits.snapshots_per_sweep_when_busy if busy else self._limits.snapshots_per_sweep_max
        quiet, worth = list[Cell](), list[Cell]()
        for cell, changed_at in self._changed.items():
            if changed_at > quiet_before or len(worth) == at_most:
                break
            quiet.append(cell)
            if cell.unsaved >= UNSAVED_MIN:  # else it forgot, or was saved on another occasion, or one commit is all
                worth.append(cell)
        for cell in quiet:
            self.forget(cell)
        for cell in worth:
            if cell.phase is not Phase.READY or (busy and self._is_large(cell)):
                self._changed[cell] = now  # it is at it again, or others are: later
                continue
            await self.save(cell)

    def _is_large(self, cell: Cell) -> bool:
        """Whether its snapshot may hold others up, by what the last one and the commits since take."""
        return cell.snapshot_bytes + cell.bytes_since_snapshot > self._limits.snapshot_bytes_when_busy_max

    async def save_all(self, cells: Iterable[Cell]) -> None:
        """As many as there is time for: the log has them all."""
        left = iter(cells)

        async def some() -> None:
            for cell in left:
                await self.save(cell)

        with suppress(TimeoutError):
            async with asyncio.timeout(SAVE_ALL_WITHIN_MS / 1000):
                await asyncio.gather(*(some() for _ in range(PUTS_AT_ONCE)))

    async def sweep(self, cells: dict[str, Cell], drop: Callable[[Cell], None]) -> None:
        """For ever: save who is quiet, and let go of who is idle."""
        loop = asyncio.get_running_loop()
        idle_s = self._limits.passivate_after_ms / 1000
        look_for_idle_at = loop.time()
        while True:
            await asyncio.sleep(self._limits.sweep_every_ms / 1000)
            now = loop.time()
            await self.save_quiet(now)
            if now < look_for_idle_at:
                continue
            look_for_idle_at = now + min(5.0, idle_s / 4)
            await self._let_go(cells, now - idle_s, drop)

    async def _let_go(self, cells: dict[str, Cell], used_before: float, drop: Callable[[Cell], None]) -> None:
        for cell in [cell for cell in cells.values() if cell.used_at < used_before and not cell.mailbox]:
            if _is_needed(cell):
                continue
            await self.save(cell)
            if cell.phase in (Phase.READY, Phase.COLD) and not cell.mailbox and cell.used_at < used_before:
                drop(cell)


def _is_needed(cell: Cell) -> bool:
    """Whether something would be lost with it that only its host knows."""
    try:
        return cell.keeps_leases or cell.listens
    except Exception:  # a bug in a decider, which shall not keep the others in memory for ever
        log.exception("wake_failed", actor=cell.actor)
        return False
