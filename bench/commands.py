"""Commands through the whole path: sender, NATS, host, log with fsync, and back. Every command is a call of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from actors.catalog import PutResource
from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted, encode_command
from bench.report import percentile

_TAGS = count()
WITHIN_MS = 30_000
RESOURCES = 100
"""How many resources a catalog gets; each command puts one of them with another capacity."""


@dataclass(frozen=True)
class Pace:
    """`rate` commands a second, and how long one took, in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float


def _command(index: int) -> bytes:
    return encode_command(PutResource(f"room-{index % RESOURCES}", "Europe/Berlin", "", 1 + index // RESOURCES))


async def _drive(
    total: int, in_flight: int, call: Callable[[int], asyncio.Future[Accepted | Refusal]], first: int = 0
) -> Pace:
    taken: list[float] = []
    indexes = iter(range(first, first + total))

    async def work() -> None:
        for index in indexes:
            started = time.perf_counter()
            answer = await call(index)
            taken.append(time.perf_counter() - started)
            assert isinstance(answer, Accepted), answer

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - started
    taken.sort()
    return Pace(total / elapsed, percentile(taken, 0.5) * 1_000, percentile(taken, 0.99) * 1_000)


async def one_actor(sender: Sender, in_flight: int, total: int) -> Pace:
    """All commands to one actor."""
    actor = f"hot{next(_TAGS)}.catalog"
    call = lambda index: sender.post(actor, _command(index), within_ms=WITHIN_MS)  # noqa: E731  # short and named at its use
    await _drive(in_flight * 8, in_flight, call)
    return await _drive(total, in_flight, call, in_flight * 8)


async def many_actors(sender: Sender, in_flight: int, total: int, actors: int = 500) -> Pace:
    """Commands to many actors in turn; all of them are live before the clock starts."""
    tag = next(_TAGS)
    names = [f"quiet{tag}-{number}.catalog" for number in range(actors)]
    call = lambda index: sender.post(names[index % actors], _command(index), within_ms=WITHIN_MS)  # noqa: E731  # as above
    await _drive(actors, min(in_flight, actors), call)
    return await _drive(total, in_flight, call, actors)


async def transactions(sender: Sender, in_flight: int, total: int, parts: int = 3, actors: int = 300) -> Pace:
    """Transactions over several actors of one organisation's stream each."""
    tag = next(_TAGS)
    names = [f"deal{tag}-{number}.catalog" for number in range(actors)]

    def call(index: int) -> asyncio.Future[Accepted | Refusal]:
        body = _command(index)
        first, *rest = (names[(index * parts + part) % actors] for part in range(parts))
        return sender.post(first, body, within_ms=WITHIN_MS, also=[(name, body) for name in rest])

    await _drive(actors // parts, in_flight, call)
    return await _drive(total, in_flight, call, actors)
