"""What a client may follow at a socket, how much of it, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from events.permissions import permitted
from gateway.identity.callers import Caller
from gateway.problems import Problem
from gateway.streams import limits
from gateway.streams.client import NOT_ANY_MORE
from gateway.streams.hub import Hub
from gateway.streams.limits import (
    TOPICS_PER_SOCKET_MAX,
)
from gateway.streams.live import Live
from gateway.streams.messages import CallFor
from gateway.streams.staying import LOOK_EVERY_S, watch
from gateway.streams.topics import Topic, topic_of
from tests.gateway.streams.doorway import Doorway, months
from tests.support.gateway import ORG, TOMORROW, in_virtual_time, open_gateway, told

__all__ = ["in_virtual_time"]


async def test_of_topics_that_cannot_all_be_followed_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused changes nothing."""
    async with open_gateway() as gate:
        live = Hub.live

        async def failing(hub: Hub, org: str, topic: Topic, *about: Any) -> Live:
            if topic.kind == "day":
                raise Problem("not_answered", "nothing can be followed at the moment", "busy")
            return await live(hub, org, topic, *about)

        monkeypatch.setattr(Hub, "live", failing)
        visit = await Doorway(gate).visit()
        assert await visit.subscribe("room/launch", f"day/studio-north/{TOMORROW}") == ["not_answered"]
        assert visit.client.topics == {}
        assert gate.edge.hub.subscriptions == 0


async def test_topics_that_are_asked_for_at_once_are_no_more_than_one_after_another() -> None:
    """Of a socket, each has its bound."""
    async with open_gateway() as gate:
        visit = await Doorway(gate).visit()
        months = [[f"month/studio-north/{2026 + year}-{month:02}" for month in range(1, 13)] for year in range(1, 12)]
        await asyncio.gather(*(visit.subscribe(*some, id=number) for number, some in enumerate(months)))
        assert len(visit.client.topics) == TOPICS_PER_SOCKET_MAX // 12 * 12
        visit.client.closed()


async def test_topics_that_an_address_makes_up_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others follow what they like meanwhile, whoever has a key does, and so does everybody what is there already."""
    monkeypatch.setattr(limits, "TOPICS_PER_ADDRESS_MAX", 20)
    async with open_gateway() as gate:
        doorway = Doorway(gate)
        visits = [await doorway.visit(address="203.0.113.7") for _ in range(2)]
        assert await visits[0].subscribe(*months(20)) == []
        assert await visits[1].subscribe("room/launch") == ["too_many_topics"]
        assert await visits[1].subscribe(*months(20)) == []
        assert await (await doorway.visit(gate.owner, "203.0.113.7")).subscribe("bookings") == []
        assert await (await doorway.visit(address="203.0.113.8")).subscribe("room/launch") == []
        assert await visits[1].subscribe("room/launch") == []
        for visit in visits:
            visit.client.closed()
        await asyncio.sleep(limits.TOPIC_IDLE_S + 10)
        assert await (await doorway.visit(address="203.0.113.7")).subscribe(*months(20, 2030)) == []


async def test_what_is_followed_of_one_organisation_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses it comes from."""
    monkeypatch.setattr(limits, "TOPICS_PER_ORG_MAX", 20)
    async with open_gateway() as gate:
        doorway = Doorway(gate)
        visits = [await doorway.visit(address=f"203.0.113.{number}") for number in range(2)]
        for number, visit in enumerate(visits):
            assert await visit.subscribe(*months(10, 2027 + number)) == []
        assert await visits[0].subscribe("room/launch") == ["busy"]
        hub = gate.edge.hub
        assert (await hub.live("other", topic_of("room/launch"))).org == "other"


