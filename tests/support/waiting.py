"""Waiting for the thing, not for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], object], *, within_s: float = 60.0, look_every_s: float = 0.0005) -> None:
    """Come back as soon as the condition holds. Meant for virtual time, where looking costs nothing."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come to pass"
        await asyncio.sleep(look_every_s)


def later(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin the work, and be free to do something else meanwhile."""
    return asyncio.get_running_loop().create_task(work)
