"""`tidegate send`: a command to an actor, and its answer."""

from __future__ import annotations

import asyncio
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from actors.decider import Command, Refusal
from events.clock import Instant, iso, system_clock
from events.errors import TidegateError, UnknownOutcome
from tidegate import run_file
from tidegate.cli.shared import ExitCode, Invocation, cancelled_by_interrupt, report
from tidegate.typed_commands import BadCommand, actor_for, parse, spoken

INSTANT_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, the last that can be written down."""


class NoAnswer(TidegateError):
    """The command was sent; whether it was done is not known."""

    code = "unknown_outcome"
    next_step = (
        "send the same again with that --id and --asked-at: it is done once at most, and the first answer comes back"
    )


def instant(text: str) -> Instant:
    """An instant as `iso` writes it, or in milliseconds since 1970; without a zone it is UTC."""
    try:
        if text.isascii() and text.isdigit():
            found = int(text)
        else:
            moment = datetime.fromisoformat(text)
            found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no instant such as 2026-12-07T13:00:00.000Z") from error
    if not 0 <= found <= INSTANT_MS_MAX:
        raise typer.BadParameter(f"{text!r} is not between 1970 and 9999")
    return found


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
    asked_at: Annotated[
        int | None,
        typer.Option(
            parser=instant, metavar="INSTANT", help="When it was asked first, when it is sent again; now if none."
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="Who asks.")] = "cli",
    within: Annotated[
        float, typer.Option(help="How long to wait for the answer, in seconds.", min=0.001, max=60)
    ] = 5.0,
) -> None:
    """Send a command, and print the answer.

    For example: tidegate send put_resource id=studio time_zone=Europe/Berlin capacity=2

    Ends with 1 when the command is refused, or nothing is known of it (Ctrl-C included). Then the same again, with the
    --id and the --asked-at that are printed, is done once at most: what is too old to be remembered is refused, not
    done again.
    """
    for text in (*words, *(also or ()), actor, id, by):
        _check_text(text)
    words = _read(words)
    actor = actor_for(words, call.settings.org) if actor is None else actor
    asked = [(actor, parse(words, actor)), *(spoken(text, call.settings.org) for text in also or ())]
    if id == "":
        raise BadCommand("--id is empty: leave it out, and one is made")
    command_id = id or f"cli-{token_hex(8)}"
    asked_at = system_clock() if asked_at is None else asked_at
    cancelled_by_interrupt()
    try:
        answer = await _ask(call, asked, command_id, by, asked_at, max(int(within * 1000), 1))
    except (UnknownOutcome, asyncio.CancelledError) as error:
        why = str(error) or f"the answer to command {command_id} was not waited for"
        unknown = NoAnswer(f"{why} ({_repeated(command_id, asked_at)})")
        report(unknown, as_json=call.json, id=command_id, asked_at=iso(asked_at))
        raise typer.Exit(ExitCode.FAILED) from error
    if isinstance(answer, Refusal):
        _refused(call, command_id, asked_at, answer)
        raise typer.Exit(ExitCode.FAILED)
    about = {"id": command_id, "asked_at": iso(asked_at)}
    if call.json:
        call.answer({"accepted": True, **about, "sequence": answer.sequence, "reply": answer.reply})
        return
    where = f"at sequence {answer.sequence}" if answer.sequence else "nothing changed"
    call.out.print(f"[bold green]accepted[/], {where}")
    if answer.reply is not None:
        call.out.print_json(data=answer.reply)


async def _ask(
    call: Invocation, asked: list[tuple[str, Command]], command_id: str, by: str, asked_at: Instant, within_ms: int
) -> Any:
    from actors.runtime.sender import Sender
    from events.nats.ground import reached

    async with reached(run_file.reach_of(call.settings), name="tidegate-send") as ground:
        sender = Sender(ground.bus, system_clock, by=by)
        await sender.start()
        try:
            if len(asked) == 1:
                return await sender.send(*asked[0], id=command_id, asked_at=asked_at, within_ms=within_ms)
            return await sender.transact(asked, id=command_id, asked_at=asked_at, within_ms=within_ms)
        finally:
            await sender.stop()


def _repeated(command_id: str, asked_at: Instant) -> str:
    """What makes the same command sent again the same command."""
    return f"--id {shlex.quote(command_id)} --asked-at {iso(asked_at)}"


def _refused(call: Invocation, command_id: str, asked_at: Instant, refusal: Refusal) -> None:
    if call.json:
        about = {"id": command_id, "asked_at": iso(asked_at)}
        call.answer({"accepted": False, **about, **msgspec.to_builtins(refusal)})
        return
    call.err.print(f"[bold red]{escape(f'refused[{refusal.code}]')}[/]: {escape(refusal.detail)}", soft_wrap=True)
    if refusal.code == "too_old_to_repeat":
        where = f"`tidegate log show` of its actor says whether {command_id} was done"
        call.err.print(f"  next: {where}", markup=False, soft_wrap=True)
    elif refusal.fault != "caller":
        when = "" if refusal.retry_after_ms is None else f" after {refusal.retry_after_ms} ms"
        again = f"  next: send the same again{when} with {_repeated(command_id, asked_at)}"
        call.err.print(again, markup=False, soft_wrap=True)


def _check_text(text: str | None) -> None:
    """What is typed may be any bytes; what is sent is text."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise BadCommand(f"{text!r} is not UTF-8") from error


def _read(words: list[str]) -> list[str]:
    """The words, read from where they say."""
    if len(words) != 1 or not (words[0] == "-" or words[0].startswith("@")):
        return words
    try:
        text = sys.stdin.read() if words[0] == "-" else Path(words[0][1:]).read_text("utf-8")
    except OSError as error:
        raise BadCommand(f"{words[0]}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # what is there is no text, or the name is no path
        raise BadCommand(f"{words[0]}: cannot be read: {error}") from error
    if not text.lstrip().startswith("{"):
        raise BadCommand(f"{words[0]}: what is read from there must be one command in JSON")
    return [text]
