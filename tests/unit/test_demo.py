"""The demo organisation: believable, the same every time, and nobody's way is barred by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.booking.asking import for_book, for_booking
from actors.booking.commands import Book, Cancel
from actors.catalog import PutResource
from actors.decider import Refusal
from actors.runtime.in_process import System, in_memory
from actors.waiting.commands import PutRoom
from events.calendar.quantum import DAY_MS, Span
from events.clock import Instant, system_clock
from events.day import Item, Wish
from events.log import EventLog
from events.room import RoomSettings
from projections.answering import Answering
from projections.models import ReadModels
from tidegate.asking import Asking
from tidegate.demo import Filled, NotEmpty, fill, is_wanted
from tidegate.refused import Refused
from tidegate.visiting import at_door, join


@asynccontextmanager
async def organisation(system: System, later_ms: int = 0) -> AsyncIterator[Asking]:
    """As the command line has it: hosts, and read models that answer."""

    async def log() -> EventLog:
        return system.log

    def clock() -> Instant:
        return system_clock() + later_ms

    models = ReadModels(system.log, system.shelf, clock)
    answering = Answering(system.bus, models)
    await models.projector.start()
    folding = asyncio.create_task(models.projector.run())
    await answering.start()
    try:
        yield Asking("mine", system.bus, system.sender, log, clock)
    finally:
        await answering.stop()
        folding.cancel()
        await asyncio.gather(folding, return_exceptions=True)


def weeks() -> Span:
    """As long as the demo has bookings."""
    return Span(system_clock() - DAY_MS, system_clock() + 20 * DAY_MS)


async def test_filled_again_changes_nothing() -> None:
    """The log ends where it ended; a day later, too."""
    async with in_memory() as system, organisation(system) as asking:
        seen: list[tuple[int, int]] = []
        first = await fill(asking, lambda done, of: seen.append((done, of)))
        assert (first.resources, first.event_types, first.rooms) == (4, 4, 1)
        assert first.bookings >= 20
        assert seen[-1][0] == seen[-1][1]
        end = (await system.log.head()).last
        assert await fill(asking) == Filled(4, 4, 1, first.bookings, 0)
        async with organisation(system, DAY_MS) as tomorrow:
            assert (await fill(tomorrow)).new == 0
        assert (await system.log.head()).last == end


async def test_it_has_something_of_everything() -> None:
    """Two zones, a pool that comes along, a production on approval, somebody in line, something cancelled."""
    async with in_memory() as system, organisation(system) as asking:
        filled = await fill(asking)
        catalog = await asking.catalog()
        assert {one.time_zone for one in catalog.schedules.values()} == {"Europe/Berlin", "Europe/Lisbon"}
        assert (catalog.active["mics"].capacity, catalog.active["mics"].standalone) == (4, False)
        found = {one.id: one for resource in catalog.active for one in await asking.bookings(resource, weeks())}
        assert len(found) == filled.bookings
        assert {"confirmed", "pending"} <= {one.status for one in found.values()}
        assert any(item.resource == "mics" for one in found.values() for item in one.wish.items)
        facts = [recorded.body async for recorded in system.log.read()]
        assert sum(b"StandbyJoined" in body for body in facts) == 1


async def test_what_somebody_changed_since_stays_so() -> None:
    """A resource that was made larger, a booking that was cancelled."""
    async with in_memory() as system, organisation(system) as asking:
        await fill(asking)
        south = (await asking.catalog()).active["studio-south"]
        await asking.of_catalog(PutResource("studio-south", south.time_zone, capacity=3))
        listed = await asking.bookings("meeting-room", weeks())
        mine = await asking.booking(next(one.id for one in listed if one.status == "confirmed"))
        await asking.together(for_booking("mine", mine, Cancel(mine.id)))
        assert (await fill(asking)).new == 0
        assert (await asking.catalog()).active["studio-south"].capacity == 3
        assert (await asking.booking(mine.id)).status == "cancelled"


async def test_an_organisation_with_things_of_its_own_is_not_touched() -> None:
    """Not even for a moment."""
    async with in_memory() as system, organisation(system) as asking:
        await asking.of_catalog(PutResource("room", "UTC"))
        await asking.ask("rooms.room.sale", PutRoom(RoomSettings(capacity=1)))
        end = (await system.log.head()).last
        for org in ("mine", "rooms"):
            own = Asking(org, system.bus, system.sender, asking.log, system_clock)
            assert not await is_wanted(own)
            with pytest.raises(NotEmpty):
                await fill(own)
        assert (await system.log.head()).last == end


async def test_the_premiere_is_behind_a_room_that_is_open() -> None:
    """Who would book it is told which one; and its operator's settings stay."""
    async with in_memory() as system, organisation(system) as asking:
        await fill(asking)
        catalog = await asking.catalog()
        door = await at_door(asking, catalog.event_types["premiere"].room)
        assert (await join(asking, door, "a key of a visitor")).new
        wish = Wish("premiere", system_clock() + 10 * DAY_MS, 120, (Item("studio-north"),))
        parts = for_book("mine", catalog.event_types["premiere"], Book("studio-north.2026-12-07.b-1", wish))
        assert not isinstance(parts, Refusal)
        with pytest.raises(Refused, match="waiting room") as refused:
            await asking.together(parts)
        assert (refused.value.code, "join launch" in refused.value.next_step) == ("pass_needed", True)
        await asking.ask("mine.room.launch", PutRoom(RoomSettings(capacity=7)))
        assert (await fill(asking)).new == 0
        assert (await at_door(asking, "launch")).settings.capacity == 7
