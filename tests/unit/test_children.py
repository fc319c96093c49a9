"""Children of the stack are found again by what is noted of them, with all that they started; and nobody else is."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.stack import environment, gone, kill
from tests.support.waiting import until
from tidegate import children, parts
from tidegate.children import Child

IDLE = "import signal; signal.pause()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {IDLE!r}])
print(child.pid, flush=True)
child.wait()
"""


def session_is(pid: int, nice: int) -> bool:
    """Wherever sessions are anything to the system."""
    file = Path(f"/proc/{pid}/autogroup")
    return not file.exists() or file.read_text().endswith(f"nice {nice}\n")


@asynccontextmanager
async def parent_and_child(folder: Path) -> AsyncIterator[tuple[Child, int]]:
    """A child of ours, and the number of the process that it has started; both are gone after the block."""
    said = folder / "logs" / "parent.log"
    child = await children.start(
        folder, "parent", [sys.executable, "-c", PARENT], environment=environment(), folder=folder, log_file=said
    )
    try:
        await until(lambda: said.read_text().endswith("\n"), look_every_s=0.01)
        grandchild = int(said.read_text())
        yield child, grandchild
        kill(grandchild)
    finally:
        await child.kill()


async def test_stopping_a_child_ends_all_that_it_started(tmp_path: Path) -> None:
    """It is asked first; what it leaves behind is ended, and its note goes."""
    async with parent_and_child(tmp_path) as (child, grandchild):
        assert [noted.name for noted in parts.noted(tmp_path)] == ["parent"]
        await child.stop(5_000)
        assert await child.wait() == -signal.SIGTERM
        assert not children.exists(grandchild) or children.awaits_burial(grandchild)
        assert list(parts.noted(tmp_path)) == []


async def test_a_child_that_is_nice_gives_way(tmp_path: Path) -> None:
    """To those of other sessions too, where the system asks for sessions first; and what it starts does as well."""
    said = tmp_path / "logs" / "parent.log"
    child = await children.start(
        tmp_path, "parent", [sys.executable, "-c", PARENT], environment=environment(), folder=tmp_path, log_file=said,
        nice=7,
    )  # fmt: skip
    try:
        await until(lambda: said.read_text().endswith("\n"), look_every_s=0.01)
        for pid in (child.part.pid, int(said.read_text())):
            assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)
            await until(partial(session_is, pid, 7), look_every_s=0.01)
    finally:
        await child.kill()


async def test_a_child_that_does_not_stop_in_time_is_made_to(tmp_path: Path) -> None:
    """Bounded, whatever it does."""
    async with parent_and_child(tmp_path) as (child, _):
        os.kill(child.part.pid, signal.SIGSTOP)
        await child.stop(50)
        assert await child.wait() < 0


async def test_what_a_dead_child_left_is_found_by_its_session(tmp_path: Path) -> None:
    """The child itself is gone, and with it its place as the parent; the session remains."""
    async with parent_and_child(tmp_path) as (child, grandchild):
        child.process.kill()
        await child.wait()
        assert await children.end_leftover(child.part, tmp_path, gently=False)
        await gone(grandchild)


async def test_nothing_is_ended_twice(tmp_path: Path) -> None:
    """When all are gone there is nothing to end."""
    async with parent_and_child(tmp_path) as (child, _):
        await child.kill()
        assert not await children.end_leftover(child.part, tmp_path, gently=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system tells where a process began")
async def test_a_process_that_began_elsewhere_is_not_ours(tmp_path: Path) -> None:
    """A session's number alone is not proof enough to end anybody."""
    async with parent_and_child(tmp_path) as (child, grandchild):
        child.process.kill()
        await child.wait()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        assert not await children.end_leftover(child.part, elsewhere, gently=False)
        assert children.exists(grandchild)


async def test_a_number_that_was_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    """The system gives numbers away again; who was born at another time is somebody else."""
    async with parent_and_child(tmp_path) as (child, grandchild):
        somebody_else = parts.Part(child.part.name, child.part.pid, "another birth")
        assert not await children.end_leftover(somebody_else, tmp_path, gently=False)
        assert child.running
        assert children.exists(grandchild)


async def test_ctrl_c_at_the_terminal_is_not_for_children(tmp_path: Path) -> None:
    """They are in a session of their own: the stack stops them in order."""
    async with parent_and_child(tmp_path) as (child, grandchild):
        assert os.getsid(child.part.pid) == child.part.pid != os.getsid(0)
        assert os.getsid(grandchild) == child.part.pid


async def test_what_a_child_says_is_added_to_its_log(tmp_path: Path) -> None:
    """Also what the one before it said is kept."""
    said = tmp_path / "logs" / "words.log"
    for word in ("one", "two"):
        command = [sys.executable, "-c", f"print({word!r})"]
        child = await children.start(
            tmp_path, "words", command, environment=environment(), folder=tmp_path, log_file=said
        )
        async with asyncio.timeout(10):
            await child.wait()
        await child.kill()
    assert said.read_text() == "one\ntwo\n"
