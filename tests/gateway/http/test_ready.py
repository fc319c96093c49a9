"""What is ready for everybody is nobody's own, and never older than it may be."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from gateway.http.ready import Ready
from gateway.limits import READY_FRESH_S, SLOTS_FRESH_S
from tests.support.gateway import Gate, in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]

SLOTS = "/v1/demo/slots?event_type=session&resource=studio-north&date=2026-06-02&duration=60"


class Counting:
    """The application, and how often it was asked."""

    def __init__(self, gate: Gate) -> None:
        self.asked = 0
        self._app = gate.app
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(Ready(self)),
            base_url="http://gate",
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await self._app(scope, receive, send)


async def test_whoever_says_nothing_of_themselves_is_told_what_the_one_before_was() -> None:
    """The same bytes, and the application is asked once."""
    async with open_gateway() as gate:
        app = Counting(gate)
        first, *others = [await app.client.get(SLOTS) for _ in range(20)]
        assert first.status_code == 200
        assert {one.content for one in others} == {first.content}
        assert {one.headers["content-type"] for one in others} == {first.headers["content-type"]}
        assert app.asked == 1


async def test_it_is_told_for_a_moment_only() -> None:
    """Then it is asked for anew."""
    async with open_gateway() as gate:
        app, visitor = Counting(gate), await gate.session()
        before = await app.client.get(SLOTS)
        await gate.post("/v1/demo/bookings", gate.wish(), as_=visitor)
        await gate.told()
        await asyncio.sleep(READY_FRESH_S + SLOTS_FRESH_S)
        after = await app.client.get(SLOTS)
        assert app.asked == 2
        assert before.json() != after.json()


@pytest.mark.parametrize(
    "header",
    ["Authorization", "Cookie", "Tidegate-Position", "Tidegate-Session", "If-None-Match", "Origin", "Tidegate-Pass"],
)
async def test_whoever_says_something_is_answered_for_themselves(header: str) -> None:
    """Who they are, what they have seen, or which page asks for them."""
    async with open_gateway() as gate:
        app, visitor = Counting(gate), await gate.session()
        await app.client.get(SLOTS)
        said = {"Authorization": f"Bearer {visitor}", "Tidegate-Session": visitor}.get(header, "x=1")
        for _ in range(2):
            await app.client.get(SLOTS, headers={header: said})
        assert app.asked == 3


@pytest.mark.parametrize("path", ["/v1/demo/nothing", "/v1/demo/rooms/nowhere", "/v1/demo/resources", "/livez"])
async def test_nothing_else_is_kept(path: str) -> None:
    """No problem, and no other route."""
    async with open_gateway() as gate:
        app = Counting(gate)
        for _ in range(2):
            await app.client.get(path)
        assert app.asked == 2
