"""Twenty thousand join a waiting room from two hundred clients over four shards, while hosts are killed twice. Nobody's
ticket is lost or doubled, and all are called exactly in the order of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from actors.waiting.commands import Join, OpenRoom, PutRoom, ShowRoom
from events import line, room
from events.clock import system_clock
from events.errors import UnknownOutcome
from events.log import Recorded
from events.names import kind_of, partition_of
from events.nats.ground import reached
from events.waiting.sessions import line_actor, room_actor, session_of, shard_of
from tests.faults.conftest import Measured
from tests.support.stack import kill, up
from tidegate.verify import verify

pytestmark = pytest.mark.xdist_group("faults")

THREE_HOSTS = ("--runtime", "process", "--hosts", "3")
VISITORS, CLIENTS, SHARDS = 20_000, 200, 4
ROOM = room_actor("demo", "rush")
SETTINGS = room.RoomSettings(capacity=VISITORS, queue_max=VISITORS, shards=SHARDS, claim_s=3_600)
PATIENCE_S = 90


class Crowd:
    """Visitors who join until they are told a ticket. Who gets no answer asks again, as the same visitor, with a
    command of its own: the place is theirs by their key, not by the message."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._visitors = iter(range(VISITORS))
        self.tickets: dict[int, str] = {}
        self.asked = 0

    async def client(self) -> None:
        for visitor in self._visitors:
            self.tickets[visitor] = await self._join(visitor)

    async def _join(self, visitor: int) -> str:
        key = f"visitor-{visitor:012}"
        actor = line_actor("demo", "rush", shard_of(session_of(key), SHARDS))
        while True:
            self.asked += 1
            try:
                answer = await self._sender.send(actor, Join(key), within_ms=2_000)
            except UnknownOutcome:
                continue
            if isinstance(answer, Accepted):
                return str(answer.reply["ticket"])
            assert answer.fault != "caller", answer
            await asyncio.sleep((answer.retry_after_ms or 20) / 1_000)

    async def joined(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.tickets) < count:  # noqa: ASYNC110  # two hundred clients, and no event for each count
                await asyncio.sleep(0.005)


async def test_nobody_is_lost_or_passed_when_hosts_are_killed(tmp_path: Path, measured: Measured) -> None:
    """Twice: the host of the room itself, and then whichever has its place, in the middle of the rush."""
    async with up(tmp_path, *THREE_HOSTS) as stack, reached(stack.reach, name="crowd") as ground:
        sender = Sender(ground.bus, system_clock, by="crowd")
        await sender.start()
        try:
            await _have_open(sender)
            crowd = Crowd(sender)
            began = asyncio.get_running_loop().time()
            clients = [asyncio.create_task(crowd.client()) for _ in range(CLIENTS)]
            for joined in (VISITORS // 4, VISITORS // 2):
                await crowd.joined(joined)
                told = len(stack.events)
                owner = sender.roll.owner_of(partition_of(ROOM))
                assert owner is not None
                victim = owner.host
                kill(stack.pid_of(victim))
                await stack.until("host_back", since=told, host=victim)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*clients)
            measured("20,000 joined, two hosts killed meanwhile", asyncio.get_running_loop().time() - began)
            await _all_called(sender)
        finally:
            await sender.stop()
        log = await ground.log()
        recorded = [one async for one in log.read()]
        assert (await verify(log)).sound
    _nobody_is_lost_or_doubled(recorded, crowd.tickets)
    _called_in_order(recorded)


async def _have_open(sender: Sender) -> None:
    for command in (PutRoom(SETTINGS), OpenRoom()):
        answer = await sender.send(ROOM, command, within_ms=30_000)
        assert isinstance(answer, Accepted), answer


async def _all_called(sender: Sender) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await sender.send(ROOM, ShowRoom(), within_ms=30_000)
            if isinstance(answer, Accepted) and answer.reply["called"] == VISITORS:
                return
            assert not isinstance(answer, Refusal) or answer.fault != "caller", answer
            await asyncio.sleep(0.05)


def _joins(recorded: Sequence[Recorded]) -> Iterator[tuple[str, str]]:
    """Every ticket with its session, in the order of the log."""
    for one in recorded:
        if kind_of(one.actor) == "line":
            shard = one.actor.rpartition(".")[2]
            for decided in line.FACTS.read(one.body).decided:
                for fact in decided.facts:
                    if isinstance(fact, line.Joined):
                        yield f"{shard}.{fact.number}", fact.session


def _nobody_is_lost_or_doubled(recorded: Sequence[Recorded], told: dict[int, str]) -> None:
    joined = dict(_joins(recorded))
    assert len(joined) == len(list(_joins(recorded))) == VISITORS
    assert len(told) == len(set(told.values())) == VISITORS
    for visitor, ticket in told.items():
        assert joined[ticket.removeprefix("rush.")] == session_of(f"visitor-{visitor:012}")
    for shard in range(SHARDS):
        numbers = [int(ticket.partition(".")[2]) for ticket in joined if ticket.startswith(f"{shard}.")]
        assert numbers == list(range(len(numbers)))


def _called_in_order(recorded: Sequence[Recorded]) -> None:
    called = [
        ticket
        for one in recorded
        if one.actor == ROOM
        for decided in room.FACTS.read(one.body).decided
        for fact in decided.facts
        if isinstance(fact, room.TicketsCalled)
        for ticket in fact.tickets
    ]
    assert called == [ticket for ticket, _ in _joins(recorded)]
