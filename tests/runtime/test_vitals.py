"""A host tells how it fares: rarely, cheaply, and never instead of its work."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.runtime import vitals
from actors.runtime.vitals import COMMIT_MS, EVERY_MS, LOOKED_AT_ONCE, VITALS_DECODER, CommitTimes, Vitals, look, tell
from events.bus import Message
from events.errors import BusError
from events.memory.bus import MemoryBus
from tests.support.house import accepted, open_house
from tests.support.tally import Add


async def test_commits_are_counted_by_how_long_they_took() -> None:
    """All commits that were stored, each once."""
    async with open_house() as house:
        host, sender = await house.host(), await house.sender()
        for _ in range(5):
            accepted(await sender.send(house.actor_of(host), Add(1)))
        told, _ = await look(host)
        assert sum(told.commits) == host.commits == 5
        assert (told.host, told.incarnation) == (host.name, host.incarnation)


@pytest.mark.parametrize(("took_ms", "bound"), [(0, 1), (1, 1), (1.1, 2), (10, 10), (4_999, 5_000), (5_001, None)])
def test_a_commit_counts_for_the_first_bound_that_it_kept(took_ms: float, bound: int | None) -> None:
    """And beyond the last one, for none of them."""
    times = CommitTimes()
    times.note(took_ms / 1000, 3)
    where = len(COMMIT_MS) if bound is None else COMMIT_MS.index(bound)
    assert times.counts[where] == sum(times.counts) == 3
    assert times.sum_s == pytest.approx(3 * took_ms / 1000)


async def test_mailboxes_are_looked_into() -> None:
    """How many wait in all of them, and in the fullest."""
    cells = {str(depth): SimpleNamespace(mailbox=[None] * depth, bytes_since_snapshot=10) for depth in (0, 3, 9, 1)}
    told, _ = await look(_host(cells))
    assert (told.waiting, told.deepest, told.unsaved_bytes) == (13, 9, 40)


async def test_looking_gives_way() -> None:
    """Whoever has ten thousand actors looks at them a thousand at a time."""
    cells = {str(n): SimpleNamespace(mailbox=(), bytes_since_snapshot=0) for n in range(LOOKED_AT_ONCE * 10)}
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    working = asyncio.ensure_future(work())
    await look(_host(cells))
    working.cancel()
    assert turns >= 9


async def test_a_host_that_is_dear_to_look_at_is_looked_at_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking takes a thousandth of its time, whatever it has."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    async def looked(_: Any) -> tuple[Vitals, float]:
        return Vitals("one", "i1", 0, 0, 0, 0, (0,), 0.0), (0.0001, 0.02)[len(pauses)]

    monkeypatch.setattr(vitals, "look", looked)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await tell(_host({}, MemoryBus()))
    assert pauses == [EVERY_MS / 1000, pytest.approx(20.0)]


async def test_it_is_told_on_the_bus_and_goes_on_when_that_fails() -> None:
    """What could not be told is told better the next time."""
    told: list[Vitals] = []
    async with open_house() as house:
        host = await house.host()
        await house.bus.subscribe("vitals.*", lambda message: told.append(_read(message)))
        telling = asyncio.ensure_future(tell(host))
        async with asyncio.timeout(10):
            while not told:  # noqa: ASYNC110  # the bus tells its subscribers alone
                await asyncio.sleep(0.01)
        telling.cancel()
        assert told[0].host == "one"
        assert told[0].resident_bytes >= 0

    class Away:
        calls = 0

        async def publish(self, *_: Any) -> None:
            self.calls += 1
            raise BusError("it is away")

    away = Away()
    lost = asyncio.ensure_future(tell(_host({}, away)))
    while not away.calls:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not lost.done()
    lost.cancel()


def test_it_is_small() -> None:
    """Every two seconds, from each host, to each gateway."""
    largest = Vitals("h" * 40, "i" * 21, 10**6, 10**5, 10**11, 10**11, (10**9,) * (len(COMMIT_MS) + 1), 10**6)
    assert len(msgspec.json.encode(largest)) < 500


def _host(cells: dict[str, Any], bus: Any = None) -> Any:
    return SimpleNamespace(name="one", incarnation="i1", cells=cells, bus=bus, commit_times=CommitTimes())


def _read(message: Message) -> Vitals:
    return VITALS_DECODER.decode(message.data)
