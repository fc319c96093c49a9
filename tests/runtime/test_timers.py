"""An actor that wants to be woken is woken: by this host, by the next one, with a page or without.

The whole of what timers do, alone and in hosts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.decider import TICK
from actors.runtime.horizon import Horizon
from actors.runtime.timers import HEAP_SLACK, Page, Timers, page_name
from actors.runtime.wire import WAKE_HEADER, Accepted
from actors.simulation.clock import VirtualClock
from events.clock import Instant
from events.codec import canonical
from events.commit import GENESIS, encode
from events.errors import LogUnavailable
from events.limits import PARTITIONS
from events.log import Entry, ExpectAt
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.names import partition_of
from tests.support.desk import RULE, SetRule
from tests.support.held import Held
from tests.support.house import House, open_house
from tests.support.tally import KINDS, Add, Rang, Remind, ReminderSet, Total
from tests.support.waiting import until


class Alarm:
    """Timers of all partitions, and when whom they fired."""

    def __init__(self) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop().time)
        self.log = Held(MemoryLog(self.clock))
        self.shelf = MemoryShelf()
        self.fired: list[tuple[str, Instant]] = []
        self.timers = self.new()
        self.timers.keep(range(PARTITIONS))

    def new(self) -> Timers:
        fire = lambda actor, _wake: self.fired.append((actor, self.clock()))  # noqa: E731  # short and named at its use
        return Timers(self.log, self.shelf, self.clock, fire, Horizon(), retry_log_ms=10)

    def note(self, actor: str, wake: Instant | None, sequence: int = 1) -> None:
        self.timers.note(actor, partition_of(actor), sequence, wake)

    async def commit(self, actor: str, wake: Instant | None) -> int:
        """Somebody's commit, of which only the header matters here."""
        last = (await self.log.log.last_of([actor])).get(actor)
        expect = ExpectAt(last.sequence if last else 0)
        headers = {} if wake is None else {WAKE_HEADER: str(wake)}
        body = encode(actor, 0, GENESIS, [])
        entry = Entry(actor, body, expect, f"{actor} {expect.sequence}", headers)
        (sequence,) = await self.log.log.append_each([entry])
        assert isinstance(sequence, int)
        return sequence


A, B, C = "demo.tally.a", "demo.tally.b", "demo.tally.c"


