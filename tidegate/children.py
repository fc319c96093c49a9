"""Child processes of the embedded stack: each in a session of its own, noted on disk, and ended with its parent.

A session of its own, because Ctrl-C is for the keeper, which stops the others in order; and because whatever a child
starts in turn stays in that session, where it can be found when the child was killed. Noted, so that the next start
knows what this one left (`parts`). Ended with its parent where the system offers that (Linux): a keeper that is killed
takes its children with it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from tidegate import parts
from tidegate.parts import Part

log = structlog.get_logger(__name__)

_NICE_MAX: Final = 19
_SESSION_ASKS_MAX: Final = 10
_SESSION_ASKS_APART_S: Final = 0.11
_PARENT_DEATH_SIGNAL: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_GONE_WITHIN_MS: Final = 5_000
_ASK_EVERY_MS: Final = 20


class Child:
    """One process of ours. Made by `start`."""

    def __init__(self, data_dir: Path, part: Part, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.part: Final = part
        self.process: Final = process
        self._data_dir: Final = data_dir
        self._folder: Final = folder

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def wait(self) -> int:
        return await self.process.wait()

    async def stop(self, within_ms: int) -> None:
        """Ask it to end, and make it and whatever it left behind end if it does not in time."""
        if self.running:
            self.process.terminate()
            try:
                async with asyncio.timeout(within_ms / 1000):
                    await self.process.wait()
            except TimeoutError:
                log.warning("child_killed", part=self.part.name, after_ms=within_ms)
        await self.kill()

    async def kill(self) -> None:
        """End it without warning, and all that it started."""
        if self.running:
            self.process.kill()
            await self.process.wait()
        await end_session(self.part, self._folder)
        parts.forget(self._data_dir, self.part.name)


async def start(
    data_dir: Path,
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log_file: Path,
    nice: int = 0,
) -> Child:
    """Start `command` in `folder`. What it says goes to the end of `log_file`. When there is more to do than the
    machine can, who is so much `nice`r than we are gives way to the others."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as said:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=_end_with_parent if _LIBC is not None else None,  # one system call, no locks
        )
    if nice:
        _give_way(process, nice)
    return Child(data_dir, parts.note(data_dir, name, process.pid), process, folder)


def _give_way(process: asyncio.subprocess.Process, nice: int, asks: int = _SESSION_ASKS_MAX) -> None:
    """Where the system shares its time between sessions first (Linux, for desktops), a process is nice to those of its
    own session only: so the whole session is, which is this child and what it starts. That may be asked for ten times a
    second, by all users together who are not root; so it may come a moment later."""
    if process.returncode is not None:
        return
    try:
        if asks == _SESSION_ASKS_MAX:
            own = os.getpriority(os.PRIO_PROCESS, process.pid)
            os.setpriority(os.PRIO_PROCESS, process.pid, min(own + nice, _NICE_MAX))
        session = Path(f"/proc/{process.pid}/autogroup")
        if session.exists():
            session.write_text(f"{nice}")
    except BlockingIOError:
        if asks:
            asyncio.get_running_loop().call_later(_SESSION_ASKS_APART_S, _give_way, process, nice, asks - 1)
        else:
            log.info("child_does_not_give_way", pid=process.pid, detail="the system is asked too often")
    except OSError as error:  # it is gone, which others notice
        log.info("child_does_not_give_way", pid=process.pid, detail=str(error))


def _end_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


async def end_leftover(part: Part, folder: Path, *, gently: bool) -> bool:
    """End a noted process that an earlier run left, and all that it started; whether there was anything to end."""
    lived = parts.lives(part)
    if lived:
        _signal(part.pid, signal.SIGTERM if gently else signal.SIGKILL)
        if not await _gone(part):
            _signal(part.pid, signal.SIGKILL)
            await _gone(part)
    return await end_session(part, folder) or lived


async def end_session(part: Part, folder: Path) -> bool:
    """End what a child left in its session; whether there was anything."""
    found = False
    for pid in _session(part, folder):
        found = True
        _signal(pid, signal.SIGKILL)
    await _until(lambda: not any(_session(part, folder)))
    return found


def _session(part: Part, folder: Path) -> Iterator[int]:
    """The living processes of the session that `part` began, and that were started in `folder` or below it.

    The system gives no process the number of a session that still has members; so while nobody else lives under the
    part's own number, the session is the part's. The folder is asked as well, where the system tells it.
    """
    if part.pid <= 1 or (exists(part.pid) and not parts.lives(part) and not awaits_burial(part.pid)):
        return
    for pid in all_pids():
        try:
            if os.getsid(pid) == part.pid and pid != os.getpid() and _began_in(pid, folder) and not awaits_burial(pid):
                yield pid
        except (ProcessLookupError, PermissionError):
            continue


def all_pids() -> list[int]:
    return _all_pids_linux() if sys.platform == "linux" else _all_pids_elsewhere()


def _all_pids_linux() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _all_pids_elsewhere() -> list[int]:
    said = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True).stdout
    return [int(line) for line in said.split()]


def _began_in(pid: int, folder: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return True
    try:
        place = str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)")
    except OSError:  # it is gone, or awaits burial
        return False
    return Path(place).is_relative_to(folder.resolve())


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def awaits_burial(pid: int) -> bool:
    """Whether it has ended, and only its parent has not asked for its last word yet."""
    if sys.platform != "linux":
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


async def _gone(part: Part) -> bool:
    return await _until(lambda: not parts.lives(part))


async def _until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in a bounded time. The system tells the end of a process to its parent only: so, ask."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GONE_WITHIN_MS / 1000
    while not condition():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_ASK_EVERY_MS / 1000)
    return True