async def test_a_key_that_was_revoked_opens_nothing_over_a_socket_that_it_opened() -> None:
    """Whoever asks is told so, and whoever only listens is sent away."""
    async with open_gateway() as gate:
        doorway, key = Doorway(gate), await gate.key("service", id="shop")
        visit, visitor = await doorway.visit(key), await doorway.visit(await gate.session())
        assert await visit.subscribe("bookings") == []
        watching = asyncio.ensure_future(watch(lambda: doorway.entrance.clients))
        await asyncio.sleep(LOOK_EVERY_S * 2)
        assert (visit.wire.closed, visitor.wire.closed) == (None, None)
        revoked = await gate.delete(f"/v1/{ORG}/keys/shop", as_=gate.owner)
        assert revoked.status_code == 200, told(revoked)
        await gate.told()
        assert await visit.subscribe("status") == ["bad_token"]
        await doorway.entrance.call(visit.client, CallFor(id=3, command="book", body=msgspec.Raw(b"{}")))
        assert visit.wire.said[-1]["code"] == "bad_token"
        await asyncio.sleep(LOOK_EVERY_S + 1)
        assert visit.wire.closed == (NOT_ANY_MORE, "bad_token")
        assert visitor.wire.closed is None
        watching.cancel()


async def test_whoever_may_do_less_follows_only_what_they_still_may() -> None:
    """Their role was narrowed, and they have asked for nothing since. What a booking's own token has opened stays open
    until it is left: then it takes the token again."""
    async with open_gateway() as gate:
        doorway = Doorway(gate)
        made = (await gate.post(f"/v1/{ORG}/bookings", gate.wish(), as_=gate.owner)).json()
        other = (await gate.post(f"/v1/{ORG}/bookings", gate.wish(f"{TOMORROW}T14:00"), as_=gate.owner)).json()
        await gate.told()
        mine, theirs = f"booking/{made['booking']}", f"booking/{other['booking']}"
        visit = await doorway.visit(await gate.key("operator", id="staff"))
        visit.hears(type="subscribe", id=1, topic=mine, token=made["manage_token"])
        assert await visit.subscribe("status", "bookings", theirs) == []
        still = visit.client.still

        async def demoted() -> Caller:
            return msgspec.structs.replace(await still(), standing="session", permits=permitted("session"))

        watching = asyncio.ensure_future(watch(lambda: doorway.entrance.clients))
        await asyncio.sleep(LOOK_EVERY_S + 1)
        assert set(visit.client.topics) == {"status", "bookings", mine, theirs}
        before, visit.client.still = len(visit.wire.said), demoted
        await asyncio.sleep(LOOK_EVERY_S + 1)
        assert set(visit.client.topics) == {"status", mine}
        told = [(said["type"], said["id"], said["code"], said["topic"]) for said in visit.wire.said[before:]]
        assert told == [("error", None, "not_permitted", name) for name in ("bookings", theirs)]
        assert gate.edge.hub.subscriptions == 2
        assert visit.client.caller.standing == "session"
        assert visit.wire.closed is None
        visit.hears(type="unsubscribe", id=2, topic=mine)
        assert await visit.subscribe(mine) == ["not_permitted"]
        watching.cancel()


async def test_what_a_token_has_opened_is_held_by_the_token_for_as_long_as_it_is_followed_by_that() -> None:
    """Whoever asks for it again without the token has it by what they may do, and no longer than that."""
    async with open_gateway() as gate:
        made = (await gate.post(f"/v1/{ORG}/bookings", gate.wish(), as_=gate.owner)).json()
        await gate.told()
        topic, visit = f"booking/{made['booking']}", await Doorway(gate).visit(gate.owner)
        demoted = msgspec.structs.replace(visit.client.caller, standing="session", permits=permitted("session"))
        visit.hears(type="subscribe", id=1, topic=topic, token=made["manage_token"])
        await asyncio.sleep(1)
        visit.client.stays(demoted)
        assert list(visit.client.topics) == [topic]
        await visit.subscribe(topic)
        visit.client.stays(demoted)
        assert not visit.client.topics
