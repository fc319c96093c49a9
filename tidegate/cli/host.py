"""`tidegate host`: one host in this process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer

from events.errors import TidegateError
from events.names import identifier
from events.nats.reach import Reach
from tidegate import run_file
from tidegate.cli.shared import ExitCode, Invocation, report
from tidegate.config import Settings


class NameTaken(TidegateError):
    """The stack has a host of this name, which would have to go."""

    code = "name_taken"
    next_step = "give it another --name, or none"


async def host(
    call: Invocation,
    name: Annotated[
        str | None, typer.Option(help="Its name among the hosts; the machine's and a number if none.")
    ] = None,
    run_file_path: Annotated[
        Path | None, typer.Option("--run-file", help="Where the servers are, as a stack wrote it.", hidden=True)
    ] = None,
) -> None:
    """Run one actor host in this process, on the servers of the running stack or of nats.urls, until Ctrl-C.

    It shares the partitions with the hosts that are there, and leaves in order. Ends with 3 when the log contradicts
    itself, and with 4 when another host of its name started later: after these, nothing should start it again.
    """
    from actors.runtime.serving import HostSuperseded, calm_collector, serve

    calm_collector()
    until = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    run = run_file.read(run_file_path) if run_file_path is not None else None
    reach = run.reach if run is not None else _beside(name, call.settings)
    try:
        await serve(identifier(name) if name is not None else default_name(), reach, until=until)
    except HostSuperseded as error:
        report(error, as_json=call.json)
        raise typer.Exit(ExitCode.SUPERSEDED) from error


def _beside(name: str | None, settings: Settings) -> Reach:
    """Where the servers are, for a host that is not the stack's own. It must not take the name of one that is."""
    reach = run_file.reach_of(settings)
    run = run_file.read(run_file.path_of(settings.data_dir))
    if run is not None and run.reach.servers == reach.servers and name in run.hosts:
        raise NameTaken(f"the stack on {settings.data_dir} runs {name}")
    return reach


def default_name() -> str:
    """Unlike any other on this machine, and most likely on others."""
    machine = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:40] or "host"
    return f"{machine}-{os.getpid()}"
