"""Traffic: clients that keep asking while the system is being broken, and a record of what each asked and was told.

    async with traffic(reach) as clients:
        await clients.flow(200)             # that many acceptances from now on
        moment = clients.now()
        kill(pid)
        await clients.served_since(moment)  # every actor has done something that was asked behind that moment
        gap_s = max(clients.gaps_s(moment).values())
        await judge(clients, reach)

There are many actors, all of them catalogs, each asked by clients over different connections at a time: to put and to
retire resources, to list them, and to do the impossible. Other clients ask for transactions over two or three of them.
Every command that is put has a content of its own, so that nothing can happen twice without being seen.

A client does what a client should. Told nothing in time, or *busy*, or *not just now*, it asks again with the same id,
until it is told. Some wait for their answers longer than others, so that many outcomes are unknown. And some commands
that were answered long ago are asked again, over another connection: they must get the first answer (law 7).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

from actors.catalog import ListResources, PutResource, RetireResource
from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from actors.simulation.record import Call, Part
from events.clock import system_clock
from events.errors import LogFull, UnknownOutcome
from events.nats.ground import reached
from events.nats.reach import Reach
from tests.support.waiting import until

ACTORS: Final = 24
CONNECTIONS: Final = 3
CLIENTS_PER_ACTOR: Final = 2
TRANSACTORS: Final = 4
RESOURCES: Final = 4
"""How many resources each client has in each catalog."""
PAUSE_S: Final = 0.06
"""Between an answer and the next command of the same client: what makes this traffic, and not a benchmark."""
WITHIN_MS: Final = (500, 1_500, 3_000, 8_000)
"""How long clients wait for an answer before they ask again."""
AGAIN_S: Final = 0.05
SETTLES_WITHIN_S: Final = 40
"""When all is well again, nobody waits longer than this for the answer to what was asked before."""


class Traffic:
    """The clients, and what they remember. Made by `traffic`."""

    def __init__(self, senders: list[Sender], seed: int, actors: int, size: int) -> None:
        self.seed: Final = seed
        self.actors: Final = [f"org-{number}.catalog" for number in range(1, actors + 1)]
        self.calls: Final[list[Call]] = []
        """Everything but questions, in the order of asking."""
        self.listings: Final[list[Call]] = []
        """The questions."""
        self.accepted = 0
        self.asked_at: Final[dict[str, int]] = {}
        """By command id: when it was asked first."""
        self._senders: Final = senders
        self._size: Final = size
        self._over = False
        self._clients: list[asyncio.Task[None]] = []
        self._count = 0

    # What a test asks of it

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    async def flow(self, count: int, *, within_s: float = 30) -> None:
        """Wait for that many acceptances more."""
        enough = self.accepted + count
        await until(lambda: self.accepted >= enough or self._failed(), within_s=within_s, look_every_s=0.005)

    async def served_since(self, moment: float, *, within_s: float = 30) -> None:
        """Wait until every actor has accepted something that it was asked behind that moment."""
        await until(lambda: self._failed() or not self.unserved_since(moment), within_s=within_s, look_every_s=0.005)

    def unserved_since(self, moment: float) -> set[str]:
        served = {
            actor
            for call in (*self.calls, *self.listings)
            if call.outcome == "accepted" and call.asked_at >= moment
            for actor, _ in call.parts
        }
        return set(self.actors) - served

    def gaps_s(self, since: float, through: float = float("inf")) -> dict[str, float]:
        """For each actor, the longest time between two acceptances of it in that span: how long it was out of
        service."""
        points: dict[str, list[float]] = {actor: [since] for actor in self.actors}
        for call in (*self.calls, *self.listings):
            if call.outcome == "accepted" and since <= call.answered_at <= through:
                for actor, _ in call.parts:
                    points[actor].append(call.answered_at)
        end = min(through, self.now())
        gaps: dict[str, float] = {}
        for actor, times in points.items():
            times.sort()
            gaps[actor] = max(later - earlier for earlier, later in zip(times, [*times[1:], end], strict=True))
        return gaps

    def outcomes(self, since: float = 0.0) -> Counter[str]:
        """How often each outcome was told: `accepted`, `unknown`, or the code of a refusal."""
        return Counter(call.code or call.outcome for call in self.calls if call.asked_at >= since)

    async def finish(self) -> None:
        """Nobody begins anything new; whoever waits for an answer goes on asking until it is told. Then every actor is
        asked for one thing more, which it must do."""
        self._over = True
        await asyncio.wait_for(asyncio.gather(*self._clients), SETTLES_WITHIN_S)
        await asyncio.gather(*(self._probe(actor) for actor in self.actors))

    # The clients

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for number, actor in enumerate(self.actors):
            for client in range(CLIENTS_PER_ACTOR):
                name = f"c{number}-{client}"
                self._clients.append(loop.create_task(self._ask_one(name, actor, number + client)))
        for number in range(TRANSACTORS):
            self._clients.append(loop.create_task(self._ask_several(f"t{number}", number)))

    async def end(self) -> None:
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _failed(self) -> bool:
        """Raise what has ended a client, if anything has."""
        for client in self._clients:
            if client.done() and not client.cancelled() and (error := client.exception()) is not None:
                raise error
        return False

    async def _ask_one(self, name: str, actor: str, number: int) -> None:
        """A client of one actor."""
        random = Random(f"{self.seed} {name}")
        sender = self._senders[number % len(self._senders)]
        standing: set[str] = set()
        done: list[Call] = []
        while not self._over:
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
            what = random.random()
            if what < 0.12:
                await self._list(sender, actor, random)
            elif what < 0.15:
                wrong = PutResource(f"{name}-wrong", "UTC", capacity=0)
                await self._settle(sender, ((actor, wrong),), random)
            elif what < 0.25 and standing:
                resource = random.choice(sorted(standing))
                standing.remove(resource)
                self._keep(done, await self._settle(sender, ((actor, RetireResource(resource)),), random))
            elif what < 0.35 and done:
                other = random.choice(self._senders)
                again = random.choice(done)
                await self._settle(other, again.parts, random, id=again.id)
            else:
                resource = f"{name}-{random.randrange(RESOURCES)}"
                if self._keep(done, await self._settle(sender, ((actor, self._put(resource)),), random)):
                    standing.add(resource)

    async def _ask_several(self, name: str, number: int) -> None:
        """A client that wants something of two or three actors at once."""
        random = Random(f"{self.seed} {name}")
        sender = self._senders[number % len(self._senders)]
        done: list[Call] = []
        while not self._over:
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
            if random.random() < 0.1 and done:
                again = random.choice(done)
                await self._settle(random.choice(self._senders), again.parts, random, id=again.id)
                continue
            actors = random.sample(self.actors, random.choice((2, 2, 3)))
            resource = f"{name}-{random.randrange(RESOURCES)}"
            parts = tuple((actor, self._put(resource)) for actor in actors)
            self._keep(done, await self._settle(sender, parts, random))

    @staticmethod
    def _keep(done: list[Call], call: Call) -> bool:
        """Whether it was accepted; then it may be asked again."""
        if call.outcome == "accepted":
            done.append(call)
        return call.outcome == "accepted"

    async def _probe(self, actor: str) -> None:
        id = self._new_id()
        probe = Call("", id, ((actor, self._put("probe")),), self.now(), 0, is_probe=True)
        await self._ask(self._senders[0], probe, WITHIN_MS[-1])

    def _new_id(self) -> str:
        self._count += 1
        id = f"command-{self._count}"
        self.asked_at[id] = system_clock()
        return id

    def _put(self, resource: str) -> PutResource:
        """One of its kind."""
        self._count += 1
        return PutResource(resource, "Europe/Berlin", f"number {self._count}".ljust(self._size, "."), 1 + self._count)

    async def _settle(self, sender: Sender, parts: tuple[Part, ...], random: Random, *, id: str = "") -> Call:
        """Ask, and ask again, until it is done or refused by a rule. Who hears that the log is full may give up."""
        id = id or self._new_id()
        while True:
            call = await self._ask(sender, Call("", id, parts, self.now(), 0), random.choice(WITHIN_MS))
            gives_up = call.code == LogFull.code and random.random() < 0.5
            if call.outcome == "accepted" or call.fault == "caller" or gives_up:
                return call
            await asyncio.sleep(AGAIN_S)

    async def _ask(self, sender: Sender, call: Call, within_ms: int) -> Call:
        self.calls.append(call)
        (actor, command), *_ = call.parts
        asked_at, resent = self.asked_at[call.id], sender.resent
        try:
            if call.is_transaction:
                answer = await sender.transact(call.parts, id=call.id, within_ms=within_ms, asked_at=asked_at)
            else:
                answer = await sender.send(actor, command, id=call.id, within_ms=within_ms, asked_at=asked_at)
        except UnknownOutcome:
            call.outcome = "unknown"
        else:
            self._told(call, answer)
        call.answered_at = self.now()
        call.messages = 1 if sender.resent == resent else 2  # or more: then it may be done after its refusal
        return call

    async def _list(self, sender: Sender, actor: str, random: Random) -> None:
        question = ListResources(retired=True)
        call = Call("", "", ((actor, question),), self.now(), 0)
        self.listings.append(call)
        try:
            self._told(call, await sender.send(actor, question, within_ms=random.choice(WITHIN_MS)))
        except UnknownOutcome:
            call.outcome = "unknown"
        call.answered_at = self.now()

    def _told(self, call: Call, answer: Accepted | Refusal) -> None:
        if isinstance(answer, Refusal):
            call.outcome, call.code, call.fault, call.reply = "refused", answer.code, answer.fault, answer.detail
        else:
            call.outcome, call.reply, call.sequence = "accepted", answer.reply, answer.sequence
            self.accepted += 1


@asynccontextmanager
async def traffic(reach: Reach, *, seed: int = 1, actors: int = ACTORS, size: int = 0) -> AsyncIterator[Traffic]:
    """Traffic on these servers, as long as the block runs; every actor has answered before the block begins. `size` is
    how many characters the name of a resource has at least: what makes commits large."""
    async with AsyncExitStack() as ends:
        senders: list[Sender] = []
        for number in range(1, CONNECTIONS + 1):
            ground = await ends.enter_async_context(reached(reach, name=f"traffic-{number}"))
            sender = Sender(ground.bus, system_clock, by=f"traffic-{number}")
            ends.push_async_callback(sender.stop)
            await sender.start()
            senders.append(sender)
        clients = Traffic(senders, seed, actors, size)
        clients.begin()
        ends.push_async_callback(clients.end)
        await clients.served_since(0.0)
        yield clients
