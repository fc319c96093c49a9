"""Topics over plain HTTP: what cannot begin leaves nothing behind, and neither does who does not stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.errors import BusError
from gateway.streams.hub import Hub
from gateway.streams.live import Live
from gateway.streams.topics import Topic
from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused

__all__ = ["in_virtual_time"]

PATH = "/v1/demo/events"
TOPICS = ("room/launch", "day/studio-north/2026-06-02")
QUERY = "&".join(f"topic={topic}" for topic in TOPICS)


def fails_at_the_last(monkeypatch: pytest.MonkeyPatch, after_s: float) -> None:
    """The hub does not know what to do with the last of them, and says so after a while."""
    live = Hub.live

    async def failing(hub: Hub, org: str, topic: Topic, *about: Any) -> Live:
        if topic.name == TOPICS[-1]:
            await asyncio.sleep(after_s)
            raise BusError("away")
        return await live(hub, org, topic, *about)

    monkeypatch.setattr(Hub, "live", failing)


async def test_a_stream_of_which_one_topic_cannot_be_followed_follows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as a problem."""
    async with open_gateway() as gate:
        fails_at_the_last(monkeypatch, after_s=1)
        assert refused(await gate.get(f"{PATH}?{QUERY}"))[0] == 503
        await asyncio.sleep(5)
        assert (gate.edge.hub.subscriptions, len(gate.front.events)) == (0, 0)


async def test_whoever_gives_up_while_topics_are_looked_for_follows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even those that were found."""
    async with open_gateway() as gate:
        fails_at_the_last(monkeypatch, after_s=1_000)
        asking = asyncio.ensure_future(gate.get(f"{PATH}?{QUERY}"))
        await asyncio.sleep(5)
        asking.cancel()
        await asyncio.wait((asking,))
        assert asking.cancelled()
        await asyncio.sleep(5)
        assert (gate.edge.hub.subscriptions, len(gate.front.events)) == (0, 0)


async def test_whoever_goes_before_they_were_answered_follows_nothing() -> None:
    """Though nothing of the stream was ever read."""
    async with open_gateway() as gate:
        await _goes_at_once(gate)
        await asyncio.sleep(5)
        assert (gate.edge.hub.subscriptions, len(gate.front.events)) == (0, 0)


async def _goes_at_once(gate: Gate) -> None:
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        await asyncio.sleep(1)  # nothing is taken

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": PATH, "raw_path": PATH.encode(), "root_path": "", "query_string": QUERY.encode(),
        "headers": [(b"host", b"gate")], "client": ("203.0.113.7", 4711), "server": ("gate", 80),
    }  # fmt: skip
    app: Any = gate.app
    await app(scope, receive, send)
