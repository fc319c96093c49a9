"""Workers: several gateway processes that share a port, each on a core of its own; started again when they die.

The system gives each who connects to one of them. The port is taken here, without listening, so that it stays the same
one whichever of them lives; and nobody is sent to a process that does not listen.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Final

import structlog

from gateway.http import port
from tidegate.config import DEFAULT, PREFIX, SETTINGS, GatewaySettings, Loaded
from tidegate.keeping import Pauses

log = structlog.get_logger(__name__)

STOP_WITHIN_S: Final = 12
_LOOK_EVERY_S: Final = 0.1


async def share(loaded: Loaded, until: asyncio.Event, started: Callable[[str, int], None]) -> None:
    """Run the workers until `until` is set."""
    settings = loaded.settings.gateway
    port.taken(settings.host, settings.port).close()  # nobody else listens there
    taken = port.taken(settings.host, settings.port, shared=True)
    try:
        number = taken.getsockname()[1]
        keeping = [
            asyncio.ensure_future(_keep(settings, _environment(loaded, number, worker), worker, until))
            for worker in range(1, settings.workers + 1)
        ]
        await asyncio.gather(*keeping, _tell(settings.host, number, until, started))
    finally:
        taken.close()


async def _tell(host: str, number: int, until: asyncio.Event, started: Callable[[str, int], None]) -> None:
    """As soon as one of them answers: the log may be out of reach yet."""
    while not until.is_set():
        try:
            _, writer = await asyncio.open_connection(host, number)
        except OSError:
            await asyncio.sleep(_LOOK_EVERY_S)
        else:
            writer.close()
            started(host, number)
            return


def _environment(loaded: Loaded, number: int, worker: int) -> dict[str, str]:
    """All that was set, wherever that was, so that a worker means the same; but each has its own port for metrics. In
    the environment and not among the words of its command line, which everybody on the machine can read: addresses may
    have passwords in them."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    said = {key: loaded.raw(key) for key, source in loaded.sources.items() if source != DEFAULT}
    said |= {"gateway.workers": "1", "gateway.port": str(number)}
    if aside := loaded.settings.gateway.metrics_port:
        said["gateway.metrics_port"] = str(aside + worker - 1)
    return environment | {SETTINGS[key].variable: text for key, text in said.items()}


async def _keep(settings: GatewaySettings, environment: dict[str, str], worker: int, until: asyncio.Event) -> None:
    """One worker, for as long as it is wanted."""
    command = [sys.executable, "-m", "tidegate", "gateway", "--sharing", str(settings.workers)]
    pauses = Pauses()
    stopping = asyncio.ensure_future(until.wait())
    while not until.is_set():
        pauses.began()
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
        ended = asyncio.ensure_future(process.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        if until.is_set():
            await _stop(process, STOP_WITHIN_S + settings.drain_s)
            return
        log.warning("worker_ended", worker=worker, code=ended.result())
        await asyncio.wait((stopping,), timeout=pauses.next_ms() / 1000)


async def _stop(process: asyncio.subprocess.Process, within_s: int) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(within_s):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
