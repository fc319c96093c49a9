"""`tidegate room verify-draw`: was it drawn as promised, and called as drawn?"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from tidegate.cli.booking.common import plain_table
from tidegate.cli.room.common import RoomArgument
from tidegate.cli.shared import ExitCode, Invocation


async def verify_draw(
    call: Invocation,
    room: RoomArgument,
    places: Annotated[bool, typer.Option("--places", help="Print every place, too.")] = False,
) -> None:
    """Recompute every place of a draw from the log alone, and look whether people were called in that order.

    For example: tidegate room verify-draw sale --places

    It checks that the secret was bound before anybody could join, that the seed follows from it and from what the line
    said last, everybody's place, and every call so far. Ends with 1 when anything is not as it was promised.
    """
    from tidegate.asking import opened
    from tidegate.verify_draw import verify_draw as verify

    async with opened(call.settings) as asking:
        report = await verify(await asking.log(), asking.org, room)
    if call.json:
        data = {"sound": report.sound, **msgspec.to_builtins(report)}
        if not places:
            data.pop("places")
        call.answer(data)
    else:
        for check in report.checks:
            mark = "[green]✓[/]" if check.sound else "[bold red]✗[/]"
            call.out.print(f"{mark} {check.name:<10} {escape(check.detail)}", soft_wrap=True)
        if places:
            table = plain_table("lane", "place", "ticket")
            for lane, tickets in report.places.items():
                for place, ticket in enumerate(tickets):
                    table.add_row(lane or "–", str(place), f"{room}.{ticket}")
            call.out.print(table)
        drawn, later = sum(report.counts.values()), sum(report.later.values())
        text = f"drawn at sequence {report.drawn_at}: {drawn:,} places, {later:,} joined later, {report.called:,} calls"
        call.out.print(text, markup=False, soft_wrap=True)
        said = "[bold green]as it was promised[/]" if report.sound else "[bold red]not as it was promised[/]"
        call.out.print(said)
    if not report.sound:
        raise typer.Exit(ExitCode.FAILED)
