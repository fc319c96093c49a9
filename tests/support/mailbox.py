"""A handler that keeps what it is given, and can be waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from events.bus import Message

WAIT_S: Final = 10


class Mailbox:
    """Subscribe with it: `await bus.subscribe(subject, box)`."""

    def __init__(self) -> None:
        self.messages: Final[deque[Message]] = deque()
        self._arrived: Final = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        self._arrived.set()

    async def take(self, count: int) -> list[Message]:
        """The next messages in order of arrival, so many and no more."""
        async with asyncio.timeout(WAIT_S):
            while len(self.messages) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return [self.messages.popleft() for _ in range(count)]

    async def bodies(self, count: int) -> list[bytes]:
        return [message.data for message in await self.take(count)]
