"""The load: requests over HTTP that were written beforehand, sent over so many connections, one under way on each.

    answered = await fire(port, [request("GET", "/livez")] * 10_000, connections=64)

It is a process of its own, `python -m bench.load`, so that what asks does not take its time from the loop of whoever is
asked, and it does little for a request: the bytes are ready, and of an answer it reads the status and the length. It
understands answers that say their length, and no others; one that doesn't ends it with an error, and so does a
connection that is closed under a request.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

CONNECTIONS: Final = 64
WITHIN_S: Final = 120.0
"""Whatever is asked, it is over by then."""
HOST: Final = "127.0.0.1"
END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = b"\r\ncontent-length: "


class Fired(msgspec.Struct, frozen=True):
    """What came of it. `cpu_s` is the processor time of the load itself; `refused` is the first answer that was none of
    the 200s."""

    total: int
    took_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    statuses: dict[int, int]
    cpu_s: float
    refused: str = ""

    @property
    def rate(self) -> float:
        return self.total / self.took_s

    @property
    def good(self) -> int:
        return sum(times for status, times in self.statuses.items() if 200 <= status < 300)


def request(method: str, path: str, *, token: str = "", body: bytes = b"") -> bytes:
    """The bytes of a request, as a plain client writes them."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: tidegate-bench", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


async def fire(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Fired:
    """Send them all, in order, by a process of its own; every one of them has to be answered with one of the 200s."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-load-") as folder:
        written = Path(folder) / "requests"
        written.write_bytes(msgspec.msgpack.encode(requests))
        words = (sys.executable, "-m", "bench.load", str(port), str(connections), str(written))
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(WITHIN_S):
                out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, "the load did not come to its end"
    fired = msgspec.json.decode(out, type=Fired)
    assert fired.good == fired.total == len(requests), f"not all were answered well: {fired.statuses} {fired.refused}"
    return fired


class _Load:
    """What all connections share."""

    def __init__(self, requests: Sequence[bytes], connections: int) -> None:
        self.requests: Final[Iterator[bytes]] = iter(requests)
        self.taken: Final[list[float]] = []
        self.statuses: Final[dict[int, int]] = {}
        self.refused = b""
        self.ended: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()
        self._left = connections

    def end_one(self) -> None:
        self._left -= 1
        if not self._left and not self.ended.done():
            self.ended.set_result(None)

    def fail(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._arrived = b""
        self._needed = 0
        self._asked_at = 0.0
        self._over = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """The next one; none is left when all have been sent."""
        request = next(self._load.requests, None)
        if request is None:
            self._over = True
            self._load.end_one()
            self._transport.close()
            return
        self._asked_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._arrived:
            data = self._arrived + data
        if not self._needed:
            self._needed = _length(data)
        if not self._needed or len(data) < self._needed:
            self._arrived = data
            return
        load = self._load
        load.taken.append(time.perf_counter() - self._asked_at)
        status = int(data[9:12])
        load.statuses[status] = load.statuses.get(status, 0) + 1
        if not 200 <= status < 300 and not load.refused:
            load.refused = data[:2_000]
        self._arrived, self._needed = b"", 0
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._load.fail(f"a connection was closed under a request: {exc!r} {self._arrived[:500]!r}")


def _length(data: bytes) -> int:
    """Of a whole answer, head and all; 0 while its head has not come."""
    end = data.find(END_OF_HEAD)
    if end < 0:
        return 0
    at = data.find(LENGTH, 0, end)
    if at < 0:
        at = data[:end].lower().find(LENGTH)
        if at < 0:
            raise RuntimeError(f"an answer that does not say its length: {data[:500]!r}")
    at += len(LENGTH)
    return end + len(END_OF_HEAD) + int(data[at : data.index(b"\r", at)])


async def _run(port: int, connections: int, requests: Sequence[bytes]) -> Fired:
    loop = asyncio.get_running_loop()
    load = _Load(requests, connections)
    opened = [await loop.create_connection(lambda: _Connection(load), HOST, port) for _ in range(connections)]
    for transport, _ in opened:
        at: socket.socket = transport.get_extra_info("socket")
        at.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    gc.collect()
    gc.disable()
    cpu, began = time.process_time(), time.perf_counter()
    for _, connection in opened:
        connection.ask()
    await load.ended
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    taken = sorted(load.taken)
    at_50, at_95, at_99 = (1_000 * taken[min(len(taken) - 1, int(len(taken) * share))] for share in (0.5, 0.95, 0.99))
    refused = load.refused.decode(errors="replace")
    return Fired(len(taken), took, at_50, at_95, at_99, load.statuses, cpu, refused)


def main() -> None:
    port, connections, written = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    requests = msgspec.msgpack.decode(written.read_bytes(), type=list[bytes])
    fired = uvloop.run(_run(port, min(connections, len(requests)), requests))
    sys.stdout.buffer.write(msgspec.json.encode(fired))


if __name__ == "__main__":
    main()
