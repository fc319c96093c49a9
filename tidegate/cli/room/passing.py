"""`tidegate room claim|prolong|exit|leave|revoke|remove` and `room pass|keys`: the way in, and the way out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.booking.common import done
from tidegate.cli.room.common import KeyOption, TicketArgument
from tidegate.cli.shared import Invocation

if TYPE_CHECKING:
    from gateway.keys import PublicKeys


async def claim(call: Invocation, ticket: TicketArgument, key: KeyOption) -> None:
    """Claim a ticket that was called, and print its pass. Claimed again, it is the same pass.

    For example: tidegate room claim launch.0.17 --key 'vJ8…'
    """
    from actors.waiting.commands import Claim
    from tidegate.asking import opened
    from tidegate.visiting import of_room

    async with opened(call.settings) as asking:
        seat = (await of_room(asking, Claim(ticket, key))).reply
        now = asking.clock()
    if seat["status"] == "active":
        print_pass(call, call.settings.org, seat, now)
        return
    line = f"tidegate room wait {ticket} --key {key}"
    done(call, seat, "called, and waits for a seat: more came than was expected", next=line)


async def prolong(call: Invocation, ticket: TicketArgument, key: KeyOption) -> None:
    """Say that the bearer is active: the pass is good for a while longer, and printed anew.

    For example: tidegate room prolong launch.0.17 --key 'vJ8…'
    """
    from actors.waiting.commands import Prolong
    from tidegate.asking import opened
    from tidegate.visiting import of_room

    async with opened(call.settings) as asking:
        seat = (await of_room(asking, Prolong(ticket, key))).reply
        print_pass(call, asking.org, seat, asking.clock())


async def exit_(call: Invocation, ticket: TicketArgument, key: KeyOption) -> None:
    """Give the seat back: the next one is called at once.

    For example: tidegate room exit launch.0.17 --key 'vJ8…'
    """
    from actors.waiting.commands import Exit
    from tidegate.asking import opened
    from tidegate.visiting import of_room

    async with opened(call.settings) as asking:
        answer = await of_room(asking, Exit(ticket, key))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"the seat is free: {ticket}")


async def leave(call: Invocation, ticket: TicketArgument, key: KeyOption) -> None:
    """Give the ticket up, whether it waits, was called or is in.

    For example: tidegate room leave launch.0.17 --key 'vJ8…'
    """
    from actors.waiting.commands import Leave
    from tidegate.asking import opened
    from tidegate.visiting import of_line

    async with opened(call.settings) as asking:
        answer = await of_line(asking, Leave(ticket, key))
    done(call, {**answer.reply, "status": "left", "sequence": answer.sequence}, f"left: {ticket}")


async def revoke(call: Invocation, ticket: TicketArgument) -> None:
    """Send somebody away who was called or is in, as an operator. What was signed for them looks good until it ends.

    For example: tidegate room revoke launch.0.17
    """
    from actors.waiting.commands import Revoke
    from tidegate.asking import opened
    from tidegate.visiting import of_room

    async with opened(call.settings) as asking:
        answer = await of_room(asking, Revoke(ticket))
    done(call, {**answer.reply, "sequence": answer.sequence}, f"sent away: {ticket}")


async def remove(call: Invocation, ticket: TicketArgument) -> None:
    """Take somebody out of the line, as an operator, wherever they stand.

    For example: tidegate room remove launch.0.17
    """
    from actors.waiting.commands import Remove
    from tidegate.asking import opened
    from tidegate.visiting import of_line

    async with opened(call.settings) as asking:
        answer = await of_line(asking, Remove(ticket))
    gone = f"taken out: {ticket}" if answer.sequence else f"it was over already: {ticket}"
    done(call, {**answer.reply, "status": "left", "sequence": answer.sequence}, gone)


def check(
    call: Invocation,
    token: Annotated[str, typer.Argument(metavar="PASS", help="As `room claim` printed it; - reads it.")],
    room: Annotated[str, typer.Option("--room", help="Which room it should open.")],
    key: Annotated[str | None, typer.Option("--key", help="Whose it should be, too.")] = None,
    jwks: Annotated[
        Path | None,
        typer.Option("--jwks", metavar="FILE", help="The public keys; those of the installation if none."),
    ] = None,
) -> None:
    """Check a pass as any server can: with the public keys alone, and nothing running.

    For example: tidegate room pass check 'eyJhbGciOiJFZERTQSI…' --room launch

    Ends with 1 when it does not open the room, and says why. Whether it was taken back is not in it.
    """
    from events.clock import iso, system_clock
    from events.waiting.sessions import session_of
    from gateway.passes import verify_pass

    now = system_clock()
    if token == "-":  # noqa: S105  # that is no password: it stands for standard input
        token = sys.stdin.read()
    session = None if key is None else session_of(key)
    found = verify_pass(
        token.strip(), _public_keys(call, jwks, now), org=call.settings.org, room=room, session=session, at=now
    )
    left_s = max(0, found.expires_at - now) // 1_000
    data = {
        "good": True, "ticket": found.id, "org": found.org, "room": found.room, "session": found.session,
        "issued_at": iso(found.issued_at), "expires_at": iso(found.expires_at), "seconds_left": left_s,
    }  # fmt: skip
    rows = {"ticket": found.id, "session": found.session, "until": f"{iso(found.expires_at)}, for {left_s} s"}
    done(call, data, f"good: it opens {found.org}/{found.room}", **rows)


def show(call: Invocation) -> None:
    """Print the public keys that passes are checked with, as a JWK Set.

    For example: tidegate room keys show
    """
    from events.clock import system_clock
    from tidegate.key_folder import signing_keys

    jwks = signing_keys(call.settings).jwks(system_clock())
    if call.json or not call.out.is_terminal:
        call.answer(jwks)
    else:
        call.out.print_json(data=jwks)


def rotate(call: Invocation) -> None:
    """Make the next signing key. It is published at once, and signs an hour from now; the old one is kept for a day.

    For example: tidegate room keys rotate
    """
    from events.clock import iso, system_clock
    from tidegate.key_folder import signing_keys

    key = signing_keys(call.settings).rotate(system_clock())
    data = {"kid": key.kid, "signs_from": iso(key.signs_from)}
    done(call, data, f"signs from {iso(key.signs_from)}", key=key.kid)


def print_pass(call: Invocation, org: str, seat: dict[str, Any], now: int) -> None:
    """The pass, signed: the last line is nothing but the token, so that it can be copied, or read by `tail -1`."""
    from events.clock import iso
    from gateway.passes import pass_of_seat
    from tidegate.key_folder import signing_keys

    token = pass_of_seat(org, seat, signing_keys(call.settings), now)
    data = {
        "event": "pass", "ticket": seat["ticket"], "room": seat["room"], "session": seat["session"],
        "until": iso(seat["until"]), "until_max": iso(seat["until_max"]), "pass": token,
    }  # fmt: skip
    rows = {"until": f"{iso(seat['until'])}, prolonged until {iso(seat['until_max'])} at the latest"}
    done(call, data, f"in: {seat['ticket']}", **rows)
    if not call.json:
        call.out.print(token, markup=False, soft_wrap=True)


def _public_keys(call: Invocation, jwks: Path | None, now: int) -> PublicKeys:
    from gateway.keys import BadJwks, PublicKeys
    from tidegate.key_folder import public_keys

    if jwks is None:
        return public_keys(call.settings, now)
    try:
        return PublicKeys.from_jwks(json.loads(jwks.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise BadJwks(f"{jwks}: cannot be read: {error}") from error
