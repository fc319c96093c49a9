"""Joins of a waiting room, each a call of its own and on disk before it is answered, beside the usual way: a sorted set
in a Redis that writes before it answers, `ZADD NX` and `ZRANK` in one pipeline per join.

And a whole launch: a hundred thousand who join, wait, are called, claim and go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import redis.asyncio
from rich.console import Console

from actors.decider import Command, Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted, encode_command
from actors.waiting.commands import Claim, Exit, Join, OpenRoom, PauseRoom, PutRoom, ResumeRoom
from bench import redis_server
from bench.commands import Pace
from bench.footprint import cpu_s
from bench.report import Row, number, percentile
from bench.stage import Stage, stage
from events.memory.shelf import MemoryShelf
from events.room import FACTS, RoomSettings, TicketsCalled
from events.waiting.sessions import line_actor, room_actor, session_of, shard_of
from projections.projector import Projector
from projections.rooms import Rooms
from projections.standing import State

ORG = "bench"
WITHIN_MS = 30_000
CONNECTIONS = (16, 64, 256)
_ROOMS = count()


async def have(sender: Sender, actor: str, command: Command) -> Accepted:
    answer = await sender.send(actor, command, within_ms=WITHIN_MS)
    assert isinstance(answer, Accepted), answer
    return answer


async def open_room(sender: Sender, settings: RoomSettings, *, paused: bool = False) -> str:
    """A room that lines have heard of."""
    room = f"room-{next(_ROOMS)}"
    actor = room_actor(ORG, room)
    known = 0
    for command in (PutRoom(settings), OpenRoom(), *((PauseRoom(),) if paused else ())):
        known = (await have(sender, actor, command)).sequence
    for shard in range(settings.shards):
        key = next(key for key in map(_key, count()) if shard_of(session_of(key), settings.shards) == shard)
        line = line_actor(ORG, room, shard)
        while isinstance(await sender.send(line, Join(key, room=known), within_ms=WITHIN_MS), Refusal):
            await asyncio.sleep(0.01)
    return room


def _key(number: int) -> str:
    return f"visitor-{number:012}"


def joins(sender: Sender, room: str, shards: int) -> Callable[[int], asyncio.Future[Accepted | Refusal]]:
    def join(number: int) -> asyncio.Future[Accepted | Refusal]:
        key = _key(1_000 + number)
        line = line_actor(ORG, room, shard_of(session_of(key), shards))
        return sender.post(line, encode_command(Join(key)), within_ms=WITHIN_MS)

    return join


async def drive(total: int, in_flight: int, call: Callable[[int], asyncio.Future[Accepted | Refusal]]) -> Pace:
    taken: list[float] = []
    numbers = iter(range(total))

    async def work() -> None:
        for index in numbers:
            began = time.perf_counter()
            answer = await call(index)
            taken.append(time.perf_counter() - began)
            assert isinstance(answer, Accepted), answer

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - began
    taken.sort()
    return Pace(total / elapsed, percentile(taken, 0.5) * 1_000, percentile(taken, 0.99) * 1_000)


async def paced(rate: float, seconds: float, call: Callable[[int], asyncio.Future[Accepted | Refusal]]) -> float:
    """The 99th percentile in milliseconds at a steady rate, counted from when each was due."""
    total, began = int(rate * seconds), time.perf_counter()
    taken: list[float] = []
    refused: list[Refusal] = []
    under_way: set[asyncio.Future[Accepted | Refusal]] = set()

    def ended(due: float, future: asyncio.Future[Accepted | Refusal]) -> None:
        taken.append(time.perf_counter() - due)
        under_way.discard(future)
        answer = future.result()
        if isinstance(answer, Refusal):
            refused.append(answer)

    for index in range(total):
        due = began + index / rate
        if due - time.perf_counter() > 0.001:
            await asyncio.sleep(due - time.perf_counter())
        elif index % 16 == 0:
            await asyncio.sleep(0)
        future = call(index)
        under_way.add(future)
        future.add_done_callback(partial(ended, due))
    while under_way:
        await asyncio.wait(under_way)
    assert not refused, refused[0]
    taken.sort()
    return percentile(taken, 0.99) * 1_000


# Calling many at once


async def called_at_once_ms(on: Stage, total: int) -> float:
    """From the decision, by the commit's own time, to when the read model shows the last of them called."""
    room = await open_room(on.sender, RoomSettings(capacity=total + 100, queue_max=60_000), paused=True)
    await drive(total, 1_000, joins(on.sender, room, 1))
    log = await on.ground.log(create=False)
    model = Rooms()
    projector = Projector(log, MemoryShelf(), (model,))
    await projector.start()
    running = asyncio.ensure_future(projector.run())
    try:
        await projector.reached((await log.head()).last, WITHIN_MS)
        resumed = await have(on.sender, room_actor(ORG, room), ResumeRoom())
        began = time.time() * 1_000
        places = model.of(ORG)[room].places
        while places.count(State.CALLED) < total:
            assert time.time() * 1_000 - began < WITHIN_MS
            await asyncio.sleep(0.001)  # it has to look: nothing tells how many a room has called
        done = time.time() * 1_000
        recorded = await log.at(resumed.sequence)
        assert recorded is not None
        decided = FACTS.read(recorded.body).at
        return done - decided
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# A whole launch


