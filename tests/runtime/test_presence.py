"""A host among the others: what it takes, when it is sure, and when it holds still."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.runtime.host import Host
from actors.runtime.limits import BEAT_EVERY_MS, DEAD_AFTER_MS, SURE_FOR_MS
from actors.runtime.membership import BEAT_DECODER, BEATS, Beat, encode_beat
from actors.runtime.placement import owners
from actors.runtime.wire import Accepted
from events.errors import BusError
from events.limits import PARTITIONS
from tests.support.house import House, open_house
from tests.support.tally import Add, Added, Total
from tests.support.waiting import until

ALL = frozenset(range(PARTITIONS))


def sure(host: Host) -> bool:
    return host._presence.sure()


def beats_of(house: House, host: Host) -> list[Beat]:
    return [BEAT_DECODER.decode(one.data) for one in house.line_of(host).published if one.subject == BEATS]


class TestShares:
    async def test_a_host_alone_owns_everything(self) -> None:
        """Soon after it started."""
        async with open_house() as house:
            began = asyncio.get_running_loop().time()
            host = await house.host()
            assert host.owned == ALL
            assert asyncio.get_running_loop().time() - began < 0.2

    async def test_hosts_share_as_placement_says(self) -> None:
        """Each takes its own, and nothing is taken twice."""
        async with open_house() as house:
            hosts = [await house.host(name) for name in ("one", "two", "three")]
            for host in hosts:
                expected = enumerate(owners(["one", "two", "three"]))
                assert host.owned == {partition for partition, owner in expected if owner == host.name}

    async def test_a_dead_hosts_share_is_taken_over(self) -> None:
        """Within a second and a little of its last beat, and only its share moves."""
        async with open_house() as house:
            one, two, three = [await house.host(name) for name in ("one", "two", "three")]
            before = two.owned, three.owned
            house.kill(one)
            began = asyncio.get_running_loop().time()
            await until(house.settled)
            assert asyncio.get_running_loop().time() - began <= (DEAD_AFTER_MS + 2 * BEAT_EVERY_MS) / 1000
            assert before[0] < two.owned and before[1] < three.owned

    async def test_a_host_that_comes_back_gets_its_share_back(self) -> None:
        """It was only cut off: the same host, the same share."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            before = one.owned
            house.line_of(one).cut = True
            await until(lambda: two.owned == ALL)
            house.line_of(one).cut = False
            await until(house.settled)
            assert one.owned == before

    async def test_commands_find_a_host_by_the_partition_too(self) -> None:
        """Whoever knows no host sends to the partition, and exactly the owner takes it."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            caller = await house.caller()
            for number, host in enumerate((one, two)):
                actor = house.actor_of(host)
                await caller.post_to_partition(actor, [caller.envelope(number, actor, Add(1))])
            await until(lambda: len(caller.answers) == 2)
            assert caller.answers == [(0, {"total": 1}), (1, {"total": 1})]

    async def test_a_beat_says_who_it_is_and_how_it_does(self) -> None:
        """Name, incarnation, share and counts; numbered upward; five a second."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            await sender.send(house.actor_of(host), Add(1))
            await asyncio.sleep(1)
            beats = beats_of(house, host)
            assert [beat.number for beat in beats] == list(range(1, len(beats) + 1))
            assert (beats[-1].host, beats[-1].incarnation, len(beats[-1].partitions)) == ("one", "i1", PARTITIONS)
            assert beats[-1].counts["commits"] == 1
            assert beats[-1].log_end == 1
            house.line_of(host).published.clear()
            await asyncio.sleep(2)
            assert len(beats_of(house, host)) == 2_000 // BEAT_EVERY_MS


