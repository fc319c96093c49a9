"""A system in one loop: hosts and senders over one log, one bus and one shelf, each of them on a line of its own.

    house = House()
    one, two = await house.host("one"), await house.host("two")
    sender = await house.sender()
    await sender.send(house.actor_of(one), Add(5))
    house.kill(one)             # from here on nothing comes from it and nothing reaches it
    house.line_of(two).cut = True

Meant for virtual time (`actors.simulation.loop`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import msgspec

from actors.decider import AnyDecider, Command, Refusal
from actors.runtime.host import Host
from actors.runtime.limits import HostLimits, SenderLimits
from actors.runtime.membership import subject_of
from actors.runtime.sender import Sender
from actors.runtime.wire import ANSWERS, REFUSALS, Accepted, Answer, encode_command, partition_subject
from actors.simulation.clock import VirtualClock
from events.bus import Handler, Message, Subscription, ask
from events.commit import GENESIS, Decided, encode, hash_of
from events.facts import Fact
from events.log import Entry, ExpectAt, Recorded
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.names import partition_of
from tests.support.held import Held
from tests.support.tally import KINDS
from tests.support.waiting import until


def accepted(answer: Accepted | Refusal) -> Accepted:
    """The answer, which is no refusal."""
    assert isinstance(answer, Accepted), answer
    return answer


class Line:
    """One party's line to a shared bus. `loses` and `doubles` are asked about each message that it publishes."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus: Final = bus
        self.cut = False
        """Nothing goes out and nothing comes in, and nobody is told."""
        self.loses: Callable[[str], bool] = lambda _subject: False
        self.doubles: Callable[[str], bool] = lambda _subject: False
        self.delays_s: Callable[[str], float] = lambda _subject: 0.0
        self.published: Final[list[Message]] = []

    async def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.published.append(Message(subject, data, reply, headers or {}))
        if self.cut or self.loses(subject):
            return
        for _ in range(2 if self.doubles(subject) else 1):
            if (delay_s := self.delays_s(subject)) > 0:
                loop = asyncio.get_running_loop()
                loop.call_later(delay_s, self._publish_later, subject, data, reply, headers)
            else:
                await self._bus.publish(subject, data, reply, headers)

    def _publish_later(self, subject: str, data: bytes, reply: str, headers: Mapping[str, str] | None) -> None:
        asyncio.ensure_future(self._bus.publish(subject, data, reply, headers))  # noqa: RUF006  # it never waits

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        def hear(message: Message) -> None:
            if not self.cut:
                handler(message)

        return await self._bus.subscribe(subject, hear, queue)

    async def request(
        self, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
    ) -> Message:
        return await ask(self, subject, data, timeout_ms, headers)

    def new_inbox(self) -> str:
        return self._bus.new_inbox()


class Caller:
    """Posts messages of commands as they are, right or wrong, and keeps all answers in the order of their coming."""

    def __init__(self, house: House) -> None:
        self._bus: Final = house.bus
        self._clock: Final = house.clock
        self._inbox: Final = house.bus.new_inbox()
        self.messages: Final[list[list[Answer]]] = []
        self._posted = 0

    async def listen(self) -> Caller:
        await self._bus.subscribe(
            f"{self._inbox}.*", lambda message: self.messages.append(ANSWERS.decode(message.data))
        )
        return self

    @property
    def answers(self) -> list[tuple[int, Any]]:
        """The number of each command that was answered, with its reply, or the code of its refusal."""
        return [
            (answer.number, msgspec.json.decode(answer.body) if answer.accepted else REFUSALS.decode(answer.body).code)
            for message in self.messages
            for answer in message
        ]

    def envelope(
        self, number: int, actor: str, command: Command, id: str = "", *, by: str = "ann", within_ms: int = 5_000,
        asked_at: int | None = None, also: list[tuple[str, Command]] | None = None,
    ) -> list[Any]:  # fmt: skip
        body = msgspec.Raw(encode_command(command))
        at = self._clock() if asked_at is None else asked_at
        envelope: list[Any] = [number, actor, id or f"c-{number}", by, at, within_ms, body]
        if also:
            envelope.append([(part, msgspec.Raw(encode_command(command))) for part, command in also])
        return envelope

    async def post(self, host: Host, envelopes: list[list[Any]] | bytes) -> None:
        """One message to one host, at its own door."""
        await self.post_to(subject_of(host.roll.beats[host.name]), envelopes)

    async def post_to_partition(self, actor: str, envelopes: list[list[Any]]) -> None:
        """One message to whoever owns the actor."""
        await self.post_to(partition_subject(partition_of(actor)), envelopes)

    async def post_to(self, subject: str, envelopes: list[list[Any]] | bytes) -> None:
        data = envelopes if isinstance(envelopes, bytes) else msgspec.json.encode(envelopes)
        self._posted += 1
        await self._bus.publish(subject, data, f"{self._inbox}.{self._posted}")


