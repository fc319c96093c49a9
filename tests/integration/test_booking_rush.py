"""On a real log, with fsync, over two hosts: whoever fights for the same slots, they are given out once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from actors.booking.asking import for_book, id_for
from actors.booking.commands import Book, ShowDay
from actors.catalog import Link, PutEventType, PutResource
from actors.decider import Refusal
from actors.runtime.in_process import System, on_servers
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.calendar.quantum import DAY_MS, date_of, day_start
from events.catalog import EventType
from events.clock import system_clock
from events.day import Item, Wish
from events.nats.reach import Reach
from events.nats.server import NatsServer
from tests.support.house import accepted

ROUNDS = 10
CALLERS = 200
VISIT = EventType("visit", "A visit", durations=(60,))
FIRST_DAY = day_start(date_of(system_clock())) + 2 * DAY_MS


async def book(sender: Sender, wish: Wish, token: str) -> Accepted | Refusal:
    parts = for_book("rush", VISIT, Book(id_for(VISIT, wish, token), wish))
    assert not isinstance(parts, Refusal)
    return await sender.transact(parts, within_ms=30_000)


async def used(sender: Sender, resource: str, start: int) -> list[int]:
    counts: list[int] = accepted(await sender.send(f"rush.day.{resource}.{date_of(start)}", ShowDay())).reply["used"]
    return counts


async def set_up(system: System) -> None:
    for put in (
        PutResource("studio", "UTC"),
        PutResource("room", "UTC", capacity=5),
        PutEventType("visit", "A visit", durations=(60,), interval=15),
        Link("visit", "studio"),
        Link("visit", "room"),
    ):
        accepted(await system.sender.send("rush.catalog", put))


@pytest.fixture
def reach(own_server: NatsServer, tmp_path: Path) -> Reach:
    return Reach(servers=(own_server.url,), monitors=(own_server.monitor,))


async def test_one_slot_has_one_winner_ten_times(reach: Reach) -> None:
    """Two hundred callers in parallel, each slot another fight."""
    async with on_servers(reach, hosts=2) as system:
        await set_up(system)
        for number in range(ROUNDS):
            wish = Wish("visit", FIRST_DAY + number * DAY_MS + 36_000_000, 60, (Item("studio"),))
            answers = await asyncio.gather(*(book(system.sender, wish, f"b-{n}") for n in range(CALLERS)))
            told = Counter(answer.code if isinstance(answer, Refusal) else "won" for answer in answers)
            assert told == {"won": 1, "taken": CALLERS - 1}
            assert sum(await used(system.sender, "studio", wish.start)) == 4


async def test_a_pool_ends_full_and_never_more_ten_times(reach: Reach) -> None:
    """A hundred callers want one to three of five."""
    async with on_servers(reach, hosts=2) as system:
        await set_up(system)
        for number in range(ROUNDS):
            dice, start = Random(number), FIRST_DAY + number * DAY_MS + 36_000_000
            wishes = [Wish("visit", start, 60, (Item("room", dice.randrange(1, 4)),)) for _ in range(100)]
            answers = await asyncio.gather(*(book(system.sender, wish, f"b-{n}") for n, wish in enumerate(wishes)))
            won = [isinstance(answer, Accepted) for answer in answers]
            assert sum(wish.items[0].units for wish, mine in zip(wishes, won, strict=True) if mine) == 5
            assert (await used(system.sender, "room", start))[40:44] == [5] * 4
