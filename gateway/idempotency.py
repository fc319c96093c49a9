"""Idempotency keys: the id of a request's commands, which its caller named by a key.

The id follows from the caller and the key, and carries a seal that follows from the request. It is written with what
was done: so the same request again is done once and gets the first answer, whichever gateway it comes to and whatever
crashed meanwhile, and another request under that key is refused by whoever did the first one. That it is refused by
somebody else too, another day's actor perhaps, is the business of `KeysSeen`, in the memory of the gateways.

Actors remember the last 50,000 commands at least. A request that is repeated later than that is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

from actors.runtime.memory import SEAL
from events.bus import Bus, Message, Subscription
from events.errors import BusError
from gateway.identity.callers import Caller
from gateway.limits import ID_DIGITS, KEYS_SEEN_MAX, SEAL_DIGITS
from gateway.problems import key_reused


def sealed_id(caller: Caller, key: str, *asked: bytes) -> str:
    """For whom it is asked is a part of the request: a server's key for one visitor is none for another. And of those
    who say nothing of themselves nobody knows which is which: theirs are the same only if the whole request is."""
    seal = digest((caller.session.encode(), *asked))[:SEAL_DIGITS]
    whose = seal if caller.standing == "anonymous" else ""
    known_as = digest((caller.org.encode(), caller.by.encode(), whose.encode(), key.encode()))[:ID_DIGITS]
    return f"{known_as}{SEAL}{seal}"


def digest(parts: Sequence[bytes]) -> str:
    """Of each part with its length before it, so that no two lists of parts read the same."""
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


class KeysSeen:
    """Which request belongs to each of the last idempotency keys, at whichever gateway it came. They tell each other as
    keys come, and nobody waits for that: it is a moment later that another gateway knows. One that has just started
    knows only what came since."""

    def __init__(self, bus: Bus, epoch: str, most: int = KEYS_SEEN_MAX) -> None:
        self._bus: Final = bus
        self._subject: Final = f"gateways.{epoch}.keys"
        """Where gateways of the same log tell each other."""
        self._most: Final = most
        self._seals: Final[dict[str, str]] = {}
        self._untold: list[str] = []
        self._telling: asyncio.Task[None] | None = None

    async def start(self) -> Subscription:
        return await self._bus.subscribe(self._subject, self._hear)

    def note(self, id: str) -> None:
        """`Problem` when another request came under the key."""
        known = self._seals.get(id.partition(SEAL)[0])
        if known is None:
            self._keep(id)
            self._untold.append(id)
            if self._telling is None or self._telling.done():
                self._telling = asyncio.ensure_future(self._tell())
        elif known != id.partition(SEAL)[2]:
            raise key_reused()

    def _keep(self, id: str) -> None:
        known_as, _, seal = id.partition(SEAL)
        self._seals.setdefault(known_as, seal)
        if len(self._seals) > self._most:
            del self._seals[next(iter(self._seals))]

    async def _tell(self) -> None:
        """What has come in one turn of the loop goes as one message."""
        while self._untold:
            ids, self._untold = self._untold, []
            with suppress(BusError):  # as the bus allows: what is lost is known to one gateway less
                await self._bus.publish(self._subject, " ".join(ids).encode())

    def _hear(self, message: Message) -> None:
        for id in message.data.decode("ascii", "replace").split(" "):
            self._keep(id)