class TestFiring:
    async def test_it_fires_at_the_wake(self) -> None:
        """Not before, in order, and each its own."""
        alarm = Alarm()
        start = alarm.clock()
        alarm.note(B, start + 7_000)
        alarm.note(A, start + 5_000)
        alarm.note(C, start + 9_000)
        await asyncio.sleep(4.999)
        assert alarm.fired == []
        await asyncio.sleep(0.002)
        alarm.note(A, None)
        assert alarm.fired == [(A, start + 5_000)]
        await asyncio.sleep(2)
        alarm.note(B, None)
        alarm.note(C, None)
        await asyncio.sleep(10)
        assert alarm.fired == [(A, start + 5_000), (B, start + 7_000)]

    async def test_an_overdue_wake_fires_at_once(self) -> None:
        """It was learnt late; it is not dropped."""
        alarm = Alarm()
        alarm.note(A, alarm.clock() - 60_000)
        await asyncio.sleep(0.001)
        assert [actor for actor, _ in alarm.fired] == [A]

    async def test_it_fires_again_until_the_wake_has_moved(self) -> None:
        """The first Tick may have met a full mailbox, or a log out of reach."""
        alarm = Alarm()
        alarm.note(A, alarm.clock() + 1_000)
        await asyncio.sleep(3.5)
        assert len(alarm.fired) == 3
        alarm.note(A, None)
        await asyncio.sleep(5)
        assert len(alarm.fired) == 3

    async def test_a_wake_that_moves_fires_only_where_it_is(self) -> None:
        """Earlier or later than it was."""
        alarm = Alarm()
        start = alarm.clock()
        alarm.note(A, start + 5_000)
        alarm.note(A, start + 9_000)
        alarm.note(B, start + 9_000)
        alarm.note(B, start + 2_000)
        await asyncio.sleep(2.5)
        alarm.note(B, None)
        await asyncio.sleep(6)
        assert alarm.fired == [(B, start + 2_000)]
        await asyncio.sleep(1)
        assert alarm.fired[1:] == [(A, start + 9_000)]

    async def test_a_wake_that_goes_and_comes_back_fires_once(self) -> None:
        """However often it was noted."""
        alarm = Alarm()
        wake = alarm.clock() + 2_000
        for _ in range(5):
            alarm.note(A, wake)
            alarm.note(A, wake + 60_000)
            alarm.note(A, None)
        alarm.note(A, wake)
        await asyncio.sleep(2.5)
        assert len(alarm.fired) == 1
        await asyncio.sleep(1)
        assert len(alarm.fired) == 2

    async def test_wakes_that_move_leave_no_litter(self) -> None:
        """A hot actor whose wake changes with every commit costs no more memory than a quiet one."""
        alarm = Alarm()
        far = alarm.clock() + 10_000_000
        alarm.note(B, far)
        for number in range(20_000):
            alarm.note(A, far + number)
        assert len(alarm.timers._heap) <= HEAP_SLACK + 2 * 2 + 1
        assert alarm.timers.counts() == {"timers": 2}
        alarm.note(A, alarm.clock() + 100)
        await asyncio.sleep(0.2)
        assert [actor for actor, _ in alarm.fired] == [A]

    @pytest.mark.parametrize("jump_ms", [3_600_000, 7_000])
    async def test_a_clock_that_jumps_ahead_delays_nothing_by_more_than_a_second(self, jump_ms: int) -> None:
        """What has become due by the jump fires soon after it."""
        alarm = Alarm()
        alarm.note(A, alarm.clock() + 5_000)
        await asyncio.sleep(1.5)
        alarm.clock.jump(jump_ms)
        await asyncio.sleep(1.001)
        assert [actor for actor, _ in alarm.fired] == [A]

    async def test_a_clock_that_jumps_back_delays_by_the_jump(self) -> None:
        """Wakes are instants of the wall clock: it says when."""
        alarm = Alarm()
        wake = alarm.clock() + 5_000
        alarm.note(A, wake)
        await asyncio.sleep(4)
        alarm.clock.jump(-10_000)
        await asyncio.sleep(10.9)
        assert alarm.fired == []
        await asyncio.sleep(0.2)
        assert alarm.fired == [(A, wake)]

    async def test_what_is_not_ours_does_not_fire(self) -> None:
        """A partition that is let go takes its timers along; one that never was ours has none here."""
        alarm = Alarm()
        alarm.note(A, alarm.clock() + 1_000)
        assert alarm.timers.keep([partition for partition in range(PARTITIONS) if partition != partition_of(A)]) == []
        alarm.note(A, alarm.clock() + 1_000)
        await asyncio.sleep(3)
        assert alarm.fired == []
        assert alarm.timers.keep(range(PARTITIONS)) == [partition_of(A)]


