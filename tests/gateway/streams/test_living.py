"""Whoever holds a stream open is there, and their line is told so, whatever becomes of other lines."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Final, cast

import pytest
from structlog.testing import capture_logs

from actors.decider import Refusal
from actors.runtime.sender import Sender
from events.errors import UnknownOutcome
from events.waiting.sessions import Ticket, ticket_of
from gateway.streams import living
from gateway.streams.living import AGAIN_S, EVERY_S, LOOK_EVERY_S, WITHIN_MS, Living
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

ORG: Final = "demo"


class Lines:
    """Those of a room `sick` do not answer in time, and those of a room `busy` say so; the others answer after
    `takes_s`."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.told: Final[defaultdict[str, list[float]]] = defaultdict(list)
        """By line, when it began to be told."""
        self.at_once = self.most_at_once = 0
        self._takes_s: Final = takes_s

    async def send(self, line: str, *_: Any, within_ms: int, **__: Any) -> Refusal | None:
        self.told[line].append(asyncio.get_running_loop().time())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(within_ms / 1_000 if ".sick." in line else self._takes_s)
        finally:
            self.at_once -= 1
        if ".sick." in line:
            raise UnknownOutcome("nobody answered in time")
        return Refusal("busy", "its mailbox is full", "busy") if ".busy." in line else None


def ticket(room: str, shard: int) -> Ticket:
    found = ticket_of(f"{room}.{shard}.1")
    assert found is not None
    return found


@asynccontextmanager
async def running(lines: Lines) -> AsyncIterator[Living]:
    """What goes wrong in it goes wrong here."""
    here = Living(cast(Sender, lines))
    telling = asyncio.ensure_future(here.run())
    try:
        yield here
        assert not telling.done(), telling
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def test_a_line_whose_last_stream_leaves_while_others_are_told_is_passed_over() -> None:
    """And the others are told as before."""
    lines = Lines(takes_s=0.3)
    async with running(lines) as here:
        for shard in range(3):
            here.come(ORG, ticket("launch", shard), EVERY_S)
        await asyncio.sleep(0.6)  # somebody is being told
        here.go(ORG, ticket("launch", 1))
        await asyncio.sleep(1)
        lines.told.clear()
        await asyncio.sleep(EVERY_S)
        assert set(lines.told) == {"demo.line.launch.0", "demo.line.launch.2"}


async def test_lines_that_do_not_answer_keep_nobody_waiting() -> None:
    """However many of them: the others are told as often as ever."""
    lines = Lines()
    async with running(lines) as here:
        for shard in range(64):
            here.come(ORG, ticket("sick", shard), EVERY_S)
        here.come(ORG, ticket("launch", 0), EVERY_S)
        await asyncio.sleep(100)
        told = lines.told["demo.line.launch.0"]
        assert len(told) > 8
        assert max(after - before for before, after in pairwise(told)) < EVERY_S + 2 * LOOK_EVERY_S


async def test_a_line_is_not_told_again_while_it_is_being_told() -> None:
    """An impatient room whose host does not answer has one message under way, and not one a second."""
    lines = Lines()
    async with running(lines) as here:
        here.come(ORG, ticket("sick", 0), 1.0)
        await asyncio.sleep(60)
        told = lines.told["demo.line.sick.0"]
        assert len(told) > 10
        assert min(after - before for before, after in pairwise(told)) >= WITHIN_MS / 1_000
        assert lines.most_at_once == 1


async def test_no_more_lines_are_told_at_once_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """And all of them come to it, whoever has waited longest first."""
    monkeypatch.setattr(living, "TOLD_AT_ONCE_MAX", 4)
    lines = Lines()
    async with running(lines) as here:
        for shard in range(12):
            here.come(ORG, ticket("sick", shard), EVERY_S)
        await asyncio.sleep(60)
        assert lines.most_at_once == 4
        assert {len(told) for told in lines.told.values()} <= {3, 4}
        assert len(lines.told) == 12


async def test_a_line_that_was_too_busy_to_hear_it_is_told_again_soon() -> None:
    """A room that is full for a moment does not miss anybody by that; and our log knows that it was."""
    lines = Lines()
    with capture_logs() as logged:
        async with running(lines) as here:
            here.come(ORG, ticket("busy", 0), EVERY_S)
            await asyncio.sleep(EVERY_S)
            told = lines.told["demo.line.busy.0"]
            assert len(told) >= 5
            assert min(after - before for before, after in pairwise(told)) >= AGAIN_S
    assert {(one["event"], one["code"]) for one in logged} == {("line_not_told", "busy")}
