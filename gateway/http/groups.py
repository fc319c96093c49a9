"""Groups: of many requests that come at once, some begin, and the next when what those ask for is on its way.

Clients that are answered together ask again together. If all of them were read before any was asked for, the host would
have nothing to do meanwhile, and then we while it does everything. So they go in groups: the host decides one while we
read the next. A group is large enough that what it asks for is still committed together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from gateway.limits import GROUP_REQUESTS

_PASSES: Final = 3
"""Of the loop, until what was asked for is written: the sender gathers it in one, and the connection in the next."""


class Groups:
    def __init__(self, requests: int = GROUP_REQUESTS) -> None:
        self._requests: Final = requests
        self._begun = 0
        self._waiting: Final[deque[asyncio.Future[None]]] = deque()

    async def begin(self) -> None:
        """Come back when this one may begin."""
        loop = asyncio.get_running_loop()
        if self._begun >= self._requests:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
            return
        self._begun += 1
        if self._begun == 1:
            loop.call_soon(self._pass, loop, _PASSES - 1)

    def _pass(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        if left:
            loop.call_soon(self._pass, loop, left - 1)
            return
        self._begun = 0
        while self._waiting and self._begun < self._requests:
            turn = self._waiting.popleft()
            if not turn.done():  # else its client has gone
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            loop.call_soon(self._pass, loop, _PASSES - 1)
