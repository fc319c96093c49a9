"""The Python client in the lines of waiting rooms: places, calls, draws, and work."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest

from tests.clients.courts import NUMBERS, new_room, owner
from tests.clients.stand import Stand
from tests.support.waiting import until
from tidegate_client import PlaceView, Problem

pytestmark = pytest.mark.xdist_group("clients")


async def test_everybody_knows_how_many_are_ahead(stand: Stand) -> None:
    """Exactly, as those before them are called and leave; and a ticket is waited for until it is called."""
    async with owner(stand) as client:
        room = await new_room(client, capacity=1, claim_s=60, absent_after_s=60)
        visitors = [await client.visitor() for _ in range(4)]
        tickets = [await visitor.stand_in_line(room) for visitor in visitors]
        first = await visitors[0].wait(tickets[0].ticket)
        assert first.state == "called"
        seat = await visitors[0].claim(tickets[0].ticket)
        assert (seat.status, bool(seat.pass_)) == ("active", True)
        async with visitors[3].stream() as stream, stream.place(tickets[3]) as place:
            await until(lambda: place.ahead == 2)
            await visitors[1].leave(tickets[1].ticket)
            await until(lambda: place.ahead == 1)
            waiting = asyncio.create_task(visitors[2].wait(tickets[2].ticket))
            await visitors[0].leave(tickets[0].ticket)
            assert (await waiting).state == "called"
            await until(lambda: place.ahead == 0)
            assert place.state == "waiting"


async def test_a_place_is_known_as_soon_as_it_was_drawn(stand: Stand) -> None:
    """Nobody has one before; then everybody has another, and knows who is ahead."""
    async with owner(stand) as client:
        room, secret = f"room-{next(NUMBERS)}", "a secret that was kept"
        commitment = sha256(secret.encode()).hexdigest()
        await client.put_room(room, draw=True, per_minute=1, straight_through=False, commitment=commitment)
        await client.step_room(room, "start")
        visitors = [await client.visitor() for _ in range(4)]
        tickets = [await visitor.stand_in_line(room) for visitor in visitors]
        assert {(one.state, one.place) for one in tickets} == {("drawing", None)}
        async with client.stream() as stream:
            places = [await stream.place(one).begun() for one in tickets]
            watching = [asyncio.create_task(_placed(place)) for place in places]
            assert [place.ahead for place in places] == [None] * 4
            await client.draw(room, secret)
            await asyncio.gather(*watching)
            assert sorted(place.ahead for place in places if place.ahead is not None) == [0, 1, 2, 3]


async def _placed(place: PlaceView) -> None:
    async for now in place:
        if now.ahead is not None:
            return


async def test_waiting_ends_when_the_room_closes(stand: Stand) -> None:
    """Nobody is told so one by one, and nobody waits on."""
    async with owner(stand) as client:
        room = await new_room(client, capacity=1)
        visitors = [await client.visitor() for _ in range(2)]
        tickets = [await visitor.join(room) for visitor in visitors]
        await visitors[0].wait(tickets[0].ticket)
        waiting = asyncio.create_task(visitors[1].wait(tickets[1].ticket))
        async with client.stream() as stream, stream.room(room):
            await client.step_room(room, "close")
            with pytest.raises(Problem, match="ticket_over"):
                await waiting


async def test_work_is_done_where_a_room_asks_for_it(stand: Stand) -> None:
    """For the visitor, or for who they are, where the room goes by that."""
    async with owner(stand) as client:
        for settings in ({}, {"one_per_identity": True}):
            room = await new_room(client, per_minute=60, work_bits=6, **settings)
            visitor = await client.visitor()
            with pytest.raises(Problem, match="work_needed"):
                await visitor.join(room, identity="ann@example.org")
            ticket = await visitor.stand_in_line(room, identity="ann@example.org")
            assert ticket.new
            assert (await visitor.ticket(ticket.ticket)).state in {"waiting", "called"}


async def test_whoever_joins_may_leave_an_address(stand: Stand) -> None:
    """Over HTTP and over a socket, with work to do or without; what is none is refused. It comes back in no answer."""
    async with owner(stand) as client:
        room = await new_room(client, per_minute=60, work_bits=6, near_ahead=3)
        one, other = await client.visitor(), await client.visitor()
        with pytest.raises(Problem, match="bad_email"):
            await one.stand_in_line(room, email="ann")
        ticket = await one.stand_in_line(room, email="ann@example.org")
        assert ticket.new and "ann@" not in str(ticket) + str(await one.ticket(ticket.ticket))
        room = await new_room(client, per_minute=60)
        async with other.stream() as stream:
            with pytest.raises(Problem, match="bad_email"):
                await stream.join(room, email="bob")
            assert (await stream.join(room, email="bob@example.org")).new
