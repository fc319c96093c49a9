"""`tidegate log …`: look at the log itself."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from events.errors import BadName
from events.log import EventLog
from events.names import is_actor
from tidegate import run_file
from tidegate.cli.shared import ExitCode, Invocation, add, cancelled_by_interrupt

SHOWN_MAX = 20

RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show what is personal, and the answers that were given, too.")
]
ActorOption = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", help="Only this actor; * stands for anything: 'demo.*'.")
]

log_app = typer.Typer(name="log", no_args_is_help=True, help="Look at the log itself: follow it, read it, verify it.")


async def tail(
    call: Invocation,
    after: Annotated[
        int | None, typer.Option(help="Begin behind this sequence; else a few commits back.", min=0)
    ] = None,
    last: Annotated[int, typer.Option(help="How many commits back to begin.", min=0)] = 10,
    actor: ActorOption = None,
    follow: Annotated[bool, typer.Option(help="Wait for what is still to come.")] = True,
    reveal: RevealOption = False,
) -> None:
    """Print commits as they are stored, until Ctrl-C."""
    from tidegate.cli.reading import show

    async with opened(call) as log:
        begin = after if after is not None else max((await log.head()).last - last, 0)
        cancelled_by_interrupt()
        try:
            if not follow:
                async for recorded in log.read(begin):
                    if actor is None or fnmatch.fnmatchcase(recorded.actor, actor):
                        show(call, recorded, reveal=reveal)
                return
            async for step in log.follow(begin):
                for recorded in step:
                    if actor is None or fnmatch.fnmatchcase(recorded.actor, actor):
                        show(call, recorded, reveal=reveal)
        except asyncio.CancelledError:
            return


async def show(
    call: Invocation,
    actor: Annotated[str, typer.Argument(metavar="ACTOR", help="For example demo.catalog.")],
    after: Annotated[int, typer.Option(help="Only commits behind this sequence.", min=0)] = 0,
    reveal: RevealOption = False,
) -> None:
    """Print every commit of one actor, with its facts."""
    from tidegate.cli.reading import show as print_commit

    if not is_actor(actor):
        raise BadName(f"{actor!r} is not the name of an actor: <org>.<kind>[.<part>…]")
    shown = 0
    async with opened(call) as log:
        async for recorded in log.read_actor(actor, after):
            print_commit(call, recorded, reveal=reveal)
            shown += 1
    if not shown and not call.json:
        call.out.print(f"{actor} has no commits" + (f" behind {after}" if after else ""), markup=False)


async def verify(call: Invocation) -> None:
    """Verify every commit of the log: sequences, hash chains, batches, transactions.

    Ends with 3 when the log contradicts itself, and says where.
    """
    from tidegate.verify import FINDINGS_MAX
    from tidegate.verify import verify as walk

    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with opened(call) as log:
        with Progress(*columns, console=call.err, transient=True, disable=not call.err.is_terminal) as bar:
            task = bar.add_task("", total=None)
            report = await walk(log, lambda done, total: bar.update(task, completed=done, total=total))
    if call.json:
        call.answer({"sound": report.sound, **msgspec.to_builtins(report)})
    else:
        text = (
            f"{report.commits:,} commits of {report.actors:,} actors, {report.batches:,} batches, "
            f"{report.bytes:,} bytes, up to sequence {report.last:,}"
        )
        call.out.print(text, markup=False)
        for finding in report.findings[:SHOWN_MAX]:
            about = f"{finding.sequence:>9} [cyan]{escape(finding.actor)}[/] {escape(finding.detail)}"
            call.out.print(f"[bold red]{finding.code}[/] {about}", soft_wrap=True)
        more = report.contradictions - min(len(report.findings), SHOWN_MAX)
        if more:
            call.out.print(f"and {more:,} more; --json lists {FINDINGS_MAX:,}", markup=False)
        call.out.print("[bold green]sound[/]" if report.sound else "[bold red]the log contradicts itself[/]")
    if not report.sound:
        raise typer.Exit(ExitCode.CORRUPT)


@asynccontextmanager
async def opened(call: Invocation) -> AsyncIterator[EventLog]:
    """The log of the running stack, or of the servers that are named, to read."""
    from events.nats.ground import reached

    async with reached(run_file.reach_of(call.settings), name="tidegate-log") as ground:
        yield await ground.log()


add(log_app, tail)
add(log_app, show)
add(log_app, verify)
