"""A capacity shrinks only below what nobody has reserved, however many reserve at the same time."""

from __future__ import annotations

import asyncio

from actors.booking.asking import for_book, id_for
from actors.booking.commands import Book, ShowDay
from actors.catalog import Link, PutEventType, PutResource, ShowResource
from actors.decider import Refusal
from actors.kinds import KINDS
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.calendar.quantum import DAY_MS, date_of
from events.catalog import EventType
from events.clock import Instant
from events.day import Item, Wish
from gateway.shrinking import Reserved, shrink
from tests.support.house import House, accepted, open_house

VISIT = EventType("visit", "visit", durations=(60,))
NOON_MS = 12 * 3_600_000


async def set_up(house: House) -> tuple[Sender, Instant]:
    await house.host("one")
    await house.host("two")
    sender = await house.sender()
    for put in (PutResource("room", "UTC", capacity=5), PutEventType("visit"), Link("visit", "room")):
        accepted(await sender.send("demo.catalog", put))
    return sender, house.clock() // DAY_MS * DAY_MS + 3 * DAY_MS + NOON_MS


async def book(sender: Sender, start: Instant, units: int, token: str) -> Accepted | Refusal:
    wish = Wish("visit", start, 60, (Item("room", units),))
    parts = for_book("demo", VISIT, Book(id_for(VISIT, wish, token), wish))
    assert not isinstance(parts, Refusal)
    return await sender.transact(parts)


async def capacity(sender: Sender) -> int:
    shown: int = accepted(await sender.send("demo.catalog", ShowResource("room"))).reply["resource"]["capacity"]
    return shown


async def test_it_does_not_shrink_below_what_is_reserved() -> None:
    """The days that stand against it are named, and everything is as it was."""
    async with open_house(KINDS) as house:
        sender, start = await set_up(house)
        accepted(await book(sender, start, 4, "b-1"))
        told: list[str] = []
        answer = await shrink(sender, house.log, house.clock, "demo", "room", 3, told.append)
        assert answer == [Reserved(date_of(start), 4)]
        assert told and await capacity(sender) == 5
        await asyncio.sleep(3)
        assert isinstance(await book(sender, start + DAY_MS, 5, "b-2"), Accepted)


async def test_it_shrinks_to_what_is_enough() -> None:
    """And bookings go by the smaller one."""
    async with open_house(KINDS) as house:
        sender, start = await set_up(house)
        accepted(await book(sender, start, 3, "b-1"))
        assert isinstance(await shrink(sender, house.log, house.clock, "demo", "room", 3, lambda _: None), Accepted)
        assert await capacity(sender) == 3
        refused = await book(sender, start + DAY_MS, 4, "b-2")
        assert isinstance(refused, Refusal) and refused.code == "over_capacity"


async def test_it_never_ends_below_what_somebody_reserved_meanwhile() -> None:
    """They ask at every moment of it; whatever it comes to, no day holds more than is left."""
    async with open_house(KINDS) as house:
        sender, start = await set_up(house)
        shrinking = asyncio.ensure_future(
            shrink(sender, house.log, house.clock, "demo", "room", 3, lambda _: None)
        )  # fmt: skip
        number = 0
        while not shrinking.done():
            number += 1
            await book(sender, start + number % 20 * DAY_MS, 1 + number % 5, f"b-{number}")
            await asyncio.sleep(0.05)
        left = await capacity(sender)
        assert left == (3 if isinstance(await shrinking, Accepted) else 5)
        for day in range(20):
            shown = await sender.send(f"demo.day.room.{date_of(start + day * DAY_MS)}", ShowDay())
            assert max(accepted(shown).reply["used"]) <= left


async def test_what_has_bookings_to_come_is_not_retired() -> None:
    """When they are over, it is."""
    async with open_house(KINDS) as house:
        sender, start = await set_up(house)
        accepted(await book(sender, start, 1, "b-1"))
        assert await shrink(sender, house.log, house.clock, "demo", "room", 0, lambda _: None) == [
            Reserved(date_of(start), 1)
        ]
        later = lambda: start + DAY_MS  # noqa: E731  # the day after, by whoever asks
        assert isinstance(await shrink(sender, house.log, later, "demo", "room", 0, lambda _: None), Accepted)
