"""`tidegate send`: a command to an actor, and its answer."""

from __future__ import annotations

import sys
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from actors.decider import Command, Refusal
from events.errors import TidegateError, UnknownOutcome
from tidegate import run_file
from tidegate.cli.shared import ExitCode, Invocation
from tidegate.typed_commands import actor_for, parse, spoken


class NoAnswer(TidegateError):
    """The command was sent; whether it was done is not known."""

    code = "unknown_outcome"
    next_step = "send the same again with that --id: it is done once at most, and the first answer comes back"


async def send(
    call: Invocation,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND [FIELD=VALUE]…", help="Or the command as JSON; @FILE or - reads it from there."
        ),
    ],
    actor: Annotated[str | None, typer.Option(help="Whom to ask; the organisation's own actor if none.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'ACTOR COMMAND …'", help="A further actor's part: all take effect or none. May be repeated."
        ),
    ] = None,
    id: Annotated[str | None, typer.Option(help="The command's id; the same again is done once.")] = None,
    by: Annotated[str, typer.Option(help="Who asks.")] = "cli",
    within: Annotated[
        float, typer.Option(help="How long to wait for the answer, in seconds.", min=0.001, max=60)
    ] = 5.0,
) -> None:
    """Send a command, and print the answer.

    For example: tidegate send put_resource id=studio time_zone=Europe/Berlin capacity=2

    Ends with 1 when the command is refused, or nothing is known of it.
    """
    words = _read(words)
    actor = actor or actor_for(words, call.settings.org)
    asked = [(actor, parse(words, actor)), *(spoken(text, call.settings.org) for text in also or ())]
    command_id = id or f"cli-{token_hex(8)}"
    answer = await _ask(call, asked, command_id, by, max(int(within * 1000), 1))
    if isinstance(answer, Refusal):
        _refused(call, command_id, answer)
        raise typer.Exit(ExitCode.FAILED)
    if call.json:
        call.answer({"accepted": True, "id": command_id, "sequence": answer.sequence, "reply": answer.reply})
        return
    where = f"at sequence {answer.sequence}" if answer.sequence else "nothing changed"
    call.out.print(f"[bold green]accepted[/], {where}")
    if answer.reply is not None:
        call.out.print_json(data=answer.reply)


async def _ask(call: Invocation, asked: list[tuple[str, Command]], command_id: str, by: str, within_ms: int) -> Any:
    from actors.runtime.sender import Sender
    from events.clock import system_clock
    from events.nats.ground import reached

    async with reached(run_file.reach_of(call.settings), name="tidegate-send") as ground:
        sender = Sender(ground.bus, system_clock, by=by)
        await sender.start()
        try:
            if len(asked) == 1:
                return await sender.send(*asked[0], id=command_id, within_ms=within_ms)
            return await sender.transact(asked, id=command_id, within_ms=within_ms)
        except UnknownOutcome as error:
            raise NoAnswer(f"{error} (--id {command_id})") from error
        finally:
            await sender.stop()


def _refused(call: Invocation, command_id: str, refusal: Refusal) -> None:
    if call.json:
        call.answer({"accepted": False, "id": command_id, **msgspec.to_builtins(refusal)})
        return
    call.err.print(f"[bold red]{escape(f'refused[{refusal.code}]')}[/]: {escape(refusal.detail)}", soft_wrap=True)
    if refusal.retry_after_ms is not None:
        call.err.print(f"  next: send again after {refusal.retry_after_ms} ms", markup=False)


def _read(words: list[str]) -> list[str]:
    """The words, read from where they say."""
    if len(words) != 1 or not (words[0] == "-" or words[0].startswith("@")):
        return words
    return [sys.stdin.read() if words[0] == "-" else Path(words[0][1:]).read_text("utf-8")]
