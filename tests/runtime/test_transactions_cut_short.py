"""Transactions whose coordinator or participants die, stall, move or leave: never by half, and no waiting for ever."""

from __future__ import annotations

import asyncio

from actors.runtime.wire import Accepted
from events.errors import LogUnavailable, UnknownOutcome
from tests.support.house import open_house
from tests.support.pairs import closed, lose_news, totals, two_hosts
from tests.support.tally import Add, Rang, Remind, Total
from tests.support.waiting import later, until

LEASE_S = 3.0


class TestDeaths:
    async def test_a_coordinator_that_dies_leaves_its_participants_waiting_for_no_longer_than_the_lease(self) -> None:
        """Nothing was stored: they ask the log and go on."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender, caller = await house.sender(), await house.caller()
            await sender.send(b, Add(5))
            house.log_of(one).hold("append")
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Add(1))])])
            await until(lambda: closed(two, b))
            house.kill(one)
            began = asyncio.get_running_loop().time()
            assert await sender.send(b, Total()) == Accepted({"total": 5}, 0)
            assert asyncio.get_running_loop().time() - began < LEASE_S + 0.5
            assert await totals(house, a, b) == [0, 5]

    async def test_what_it_stored_before_it_died_stands(self) -> None:
        """The participant was never told; the log tells it."""
        async with open_house() as house:
            one, _, a, b = await two_hosts(house)
            sender, caller = await house.sender(), await house.caller()
            await sender.send(b, Add(5))
            house.log_of(one).hold("acknowledge")
            await caller.post(one, [caller.envelope(1, a, Add(1), "once", also=[(b, Add(1))])])
            await until(lambda: house.log_of(one).held["acknowledge"])
            house.kill(one)
            assert await sender.send(b, Total()) == Accepted({"total": 6}, 0)
            answer = await sender.transact([(a, Add(1)), (b, Add(1))], id="once")
            assert isinstance(answer, Accepted)
            assert answer.reply == {a: {"total": 1}, b: {"total": 6}}
            assert await totals(house, a, b) == [1, 6]

    async def test_a_wake_that_it_stored_is_not_lost(self) -> None:
        """Nobody asks the participant for anything; it is woken all the same."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            caller = await house.caller()
            wake = house.clock() + 10_000
            house.log_of(one).hold("acknowledge")
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Remind(wake))])])
            await until(lambda: house.log_of(one).held["acknowledge"])
            house.kill(one)
            await asyncio.sleep(11)
            assert any(isinstance(fact, Rang) for fact in await house.facts(b))
            assert two.owned

    async def test_one_that_outlives_the_lease_is_stopped_by_the_fence(self) -> None:
        """The participant has gone on meanwhile; the coordinator tries anew, and nothing is done twice or by half."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender, caller = await house.sender(), await house.caller()
            house.log_of(one).hold("append")
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Add(1))], within_ms=20_000)])
            await until(lambda: closed(two, b))
            assert await sender.send(b, Add(10)) == Accepted({"total": 10}, 1)
            house.log_of(one).release("append")
            await until(lambda: caller.answers)
            assert caller.answers == [(1, {a: {"total": 1}, b: {"total": 11}})]
            assert await totals(house, a, b) == [1, 11]

    async def test_one_that_outlives_the_lease_may_still_commit(self) -> None:
        """Nobody came in between, so it stands; and the participant, whose lease has run out, learns of it."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender, caller = await house.sender(), await house.caller()
            await asyncio.sleep(7)
            house.log_of(one).hold("append")
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Remind(house.clock() + 10_000))])])
            await until(lambda: closed(two, b))
            assert await sender.send(b, Total()) == Accepted({"total": 0}, 0)
            await asyncio.sleep(1)
            house.log_of(one).release("append")
            await until(lambda: caller.answers)
            assert caller.answers == [(1, {a: {"total": 1}, b: None})]
            await asyncio.sleep(8)
            assert any(isinstance(fact, Rang) for fact in await house.facts(b))

    async def test_a_try_that_is_in_doubt_is_not_called_busy_by_the_next(self) -> None:
        """One of the actors cannot be asked just now; what the first try stored may yet show."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            caller, log = await house.caller(), house.log_of(one)
            log.hold("append")
            log.fail(UnknownOutcome())
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Add(1))], within_ms=900)])
            await until(lambda: log.held["append"])
            house.line_of(two).cut = True
            log.release("append")
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "unknown_outcome")]

    async def test_a_log_that_takes_nothing_is_busy_not_unknown(self) -> None:
        """It said that nothing was stored: whoever asks may ask again, or leave it."""
        async with open_house(retry_log_ms=200) as house:
            one, _, a, b = await two_hosts(house)
            caller = await house.caller()
            for _ in range(20):
                house.log_of(one).fail(LogUnavailable())
            await caller.post(one, [caller.envelope(1, a, Add(1), also=[(b, Add(1))], within_ms=500)])
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "busy")]
            assert len(house.log_of(one).appends) <= 3

    async def test_a_participant_that_dies_is_no_reason_to_wait_for_ever(self) -> None:
        """Its host doesn't answer: busy, or done by its successor; never by half."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender = await house.sender()
            await sender.send(b, Add(5))
            house.kill(two)
            answer = await sender.transact([(a, Add(1)), (b, Add(1))])
            assert await totals(house, a, b) == ([1, 6] if isinstance(answer, Accepted) else [0, 5])
            await until(lambda: len(one.owned) == 64)
            answer = await sender.transact([(a, Add(1)), (b, Add(1))], id="later")
            assert isinstance(answer, Accepted)

    async def test_a_participant_whose_news_are_lost_asks_the_log(self) -> None:
        """It was neither told that it landed nor that it didn't."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender = await house.sender()
            lose_news(house, one, two)
            answer = await sender.transact([(a, Add(1)), (b, Add(1))])
            assert isinstance(answer, Accepted)
            assert closed(two, b)
            assert await sender.send(b, Total()) == Accepted({"total": 1}, 0)

    async def test_a_participant_whose_news_are_lost_wakes_all_the_same(self) -> None:
        """Nobody asks it for anything, and yet it looks what became of its part."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender = await house.sender()
            await asyncio.sleep(7)
            lose_news(house, one, two)
            answer = await sender.transact([(a, Add(1)), (b, Remind(house.clock() + 5_000))])
            assert isinstance(answer, Accepted)
            await asyncio.sleep(6)
            assert any(isinstance(fact, Rang) for fact in await house.facts(b))

    async def test_news_that_come_twice_are_heard_once(self) -> None:
        """Requests too: the bus may double everything."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender = await house.sender()
            for host in (one, two):
                house.line_of(host).doubles = lambda _subject: True
            for number in range(1, 6):
                answer = await sender.transact([(a, Add(1)), (b, Add(1))])
                assert isinstance(answer, Accepted), answer
                assert answer.reply == {a: {"total": number}, b: {"total": number}}
            assert await totals(house, a, b) == [5, 5]

    async def test_a_host_that_stops_finishes_its_transactions(self) -> None:
        """Or leaves them to be asked for again; never by half."""
        async with open_house() as house:
            one, two, a, b = await two_hosts(house)
            sender = await house.sender()
            house.log_of(one).hold("append")
            call = later(sender.transact([(a, Add(1)), (b, Add(1))], id="once"))
            await until(lambda: closed(two, b))
            house.hosts.remove(one)
            stopped = later(one.stop())
            await asyncio.sleep(0.2)
            house.log_of(one).release("append")
            await stopped
            assert isinstance(await call, Accepted)
            assert await totals(house, a, b) == [1, 1]
            assert await house.ids(a) == await house.ids(b) == ["once"]

    async def test_an_actor_that_moves_while_it_is_promised_is_not_lost(self) -> None:
        """A new host takes it over: the fence decides who commits, and the answer is true."""
        async with open_house() as house:
            one, _, a, b = await two_hosts(house)
            sender = await house.sender()
            house.log_of(one).hold("append")
            call = later(sender.transact([(a, Add(1)), (b, Add(1))], id="once"))
            await until(lambda: closed(one, a))
            three = await house.host("three")
            assert three.owned
            house.log_of(one).release("append")
            assert isinstance(await call, Accepted)
            assert await totals(house, a, b) == [1, 1]
            for actor in (a, b):
                assert await sender.send(actor, Add(1)) == Accepted({"total": 2}, len(await house.recorded()))
