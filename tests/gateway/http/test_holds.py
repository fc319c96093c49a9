"""A hold that lies on several days is kept on all of them at once, and refused as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from actors.booking.commands import KeepHold
from actors.decider import Command
from events.errors import UnknownOutcome
from events.names import actor_name
from tests.support.gateway import TOMORROW, Gate, in_virtual_time, open_gateway, refused, told
from tests.support.waiting import later, until

__all__ = ["in_virtual_time"]

STUDIO, MICS = actor_name("demo", "day", "studio-north", TOMORROW), actor_name("demo", "day", "mics", TOMORROW)


class Held(NamedTuple):
    gate: Gate
    visitor: str
    hold: str

    async def kept(self) -> Any:
        return await self.gate.post(f"/v1/demo/holds/{self.hold}/heartbeat", as_=self.visitor)


@asynccontextmanager
async def held() -> AsyncIterator[Held]:
    """A studio, and a microphone along with it."""
    async with open_gateway() as gate:
        visitor = await gate.session()
        wish = gate.wish(along=[{"resource": "mics"}])
        placed = await gate.post("/v1/demo/holds", wish, as_=visitor)
        assert placed.status_code == 201, told(placed)
        yield Held(gate, visitor, placed.json()["hold"])


async def test_all_days_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat takes as long as its slowest day, and not as long as all of them."""
    async with held() as at:
        send, asked, go = at.gate.edge.sender.send, list[str](), asyncio.Event()

        async def slowly(actor: str, command: Command, **about: Any) -> Any:
            if isinstance(command, KeepHold):
                asked.append(actor)
                await go.wait()
            return await send(actor, command, **about)

        monkeypatch.setattr(at.gate.edge.sender, "send", slowly)
        keeping = later(at.kept())
        await until(lambda: len(asked) == 2)
        assert asked == [STUDIO, MICS] and not keeping.done()
        go.set()
        kept = await keeping
        assert (kept.status_code, kept.json()["hold"]) == (200, at.hold), told(kept)


@pytest.mark.parametrize("gone", [STUDIO, MICS])
async def test_a_hold_that_one_day_does_not_know_is_not_kept(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """Whichever it is. Nothing is left under way, though another one takes its time."""
    async with held() as at:
        send, under_way = at.gate.edge.sender.send, list[str]()

        async def slowly(actor: str, command: Command, **about: Any) -> Any:
            if actor == gone:
                return await send(actor, KeepHold("x.2026-01-01.h-nobody", "nobody"), **about)
            under_way.append(actor)
            try:
                await asyncio.sleep(0.5)
                return await send(actor, command, **about)
            finally:
                under_way.remove(actor)

        monkeypatch.setattr(at.gate.edge.sender, "send", slowly)
        assert refused(await at.kept()) == (410, "hold_gone")
        assert not under_way


async def test_of_two_refusals_the_first_days_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It owns the hold: what it says is the answer, though another one was quicker to fail."""
    async with held() as at:
        send = at.gate.edge.sender.send

        async def ask(actor: str, command: Command, **about: Any) -> Any:
            if actor == MICS:
                raise UnknownOutcome("no answer")
            await asyncio.sleep(0.5)
            return await send(actor, command, **about)

        monkeypatch.setattr(at.gate.edge.sender, "send", ask)
        assert refused(await at.kept()) == (503, "not_answered")
        stranger = at._replace(visitor=await at.gate.session())
        assert refused(await stranger.kept()) == (403, "not_your_hold")
