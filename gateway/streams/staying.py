"""Whether those who follow topics may still: a key that was revoked opens nothing any more, and a session ends.

Who asks for something is found out each time that they ask. Who only listens asks for nothing; so every few seconds it
is found out of all of them whether what they showed when they came would still let them in, and who would not be is
sent away. Whoever cannot be found out at the moment stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NoReturn, Protocol, TypeAlias

from gateway.identity.callers import Caller
from gateway.problems import Problem

LOOK_EVERY_S: Final = 5.0
AT_A_TIME: Final = 100
"""Then others have their turn."""

Still: TypeAlias = Callable[[], Awaitable[Caller]]


class Staying(Protocol):
    """A socket, or a stream of events."""

    @property
    def still(self) -> Still:
        """Who they are by what they showed; a `Problem` when it shows nobody any more."""
        ...

    def sent_away(self, problem: Problem) -> None: ...


async def watch(*those: Callable[[], Iterable[Staying]]) -> NoReturn:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for count, one in enumerate([one for them in those for one in them()], 1):
            try:
                await one.still()
            except Problem as problem:
                if problem.fault != "busy":
                    one.sent_away(problem)
            if count % AT_A_TIME == 0:
                await asyncio.sleep(0)
