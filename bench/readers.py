"""Readers: thousands of WebSockets that follow topics, in a process of their own, and what they hear and when.

    python -m bench.readers PORT        told what to do by lines of JSON, and answers each with one (`crowd`)

A reader does as little as one can who is to be many: a handshake that is taken at its word, one `subscribe`, and of
frames the length and the kind. Deltas are counted, and the clock is read once for all that came together: it is the
clock that commits are timed by, since all of it is one machine. Pings are answered.

A socket that is lost comes back at once and follows from where it stood; when nobody answers, again after a pause that
doubles, as our clients do it. A reader that is *stalled* reads nothing any more once it follows, behind the smallest
buffer that the system grants.

What was heard is kept by topic and number: the n-th delta of a topic that a reader has heard since `clear` is the n-th
of everybody there, as long as nobody was told to begin anew, which is counted.
"""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
import uvloop

HOST: Final = "127.0.0.1"
ORG: Final = "bench"
SOURCES: Final = 8
"""Addresses of this machine that sockets come from: one has too few ports for some tens of thousands."""
OPENING_MAX: Final = 250
"""At a time, when they come for the first time."""
PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 4.0
STALLED_BUFFER_BYTES: Final = 2_048
_PONG: Final = b"\x8a\x80\x00\x00\x00\x00"
_KIND_AT: Final = len('{"type":"')
_DELTA: Final = ord("d")
_HEAD: Final = (
    f"GET /v1/{ORG}/stream HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


class Order(msgspec.Struct, frozen=True):
    """What to do: `open` so many that follow these topics in turn, or `stalled` ones that follow all of them, and
    `drop` these; `clear` what was heard; wait until everybody has `heard` so many deltas; tell the `delays` behind
    these instants; wait until everybody has `begun` again that was lost."""

    do: str
    sockets: int = 0
    topics: tuple[str, ...] = ()
    stalled: bool = False
    deltas: int = 0
    instants: tuple[float, ...] = ()
    within_s: float = 30.0


class _Said(msgspec.Struct):
    """What is read of a message that matters."""

    type: str
    position: str = ""
    after: str = ""


_SAID: Final = msgspec.json.Decoder(_Said)


class _Topic:
    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.readers = 0
        self.times: Final[list[array[float]]] = []
        """When each delta was heard, by everybody who did."""
        self.after: Final[list[str]] = []


class _Readers:
    """What all of them share."""

    def __init__(self, port: int) -> None:
        self.port: Final = port
        self.topics: Final[dict[str, _Topic]] = {}
        self.all: Final[list[_Reader]] = []
        self.begun: Final[Counter[str]] = Counter()
        """How they began, or what else they were told that was no delta."""
        self.following = 0
        self.lost_at = 0.0
        self.back_at: Final[list[float]] = []
        """When each was told that it follows again."""
        self.tasks: Final[set[asyncio.Task[None]]] = set()

    def start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class _Reader(asyncio.Protocol):
    __slots__ = (
        "_coming", "_gone", "_rest", "_shaken", "_transport", "_unbegun", "followed", "heard", "last", "readers",
        "source", "stalled", "times", "topic",
    )  # fmt: skip

    def __init__(self, readers: _Readers, source: str, followed: Sequence[_Topic], *, stalled: bool) -> None:
        self.readers = readers
        self.source = source
        self.followed = followed
        self.stalled = stalled
        self.topic = followed[0]
        self.times = self.topic.times
        self.heard = 0
        self.last: bytes | str = ""
        """Where it stands: a position, or the message that says it."""
        self._coming = self._gone = False
        self._rest = b""
        self._shaken = False
        self._unbegun = 0
        self._transport: asyncio.Transport

    # Coming

    async def come(self, after_s: float = 0.0) -> None:
        """Connect, however often that takes."""
        self._coming, pause_s = True, PAUSE_S
        loop = asyncio.get_running_loop()
        await asyncio.sleep(after_s)
        while self._coming:
            with suppress(OSError):
                await loop.create_connection(lambda: self, HOST, self.readers.port, local_addr=(self.source, 0))
                self._coming = self._gone  # it may have been lost by now
            if self._coming:
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
                pause_s = min(PAUSE_S_MAX, 2 * pause_s)

    def go(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._gone, self._rest, self._shaken, self._unbegun = False, b"", False, len(self.followed)
        if self.stalled:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER_BYTES)
        self._transport.write(_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        readers, self._gone = self.readers, True
        if not self._unbegun:
            readers.following -= 1
        if self.stalled or self._coming:
            return
        readers.begun["lost"] += 1
        readers.lost_at = readers.lost_at or time.time()
        readers.start(self.come(0.0 if self._shaken else PAUSE_S))

    def _follow(self) -> None:
        since = self.position
        for number, topic in enumerate(self.followed):
            said: dict[str, Any] = {"type": "subscribe", "id": number, "topic": topic.name}
            if since:
                said["from"] = since
            self._transport.write(_masked(msgspec.json.encode(said)))

    @property
    def position(self) -> str:
        if isinstance(self.last, bytes):
            said = _SAID.decode(self.last)
            self.last = said.after or said.position
        return self.last

    # Hearing

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end, now, times = 0, len(data), time.time(), self.times
        if not self._shaken:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101 "):
                self.readers.begun[data[9:12].decode()] += 1
                self._transport.abort()
                return
            self._shaken = True
            self._follow()
        last = 0, 0
        while end - at >= 2:
            size, head = data[at + 1], at + 2
            if size >= 126:
                head = at + (4 if size == 126 else 10)
                if end < head:
                    break
                size = int.from_bytes(data[at + 2 : head], "big")
            if end < head + size:
                break
            if data[at] == 0x81 and data[head + _KIND_AT] == _DELTA:
                if self.heard == len(times):
                    times.append(array("d"))
                    self.topic.after.append(_SAID.decode(data[head : head + size]).after)
                times[self.heard].append(now)
                self.heard += 1
                last = head, head + size
            elif data[at] == 0x81:
                last = 0, 0
                self._told(data[head : head + size])
            elif data[at] == 0x89:
                self._transport.write(_PONG)
            at = head + size
        if last[1]:
            self.last = data[last[0] : last[1]]
        if at < end:
            self._rest = data[at:]

    def _told(self, payload: bytes) -> None:
        said = _SAID.decode(payload)
        if said.type == "hello":
            return
        readers = self.readers
        readers.begun[said.type] += 1
        if said.position:
            self.last = said.position
        if self._unbegun:
            self._unbegun -= 1
            if not self._unbegun:
                readers.following += 1
                readers.back_at.append(time.time())
                if self.stalled:
                    self._transport.pause_reading()


def _masked(payload: bytes) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        return b"\x81%c\0\0\0\0%b" % (0x80 | size, payload)
    return b"\x81\xfe%b\0\0\0\0%b" % (size.to_bytes(2, "big"), payload)


# What they are told to do


async def _obey(readers: _Readers, order: Order) -> dict[str, Any]:
    match order.do:
        case "open":
            return await _open(readers, order)
        case "drop":
            for reader in readers.all:
                if reader.stalled:
                    reader.go()
            readers.all[:] = [reader for reader in readers.all if not reader.stalled]
            return {}
        case "clear":
            for topic in readers.topics.values():
                topic.times.clear()
                topic.after.clear()
            for reader in readers.all:
                reader.heard = 0
            readers.begun.clear()
            readers.back_at.clear()
            readers.lost_at = 0.0
            return {}
        case "heard":
            topics = [readers.topics[name] for name in order.topics]
            until = lambda: all(_has_heard(topic, order.deltas) for topic in topics)  # noqa: E731  # named at its use
            return {"all": await _wait(until, order.within_s), **_heard(topics), "begun": dict(readers.begun)}
        case "delays":
            return _delays(readers.topics[order.topics[0]], order.instants)
        case "begun":
            everybody = sum(not reader.stalled for reader in readers.all)
            until = lambda: len(readers.back_at) >= everybody <= readers.following  # noqa: E731  # as above
            back = await _wait(until, order.within_s)
            return {"all": back, "begun": dict(readers.begun), "lost_at": readers.lost_at, "back": _back(readers)}
    raise ValueError(f"nobody knows how to {order.do!r}")


async def _open(readers: _Readers, order: Order) -> dict[str, Any]:
    followed = [readers.topics.setdefault(name, _Topic(name)) for name in order.topics]
    coming: list[_Reader] = []
    for number in range(order.sockets):
        source = f"127.0.0.{2 + (len(readers.all) + number) % SOURCES}"
        own = followed if order.stalled else followed[number % len(followed) :][:1]
        if not order.stalled:
            own[0].readers += 1
        coming.append(_Reader(readers, source, own, stalled=order.stalled))
    before, slots = readers.following, asyncio.Semaphore(OPENING_MAX)

    async def come(reader: _Reader) -> None:
        async with slots:
            await reader.come()
            await asyncio.sleep(0)

    began = time.monotonic()
    readers.all.extend(coming)
    async with asyncio.TaskGroup() as group:
        for reader in coming:
            group.create_task(come(reader))
    until = lambda: readers.following >= before + len(coming)  # noqa: E731  # named at its use
    all_there = await _wait(until, order.within_s)
    gc.collect()
    gc.freeze()
    return {"all": all_there, "took_s": time.monotonic() - began, "begun": dict(readers.begun)}


def _has_heard(topic: _Topic, deltas: int) -> bool:
    """Each hears them in order, so whoever has heard the last has heard all."""
    return not deltas or (len(topic.times) >= deltas and len(topic.times[deltas - 1]) >= topic.readers)


def _heard(topics: Sequence[_Topic]) -> dict[str, Any]:
    times = [one for topic in topics for one in topic.times]
    return {
        "messages": sum(map(len, times)),
        "first_at": min((one[0] for one in times), default=0.0),
        "last_at": max((one[-1] for one in times), default=0.0),
        "after": topics[0].after,
    }


def _delays(topic: _Topic, instants: Sequence[float]) -> dict[str, Any]:
    """In milliseconds: of everybody, and of the last to hear of each."""
    everybody = sorted(
        (heard - instant) * 1_000 for times, instant in zip(topic.times, instants, strict=True) for heard in times
    )
    last = sorted((times[-1] - instant) * 1_000 for times, instant in zip(topic.times, instants, strict=True))
    return {"everybody": _percentiles(everybody), "last": _percentiles(last)}


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {name: values[min(len(values) - 1, int(len(values) * share))] for name, share in _SHARES.items()}


_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _back(readers: _Readers) -> dict[str, float]:
    """Seconds after the first was lost."""
    if not readers.back_at:
        return {}
    back = sorted(at - readers.lost_at for at in readers.back_at)
    return {"first": back[0], "last": back[-1], **_percentiles(back)}


async def _wait(until: Any, within_s: float) -> bool:
    """Whether it came true."""
    deadline = time.monotonic() + within_s
    while not until():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def _run(port: int) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    readers = _Readers(port)
    gc.disable()
    async for line in orders:
        answer = await _obey(readers, msgspec.json.decode(line, type=Order))
        answer["cpu_s"] = time.process_time()
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


def main() -> None:
    with suppress(KeyboardInterrupt):
        uvloop.run(_run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
