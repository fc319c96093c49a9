"""The projector: follows the log from where its folds stand, and feeds them step by whole step.

What became true at once is shown at once: between two steps nothing waits, so whoever asks sees all of a batch or
nothing of it. `sequence` is how far the folds have come; `reached` waits for a sequence that an asker knows of.

Each projection stands on a snapshot of its own. When one is gone, its projection alone starts from the beginning, and
the others let pass what they have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import ClassVar, Final, cast

import structlog

from events.commit import hash_of
from events.errors import TidegateError
from events.log import EventLog, Recorded, Step
from events.shelf import Shelf
from projections import checkpoint
from projections.folding import Change, Projection, epoch_of, read
from projections.limits import SAVE_EVERY_MS, SAVING_SHARE_MAX, STEPS_AT_A_TIME

log = structlog.get_logger(__name__)

Told = Callable[[Sequence[Change]], None]


class Behind(TidegateError):
    """The projection has not come as far as was asked for."""

    code: ClassVar[str] = "behind"
    next_step: ClassVar[str] = "ask again in a moment"


class Projector:
    """Feeds the projections; `told` hears what changed by each step, once the log was caught up with."""

    def __init__(
        self, events: EventLog, shelf: Shelf, projections: Sequence[Projection], told: Told | None = None
    ) -> None:
        self._events: Final = events
        self._shelf: Final = shelf
        self._projections: Final = tuple(projections)
        self._told: Final = told
        self._stand: Final[dict[str, int]] = dict.fromkeys((one.name for one in projections), 0)
        self._last: Recorded | None = None
        self._saved = 0
        self._waiting: Final[list[tuple[int, asyncio.Future[None]]]] = []
        self.identity = ""
        self.sequence = 0
        self.caught_up_at = 0
        """Where the log ended when the projector began: what changed up to there is not told."""

    @property
    def epoch(self) -> str:
        return epoch_of(self.identity)

    @property
    def caught_up(self) -> bool:
        return bool(self.identity) and self.sequence >= self.caught_up_at

    async def start(self) -> None:
        """Take the snapshots that fit."""
        head = await self._events.head()
        self.identity, self.caught_up_at = head.identity, head.last
        for projection in self._projections:
            self._stand[projection.name] = await checkpoint.get(
                self._shelf, self._events, projection, head.identity, head.last
            )
        self.sequence = self._saved = min(self._stand.values(), default=0)
        self._last = await self._events.at(self.sequence) if self.sequence else None
        log.info("projector_started", sequence=self.sequence, last=head.last, epoch=self.epoch)

    async def run(self) -> None:
        """Follow the log without end, saving now and then; ends with what the log or a fold ends with."""
        steps = cast("AsyncGenerator[Step, None]", self._events.follow(self.sequence))
        loop = asyncio.get_running_loop()
        save_at = loop.time() + SAVE_EVERY_MS / 1000
        count = 0
        try:
            async for step in steps:
                self.take(step)
                count += 1
                if count % STEPS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                if (began := loop.time()) >= save_at:
                    await self.save()
                    took = loop.time() - began
                    save_at = loop.time() + max(SAVE_EVERY_MS / 1000, took / SAVING_SHARE_MAX)
        finally:
            await steps.aclose()

    def take(self, step: Step) -> None:
        """Take in what became true at once."""
        changes: list[Change] = []
        tell = self._told is not None and step[-1].sequence > self.caught_up_at
        for recorded in step:
            commit = read(recorded)
            for projection in self._projections:
                if recorded.sequence <= self._stand[projection.name]:
                    continue
                self._stand[projection.name] = recorded.sequence
                if commit is not None:
                    changes += projection.take(recorded, commit, tell=tell)
        self.sequence = step[-1].sequence
        self._last = step[-1]
        if changes and self._told is not None:
            self._told(changes)
        self._wake()

    async def reached(self, sequence: int, within_ms: int) -> None:
        """Come back when the folds have come as far; `Behind` if they don't in time."""
        if self.sequence >= sequence:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((sequence, waiter))
        try:
            async with asyncio.timeout(within_ms / 1000):
                await waiter
        except TimeoutError:
            raise Behind(f"asked for sequence {sequence}, come as far as {self.sequence}") from None
        finally:
            self._waiting.remove((sequence, waiter))

    def _wake(self) -> None:
        for sequence, waiter in self._waiting:
            if sequence <= self.sequence and not waiter.done():
                waiter.set_result(None)

    async def save(self) -> None:
        """Put every projection on the shelf, with how far it has come."""
        if self.sequence == self._saved or self._last is None:
            return
        sequence, commit = self.sequence, hash_of(self._last.body)
        if any(stand != sequence for stand in self._stand.values()):
            return  # one of them is still behind the others, or has failed within a step
        saved = [(projection, projection.save()) for projection in self._projections]
        for projection, data in saved:
            await checkpoint.put(self._shelf, projection, data, self.identity, sequence, commit)
        self._saved = sequence
