"""What a client says, in which order it is done, and what it is answered."""

from __future__ import annotations

import asyncio

import pytest

from gateway.calls import Call
from gateway.measuring.metrics import Metrics
from gateway.streams import commands
from gateway.streams.client import SLOW
from gateway.streams.frames import text_frame
from gateway.streams.hub import Hub
from gateway.streams.limits import (
    CALLS_PER_SOCKET_MAX,
    MARKS_PER_SOCKET_MAX,
    SYNC_WITHIN_S,
    UNREAD_BYTES_MAX,
    UNSENT_BYTES_MAX,
)
from gateway.streams.live import Step
from gateway.streams.messages import CallFor, Sync
from projections.limits import BEAT_MS
from tests.gateway.streams.doorway import Doorway, months
from tests.support.gateway import TOMORROW, in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]


async def test_what_is_unsubscribed_from_before_it_began_is_not_followed() -> None:
    """Nor begun: whoever has left is told nothing more. Other topics of the same request begin."""
    async with open_gateway() as gate:
        visit, topic = await Doorway(gate).visit(), f"holds/studio-north/{TOMORROW}"
        for number, asked in enumerate(([topic], [topic, "room/launch"])):
            visit.hears(type="subscribe", id=2 * number, topics=asked)
            visit.hears(type="unsubscribe", id=2 * number + 1, topic=topic)
        await asyncio.sleep(BEAT_MS / 1000 * 3)
        assert list(visit.client.topics) == ["room/launch"]
        told = [(said["type"], said["id"]) for said in visit.wire.said[1:]]
        assert told[:2] == [("unsubscribed", 1), ("unsubscribed", 3)]
        assert sorted(told[2:]) == [("snapshot", 2), ("synced", 0), ("synced", 2)]


async def test_whoever_starts_over_follows_again_whatever_else_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """To unsubscribe waits for nothing, and is never refused: what a client sends first is done first."""
    async with open_gateway() as gate:
        answered, visit, topic = asyncio.Event(), await Doorway(gate).visit(), f"holds/studio-north/{TOMORROW}"

        async def slow(call: Call, asked: CallFor) -> None:
            await answered.wait()

        monkeypatch.setattr(commands, "done", slow)
        await visit.subscribe(topic)
        for id in range(2, CALLS_PER_SOCKET_MAX + 1):
            visit.hears(type="call", id=id, command="book")
        visit.hears(type="unsubscribe", id=100, topic=topic)
        visit.hears(type="subscribe", id=101, topic=topic)
        visit.hears(type="unsubscribe", id=102, topic=topic)
        assert [said["id"] for said in visit.wire.said[-2:]] == [100, 102]
        await asyncio.sleep(1)
        assert not visit.client.topics
        visit.hears(type="subscribe", id=103, topic=topic)
        await asyncio.sleep(1)
        assert (visit.wire.said[-1]["type"], visit.wire.said[-1]["id"]) == ("snapshot", 103)
        answered.set()
        await asyncio.sleep(1)
        assert list(visit.client.topics) == [topic]


async def test_what_is_left_and_followed_again_before_it_began_begins_as_it_was_asked_for_last() -> None:
    """The first request, which takes longer, does not follow what was left."""
    async with open_gateway() as gate:
        visit, topic = await Doorway(gate).visit(), f"holds/studio-north/{TOMORROW}"
        visit.hears(type="subscribe", id=1, topics=[topic, *months(10)])
        visit.hears(type="unsubscribe", id=2, topic=topic)
        visit.hears(type="subscribe", id=3, topic=topic)
        await asyncio.sleep(BEAT_MS / 1000 * 3)
        assert [said["id"] for said in visit.wire.said if said.get("topic") == topic] == [2, 3]
        assert len(visit.client.topics) == 11


async def test_positions_that_never_come_are_waited_for_while_somebody_does() -> None:
    """So many at a time, for so long, and not after they have gone."""
    async with open_gateway() as gate:
        doorway = Doorway(gate)
        visit, hub = await doorway.visit(), gate.edge.hub
        for number in range(MARKS_PER_SOCKET_MAX + 1):
            doorway.entrance.sync(visit.client, Sync(id=number, position=f"{gate.edge.epoch}:{10**14}"))
        assert len(hub._marks) == MARKS_PER_SOCKET_MAX
        assert visit.wire.said[-1]["code"] == "too_many_requests"
        await asyncio.sleep(SYNC_WITHIN_S + 1)
        late = [said["id"] for said in visit.wire.said if said.get("code") == "behind"]
        assert (late, hub._marks) == (list(range(MARKS_PER_SOCKET_MAX)), {})
        doorway.entrance.sync(visit.client, Sync(id=0, position=f"{gate.edge.epoch}:{10**14}"))
        told = len(visit.wire.said)
        visit.client.closed()
        assert not hub._marks
        await asyncio.sleep(SYNC_WITHIN_S + 1)
        assert len(visit.wire.said) == told


