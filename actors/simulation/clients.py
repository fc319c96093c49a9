"""Clients: who asks, how often again, and what each was told.

A client has a few hands. Each asks something, waits for the answer, and asks the next thing. An answer that leaves
open whether it was done (unknown, busy, too late) is asked for again with the same command id, as callers are told
to do; and now and then somebody asks again what was answered long ago, by this client or by another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final, Protocol

from actors.decider import AnyDecider, Command, Refusal
from actors.runtime.limits import SenderLimits
from actors.runtime.sender import Sender
from actors.simulation.machine import Machine
from actors.simulation.network import MachineBus
from actors.simulation.record import Call, Part
from actors.simulation.trace import Trace
from events.clock import Instant
from events.errors import UnknownOutcome

WITHIN_MS: Final = (150, 600, 2_000, 8_000)
TRIES_MAX: Final = 4


class Traffic(Protocol):
    """What clients of one domain ask. Everything random comes from the dice."""

    @property
    def kinds(self) -> Mapping[str, AnyDecider]: ...

    @property
    def actors(self) -> Sequence[str]: ...

    def next(self, dice: Random) -> tuple[Part, ...]:
        """What a client might ask next: of one actor, or of several as one transaction."""
        ...

    def probes(self, actor: str) -> Sequence[Command]:
        """What must be accepted of the actor, one after the other, when all is well."""
        ...


class Book:
    """Everything that was ever asked, by anybody."""

    def __init__(self, head: Callable[[], int], now: Callable[[], float], trace: Trace) -> None:
        self.calls: Final[list[Call]] = []
        self.asked: Final[dict[str, tuple[tuple[Part, ...], Instant]]] = {}
        """By command id: what it was, and when it was first asked by its client's clock."""
        self.hands = 0
        """How many still ask, or wait for an answer."""
        self.asking = True
        """Whether anybody still begins to ask something."""
        self.now: Final = now
        self.head: Final = head
        self._trace: Final = trace

    def begin(self, client: str, id: str, parts: tuple[Part, ...], *, is_probe: bool = False) -> Call:
        call = Call(client, id, parts, self.now(), self.head(), is_probe)
        self.calls.append(call)
        self._trace.note("asks", id, *parts, where=client)
        return call

    def end(self, call: Call) -> None:
        call.answered_at, call.answered_head = self.now(), self.head()
        self._trace.note("is told", call.id, call.outcome, call.sequence, call.code, call.reply, where=call.client)


class Client:
    """A machine that asks. `pace` is how many commands a second each hand would ask if answers came at once."""

    def __init__(
        self, machine: Machine, bus: MachineBus, book: Book, traffic: Traffic, limits: SenderLimits, pace: float
    ) -> None:
        self.machine: Final = machine
        self._book: Final = book
        self._traffic: Final = traffic
        self._sender: Final = Sender(bus, machine.clock, by=machine.name, limits=limits)
        self._pace: Final = pace
        self._asked = 0
        self._hands = 0

    def begin(self, hands: int) -> None:
        self._hands = hands
        self._book.hands += hands
        self.machine.loop.create_task(self._live(hands))

    def died(self) -> None:
        """Nobody waits for this client's answers any more."""
        self._book.hands -= self._hands
        self._hands = 0

    async def _live(self, hands: int) -> None:
        await self._sender.start()
        for _ in range(hands):
            self.machine.loop.create_task(self._hand())

    async def _hand(self) -> None:
        dice, book = self.machine.dice, self._book
        while book.asking:
            await self.machine.pause(dice.expovariate(self._pace))
            if book.asked and dice.random() < 0.08:
                id = dice.choice(list(book.asked))
            else:
                self._asked += 1
                id = f"{self.machine.name}-{self._asked}"
                book.asked[id] = (self._traffic.next(dice), self.machine.clock())
            await self._insist(id)
        self._hands -= 1
        book.hands -= 1

    async def _insist(self, id: str) -> None:
        """Ask until it is answered for good, or patience is at its end."""
        dice = self.machine.dice
        for _ in range(TRIES_MAX):
            call = await self.ask(id, *self._book.asked[id], within_ms=dice.choice(WITHIN_MS))
            if call.outcome == "accepted" or (call.outcome == "refused" and call.fault == "caller"):
                return
            if dice.random() < 0.25:
                return
            await self.machine.pause(dice.random() ** 2 * 0.5)

    async def ask(
        self, id: str, parts: tuple[Part, ...], asked_at: Instant, *, within_ms: int, is_probe: bool = False
    ) -> Call:
        call = self._book.begin(self.machine.name, id, parts, is_probe=is_probe)
        (actor, command), *others = parts
        try:
            if others:
                answer = await self._sender.transact(parts, id=id, within_ms=within_ms, asked_at=asked_at)
            else:
                answer = await self._sender.send(actor, command, id=id, within_ms=within_ms, asked_at=asked_at)
        except UnknownOutcome:
            call.outcome = "unknown"
        else:
            if isinstance(answer, Refusal):
                call.outcome, call.code, call.fault, call.reply = "refused", answer.code, answer.fault, answer.detail
            else:
                call.outcome, call.sequence, call.reply = "accepted", answer.sequence, answer.reply
        self._book.end(call)
        return call

    async def probe(self, actors: Sequence[str]) -> None:
        """Ask of every actor what must be accepted."""
        await asyncio.gather(*(self._probe(actor) for actor in actors))

    async def _probe(self, actor: str) -> None:
        for number, command in enumerate(self._traffic.probes(actor)):
            id = f"{self.machine.name}-{actor}-{number}"
            for _ in range(TRIES_MAX):
                call = await self.ask(id, ((actor, command),), self.machine.clock(), within_ms=8_000, is_probe=True)
                if call.code != "busy":
                    break
                await self.machine.pause(0.2)
