"""What it takes while nobody asks for anything: an idle actor, and the whole embedded stack."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from actors.catalog import PutResource
from actors.runtime.wire import Accepted, encode_command
from bench.report import Row
from bench.stage import stage
from events.catalog import Catalog, Resource

ACTORS = 20_000
UP_WITHIN_S = 120


def _measurable() -> bool:
    return Path("/proc/self/smaps_rollup").exists()


async def rows(console: Console) -> list[Row]:
    if not _measurable():
        console.print("  footprint: SKIPPED, it is read from /proc", style="bold yellow")
        return []
    console.print(f"  {ACTORS:,} idle actors", style="dim")
    actor = Row("an idle live actor, beyond its state", "bytes", [await bytes_per_actor()], goal="< 4,096")
    actor.met = actor.value < 4_096
    return [
        actor,
        await _stack_row("ray", "the whole embedded stack, idle", console),
        await _stack_row("process", "… with plain processes instead of Ray", console),
    ]


async def _stack_row(runtime: str, what: str, console: Console) -> Row:
    console.print(f"  the embedded stack, runtime {runtime}", style="dim")
    by_part = await stack_megabytes(runtime)
    parts = ", ".join(f"{part} {size:.0f}" for part, size in sorted(by_part.items(), key=lambda item: -item[1]))
    return Row(what, "MB (PSS)", [sum(by_part.values())], parts)


async def bytes_per_actor() -> float:
    """What a host grows by per live actor, less what the bare state of such an actor takes."""
    state = _state_bytes()
    body = encode_command(PutResource("room-1", "Europe/Berlin"))
    async with stage() as on:

        async def call(name: str) -> None:
            answer = await on.sender.post(name, body, within_ms=30_000)
            assert isinstance(answer, Accepted), answer

        pid = on.hosts["host-0"].pid
        await asyncio.gather(*(call(f"warm-{number}.catalog") for number in range(2_000)))
        before = pss_bytes(pid)
        for start in range(0, ACTORS, 5_000):
            await asyncio.gather(*(call(f"idle-{number}.catalog") for number in range(start, start + 5_000)))
        return (pss_bytes(pid) - before) / ACTORS - state


def _state_bytes() -> float:
    encoded = msgspec.json.encode(Catalog({"room-1": Resource("room-1", "room-1", "Europe/Berlin")}))
    tracemalloc.start()
    states = [msgspec.json.decode(encoded, type=Catalog) for _ in range(10_000)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(states)


async def stack_megabytes(runtime: str) -> dict[str, float]:
    """Memory by program of everything that `tidegate up` starts, itself included, once it says that it is ready."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tidegate",
            "up",
            "--data-dir",
            folder,
            "--runtime",
            runtime,
            "--json",
            "--set",
            "gateway.port=0",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(UP_WITHIN_S):
                assert process.stdout is not None
                async for line in process.stdout:
                    if json.loads(line).get("event") == "ready":
                        break
                else:
                    raise AssertionError("the stack did not come up")
            await asyncio.sleep(10)  # what it took to start has been given back by then
            sizes: dict[str, float] = {}
            for pid in [process.pid, *_descendants(process.pid)]:
                name = _program(pid)
                sizes[name] = sizes.get(name, 0.0) + pss_bytes(pid) / 1e6
            return sizes
        finally:
            process.terminate()
            await process.wait()


def cpu_s(pid: int) -> float:
    """Processor time that the process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_bytes(pid: int) -> int:
    """The memory that is this process's own, with its share of what it shares."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has just ended
        return 0
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _program(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    name = Path(words[0].decode()).name or "unnamed"
    if name.startswith("python"):
        name = next((Path(word.decode()).stem for word in words[1:] if word and not word.startswith(b"-")), "python")
    return name.split(":")[0].split(" ")[0] if not name.startswith("ray::") else name.split(".")[0]
