"""`tidegate projector`: the read models, in this process."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from tidegate import run_file
from tidegate.cli.shared import Invocation


async def projector(
    call: Invocation,
    run_file_path: Annotated[
        Path | None, typer.Option("--run-file", help="Where the servers are, as a stack wrote it.", hidden=True)
    ] = None,
) -> None:
    """Fold the log into read models and answer questions about them, until Ctrl-C.

    It stands on the servers of the running stack or of nats.urls; several share the questions. Ends with 3 when the log
    contradicts itself: after that, nothing should start it again.
    """
    from actors.runtime.serving import calm_collector
    from projections.serving import serve

    calm_collector()
    until = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    run = run_file.read(run_file_path) if run_file_path is not None else None
    await serve(run.reach if run is not None else run_file.reach_of(call.settings), until)