class TestSureness:
    async def test_a_host_is_sure_while_its_beats_come_back(self) -> None:
        """And stops being so a bounded time after the last that it sent and heard."""
        async with open_house() as house:
            host = await house.host()
            for _ in range(50):
                assert sure(host)
                await asyncio.sleep(0.1)
            house.line_of(host).loses = lambda subject: subject == BEATS
            await asyncio.sleep((SURE_FOR_MS + BEAT_EVERY_MS) / 1000)
            assert not sure(host)

    async def test_two_lost_beats_do_no_harm(self) -> None:
        """A host stays sure over a hiccup of the bus."""
        async with open_house() as house:
            host = await house.host()
            await asyncio.sleep(1)
            lost = 0

            def lose_two(subject: str) -> bool:
                nonlocal lost
                lost += subject == BEATS
                return subject == BEATS and lost <= 2

            era = host.era
            house.line_of(host).loses = lose_two
            for _ in range(200):
                await asyncio.sleep(0.01)
                assert sure(host)
            assert host.era == era

    async def test_without_being_sure_no_turn_is_taken(self) -> None:
        """Questions too wait: the others may have taken over."""
        async with open_house() as house:
            host, caller = await house.host(), await house.caller()
            actor = house.actor_of(host)
            await caller.post(host, [caller.envelope(1, actor, Add(1))])
            await until(lambda: caller.answers)
            house.line_of(host).loses = lambda subject: subject == BEATS
            await until(lambda: not sure(host))
            await caller.post(host, [caller.envelope(2, actor, Add(1)), caller.envelope(3, actor, Total())])
            await asyncio.sleep(1)
            assert len(caller.answers) == 1
            house.line_of(host).loses = lambda _: False
            await until(lambda: len(caller.answers) == 3)
            assert caller.answers[1:] == [(2, {"total": 2}), (3, {"total": 2})]

    async def test_after_a_lapse_every_actor_is_checked(self) -> None:
        """Others may have acted in its place: what they wrote is known before the next answer."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            await sender.send(actor, Add(1))
            era = host.era
            house.line_of(host).cut = True
            await asyncio.sleep(2)
            await house.commit(actor, Added(10))
            house.line_of(host).cut = False
            await until(lambda: sure(host))
            assert host.era > era
            assert await sender.send(actor, Total()) == Accepted({"total": 11}, 0)

    async def test_a_beat_that_comes_back_too_late_makes_nobody_sure(self) -> None:
        """What counts is when it was sent: the others may have given up on us meanwhile."""
        async with open_house() as house:
            host = await house.host()
            house.line_of(host).delays_s = lambda subject: 2.0 if subject == BEATS else 0.0
            await asyncio.sleep(1)
            assert not sure(host)
            await asyncio.sleep(5)
            assert not sure(host)

    async def test_a_bus_that_refuses_is_waited_for(self) -> None:
        """The host holds still, and goes on when its beats get through again."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            line = house.line_of(host)
            publish = line.publish

            async def refuses(*_: Any, **__: Any) -> None:
                raise BusError("not now")

            line.publish = refuses  # type: ignore[method-assign]
            await asyncio.sleep(2)
            assert not sure(host)
            line.publish = publish  # type: ignore[method-assign]
            assert await sender.send(house.actor_of(host), Add(1)) == Accepted({"total": 1}, 1)

    async def test_a_stalled_host_commits_nothing_behind_its_successors_back(self) -> None:
        """It comes back believing that all is as it was; its fence, and its doubt, say otherwise (law 6)."""
        async with open_house() as house:
            one, two = await house.host("one"), await house.host("two")
            sender, caller = await house.sender(), await house.caller()
            actor = house.actor_of(one)
            await sender.send(actor, Add(1))
            house.line_of(one).cut = True
            await until(lambda: two.owned == ALL)
            assert await sender.send(actor, Add(10)) == Accepted({"total": 11}, 2)
            house.line_of(one).cut = False
            await caller.post(one, [caller.envelope(1, actor, Add(100))])
            await until(lambda: caller.answers)
            answer = dict(caller.answers)[1]
            assert answer in ({"total": 111}, "moved")
            total = 111 if answer != "moved" else 11
            assert await sender.send(actor, Total()) == Accepted({"total": total}, 0)


class TestSupersession:
    async def test_a_host_that_was_replaced_steps_down(self) -> None:
        """Another process has its name and started later: it owns nothing any more, whatever it hears."""
        async with open_house() as house:
            old, _ = await house.host("one", incarnation="i1"), await house.host("two")
            share = old.owned
            await asyncio.sleep(0.5)
            house.lines[old].cut = True
            new = await house.host("one", incarnation="i2")
            house.lines[old].cut = False
            await until(lambda: old.superseded)
            assert old.owned == frozenset()
            assert new.owned == share
            await asyncio.sleep(3)
            assert old.owned == frozenset()
            assert not sure(old)
            assert not new.superseded
            house.hosts.remove(old)
            await old.stop()
            await asyncio.sleep(0.5)
            assert new.owned == share

    async def test_the_replaced_answers_that_it_has_moved(self) -> None:
        """Who still asks it is sent on."""
        async with open_house() as house:
            old, caller = await house.host("one", incarnation="i1"), await house.caller()
            await asyncio.sleep(0.5)
            await house.host("one", incarnation="i2")
            await until(lambda: old.superseded)
            name = "host.one.i1.commands"
            await caller.post_to(name, [caller.envelope(1, "demo.tally.a", Add(1))])
            await until(lambda: caller.answers)
            assert caller.answers == [(1, "moved")]
            house.hosts.remove(old)
            await old.stop()

    @pytest.mark.parametrize("incarnation", ["i0", "i1"])
    async def test_a_zombies_beat_moves_nobody(self, incarnation: str) -> None:
        """A beat of an older incarnation, or an echo of its own, changes nothing for the one that lives."""
        async with open_house() as house:
            host = await house.host("one", incarnation="i1")
            beat = beats_of(house, host)[0]
            old = Beat("one", incarnation, beat.since - (incarnation == "i0"), 999, [])
            await house.bus.publish(BEATS, encode_beat(old))
            await asyncio.sleep(0.5)
            assert not host.superseded
            assert host.owned == ALL
            assert sure(host)


async def test_beats_that_come_twice_and_out_of_order_do_no_harm() -> None:
    """The bus may do that."""
    async with open_house() as house:
        hosts = [await house.host(name) for name in ("one", "two")]
        numbers = iter(range(10_000))
        for host in hosts:
            house.line_of(host).doubles = lambda subject: subject == BEATS
            house.line_of(host).delays_s = lambda subject: (next(numbers) % 3) * 0.15 if subject == BEATS else 0.0
        shares = [host.owned for host in hosts]
        for _ in range(100):
            await asyncio.sleep(0.1)
            assert [host.owned for host in hosts] == shares
            assert all(sure(host) for host in hosts)
