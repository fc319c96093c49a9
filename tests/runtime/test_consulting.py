"""Actors that decide by another actor: always by what the log says of it, never by what is long past; and what
heartbeats keep alive costs the log nothing."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from actors.decider import Refusal
from actors.runtime.consulting import CONSULTED_EVERY_MS, CONSULTED_FRESH_MS, NEWS
from actors.runtime.wire import Accepted
from events.errors import UnknownOutcome
from events.log import ExpectAt
from tests.support.desk import BROKEN, KINDS, PERIOD_MS, CameBack, Lend, RuleSet, SetRule, StillWanted
from tests.support.house import House, accepted, open_house
from tests.support.waiting import later, until

RULE = "demo.rule"


async def came_back(house: House, actor: str) -> list[int]:
    return [fact.at for fact in await house.facts(actor) if isinstance(fact, CameBack)]


class TestConsulting:
    async def test_a_decision_names_what_it_was_made_by(self) -> None:
        """Before there is anything to consult, it is made by what stands for nothing."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            assert await sender.send(desk, Lend("a")) == Accepted({"by": 0}, 1)
            assert await sender.send(RULE, SetRule(2)) == Accepted(None, 2)
            await until(lambda: host._consulting._views[RULE].memory.sequence == 2)
            assert await sender.send(desk, Lend("b")) == Accepted({"by": 2}, 3)
            assert isinstance(await sender.send(desk, Lend("c")), Refusal)

    async def test_a_change_is_in_force_on_other_hosts_at_once(self) -> None:
        """News travel; nobody waits for the next look."""
        async with open_house(KINDS) as house:
            one, two = await house.host("one"), await house.host("two")
            sender = await house.sender()
            desks = [house.actors_of(host, 1, kind="desk")[0] for host in (one, two)]
            for desk in desks:
                await sender.send(desk, Lend("a"))
            await sender.send(RULE, SetRule(2))
            await asyncio.sleep(CONSULTED_EVERY_MS / 10_000)
            for desk in desks:
                assert isinstance(await sender.send(desk, Lend("b")), Accepted)

    async def test_lost_news_are_found_in_the_log(self) -> None:
        """Soon, whatever comes."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            await sender.send(desk, Lend("a"))
            house.line_of(host).loses = lambda subject: subject == NEWS
            await sender.send(RULE, SetRule(2))
            assert isinstance(await sender.send(desk, Lend("b")), Refusal)
            await asyncio.sleep(2 * CONSULTED_EVERY_MS / 1000)
            assert isinstance(await sender.send(desk, Lend("b")), Accepted)

    async def test_what_is_long_past_is_not_decided_by(self) -> None:
        """Without the log nobody knows whether the rule still stands: who asks waits until it answers."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            await sender.send(desk, Lend("a"))
            house.log_of(host).hold("read")
            await asyncio.sleep((CONSULTED_FRESH_MS + CONSULTED_EVERY_MS) / 1000)
            call = later(sender.send(desk, StillWanted("a")))
            await asyncio.sleep(1)
            assert not call.done()
            house.log_of(host).release("read")
            assert isinstance(await call, Refusal)

    async def test_who_waits_for_what_cannot_be_told_is_not_kept_for_ever(self) -> None:
        """Its time runs out like anybody's."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            house.log_of(host).down = True
            with pytest.raises(UnknownOutcome):
                await sender.send(desk, Lend("a"), within_ms=1_500)
            house.log_of(host).down = False
            assert isinstance(await sender.send(desk, Lend("a")), Accepted)

    async def test_a_rule_that_nobody_can_read_concerns_its_own_only(self) -> None:
        """A bug in one organisation's history leaves the others' desks open."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            await sender.send(desk, Lend("a"))
            with capture_logs() as logs:
                await house.commit(RULE, RuleSet(BROKEN))
                await asyncio.sleep(2 * CONSULTED_FRESH_MS / 1000)
                with pytest.raises(UnknownOutcome):
                    await sender.send(desk, Lend("b"), within_ms=1_000)
            assert any(line["event"] == "view_failed" for line in logs)
            assert isinstance(await sender.send("other.desk.n1", Lend("a")), Accepted)

    async def test_histories_that_nobody_can_read_keep_no_other_waiting(self) -> None:
        """However many of them there are: each is looked at again after a while, and the others meanwhile."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            await sender.send("sound.desk.n1", Lend("a"))
            for number in range(8):
                await house.store(f"o{number}.rule", b"nonsense", ExpectAt(0))
                with pytest.raises(UnknownOutcome):
                    await sender.send(f"o{number}.desk.n1", Lend("a"), within_ms=50)
            for number in range(20):
                await asyncio.sleep(CONSULTED_EVERY_MS / 1000)
                assert host._consulting._views["sound.rule"].checked_at > asyncio.get_running_loop().time() - 1.1
                async with asyncio.timeout(0.5):
                    assert isinstance(await sender.send(f"sound.desk.m{number}", Lend("a")), Accepted)

    async def test_all_parts_of_a_transaction_decide_by_the_same(self) -> None:
        """One host has heard of the change and the other has not: they agree before anything is stored."""
        async with open_house(KINDS) as house:
            one, two = await house.host("one"), await house.host("two")
            sender = await house.sender()
            desks = [house.actors_of(host, 1, kind="desk")[0] for host in (one, two)]
            for desk in desks:
                await sender.send(desk, Lend("a"))
            for deaf in (one, two):
                house.line_of(deaf).loses = lambda subject: subject == NEWS
                accepted(await sender.send(RULE, SetRule(9)))
                answer = accepted(await sender.transact([(desk, Lend(f"b-{deaf.name}")) for desk in desks]))
                assert len({told["by"] for told in answer.reply.values()}) == 1
                await asyncio.sleep(2 * CONSULTED_EVERY_MS / 1000)


class TestLeases:
    async def test_a_heartbeat_writes_nothing_and_keeps_alive(self) -> None:
        """It comes back one period after the last of them, and no earlier."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            await sender.send(desk, Lend("a"))
            last = 0
            for _ in range(6):
                await asyncio.sleep(PERIOD_MS / 2_000)
                answer = accepted(await sender.send(desk, StillWanted("a")))
                assert answer.sequence == 0
                last = answer.reply
            assert len(await house.recorded(desk)) == 1
            await asyncio.sleep(3 * PERIOD_MS / 1000)
            (at,) = await came_back(house, desk)
            assert last < at < last + 100
            assert isinstance(await sender.send(desk, StillWanted("a")), Refusal)

    async def test_it_comes_back_by_itself_without_heartbeats(self) -> None:
        """At exactly its end it still stands; a moment later it is gone."""
        async with open_house(KINDS) as house:
            host, sender = await house.host(), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            lent_at = house.clock()
            await sender.send(desk, Lend("a"))
            await asyncio.sleep(2 * PERIOD_MS / 1000)
            (at,) = await came_back(house, desk)
            assert lent_at + PERIOD_MS < at < lent_at + PERIOD_MS + 100

    async def test_who_takes_over_gives_a_fresh_period(self) -> None:
        """The last heartbeats went with the host that heard them, so nobody can tell how much was left."""
        async with open_house(KINDS) as house:
            host, sender = await house.host("one"), await house.sender()
            desk = house.actors_of(host, 1, kind="desk")[0]
            await sender.send(desk, Lend("a"))
            for _ in range(4):
                await asyncio.sleep(PERIOD_MS / 2_000)
                await sender.send(desk, StillWanted("a"))
            house.kill(host)
            heir = await house.host("two")
            await until(lambda: desk in heir.cells and heir.cells[desk].memory is not None)
            taken_over_at = house.clock()
            await asyncio.sleep(PERIOD_MS / 2_000)
            assert isinstance(await sender.send(desk, StillWanted("a")), Accepted)
            await asyncio.sleep(3 * PERIOD_MS / 1000)
            (at,) = await came_back(house, desk)
            assert at >= taken_over_at + PERIOD_MS
