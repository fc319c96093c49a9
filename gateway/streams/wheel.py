"""Time for ten thousand connections, kept with one timer.

A wheel turns by one spoke every `TICK_S`. What hangs on a spoke is called when the wheel comes to it, once: its `due`,
which may hang it on again. A timer of the loop for each would be a heap of closures that are nearly all cancelled; here
hanging on and taking off are each one operation on a set, and nothing is kept beside.

Who is to be called by and by (a ping every 25 s) begins with `spread`, somewhere in its first period, each at another
spoke than the one before: ten thousand that came in the same second are ten thousand spread over 25 s.

Time that the process slept through doesn't count: after a pause the wheel goes on where it was. So nobody is given up
because of a machine that was suspended, or of a loop that hung.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Final, Protocol

import structlog

from gateway.streams.limits import TICK_S

log = structlog.get_logger(__name__)

OFF: Final = -1


class Hanging(Protocol):
    spoke: int
    """Where it hangs: the wheel's note, `OFF` when it doesn't."""

    def due(self) -> None: ...


class Wheel:
    def __init__(self, longest_s: float) -> None:
        self._spokes: Final[list[set[Hanging]]] = [set() for _ in range(_ticks(longest_s) + 1)]
        self._now = 0
        self._next_spread = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def hang(self, one: Hanging, after_s: float) -> None:
        """Call it after `after_s`, give or take a tick, and not when it was to be called so far."""
        self._hang(one, _ticks(after_s))

    def spread(self, one: Hanging, period_s: float) -> None:
        """Call it sometime within the next period."""
        self._next_spread += 1
        self._hang(one, 1 + self._next_spread % _ticks(period_s))

    def take(self, one: Hanging) -> None:
        """Do not call it. It need not hang anywhere."""
        if one.spoke != OFF:
            self._spokes[one.spoke].discard(one)
            one.spoke = OFF
            self._count -= 1

    def _hang(self, one: Hanging, ticks: int) -> None:
        assert ticks < len(self._spokes), "the wheel is too small"
        self.take(one)
        one.spoke = (self._now + ticks) % len(self._spokes)
        self._spokes[one.spoke].add(one)
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._turn)

    def _turn(self) -> None:
        self._now = (self._now + 1) % len(self._spokes)
        due, self._spokes[self._now] = self._spokes[self._now], set()
        self._count -= len(due)
        for one in due:
            one.spoke = OFF
        for one in due:
            try:
                one.due()
            except Exception:  # the others are due all the same
                log.exception("due_failed")
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._turn) if self._count else None


def _ticks(seconds: float) -> int:
    return max(1, ceil(seconds / TICK_S - 1e-6))
