"""The horizon: how far a host knows the log.

What may be stored without our knowing yet holds the horizon where the log ended when that began: a round under way, an
append whose outcome nobody could tell, an actor that is closed on a transaction, a part of the log that is still being
read. Whoever claims that everything up to some point was noted (a page of timers, a host that was away) claims it of
`known_through`, never of the log's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from events.errors import LogError, LogHalted

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Horizon:
    def __init__(self) -> None:
        self.log_end = 0
        """The last sequence that was heard of, from anybody."""
        self._held: dict[int, int] = {}
        self._number = 0

    def saw(self, sequence: int) -> None:
        self.log_end = max(self.log_end, sequence)

    def hold(self, sequence: int | None = None) -> int:
        """What is known for sure ends at `sequence`, by default at the log's end, until this number is released."""
        self._number += 1
        self._held[self._number] = self.log_end if sequence is None else sequence
        return self._number

    def release(self, number: int) -> int:
        """Where it was held."""
        return self._held.pop(number)

    def known_through(self) -> int:
        """Every commit of our actors up to here has been noted."""
        return min(self._held.values(), default=self.log_end)


async def insist(read: Callable[[], Awaitable[T]], retry_ms: int) -> T | None:
    """What the log says, asked until it answers; None when it contradicts itself."""
    while True:
        try:
            return await read()
        except LogHalted as halt:
            log.error("log_halted", code=halt.code, detail=str(halt))  # noqa: TRY400  # where it was raised tells nothing
            return None
        except LogError as error:
            log.warning("log_out_of_reach", code=error.code, detail=str(error))
            await asyncio.sleep(retry_ms / 1000)
