"""`tidegate room crowd`: simulated visitors, for looking at a room while something happens."""

from __future__ import annotations

import asyncio
from random import randrange
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.live import Live
from rich.text import Text

from tidegate.cli.room.common import BadRoom, RoomArgument, span_from
from tidegate.cli.shared import Invocation, cancelled_by_interrupt

if TYPE_CHECKING:
    from tidegate.crowd import Crowd, Numbers

_TELL_EVERY_S: Final = 5.0
_SHOW_EVERY_S: Final = 0.25
VISITORS_MAX: Final = 10_000


async def crowd(
    call: Invocation,
    room: RoomArgument,
    visitors: Annotated[int, typer.Option(help="How many come.", min=1, max=VISITORS_MAX)],
    rate: Annotated[
        str, typer.Option(metavar="R/s", help="How many arrive in a second, or all at once: 20, 20/s, 300/min, 0.")
    ] = "20/s",
    no_shows: Annotated[str, typer.Option(metavar="SHARE", help="Who does not come when called: 10%, 0.1.")] = "10%",
    dwell: Annotated[str, typer.Option(metavar="SPAN", help="How long somebody stays in, on average.")] = "5s",
    seed: Annotated[int | None, typer.Option(help="Repeats how they behave; another one each time if none.")] = None,
    for_: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Go after so long at the latest.", min=0)
    ] = None,
) -> None:
    """Send simulated visitors: they join, wait, claim, stay, and go. It ends when all have gone.

    For example: tidegate room crowd launch --visitors 500 --rate 50/s --no-shows 10% --dwell 5s

    Look at them meanwhile: tidegate room watch launch. On Ctrl-C, all of them leave.
    """
    from tidegate.asking import opened
    from tidegate.crowd import Crowd, Plan
    from tidegate.visiting import at_door

    seed = randrange(1 << 32) if seed is None else seed
    plan = Plan(visitors, rate_from(rate), share_from(no_shows), span_from("--dwell", dwell), seed)
    async with opened(call.settings, by="crowd") as asking:
        crowd = Crowd(asking, await at_door(asking, room), plan)
        work = cancelled_by_interrupt()
        telling = asyncio.create_task(_tell(call, crowd))
        try:
            async with asyncio.timeout(for_):
                await crowd.run()
        except (TimeoutError, asyncio.CancelledError):
            work.uncancel()
            await crowd.leave()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
    _print(call, crowd.numbers, "ended", seed)


def rate_from(text: str) -> float:
    """`20/s`, `300/min` or `20`, in a second; 0 for all at once."""
    number, _, per = text.partition("/")
    try:
        found = float(number) / {"": 1, "s": 1, "m": 60, "min": 60}[per]
    except (ValueError, KeyError) as error:
        raise BadRoom(f"--rate {text}: expected for example 20/s or 300/min") from error
    if not 0 <= found <= VISITORS_MAX:
        raise BadRoom(f"--rate {text}: between 0 and {VISITORS_MAX} a second")
    return found


def share_from(text: str) -> float:
    """`10%` or `0.1`."""
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise BadRoom(f"--no-shows {text}: expected for example 10% or 0.1") from error
    if not 0 <= found <= 1:
        raise BadRoom(f"--no-shows {text}: between 0% and 100%")
    return found


async def _tell(call: Invocation, crowd: Crowd) -> None:
    if call.err.is_terminal and not call.json:
        with Live(console=call.err, auto_refresh=False, transient=True) as live:
            while True:
                live.update(Text(_sentence(crowd.numbers)), refresh=True)
                await asyncio.sleep(_SHOW_EVERY_S)
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        _print(call, crowd.numbers, "now")


def _print(call: Invocation, numbers: Numbers, event: str, seed: int | None = None) -> None:
    if call.json:
        about = {"event": event} | ({} if seed is None else {"seed": seed})
        call.answer(about | msgspec.to_builtins(numbers))
        return
    text = _sentence(numbers)
    call.out.print(f"all have gone: {text} (seed {seed})" if event == "ended" else text, markup=False, soft_wrap=True)


def _sentence(numbers: Numbers) -> str:
    said = [
        f"{numbers.arrived:,} arrived", f"{numbers.waiting:,} wait", f"{numbers.inside:,} in",
        f"{numbers.done:,} were in and went", f"{numbers.stayed_away:,} did not come",
    ]  # fmt: skip
    said += [f"{numbers.left:,} left"] if numbers.left else []
    said += [f"{numbers.lost:,} lost their place"] if numbers.lost else []
    said += [f"{count:,} refused ({code})" for code, count in sorted(numbers.refused.items())]
    return ", ".join(said)
