"""Who is put on the shelf, and who leaves the host's memory: what keeps activation cheap and memory bounded."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest

from actors.runtime import host as host_module
from actors.runtime.cell import Cell
from actors.runtime.host import Host
from actors.runtime.memory import Memory
from actors.runtime.wire import Accepted
from events import limits as ground
from tests.support.house import House, open_house
from tests.support.tally import TALLY, Add, Puff, Remind, Tally, Total
from tests.support.waiting import later, until


async def shelved(house: House, actor: str) -> Tally | None:
    """The state that stands on the shelf."""
    data = (await house.shelf.get([actor])).get(actor)
    memory = None if data is None else Memory.from_snapshot(TALLY, actor, 100, data)
    return None if memory is None else memory.state


class TestSnapshots:
    async def test_who_was_quiet_is_put_on_the_shelf(self) -> None:
        """Not while it goes on committing; soon after it stopped."""
        async with open_house(snapshot_when_quiet_ms=500, sweep_every_ms=100) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(20):
                await sender.send(actor, Add(1))
                await asyncio.sleep(0.2)
            assert await shelved(house, actor) is None
            await asyncio.sleep(0.6)
            assert await shelved(house, actor) == Tally(20)

    async def test_who_only_asks_is_not_put_there_again(self) -> None:
        """Questions change nothing."""
        async with open_house(snapshot_when_quiet_ms=500, sweep_every_ms=100) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(3):
                await sender.send(actor, Add(1))
            await asyncio.sleep(1)
            house.shelf.clear()
            for _ in range(10):
                await sender.send(actor, Total())
                await asyncio.sleep(0.2)
            assert await shelved(house, actor) is None

    async def test_who_is_never_quiet_is_put_there_by_size(self) -> None:
        """When its commits since the last snapshot outgrow a bound: a replay is never long."""
        async with open_house(snapshot_when_quiet_ms=60_000, snapshot_bytes_min=5_000) as house:
            host, sender = await house.host(), await house.sender()
            actors = house.actors_of(host, 8)
            for number in range(1, 13):
                await asyncio.gather(*(sender.send(actor, Puff(1_000)) for actor in actors))
                for actor in actors:
                    state = await shelved(house, actor)
                    assert (0 if state is None else state.puffs) == number // 4 * 4

    async def test_a_large_one_waits_until_its_host_has_time(self) -> None:
        """Writing it would hold up those who are at work; small ones are written meanwhile."""
        limits: dict[str, Any] = {"snapshot_bytes_when_busy_max": 5_000, "snapshots_per_sweep_when_busy": 1}
        async with open_house(snapshot_when_quiet_ms=500, sweep_every_ms=100, **limits) as house:
            host, sender = await house.host(), await house.sender()
            large, small, *others = house.actors_of(host, 6)
            for _ in range(3):
                await asyncio.gather(sender.send(large, Puff(3_000)), sender.send(small, Puff(10)))
            for _ in range(40):
                await asyncio.gather(*(sender.send(actor, Add(1)) for actor in others))
                await asyncio.sleep(0.05)
            assert await shelved(house, small) is not None
            assert await shelved(house, large) is None
            await asyncio.sleep(1)
            assert await shelved(house, large) is not None

    async def test_a_snapshot_is_of_an_acknowledged_commit(self) -> None:
        """While one is in flight, the actor's state is not true yet, and none is taken."""
        async with open_house(snapshot_when_quiet_ms=500, sweep_every_ms=100) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(3):
                await sender.send(actor, Add(1))
            house.log_of(host).hold("acknowledge")
            call = later(sender.send(actor, Add(1), within_ms=10_000))
            await asyncio.sleep(3)
            assert await shelved(house, actor) is None
            house.log_of(host).release("acknowledge")
            await call
            await asyncio.sleep(1)
            assert await shelved(house, actor) == Tally(4)

    async def test_a_state_that_is_too_large_is_replayed_instead(self) -> None:
        """The shelf doesn't take it; the actor works all the same."""
        big = replace(TALLY, initial=lambda _: Tally(rang=[1] * ground.SHELF_ITEM_BYTES_MAX))
        async with open_house({"tally": big}, snapshot_when_quiet_ms=200, sweep_every_ms=100) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(3):
                await sender.send(actor, Add(1))
            await asyncio.sleep(1)
            assert await shelved(house, actor) is None
            assert host._shelving.too_large == 1
            assert await sender.send(actor, Total()) == Accepted({"total": 3}, 0)

    async def test_a_state_that_cannot_be_written_harms_nobody(self) -> None:
        """A decider's bug: its actors are replayed from the log, and the others are put on the shelf as ever."""

        class Unwritable(Tally):
            thing: Any = None

        def initial(actor: str) -> Tally:
            return Unwritable(thing=object()) if actor.endswith("n1") else Tally()

        flawed: Any = replace(TALLY, initial=initial, state=Tally)
        limits = {"snapshot_when_quiet_ms": 200, "sweep_every_ms": 100, "snapshot_bytes_min": 1_000}
        async with open_house({"tally": flawed}, **limits) as house:
            host, sender = await house.host(), await house.sender()
            bad, good = house.actors_of(host, 2)
            assert bad.endswith("n1")
            for number in range(5):
                answers = await asyncio.gather(*(sender.send(actor, Puff(400)) for actor in (bad, good)))
                assert [answer.sequence for answer in answers if isinstance(answer, Accepted)] == [
                    2 * number + 1,
                    2 * number + 2,
                ]
            await asyncio.sleep(1)
            assert await shelved(house, bad) is None
            assert await shelved(house, good) == Tally(puffs=5)

    async def test_a_shelf_that_fails_costs_nothing_but_itself(self) -> None:
        """It is a cache: the host goes on without."""

        async def fails(name: str, data: bytes) -> bool:
            return False

        async with open_house(snapshot_when_quiet_ms=200, sweep_every_ms=100) as house:
            house.shelf.put = fails  # type: ignore[method-assign]
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(3):
                await sender.send(actor, Add(1))
            await asyncio.sleep(2)
            assert await sender.send(actor, Add(1)) == Accepted({"total": 4}, 4)
            assert host.counts()["snapshots"] == 0


