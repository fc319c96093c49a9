"""The command line as a user has it: each command a process of its own, in a folder of the test's.

    async with up(tmp_path, "--runtime", "process") as stack:
        answer = await tidegate(tmp_path, "send", "list_resources", "--json")
        stack.kill(stack.pid_of("host-1"))
        await stack.until("host_back", host="host-1")
        await stack.interrupt()

A stack that a test leaves running, however it ends, is killed with everything that it started.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from events.nats.reach import Reach
from tests.support.waiting import until
from tidegate import children, parts, ray_driver, ray_head, run_file
from tidegate.leftovers import end_leftovers

READY_WITHIN_S: Final = 110
"""A fresh Ray that does not answer is asked again after half a minute, and may take another then."""
ENDS_WITHIN_S: Final = 40
TOLD_LINES_MAX: Final = 30
"""Of each log, in the report of a test that failed."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The last line of its answer, as JSON."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change settings, wide enough that nothing is wrapped. A stack has a gateway only where a
    test is about it, and asks for `gateway.workers`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE_", "RAY_"))}
    return kept | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1", "TIDEGATE_GATEWAY_WORKERS": "0"} | more


async def tidegate(folder: Path, *words: str, within_s: float = ENDS_WITHIN_S, **more: str) -> Ended:
    """Run `tidegate …` in `folder`, and wait for its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tidegate",
        *words,
        cwd=folder,
        env=environment(**more),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


class Running:
    """`tidegate up --json` in a process of its own. Made by `launch`."""

    now: ClassVar[set[Running]] = set()
    """Those of tests that are not over yet."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.now.add(self)
        self.folder: Final = folder
        self.data_dir: Final = folder / ".tidegate"
        self.process: Final = process
        self.events: Final[list[dict[str, Any]]] = []
        """What it told, in order."""
        self.err = ""
        self._told = asyncio.Event()
        self._reading: Final = asyncio.gather(self._read_out(), self._read_err())

    async def until(
        self, event: str, *, since: int = 0, within_s: float = READY_WITHIN_S, **about: Any
    ) -> dict[str, Any]:
        """The first such event behind the first `since` ones; waits for it, and fails when the stack ends before."""
        async with asyncio.timeout(within_s):
            while True:
                for told in self.events[since:]:
                    if told["event"] == event and all(told.get(name) == value for name, value in about.items()):
                        return told
                assert not self._reading.done(), f"ended before {event}: {self.events} {self.err}"
                self._told.clear()
                await self._told.wait()

    async def ready(self) -> None:
        await self.until("ready")

    def what_it_said(self) -> str:
        """For whoever has to find out why a test failed."""
        logs = {path.name: _text(path) for path in sorted(self.data_dir.glob("logs/*.log"))}
        told = "\n".join(str(event) for event in self.events)
        said = {"up --json": told, "up, as errors": self.err} | logs
        return "\n".join(
            f"{name}:\n" + "\n".join(f"    {line}" for line in text.splitlines()[-TOLD_LINES_MAX:])
            for name, text in said.items()
        )

    @property
    def reach(self) -> Reach:
        run = run_file.read(run_file.path_of(self.data_dir))
        assert run is not None
        return run.reach

    def pid_of(self, part: str) -> int:
        """The process that is noted for a part: `nats-server`, `ray`, `host-1` (as a plain process)."""
        return next(noted.pid for noted in parts.noted(self.data_dir) if noted.name == part)

    async def ray_pid_of(self, host: str) -> int:
        """The process of a host under Ray, as Ray says."""
        run = run_file.read(run_file.path_of(self.data_dir))
        assert run is not None
        known = await ray_driver.run(ray_driver.ListHosts(run.ray_address), ray_head.environment(self.data_dir))
        return next(about.pid for about in known if about.name == host and about.answers)

    def processes(self) -> list[int]:
        """Every process of the stack that still runs, the keeper included."""
        kept = [self.process.pid] if self.process.returncode is None else []
        return kept + [
            pid for part in parts.noted(self.data_dir) for pid in _session(part.pid) if pid != self.process.pid
        ]

    def kill_all(self) -> None:
        """End everything at once, as a power cut would."""
        for pid in self.processes():
            kill(pid)

    async def interrupt(self) -> int:
        """Ctrl-C, and wait for the end; its exit code."""
        return await self.end(signal.SIGINT)

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self, within_s: float = ENDS_WITHIN_S) -> int:
        async with asyncio.timeout(within_s):
            await self._reading
            return await self.process.wait()

    async def _read_out(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._told.set()
        self._told.set()

    async def _read_err(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.err += line.decode()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:  # a folder that a test has taken away
        return str(error)


async def launch(folder: Path, *flags: str, **more: str) -> Running:
    """Start a stack in `folder`, and don't wait for it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tidegate",
        "up",
        "--json",
        *flags,
        cwd=folder,
        env=environment(**more),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Running(folder, process)


@asynccontextmanager
async def up(folder: Path, *flags: str, **more: str) -> AsyncIterator[Running]:
    """A stack that is ready; nothing of it is left when the block has ended."""
    stack = await launch(folder, *flags, **more)
    try:
        await stack.ready()
        yield stack
    finally:
        await clean(stack)


async def clean(stack: Running) -> None:
    """End whatever is left of a stack, by the notes that it keeps."""
    if stack.process.returncode is None:
        stack.process.kill()
    await stack.ended()
    async for _ in end_leftovers(stack.data_dir):
        pass


def kill(pid: int) -> None:
    """`kill -9`; a process that is gone is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def gone(*pids: int, within_s: float = 20) -> None:
    """Wait until none of these processes runs."""
    await until(lambda: not any(_runs(pid) for pid in pids), within_s=within_s)


def _session(leader: int) -> Iterator[int]:
    """The processes of a session."""
    for pid in children.all_pids():
        try:
            if os.getsid(pid) == leader and _runs(pid):
                yield pid
        except (ProcessLookupError, PermissionError):
            continue


def _runs(pid: int) -> bool:
    return children.exists(pid) and not children.awaits_burial(pid)
