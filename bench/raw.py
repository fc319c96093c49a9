"""What this machine can do at all, measured with nats-py alone: the figures that ours are held against.

Publishes go below `js.publish`, the quickest way known: one inbox, own reply subjects, futures in a dict.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import nats
import orjson
from nats.aio.msg import Msg

BODY = b'{"fact":"SlotsTaken.1","mask":1,"who":"session-abcdefabcdef","pad":"' + b"x" * 180 + b'"}'


class Raw:
    """One connection, one inbox, one stream of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._futures: dict[str, asyncio.Future[bytes]] = {}
        self._next = 0

    async def start(self) -> None:
        self.nc = await nats.connect(self.url, pending_size=64 << 20)
        config: dict[str, Any] = {
            "name": "raw", "subjects": ["raw.>"], "storage": "file", "retention": "limits", "discard": "new",
            "allow_atomic": True, "allow_direct": True, "num_replicas": 1, "max_bytes": -1, "max_msgs": -1,
            "max_consumers": -1,
        }  # fmt: skip
        await self.nc.request("$JS.API.STREAM.CREATE.raw", orjson.dumps(config))
        self._inbox = self.nc.new_inbox()
        await self.nc.subscribe(self._inbox + ".*", cb=self._acknowledged)

    async def stop(self) -> None:
        await self.nc.request("$JS.API.STREAM.DELETE.raw", b"")
        await self.nc.close()

    async def _acknowledged(self, message: Msg) -> None:
        self._futures.pop(message.subject.rsplit(".", 1)[1]).set_result(message.data)

    async def publish(self, subject: str, headers: dict[str, str] | None = None) -> bytes:
        self._next += 1
        token = str(self._next)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._futures[token] = future
        await self.nc.publish(subject, BODY, reply=f"{self._inbox}.{token}", headers=headers)
        return await future

    async def batch(self, subjects: list[str]) -> bytes:
        self._next += 1
        batch_id = f"b{self._next}"
        for index, subject in enumerate(subjects[:-1], 1):
            await self.nc.publish(subject, BODY, headers={"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(index)})
        return await self.publish(
            subjects[-1],
            {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(len(subjects)), "Nats-Batch-Commit": "1"},
        )


async def _rate(count: int, in_flight: int, one: Callable[[int], Any]) -> float:
    """How many a second, with so many under way at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for index in numbers:
            reply = await one(index)
            assert b"error" not in reply, reply

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return count / (time.perf_counter() - started)


async def pipelined(raw: Raw, in_flight: int = 64, count: int = 6_000) -> float:
    """Durable publishes a second, each on its own."""
    return await _rate(count, in_flight, lambda index: raw.publish(f"raw.p.{index % 500}"))


async def batches(raw: Raw, size: int, in_flight: int = 16, count: int = 400) -> float:
    """Atomic batches a second."""
    return await _rate(
        count, in_flight, lambda index: raw.batch([f"raw.b.{(index * size + part) % 5000}" for part in range(size)])
    )


async def one_publish_ms(raw: Raw, count: int = 1_000) -> float:
    """The median of one durable publish after another, with `js.publish` as nats-py offers it."""
    stream = raw.nc.jetstream()
    return await _median_ms(count, lambda: stream.publish("raw.one", BODY))


async def one_request_ms(raw: Raw, count: int = 2_000) -> float:
    """The median of one NATS request after another, answered by another connection."""
    other = await nats.connect(raw.url)

    async def answer(message: Msg) -> None:
        await message.respond(message.data)

    await other.subscribe("raw-echo", cb=answer)
    await other.flush()

    async def ask() -> None:
        await raw.nc.request("raw-echo", BODY, timeout=5)

    median_ms = await _median_ms(count, ask)
    await other.close()
    return median_ms


async def _median_ms(count: int, one: Callable[[], Any]) -> float:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await one()
        taken.append(time.perf_counter() - started)
    taken.sort()
    return taken[count // 2] * 1_000