def cells() -> list[Cell]:
    """Of all hosts in this process, as far as anybody holds on to them."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, Cell)]


class TestPassivation:
    LIMITS: dict[str, Any] = {"passivate_after_ms": 2_000, "snapshot_when_quiet_ms": 500, "sweep_every_ms": 100}  # noqa: RUF012

    async def settled(self, host: Host) -> None:
        await until(lambda: not host.cells, within_s=10)

    async def test_who_is_idle_leaves(self) -> None:
        """It is on the shelf by then, and comes back as it was, at the cost of one look-up."""
        async with open_house(**self.LIMITS) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(3):
                await sender.send(actor, Add(1))
            await asyncio.sleep(1.5)
            assert actor in host.cells
            await self.settled(host)
            assert await sender.send(actor, Total()) == Accepted({"total": 3}, 0)
            assert house.log_of(host).replayed == []

    async def test_nothing_is_kept_of_those_who_left(self) -> None:
        """However many they are, and however little each of them did: it is no longer in anybody's hands."""
        others = cells()  # of tests before this one, whose failures may still be told
        async with open_house(**self.LIMITS, snapshots_per_sweep_when_busy=1) as house:
            host, sender = await house.host(), await house.sender()
            for actor in house.actors_of(host, 60):
                await sender.send(actor, Add(1))
            assert len(cells()) > len(others)
            await self.settled(host)
            assert [one for one in cells() if not any(one is other for other in others)] == []

    async def test_who_is_asked_stays(self) -> None:
        """Every question counts."""
        async with open_house(**self.LIMITS) as house:
            host, sender = await house.host(), await house.sender()
            busy, idle = house.actors_of(host, 2)
            await sender.send(idle, Add(1))
            for _ in range(10):
                await sender.send(busy, Total())
                await asyncio.sleep(1)
            assert list(host.cells) == [busy]

    async def test_who_waits_for_the_log_stays(self) -> None:
        """However long its commit takes, it isn't idle."""
        async with open_house(**self.LIMITS) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            house.log_of(host).hold("acknowledge")
            call = later(sender.send(actor, Add(1), within_ms=30_000))
            await asyncio.sleep(8)
            assert actor in host.cells
            house.log_of(host).release("acknowledge")
            assert await call == Accepted({"total": 1}, 1)

    async def test_a_command_that_comes_while_it_leaves_is_served(self) -> None:
        """It is being put on the shelf: then it stays."""
        async with open_house(**self.LIMITS | {"snapshot_when_quiet_ms": 60_000}) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(5):
                await sender.send(actor, Add(1))
            saving, go_on = asyncio.Event(), asyncio.Event()
            put = house.shelf.put

            async def slowly(name: str, data: bytes) -> bool:
                if name == actor:
                    saving.set()
                    await go_on.wait()
                return await put(name, data)

            house.shelf.put = slowly  # type: ignore[method-assign]
            await saving.wait()
            assert await sender.send(actor, Add(1)) == Accepted({"total": 6}, 6)
            go_on.set()
            await asyncio.sleep(0.3)
            assert actor in host.cells

    async def test_timers_outlive_it(self) -> None:
        """An actor that wants to be woken needn't stay in memory for it."""
        async with open_house(**self.LIMITS) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            wake = house.clock() + 20_000
            await sender.send(actor, Remind(wake))
            await self.settled(host)
            await until(lambda: host.cells, within_s=30)
            await asyncio.sleep(0.1)
            facts = await house.facts(actor)
            assert [getattr(fact, "instant", None) for fact in facts] == [wake, facts[-1].instant]
            assert 0 <= facts[-1].instant - wake < 50

    async def test_of_very_many_only_some_are_put_there_when_others_take_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is done while nobody else has a turn; the others are read from the log."""
        monkeypatch.setattr(host_module, "_HANDED_OVER_MAX", 2)
        async with open_house(**self.LIMITS | {"snapshot_when_quiet_ms": 60_000}) as house:
            host, sender = await house.host(), await house.sender()
            actors = house.actors_of(host, 5)
            for actor in (*actors, *actors):
                await sender.send(actor, Add(1))
            owned = host.owned
            host.own(frozenset())
            await asyncio.sleep(0.3)
            assert not host.cells
            assert len(await house.shelf.get(actors)) == 2
            host.own(owned)
            for actor in actors:
                assert await sender.send(actor, Total()) == Accepted({"total": 2}, 0)

    async def test_one_that_was_let_go_takes_no_other_with_it(self) -> None:
        """Lost and regained while it was put on the shelf: the one that is live now stays."""
        async with open_house(**self.LIMITS | {"snapshot_when_quiet_ms": 60_000}) as house:
            host, sender = await house.host(), await house.sender()
            actor = house.actor_of(host)
            for _ in range(2):
                await sender.send(actor, Add(1))
            saving, go_on = asyncio.Event(), asyncio.Event()

            async def slowly(name: str, data: bytes) -> bool:
                if name == actor:
                    saving.set()
                    await go_on.wait()
                return True

            house.shelf.put = slowly  # type: ignore[method-assign]
            await saving.wait()
            owned = host.owned
            host.own(frozenset())
            host.own(owned)
            await sender.send(actor, Total())
            live = host.cells[actor]
            go_on.set()
            await asyncio.sleep(0.3)
            assert host.cells[actor] is live
