"""`tidegate doctor`: what is wrong with this installation, and what mends it."""

from __future__ import annotations

from typing import Final

import msgspec
import typer
from rich.markup import escape

from tidegate.cli.shared import ExitCode, Invocation
from tidegate.doctor import Verdict, examine

MARKS: Final[dict[Verdict, str]] = {
    "ok": "[green]ok     [/]",
    "warning": "[yellow]warning[/]",
    "failure": "[bold red]failure[/]",
}


def doctor(call: Invocation) -> None:
    """Check the installation, and say how to mend what is wrong with it.

    Ends with 1 when something keeps Tidegate from running or from keeping its promises.
    """
    findings = []
    for finding in examine(call.settings):
        findings.append(finding)
        if not call.json:
            call.out.print(f"{MARKS[finding.verdict]}  {finding.check:<12} {escape(finding.detail)}", soft_wrap=True)
            if finding.mend:
                call.out.print(f"{'':<22} → {escape(finding.mend)}", soft_wrap=True)
    failures = sum(finding.verdict == "failure" for finding in findings)
    if call.json:
        call.answer({"fit": not failures, "findings": msgspec.to_builtins(findings)})
    elif not failures:
        call.out.print("\nFit to run.")
    if failures:
        raise typer.Exit(ExitCode.FAILED)
