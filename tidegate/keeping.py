"""What all parts of a stack share: how they tell what happens, and how long they wait before they start again.

A part is started, watched, and stopped. `watch` mends what it can and tells of it; it ends only by raising what a
person has to look at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import structlog

from events.errors import LogHalted, TidegateError

log = structlog.get_logger(__name__)

PAUSES_MS: Final = (0, 250, 500, 1_000, 2_000, 5_000)
"""Before the first restart, the second, and so on; the last again and again."""
SOUND_AFTER_MS: Final = 30_000
"""What has run for this long has recovered: the next death begins at the first pause again."""


class StackHalted(LogHalted):
    """A host has stopped because the log contradicts itself: starting it again would not mend that."""

    code = "stack_halted"


class StackSuperseded(TidegateError):
    """Others took the names of our hosts. Started again, ours would take them back, and theirs again, for ever."""

    code = "stack_superseded"
    next_step = (
        "a log has one stack: stop the other one (`tidegate down`) before this is started again, or add hosts to it "
        "with `tidegate host`"
    )


class Tell(Protocol):
    """Tells people and programs that something happened. `wrong` marks what they should look at."""

    def __call__(self, event: str, text: str, *, wrong: bool = False, **about: Any) -> None: ...


class Pauses:
    """The waits between restarts of one process."""

    def __init__(self) -> None:
        self._restarts = 0
        self._started_at = 0.0

    def began(self) -> None:
        """It has started."""
        self._started_at = asyncio.get_running_loop().time()

    def next_ms(self) -> int:
        """It has ended: how long to wait before it is started again."""
        if asyncio.get_running_loop().time() - self._started_at > SOUND_AFTER_MS / 1000:
            self._restarts = 0
        pause = PAUSES_MS[min(self._restarts, len(PAUSES_MS) - 1)]
        self._restarts += 1
        return pause


async def start_again(name: str, start: Callable[[], Awaitable[None]], pauses: Pauses, tell: Tell) -> None:
    """Start what has ended, however often that takes."""
    while True:
        await asyncio.sleep(pauses.next_ms() / 1000)
        pauses.began()
        try:
            await start()
        except (TidegateError, OSError) as error:
            tell("part_not_back", f"{name} does not start again: {error}", wrong=True, part=name, reason=str(error))
        else:
            return


def first_of(group: BaseExceptionGroup[TidegateError]) -> TidegateError:
    """One of the errors in a group: whoever reads it mends one thing at a time."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, TidegateError)
    return error