class TestLearning:
    async def test_without_a_page_the_whole_log_is_read(self) -> None:
        """The log alone is enough (law 8): the last commit of each actor says."""
        alarm = Alarm()
        start = alarm.clock()
        await alarm.commit(A, start + 1_000)
        await alarm.commit(B, start + 2_000)
        await alarm.commit(C, None)
        await alarm.commit(A, start + 3_000)
        assert await alarm.timers.learn(list(range(PARTITIONS))) == 4
        await asyncio.sleep(3.5)
        assert alarm.fired[0] == (B, start + 2_000)
        assert (A, start + 3_000) in alarm.fired
        assert {actor for actor, _ in alarm.fired} == {A, B}

    async def test_a_page_and_the_log_behind_it_are_enough(self) -> None:
        """What the page holds is not read again, and what came since goes on top."""
        alarm = Alarm()
        start = alarm.clock()
        await alarm.commit(A, start + 60_000)
        await alarm.commit(B, start + 2_000)
        for partition in range(PARTITIONS):
            wakes = {A: start + 1_000, B: start + 1_000, C: start + 4_000}
            mine = {actor: wake for actor, wake in wakes.items() if partition_of(actor) == partition}
            await alarm.shelf.put(page_name(partition), canonical(Page(1, mine)))
        assert await alarm.timers.learn(list(range(PARTITIONS))) == 2
        await asyncio.sleep(4.5)
        first: dict[str, Instant] = {}
        for actor, at in alarm.fired:
            first.setdefault(actor, at - start)
        assert first == {A: 1_000, B: 2_000, C: 4_000}

    @pytest.mark.parametrize("data", [b"", b"junk", b"{}", b"\xff"])
    async def test_a_damaged_page_is_as_good_as_none(self, data: bytes) -> None:
        """Then the log is read from its beginning."""
        alarm = Alarm()
        await alarm.commit(A, alarm.clock() + 1_000)
        await alarm.shelf.put(page_name(partition_of(A)), data)
        await alarm.timers.learn([partition_of(A)])
        assert alarm.timers.counts() == {"timers": 1}

    async def test_what_was_saved_is_learnt(self) -> None:
        """A page that is put on the shelf brings the next owner to the same wakes."""
        alarm = Alarm()
        wakes = {actor: alarm.clock() + 1_000 * n for n, actor in enumerate((A, B, C), 1)}
        for actor, wake in wakes.items():
            await alarm.commit(actor, wake)
        through = await alarm.timers.learn(list(range(PARTITIONS)))
        alarm.note(B, None, 4)
        await alarm.timers.save(through)
        after = alarm.new()
        after.keep(range(PARTITIONS))
        await after.learn(list(range(PARTITIONS)))
        assert after.counts() == {"timers": 2}

    async def test_older_news_does_not_undo_newer(self) -> None:
        """While the log is read, an actor commits: what it wants now counts."""
        alarm = Alarm()
        wake = alarm.clock() + 1_000
        await alarm.commit(A, wake)
        alarm.log.hold("read")
        learning = asyncio.ensure_future(alarm.timers.learn([partition_of(A)]))
        await until(lambda: alarm.log.held["read"])
        alarm.note(A, None, sequence=2)
        alarm.log.release("read")
        await learning
        assert alarm.timers.counts() == {"timers": 0}

    async def test_what_is_still_being_learnt_is_not_claimed(self) -> None:
        """The end of the log was read for another reason before its beginning was: no page says more than is known."""
        alarm = Alarm()
        await alarm.commit(A, alarm.clock() + 60_000)
        end = await alarm.commit(B, None)
        await alarm.timers.scan(1, range(PARTITIONS))
        await alarm.timers.save(end)
        assert await alarm.shelf.get([page_name(partition_of(A))]) == {}

    async def test_what_was_learnt_of_a_partition_that_was_lost_meanwhile_is_not_claimed(self) -> None:
        """It is ours again, and what was noted before went with the loss."""
        alarm = Alarm()
        mine = partition_of(A)
        await alarm.commit(A, alarm.clock() + 60_000)
        alarm.log.hold("read")
        learning = asyncio.ensure_future(alarm.timers.learn([mine]))
        await until(lambda: alarm.log.held["read"])
        alarm.timers.keep([])
        assert alarm.timers.keep([mine]) == [mine]
        alarm.log.release("read")
        through = await learning
        await alarm.timers.save(through)
        assert await alarm.shelf.get([page_name(mine)]) == {}

    async def test_a_log_out_of_reach_is_told(self) -> None:
        """Whoever asked must ask again; nothing is taken for known."""
        alarm = Alarm()
        alarm.log.down = True
        with pytest.raises(LogUnavailable):
            await alarm.timers.learn([partition_of(A)])
        await alarm.timers.save(100)
        assert await alarm.shelf.get([page_name(partition_of(A))]) == {}


async def rang(house: House, actor: str) -> list[Instant]:
    return [fact.instant for fact in await house.facts(actor) if isinstance(fact, Rang)]


