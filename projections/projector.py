"""The projector: follows the log from where its folds stand, and feeds them step by whole step.

What became true at once is shown at once: between two steps nothing waits, so whoever asks sees all of a batch or
nothing of it. `sequence` is how far the folds have come; `reached` waits for a sequence that an asker knows of.

Each projection stands on a snapshot of its own. When one is gone, its projection alone starts from the beginning, and
the others let pass what they have.

A commit that cannot be read or folded concerns its organisation only: nothing more of that one is taken in or told,
what is asked of it is answered by saying so, and nothing is saved, so that a projector that was mended reads it again.
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
from projections.folding import Change, Projection, at_once, epoch_of, read
from projections.limits import COMMITS_AT_A_TIME, SAVE_EVERY_MS, SAVING_SHARE_MAX

log = structlog.get_logger(__name__)

Told = Callable[[Sequence[Change]], None]


class Behind(TidegateError):
    """The projection has not come as far as was asked for."""

    code: ClassVar[str] = "behind"
    next_step: ClassVar[str] = "ask again in a moment"


class Projector:
    """Feeds the projections; `told` hears what changed by each step, if only nothing, once the log was caught up
    with."""

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
        self._waiting: Final[dict[asyncio.Future[None], int]] = {}
        self._head = 0
        """So far the log is known to go."""
        self._looking: asyncio.Future[None] | None = None
        self.broken: Final[dict[str, str]] = {}
        """The organisations of which something could not be folded, and what."""
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
        """Follow the log without end, saving now and then; ends with what the log ends with."""
        steps = cast("AsyncGenerator[Step, None]", self._events.follow(self.sequence))
        loop = asyncio.get_running_loop()
        save_at = loop.time() + SAVE_EVERY_MS / 1000
        count = 0
        try:
            async for step in steps:
                self.take(step)
                count += len(step)
                if count >= COMMITS_AT_A_TIME:
                    count = 0
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
        told = self._told if step[-1].sequence > self.caught_up_at else None
        for recorded in step:
            missing = [one for one in self._projections if self._stand[one.name] < recorded.sequence]
            self._stand.update((one.name, recorded.sequence) for one in missing)
            org = recorded.actor.split(".", 1)[0]
            if org not in self.broken:
                try:
                    changes += _folded(recorded, missing, tell=told is not None)
                except Exception:  # whatever it is, the others go on
                    self.broken[org] = f"what {recorded.actor} recorded at {recorded.sequence} cannot be folded"
                    log.exception("not_folded", actor=recorded.actor, sequence=recorded.sequence)
        self.sequence = step[-1].sequence
        self._last = step[-1]
        changes = [change for change in changes if change.org not in self.broken] if self.broken else changes
        if told is not None:
            told(changes if len(step) == 1 else at_once(changes))
        self._wake()

    async def reached(self, sequence: int, within_ms: int) -> None:
        """Come back when the folds have come as far; `Behind` if they don't in time."""
        if self.sequence >= sequence:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = sequence
        try:
            async with asyncio.timeout(within_ms / 1000):
                await waiter
        except TimeoutError:
            raise Behind(f"asked for sequence {sequence}, come as far as {self.sequence}") from None
        finally:
            del self._waiting[waiter]

    async def there_is(self, sequence: int) -> bool:
        """Whether the log goes as far. Whoever asks for what nobody has written need not be waited with: they made it
        up, and could keep everybody busy by it."""
        for _ in range(2):  # a look that was under way may have been too early for this one, but not the next
            if sequence <= max(self._head, self.sequence):
                return True
            if self._looking is None:
                self._looking = asyncio.ensure_future(self._look())
            await asyncio.shield(self._looking)
        return sequence <= self._head

    async def _look(self) -> None:
        try:
            self._head = max(self._head, (await self._events.head()).last)
        finally:
            self._looking = None

    def _wake(self) -> None:
        for waiter, sequence in self._waiting.items():
            if sequence <= self.sequence and not waiter.done():
                waiter.set_result(None)

    async def save(self) -> None:
        """Put every projection on the shelf, with how far it has come."""
        if self.sequence == self._saved or self._last is None:
            return
        sequence, commit = self.sequence, hash_of(self._last.body)
        if self.broken or any(stand != sequence for stand in self._stand.values()):
            return  # what was half taken in is not to last; or one of them is still behind the others
        saved = [(projection, projection.save()) for projection in self._projections]
        for projection, data in saved:
            if not await checkpoint.put(self._shelf, projection, data, self.identity, sequence, commit):
                return
        self._saved = sequence


def _folded(recorded: Recorded, projections: Sequence[Projection], *, tell: bool) -> list[Change]:
    commit = read(recorded) if projections else None
    if commit is None:
        return []
    return [change for one in projections for change in one.take(recorded, commit, tell=tell)]
