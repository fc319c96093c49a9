"""Who asks how their ticket stands is answered in their turn, whoever else asks, and whatever goes wrong."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from events.memory.bus import MemoryBus
from gateway import places
from gateway.places import ASKED_AT_ONCE_MAX, Places
from gateway.problems import Problem
from projections import answering
from projections.questions import Tickets
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

PATIENCE_MS: Final = 5_000


class ReadModels:
    """Take a second for each question, and know no ticket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.asked: Final[list[Tickets]] = []
        self._error: Final = error
        monkeypatch.setattr(answering, "ask", self._ask)
        monkeypatch.setattr(places, "TICKETS_MAX", 2)

    async def _ask(self, _: Any, asked: Tickets, __: int) -> tuple[None, ...]:
        self.asked.append(asked)
        await asyncio.sleep(1)
        if self._error is not None:
            raise self._error
        return (None,) * len(asked.tickets)


async def code(place: Places, org: str, ticket: str, within_ms: int = PATIENCE_MS) -> str:
    try:
        await place.of(org, ticket, 0, within_ms)
    except Problem as problem:
        return problem.code
    raise AssertionError("nobody knows a ticket here")


async def test_a_rush_of_one_organisation_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take turns."""
    models, place = ReadModels(monkeypatch), Places(MemoryBus())
    rush = asyncio.gather(*(code(place, "rush", str(number), 60_000) for number in range(100)))
    await asyncio.sleep(0.5)
    assert await code(place, "calm", "1") == "unknown_ticket"
    assert not rush.done()
    assert len(models.asked) <= 3 * ASKED_AT_ONCE_MAX
    assert set(await rush) == {"unknown_ticket"}


async def test_those_who_come_together_are_asked_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one question, the first of them too; and those of another organisation by another."""
    models, place = ReadModels(monkeypatch), Places(MemoryBus())
    monkeypatch.setattr(places, "TICKETS_MAX", 256)
    await asyncio.gather(*(code(place, org, str(number)) for number in range(50) for org in ("demo", "other")))
    assert [(asked.org, len(asked.tickets)) for asked in models.asked] == [("demo", 50), ("other", 50)]


async def test_what_nobody_waits_for_any_more_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who came later and still wait are asked for instead."""
    models, place = ReadModels(monkeypatch), Places(MemoryBus())
    gone = asyncio.gather(*(code(place, "demo", str(number), 500) for number in range(100)))
    await asyncio.sleep(0.1)
    stays = asyncio.ensure_future(code(place, "demo", "99"))
    assert set(await gone) == {"not_answered"}
    assert await stays == "unknown_ticket"
    await asyncio.sleep(60)
    assert len(models.asked) == ASKED_AT_ONCE_MAX + 1
    assert models.asked[-1].tickets == ("99",)


async def test_a_bug_is_told_to_all_who_wait_and_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, and not when their time is over."""
    ReadModels(monkeypatch, ZeroDivisionError())
    place = Places(MemoryBus())
    async with asyncio.timeout(2):
        told = await asyncio.gather(*(code(place, "demo", ticket) for ticket in ("1", "2")))
    assert told == ["internal", "internal"]
    assert "ZeroDivisionError" in capsys.readouterr().out
