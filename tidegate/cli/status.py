"""`tidegate status`: who runs, what they own, and how fast it goes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from events.clock import iso
from events.limits import PARTITIONS
from tidegate import parts, run_file
from tidegate.cli.shared import ExitCode, Invocation, cancelled_by_interrupt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from events.nats.reach import Reach
    from tidegate.overview import Looking, Overview


async def status(
    call: Invocation,
    once: Annotated[bool, typer.Option("--once", help="Look for a second, print, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2, max=60)] = 1.0,
) -> None:
    """Show hosts, partitions, actors, rates and the log's end, until Ctrl-C.

    With --once it ends with 1 when a partition has no owner, a host is silent, or the log is out of reach.
    """
    from events.nats.ground import reached
    from tidegate.listening import Listening
    from tidegate.overview import Looking

    async with reached(run_file.reach_of(call.settings), name="tidegate-status") as ground:
        listening = Listening()
        await listening.start(ground.bus)
        looking = Looking(listening, await ground.log(), partial(pids, call.settings.data_dir, ground.reach))
        try:
            await asyncio.sleep(min(every, 0.5))
            await looking.look()
            await asyncio.sleep(min(every, 1.0))
            if once:
                overview = await looking.look()
                _print(call, overview)
                if not overview.healthy:
                    raise typer.Exit(ExitCode.FAILED)
            else:
                await _keep_looking(call, looking, every)
        finally:
            await listening.stop()


def pids(data_dir: Path, reach: Reach) -> Mapping[str, int]:
    """The processes of the stack on this folder, if it is the one whose hosts are heard."""
    run = run_file.read(run_file.path_of(data_dir))
    return parts.living(data_dir) if run is not None and run.reach.servers == reach.servers else {}


async def _keep_looking(call: Invocation, looking: Looking, every: float) -> None:
    cancelled_by_interrupt()
    try:
        if call.json or not call.out.is_terminal:
            while True:
                _print(call, await looking.look())
                await asyncio.sleep(every)
        from rich.live import Live

        with Live(console=call.out, auto_refresh=False) as live:
            while True:
                live.update(table(await looking.look()), refresh=True)
                await asyncio.sleep(every)
    except asyncio.CancelledError:
        return


def _print(call: Invocation, overview: Overview) -> None:
    call.answer(as_data(overview)) if call.json else call.out.print(table(overview))


def as_data(overview: Overview) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(overview)
    data["at"] = iso(overview.at)
    data["healthy"] = overview.healthy
    data["partitions"] = PARTITIONS
    for row in data["hosts"]:
        row["since"] = iso(row["since"])
    return data


def table(overview: Overview) -> Table:
    """One row per host, and a line about all of it below."""
    head = overview.log
    where = f"log at sequence {head.last:,}, {head.bytes:,} bytes" if head is not None else overview.trouble
    owned = f"{overview.partitions_owned} of {PARTITIONS} partitions owned"
    caption = Text(f"{where}; {owned}", "dim" if overview.healthy else "bold red")
    found = Table(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", caption=caption, caption_justify="left"
    )
    found.add_column("host", overflow="fold")
    found.add_column("up")
    for heading in ("pid", "partitions", "actors", "commands/s", "commits/s", "conflicts", "busy", "lag"):
        found.add_column(heading, justify="right", no_wrap=True)
    for row in overview.hosts:
        counts = row.counts
        up = _duration(overview.at - row.since) if row.heard else f"silent for {_duration(row.silent_ms)}"
        found.add_row(
            row.host,
            up,
            "–" if row.pid is None else str(row.pid),
            str(row.partitions),
            f"{counts.get('actors', 0):,}",
            f"{row.rates['commands']:,.0f}",
            f"{row.rates['commits']:,.0f}",
            f"{counts.get('conflicts', 0):,}",
            f"{counts.get('busy', 0):,}",
            f"{row.lag:,}",
            style=None if row.heard else "red",
        )
    return found


def _duration(ms: int) -> str:
    seconds = max(ms, 0) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
