"""`tidegate commands`: what can be sent."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tidegate.cli.shared import Invocation
from tidegate.typed_commands import known, type_name


def commands(call: Invocation) -> None:
    """List every kind of actor, and the commands that it takes, with their fields."""
    if call.json:
        call.answer(
            [
                {
                    "kind": one.kind,
                    "command": one.name,
                    "meaning": one.meaning,
                    "fields": [
                        {"name": field.name, "type": type_name(field.type), "required": field.required}
                        for field in one.fields
                    ],
                }
                for one in known()
            ]
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("kind", "command", "meaning"):
        table.add_column(heading, overflow="fold")
    for one in known():
        table.add_row(one.kind, Text(one.usage, "green"), Text(one.meaning, "dim"))
    call.out.print(table)
