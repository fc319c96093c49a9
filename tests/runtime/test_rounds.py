"""A round stores each of its units whole or not at all, on their own when few and as one batch when many."""

from __future__ import annotations

import asyncio

import pytest

from actors.runtime.rounds import Stored, store
from actors.simulation.clock import VirtualClock
from events.errors import Conflict, LogFull, LogUnavailable, UnknownOutcome
from events.log import EXPECT_NEW, Entry, ExpectAt, Recorded
from events.memory.log import MemoryLog
from tests.support.held import Held
from tests.support.waiting import until


def entry(actor: str, body: str = "x", expect: ExpectAt = EXPECT_NEW) -> Entry:
    return Entry(actor, body.encode(), expect, f"{actor} {body}")


async def stored(log: Held) -> list[Recorded]:
    return [one async for one in log.log.read()]


def whole(recorded: list[Recorded], actors: list[str]) -> bool:
    """Whether the commits of these actors stand together, in this order, as one batch or part of one."""
    found = [one for one in recorded if one.actor in actors]
    return [one.actor for one in found] == actors and [one.sequence for one in found] == list(
        range(found[0].sequence, found[0].sequence + len(found))
    )


def outcomes(results: list[Stored]) -> list[list[int] | str]:
    return [result if isinstance(result, list) else result.code for result in results]


@pytest.fixture
def log() -> Held:
    return Held(MemoryLog(VirtualClock()))


async def test_few_go_each_on_their_own(log: Held) -> None:
    """Up to the bound, single commits are pipelined and don't wait for one another."""
    units = [[entry("a")], [entry("b")], [entry("c")]]
    assert await store(log, units, singles_max=3) == [[1], [2], [3]]
    assert log.appends == [("each", ("a", "b", "c"))]


async def test_many_go_as_one_batch(log: Held) -> None:
    """Above the bound they share one atomic append, and so one fsync."""
    units = [[entry("a")], [entry("b")], [entry("c")]]
    assert await store(log, units, singles_max=2) == [[1], [2], [3]]
    assert log.appends == [("together", ("a", "b", "c"))]


async def test_one_alone_is_never_a_batch(log: Held) -> None:
    """Whatever the bound: a batch of one would cost more and give nothing."""
    assert await store(log, [[entry("a")]], singles_max=1) == [[1]]
    assert log.appends == [("each", ("a",))]


async def test_a_transaction_goes_as_a_batch(log: Held) -> None:
    """Its entries are stored together even when they are few."""
    assert await store(log, [[entry("a"), entry("b")]], singles_max=8) == [[1, 2]]
    assert log.appends == [("together", ("a", "b"))]


async def test_a_transaction_shares_the_batch_with_others(log: Held) -> None:
    """Units of any size go together, and each gets its own sequences."""
    units = [[entry("a")], [entry("b"), entry("c")], [entry("d")]]
    assert await store(log, units, singles_max=8) == [[1], [2, 3], [4]]
    assert log.appends == [("together", ("a", "b", "c", "d"))]


async def test_one_that_lost_its_fence_harms_no_other_single(log: Held) -> None:
    """Each single commit has an outcome of its own."""
    await store(log, [[entry("b")]], 8)
    results = await store(log, [[entry("a")], [entry("b", "late")], [entry("c")]], singles_max=8)
    assert outcomes(results) == [[2], "conflict", [3]]


async def test_a_stale_unit_in_a_batch_harms_no_other(log: Held) -> None:
    """Nothing of the refused batch was stored, so all go again on their own, and only the stale one is refused."""
    await store(log, [[entry("b")]], 8)
    units = [[entry("a")], [entry("b", "late")], [entry("c"), entry("d")], [entry("e")]]
    results = await store(log, units, singles_max=2)
    assert [isinstance(result, list) for result in results] == [True, False, True, True]
    assert isinstance(results[1], Conflict)
    recorded = await stored(log)
    assert sorted(one.actor for one in recorded) == ["a", "b", "c", "d", "e"]
    assert whole(recorded, ["c", "d"])
    for unit, result in zip(units, results, strict=True):
        if isinstance(result, list):
            assert [recorded[sequence - 1].actor for sequence in result] == [one.actor for one in unit]


