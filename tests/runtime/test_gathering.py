"""A round of many begins its batch with the first of them, and takes along whoever gets ready while it is prepared."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import msgspec
import pytest

from actors.runtime.cell import Cell
from actors.runtime.host import Host
from actors.runtime.wire import Accepted
from events.bus import Message
from events.errors import UnknownOutcome
from tests.support.house import House, accepted, open_house
from tests.support.tally import Add, Added, Take
from tests.support.waiting import later, until

MANY = 10
"""More than go each by themselves, in the houses here."""


async def warmed(house: House, count: int) -> tuple[Host, list[str]]:
    """A host, and so many actors of it that have been read in. None has a commit."""
    host, sender = await house.host(), await house.sender()
    actors = house.actors_of(host, count)
    await asyncio.gather(*(sender.send(actor, Take(1)) for actor in actors))
    log = house.log_of(host)
    log.appends.clear()
    log.begun.clear()
    return host, actors


async def test_many_who_are_ready_begin_a_batch() -> None:
    """All of them are in it, in the order in which they came."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        caller, log = await house.caller(), house.log_of(host)
        await caller.post(host, [caller.envelope(number, actor, Add(1)) for number, actor in enumerate(actors)])
        await until(lambda: len(caller.answers) == MANY)
        assert log.begun == [actors[0]]
        assert log.appends == [("together", tuple(actors))]


async def test_few_begin_none() -> None:
    """They go each by themselves, which is quicker for each; however many there are who only ask."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        caller, log = await house.caller(), house.log_of(host)
        commands = [Take(1)] * (MANY - 2) + [Add(1)] * 2
        await caller.post(
            host, [caller.envelope(number, *one) for number, one in enumerate(zip(actors, commands, strict=True))]
        )
        await until(lambda: len(caller.answers) == MANY)
        assert (log.begun, log.appends) == ([], [("each", tuple(actors[-2:]))])


async def test_who_gets_ready_meanwhile_joins() -> None:
    """The batch is not closed before it is prepared; nobody has an answer before it is stored."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        caller, log = await house.caller(), house.log_of(host)
        log.hold("prepare")
        for some in (range(6), range(6, 8), range(8, 10)):
            await caller.post(host, [caller.envelope(number, actors[number], Add(1)) for number in some])
            await asyncio.sleep(0.005)
        assert (log.begun, log.appends, caller.answers) == ([actors[0]], [], [])
        log.release("prepare")
        await until(lambda: len(caller.answers) == MANY)
        assert log.appends == [("together", tuple(actors))]


async def test_who_comes_to_an_actor_that_is_in_it_waits_for_the_next() -> None:
    """One commit of an actor is under way at a time."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, 4)
        sender, log = await house.sender(), house.log_of(host)
        log.hold("prepare")
        first = [later(sender.send(actor, Add(1))) for actor in actors]
        await until(lambda: log.begun)
        second = [later(sender.send(actor, Add(1))) for actor in actors]
        await asyncio.sleep(0.01)
        log.release("prepare")
        told = await asyncio.gather(*first, *second)
        assert [accepted(answer).reply for answer in told] == [{"total": 1}] * 4 + [{"total": 2}] * 4
        assert [actors for _, actors in log.appends] == [tuple(actors)] * 2


async def test_transactions_do_not_wait_for_it() -> None:
    """They go in a round of their own while the batch is open."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        sender, log = await house.sender(), house.log_of(host)
        log.hold("prepare")
        waiting = [later(sender.send(actor, Add(1))) for actor in actors[:-2]]
        await until(lambda: log.begun)
        a, b = actors[-2:]
        assert isinstance(await sender.transact([(a, Add(1)), (b, Add(1))]), Accepted)
        assert not any(call.done() for call in waiting)
        log.release("prepare")
        await asyncio.gather(*waiting)


async def test_transactions_go_with_it_when_no_other_round_may() -> None:
    """They are in the same batch, each of them whole."""
    async with open_house(singles_max=2, rounds_in_flight_max=1) as house:
        host, actors = await warmed(house, MANY)
        sender, log = await house.sender(), house.log_of(host)
        log.hold("prepare")
        waiting = [later(sender.send(actor, Add(1))) for actor in actors[:-2]]
        await until(lambda: log.begun)
        waiting.append(later(sender.transact([(actor, Add(1)) for actor in actors[-2:]])))
        await asyncio.sleep(0.05)
        log.release("prepare")
        await asyncio.gather(*waiting)
        assert log.appends == [("together", (*actors[:-2], *sorted(actors[-2:])))]


