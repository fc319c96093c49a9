"""A system as clients meet it: a stack of its own, and gateways before it that can be stopped and killed."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import httpx

from tests.support.stack import clean, environment, launch, tidegate

GATEWAY: Final = ("--set", "gateway.rate_factor=0", "--set", "gateway.courier=false", "--set", "gateway.drain_s=0")
STACK: Final = (
    "--runtime", "process", "--hosts", "1", "--set", "gateway.workers=1", "--set", "gateway.port=0", *GATEWAY,
)  # fmt: skip
ENDS_WITHIN_S: Final = 30
_BUFFER_BYTES: Final = 16 << 10


class Gateway:
    """In a process of its own, beside the stack of this folder. Its log is beside those of the stack."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        words = [sys.executable, "-m", "tidegate", "gateway", "--port", f"{port}", "--json", *GATEWAY]
        with (folder / ".tidegate" / "logs" / "another-gateway.log").open("ab") as log:
            self.process: Final = subprocess.Popen(
                words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert told, f"it ended ({self.process.wait(ENDS_WITHIN_S)})"
        self.url: Final[str] = json.loads(told)["url"]
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:  # its port is taken a moment before
            assert client.get(f"{self.url}/livez").is_success

    def kill(self) -> None:
        """At once, without a word."""
        self.process.kill()
        self.process.wait(ENDS_WITHIN_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask_to_stop(self) -> None:
        """As an operator does; it says goodbye."""
        self.process.send_signal(signal.SIGTERM)


class Stand:
    def __init__(self, folder: Path, url: str, key: str) -> None:
        self.folder: Final = folder
        self.url: Final = url
        """The stack's own gateway, which nobody stops."""
        self.key: Final = key
        """Of the role `owner`."""

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Another one, until it is killed or the block ends."""
        one = Gateway(self.folder)
        try:
            yield one
        finally:
            one.kill()


class Wire:
    """The network between a client and a gateway: it carries bytes, swallows answers, stands still, and is cut."""

    def __init__(self, url: str) -> None:
        self._port: Final = int(url.rpartition(":")[2])
        self._writers: Final[set[asyncio.StreamWriter]] = set()
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._server: asyncio.Server | None = None
        self.swallows = False
        self.swallowed_bytes = 0
        self.goes: Final = asyncio.Event()
        """While it is not set, no answer is read from the gateway."""
        self.goes.set()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Every connection ends at once."""
        self.swallows = False
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)  # so that little is on the way
        end.setblocking(False)
        await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", self._port))
        back, forth = await asyncio.open_connection(sock=end, limit=_BUFFER_BYTES)
        self._writers.update((writer, forth))
        for work in (self._carry(reader, forth, answers=False), self._carry(back, writer, answers=True)):
            task = asyncio.ensure_future(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                if answers:
                    await self.goes.wait()
                if answers and self.swallows:
                    self.swallowed_bytes += len(data)
                else:
                    to.write(data)
        to.close()
        self._writers.discard(to)


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """With the demo organisation, and an owner's key."""
    with asyncio.Runner() as runner:
        stack = runner.run(launch(folder, *STACK))
        try:
            runner.run(stack.ready())
            url = runner.run(stack.until("gateway_started", within_s=1))["url"]
            made = runner.run(tidegate(folder, "key", "create", "--id", "tests", "--role", "owner", "--json"))
            assert made.code == 0, made.err
            yield Stand(folder, url, made.data["key"])
        finally:
            runner.run(clean(stack))