async def test_whoever_was_left_something_out_is_not_synced_before_they_are_shown_it() -> None:
    """A client takes back what it guessed by that: it is to have seen what came of it."""
    async with open_gateway() as gate:
        visit, topic = await Doorway(gate).visit(), f"holds/studio-north/{TOMORROW}"
        await visit.subscribe(topic)
        await asyncio.sleep(1)
        live, step, before = visit.client.topics[topic], Step(1, 2, b"{}"), len(visit.wire.said)
        visit.wire.unsent = UNSENT_BYTES_MAX + 1
        visit.client.hears(live, text_frame(step.message), [step])
        visit.client.heard(b'{"type":"sync","id":7}')
        await asyncio.sleep(BEAT_MS / 1000 * 3)
        assert [said["type"] for said in visit.wire.said[before:]] == []
        visit.wire.unsent = 0
        visit.client.drained()
        await asyncio.sleep(BEAT_MS / 1000 * 3)
        assert [said["type"] for said in visit.wire.said[before:]] == ["reset", "synced"]
        assert not visit.client.marks


async def test_whoever_follows_what_is_in_doubt_is_not_synced_before_it_was_looked_at() -> None:
    """It is of what was lost on the way that nobody has told them."""
    async with open_gateway() as gate:
        visit, topic = await Doorway(gate).visit(), f"holds/studio-north/{TOMORROW}"
        await visit.subscribe(topic)
        await asyncio.sleep(1)
        before = len(visit.wire.said)
        visit.client.topics[topic].doubt()
        visit.client.heard(b'{"type":"sync","id":7}')
        assert visit.wire.said[before:] == []
        await asyncio.sleep(BEAT_MS / 1000 * 3)
        assert [(said["type"], said["id"]) for said in visit.wire.said[before:]] == [("synced", 7)]
        assert not visit.client.marks


async def test_what_is_told_over_sockets_is_counted() -> None:
    """Commands by what they were told, whatever somebody may call them, and problems of whatever else they say."""
    async with open_gateway() as gate:
        metrics = Metrics()
        gate.edge.hub.counts = metrics.streams
        visit = await Doorway(gate).visit(await gate.session())
        for command, args in (("join", {"room": "launch"}), ("join", {"room": "nowhere"}), ("made_up", {})):
            await visit.entrance.call(visit.client, CallFor(id=1, command=command, args=args))
        assert await visit.subscribe("day/nowhere/2026-12-07") == ["unknown_resource"]
        visit.client.heard(b"{")
        taken = {
            (sample.labels["command"], sample.labels["code"]): sample.value
            for family in metrics.collect()
            for sample in family.samples
            if sample.name == "tidegate_stream_call_seconds_count"
        }
        assert taken == {("join", "ok"): 1, ("join", "unknown_room"): 1, ("other", "unknown_command"): 1}
        assert metrics.problems == {"unknown_room": 1, "unknown_command": 1, "unknown_resource": 1, "malformed": 1}


async def test_whoever_asks_for_something_is_answered_even_by_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they asked for is ours to mend, and they do not wait for it."""
    async with open_gateway() as gate:
        visit = await Doorway(gate).visit()

        async def buggy(*about: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Hub, "live", buggy)
        monkeypatch.setattr(commands, "done", buggy)
        visit.hears(type="subscribe", id=1, topic="room/launch")
        visit.hears(type="call", id=2, command="book")
        await asyncio.sleep(1)
        told = [(said["type"], said["id"], said["code"], said["fault"]) for said in visit.wire.said[1:]]
        assert told == [("error", id, "internal", "ours") for id in (1, 2)]


async def test_whoever_asks_and_does_not_read_is_sent_away() -> None:
    """Their answers are not kept for them without end."""
    async with open_gateway() as gate:
        visit = await Doorway(gate).visit()
        visit.wire.unsent = UNREAD_BYTES_MAX + 1
        visit.client.heard(b'{"type":"sync","id":1}')
        assert visit.wire.said[-1]["type"] == "goaway"
        assert visit.wire.closed == (SLOW, "slow")