async def test_a_round_takes_no_more_than_it_may() -> None:
    """The batch is stored when it is full, prepared or not; the others begin the next."""
    async with open_house(singles_max=2, round_actors_max=4) as house:
        host, actors = await warmed(house, 9)
        sender, log = await house.sender(), house.log_of(host)
        log.hold("prepare")
        calls = [later(sender.send(actor, Add(1))) for actor in actors]
        await until(lambda: log.held["prepare"] == 2)
        log.release("prepare")
        await asyncio.gather(*calls)
        assert [len(actors) for _, actors in log.appends] == [4, 4, 1]


async def test_one_that_lost_its_fence_harms_nobody_in_it() -> None:
    """It is decided again on what came first; the others are stored as they are."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        sender, log = await house.sender(), house.log_of(host)
        log.hold("prepare")
        calls = [later(sender.send(actor, Add(1))) for actor in actors]
        await until(lambda: log.begun)
        await house.commit(actors[0], Added(10))
        log.release("prepare")
        told = [accepted(answer).reply for answer in await asyncio.gather(*calls)]
        assert told == [{"total": 11}] + [{"total": 1}] * (MANY - 1)
        assert host.conflicts == 1


async def test_what_became_of_it_is_found_out() -> None:
    """A batch that was stored unheard is answered from the log, and no command in it is done twice."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, MANY)
        sender = await house.sender()
        house.log_of(host).fail(UnknownOutcome(), stored=True)
        told = await asyncio.gather(*(sender.send(actor, Add(1), id=actor) for actor in actors))
        assert [accepted(answer).reply for answer in told] == [{"total": 1}] * MANY
        assert [await house.ids(actor) for actor in actors] == [[actor] for actor in actors]


async def test_a_host_that_is_not_sure_any_more_takes_no_further_turns() -> None:
    """What it had decided goes to the log, which says whether it was right; who came later is another's."""
    async with open_house(singles_max=2) as house:
        host, actors = await warmed(house, 5)
        caller, log = await house.caller(), house.log_of(host)
        log.hold("prepare")
        await caller.post(host, [caller.envelope(number, actors[number], Add(1)) for number in range(4)])
        await until(lambda: log.begun)
        house.line_of(host).cut = True
        await asyncio.sleep(0.9)
        late = caller.envelope(4, actors[4], Add(1))
        host.receive(Message("", msgspec.json.encode([late]), house.bus.new_inbox()))
        await until(lambda: log.appends)
        await asyncio.sleep(0.01)
        assert log.appends == [("together", tuple(actors[:4]))]
        log.release("prepare")
        house.line_of(host).cut = False
        assert isinstance(await (await house.sender()).send(actors[4], Add(1)), Accepted)


@pytest.mark.parametrize("where", ["begin", "turn"])
async def test_a_bug_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Neither of those who were in the batch nor of those who come later; the task that failed says it aloud."""
    house = House(singles_max=2)
    host, actors = await warmed(house, MANY)
    caller, log = await house.caller(), house.log_of(host)
    log.hold("prepare")

    def broken(*_: object) -> NoReturn:
        monkeypatch.undo()
        raise RuntimeError("a bug")

    if where == "begin":
        monkeypatch.setattr(log, "begin", broken)
    await caller.post(host, [caller.envelope(number, actors[number], Add(1)) for number in range(MANY - 1)])
    if where == "turn":
        await until(lambda: log.begun)
        monkeypatch.setattr(Cell, "take_turn", broken)
        await caller.post(host, [caller.envelope(MANY - 1, actors[-1], Add(1))])
    await until(lambda: host.tasks.failed == 1)
    log.release("prepare")
    await until(lambda: len(caller.answers) >= MANY - 1)
    assert sorted(caller.answers)[: MANY - 1] == [(number, {"total": 1}) for number in range(MANY - 1)]
    await house.stop()
