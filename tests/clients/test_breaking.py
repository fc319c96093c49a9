"""The Python client when gateways stop and die, and networks lose things: nothing is missed, nothing is done twice."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from tests.clients.courts import DATE, heard, new_court, owner, start
from tests.clients.stand import Stand, Wire
from tests.support.waiting import until
from tidegate_client import AsyncTidegate, Change, Problem
from tidegate_client.limits import CHANGES_WAITING_MAX

pytestmark = pytest.mark.xdist_group("clients")

SIZES = 600


def sequence(change: Change) -> int:
    """Positions are told apart by it, and not by how they are spelled: 100 comes behind 98."""
    return int(change.position.rpartition(":")[2])


async def test_a_killed_gateway_is_left_for_another_one(stand: Stand) -> None:
    """What is followed goes on where it stood, without a reset, and what happened in between is told."""
    async with owner(stand) as client:
        court = await new_court(client)
        visitor = await client.visitor()
        with stand.gateway() as first:
            async with AsyncTidegate([first.url, stand.url], "demo") as follower, follower.stream() as stream:
                changes = stream.follow(f"day/{court}/{DATE}", f"holds/{court}/{DATE}")
                for _ in range(2):
                    await heard(changes, "snapshot")
                await visitor.hold(court, court, start(4), duration=15)
                stood = await heard(changes, "delta")
                first.kill()
                await visitor.hold(court, court, start(8), duration=15)
                resumed = [await heard(changes, "resumed", "reset", "snapshot") for _ in range(2)]
                assert {change.why for change in resumed} == {"resumed"}
                told = await heard(changes, "delta")
                assert told.state.held >> 8 & 1
                assert told.delta is not None and sequence(told) > sequence(stood)
                assert stream.connections == 2
                assert [one.name for one in (await follower.resources())[:1]]


async def test_a_call_survives_the_gateway_that_it_was_asked_of(stand: Stand) -> None:
    """Asked again of the other one under the same key: done once, and answered."""
    async with owner(stand) as client:
        court = await new_court(client, capacity=50)
        with stand.gateway() as first:
            async with AsyncTidegate([first.url, stand.url], "demo", token=stand.key) as caller:
                async with caller.stream() as stream:
                    await until(lambda: stream.is_connected)
                    booking = [
                        asyncio.create_task(stream.book(court, court, start(slot), duration=15)) for slot in range(40)
                    ]
                    await until(lambda: any(one.done() for one in booking))
                    first.kill()
                    made = [one.booking for one in await asyncio.gather(*booking)]
                known = [one.booking async for one in client.bookings(resource=court)]
                assert sorted(known) == sorted(made)


async def test_an_answer_that_was_lost_is_given_again(stand: Stand) -> None:
    """Over HTTP: the network swallows the answer, and the booking is made once."""
    async with owner(stand) as client, Wire(stand.url) as wire:
        court = await new_court(client)
        async with AsyncTidegate(wire.url, "demo", token=stand.key) as through:
            await through.resources()
            wire.swallows = True
            booking = asyncio.create_task(through.book(court, court, start(40), duration=60))
            await until(lambda: wire.swallowed_bytes > 0)
            wire.cut()
            booked = await booking
            assert [one.booking async for one in client.bookings(resource=court)] == [booked.booking]


async def test_goaway_is_heeded(stand: Stand) -> None:
    """A gateway that is to stop says when to come back; nothing is lost meanwhile."""
    async with owner(stand) as client:
        court = await new_court(client)
        visitor = await client.visitor()
        with stand.gateway() as first:
            async with AsyncTidegate([first.url, stand.url], "demo") as follower, follower.stream() as stream:
                changes = stream.follow(f"holds/{court}/{DATE}")
                await heard(changes, "snapshot")
                first.ask_to_stop()
                await until(lambda: not stream.is_connected, within_s=20)
                await visitor.hold(court, court, start(8), duration=15)
                assert (await heard(changes, "resumed", "reset")).why == "resumed"
                assert (await heard(changes, "delta")).state.held == 1 << 8


async def test_who_does_not_take_what_is_told_misses_nothing_that_counts(stand: Stand) -> None:
    """The reader sleeps through more changes than are kept for it; it is shown how things are, and goes on."""
    async with owner(stand) as client, client.stream() as stream:
        court = await new_court(client)
        topic = f"holds/{court}/{DATE}"
        sleeper, awake = stream.follow(topic), stream.follow(topic)
        await heard(awake, "snapshot")
        for number in range(CHANGES_WAITING_MAX):  # as if that much had been told
            sleeper.hear(Change(topic, "delta", f"0123456789ab:{number}"))
        visitor = await client.visitor()
        for slot in (4, 8):
            await visitor.hold(court, court, start(slot), duration=15)
            await heard(awake, "delta")
        assert (await heard(sleeper, "snapshot")).state == stream.seen(topic)
        await visitor.hold(court, court, start(12), duration=15)
        assert (await heard(sleeper, "delta")).state == (await heard(awake, "delta")).state


async def test_who_reads_too_slowly_holds_up_nobody(stand: Stand) -> None:
    """The network stands still before one of two readers: the other hears everything at once, and the first is shown
    how things are when it moves again, in place of all that came between."""
    async with owner(stand) as client, Wire(stand.url) as wire:
        court = await new_court(client)
        first = dt.date.fromisoformat(DATE)
        topics = [f"day/{court}/{(first + dt.timedelta(days=day)).isoformat()}" for day in range(60)]
        slow = AsyncTidegate(wire.url, "demo")
        async with slow, slow.stream() as stuck, client.stream() as stream:
            held_up, awake = stuck.follow(*topics), stream.follow(*topics)
            for reader in (held_up, awake):
                for _ in topics:
                    await heard(reader, "snapshot")
            wire.goes.clear()
            for capacity in range(2, SIZES):  # each of them is told of each day, and they fill the kernel's buffers
                await client.put_resource(court, time_zone="UTC", capacity=capacity)
            await stream.reached(client.position)
            assert stream.seen(topics[-1]).capacity == SIZES - 1
            wire.goes.set()
            shown = await heard(held_up, "reset")
            assert shown.reset_because == "slow"
            await until(lambda: all(stuck.seen(name) == stream.seen(name) for name in topics), within_s=20)
            assert stuck.connections == 1


async def test_a_lost_connection_is_resumed(stand: Stand) -> None:
    """Cut in the middle, and cut again."""
    async with owner(stand) as client, Wire(stand.url) as wire:
        court = await new_court(client)
        visitor = await client.visitor()
        async with AsyncTidegate(wire.url, "demo") as follower, follower.stream() as stream:
            changes = stream.follow(f"holds/{court}/{DATE}")
            await heard(changes, "snapshot")
            for slot in (4, 8, 12):
                wire.cut()
                await visitor.hold(court, court, start(slot), duration=15)
                assert (await heard(changes, "resumed", "reset")).why == "resumed"
                assert (await heard(changes, "delta")).state.held >> slot & 1


async def test_a_stream_that_is_not_let_in_ends(stand: Stand) -> None:
    """With why, for whoever follows and whoever asks; nobody knocks for ever."""
    async with AsyncTidegate(stand.url, "demo", token="tg.made.up") as client, client.stream() as stream:
        changes = stream.follow("room/launch")
        with pytest.raises(Problem) as refused:
            await heard(changes, "snapshot")
        assert refused.value.status == 401
        with pytest.raises(Problem):
            await stream.join("launch")