async def ringing(house: House, actor: str, within_s: float = 60) -> Instant:
    """When it rang for the first time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not (instants := await rang(house, actor)):
        assert asyncio.get_running_loop().time() < deadline, "it did not ring"
        await asyncio.sleep(0.01)
    return instants[0]


class TestInHosts:
    async def test_a_tick_comes_at_the_wake_and_once(self) -> None:
        """It is a command like any other: decided, recorded under its own id, and not repeated."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            wake = house.clock() + 5_000
            await sender.send(actor, Remind(wake))
            at = await ringing(house, actor)
            assert 0 <= at - wake <= 5
            await asyncio.sleep(10)
            assert await rang(house, actor) == [at]
            assert (await house.ids(actor))[1].startswith("tick-")

    async def test_it_survives_the_host(self) -> None:
        """Whoever takes over wakes it, at its time."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor = house.actor_of(one)
            wake = house.clock() + 10_000
            await sender.send(actor, Remind(wake))
            await house.host("two")
            house.kill(house.owner(actor))
            assert 0 <= await ringing(house, actor) - wake <= 5

    @pytest.mark.parametrize("shelf", ["kept", "lost"])
    async def test_it_survives_all_hosts(self, shelf: str) -> None:
        """With the page and the log's tail behind it, or without any page."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            early, late = house.actors_of(one, 2)
            wake = house.clock() + 20_000
            await sender.send(early, Remind(wake))
            await asyncio.sleep(5)
            await sender.send(late, Remind(wake + 1_000))
            house.kill(one)
            if shelf == "lost":
                house.shelf.clear()
            await asyncio.sleep(2)
            await house.host("two")
            assert 0 <= await ringing(house, early) - wake <= 5
            assert 0 <= await ringing(house, late) - wake - 1_000 <= 5

    async def test_one_that_came_due_while_nobody_was_there_fires_at_once(self) -> None:
        """As soon as a host takes the partition."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor = house.actor_of(one)
            await sender.send(actor, Remind(house.clock() + 3_000))
            house.kill(one)
            await asyncio.sleep(30)
            began = house.clock()
            await house.host("two")
            assert await ringing(house, actor) - began < 1_000

    async def test_what_a_dead_host_stored_at_last_is_found(self) -> None:
        """Its append lands after the take-over: the log is read once more when that is over."""
        async with open_house() as house:
            one, _ = await house.host("one"), await house.host("two")
            actor = house.actor_of(one)
            house.kill(one)
            await until(house.settled)
            await asyncio.sleep(2)
            wake = house.clock() + 500
            await house.commit(actor, ReminderSet(wake))
            log: Any = house.log
            log._recorded[-1].headers[WAKE_HEADER] = str(wake)
            at = await ringing(house, actor, within_s=10)
            assert wake <= at <= wake + 6_000

    async def test_a_wake_that_only_the_state_tells_is_found(self) -> None:
        """A transaction's commit says only: look. Who takes over looks, and knows."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor, other = house.actors_of(one, 2)
            wake = house.clock() + 20_000
            await sender.transact([(actor, Remind(wake)), (other, Add(1))])
            house.kill(one)
            house.shelf.clear()
            two = await house.host("two")
            assert 0 <= await ringing(house, actor) - wake <= 5
            await asyncio.sleep(10)
            assert not await rang(house, other)
            assert two._timers.counts() == {"timers": 0}

    async def test_looking_once_is_enough(self) -> None:
        """A live actor whose last commit was a transaction's isn't ticked for ever after the log is read again."""
        async with open_house() as house:
            one, sender = await house.host("one"), await house.sender()
            actor, other = house.actors_of(one, 2)
            await sender.transact([(actor, Add(1)), (other, Add(1))])
            await asyncio.sleep(1)
            one.heard_again(0)
            await asyncio.sleep(5)
            assert one._timers.counts() == {"timers": 0}
            assert await sender.send(actor, Total()) == Accepted({"total": 1}, 0)

    async def test_ticks_do_not_pile_up(self) -> None:
        """While the log is out of reach, one waits; it is done when the log is back."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            await sender.send(actor, Remind(house.clock() + 1_000))
            house.log_of(host).down = True
            await asyncio.sleep(50)
            assert sum(len(cell.mailbox) for cell in host.cells.values()) <= 2
            house.log_of(host).down = False
            await ringing(house, actor, within_s=5)
            assert len(await rang(house, actor)) == 1

    async def test_a_clients_tick_is_harmless(self) -> None:
        """It says nothing: what isn't due isn't done, and what is due is done once."""
        async with open_house() as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            wake = house.clock() + 5_000
            await sender.send(actor, Remind(wake))
            for _ in range(60):
                await sender.send(actor, TICK)
                await asyncio.sleep(0.1)
            assert len(await rang(house, actor)) == 1
            assert (await rang(house, actor))[0] >= wake

    async def test_a_tick_for_a_kind_without_timers_ends(self) -> None:
        """A header or page from another version of the code says that it wants one: its state doesn't."""
        async with open_house({**KINDS, "rule": RULE}) as house:
            host, sender = await house.host(), await house.sender()
            asked, idle = house.actors_of(host, 2, kind="rule")
            await sender.send(asked, SetRule(2))
            for actor in (asked, idle):
                host._timers.note(actor, partition_of(actor), 1, 5)
            await asyncio.sleep(3)
            assert host._timers.counts() == {"timers": 0}
            assert len(await house.recorded()) == 1
