"""A crowd: simulated visitors who join a room, wait, claim, stay for a while and go; or do not come when called.

It is for looking at a room while something happens, and bounded for that. How the visitors behave follows from a seed;
when they are called is the room's decision. One reader of the room's commits knows how all of them stand, and they are
kept alive in bulk, as a gateway would that holds their connections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any, Final

import msgspec

from actors.waiting.asking import Door
from actors.waiting.commands import Claim, Exit, Leave, Present, Prolong
from actors.waiting.room import ROOM_KIND
from events.codec import numbers_of, spelled
from events.errors import UnknownOutcome
from events.names import actor_name
from events.room import (
    LinesHeard,
    PassesExpired,
    PhaseEntered,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from events.waiting.sessions import Ticket, line_actor, room_actor, ticket_of
from tidegate.asking import Asking
from tidegate.refused import Refused
from tidegate.visiting import join, new_key, of_line, of_room

VISITORS_MAX: Final = 10_000
ASKING_AT_ONCE_MAX: Final = 128
REACTS_WITHIN_S: Final = 1.5
"""How long somebody takes at most to notice that they were called."""
LEAVES_WITHIN_S: Final = 10
"""How long an interrupted crowd may take to go."""
PROLONGS_PER_LIFE: Final = 3


class Plan(msgspec.Struct, frozen=True):
    """`rate` is how many arrive in a second, `no_shows` the share that does not come when called, `dwell_s` how long
    somebody stays in, on average."""

    visitors: int
    rate: float
    no_shows: float
    dwell_s: float
    seed: int


class Numbers(msgspec.Struct):
    """How many are where, and what became of the others."""

    arrived: int = 0
    waiting: int = 0
    inside: int = 0
    came_in: int = 0
    done: int = 0
    stayed_away: int = 0
    left: int = 0
    """When the crowd was told to go."""
    lost: int = 0
    """Were over before they were in: removed, missed, the room closed."""
    refused: dict[str, int] = {}


class Crowd:
    """One crowd before one room. `await run()` ends when everybody has gone."""

    def __init__(self, asking: Asking, door: Door, plan: Plan) -> None:
        self._asking: Final = asking
        self._door: Final = door
        self._plan: Final = plan
        self._random: Final = Random(plan.seed)
        self._turns: Final = asyncio.Semaphore(ASKING_AT_ONCE_MAX)
        self._news: Final[dict[str, asyncio.Event]] = {}
        self._stands: Final[dict[str, str]] = {}
        """What the room said last of a ticket, whoever's it is: called, active, over."""
        self._here: Final[dict[str, str]] = {}
        """Tickets of those who are there, with their keys."""
        self._closed = False
        self._refused: Final[Counter[str]] = Counter()
        self._numbers: Final = Numbers()

    @property
    def numbers(self) -> Numbers:
        return msgspec.structs.replace(self._numbers, refused=dict(self._refused))

    async def run(self) -> None:
        after = (await (await self._asking.log()).head()).last
        work = (self._all_visit(), self._read(after), self._stay_alive())
        visits, *others = tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for other in others:  # they have no end; if one has, it says why
                if other.done():
                    await other
            await visits
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def leave(self) -> None:
        """Everybody who is still there goes, as far as there is time."""

        async def go(ticket: str, key: str) -> None:
            async with self._turns:
                try:
                    await of_line(self._asking, Leave(ticket, key))
                except (Refused, UnknownOutcome):
                    return
            self._numbers.left += 1

        try:
            async with asyncio.timeout(LEAVES_WITHIN_S):
                await asyncio.gather(*(go(ticket, key) for ticket, key in list(self._here.items())))
        except TimeoutError:
            return

    # Visitors

    async def _all_visit(self) -> None:
        random, plan = self._random, self._plan
        at = 0.0
        async with asyncio.TaskGroup() as visitors:
            began = asyncio.get_running_loop().time()
            for _ in range(plan.visitors):
                visitors.create_task(self._visit(Random(random.getrandbits(64))))
                at += random.expovariate(plan.rate) if plan.rate else 0.0
                await asyncio.sleep(max(0.0, began + at - asyncio.get_running_loop().time()))

    async def _visit(self, random: Random) -> None:
        numbers, key = self._numbers, new_key()
        numbers.arrived += 1
        try:
            async with self._turns:
                ticket = (await join(self._asking, self._door, key)).ticket
        except Refused as refused:
            self._refused[refused.code] += 1
            return
        except UnknownOutcome:
            self._refused["unknown_outcome"] += 1
            return
        self._here[ticket] = key
        numbers.waiting += 1
        comes = random.random() >= self._plan.no_shows
        try:
            inside = await self._wait_for_pass(ticket, key, random) if comes else await self._stay_away(ticket)
        finally:
            numbers.waiting -= 1
        if inside:
            numbers.came_in += 1
            numbers.inside += 1
            try:
                await self._dwell(ticket, key, random)
            finally:
                numbers.inside -= 1
            numbers.done += 1
        elif comes:
            numbers.lost += 1
        del self._here[ticket]

    async def _stay_away(self, ticket: str) -> bool:
        """Waits with everybody, and closes the browser before the call is seen."""
        stands = await self._until(ticket, {"called", "active", "over"})
        if stands == "over":
            self._numbers.lost += 1
        else:
            self._numbers.stayed_away += 1
        return False

    async def _wait_for_pass(self, ticket: str, key: str, random: Random) -> bool:
        """Whether it came to one."""
        while await self._until(ticket, {"called", "active", "over"}) != "over":
            await asyncio.sleep(random.uniform(0.1, REACTS_WITHIN_S))
            try:
                async with self._turns:
                    seat = (await of_room(self._asking, Claim(ticket, key))).reply
            except (Refused, UnknownOutcome):  # too late, or nobody knows: what the room says next counts
                if self._stands.get(ticket) == "called":
                    self._stands[ticket] = "waiting"
                continue
            if seat["status"] == "active" or await self._until(ticket, {"active", "over"}) == "active":
                return True
        return False

    async def _dwell(self, ticket: str, key: str, random: Random) -> None:
        """In, active, and out again."""
        left_s = self._plan.dwell_s * random.uniform(0.5, 1.5)
        step_s = self._door.settings.active_s / PROLONGS_PER_LIFE
        try:
            while left_s > 0:
                await asyncio.sleep(min(left_s, step_s))
                left_s -= step_s
                async with self._turns:
                    if left_s > 0:
                        await of_room(self._asking, Prolong(ticket, key))
                    else:
                        await of_room(self._asking, Exit(ticket, key))
        except (Refused, UnknownOutcome):
            return  # the pass was over before, or will be by itself

    # What the room says

    async def _until(self, ticket: str, wanted: set[str]) -> str:
        """How the ticket stands, as soon as that is one of these."""
        while (stands := "over" if self._closed else self._stands.get(ticket, "waiting")) not in wanted:
            news = self._news.setdefault(ticket, asyncio.Event())
            news.clear()
            await news.wait()
        return stands

    async def _read(self, after: int) -> None:
        """Everything that the room decides from here on."""
        own = room_actor(self._door.org, self._door.room)
        log = await self._asking.log()
        async for step in log.follow(after, actor_name(self._door.org, "room")):
            for recorded in step:
                if recorded.actor == own:
                    for one in ROOM_KIND.facts.read(recorded.body).decided:
                        for fact in one.facts:
                            self._take(fact)

    def _take(self, fact: Any) -> None:
        match fact:
            case TicketsCalled(tickets=tickets):
                self._stand(tickets, "called")
            case TicketClaimed(ticket):
                self._stand((ticket,), "active")
            case TicketsMissed(again, out):
                self._stand(again, "waiting")
                self._stand(out, "over")
            case PassesExpired(tickets):
                self._stand(tickets, "over")
            case TicketExited(ticket):
                self._stand((ticket,), "over")
            case LinesHeard(heard):
                for one in heard:
                    for text in filter(None, (one.left, one.expired)):
                        self._stand((f"{one.shard}.{number}" for number in numbers_of(text)), "over")
            case PhaseEntered("closed"):
                self._closed = True
                for news in self._news.values():
                    news.set()
            case _:
                return

    def _stand(self, locals_: Iterable[str], how: str) -> None:
        for local in locals_:
            ticket = f"{self._door.room}.{local}"
            self._stands[ticket] = how
            if (news := self._news.get(ticket)) is not None:
                news.set()

    async def _stay_alive(self) -> None:
        """Tell the line who is there, shard by shard."""
        while True:
            await asyncio.sleep(self._door.beat_s)
            numbers: dict[int, list[int]] = {}
            for ticket in self._here:
                found = ticket_of(ticket)
                assert isinstance(found, Ticket)
                numbers.setdefault(found.shard, []).append(found.number)
            for shard, of_shard in numbers.items():
                actor = line_actor(self._door.org, self._door.room, shard)
                try:
                    await self._asking.ask(actor, Present(spelled(of_shard)))
                except (Refused, UnknownOutcome):
                    continue  # the next report may be heard
