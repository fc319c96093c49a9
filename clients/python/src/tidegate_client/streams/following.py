"""Following: what one reader is told of some topics, waiting until it is taken out.

A reader that does not keep up is told how things are instead of how they came to be: what waits never grows beyond a
bound, and nobody else waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from tidegate_client.limits import CHANGES_WAITING_MAX
from tidegate_client.problems import Problem, closed
from tidegate_client.streams.conversation import Change


class Following:
    """Changes of topics, in order, as an asynchronous iterator. Left by `async with`, or by `leave`; else it ends with
    its stream."""

    def __init__(
        self, topics: tuple[str, ...], now: Callable[[str], Change | None], leave: Callable[[Following], None]
    ) -> None:
        self.topics: Final = topics
        self._now: Final = now
        self._leave: Final = leave
        self._waiting: Final[deque[Change]] = deque()
        self._missed = False
        self._news: Final = asyncio.Event()
        self._ended = False
        self._problem: Problem | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self._waiting:
            self._catch_up()
            if self._waiting:
                break
            if self._problem is not None:
                raise self._problem
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    @property
    def has_ended(self) -> bool:
        """Whether it was left, or its stream was closed while it was gone through: nothing is wrong."""
        return self._ended and self._problem is None

    async def news(self) -> None:
        """Come back when something has changed since the last time. What it was is dropped. `Problem` when nothing
        will: `closed` when it has ended."""
        while not (self._waiting or self._missed or self._news.is_set()):
            self._raise_if_over()
            await self._news.wait()
        self._raise_if_over()
        self._waiting.clear()
        self._missed = False
        self._news.clear()

    def leave(self) -> None:
        if not self._ended:
            self._leave(self)
            self.end(None)

    # Told by its stream

    def hear(self, change: Change) -> None:
        if change.problem is not None:
            self.end(change.problem)
            return
        if self._missed or len(self._waiting) >= CHANGES_WAITING_MAX:
            self._waiting.clear()
            self._missed = True
        else:
            self._waiting.append(change)
        self._news.set()

    def wake(self) -> None:
        """Something else is to be shown."""
        self._news.set()

    def end(self, problem: Problem | None) -> None:
        if not self._ended:
            self._ended, self._problem = True, problem
        self._news.set()

    def _catch_up(self) -> None:
        if self._missed:
            self._missed = False
            self._waiting.extend(change for name in self.topics if (change := self._now(name)) is not None)

    def _raise_if_over(self) -> None:
        if self._problem is not None:
            raise self._problem
        if self._ended:
            raise closed()
