"""Whom a client keeps in line by following their ticket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from actors.decider import Command
from actors.runtime.wire import Accepted
from actors.waiting.commands import Touch
from gateway.calls import Call
from gateway.problems import Problem
from gateway.streams.events import Events
from gateway.streams.messages import NO_ID, Unsubscribe
from gateway.streams.theirs import AGAIN_S_MAX
from gateway.streams.topics import topic_of
from tests.gateway.streams.doorway import Doorway, joined
from tests.support.gateway import ORG, Gate, in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]

LATE = Problem("deadline_passed", "the time that was given for it is over", "late")


async def test_whoever_follows_their_ticket_twice_is_there_once() -> None:
    """And not any more when they have gone."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        doorway = Doorway(gate)
        visit = await doorway.visit(visitor)
        for id in (1, 2, 3):
            assert await visit.subscribe(f"ticket/{ticket}", id=id) == []
        assert len(doorway.living) == 1
        visit.client.closed()
        assert len(doorway.living) == 0


async def test_whoever_does_not_follow_their_ticket_any_more_is_not_there_by_that() -> None:
    """Nor by the same stream of another visit, and they may come again."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        doorway = Doorway(gate)
        first, second = await doorway.visit(visitor), await doorway.visit(visitor)
        for visit in (first, second, second):
            await visit.subscribe(f"ticket/{ticket}")
        second.entrance.unsubscribe(second.client, Unsubscribe(id=2, topic=f"ticket/{ticket}"))
        assert len(doorway.living) == 1
        first.client.closed()
        assert len(doorway.living) == 0
        await second.subscribe(f"ticket/{ticket}")
        assert len(doorway.living) == 1
        second.client.closed()
        assert len(doorway.living) == 0


async def test_whoever_is_told_that_their_ticket_cannot_be_followed_any_more_is_not_there_by_that() -> None:
    """They were told so, and follow it again when they can."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        doorway = Doorway(gate)
        visit = await doorway.visit(visitor)
        await visit.subscribe(f"ticket/{ticket}")
        live = visit.client.topics[f"ticket/{ticket}"]
        live.leave(visit.client)
        visit.client.fails(live, b"null", Problem("not_answered", "nobody answers", "busy"))
        assert len(doorway.living) == 0
        visit.client.closed()
        assert len(doorway.living) == 0


class BusyLines:
    """Lines that answer with a problem for as long as they have one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, problem: Exception | None) -> None:
        self.problem = problem
        self.asked = 0
        hear = Call.hear

        async def answer(call: Call, actor: str, question: Command) -> Accepted:
            if isinstance(question, Touch):
                self.asked += 1
                if self.problem is not None:
                    raise self.problem
            return await hear(call, actor, question)

        monkeypatch.setattr(Call, "hear", answer)


@pytest.mark.parametrize("problem", [Problem("busy", "the mailbox is full", "busy"), LATE, RuntimeError("a bug")])
async def test_whoever_follows_their_ticket_while_its_line_is_busy_is_there_when_it_is_not(
    monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    """In a rush lines are busy. Nobody loses their place by that, or has to ask again."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        doorway, lines = Doorway(gate), BusyLines(monkeypatch, problem)
        visit = await doorway.visit(visitor)
        for id in (1, 2):
            assert await visit.subscribe(f"ticket/{ticket}", id=id) == []
        await asyncio.sleep(30)
        assert 5 <= lines.asked <= 12
        assert len(doorway.living) == 0
        lines.problem = None
        await asyncio.sleep(AGAIN_S_MAX + 1)
        assert len(doorway.living) == 1
        asked = lines.asked
        await asyncio.sleep(30)
        assert lines.asked == asked
        visit.client.closed()
        assert len(doorway.living) == 0


async def test_nobody_asks_again_for_a_ticket_that_is_not_followed_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for one that is over, or somebody else's."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        doorway, lines = Doorway(gate), BusyLines(monkeypatch, Problem("busy", "the mailbox is full", "busy"))
        visit, another = await doorway.visit(visitor), await doorway.visit(visitor)
        for one in (visit, another):
            await one.subscribe(f"ticket/{ticket}")
        visit.hears(type="unsubscribe", id=2, topic=f"ticket/{ticket}")
        another.client.closed()
        asked = lines.asked
        await asyncio.sleep(30)
        assert lines.asked == asked == 2
        for problem in (Problem("ticket_over", "over", "late"), Problem("not_your_ticket", "somebody else's")):
            lines.problem = problem
            await visit.subscribe(f"ticket/{ticket}")
        await asyncio.sleep(30)
        assert lines.asked == asked + 2
        assert len(doorway.living) == 0


@asynccontextmanager
async def listened(gate: Gate, visitor: str, *names: str, last_id: str = "") -> AsyncIterator[Events]:
    """A stream of events that somebody reads."""
    still = partial(gate.front.caller, "GET", ORG, {"authorization": f"Bearer {visitor}"})
    events = Events(gate.edge, [topic_of(name) for name in names], still)
    await events.start(await still(), last_id)
    await asyncio.sleep(0.1)
    yield events
    events.stop()
    await asyncio.sleep(0)


async def test_whoever_follows_their_ticket_by_events_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a socket: for as long as the stream is open, and once its line could say that it is theirs."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        living, lines = gate.edge.living, BusyLines(monkeypatch, Problem("busy", "the mailbox is full", "busy"))
        async with listened(gate, visitor, f"ticket/{ticket}", "room/launch"):
            assert len(living) == 0
            lines.problem = None
            await asyncio.sleep(AGAIN_S_MAX)
            assert len(living) == 1
        assert len(living) == 0


async def test_nobody_is_there_by_events_of_what_is_not_theirs() -> None:
    """Nor by those of a topic that has failed: who reads them follows it anew."""
    async with open_gateway() as gate:
        visitor, ticket = await joined(gate)
        other, _ = await joined(gate)
        async with listened(gate, other, f"ticket/{ticket}"):
            assert len(gate.edge.living) == 0
        async with listened(gate, visitor, f"ticket/{ticket}") as events:
            assert len(gate.edge.living) == 1
            live = await gate.edge.hub.live(ORG, topic_of(f"ticket/{ticket}"))
            events.fails(live, NO_ID, LATE)
            await asyncio.sleep(0)
            assert len(gate.edge.living) == 0
