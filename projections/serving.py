"""Serving: one projector over NATS, from reaching the log to leaving in order.

It ends before it is told to for one reason: the log halted, and whoever goes on would guess. A log that cannot be
reached is waited for. One that is not there yet, or not safe, ends a projector that somebody has just started and looks
at; one that a machine has started (`patient`) waits until it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from events.clock import Clock, system_clock
from events.errors import LogUnavailable, UnsafeLog
from events.nats.ground import Ground, reached
from events.nats.reach import Reach
from projections.answering import Answering
from projections.models import ReadModels
from projections.publishing import Publishing

log = structlog.get_logger(__name__)

REACH_AGAIN_MS: Final = 500
SAFE_AGAIN_MS: Final = 1_000
LEAVE_WITHIN_MS: Final = 8_000
"""How long leaving in order may take: answering what was asked, saving what was folded."""


async def serve(
    reach: Reach,
    until: asyncio.Event,
    *,
    name: str = "projector",
    patient: bool = False,
    clock: Clock = system_clock,
    started: Callable[[ReadModels], None] | None = None,
) -> None:
    """Run a projector until `until` is set. `started` is called when it has caught up with the log and answers.

    Raises `LogHalted`, or `UnsafeLog` when it isn't `patient`, or what a bug raises.
    """
    while not until.is_set():
        try:
            async with reached(reach, name=name) as ground:
                await _serve(ground, until, name, clock, started)
            return
        except LogUnavailable as error:
            log.warning("log_out_of_reach", projector=name, code=error.code, detail=str(error))
            await _either(until, REACH_AGAIN_MS)
        except UnsafeLog as error:
            if not patient:
                raise
            log.warning("log_is_not_safe", projector=name, code=error.code, detail=str(error))
            await _either(until, SAFE_AGAIN_MS)


async def _serve(
    ground: Ground, until: asyncio.Event, name: str, clock: Clock, started: Callable[[ReadModels], None] | None
) -> None:
    publishing = Publishing(name, ground.bus)
    models = ReadModels(await ground.log(), await ground.shelf(), clock, publishing.told, publishing.recent)
    await models.projector.start()
    answering = Answering(ground.bus, models)
    loop = asyncio.get_running_loop()
    running = [loop.create_task(models.projector.run()), loop.create_task(publishing.run(models.projector))]
    opening = loop.create_task(_open(models, answering, started))
    ending = loop.create_task(until.wait())
    try:
        going: set[asyncio.Task[Any]] = {*running, opening, ending}
        while not ending.done():
            done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for other in (*running, opening, ending):
            other.cancel()
        await asyncio.gather(*running, opening, ending, return_exceptions=True)
        await _leave(models, answering, name)


async def _open(models: ReadModels, answering: Answering, started: Callable[[ReadModels], None] | None) -> None:
    """Answer from when the log is caught up with: before, others know more."""
    projector = models.projector
    while not projector.caught_up:
        await projector.reached(projector.caught_up_at, within_ms=1 << 31)
    await answering.start()
    if started is not None:
        started(models)


async def _leave(models: ReadModels, answering: Answering, name: str) -> None:
    try:
        async with asyncio.timeout(LEAVE_WITHIN_MS / 1000):
            await answering.stop()
            await models.projector.save()
    except TimeoutError:
        log.warning("left_in_a_hurry", projector=name, after_ms=LEAVE_WITHIN_MS)


async def _either(until: asyncio.Event, timeout_ms: int) -> None:
    """Wait until the event is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await until.wait()
    except TimeoutError:
        return