class House:
    def __init__(self, kinds: Mapping[str, AnyDecider] = KINDS, **limits: Any) -> None:
        self.clock: Final = VirtualClock(asyncio.get_running_loop().time)
        self.log: Final = MemoryLog(self.clock)
        self.bus: Final = MemoryBus()
        self.shelf: Final = MemoryShelf()
        self.kinds: Final = kinds
        self.limits: Final = HostLimits(**limits)
        self.hosts: Final[list[Host]] = []
        self.senders: Final[list[Sender]] = []
        self.lines: Final[dict[Host | Sender, Line]] = {}
        self.logs: Final[dict[Host, Held]] = {}

    # Who is in it

    async def host(self, name: str = "one", *, incarnation: str = "i1", clock: Any = None, **limits: Any) -> Host:
        """A host that has started and taken its share."""
        line, log = Line(self.bus), Held(self.log)
        host = Host(
            name, events=log, bus=line, shelf=self.shelf, clock=clock or self.clock, kinds=self.kinds,
            incarnation=incarnation, limits=replace(self.limits, **limits),
        )  # fmt: skip
        self.hosts.append(host)
        self.lines[host], self.logs[host] = line, log
        await host.start()
        await until(lambda: host.owned and self.settled())
        return host

    async def sender(self, limits: SenderLimits | None = None, *, clock: Any = None, by: str = "ann") -> Sender:
        """A sender that knows the hosts."""
        line = Line(self.bus)
        sender = Sender(line, clock or self.clock, by=by, limits=limits)
        self.senders.append(sender)
        self.lines[sender] = line
        await sender.start()
        await until(lambda: len(sender.roll.beats) >= len(self.living()))
        return sender

    async def caller(self) -> Caller:
        return await Caller(self).listen()

    def living(self) -> list[Host]:
        return [host for host in self.hosts if not self.lines[host].cut]

    def settled(self) -> bool:
        """Whether every partition is some living host's, and nobody else's."""
        owned = sorted(partition for host in self.living() for partition in host.owned)
        return owned == list(range(64))

    def line_of(self, party: Host | Sender) -> Line:
        return self.lines[party]

    def log_of(self, host: Host) -> Held:
        return self.logs[host]

    def kill(self, host: Host) -> None:
        """Whatever it still believes: nothing comes from it any more. Appends that have left it are on their way."""
        self.lines[host].cut = True
        for gate in self.logs[host].held:
            self.logs[host].hold(gate)

    async def stop(self) -> None:
        for sender in self.senders:
            await sender.stop()
        for host in self.living():
            await host.stop()

    # Who lives where

    def owner(self, actor: str) -> Host:
        (owner,) = [host for host in self.living() if partition_of(actor) in host.owned]
        return owner

    def actor_of(self, host: Host, nth: int = 0, *, kind: str = "tally") -> str:
        """The nth actor's name that falls to this host as things are now."""
        return self.actors_of(host, nth + 1, kind=kind)[nth]

    def actors_of(self, host: Host, count: int, *, kind: str = "tally") -> list[str]:
        names: list[str] = []
        number = 0
        while len(names) < count:
            number += 1
            name = f"demo.{kind}.n{number}" if self.kinds[kind].parts else f"n{number}.{kind}"
            if partition_of(name) in host.owned:
                names.append(name)
        return names

    # What the log says

    async def recorded(self, actor: str = "") -> list[Recorded]:
        return [one async for one in self.log.read() if not actor or one.actor == actor]

    async def facts(self, actor: str) -> list[Any]:
        """All facts of an actor, in order."""
        reader = self.kinds[actor.split(".")[1]].facts
        return [
            fact
            for recorded in await self.recorded(actor)
            for one in reader.read(recorded.body).decided
            for fact in one.facts
        ]

    async def commit(self, actor: str, *facts: Fact, command_id: str = "theirs") -> Recorded:
        """Somebody else commits, in the right way."""
        last = (await self.log.last_of([actor])).get(actor)
        head, sequence = (hash_of(last.body), last.sequence) if last is not None else (GENESIS, 0)
        one: Decided[Any] = Decided(command_id, "them", self.clock(), facts, msgspec.Raw(b'"theirs"'))
        return await self.store(actor, encode(actor, self.clock(), head, [one]), ExpectAt(sequence))

    async def store(self, actor: str, body: bytes, expect: ExpectAt, **headers: str) -> Recorded:
        """Whatever body, whether right or wrong."""
        (sequence,) = await self.log.append_each([Entry(actor, body, expect, hash_of(body), headers)])
        assert isinstance(sequence, int), sequence
        recorded = await self.log.at(sequence)
        assert recorded is not None
        return recorded

    async def ids(self, actor: str) -> list[str]:
        """The ids of all commands that were decided for an actor, in order."""
        reader = self.kinds[actor.split(".")[1]].facts
        return [one.id for recorded in await self.recorded(actor) for one in reader.read(recorded.body).decided]


@asynccontextmanager
async def open_house(kinds: Mapping[str, AnyDecider] = KINDS, **limits: Any) -> AsyncIterator[House]:
    """A house that is left in order at the end, with no task of any host having failed."""
    house = House(kinds, **limits)
    yield house
    await house.stop()
    failed = {host.name: host.tasks.failed for host in house.hosts if host.tasks.failed}
    assert not failed, f"tasks failed: {failed}"
