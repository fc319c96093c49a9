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

from events.names import identifier
from tidegate import run_file
from tidegate.cli.shared import ExitCode, Invocation, report


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
    reach = run.reach if run is not None else run_file.reach_of(call.settings)
    try:
        await serve(identifier(name) if name is not None else default_name(), reach, until=until)
    except HostSuperseded as error:
        report(error, as_json=call.json)
        raise typer.Exit(ExitCode.SUPERSEDED) from error


def default_name() -> str:
    """Unlike any other on this machine, and most likely on others."""
    machine = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-")[:40] or "host"
    return f"{machine}-{os.getpid()}"
