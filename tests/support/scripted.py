"""Hosts that answer when the test says so, and the sender that they are for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.runtime.limits import BEAT_EVERY_MS, SenderLimits
from actors.runtime.membership import BEATS, Beat, encode_beat, subject_of
from actors.runtime.sender import Sender
from actors.runtime.wire import ENVELOPES, Envelope, encode_refusal
from actors.simulation.clock import VirtualClock
from events.bus import Message
from events.memory.bus import MemoryBus
from tests.support.house import Line
from tests.support.waiting import later

ACTOR = "demo.tally.a"
OK = msgspec.Raw(b'{"total":1}')
MOVED = encode_refusal("moved", "another host owns this actor now", "busy", 0)


@dataclass
class Host:
    """A host that beats, keeps what it gets, and answers when the test says so."""

    bus: MemoryBus
    name: str
    incarnation: str = "i1"
    since: int = 100
    beating: bool = True
    got: list[tuple[Message, list[Envelope]]] = field(default_factory=list)
    answers_at_once: bool = False

    @property
    def beat(self) -> Beat:
        return Beat(self.name, self.incarnation, self.since, 1, [])

    async def start(self) -> Host:
        await self.bus.subscribe(subject_of(self.beat), self.receive)
        asyncio.get_running_loop().create_task(self._beat_for_ever()).set_name("beating")
        return self

    async def _beat_for_ever(self) -> None:
        while True:
            if self.beating:
                await self.bus.publish(BEATS, encode_beat(self.beat))
            await asyncio.sleep(BEAT_EVERY_MS / 1000)

    async def leave(self) -> None:
        self.beating = False
        await self.bus.publish(BEATS, encode_beat(msgspec.structs.replace(self.beat, leaving=True)))

    def receive(self, message: Message) -> None:
        self.got.append((message, ENVELOPES.decode(message.data)))
        if self.answers_at_once:
            later(self.answer(len(self.got) - 1))

    async def answer(self, nth: int, *numbers: int, accepted: bool = True, body: msgspec.Raw = OK) -> None:
        """Answer the calls of the nth message: all, or only these of them."""
        message, envelopes = self.got[nth]
        told = [
            (one.number, accepted, 7 if accepted else 0, body)
            for index, one in enumerate(envelopes)
            if not numbers or index in numbers
        ]
        await self.bus.publish(message.reply, msgspec.json.encode(told))

    def has_got(self, messages: int) -> bool:
        return len(self.got) == messages

    @property
    def ids(self) -> list[list[str]]:
        """The ids of the commands in each message."""
        return [[one.id for one in envelopes] for _, envelopes in self.got]


class Scene:
    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.clock = VirtualClock(asyncio.get_running_loop().time)
        self.line = Line(self.bus)

    async def host(self, name: str = "one", **options: Any) -> Host:
        return await Host(self.bus, name, **options).start()

    async def sender(self, **limits: Any) -> Sender:
        sender = Sender(self.line, self.clock, by="ann", limits=SenderLimits(**limits))
        await sender.start()
        await asyncio.sleep(0.25)
        return sender