async def launch(on: Stage, visitors: int, shards: int) -> tuple[float, dict[str, float]]:
    """Seconds until the last of them has gone again, and the seconds of processor time that each process took."""
    settings = RoomSettings(capacity=5_000, queue_max=shards * 60_000, shards=shards, claim_s=600)
    room = await open_room(on.sender, settings)
    actor, join = room_actor(ORG, room), joins(on.sender, room, shards)
    log = await on.ground.log(create=False)
    keys: dict[str, str] = {}
    gone = 0
    all_gone = asyncio.Event()
    called: asyncio.Queue[str] = asyncio.Queue()

    async def listen() -> None:
        async for (recorded,) in log.follow((await log.head()).last, under=f"{ORG}.room"):
            if recorded.actor == actor:
                for one in FACTS.read(recorded.body).decided:
                    for fact in one.facts:
                        if isinstance(fact, TicketsCalled):
                            for ticket in fact.tickets:
                                called.put_nowait(f"{room}.{ticket}")

    async def visit() -> None:
        nonlocal gone
        while True:
            ticket = await called.get()
            key = keys.get(ticket)
            if key is None:
                if int(ticket.rpartition(".")[2]) > 0:
                    called.put_nowait(ticket)  # its answer has not come yet
                    await asyncio.sleep(0.001)
                continue
            claimed = await on.sender.send(actor, Claim(ticket, key), within_ms=WITHIN_MS)
            assert isinstance(claimed, Accepted), claimed
            if claimed.reply["status"] == "claiming":
                called.put_nowait(ticket)
                continue
            await have(on.sender, actor, Exit(ticket, key))
            gone += 1
            if gone == visitors:
                all_gone.set()

    def arrive(index: int) -> asyncio.Future[Accepted | Refusal]:
        future = join(index)
        future.add_done_callback(lambda future: keys.__setitem__(_ticket(future.result()), _key(1_000 + index)))
        return future

    assert on.server.pid is not None
    processes = {name: host.pid for name, host in on.hosts.items()} | {"NATS": on.server.pid}
    before = {name: cpu_s(pid) for name, pid in processes.items()} | {"visitors": time.process_time()}
    began = time.perf_counter()
    listening = asyncio.ensure_future(listen())
    visiting = [asyncio.ensure_future(visit()) for _ in range(500)]
    try:
        await drive(visitors, 1_000, arrive)
        async with asyncio.timeout(300):
            await all_gone.wait()
        took = time.perf_counter() - began
    finally:
        for task in (listening, *visiting):
            task.cancel()
        await asyncio.gather(listening, *visiting, return_exceptions=True)
    after = {name: cpu_s(pid) for name, pid in processes.items()} | {"visitors": time.process_time()}
    return took, {name: after[name] - before[name] for name in after}


def _ticket(answer: Accepted | Refusal) -> str:
    assert isinstance(answer, Accepted), answer
    return str(answer.reply["ticket"])


# The same on Redis


