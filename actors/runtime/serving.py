"""Serving: one host over NATS, from reaching the log to leaving in order. Every runtime on real servers runs this.

A host process has one job, and two reasons to end before it is told to. The log halted: whoever goes on would guess.
Another process runs a host of the same name that started later: it has taken our place. Each is raised as an error of
its own, and starting again by itself would mend neither.

A log that cannot be reached is waited for. A log that is not safe to write to, or of which that cannot be learnt, ends
a host that somebody has just started and looks at; one that a machine has started (`patient`) waits until it is.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Final, NoReturn

import msgspec
import structlog

from actors.decider import AnyDecider
from actors.kinds import KINDS
from actors.runtime.host import Host
from actors.runtime.limits import HostLimits
from actors.runtime.vitals import tell
from events.clock import system_clock
from events.errors import LogError, LogHalted, LogUnavailable, TidegateError, UnsafeLog
from events.nats.ground import Ground, reached
from events.nats.log import JetStreamLog
from events.nats.reach import Reach
from events.nats.safety import recheck_servers

log = structlog.get_logger(__name__)

LOOK_EVERY_MS: Final = 250
"""How often a host looks whether it is still wanted and sound."""
ASK_LOG_EVERY_MS: Final = 2_000
"""How often the log is asked who it is, so that an idle host notices too when it was created anew."""
CHECK_SERVERS_EVERY_MS: Final = 10_000
"""How often the servers are asked whether they are still safe: one that was down may come back with other settings."""
REACH_AGAIN_MS: Final = 500
SAFE_AGAIN_MS: Final = 3_000
LEAVE_WITHIN_MS: Final = 8_000
"""How long leaving in order may take: putting actors on the shelf, finishing what was begun."""


class HostSuperseded(TidegateError):
    """Another process runs a host of this name, and started later."""

    code = "host_superseded"
    next_step = "give every host a name of its own; this one has stopped and lost nothing"


LASTING: Final = (LogHalted, HostSuperseded)
"""What a host must not be started again after by a machine: a person has to look."""


class HostAbout(msgspec.Struct, frozen=True):
    """What a runtime knows of one host that it runs. `answers` is False while its process is started, or cannot be;
    `failure` says why the host stays down, and is empty while it doesn't."""

    name: str
    answers: bool
    pid: int = 0
    node: str = ""
    failure: str = ""


def calm_collector() -> None:
    """For a process that only runs a host. Nearly everything that a command makes is gone with its answer, by counting
    references. Looking for cycles every few hundred objects, and through all actors every so often, finds nothing; the
    frozen records that commands and facts are made of are trees, and not looked at at all (`gc=False`).
    Measured at 12,000 commits a second: 6 % of the time, and pauses of up to 35 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def new_incarnation() -> str:
    """Unlike any other; later ones sort behind earlier ones of the same machine."""
    return f"{time.time_ns() // 1_000_000:012x}-{token_hex(4)}"


async def serve(
    name: str,
    reach: Reach,
    *,
    until: asyncio.Event,
    patient: bool = False,
    incarnation: str | None = None,
    kinds: Mapping[str, AnyDecider] = KINDS,
    limits: HostLimits | None = None,
    started: Callable[[Host], None] | None = None,
) -> None:
    """Run the host `name` until `until` is set, then leave in order.

    Raises one of `LASTING`, or `UnsafeLog` when it isn't `patient`, or what a bug raises.
    """
    while not until.is_set():
        try:
            async with reached(reach, name=name) as ground:
                await _serve(name, ground, until, incarnation or new_incarnation(), kinds, limits, started)
            return
        except LogUnavailable as error:
            log.warning("log_out_of_reach", host=name, code=error.code, detail=str(error))
            await _either(until, REACH_AGAIN_MS)
        except UnsafeLog as error:
            if not patient:
                raise
            log.error("log_is_not_safe", host=name, code=error.code, detail=str(error))  # noqa: TRY400  # no bug
            await _either(until, SAFE_AGAIN_MS)


async def _serve(
    name: str,
    ground: Ground,
    until: asyncio.Event,
    incarnation: str,
    kinds: Mapping[str, AnyDecider],
    limits: HostLimits | None,
    started: Callable[[Host], None] | None,
) -> None:
    events = await ground.log(create=True)
    host = Host(
        name,
        events=events,
        bus=ground.bus,
        shelf=await ground.shelf(),
        clock=system_clock,
        kinds=kinds,
        incarnation=incarnation,
        limits=limits,
    )
    try:
        await host.start()
        host.tasks.keep(tell(host))
        if started is not None:
            started(host)
        await _watch(host, events, ground.reach, until)
    finally:
        await _leave(host)


async def _watch(host: Host, events: JetStreamLog, reach: Reach, until: asyncio.Event) -> None:
    """Return when it is time to leave; raise when the host must not go on."""
    loop = asyncio.get_running_loop()
    asking = (loop.create_task(_ask_log(events)), loop.create_task(_ask_servers(reach)))
    try:
        while not until.is_set():
            if events.halted is not None:
                raise events.halted
            if host.superseded:
                raise HostSuperseded(f"another process runs a host called {host.name}, and started later")
            if host.tasks.broken is not None:
                raise host.tasks.broken
            for task in asking:
                if task.done():
                    task.result()
            await _either(until, LOOK_EVERY_MS)
    finally:
        for task in asking:
            task.cancel()


async def _ask_log(events: JetStreamLog) -> NoReturn:
    """Have the log check itself, again and again. That it halted, it keeps; that it is unsafe is raised."""
    while True:
        try:
            await events.head()
        except UnsafeLog:
            raise
        except LogError as error:  # out of reach: the host finds that out by itself
            log.debug("log_not_asked", code=error.code, detail=str(error))
        await asyncio.sleep(ASK_LOG_EVERY_MS / 1000)


async def _ask_servers(reach: Reach) -> NoReturn:
    """Raise `UnsafeLog` as soon as one of the servers says that it is not safe any more."""
    while True:
        await asyncio.sleep(CHECK_SERVERS_EVERY_MS / 1000)
        await recheck_servers(reach.monitors)


async def _leave(host: Host) -> None:
    try:
        async with asyncio.timeout(LEAVE_WITHIN_MS / 1000):
            await host.stop()
    except TimeoutError:
        log.warning("left_in_a_hurry", host=host.name, after_ms=LEAVE_WITHIN_MS)


async def _either(until: asyncio.Event, timeout_ms: int) -> None:
    """Wait until the event is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await until.wait()
    except TimeoutError:
        return
