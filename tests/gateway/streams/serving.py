"""A real uvicorn on a free port of this machine, with sockets whose listeners remember what they were told; and a
client that says exactly the bytes that it is given."""

from __future__ import annotations

import asyncio
import socket as network
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway.limiting.crowd import Crowd
from gateway.streams.frames import text_frame
from gateway.streams.front import ANYBODY, requests
from gateway.streams.handshake import Refused, Request
from gateway.streams.limits import RequestLimits, SocketLimits
from gateway.streams.socket import Door, Socket, sockets
from gateway.writing import answer

WITHIN_S = 20
LARGE_BYTES = 32 << 20
"""More than what the kernel keeps for a connection whose reader doesn't read."""
HANDSHAKE = (
    b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def until(holds: Callable[[], object]) -> None:
    """Wait for it, for so long."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110  # whatever it is, nobody tells
            await asyncio.sleep(0.005)


class Heard:
    """A listener that says everything again, and remembers all that it was told."""

    socket: Socket

    def __init__(self, request: Request) -> None:
        self.request = request
        self.told: list[str] = []
        self.texts: list[bytes] = []

    def opened(self, socket: Socket) -> None:
        self.socket = socket
        self.told.append("opened")

    def heard(self, text: bytes) -> None:
        self.texts.append(text)
        self.socket.send(text_frame(text))

    def drained(self) -> None:
        self.told.append("drained")

    def leaving(self) -> None:
        self.told.append("leaving")

    def closed(self) -> None:
        self.told.append("closed")


class Porter:
    """A door that opens to everybody; a test may put something else in `opens`' place."""

    def __init__(self, makes: Callable[[Request], Heard] = Heard) -> None:
        self.makes = makes
        self.listeners: list[Heard] = []

    async def opens(self, request: Request) -> Heard | Refused:
        listener = self.makes(request)
        self.listeners.append(listener)
        return listener

    @property
    def last(self) -> Heard:
        return self.listeners[-1]


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answers every request with how many bytes it had; `/slow` takes its time, `/early` doesn't look, `/large` is
    answered with a lot, and paths below `/whole` in one."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    body = bytes(LARGE_BYTES) if scope["path"].endswith("/large") else b"%d" % size
    if scope["path"].startswith("/whole"):
        said = {b"bad": b"x\r\ny: z", b"half": b"x\ry: z", b"null": b"x\0y: z"}.get(scope["query_string"], b"x")
        await answer(scope, send, 200, [(b"said", said)], body)
        if scope["query_string"] == b"twice":
            await answer(scope, send, 200, [], body)
        return
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Site:
    def __init__(self, door: Door, limits: SocketLimits, request_limits: RequestLimits, crowd: Crowd) -> None:
        self.listening = network.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        config = uvicorn.Config(
            app,
            ws=sockets(door, limits),
            http=requests(request_limits, crowd),
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        self.server = uvicorn.Server(config)
        self.serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.serving = asyncio.create_task(self.server.serve([self.listening]))
        await until(lambda: self.server.started)

    async def stop(self) -> None:
        self.server.should_exit = True
        assert self.serving is not None
        async with asyncio.timeout(WITHIN_S):
            await self.serving

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def client(self, path: str = "/stream", **options: Any) -> connect:
        options.setdefault("compression", None)
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, **options)

    @asynccontextmanager
    async def raw(self, *said: bytes) -> AsyncIterator[Raw]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        raw = Raw(reader, writer)
        try:
            for data in said:
                raw.say(data)
            yield raw
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def raw_socket(self, *said: bytes) -> AsyncIterator[Raw]:
        """One that has shaken hands."""
        async with self.raw(HANDSHAKE) as raw:
            assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
            for data in said:
                raw.say(data)
            yield raw


class Raw:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = ClientProtocol(parse_uri("ws://localhost"), state=State.OPEN, max_size=None)

    def say(self, data: bytes) -> None:
        """If there still is somebody to say it to."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(WITHIN_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Everything up to the end."""
        async with asyncio.timeout(WITHIN_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def frame(self) -> Frame:
        async with asyncio.timeout(WITHIN_S):
            while not (events := self.protocol.events_received()):
                data = await self.reader.read(1 << 16)
                assert data, "the connection has ended"
                self.protocol.receive_data(data)
        first, *others = events
        self.protocol.events[:0] = others
        assert isinstance(first, Frame)
        return first

    async def closed_with(self) -> int:
        """The code of the close that comes, after whatever else."""
        while (frame := await self.frame()).opcode is not Opcode.CLOSE:
            pass
        return int(Close.parse(bytes(frame.data)).code)


def masked(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


@contextmanager
def site_of(
    runner: asyncio.Runner,
    door: Door,
    limits: SocketLimits | None = None,
    request_limits: RequestLimits | None = None,
    crowd: Crowd = ANYBODY,
) -> Iterator[Site]:
    site = Site(door, limits or SocketLimits(), request_limits or RequestLimits(), crowd)
    runner.run(site.start())
    try:
        yield site
    finally:
        runner.run(site.stop())
