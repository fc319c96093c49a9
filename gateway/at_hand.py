"""Answers at hand: kept for a moment, and given to everybody who asks the same meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class AtHand(Generic[K, V]):
    """Answers that are kept for a moment and given to everybody who asks meanwhile: however many do, one asks. The
    longest unasked for goes first when there are too many.

    With `renewed_s`, whoever is given an answer that is older than that has the next one asked for: so what many ask
    for is there before the old one is too old, and nobody waits for it.
    """

    def __init__(self, most: int, fresh_s: float, renewed_s: float | None = None) -> None:
        self._most: Final = most
        self._fresh_s: Final = fresh_s
        self.renews: Final = renewed_s is not None
        self._ages_s: Final = 0.0 if renewed_s is None else fresh_s - renewed_s
        """So long before it is too old an answer is old enough for the next one."""
        self._kept: Final[dict[K, tuple[float, int, V]]] = {}
        self._asking: Final[dict[tuple[K, int], asyncio.Task[tuple[V, int]]]] = {}

    def fresh(self, key: K, at_least: int) -> tuple[V, int] | None:
        """The answer and the sequence that it stands on, if it is at hand."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > asyncio.get_running_loop().time() and kept[1] >= at_least:
            return kept[2], kept[1]
        return None

    def renew(self, key: K, ask: Callable[[int], Awaitable[tuple[V, int]]]) -> None:
        """Have the next answer asked for if it is time to; it is to be no older than the one that is at hand, whose
        sequence `ask` is told."""
        kept = self._kept.get(key)
        if kept is None or kept[0] - self._ages_s > asyncio.get_running_loop().time() or (key, kept[1]) in self._asking:
            return
        self._begin(key, kept[1], lambda: ask(kept[1]))

    async def get(self, key: K, at_least: int, ask: Callable[[], Awaitable[tuple[V, int]]]) -> tuple[V, int]:
        """The same, asked for if it is not. Whoever stops waiting stops nobody else."""
        found = self.fresh(key, at_least)
        if found is not None:
            return found
        asking = self._asking.get((key, at_least))
        if asking is None:
            asking = self._begin(key, at_least, ask)
        return await asyncio.shield(asking)

    def _begin(self, key: K, at_least: int, ask: Callable[[], Awaitable[tuple[V, int]]]) -> asyncio.Task[tuple[V, int]]:
        asking = self._asking[key, at_least] = asyncio.ensure_future(self._ask(key, at_least, ask))
        asking.add_done_callback(_told)
        return asking

    async def _ask(self, key: K, at_least: int, ask: Callable[[], Awaitable[tuple[V, int]]]) -> tuple[V, int]:
        fresh_until = asyncio.get_running_loop().time() + self._fresh_s
        try:
            answer, sequence = await ask()
        finally:
            wanted = self._asking.get((key, at_least)) is asyncio.current_task()
            if wanted:  # else it was said to be out of date meanwhile, and somebody else may ask anew
                del self._asking[key, at_least]
        if wanted:
            self._kept.pop(key, None)
            self._kept[key] = (fresh_until, sequence, answer)
            self._tidy()
        return answer, sequence

    def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest][0] > now and len(self._kept) <= self._most:
                return
            del self._kept[oldest]

    def forget(self, key: K) -> None:
        """What is known of it, and what is being asked, is out of date."""
        self._kept.pop(key, None)
        for asking in [one for one in self._asking if one[0] == key]:
            del self._asking[asking]


def _told(asking: asyncio.Task[Any]) -> None:
    """That it failed is known to whoever waits for it; perhaps nobody does any more."""
    if not asking.cancelled():
        asking.exception()
