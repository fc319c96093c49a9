"""The whole system for benchmarks of the gateway: `tidegate up --runtime process` with one gateway, started as anybody
starts it, for as long as a block lasts; and servers of another make beside it.

Rate limits are off, since one address asks for everybody here, and so is the bound on its connections. There is one
host: where two cores have a gateway, a server and a projector to run as well, a second one is there to take over from
the first, and until then only parts in two what could have been committed together (a fifth of the bookings). All else
is as it comes: a projector, and a line in the access log for every request.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import urlopen

from actors.runtime.sender import Sender
from bench.load import HOST
from bench.stage import CALM_AFTER_S
from events.clock import system_clock
from events.log import EventLog
from events.nats.ground import Ground, reached
from events.nats.server import free_port
from gateway.identity.sessions import SESSION_BYTES, Sessions
from gateway.secret import Secret
from tidegate import parts, run_file

ORG: Final = "bench"
READY_WITHIN_S: Final = 60
STOPS_WITHIN_S: Final = 45
ANSWERS_WITHIN_S: Final = 20
GATEWAY: Final = "gateway-1"
SETTINGS: Final = (
    f"org={ORG}", "gateway.port=0", "gateway.workers=1", "gateway.rate_factor=0", "gateway.connections_per_address=0",
    "hosts.count=1",
)  # fmt: skip


class Stack:
    """A running one. Made with `stack`."""

    def __init__(self, data_dir: Path, port: int, ground: Ground, sender: Sender, log: EventLog) -> None:
        self.data_dir: Final = data_dir
        self.port: Final = port
        self.ground: Final = ground
        self.sender: Final = sender
        self.log: Final = log
        self._sessions: Final = Sessions(Secret.open(data_dir / "keys"))

    @property
    def gateway_pid(self) -> int:
        return self.pids[GATEWAY]

    @property
    def pids(self) -> dict[str, int]:
        """The processes, by the names of their parts."""
        return parts.living(self.data_dir)

    def visitors(self, number: int) -> list[str]:
        """The tokens of so many who were not here before, as `POST /sessions` gives them out."""
        sessions, now = self._sessions, system_clock()
        return [sessions.token(sessions.new(ORG, token_bytes(SESSION_BYTES), now)) for _ in range(number)]

    def metric(self, name: str) -> float:
        """One figure of those that the gateway tells of itself."""
        with urlopen(f"http://{HOST}:{self.port}/metrics", timeout=5) as answer:
            lines: list[str] = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@asynccontextmanager
async def stack() -> AsyncIterator[Stack]:
    """Everything fresh, and gone afterwards."""
    async with AsyncExitStack() as stops:
        folder = Path(stops.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-bench-")))
        data_dir = folder / ".tidegate"
        await stops.enter_async_context(_up(folder))
        run = run_file.read(run_file.path_of(data_dir))
        assert run is not None and run.gateway, "the stack has no gateway"
        port = urlsplit(run.gateway).port
        assert port is not None
        ground = await stops.enter_async_context(reached(run.reach, name="bench"))
        sender = Sender(ground.bus, system_clock, by="bench")
        await sender.start()
        stops.push_async_callback(sender.stop)
        await asyncio.sleep(CALM_AFTER_S)
        yield Stack(data_dir, port, ground, sender, await ground.log(create=False))


@asynccontextmanager
async def _up(folder: Path) -> AsyncIterator[None]:
    """`tidegate up` in that folder, until the block ends."""
    words = ["--json", "--runtime", "process", *(word for one in SETTINGS for word in ("--set", one))]
    with (folder / "said").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tidegate", "up", *words,
            cwd=folder, env=_environment(), stdout=asyncio.subprocess.PIPE, stderr=said,
        )  # fmt: skip
    reading = None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            events = _events(process)
            async for event in events:
                if event["event"] == "ready":
                    break
            else:
                raise AssertionError(f"the stack did not come up: {(folder / 'said').read_text()[-2_000:]}")
        reading = asyncio.ensure_future(_drain(events))
        yield
    finally:
        await _end(process)
        if reading is not None:
            await asyncio.gather(reading, return_exceptions=True)


async def _events(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield json.loads(line)


async def _drain(events: AsyncIterator[dict[str, Any]]) -> None:
    """What it goes on to say is nobody's business, and must not stop it."""
    async for _ in events:
        pass


def _environment() -> dict[str, str]:
    """Ours, but for what would change settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}


@asynccontextmanager
async def beside(module: str, *words: str) -> AsyncIterator[int]:
    """Another server, `python -m module PORT …`; the port at which it answers, until the block ends. What it says goes
    to a file, as with ours."""
    port = free_port()
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, str(port), *words, stdout=said, stderr=said
        )
    try:
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while not await _answers(port):
            assert process.returncode is None and time.monotonic() < deadline, f"{module} did not start"
            await asyncio.sleep(0.05)
        yield port
    finally:
        await _end(process)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOPS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def files_allowed() -> int:
    """How many files and sockets a process may have open here; we and those whom we start may have all of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
