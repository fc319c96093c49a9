"""What the simulation says at the end of a test run: how many seeds it ran, and which faults they had."""

from __future__ import annotations

from collections import Counter

import pytest

SEEDS = "simulated seeds"
FAULTS = "runs with each fault"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seeds = 0
    runs_with: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            properties = dict(getattr(report, "user_properties", ()))
            if SEEDS in properties and getattr(report, "when", "") == "call":
                seeds += int(properties[SEEDS])
                runs_with.update(properties[FAULTS])
    if not seeds:
        return
    terminalreporter.section("simulation")
    terminalreporter.write_line(f"{seeds:,} seeds; each fault occurred in this share of the runs:")
    shares = [f"{kind} {100 * runs / seeds:.0f} %" for kind, runs in sorted(runs_with.items())]
    for start in range(0, len(shares), 4):
        terminalreporter.write_line("  " + "".join(f"{share:<34}" for share in shares[start : start + 4]).rstrip())
