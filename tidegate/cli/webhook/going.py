"""`tidegate webhook test|deliveries|dead|replay`: how it goes with one endpoint."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import typer

from events.webhooks import TEST
from tidegate.cli.booking.common import done, plain_table
from tidegate.cli.shared import ExitCode, Invocation
from tidegate.cli.webhook.common import EndpointArgument, TzOption, answer_shown, instant_shown, of_delivery

_LOOK_EVERY_S: Final = 0.25


async def try_out(
    call: Invocation,
    endpoint: EndpointArgument,
    within: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the answer.", min=0)] = 20,
) -> None:
    """Send a test, and say what was answered. It is sent once, whatever the endpoint is told otherwise.

    For example: tidegate webhook test shop

    Ends with 1 when the answer was no success, or did not come in time.
    """
    from actors.webhooks.commands import SendTest
    from tidegate.asking import opened

    attempt: dict[str, Any] | None = None
    async with opened(call.settings) as asking:
        id = (await of_delivery(asking, endpoint, SendTest())).reply["id"]
        try:
            async with asyncio.timeout(within):
                while attempt is None:
                    seen = await _seen(asking, endpoint)
                    attempt = next((one for one in seen["attempts"] if one["id"] == id), None)
                    await asyncio.sleep(0 if attempt else _LOOK_EVERY_S)
        except TimeoutError:
            attempt = None
    if attempt is None:
        done(call, {"id": id, "status": None}, f"nobody has sent it within {within:g} s: does a courier run?")
        raise typer.Exit(ExitCode.FAILED)
    good = _is_good(attempt)
    told = "it came through" if good else f"no success: {answer_shown(attempt['status'], attempt['why'])}"
    rows = {"answer": answer_shown(attempt["status"], attempt["why"]), "after": f"{attempt['took_ms']} ms"}
    done(call, attempt, told, **rows)
    if not good:
        raise typer.Exit(ExitCode.FAILED)


async def deliveries(call: Invocation, endpoint: EndpointArgument, tz: TzOption = "UTC") -> None:
    """Show how it goes: the last attempts, the newest first, and what is late.

    For example: tidegate webhook deliveries shop
    """
    from events.calendar.zones import zone
    from tidegate.asking import opened

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        seen = await _seen(asking, endpoint)
    if call.json:
        call.answer(seen)
        return
    rows = {
        "delivered": f"{seen['delivered']:,}, the last {instant_shown(seen['delivered_at'], clocks)}",
        "failed": _failed(seen),
        "late": f"{seen['late_count']:,}",
        "given up": f"{len(seen['dead']):,}" + (f", and {seen['dropped']:,} before" if seen["dropped"] else ""),
        "courier": seen["courier"] or "nobody delivers just now",
    }
    done(call, {}, _how_it_goes(seen, clocks), **rows)
    attempts = plain_table("at", "happening", "event", "answer", "after")
    for one in reversed(seen["attempts"]):
        answer = answer_shown(one["status"], one["why"])
        attempts.add_row(instant_shown(one["at"], clocks), one["id"], one["event"], answer, f"{one['took_ms']} ms")
    late = plain_table("late", "attempts", "again at")
    for one in seen["late"]:
        late.add_row(one["id"], str(one["attempts"]), instant_shown(one["next_at"], clocks))
    for table in (attempts, late):
        if table.row_count:
            call.out.print()
            call.out.print(table)


async def dead(call: Invocation, endpoint: EndpointArgument, tz: TzOption = "UTC") -> None:
    """List what was given up: dead letters, the oldest first.

    For example: tidegate webhook dead shop
    """
    from events.calendar.zones import zone
    from tidegate.asking import opened

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        letters: list[dict[str, Any]] = (await _seen(asking, endpoint))["dead"]
    if call.json:
        call.answer(letters)
        return
    table = plain_table("letter", "event", "attempts", "first tried", "given up", "why")
    for one in letters:
        first, last = instant_shown(one["first_at"], clocks), instant_shown(one["at"], clocks)
        table.add_row(one["id"], one["event"], str(one["attempts"]), first, last, one["why"].replace("_", " "))
    call.out.print(table if letters else "nothing was given up", soft_wrap=not letters)


async def replay(
    call: Invocation,
    endpoint: EndpointArgument,
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="LETTER…", help="As `webhook dead` shows them.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was given up.")] = False,
) -> None:
    """Deliver dead letters once more, under their old ids.

    For example: tidegate webhook replay shop 4711-0 4712-0

    Or all of them: tidegate webhook replay shop --all
    """
    from actors.webhooks.commands import ReplayDead
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await of_delivery(asking, endpoint, ReplayDead(tuple(letters or ()), every))
    replayed, left = answer.reply["replayed"], answer.reply["left"]
    told = f"{replayed:,} are delivered once more" + (f"; {left:,} have to wait until there is room" if left else "")
    done(call, {**answer.reply, "sequence": answer.sequence}, told)


def _is_good(attempt: dict[str, Any]) -> bool:
    status: int = attempt["status"]
    return 200 <= status < 300


def _how_it_goes(seen: dict[str, Any], tz: str) -> str:
    """In a sentence, which is no better than what is shown below it."""
    if seen["failing_since"]:
        return f"nothing succeeds since {instant_shown(seen['failing_since'], tz)}"
    if any(one["attempts"] for one in seen["late"]):
        return "not everything comes through"
    if not seen["attempts"]:
        return "nothing was sent yet"
    newest = seen["attempts"][-1]
    if _is_good(newest):
        return "it goes well"
    what = "test" if newest["event"] == TEST else "attempt"
    return f"the last {what} failed: {answer_shown(newest['status'], newest['why'])}"


def _failed(seen: dict[str, Any]) -> str:
    """Tests are not counted, since nothing that happened was kept from anybody; those that are shown are named."""
    tests = sum(one["event"] == TEST and not _is_good(one) for one in seen["attempts"])
    return f"{seen['failed']:,} attempts" + (f", and {tests:,} of the tests below" if tests else "")


async def _seen(asking: Any, endpoint: str) -> dict[str, Any]:
    from actors.webhooks.commands import ShowDeliveries

    reply: dict[str, Any] = (await of_delivery(asking, endpoint, ShowDeliveries())).reply
    return reply
