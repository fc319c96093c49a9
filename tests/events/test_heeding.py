"""A cancellation that nats-py loses is heeded all the same."""

from __future__ import annotations

import asyncio

import pytest

from events.nats.connection import heeding


async def test_a_cancellation_that_is_lost_inside_is_raised() -> None:
    """Whoever cancels a connection attempt that has just succeeded must not find it going on."""
    ended = []

    async def deaf() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("went on as if nothing had been said")
        return "connected"

    task = asyncio.create_task(heeding(deaf()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_results_and_errors_come_through() -> None:
    async def well() -> int:
        return 7

    async def badly() -> int:
        raise OSError("no")

    assert await heeding(well()) == 7
    with pytest.raises(OSError, match="no"):
        await heeding(badly())
