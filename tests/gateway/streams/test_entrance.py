"""What a client follows at a socket, and whom it keeps alive by that."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest

from actors.decider import Command
from actors.runtime.wire import Accepted
from actors.waiting.commands import Touch
from events.permissions import permitted
from gateway.calls import Call
from gateway.http.front import Front
from gateway.identity.bearer import Bearers
from gateway.identity.callers import Caller
from gateway.limiting.limits import RateLimits
from gateway.limiting.rates import Rates
from gateway.measuring.metrics import Metrics
from gateway.problems import Problem
from gateway.streams import commands, limits
from gateway.streams.client import NOT_ANY_MORE, SLOW, Client
from gateway.streams.entrance import SETTLE_AGAIN_S_MAX, Entrance
from gateway.streams.frames import text_frame
from gateway.streams.hub import Hub
from gateway.streams.limits import (
    CALLS_PER_SOCKET_MAX,
    MARKS_PER_SOCKET_MAX,
    TOPICS_PER_SOCKET_MAX,
    UNREAD_BYTES_MAX,
    UNSENT_BYTES_MAX,
)
from gateway.streams.live import Live, Step
from gateway.streams.living import Living
from gateway.streams.messages import CallFor, Subscribe, Sync, Unsubscribe
from gateway.streams.staying import LOOK_EVERY_S, watch
from gateway.streams.topics import Topic, topic_of
from projections.limits import BEAT_MS
from tests.support.gateway import ORG, TOMORROW, Gate, in_virtual_time, open_gateway, told

__all__ = ["in_virtual_time"]


class Wire:
    """A socket that keeps what it is given to send."""

    unsent = 0

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.closed: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        self.said.append(msgspec.json.decode(frame[frame.index(b'{"') :]))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Visit:
    """A client at a socket of a gateway, without the wire."""

    def __init__(self, entrance: Entrance, client: Client) -> None:
        self.wire = Wire()
        self.client = client
        self.entrance = entrance
        client.opened(self.wire)  # type: ignore[arg-type]  # as much of a socket as a client uses

    def hears(self, **said: Any) -> None:
        self.client.heard(msgspec.json.encode(said))

    async def subscribe(self, *topics: str, id: int = 1) -> list[str]:
        """The codes of the problems that it is told."""
        before = len(self.wire.said)
        await self.entrance.subscribe(self.client, Subscribe(id=id, topics=topics), set(topics))
        return [said["code"] for said in self.wire.said[before:] if said["type"] == "error"]


class Doorway:
    """Sockets of a gateway, and who is there by them."""

    def __init__(self, gate: Gate) -> None:
        self.living = Living(gate.edge.sender)
        bearers = Bearers(gate.edge.sessions, gate.register, gate.clock)
        front = Front(gate.edge, bearers, rates=Rates(RateLimits()))
        self.entrance = Entrance(front, gate.edge.hub, self.living)
        self._gate = gate

    async def visit(self, token: str = "", address: str = "") -> Visit:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        still = partial(self._gate.front.caller, "GET", ORG, headers)
        return Visit(self.entrance, Client(self.entrance, await still(), address, still))


async def joined(gate: Gate) -> tuple[str, str]:
    """A visitor's token, and their ticket."""
    visitor = await gate.session()
    answer = await gate.post(f"/v1/{ORG}/rooms/launch/tickets", {}, as_=visitor)
    assert answer.status_code == 201, told(answer)
    await gate.told()
    return visitor, answer.json()["ticket"]


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

    def __init__(self, monkeypatch: pytest.MonkeyPatch, problem: Problem | None) -> None:
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


LATE = Problem("deadline_passed", "the time that was given for it is over", "late")


@pytest.mark.parametrize("problem", [Problem("busy", "the mailbox is full", "busy"), LATE])
async def test_whoever_follows_their_ticket_while_its_line_is_busy_is_there_when_it_is_not(
    monkeypatch: pytest.MonkeyPatch, problem: Problem
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
        await asyncio.sleep(SETTLE_AGAIN_S_MAX + 1)
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


def months(count: int, year: int = 2027) -> list[str]:
    return [f"month/studio-north/{year + number // 12}-{1 + number % 12:02}" for number in range(count)]


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
    """So many at a time, and not after they have gone."""
    async with open_gateway() as gate:
        doorway = Doorway(gate)
        visit, hub = await doorway.visit(), gate.edge.hub
        for number in range(MARKS_PER_SOCKET_MAX + 1):
            doorway.entrance.sync(visit.client, Sync(id=number, position=f"{gate.edge.epoch}:{10**14}"))
        assert len(hub._marks) == MARKS_PER_SOCKET_MAX
        assert visit.wire.said[-1]["code"] == "too_many_requests"
        visit.client.closed()
        assert not hub._marks


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


async def test_whoever_asks_and_does_not_read_is_sent_away() -> None:
    """Their answers are not kept for them without end."""
    async with open_gateway() as gate:
        visit = await Doorway(gate).visit()
        visit.wire.unsent = UNREAD_BYTES_MAX + 1
        visit.client.heard(b'{"type":"sync","id":1}')
        assert visit.wire.said[-1]["type"] == "goaway"
        assert visit.wire.closed == (SLOW, "slow")
