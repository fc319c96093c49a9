"""A machine: one process with a loop and a clock of its own, that may freeze, be cut off, or die at any of its calls.

A call to the outside (a message, an append, a read) is where dying matters: before it, nobody ever hears of it;
after it, its effect is out there and the caller doesn't know. Both can be arranged (`doom`), and a machine can be
killed at any instant in between. A call of a dead machine never returns, so nothing that stands behind it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, Literal

from actors.simulation.clock import VirtualClock
from actors.simulation.loop import Timeline, VirtualLoop

Cut = Literal["", "loses", "holds"]
"""Not cut off; or what comes and goes meanwhile is lost; or it is held back until the cut is mended."""
Doom = Literal["", "before", "after"]


class Machine:
    """A process that runs simulated code. `dice` are its own: what it draws does not disturb what others draw."""

    def __init__(self, name: str, timeline: Timeline, dice: Random, killed: Callable[[Machine, str], None]) -> None:
        self.name: Final = name
        self.dice: Final = dice
        self.loop: Final = VirtualLoop(
            timeline, name, since=dice.choice((0.0, 1_000.0, 123_456.789)), rate=dice.choice((1.0, 1.0, 0.99, 1.01))
        )
        self.clock: Final = VirtualClock(lambda: timeline.now)
        self.cut: Cut = ""
        self.frozen = False
        self.ignores_beats = False
        """It never learns who owns what, as a client that does not follow the hosts."""
        self._calls_left = 0
        self._doom: Doom = ""
        self._killed: Final = killed

    @property
    def dead(self) -> bool:
        return self.loop.dead

    def freeze(self) -> None:
        self.frozen = True
        self.loop.freeze()

    def thaw(self) -> None:
        self.frozen = False
        self.loop.thaw()

    def kill(self, why: str) -> None:
        if not self.loop.dead:
            self.loop.kill()
            self._killed(self, why)

    def doom_call(self, calls: int, doom: Doom) -> None:
        """Die at the call that comes after so many others, before or after its effect."""
        self._calls_left, self._doom = calls, doom

    async def call_begins(self, stalls: float) -> Doom:
        """A call is about to leave the machine. `after` is for whoever carries it out to obey."""
        dice = self.dice
        if stalls and dice.random() < stalls:
            await self.pause(dice.random() ** 3 * 0.2)
        if self.loop.dead:
            await self.never()
        if not self._doom:
            return ""
        self._calls_left -= 1
        if self._calls_left >= 0:
            return ""
        doom, self._doom = self._doom, ""
        if doom == "before":
            self.kill("before a call")
            await self.never()
        return doom

    async def pause(self, seconds: float) -> None:
        awake = self.loop.create_future()
        self.loop.call_later(seconds, _wake, awake)
        await awake

    async def never(self) -> None:
        """What a call of a dead machine returns."""
        await self.loop.create_future()


def _wake(future: Any) -> None:
    if not future.done():
        future.set_result(None)
