"""`tidegate booking watch`: what happens to a day, as it happens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.markup import escape

from tidegate.cli.booking.common import ResourceArgument, TzOption, zone_of
from tidegate.cli.shared import Invocation, cancelled_by_interrupt


async def watch(
    call: Invocation,
    resource: ResourceArgument,
    date: Annotated[str, typer.Argument(metavar="DATE", help="2026-12-07, today, tomorrow, +3, mon.")] = "today",
    follow: Annotated[bool, typer.Option(help="Wait for what is still to come.")] = True,
    tz: TzOption = None,
) -> None:
    """Tell what happened to a day, and follow what happens to it live, until Ctrl-C.

    For example: tidegate booking watch studio-north tomorrow

    It reads the log itself: whatever is said here is stored, in this order. Nobody's name is shown.
    """
    from actors.booking.day import DAY
    from events.calendar.quantum import shares
    from events.calendar.zones import local_day_span
    from events.clock import iso
    from events.day import day_actor
    from events.facts import redacted
    from events.log import Recorded
    from tidegate.asking import opened
    from tidegate.local_time import clock, date_from
    from tidegate.narrating import Narrator

    async with opened(call.settings) as asking:
        clocks = zone_of(await asking.catalog(resource), resource, tz)
        local = date_from(date, asking.clock(), clocks)
        span = local_day_span(local, clocks)
        actors: Mapping[str, Narrator] = {
            day_actor(asking.org, resource, share.date): Narrator(share.date, span, clocks) for share in shares(span)
        }

        def tell(recorded: Recorded) -> None:
            commit = DAY.facts.read(recorded.body)
            for fact, text in actors[recorded.actor].told([fact for one in commit.decided for fact in one.facts]):
                if call.json:
                    about = {"at": iso(commit.at), "sequence": recorded.sequence, "actor": recorded.actor}
                    call.answer(about | {"text": text} | redacted(fact))
                else:
                    when = f"{recorded.sequence:>6} [dim]{clock(commit.at, clocks)}[/]"
                    call.out.print(f"{when} {escape(text)}", soft_wrap=True)
            sys.stdout.flush()

        log = await asking.log()
        last = (await log.head()).last
        if not call.json:
            call.out.print(f"[dim]{escape(resource)} on {local}, {clocks}; up to sequence {last}[/]")
        past = [recorded for actor in actors async for recorded in log.read_actor(actor)]
        if follow:  # before anything is told: who has read enough may end it at once
            cancelled_by_interrupt()
        for recorded in sorted(past, key=lambda one: one.sequence):
            if recorded.sequence <= last:
                tell(recorded)
        if not follow:
            return
        try:
            async for step in log.follow(last):
                for recorded in step:
                    if recorded.actor in actors:
                        tell(recorded)
        except asyncio.CancelledError:
            return
