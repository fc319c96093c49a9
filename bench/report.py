"""Rows of figures, and the table that they become."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass
class Row:
    """One figure, taken several times. `goal` is a sentence; `met` is None where there is nothing to meet."""

    what: str
    unit: str
    values: list[float] = field(default_factory=list)
    beside: str = ""
    goal: str = ""
    met: bool | None = None

    @property
    def value(self) -> float:
        return median(self.values)


def number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percentile(sorted_values: Sequence[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def machine() -> str:
    """What this was measured on, in one line."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores ({model}), {system}, Python {platform.python_version()}"


def show(rows: Sequence[Row], console: Console) -> None:
    table = Table(
        title="Tidegate beside the machine's own limits and its peers", caption=machine(), title_justify="left"
    )
    table.add_column("what", min_width=40)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("min – max", justify="right", no_wrap=True)
    for column in ("unit", "beside it", "goal"):
        table.add_column(column)
    for row in rows:
        mark = "" if row.met is None else ("✓ " if row.met else "✗ ")
        spread = "" if len(row.values) < 2 else f"{number(min(row.values))} – {number(max(row.values))}"
        table.add_row(row.what, number(row.value), spread, row.unit, row.beside, mark + row.goal)
    console.print(table)


def markdown(rows: Sequence[Row]) -> str:
    """The same table for a README."""
    lines = ["| what | median | min – max | unit | beside it | goal |", "|---|---:|---:|---|---|---|"]
    for row in rows:
        mark = "" if row.met is None else ("✓ " if row.met else "✗ ")
        spread = "" if len(row.values) < 2 else f"{number(min(row.values))} – {number(max(row.values))}"
        lines.append(f"| {row.what} | {number(row.value)} | {spread} | {row.unit} | {row.beside} | {mark}{row.goal} |")
    return "\n".join([*lines, "", machine()])
