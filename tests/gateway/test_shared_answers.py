"""What many ask at once is asked once, and none of them pays for another's deadline or for what another has seen."""

from __future__ import annotations

import asyncio

import pytest

from gateway.at_hand import AtHand
from gateway.calls import Call
from gateway.identity.callers import Caller
from gateway.problems import Problem
from tests.support.gateway import ORG, Gate, in_virtual_time, open_gateway, told

__all__ = ["in_virtual_time"]

KEPT_S = 1.0
ANSWERED_IN_S = 0.5


class Slow:
    """A question that takes a while, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, everybodys: Call) -> tuple[str, int]:
        self.asked += 1
        await asyncio.sleep(ANSWERED_IN_S)
        assert everybodys.left_ms > 0  # whoever asks for all has time
        return "answer", everybodys.at_least


def call(gate: Gate, within_ms: int, at_least: int = 0) -> Call:
    return Call(gate.edge, Caller(ORG, "session", "session:v", frozenset()), within_ms, at_least=at_least)


async def test_whoever_has_no_time_left_goes_and_the_others_are_answered() -> None:
    """The one who came first lends nobody their deadline, and waits no longer than their own."""
    async with open_gateway(demo=False) as gate:
        kept: AtHand[str, str] = AtHand(10, KEPT_S)
        ask, began = Slow(), asyncio.get_running_loop().time()
        hasty = asyncio.ensure_future(call(gate, 50).shared(kept, "key", ask))
        patient = asyncio.ensure_future(call(gate, 5_000).shared(kept, "key", ask))
        with pytest.raises(Problem) as late:
            await hasty
        assert (late.value.code, late.value.status) == ("deadline_passed", 504)
        assert asyncio.get_running_loop().time() - began < ANSWERED_IN_S
        assert await patient == ("answer", 0)
        assert ask.asked == 1


async def test_an_answer_at_hand_is_given_to_whoever_has_hardly_any_time() -> None:
    """Nothing is waited for then."""
    async with open_gateway(demo=False) as gate:
        kept: AtHand[str, str] = AtHand(10, KEPT_S)
        ask = Slow()
        await call(gate, 5_000).shared(kept, "key", ask)
        assert await call(gate, 1).shared(kept, "key", ask) == ("answer", 0)
        assert ask.asked == 1


async def test_what_is_asked_for_all_the_time_is_waited_for_once() -> None:
    """The next answer is there before the one at hand is too old, and is never older than that one."""
    async with open_gateway(demo=False) as gate:
        kept: AtHand[str, int] = AtHand(10, KEPT_S, renewed_s=KEPT_S / 4)
        loop, takes_s = asyncio.get_running_loop(), KEPT_S / 3
        asked_at: list[float] = []
        seen: list[int] = []

        async def ask(everybodys: Call) -> tuple[int, int]:
            asked_at.append(loop.time())
            seen.append(everybodys.at_least)
            await asyncio.sleep(takes_s)
            return len(asked_at), len(asked_at)

        began, waited = loop.time(), []
        while loop.time() < began + 5:
            before = loop.time()
            answer, _ = await call(gate, 5_000).shared(kept, "key", ask)
            waited.append(loop.time() - before)
            assert loop.time() <= asked_at[answer - 1] + KEPT_S
            await asyncio.sleep(0.05)
        assert waited[0] == pytest.approx(takes_s)
        assert max(waited[1:]) == 0
        assert seen == [0, *range(1, len(seen))]
        assert 5 <= len(asked_at) <= 5 / takes_s + 1


async def test_what_nobody_asks_for_any_more_is_not_renewed() -> None:
    """It is for whoever asks again, not for its own sake."""
    async with open_gateway(demo=False) as gate:
        kept: AtHand[str, str] = AtHand(10, KEPT_S, renewed_s=KEPT_S / 2)
        ask = Slow()
        await call(gate, 5_000).shared(kept, "key", ask)
        await asyncio.sleep(10 * KEPT_S)
        assert ask.asked == 1


async def test_whoever_says_they_have_seen_the_future_makes_nobody_else_wait_for_it() -> None:
    """A position can be made up. Holds, and joins, of others go on."""
    async with open_gateway() as gate:
        gate.edge.catalogs.forget(ORG)
        made_up = {"Tidegate-Position": f"{gate.edge.epoch}:{10**12}", "Tidegate-Timeout-Ms": "1000"}
        visitors = [await gate.session() for _ in range(4)]
        _, held, _, joined = await asyncio.gather(
            gate.post("/v1/demo/holds", gate.wish(), as_=visitors[0], headers=made_up),
            gate.post("/v1/demo/holds", gate.wish("2026-06-02T14:00"), as_=visitors[1]),
            gate.post("/v1/demo/rooms/launch/tickets", {}, as_=visitors[2], headers=made_up),
            gate.post("/v1/demo/rooms/launch/tickets", {}, as_=visitors[3]),
        )
        assert held.status_code == 201, told(held)
        assert joined.status_code == 201, told(joined)
