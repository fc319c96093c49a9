"""Listening to the hosts' beats: who lives, since when, and whether all partitions are looked after.

Beats are the only word on whether a host lives; what started it (Ray, or the stack itself) is not asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import msgspec
import structlog

from actors.runtime.membership import BEAT_DECODER, BEATS, HELLO, Beat
from events.bus import Bus, Message, Subscription
from events.errors import TidegateError
from events.limits import PARTITIONS

log = structlog.get_logger(__name__)

_HELLO_EVERY_MS: Final = 1_000


class HostsSilent(TidegateError):
    """Hosts that should run are not heard, or don't own everything between them."""

    code = "hosts_silent"
    next_step = "read the hosts' logs; `tidegate status` shows who is heard"


class Heard(msgspec.Struct):
    """The last beat of a host, and when it came by the loop's own time."""

    beat: Beat
    at: float


class Listening:
    """Everything that is heard on one bus. `await start(bus)`, then look at `hosts`, then `await stop()`."""

    def __init__(self) -> None:
        self.hosts: Final[dict[str, Heard]] = {}
        """By name, however long ago: those that left in order are gone."""
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None

    async def start(self, bus: Bus) -> None:
        self._subscription = await bus.subscribe(BEATS, self._hear)
        await bus.publish(HELLO, b"")

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()

    def silent_ms(self, host: str) -> float:
        """How long the host was not heard; without end if never."""
        heard = self.hosts.get(host)
        return float("inf") if heard is None else (asyncio.get_running_loop().time() - heard.at) * 1000

    async def all_here(self, bus: Bus, names: Collection[str], within_ms: int) -> None:
        """Wait until each of these hosts is heard and every partition has an owner; `HostsSilent` if not in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_ms / 1000
        while (missing := self._missing(names)) != "":
            if loop.time() >= deadline:
                raise HostsSilent(f"after {within_ms} ms {missing}")
            self._changed.clear()
            try:
                async with asyncio.timeout(min(_HELLO_EVERY_MS / 1000, max(deadline - loop.time(), 0))):
                    await self._changed.wait()
            except TimeoutError:
                await bus.publish(HELLO, b"")

    def _missing(self, names: Collection[str]) -> str:
        silent = sorted(set(names) - self.hosts.keys())
        if silent:
            return f"nothing was heard of {', '.join(silent)}"
        owned = {partition for heard in self.hosts.values() for partition in heard.beat.partitions}
        return "" if len(owned) == PARTITIONS else f"only {len(owned)} of {PARTITIONS} partitions have an owner"

    def _hear(self, message: Message) -> None:
        try:
            beat = BEAT_DECODER.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("malformed_beat", detail=str(error))
            return
        known = self.hosts.get(beat.host)
        if known is not None and (known.beat.since, known.beat.incarnation) > (beat.since, beat.incarnation):
            return  # an older one of that name, which was replaced
        if beat.leaving:
            self.hosts.pop(beat.host, None)
        else:
            self.hosts[beat.host] = Heard(beat, asyncio.get_running_loop().time())
        self._changed.set()
