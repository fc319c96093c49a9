"""The log in memory keeps the contract, and is deterministic."""

from __future__ import annotations

from itertools import count

import pytest

from events.errors import LogFull
from events.log import EXPECT_NEW, EventLog
from events.memory.log import MemoryLog
from tests.contracts.log_contract import ALICE, BOB, CAROL, EventLogContract, append, bodies, collect, entry


def counting_clock(start: int = 1_000) -> MemoryLog:
    ticks = count(start)
    return MemoryLog(lambda: next(ticks))


class TestMemoryLog(EventLogContract):
    @pytest.fixture
    def log(self) -> EventLog:
        return counting_clock()


async def test_commits_carry_the_time_of_the_clock_that_was_given() -> None:
    """No other clock is asked than the one given."""
    log = counting_clock(start=7)
    await append(log, entry(ALICE), entry(BOB))
    assert [one.stored_at for one in await collect(log.read())] == [7, 8]


async def test_a_full_log_refuses_and_goes_on_when_it_gets_room() -> None:
    """What does not fit is refused, single or together, whole; with more room the same append succeeds."""
    log = MemoryLog(lambda: 0, bytes_max=10)
    await append(log, entry(ALICE, "12345678"))
    [outcome] = await log.append_each([entry(BOB, "123", EXPECT_NEW)])
    assert isinstance(outcome, LogFull)
    with pytest.raises(LogFull):
        await log.append_together([entry(BOB, "1"), entry(CAROL, "12")])
    log.bytes_max = 11
    await append(log, entry(BOB, "123"))
    assert await bodies(log.read()) == [b"12345678", b"123"]
