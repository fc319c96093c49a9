"""What tests measured or counted, at the end of a run. They note it in their `user_properties`: a figure and what it is
of. The simulation's chunks note how many seeds they ran and which faults these had, and those are added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

SEEDS = "simulated seeds"
FAULTS = "runs with each fault"


def summarize(
    reports: Iterable[pytest.TestReport], section: Callable[[str], None], line: Callable[[str], None]
) -> None:
    seeds = 0
    runs_with: Counter[str] = Counter()
    measured = []
    for report in reports:
        noted: dict[str, Any] = dict(report.user_properties)
        seeds += noted.pop(SEEDS, 0)
        runs_with.update(noted.pop(FAULTS, {}))
        measured += [f"{value:>10}  {what} ({report.nodeid.partition('@')[0]})" for what, value in noted.items()]
    if measured:
        section("measured")
        for text in measured:
            line(text)
    if seeds:
        section("simulation")
        line(f"{seeds:,} seeds; each fault occurred in this share of the runs:")
        shares = [f"{kind} {100 * runs / seeds:.0f} %" for kind, runs in sorted(runs_with.items())]
        for start in range(0, len(shares), 4):
            line("  " + "".join(f"{share:<34}" for share in shares[start : start + 4]).rstrip())
