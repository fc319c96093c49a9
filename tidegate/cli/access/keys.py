"""`tidegate key create|list|rotate|revoke`: API keys, each printed once and never again.

The secret is drawn here and only its hash leaves this program.
"""

from __future__ import annotations

from secrets import token_bytes
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from tidegate.cli.access.common import asked, seconds_from, when_shown
from tidegate.cli.booking.common import done, new_token, plain_table
from tidegate.cli.shared import Invocation

if TYPE_CHECKING:
    from actors.access.commands import KeyLine
    from events.identity import ApiKeyParts

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Its id, as `key list` shows it.")]


async def create(
    call: Invocation,
    role: Annotated[
        Literal["owner", "operator", "service", "viewer"], typer.Option(help="What its bearer may act as.")
    ] = "service",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERMISSION",
            help="Narrows what the role permits: bookings.read. May be repeated; all of it if none.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What people call it; its id if none.")] = "",
    expires: Annotated[
        str | None, typer.Option(metavar="SPAN", help="It is good for so long: 30d, 12h. For ever if none.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="What it is listed as; a new one if none.", show_default=False)] = None,
) -> None:
    """Issue an API key, and print it: this once, for nobody keeps more of it than a hash. It is the last line.

    For example: tidegate key create --role operator --name 'The box office' --expires 30d

    With less than its role permits: tidegate key create --role viewer --scope bookings.read --scope streams.read
    """
    from actors.access.commands import IssueKey, KeyLine
    from events.clock import system_clock

    key = _drawn(call, new_token("key") if id is None else id)
    expires_at = None if expires is None else system_clock() + seconds_from("--expires", expires) * 1_000
    command = IssueKey(key.id, key.hash, role, name, tuple(scope or ()), expires_at)
    answer = await asked(call, command)
    line = msgspec.convert(answer.reply, KeyLine)
    about = {"role": line.role, "scopes": ", ".join(line.scopes) or f"all that a {line.role} may do"}
    _print(call, key, line, answer.sequence, f"issued: {line.name}", **about, expires=when_shown(line.expires_at))


async def rotate(
    call: Invocation,
    key: KeyArgument,
    overlap: Annotated[
        str, typer.Option(metavar="SPAN", help="The key before is good for so long, too: 24h, 0, at most 7d.")
    ] = "24h",
) -> None:
    """Give a key another secret, and print it. The one before is good for a while longer, and any before that no more.

    For example: tidegate key rotate key-3f9a12c04be7 --overlap 1h
    """
    from actors.access.commands import KeyLine, RotateKey

    new = _drawn(call, key)
    answer = await asked(call, RotateKey(key, new.hash, seconds_from("--overlap", overlap)))
    line = msgspec.convert(answer.reply, KeyLine)
    said = f"until {when_shown(line.old_until)}"
    _print(call, new, line, answer.sequence, f"rotated: {line.name}", **{"the old one": said})


async def revoke(call: Invocation, key: KeyArgument) -> None:
    """Let a key open nothing any more. Its id is never another key's.

    For example: tidegate key revoke key-3f9a12c04be7
    """
    from actors.access.commands import RevokeKey

    answer = await asked(call, RevokeKey(key))
    told = f"revoked: {key}" if answer.sequence else f"it was over already: {key}"
    done(call, {**answer.reply, "sequence": answer.sequence}, told)


async def list_(
    call: Invocation,
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over, too, as far as they are known.")] = False,
) -> None:
    """List the API keys, without what opens anything.

    For example: tidegate key list --ended
    """
    from actors.access.commands import KeyLine, ListKeys
    from events.clock import system_clock

    reply = (await asked(call, ListKeys(ended))).reply
    lines, now = msgspec.convert(reply["keys"], list[KeyLine]), system_clock()
    over = {id: (at, why) for id, (at, why) in reply["ended"].items()}
    if call.json:
        gone = [{"id": id, "state": why, "ended_at": when_shown(at)} for id, (at, why) in over.items()]
        call.answer([_data(line) | {"state": _state(line, now)} for line in lines] + gone)
        return
    table = plain_table("key", "name", "role", "state", "issued", "expires")
    table.add_column("scopes", overflow="fold")
    for line in lines:
        scopes = ", ".join(line.scopes)
        times = when_shown(line.issued_at), when_shown(line.expires_at)
        table.add_row(line.id, line.name, line.role, _state(line, now), *times, scopes)
    for id, (at, why) in over.items():
        table.add_row(id, "", "", f"{why} {when_shown(at)}", "", "", "")
    found = table.row_count > 0
    call.out.print(table if found else "there are no keys: `tidegate key create` issues one", soft_wrap=not found)


def _drawn(call: Invocation, id: str) -> ApiKeyParts:
    from events.identity import SECRET_BYTES, api_key

    return api_key(call.settings.org, id, token_bytes(SECRET_BYTES))


def _print(call: Invocation, key: ApiKeyParts, line: KeyLine, sequence: int, headline: str, **rows: str) -> None:
    """The last line is nothing but the key, so that it can be copied, or read by `tail -1`."""
    data = _data(line) | {"sequence": sequence, "key": key.text}
    done(call, data, headline, id=line.id, **rows, shown="this once: who loses it rotates it")
    if not call.json:
        call.out.print(key.text, markup=False, soft_wrap=True)


def _data(line: KeyLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": line.name,
        "role": line.role,
        "scopes": list(line.scopes),
        "issued_at": when_shown(line.issued_at),
        "expires_at": line.expires_at and when_shown(line.expires_at),
        "old_until": when_shown(line.old_until) if line.old_until else None,
    }


def _state(line: KeyLine, now: int) -> str:
    return "expired" if line.expires_at is not None and line.expires_at < now else "good"
