"""Actors that move from host to host: nothing is lost, doubled, or answered from what is no longer true."""

from __future__ import annotations

import asyncio

from actors.runtime.membership import BEATS, HELLO
from actors.runtime.wire import Accepted
from tests.support.house import House, accepted, open_house
from tests.support.tally import Add, Added, Total
from tests.support.waiting import later, until


class TestOwnership:
    async def test_what_is_lost_is_let_go_and_put_on_the_shelf(self) -> None:
        """Whoever takes over finds the snapshot; the one who lost it forgets."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actors = house.actors_of(one, 20)
            for actor in actors:
                for _ in range(3):
                    await sender.send(actor, Add(1))
            two = await house.host("two")
            moved = [actor for actor in actors if house.owner(actor) is two]
            assert moved
            assert not set(moved) & set(one.cells)
            await until(lambda: True)
            found = await house.shelf.get(moved)
            assert set(found) == set(moved)
            for actor in actors:
                assert await sender.send(actor, Total()) == Accepted({"total": 3}, 0)

    async def test_those_who_wait_for_a_lost_actor_are_sent_on(self) -> None:
        """Letters in the mailbox of an actor that is let go are told to ask its new owner, and do."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actors = house.actors_of(one, 20)
            house.log_of(one).hold("read")
            calls = [later(sender.send(actor, Add(1), id=f"c-{actor}")) for actor in actors]
            await asyncio.sleep(0.1)
            await house.host("two")
            house.log_of(one).release("read")
            assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*calls))
            for actor in actors:
                assert await house.ids(actor) == [f"c-{actor}"]

    async def test_parts_of_transactions_that_wait_for_a_lost_actor_are_sent_on(self) -> None:
        """Nobody had decided them yet: they are asked for again, where the actor is now."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actors = house.actors_of(one, 20)
            house.log_of(one).hold("read")
            pairs = [(actors[n], actors[n + 1]) for n in range(0, 20, 2)]
            calls = [later(sender.transact([(a, Add(1)), (b, Add(1))], id=f"t-{a}")) for a, b in pairs]
            await asyncio.sleep(0.1)
            await house.host("two")
            house.log_of(one).release("read")
            for answer, (a, b) in zip(await asyncio.gather(*calls), pairs, strict=True):
                assert accepted(answer).reply == {a: {"total": 1}, b: {"total": 1}}
                assert await house.ids(a) == await house.ids(b) == [f"t-{a}"]

    async def test_a_commit_in_flight_while_the_actor_moves_is_answered(self) -> None:
        """It was stored: the asker is told so, and the new owner stands on it."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actors = house.actors_of(one, 20)
            house.log_of(one).hold("append")
            calls = [later(sender.send(actor, Add(1), id=f"c-{actor}")) for actor in actors]
            await until(lambda: house.log_of(one).held["append"])
            two = await house.host("two")
            house.log_of(one).release("append")
            assert all(accepted(answer).reply == {"total": 1} for answer in await asyncio.gather(*calls))
            assert all(house.owner(actor) is one for actor in one.cells)
            for actor in actors:
                assert await house.ids(actor) == [f"c-{actor}"]
            assert two.owned

    async def test_an_actor_that_was_lost_and_regained_is_read_again(self) -> None:
        """Its commit was in flight all the while, so it was never let go; but another host may have written since."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor = house.actor_of(one)
            await sender.send(actor, Add(1))
            house.log_of(one).hold("acknowledge")
            call = later(sender.send(actor, Add(1)))
            await until(lambda: house.log_of(one).held["acknowledge"])
            owned = one.owned
            one.own(frozenset())
            await house.commit(actor, Added(10))
            one.own(owned)
            house.log_of(one).release("acknowledge")
            assert await call == Accepted({"total": 2}, 2)
            assert await sender.send(actor, Total()) == Accepted({"total": 12}, 0)

    async def test_what_landed_late_from_a_lost_host_is_noticed(self) -> None:
        """Its append was on the way when it died and lands after the actor was read in: it is found in the end."""
        async with open_house() as house:
            one, sender, caller = await house.host("one"), await house.sender(), await house.caller()
            actor = house.actor_of(one)
            await sender.send(actor, Add(1))
            house.log_of(one).hold("append")
            await caller.post(one, [caller.envelope(1, actor, Add(10), "late")])
            await until(lambda: house.log_of(one).held["append"])
            house.kill(one)
            await house.host("two")
            assert await sender.send(actor, Total()) == Accepted({"total": 1}, 0)
            house.log_of(one).release("append")
            await until(lambda: house.log_of(one).held["acknowledge"])
            assert (await house.ids(actor))[1:] == ["late"]
            await asyncio.sleep(6)
            assert await sender.send(actor, Total()) == Accepted({"total": 11}, 0)


class TestLeaving:
    async def test_a_host_that_leaves_hands_over_at_once(self) -> None:
        """Nobody waits for its death, and nothing that was begun is lost."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            sender = await house.sender()
            actors = house.actors_of(one, 10)
            for actor in actors:
                for _ in range(3):
                    await sender.send(actor, Add(1))
            began = asyncio.get_running_loop().time()
            house.hosts.remove(one)
            await one.stop()
            assert set(await house.shelf.get(actors)) == set(actors)
            for actor in actors:
                assert await sender.send(actor, Add(1)) == Accepted({"total": 4}, len(await house.recorded()))
            assert asyncio.get_running_loop().time() - began < 0.5
            assert len(two.owned) == 64

    async def test_a_commit_under_way_is_finished_and_answered(self) -> None:
        """Leaving waits for it."""
        async with open_house() as house:
            one, _ = await house.host("one"), await house.host("two")
            sender = await house.sender()
            actor = house.actor_of(one)
            house.log_of(one).hold("acknowledge")
            call = later(sender.send(actor, Add(5), id="once"))
            await until(lambda: house.log_of(one).held["acknowledge"])
            house.hosts.remove(one)
            stopped = later(one.stop())
            await asyncio.sleep(0.3)
            assert not stopped.done()
            house.log_of(one).release("acknowledge")
            await stopped
            assert await call == Accepted({"total": 5}, 1)
            assert await house.ids(actor) == ["once"]

    async def test_nothing_is_under_way_when_the_others_take_over(self) -> None:
        """A commit that lands behind the back of the new owner would make its answers stale."""
        async with open_house() as house:
            one, _ = await house.host("one"), await house.host("two")
            sender, caller = await house.sender(), await house.caller()
            actor = house.actor_of(one)
            await sender.send(actor, Add(1))
            house.log_of(one).hold("append")
            await caller.post(one, [caller.envelope(1, actor, Add(5))])
            await until(lambda: house.log_of(one).held["append"])
            house.hosts.remove(one)
            stopped = later(one.stop())
            asked = later(sender.send(actor, Total()))
            await asyncio.sleep(0.3)
            house.log_of(one).release("append")
            await stopped
            assert caller.answers == [(1, {"total": 6})]
            assert await asked == Accepted({"total": 6}, 0)

    async def test_those_who_wait_are_all_answered(self) -> None:
        """By it, or by the one who takes over."""
        async with open_house() as house:
            one, _ = await house.host("one"), await house.host("two")
            sender = await house.sender()
            actors = house.actors_of(one, 5)
            house.log_of(one).hold("append")
            calls = [later(sender.send(actor, Add(1), id=f"{actor}-{n}")) for actor in actors for n in range(3)]
            await until(lambda: house.log_of(one).held["append"])
            house.hosts.remove(one)
            stopped = later(one.stop())
            await asyncio.sleep(0.1)
            house.log_of(one).release("append")
            await stopped
            assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*calls))
            for actor in actors:
                assert sorted(await house.ids(actor)) == [f"{actor}-{n}" for n in range(3)]

    async def test_a_host_stops_while_the_log_is_out_of_reach(self) -> None:
        """It gives up what it can't finish within its time."""
        house = House()
        host, sender = await house.host(), await house.sender()
        house.log_of(host).down = True
        call = later(sender.send(house.actor_of(host), Add(1)))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await host.stop()
        assert asyncio.get_running_loop().time() - began < 5
        call.cancel()

    async def test_a_stopped_host_owns_nothing_whatever_it_hears(self) -> None:
        """Others come and go meanwhile; it takes no share any more."""
        async with open_house() as house:
            one, _ = await house.host("one"), await house.host("two")
            sender = await house.sender()
            house.log_of(one).hold("append")
            call = later(sender.send(house.actor_of(one), Add(1)))
            await until(lambda: house.log_of(one).held["append"])
            house.line_of(one).loses = lambda subject: subject == BEATS
            house.hosts.remove(one)
            stopped = later(one.stop())
            await asyncio.sleep(0.05)
            await house.bus.publish(HELLO, b"")
            three = await house.host("three")
            await asyncio.sleep(0.3)
            assert one.owned == frozenset()
            house.log_of(one).release("append")
            await stopped
            assert isinstance(await call, Accepted)
            assert three.owned
