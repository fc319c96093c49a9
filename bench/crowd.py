"""A crowd of readers as whoever measures has it: started, told what to do, gone when the block ends (`readers`)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from bench.readers import Order

SLACK_S: Final = 30.0
"""For an answer, beyond what was given to wait."""


class Delays(msgspec.Struct, frozen=True):
    p50: float
    p95: float
    p99: float


class Heard(msgspec.Struct, frozen=True):
    """`all` is whether everybody has heard all of it. `after` is where each delta of the first topic leads; `begun`
    counts what they were told that was no delta."""

    all: bool
    messages: int
    first_at: float
    last_at: float
    after: tuple[str, ...]
    begun: dict[str, int]


class Back(msgspec.Struct, frozen=True):
    """`back` are seconds behind `lost_at`."""

    all: bool
    begun: dict[str, int]
    lost_at: float
    back: dict[str, float]


class Crowd:
    """Made with `crowd`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process: Final = process

    async def open(self, sockets: int, topics: Sequence[str], *, stalled: bool = False, within_s: float = 60.0) -> None:
        """So many more, each of which follows one of the topics, in turn; what is stalled follows all of them."""
        told = await self._do(Order("open", sockets, tuple(topics), stalled, within_s=within_s))
        assert told["all"], f"not all follow: {told['begun']}"

    async def drop(self) -> None:
        """Those who are stalled go."""
        await self._do(Order("drop"))

    async def clear(self) -> None:
        """Count from here on."""
        await self._do(Order("clear"))

    async def heard(self, topics: Sequence[str], deltas: int, within_s: float) -> Heard:
        """When everybody has heard so many of each, or the time is over."""
        told = await self._do(Order("heard", topics=tuple(topics), deltas=deltas, within_s=within_s))
        return msgspec.convert(told, Heard)

    async def delays(self, topic: str, instants: Sequence[float]) -> tuple[Delays, Delays]:
        """Of everybody, and of the last to hear of each, behind when each delta came to be, in milliseconds."""
        told = await self._do(Order("delays", topics=(topic,), instants=tuple(instants)))
        return msgspec.convert(told["everybody"], Delays), msgspec.convert(told["last"], Delays)

    async def begun(self, within_s: float) -> Back:
        """When everybody who was lost since `clear` follows again, or the time is over."""
        return msgspec.convert(await self._do(Order("begun", within_s=within_s)), Back)

    async def _do(self, order: Order) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        async with asyncio.timeout(order.within_s + SLACK_S):
            line = await self._process.stdout.readline()
        assert line, "the readers have ended"
        told: dict[str, Any] = msgspec.json.decode(line)
        return told


@asynccontextmanager
async def crowd(port: int) -> AsyncIterator[Crowd]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.readers", str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    try:
        yield Crowd(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
