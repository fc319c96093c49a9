"""The edge: what everything in one gateway process shares. It keeps nothing that could not be asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from actors.runtime.sender import Sender
from actors.waiting.asking import Door
from actors.waiting.commands import ShowRoom
from events.bus import Bus, Message, Subscription
from events.catalog import Catalog
from events.clock import Clock
from events.log import EventLog
from events.room import RoomSettings
from events.waiting.sessions import room_actor
from gateway.at_hand import AtHand
from gateway.idempotency import KeysSeen
from gateway.identity.sessions import Sessions
from gateway.keys import Keys
from gateway.limits import (
    ANSWERS_KEPT_MAX,
    CATALOG_FRESH_S,
    CATALOGS_MAX,
    DOOR_FRESH_S,
    DOORS_MAX,
    DRAW_FRESH_S,
    DRAWS_MAX,
    SEAT_FRESH_S,
    SEATS_MAX,
    SLOTS_FRESH_S,
    SLOTS_RENEWED_S,
)
from gateway.places import Places
from gateway.secret import Secret
from gateway.streams.hub import Hub
from gateway.streams.living import Living
from projections.publishing import subject_of
from projections.questions import CatalogAnswer, CatalogOf

if TYPE_CHECKING:
    from gateway.calls import Call


class Edge:
    def __init__(
        self, bus: Bus, sender: Sender, events: EventLog, epoch: str, keys: Keys, secret: Secret, clock: Clock
    ) -> None:
        self.bus: Final = bus
        self.sender: Final = sender
        self.events: Final = events
        self.keys: Final = keys
        self.secret: Final = secret
        self.clock: Final = clock
        self.epoch: Final = epoch
        """The log by a short name: positions of another one are told apart by it."""
        self.sessions: Final = Sessions(secret)
        self.keys_seen: Final = KeysSeen(bus, epoch)
        self.catalogs: Final = CatalogsAtHand()
        self.doors: Final = DoorsAtHand()
        self.places: Final = Places(bus)
        self.hub: Final = Hub(bus, epoch)
        self.living: Final = Living(sender)
        self.seats: Final[AtHand[tuple[str, str], bool]] = AtHand(SEATS_MAX, SEAT_FRESH_S)
        """Whether a seat still stands whose pass was shown."""
        self.draws: Final[AtHand[Hashable, Any]] = AtHand(DRAWS_MAX, DRAW_FRESH_S)
        """What draws were made of, which never changes."""
        self.drawing: Final = asyncio.Lock()
        """Held by who reads one."""
        self.days: Final[AtHand[Hashable, Everybodys]] = AtHand(ANSWERS_KEPT_MAX, SLOTS_FRESH_S, SLOTS_RENEWED_S)
        self.slots: Final[AtHand[Hashable, bytes]] = AtHand(ANSWERS_KEPT_MAX, SLOTS_FRESH_S)
        """What of days is not the same for everybody, and months."""


class Everybodys(NamedTuple):
    """An answer as it is written, and the sessions whose answer is another one; with None it may be any of them."""

    body: bytes
    apart: frozenset[str] | None

    def is_for(self, session: str) -> bool:
        return not session or (self.apart is not None and session not in self.apart)


class CatalogsAtHand:
    """What there is to book, by organisation. A delta that says it has changed makes it be asked for anew."""

    def __init__(self) -> None:
        self._kept: Final[AtHand[str, CatalogAnswer]] = AtHand(CATALOGS_MAX, CATALOG_FRESH_S)

    async def start(self, bus: Bus) -> Subscription:
        return await bus.subscribe(subject_of("*", "catalog"), self._hear)

    async def of(self, call: Call, at_least: int = 0) -> tuple[Catalog, int]:
        """The catalog, and where it changed last: nobody is to decide by an older one."""

        async def ask(everybodys: Call) -> tuple[CatalogAnswer, int]:
            found: tuple[CatalogAnswer, int] = await everybodys.look_at(CatalogOf(org=call.org))
            return found

        answer, _ = await call.shared(self._kept, call.org, ask, at_least)
        return answer.catalog, answer.sequence

    def forget(self, org: str) -> None:
        self._kept.forget(org)

    def _hear(self, message: Message) -> None:
        self.forget(message.subject.split(".")[1])


class DoorsAtHand:
    """Rooms as they are set. Their actors are asked: whoever joins must not decide by an older room than they saw."""

    def __init__(self) -> None:
        self._kept: Final[AtHand[tuple[str, str], Door]] = AtHand(DOORS_MAX, DOOR_FRESH_S)

    async def at(self, call: Call, room: str) -> Door:
        async def ask(everybodys: Call) -> tuple[Door, int]:
            actor = room_actor(call.org, room)
            last = await call.edge.events.last_of([actor])  # before it is asked: what it says is not older than this
            shown = (await everybodys.hear(actor, ShowRoom())).reply
            settings = msgspec.convert(shown["settings"], RoomSettings)
            sequence = last[actor].sequence if actor in last else 0
            return Door(call.org, room, settings, sequence), sequence

        return (await call.shared(self._kept, (call.org, room), ask))[0]

    def forget(self, org: str, room: str) -> None:
        self._kept.forget((org, room))
