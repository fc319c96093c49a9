"""`tidegate down`: stop what runs."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Annotated

import typer

from tidegate import parts
from tidegate.cli.shared import ExitCode, Invocation
from tidegate.run_file import NotAllowed

_ASK_EVERY_S = 0.05


async def down(
    call: Invocation,
    within: Annotated[int, typer.Option(help="How long to wait for it, in seconds.", min=1)] = 60,
) -> None:
    """Stop the stack that runs on the data folder, or the hosts on the Ray cluster at ray.address.

    What a killed stack left running is ended. Ends with 0 when there was nothing to stop, too.
    """
    settings = call.settings
    keepers = [part for part in parts.noted(settings.data_dir) if part.name == parts.KEEPER and parts.lives(part)]
    if keepers:
        await _stop_keeper(call, keepers[0], within)
    elif settings.ray.address:
        await _stop_hosts(call, settings.ray.address, settings.ray.namespace)
    else:
        await _end_leftovers(call)


async def _stop_keeper(call: Invocation, keeper: parts.Part, within: int) -> None:
    try:
        os.kill(keeper.pid, signal.SIGTERM)
    except PermissionError as error:
        raise NotAllowed(f"process {keeper.pid}, which keeps the stack, belongs to another user") from error
    try:
        async with asyncio.timeout(within):
            while parts.lives(keeper):  # noqa: ASYNC110  # not our child: the system tells its end to its parent only
                await asyncio.sleep(_ASK_EVERY_S)
    except TimeoutError:
        _say(call, f"process {keeper.pid} still runs after {within} s; kill it, the next start recovers", stopped=False)
        raise typer.Exit(ExitCode.FAILED) from None
    _say(call, f"the stack on {call.settings.data_dir} stopped", stopped=True, pid=keeper.pid)


async def _stop_hosts(call: Invocation, address: str, namespace: str) -> None:
    from tidegate.ray_driver import StopHosts, run

    hosts = [host.name for host in await run(StopHosts(address, namespace), os.environ)]
    _say(call, f"stopped {', '.join(hosts) or 'nothing: no hosts'} on the Ray cluster at {address}", hosts=hosts)


async def _end_leftovers(call: Invocation) -> None:
    from tidegate.leftovers import end_leftovers
    from tidegate.lock import only_one

    ended: list[str] = []
    if call.settings.data_dir.is_dir():
        with only_one(call.settings.data_dir):
            ended = [part.name async for part in end_leftovers(call.settings.data_dir)]
    what = f"ended {', '.join(ended)}, which a killed run had left" if ended else "nothing runs"
    _say(call, f"{what} on {call.settings.data_dir}", ended=ended)


def _say(call: Invocation, text: str, **about: object) -> None:
    call.answer({"text": text, **about}) if call.json else call.out.print(text, markup=False, soft_wrap=True)