async def test_a_transaction_with_one_stale_part_is_refused_whole(log: Held) -> None:
    """None of its parts is stored, while the units beside it are."""
    await store(log, [[entry("c")]], 8)
    results = await store(log, [[entry("a")], [entry("b"), entry("c", "late")], [entry("d")]], singles_max=8)
    assert [isinstance(result, list) for result in results] == [True, False, True]
    assert sorted(one.actor for one in await stored(log)) == ["a", "c", "d"]


async def test_a_batch_of_unknown_outcome_leaves_all_unknown(log: Held) -> None:
    """It is all or none, so none of its units may be taken for stored or for refused."""
    log.fail(UnknownOutcome())
    results = await store(log, [[entry("a")], [entry("b"), entry("c")]], singles_max=8)
    assert outcomes(results) == ["unknown_outcome", "unknown_outcome"]


async def test_a_log_out_of_reach_or_full_is_told_to_all(log: Held) -> None:
    """Nothing was stored, and everyone who waits learns why."""
    log.fail(LogUnavailable())
    assert outcomes(await store(log, [[entry("a")], [entry("b")]], singles_max=1)) == ["log_unavailable"] * 2
    log.fail(LogFull())
    assert outcomes(await store(log, [[entry("a")], [entry("b")]], singles_max=8)) == ["log_full"] * 2


async def test_two_units_that_share_an_actor_go_apart(log: Held) -> None:
    """An actor that moved here while another host's transaction on it was under way: one of the two is refused."""
    units = [[entry("a", "mine")], [entry("a", "theirs"), entry("b")], [entry("c")]]
    results = await store(log, units, singles_max=8)
    assert sorted(isinstance(result, Conflict) for result in results) == [False, False, True]
    assert isinstance(results[2], list)
    recorded = await stored(log)
    assert sum(one.actor == "a" for one in recorded) == 1
    assert (sum(one.actor == "b" for one in recorded) == 1) == isinstance(results[1], list)


async def test_a_bug_of_the_log_is_not_taken_for_an_outcome(log: Held) -> None:
    """What no log may raise is raised on, not answered."""

    class Broken(Held):
        async def append_each(self, entries: object) -> list[int | Exception]:
            return [RuntimeError("a bug")]

    with pytest.raises(RuntimeError):
        await store(Broken(log), [[entry("a")]], 8)


async def test_units_go_apart_at_the_same_time(log: Held) -> None:
    """After a refused batch nobody waits for a neighbour's append."""
    await store(log, [[entry("z")]], 8)
    log.appends.clear()
    log.hold("acknowledge")
    task = asyncio.ensure_future(
        store(log, [[entry("z", "late")], [entry("a"), entry("b")], [entry("c"), entry("d")]], 8)
    )
    await until(lambda: log.held["acknowledge"] == 3)
    assert [kind for kind, _ in log.appends] == ["together", "each", "together", "together"]
    log.release("acknowledge")
    assert [isinstance(result, list) for result in await task] == [False, True, True]


async def test_a_batch_that_has_begun_takes_the_others_with_it(log: Held) -> None:
    """However few came of it: it has been prepared for them."""
    units = [[entry("a")], [entry("b")]]
    assert await store(log, units, 8, log.begin(units[0][0])) == [[1], [2]]
    assert (log.begun, log.appends) == (["a"], [("together", ("a", "b"))])


async def test_a_begun_batch_that_is_refused_harms_no_other(log: Held) -> None:
    """As with any batch: all go again on their own, and only the stale one is refused."""
    await store(log, [[entry("a")]], 8)
    units = [[entry("a", "late")], [entry("b")], [entry("c")]]
    assert outcomes(await store(log, units, 2, log.begin(units[0][0]))) == ["conflict", [2], [3]]


async def test_a_begun_batch_of_unknown_outcome_leaves_all_unknown(log: Held) -> None:
    """It is all or none, so none of its units may be taken for stored or for refused."""
    units = [[entry("a")], [entry("b")]]
    log.fail(UnknownOutcome())
    assert outcomes(await store(log, units, 1, log.begin(units[0][0]))) == ["unknown_outcome"] * 2
