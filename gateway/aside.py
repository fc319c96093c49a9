"""What runs aside of the port, for as long as it is open.

None of it ends by itself, but by a bug. A gateway without one of its parts would look well and do less, and nobody
would know: so then it ends as a whole, and what the bug raised is what its process ends with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final


class Aside:
    """`ending` is set when something has failed; whoever was told so lets `failed` say what."""

    def __init__(self, ending: asyncio.Event) -> None:
        self._ending: Final = ending
        self._running: Final[list[asyncio.Future[Any]]] = []

    def run(self, work: Awaitable[Any]) -> None:
        running = asyncio.ensure_future(work)
        running.add_done_callback(self._ended)
        self._running.append(running)

    def _ended(self, one: asyncio.Future[Any]) -> None:
        if not one.cancelled() and one.exception() is not None:
            self._ending.set()

    async def stop(self) -> None:
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def failed(self) -> None:
        """Raise what something has ended with."""
        for one in self._running:
            if one.done() and not one.cancelled():
                one.result()
