"""A wall clock that shows what it is told to.

    clock = VirtualClock()          # stands still until it is moved
    clock.advance(1_500)
    clock = VirtualClock(loop.time) # runs with a loop, and can still be set, wrongly if need be

Nothing in the system may believe that wall clocks agree, or that they only move forward: `jump` is for finding out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from events.clock import Instant

START: Final[Instant] = 1_780_000_000_000
"""When simulated time begins, by a clock that is right: 2026-05-28T20:26:40Z."""


class VirtualClock:
    """A `Clock`. `runs_with` gives seconds that pass; without it, time passes only by `advance`."""

    def __init__(self, runs_with: Callable[[], float] | None = None, *, start: Instant = START) -> None:
        self._runs_with: Final = runs_with
        self._start: Final = start
        self._moved_ms = 0

    def __call__(self) -> Instant:
        passed_ms = 0 if self._runs_with is None else int(self._runs_with() * 1000)
        return self._start + passed_ms + self._moved_ms

    def advance(self, ms: int) -> Instant:
        """Let time pass; the instant that it then is."""
        assert ms >= 0, "time passes forward; a clock that is set back jumps"
        return self.jump(ms)

    def jump(self, ms: int) -> Instant:
        """Be set by someone, forward or back."""
        self._moved_ms += ms
        return self()

    def correct(self) -> None:
        """Be set right: undo every move."""
        self._moved_ms = 0