async def _join_there(port: int, connections: int, in_flight: int, total: int, run: int) -> Pace:
    pool = redis.asyncio.BlockingConnectionPool(host="127.0.0.1", port=port, max_connections=connections, timeout=None)
    client = redis.asyncio.Redis(connection_pool=pool)
    line = f"line-{connections}-{run}"
    taken: list[float] = []
    numbers = iter(range(total))

    async def work() -> None:
        for index in numbers:
            began = time.perf_counter()
            pipe = client.pipeline(transaction=False)
            pipe.zadd(line, {_key(index): time.time_ns()}, nx=True)
            pipe.zrank(line, _key(index))
            added, rank = await pipe.execute()
            taken.append(time.perf_counter() - began)
            assert added == 1 and rank is not None

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - began
    await client.aclose()
    await pool.aclose()
    taken.sort()
    return Pace(total / elapsed, percentile(taken, 0.5) * 1_000, percentile(taken, 0.99) * 1_000)


async def rows(runs: int, console: Console) -> list[Row]:
    one = Row("joins into one shard, 1,000 in flight", "/s", goal="≥ 25,000")
    one_p99 = Row("… p99", "ms")
    half = Row("joins at half of that rate, p99", "ms", goal="< 20")
    four = Row("joins into four shards, 1,000 in flight", "/s", goal="≥ 0.8× one shard")
    four_p99 = Row("… p99", "ms")
    called = Row("10,000 called at once: from the decision to the read model", "ms", goal="< 200")
    whole = Row("a launch: 100,000 join, wait, are called, claim and exit", "s")
    theirs = Row("Redis, `appendfsync always`: joins, 1,000 in flight", "/s")
    their_p99 = Row("… p99", "ms")
    folder = redis_server.program()
    async with stage() as on:
        for run in range(runs):
            console.print(f"  joins, run {run + 1} of {runs}", style="dim")
            settings = RoomSettings(capacity=1, queue_max=65_000)
            pace = await drive(50_000, 1_000, joins(on.sender, await open_room(on.sender, settings), 1))
            one.values.append(pace.rate)
            one_p99.values.append(pace.p99_ms)
            half.values.append(
                await paced(
                    pace.rate / 2, 2 * 50_000 / pace.rate, joins(on.sender, await open_room(on.sender, settings), 1)
                )
            )
            settings = RoomSettings(capacity=1, queue_max=240_000, shards=4)
            pace = await drive(50_000, 1_000, joins(on.sender, await open_room(on.sender, settings), 4))
            four.values.append(pace.rate)
            four_p99.values.append(pace.p99_ms)
            called.values.append(await called_at_once_ms(on, 10_000))
        if folder is not None:
            with redis_server.server(folder) as port:
                best: dict[int, list[Pace]] = {connections: [] for connections in CONNECTIONS}
                for run in range(runs):
                    console.print(f"  Redis, run {run + 1} of {runs}", style="dim")
                    for connections, paces in best.items():
                        paces.append(await _join_there(port, connections, 1_000, 10_000, run))
                connections = max(best, key=lambda some: sorted(pace.rate for pace in best[some])[len(best[some]) // 2])
                theirs.values = [pace.rate for pace in best[connections]]
                their_p99.values = [pace.p99_ms for pace in best[connections]]
                theirs.beside = f"{connections} connections, the best of {CONNECTIONS}"
    async with stage() as on:
        console.print("  a launch", style="dim")
        took, processor = await launch(on, 100_000, 4)
        whole.values.append(took)
        whole.beside = "processor: " + ", ".join(f"{name} {number(spent)} s" for name, spent in processor.items())
    one.met, half.met, called.met = one.value >= 25_000, half.value < 20, called.value < 200
    four.met, four.beside = four.value >= 0.8 * one.value, f"{four.value / one.value:.2f}× one shard"
    ours = [one, one_p99, half, four, four_p99, called, whole]
    if folder is None:
        console.print("  Redis: SKIPPED, there is no server on this machine", style="bold yellow")
        return ours
    one.beside = f"{one.value / theirs.value:.1f}× Redis"
    one.goal, one.met = "≥ 25,000, and ≥ 4× Redis", one.value >= max(25_000, 4 * theirs.value)
    return [*ours, theirs, their_p99]
