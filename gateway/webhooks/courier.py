"""The courier: tells the endpoints of every organisation what happened there.

    async with posting() as http:
        courier = Courier(log, sender, system_clock, secret, CourierSettings(name=…), http)
        await courier.run(until)

There may be many; each endpoint is attended to by one of them at a time, whichever came first. What one of them was at
when it ended, the next one goes on with: at least once, in the order of each entity.

It looks at the endpoints once a second: so long after it was changed, an endpoint may still be told things as it was
before. What it delivers, it hears from the log as it happens.
"""

from __future__ import annotations

import asyncio
import random as chance
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from actors.runtime.sender import Sender
from actors.webhooks.registry import WEBHOOKS
from events.clock import Clock
from events.errors import LogError, LogRecreated, SequenceRanBackwards
from events.log import EventLog
from gateway.measuring.counts import WebhookCounts
from gateway.secret import Secret
from gateway.webhooks import limits
from gateway.webhooks.delivering import CourierSettings, Delivery, Desk, either
from gateway.webhooks.directory import Directory
from gateway.webhooks.sending import Sending
from projections.folding import epoch_of

__all__ = ["Courier", "CourierSettings"]

log = structlog.get_logger(__name__)


class _Key(NamedTuple):
    """Which delivery: under the same name, another birth or beginning is another."""

    org: str
    id: str
    born: int
    began: int


class _Running(NamedTuple):
    delivery: Delivery
    until: asyncio.Event
    task: asyncio.Task[None]


class Courier:
    def __init__(
        self,
        events: EventLog,
        sender: Sender,
        clock: Clock,
        secret: Secret,
        settings: CourierSettings,
        http: Sending,
        *,
        random: Callable[[], float] = chance.random,
        counts: WebhookCounts | None = None,
    ) -> None:
        self._events: Final = events
        self._sender: Final = sender
        self._clock: Final = clock
        self._secret: Final = secret
        self._settings: Final = settings
        self._http: Final = http
        self._random: Final = random
        self._counts: Final = counts or WebhookCounts()
        self._directory: Final = Directory(events)
        self._running: Final[dict[_Key, _Running]] = {}

    async def run(self, until: asyncio.Event) -> None:
        """Deliver until told to stop. Raises a `LogHalted` when the log is not the one it was."""
        desk: Desk | None = None
        try:
            while not until.is_set():
                try:
                    desk = desk or await self._desk()
                    await self._directory.look(await self._events.orgs_with(WEBHOOKS.kind))
                except (LogRecreated, SequenceRanBackwards):
                    raise
                except LogError as error:
                    log.warning("endpoints_not_looked_at", code=error.code, detail=str(error))
                else:
                    self._arrange(desk)
                self._bury()
                await either(until, limits.LOOK_EVERY_MS)
        finally:
            for running in self._running.values():
                running.until.set()
            await asyncio.gather(*(running.task for running in self._running.values()), return_exceptions=True)

    async def _desk(self) -> Desk:
        identity = (await self._events.head()).identity
        return Desk(
            self._events, self._sender, self._clock, self._secret, self._http, self._settings, self._random,
            epoch_of(identity), asyncio.Semaphore(self._settings.at_once), self._counts,
        )  # fmt: skip

    def _arrange(self, desk: Desk) -> None:
        """Have everything delivered that is to be, and nothing else."""
        wanted = {_Key(org, id, known.born, known.began): known for (org, id), known in self._directory.active.items()}
        for key, running in self._running.items():
            if key in wanted:
                running.delivery.known = wanted[key]
            else:
                running.until.set()
        busy = {(key.org, key.id) for key in self._running}
        for key, known in wanted.items():
            if (key.org, key.id) not in busy:  # one that ends says its last word before the next one begins
                delivery, until = Delivery(desk, key.org, key.id, known), asyncio.Event()
                task = asyncio.get_running_loop().create_task(delivery.run(until))
                self._running[key] = _Running(delivery, until, task)

    def _bury(self) -> None:
        """Forget those that have ended; if one of them could not go on, neither can we."""
        for key in [key for key, running in self._running.items() if running.task.done()]:
            self._running.pop(key).task.result()
