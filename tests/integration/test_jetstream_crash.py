"""What was acknowledged is there after the server was killed, and what follows the log does not notice that it was."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field

from events.errors import Conflict, LogUnavailable, UnknownOutcome
from events.log import EXPECT_NEW, ExpectAt, Step
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, append, collect, entry, take
from tests.support.jetstream import opened_log
from tests.support.waiting import until

WRITERS = 8
KILLS = 3


@dataclass
class Traffic:
    """What the writers were told: the bodies that were acknowledged, by sequence."""

    acknowledged: dict[int, bytes] = field(default_factory=dict)
    over: bool = False

    async def write(self, log: JetStreamLog, writer: int) -> None:
        """Write on until it is over, single and together, and after every failure go on from what the log says."""
        actors = [f"demo.line.w{writer}.{index}" for index in range(3)]
        at = dict.fromkeys(actors, 0)
        turn = 0
        while not self.over:
            turn += 1
            batch = [entry(actor, f"{writer} {turn} {actor}", ExpectAt(at[actor])) for actor in actors]
            try:
                if turn % 3:
                    outcomes = await log.append_each(batch)
                else:
                    outcomes = list(await log.append_together(batch))
                for one, outcome in zip(batch, outcomes, strict=True):
                    if isinstance(outcome, Exception):
                        raise outcome
                    at[one.actor] = outcome
                    self.acknowledged[outcome] = one.body
            except (LogUnavailable, UnknownOutcome, Conflict):
                at = await self.reload(log, actors)

    async def reload(self, log: JetStreamLog, actors: list[str]) -> dict[str, int]:
        while True:
            try:
                found = await log.last_of(actors)
            except LogUnavailable:
                continue
            return {actor: found[actor].sequence if actor in found else 0 for actor in actors}

    async def more(self, commits: int) -> None:
        enough = len(self.acknowledged) + commits
        await until(lambda: len(self.acknowledged) >= enough)


async def test_nothing_acknowledged_is_lost_by_kill_9(own_server: NatsServer) -> None:
    """The server is killed in the middle of traffic, again and again: every acknowledged commit is in the log, under
    its sequence, and a follower has seen the whole log in order, every batch whole."""
    async with opened_log(own_server) as log:
        traffic = Traffic()
        seen: list[Step] = []

        async def follow() -> None:
            async for step in log.follow():
                seen.append(step)

        following = asyncio.ensure_future(follow())
        writers = [asyncio.ensure_future(traffic.write(log, writer)) for writer in range(WRITERS)]
        for _ in range(KILLS):
            await traffic.more(200)
            await own_server.kill()
            await own_server.start()
        await traffic.more(200)
        traffic.over = True
        await asyncio.gather(*writers)

        recorded = {one.sequence: one for one in await collect(log.read())}
        assert {at: recorded[at].body for at in traffic.acknowledged if at in recorded} == traffic.acknowledged
        await until(lambda: bool(seen) and seen[-1][-1].sequence >= max(recorded))
        following.cancel()
        assert [one.sequence for step in seen for one in step] == sorted(recorded)
        for step in seen:
            assert [one.batch and one.batch.index for one in step] in ([None], [1, 2, 3])


async def test_a_pause_is_not_a_death(own_server: NatsServer) -> None:
    """A server that stands still and goes on has lost nothing, and nobody was told otherwise."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE, "before"))
        own_server.pause()
        appending = asyncio.ensure_future(log.append_each([entry("demo.line.a", "during", EXPECT_NEW)]))
        await asyncio.sleep(0.3)
        assert not appending.done()
        own_server.resume()
        assert await appending == [2]


async def test_a_follower_survives_a_restart(own_server: NatsServer) -> None:
    """A follower that waits at the end sees what is appended after the server was away."""
    async with opened_log(own_server) as log:
        [first] = await append(log, entry(ALICE, "before"))
        following = asyncio.ensure_future(take(log.follow(), 2))
        await own_server.stop()
        await own_server.start()
        async with opened_log(own_server) as other:
            await append(other, entry(ALICE, "after", ExpectAt(first)))
        assert [step[0].body for step in await following] == [b"before", b"after"]
        gc.collect()
