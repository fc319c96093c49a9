"""`tidegate config`: every setting, its value, and where it came from."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from tidegate.cli.shared import Invocation
from tidegate.config import DEFAULT, SETTINGS, shown


def config(call: Invocation) -> None:
    """List every setting with its value, where the value came from, and what it means.

    A setting can stand in tidegate.toml (nats.port is `port` in the table `nats`), in the environment
    (TIDEGATE_NATS_PORT), or on the command line (--set nats.port=4222); the later wins.
    """
    loaded = call.loaded
    if call.json:
        call.answer(
            [
                {
                    "key": key,
                    "value": loaded.value(key),
                    "source": loaded.sources[key],
                    "default": shown(setting.default),
                    "variable": setting.variable,
                    "meaning": setting.meaning,
                }
                for key, setting in SETTINGS.items()
            ]
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold")
    for key, setting in SETTINGS.items():
        source = loaded.sources[key]
        style = "dim" if source == DEFAULT else "green"
        table.add_row(key, Text(_spelled(loaded.value(key))), Text(source, style), Text(setting.meaning, "dim"))
    call.out.print(table)


def _spelled(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "–"
    return str(value) if value != "" else "–"
