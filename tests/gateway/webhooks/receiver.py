"""A server that receives webhooks: a real one, on a port of this machine, that answers as it is told.

async with receiving() as receiver:
    receiver.answers = lambda got: 500 if got.attempt == 1 else 200
    await until(lambda: receiver.got)

"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

Answer: TypeAlias = int | str | None
"""A status; the raw bytes of an answer, as text; or None for none at all, as long as the connection stands."""


class Got(NamedTuple):
    """A request; `attempt` counts those with the same id, from 1."""

    headers: dict[str, str]
    body: bytes
    attempt: int
    line: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> Any:
        return orjson.loads(self.body)

    @property
    def event(self) -> str:
        return str(self.said["type"])


class Receiver:
    def __init__(self) -> None:
        self.got: Final[list[Got]] = []
        self.answers: Callable[[Got], Answer] = lambda _got: 200
        self.port = 0
        self.open = 0
        """Connections that somebody is being answered on."""
        self.most_open = 0
        self.connections = 0
        self.drips = False
        """Whether it answers a letter at a time, and never comes to an end."""
        self.released: Final = asyncio.Event()
        """For who gets no answer: when it is set, it is 200 after all."""
        self._tasks: Final[set[asyncio.Task[Any]]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [got.id for got in self.got]

    @property
    def events(self) -> list[str]:
        return [got.event for got in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # they have gone, or the test has ended
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        attempt = 1 + sum(1 for got in self.got if got.headers.get("webhook-id") == headers.get("webhook-id"))
        got = Got(headers, body, attempt, line)
        self.got.append(got)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            answer = self.answers(got)
            if answer is None:
                await self.released.wait()
                answer = 200
            while self.drips:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            self.open -= 1
        if isinstance(answer, int):
            text = "" if answer == 204 else "ok"
            answer = f"HTTP/1.1 {answer} Because\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        writer.write(answer.encode())
        await writer.drain()
        return True

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.end()
