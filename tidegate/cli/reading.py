"""How commits look on a screen and in JSON: what `log tail` and `log show` share.

What is personal is left out unless it is asked for. Facts are redacted by the marks in their types. Commits of a kind
that is not known here have no marks, and answers have none either: of those nothing is shown that was not asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec
from rich.markup import escape

from actors.kinds import KINDS
from events.clock import iso
from events.commit import Commit
from events.facts import redacted
from events.log import Recorded
from events.names import kind_of
from tidegate.cli.shared import Invocation


def as_data(recorded: Recorded, *, reveal: bool) -> dict[str, Any]:
    """A commit as plain data."""
    data: dict[str, Any] = {
        "sequence": recorded.sequence,
        "actor": recorded.actor,
        "stored_at": iso(recorded.stored_at),
    }
    if recorded.batch is not None:
        data["batch"] = {"id": recorded.batch.id, "index": recorded.batch.index, "last": recorded.batch.last}
    commit = _typed(recorded)
    if commit is None:
        if reveal:
            data["commit"] = _raw(recorded.body)
        return data | {"unreadable": True, "bytes": len(recorded.body)}
    data["at"] = iso(commit.at)
    if commit.together:
        data["together"] = list(commit.together)
    data["decided"] = [
        {
            "command": one.id,
            "by": one.by,
            "facts": [msgspec.to_builtins(fact) if reveal else redacted(fact) for fact in one.facts],
        }
        | ({"reply": msgspec.json.decode(one.reply)} if reveal else {})
        for one in commit.decided
    ]
    return data


def show(call: Invocation, recorded: Recorded, *, reveal: bool) -> None:
    """Print one commit."""
    data = as_data(recorded, reveal=reveal)
    if call.json:
        call.answer(data)
        return
    when = data.get("at", data["stored_at"])
    notes = ""
    if "batch" in data:
        notes += f" [dim]batch {escape(data['batch']['id'][-6:])}/{data['batch']['index']}[/]"
    if "together" in data:
        notes += f" [dim]together with {escape(', '.join(one for one in data['together'] if one != recorded.actor))}[/]"
    call.out.print(
        f"[bold]{recorded.sequence}[/] [dim]{when}[/] [cyan]{escape(recorded.actor)}[/]{notes}", soft_wrap=True
    )
    if "decided" not in data:
        call.out.print(f"    [red]cannot be read here[/] ({data['bytes']} bytes)", soft_wrap=True)
    for one in data.get("decided", ()):
        call.out.print(f"    [dim]{escape(one['command'])} by {escape(one['by'])}[/]", soft_wrap=True)
        for fact in one["facts"]:
            fields = " ".join(f"{name}={_spelled(value)}" for name, value in fact.items() if name != "fact")
            call.out.print(f"      [green]{escape(fact['fact'])}[/] {escape(fields)}", soft_wrap=True)


def _typed(recorded: Recorded) -> Commit[Any] | None:
    decider = KINDS.get(kind_of(recorded.actor))
    if decider is None:
        return None
    try:
        return decider.facts.read(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _raw(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.hex()


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) and value and " " not in value else msgspec.json.encode(value).decode()
