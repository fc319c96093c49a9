"""Commits that tell thousands of things: all of it is told, each once, whoever delivers and whatever is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from actors.webhooks import delivery
from actors.webhooks.limits import LATE_ACCEPTED_MAX
from events.codec import spelled
from events.room import TicketsCalled, TurnsNear
from gateway.webhooks import limits
from tests.gateway.webhooks.office import ROOM, START, Office, hurried, office
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

TURNS = 6_000
LATER = START + 10**9


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


class Slow:
    """Takes its time for each, as a mail server may: eight at a time are a hundred a second."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    async def post(self, _url: str, _headers: Mapping[str, str], body: bytes) -> int:
        await asyncio.sleep(0.08)
        self.sent[orjson.loads(body)["id"]] += 1
        return 250


def near(count: int = TURNS) -> list[TurnsNear]:
    """As a room says it at once: some facts of thousands each."""
    tickets = [f"0.{number}" for number in range(count)]
    return [TurnsNear("", tuple(tickets[first : first + 3_000])) for first in range(0, count, 3_000)]


async def through(there: Office, sequence: int) -> int:
    """How many were late at most, until all of it was told."""
    late: list[int] = []

    def all_told(shown: dict[str, Any]) -> bool:
        late.append(shown["late_count"])
        return not late[-1] and bool(shown["through"]["room"] >= sequence)

    while not all_told(await there.shown()):  # noqa: ASYNC110  # it says how it is, when asked
        await asyncio.sleep(0.1)
    return max(late)


async def test_all_of_one_commit_is_told_once() -> None:
    """However much more it is than may be late at a time."""
    slow = Slow()
    async with office(slow) as there:
        await there.put("shop", "https://shop.example/", "turn.*")
        await there.courier("one")
        await there.attended("one")
        await there.courier("two")
        sequence = await there.happens(*near(), actor=ROOM)
        assert await through(there, sequence) <= limits.OPEN_MAX
        assert (len(slow.sent), slow.sent.total()) == (TURNS, TURNS)


async def test_who_calls_thousands_is_told_of_each_of_them() -> None:
    """First of the call, then of each who left an address."""
    slow = Slow()
    async with office(slow) as there:
        await there.put("shop", "https://shop.example/")
        await there.courier()
        await there.attended()
        tickets = tuple(f"0.{number}" for number in range(3_000))
        called = TicketsCalled("", tickets, LATER, reachable=spelled(range(3_000)))
        await through(there, await there.happens(called, actor=ROOM))
        assert (len(slow.sent), slow.sent.total()) == (3_006, 3_006)


async def test_who_goes_on_in_the_middle_repeats_what_was_not_reported() -> None:
    """Nothing, when the one before could say its last word; else what it did since the last, and nothing else."""
    slow = Slow()
    async with office(slow) as there:
        await there.put("shop", "https://shop.example/", "turn.*")
        one = await there.courier("one")
        await there.attended("one")
        sequence = await there.happens(*near(3_000), actor=ROOM)
        await there.shows(lambda shown: shown["delivered"] > 1_000)
        await one.stop()
        two = await there.courier("two")
        await there.shows(lambda shown: shown["delivered"] > 2_000)
        assert slow.sent.total() == len(slow.sent)
        await two.kill()
        await there.courier("three")
        await through(there, sequence)
        assert len(slow.sent) == 3_000 and slow.sent.total() - 3_000 <= 2 * limits.AT_ONCE_PER_ENDPOINT_MAX


async def test_who_cannot_report_keeps_its_place_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that is refused for now is said in our log and told later; nobody else comes and begins from before."""
    slow = Slow()
    async with office(slow) as there:
        await there.put("shop", "https://shop.example/", "turn.*")
        await there.courier("one")
        await there.attended("one")
        await there.courier("two")
        monkeypatch.setattr(delivery, "LATE_ACCEPTED_MAX", 0)
        with capture_logs() as said:
            sequence = await there.happens(*near(3_000), actor=ROOM)
            await asyncio.sleep(15)
            shown = await there.shown()
        assert shown["courier"] == "one" and shown["through"]["room"] < sequence
        assert len(slow.sent) > 1_000, "a hundred a second"
        assert [one["code"] for one in said if one["event"] == "report_refused"] == ["too_much_late"]
        monkeypatch.setattr(delivery, "LATE_ACCEPTED_MAX", LATE_ACCEPTED_MAX)
        await through(there, sequence)
        assert (len(slow.sent), slow.sent.total()) == (3_000, 3_000)
