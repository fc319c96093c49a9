"""What is around a gateway: the hosts, the read models, the log, and the rooms, as far as it hears of them.

Hosts beat and tell how they fare; projectors beat, behind what they have told; rooms' numbers are told as they change.
How far the log goes is asked every five seconds. Nobody else is asked for anything, so that it costs the same whether
somebody looks (`showing`) or not. Whether we are ready follows from it, and from whether the log answers now.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Generic, NoReturn, TypeVar

import msgspec
import structlog

from actors.runtime import membership, vitals
from actors.runtime.vitals import Vitals
from events.bus import Bus, Message, Subscription
from events.errors import BusError, LogError
from events.limits import PARTITIONS
from events.log import EventLog
from gateway.at_hand import AtHand
from gateway.measuring.limits import (
    HOSTS_HEARD_S,
    HOSTS_MAX,
    LOG_ASKED_MS,
    LOG_FRESH_S,
    LOOK_AT_LOG_S,
    MODELS_HEARD_S,
    PROJECTORS_MAX,
    ROOMS_KEPT_MAX,
)
from projections import publishing
from projections.numbers import RoomNumbers
from projections.publishing import subject_of

log = structlog.get_logger(__name__)

T = TypeVar("T")

_HEADS_KEPT: Final = 720
"""An hour of them: how far back a lag is measured."""


class Part(msgspec.Struct, frozen=True):
    """One thing that has to be right."""

    ready: bool
    detail: str


class Standing(msgspec.Struct, frozen=True):
    """Whether somebody should be sent here, and if not, what is wrong."""

    log: Part
    hosts: Part
    read_models: Part

    @property
    def ready(self) -> bool:
        return self.log.ready and self.hosts.ready and self.read_models.ready


class _Told(msgspec.Struct, frozen=True):
    delta: _Numbers


class _Numbers(msgspec.Struct, frozen=True):
    numbers: RoomNumbers


_BEATS: Final = msgspec.json.Decoder(publishing.Beat)
_NUMBERS: Final = msgspec.json.Decoder(_Told)


class Heard(Generic[T]):
    """What was heard last from each of several, and when. Who was longest silent goes first when there are too many."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._of: Final[dict[str, tuple[float, T]]] = {}

    def hear(self, name: str, said: T) -> None:
        self._of.pop(name, None)
        self._of[name] = (asyncio.get_running_loop().time(), said)
        if len(self._of) > self._most:
            del self._of[next(iter(self._of))]

    def forget(self, name: str) -> None:
        self._of.pop(name, None)

    def within(self, seconds: float) -> dict[str, T]:
        since = asyncio.get_running_loop().time() - seconds
        return {name: said for name, (at, said) in self._of.items() if at >= since}


class Around:
    """`await start()`, and `await stop()`."""

    def __init__(self, bus: Bus, events: EventLog, epoch: str) -> None:
        self._bus: Final = bus
        self._events: Final = events
        self._epoch: Final = epoch
        self.hosts: Final[Heard[membership.Beat]] = Heard(HOSTS_MAX)
        self.vitals: Final[Heard[Vitals]] = Heard(HOSTS_MAX)
        self.models: Final[Heard[publishing.Beat]] = Heard(PROJECTORS_MAX)
        self.rooms: Final[dict[str, RoomNumbers]] = {}
        """By organisation and name; who was longest quiet first."""
        self.heads: Final[deque[tuple[float, int]]] = deque(maxlen=_HEADS_KEPT)
        """Where the log ended, and when that was."""
        self._log: Final[AtHand[str, Part]] = AtHand(1, LOG_FRESH_S)
        self._subscriptions: list[Subscription] = []
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        bus = self._bus
        self._subscriptions = [
            await bus.subscribe(membership.BEATS, self._hear_host),
            await bus.subscribe(vitals.subject_of("*"), self._hear_vitals),
            await bus.subscribe(publishing.BEATS, self._hear_models),
            await bus.subscribe(subject_of("*", "numbers/*"), self._hear_room),
        ]
        await bus.publish(membership.HELLO, b"")
        self._looking = asyncio.get_running_loop().create_task(self._look_at_log())

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for subscription in self._subscriptions:
            await subscription.stop()

    # Hearing

    def _hear_host(self, message: Message) -> None:
        beat = _read(membership.BEAT_DECODER, message)
        if beat is not None and beat.leaving:
            self.hosts.forget(beat.host)
            self.vitals.forget(beat.host)
        elif beat is not None:
            self.hosts.hear(beat.host, beat)

    def _hear_vitals(self, message: Message) -> None:
        told = _read(vitals.VITALS_DECODER, message)
        if told is not None and len(told.commits) == len(vitals.COMMIT_MS) + 1:
            self.vitals.hear(told.host, told)

    def _hear_models(self, message: Message) -> None:
        beat = _read(_BEATS, message)
        if beat is not None and beat.epoch == self._epoch:
            self.models.hear(beat.projector, beat)

    def _hear_room(self, message: Message) -> None:
        told = _read(_NUMBERS, message)
        if told is not None:
            _, org, _, room = message.subject.split(".", 3)
            self.rooms.pop(f"{org}/{room}", None)
            self.rooms[f"{org}/{room}"] = told.delta.numbers
            if len(self.rooms) > ROOMS_KEPT_MAX:
                del self.rooms[next(iter(self.rooms))]

    async def _look_at_log(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self.heads.append((loop.time(), (await self._events.head()).last))
            except (LogError, BusError) as error:  # what is wrong with it, whoever asks whether we are ready is told
                log.debug("log_not_looked_at", code=error.code, detail=str(error))
            await asyncio.sleep(LOOK_AT_LOG_S)

    # Whether we are ready

    async def standing(self) -> Standing:
        return Standing(await self._log_part(), self._hosts_part(), self._models_part())

    async def _log_part(self) -> Part:
        async def ask() -> tuple[Part, int]:
            try:
                async with asyncio.timeout(LOG_ASKED_MS / 1000):
                    head = await self._events.head()
            except TimeoutError:
                return Part(False, f"the log did not answer within {LOG_ASKED_MS} ms"), 0
            except (LogError, BusError) as error:
                return Part(False, f"{error.code}: {error}"), 0
            return Part(True, f"the log ends at {head.last}"), 0

        return (await self._log.get("head", 0, ask))[0]

    def _hosts_part(self) -> Part:
        heard = self.hosts.within(HOSTS_HEARD_S)
        owned = {partition for beat in heard.values() for partition in beat.partitions}
        missing = PARTITIONS - len(owned)
        if missing:
            return Part(False, f"{missing} of {PARTITIONS} partitions have no host; {len(heard)} hosts are heard")
        return Part(True, f"{len(heard)} hosts have all {PARTITIONS} partitions")

    def _models_part(self) -> Part:
        heard = self.models.within(MODELS_HEARD_S)
        if not heard:
            return Part(False, f"no projector was heard for {MODELS_HEARD_S:.0f} s")
        best = max(heard.values(), key=lambda beat: beat.prompt)
        broken = f"; of {', '.join(best.broken)} nothing more is told" if best.broken else ""
        return Part(
            True, f"{len(heard)} projectors; {best.projector} has told everything through {best.prompt}{broken}"
        )


def _read(decoder: msgspec.json.Decoder[T], message: Message) -> T | None:
    """What was said; none when it cannot be read: a newer one of us may say more than we know."""
    try:
        return decoder.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.debug("not_understood", subject=message.subject, detail=str(error))
        return None
