"""The Python client with real gateways: what is done, what is seen, and what may not be."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from tests.clients.courts import DATE, NUMBERS, heard, new_court, owner, start
from tests.clients.stand import Stand
from tests.support.waiting import until
from tidegate_client import AsyncTidegate, Booker, Problem, Run, Tidegate

pytestmark = pytest.mark.xdist_group("clients")


async def test_hold_book_move_cancel(stand: Stand) -> None:
    """Each is seen by whoever reads next, whichever gateway they ask."""
    with stand.gateway() as other:
        async with owner(stand) as client, AsyncTidegate(other.url, "demo") as beside:
            court = await new_court(client)
            visitor = await client.visitor()
            held = await visitor.hold(court, court, start(40), duration=60)
            beside.resume_from(visitor.position)
            slots = {one.start[11:16]: one.state for one in await beside.slots(court, court, DATE, duration=15)}
            assert [slots[clock] for clock in ("09:45", "10:00", "10:45", "11:00")] == ["free", "held", "held", "free"]
            booked = await visitor.book(
                court, court, start(40), duration=60, hold=held.hold, booker=Booker("Ann Lee", "ann@example.org")
            )
            moved = await visitor.reschedule(booked.booking, start(60), manage_token=booked.manage_token)
            assert (booked.status, moved.status, moved.version) == ("confirmed", "confirmed", 1)
            with pytest.raises(Problem) as refused:
                await beside.booking(booked.booking, manage_token="made-up")
            assert (refused.value.code, refused.value.status) == ("wrong_token", 403)
            cancelled = await visitor.cancel(booked.booking, manage_token=booked.manage_token, reason="ill")
            shown = await client.booking(booked.booking)
            assert (cancelled.status, shown.status, shown.reason) == ("cancelled", "cancelled", "ill")
            month = await client.months(court, court, DATE[:7], duration=60)
            assert month[DATE]


async def test_a_hold_is_kept_for_as_long_as_its_block_takes(stand: Stand) -> None:
    """Well beyond its life, and let go of then."""
    async with owner(stand) as client:
        court = await new_court(client)
        visitor, other = await client.visitor(), await client.visitor()
        async with visitor.holding(court, court, start(8), duration=15) as holding:
            first = holding.expires_at
            await until(lambda: holding.expires_at > first, within_s=10)
            await until(lambda: dt.datetime.now(dt.UTC) > dt.datetime.fromisoformat(first), within_s=10)
            with pytest.raises(Problem) as refused:
                await other.hold(court, court, start(8), duration=15)
            assert (refused.value.code, holding.lost) == ("taken", None)
        assert (await other.hold(court, court, start(8), duration=15)).hold


async def test_pages_are_gone_through(stand: Stand) -> None:
    """Everything once, in order."""
    async with owner(stand) as client:
        court = await new_court(client, capacity=2)
        made = [(await client.book(court, court, start(slot), duration=15)).booking for slot in range(0, 36, 4)]
        assert [one.booking async for one in client.bookings(resource=court, limit=4)] == made
        assert len((await client.bookings_page(resource=court, limit=4)).bookings) == 4


async def test_keys_and_webhooks_are_managed(stand: Stand) -> None:
    """By whoever may."""
    async with owner(stand) as client:
        key = await client.issue_key("viewer", name="A board", scopes=["slots.read"])
        async with AsyncTidegate(stand.url, "demo", token=key.key) as viewer:
            with pytest.raises(Problem) as refused:
                await viewer.keys()
            assert refused.value.code == "not_permitted"
        assert key.id in {one.id for one in (await client.keys()).keys}
        await client.revoke_key(key.id)
        assert key.id not in {one.id for one in (await client.keys()).keys}
        put = await client.put_webhook("shop", "https://shop.example.com/hooks", events=["booking.*"])
        assert put.secret is not None and put.secret.startswith("whsec_")
        assert [one.id for one in await client.webhooks()] == ["shop"]
        assert (await client.disable_webhook("shop", why="later")).active is False
        assert (await client.remove_webhook("shop")).id == "shop"


async def test_a_view_shows_what_others_do(stand: Stand) -> None:
    """Day and holds, put together, as they change."""
    async with owner(stand) as client, client.stream() as stream:
        court = await new_court(client)
        visitor = await client.visitor()
        async with stream.day(court, DATE) as day:
            held = await visitor.hold(court, court, start(40), duration=60)
            await stream.reached(visitor.position)
            assert [(one.first, one.end, one.use) for one in day.runs()] == [
                (0, 40, "free"), (40, 44, "held"), (44, 96, "free"),
            ]  # fmt: skip
            assert day.visit(38, 41) == ("held", 0)
            assert day.slots(own=[Run(40, 44)])[41].use == "free"
            await visitor.book(court, court, start(40), duration=60, hold=held.hold)
            await stream.reached(visitor.position)
            assert day.slots()[41].use == "full"
        async with stream.month(court, DATE[:7]) as month:
            assert month.busy()[DATE] == 0xF << 40


async def test_a_guess_is_shown_at_once_and_never_twice(stand: Stand) -> None:
    """Of a pool, the units that are taken only ever go up by one; and go back when it is refused."""
    async with owner(stand) as client:
        court = await new_court(client, capacity=3)
        visitor = await client.visitor()
        async with visitor.stream() as stream, stream.day(court, DATE) as day:
            seen: list[int] = []

            async def look() -> None:
                async for now in day:
                    seen.append(now.slots()[40].units)  # it has no end

            looking = asyncio.create_task(look())
            for _ in range(3):
                await day.attempt(stream.book.ask(court, court, start(40), duration=15), takes=Run(40, 41))
                await stream.reached(visitor.position)
            assert day.slots()[40].units == 0
            with pytest.raises(Problem, match="over_capacity"):
                await day.attempt(stream.book.ask(court, court, start(60), duration=60, units=9), takes=Run(60, 64, 9))
            assert day.slots()[60].units == 3
            looking.cancel()
            assert {0, 1, 2} <= set(seen) <= {0, 1, 2, 3}
            assert seen == sorted(seen, reverse=True)


async def test_what_may_not_be_followed_is_a_problem(stand: Stand) -> None:
    """Of that topic alone."""
    async with AsyncTidegate(stand.url, "demo") as nobody, nobody.stream() as stream:
        with pytest.raises(Problem) as refused:
            await heard(stream.follow("numbers/launch"), "snapshot")
        assert refused.value.status in {401, 403}
        assert (await heard(stream.follow("room/launch"), "snapshot")).state.phase == "open"


async def test_a_booking_is_followed_by_its_token(stand: Stand) -> None:
    """By whoever has it, and may not see the others."""
    async with owner(stand) as client:
        court = await new_court(client)
        visitor = await client.visitor()
        booked = await visitor.book(court, court, start(40), duration=60)
        async with AsyncTidegate(stand.url, "demo") as nobody, nobody.stream() as stream:
            changes = stream.follow(f"booking/{booked.booking}", token=booked.manage_token)
            assert (await heard(changes, "snapshot")).state.status == "confirmed"
            await visitor.cancel(booked.booking, manage_token=booked.manage_token)
            assert (await heard(changes, "delta")).state.status == "cancelled"


def test_the_client_that_blocks_does_the_same(stand: Stand) -> None:
    """Hold, book, follow, wait and claim, from an ordinary program."""
    with Tidegate(stand.url, "demo", token=stand.key) as client:
        client.put_resource("blocking", time_zone="UTC")
        client.put_event_type("blocking", durations=[15], interval=15, hold_seconds=2, resources=["blocking"])
        visitor = client.visitor()
        with client.stream() as stream, stream.day("blocking", DATE) as day:
            with visitor.holding("blocking", "blocking", start(4)) as holding:
                stream.reached(visitor.position)
                assert day.now.slots()[4].use == "held"
                visitor.book("blocking", "blocking", start(4), hold=holding.hold)
            stream.reached(visitor.position)
            assert day.now.slots()[4].use == "full"
            day.attempt(stream.book.ask("blocking", "blocking", start(8)), takes=Run(8, 9))
            assert day.now.slots()[8].use == "full"
            stream.reached(client.position)
            with stream.follow(f"day/blocking/{DATE}") as changes:
                assert next(changes).state == day.now.day
        assert len(list(client.bookings(resource="blocking", limit=1))) == 2
        room = f"room-{next(NUMBERS)}"
        client.put_room(room, capacity=1)
        client.step_room(room, "open")
        ticket = visitor.stand_in_line(room)
        assert visitor.wait(ticket.ticket).state == "called"
        assert visitor.claim(ticket.ticket).status == "active"
