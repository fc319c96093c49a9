"""`tidegate demo`: an organisation to look at."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tidegate.cli.shared import Invocation


async def demo(call: Invocation) -> None:
    """Fill the organisation (the setting org) with studios, a meeting room, microphones, and two weeks of bookings.

    For example: tidegate demo --set org=my-demo

    Asked for again it does what is missing and changes nothing else. An organisation with things of its own is refused.
    """
    from tidegate.asking import opened
    from tidegate.demo import fill

    columns = (TextColumn("filling"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=call.err, transient=True, disable=call.json) as progress:
        task = progress.add_task("filling", total=None)
        async with opened(call.settings, by="demo") as asking:
            filled = await fill(asking, lambda done, of: progress.update(task, completed=done, total=of))
    if call.json:
        call.answer({"org": call.settings.org} | filled.data)
        return
    org = call.settings.org
    call.out.print(f"[green]✓[/] {org!r} has {filled.told}; {filled.new or 'nothing'} new", soft_wrap=True)
    there = "" if org == "demo" else f" --set org={org}"
    for line in ("list", "slots session studio-north --date +1", "watch studio-north +1 --no-follow"):
        call.out.print(f"  tidegate booking {line}{there}", markup=False, soft_wrap=True)
