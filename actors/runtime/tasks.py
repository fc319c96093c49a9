"""The tasks of one host: kept from being collected, ended together, and loud when they fail.

A task that raises has found a bug of ours. It is logged with its traceback and counted; whoever started it has
already made sure that nobody waits for it in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], bool] = {}
        """Each task, and whether it ends by itself soon."""
        self.failed = 0
        self.broken: BaseException | None = None
        """Why one that should have run for ever does not any more."""

    def keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work`, which goes on for ever. A host in which it ended is not whole any more."""
        task = self.start(work, lasting=True)
        task.add_done_callback(self._broke)
        return task

    def _broke(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and self.broken is None:
            self.broken = task.exception()

    def start(self, work: Coroutine[Any, Any, Any], *, lasting: bool = False) -> asyncio.Task[Any]:
        """Run `work`. A `lasting` task is not waited for when the host stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._running[task] = not lasting
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed += 1
            log.error("task_failed", task=task.get_name(), exc_info=error)

    async def finish(self, within_ms: int) -> None:
        """Let what was begun come to its end, for so long; then end all that still runs, and wait until it has."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_ms / 1000
        while (short := [task for task, ends in self._running.items() if ends]) and loop.time() < deadline:
            await asyncio.wait(short, timeout=deadline - loop.time())
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
