"""A TCP proxy that a test can make slow, silent, deaf or dead: the network between a client and a server, misbehaving
on cue.

    async with Proxy("127.0.0.1", server.port) as proxy:
        connection = await connect(proxy.url)
        proxy.swallow_answers()     # the server still hears and does; the client hears nothing
        ...
        proxy.cut()                 # every connection ends at once
        await proxy.heal()          # as if nothing had ever been wrong

What was swallowed cannot be given back, and what follows it makes no sense to the other end; so `heal` cuts the
connections that lost something. Whatever else is set lasts until `heal`, for connections that are open and for those
to come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TypeAlias

from tests.support.ports import own_port

_CHUNK_BYTES: Final = 1 << 16

Which: TypeAlias = Callable[[bytes], bool]
"""Asked about each thing that a server says: a line, and what belongs to it."""


class Proxy:
    """Listens on a port that stays its own while it refuses; every connection to it becomes one to the server."""

    def __init__(self, host: str, port: int) -> None:
        self._host: Final = host
        self._port: Final = port
        self._pairs: Final[list[_Pair]] = []
        self._listener: asyncio.Server | None = None
        self.port: Final = own_port()
        self.delay_ms = 0
        self.delays: Which = _everything
        self.changed = asyncio.Event()
        self.requests_swallowed = False
        self.answers_swallowed = False
        self.moving = asyncio.Event()
        self.moving.set()
        self.bytes_swallowed = 0

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()
        pairs = list(self._pairs)
        self.cut()
        await asyncio.gather(*(pair.ended.wait() for pair in pairs))

    def delay(self, milliseconds: int, which: Which | None = None) -> None:
        """Every answer arrives this much later; many can be under way, and order is kept. With `which`, only those that
        it chooses are late, and the others overtake them."""
        self.delay_ms, self.delays = milliseconds, which or _everything
        self.changed.set()
        self.changed = asyncio.Event()

    def swallow_answers(self) -> None:
        """The client hears nothing of what the server says from now on."""
        self.answers_swallowed = True

    def swallow_requests(self) -> None:
        """The server hears nothing of what the client says from now on."""
        self.requests_swallowed = True

    def stall(self) -> None:
        """Nothing moves in either direction; nothing is lost."""
        self.moving.clear()

    async def refuse(self) -> None:
        """Nobody listens here any more; connections that are open stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def cut(self) -> None:
        """Every open connection ends at once, at both ends."""
        for pair in list(self._pairs):
            pair.cut()

    async def heal(self) -> None:
        """Everything passes again, at once."""
        self.delay(0, self.delays)
        self.requests_swallowed = self.answers_swallowed = False
        self.moving.set()
        if self._listener is None:
            await self._listen()
        for pair in list(self._pairs):
            if pair.lossy:
                pair.cut()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(self, (reader, writer), server)
        self._pairs.append(pair)
        try:
            await pair.run()
        finally:
            self._pairs.remove(pair)


class _Pair:
    """One connection of a client, and the one to the server that stands for it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.lossy = False
        self.ended: Final = asyncio.Event()
        self._proxy: Final = proxy
        self._client: Final = client
        self._server: Final = server

    def cut(self) -> None:
        self._client[1].transport.abort()
        self._server[1].transport.abort()

    async def run(self) -> None:
        prompt: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        ways = [
            asyncio.ensure_future(way)
            for way in (self._requests(), self._answers(prompt, late), self._deliver(prompt, 0), self._deliver(late, 1))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.cut()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.ended.set()

    async def _requests(self) -> None:
        with suppress(ConnectionError):
            while chunk := await self._client[0].read(_CHUNK_BYTES):
                await self._proxy.moving.wait()
                if self._proxy.requests_swallowed:
                    self._swallow(chunk)
                else:
                    self._server[1].write(chunk)
                    await self._server[1].drain()

    async def _answers(
        self, prompt: asyncio.Queue[tuple[float, bytes]], late: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        buffer = bytearray()
        with suppress(ConnectionError):
            while chunk := await self._server[0].read(_CHUNK_BYTES):
                now = asyncio.get_running_loop().time()
                buffer += chunk
                for said in _taken_from(buffer):
                    (late if self._proxy.delays(said) else prompt).put_nowait((now, said))

    async def _deliver(self, answers: asyncio.Queue[tuple[float, bytes]], times: int) -> None:
        """Pass on what was said, as late as is now the rule, so many times over."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while True:
                said_at, said = await answers.get()
                while (left_s := said_at + times * self._proxy.delay_ms / 1000 - loop.time()) > 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._proxy.changed.wait(), left_s)
                await self._proxy.moving.wait()
                if self._proxy.answers_swallowed:
                    self._swallow(said)
                else:
                    self._client[1].write(said)
                    await self._client[1].drain()

    def _swallow(self, chunk: bytes) -> None:
        self.lossy = True
        self._proxy.bytes_swallowed += len(chunk)


def _everything(_said: bytes) -> bool:
    return True


def _taken_from(buffer: bytearray) -> Iterator[bytes]:
    """What a NATS server has said as a whole, taken from the front of what has come of it."""
    while (end := buffer.find(b"\r\n") + 2) > 1:
        if buffer.startswith((b"MSG ", b"HMSG ")):
            end += int(buffer[:end].split()[-1]) + 2
            if len(buffer) < end:
                return
        yield bytes(buffer[:end])
        del buffer[:end]
