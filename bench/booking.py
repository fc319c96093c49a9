"""Bookings of one day each, beside the same work on PostgreSQL: a table whose exclusion constraint forbids two bookings
of one resource that overlap, one transaction per booking, committed to disk before it counts.

Each booking is a call of its own. PostgreSQL is driven by asyncpg, whose connections are what it does at a time, at the
number that suits it best here; fighting for one slot costs it deadlocks, which are tried again as an application would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import asyncpg
from rich.console import Console

from actors.booking.commands import Book, KeepHold, PlaceHold
from actors.catalog import Link, PutEventType, PutResource
from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted, encode_command
from bench import postgres
from bench.commands import Pace
from bench.footprint import cpu_s
from bench.report import Row, percentile
from bench.stage import Stage, stage
from events.calendar.quantum import DAY_MS, SLOT_MS, date_of
from events.clock import Instant, system_clock
from events.day import Item, Wish, day_actor, new_id

RESOURCES = 500
WITHIN_MS = 30_000
CONNECTIONS = (8, 16, 32)
_RUNS = count(2)
"""Each run books another day, so that all of its slots are free."""


@dataclass(frozen=True)
class Slot:
    """One quarter of an hour of one resource."""

    resource: str
    start: Instant

    @property
    def date(self) -> str:
        return date_of(self.start)


def slots(total: int) -> list[Slot]:
    """Free ones, spread over the resources in turn."""
    today = system_clock() // DAY_MS * DAY_MS
    days = -(-total // (RESOURCES * 96))
    first = [today + next(_RUNS) * DAY_MS for _ in range(days)]
    return [
        Slot(f"room-{index % RESOURCES}", first[index // RESOURCES // 96] + index // RESOURCES % 96 * SLOT_MS)
        for index in range(total)
    ]


async def set_up(sender: Sender) -> None:
    event_type = PutEventType("quarter", "A quarter of an hour", durations=(15,), horizon_days=1_800)
    first = await sender.send("bench.catalog", event_type, within_ms=WITHIN_MS)
    assert isinstance(first, Accepted), first
    for number in range(RESOURCES):
        for command in (PutResource(f"room-{number}", "UTC"), Link("quarter", f"room-{number}")):
            answer = await sender.send("bench.catalog", command, within_ms=WITHIN_MS)
            assert isinstance(answer, Accepted), answer


def ask(sender: Sender, slot: Slot, token: str) -> asyncio.Future[Accepted | Refusal]:
    wish = Wish("quarter", slot.start, 15, (Item(slot.resource),))
    command = Book(new_id(slot.resource, slot.date, token), wish)
    return sender.post(day_actor("bench", slot.resource, slot.date), encode_command(command), within_ms=WITHIN_MS)


async def drive(total: int, in_flight: int, one: Callable[[int], Awaitable[bool]]) -> tuple[Pace, int]:
    """So many under way at a time; and how many of them won."""
    taken: list[float] = []
    numbers, won = iter(range(total)), 0

    async def work() -> None:
        nonlocal won
        for number in numbers:
            began = time.perf_counter()
            mine = await one(number)
            taken.append(time.perf_counter() - began)
            won += mine

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - began
    taken.sort()
    return Pace(total / elapsed, percentile(taken, 0.5) * 1_000, percentile(taken, 0.99) * 1_000), won


async def warm(sender: Sender, wanted: list[Slot]) -> None:
    """Have the days of these slots live before the clock starts."""
    days = {(slot.resource, slot.date) for slot in wanted}
    body = encode_command(KeepHold("none", "none"))
    await asyncio.gather(*(sender.post(day_actor("bench", *day), body, within_ms=WITHIN_MS) for day in sorted(days)))


async def spread(sender: Sender, in_flight: int, total: int) -> Pace:
    """Bookings over all resources, each of another slot; their days are live before the clock starts."""
    wanted = slots(total)
    await warm(sender, wanted)
    pace, won = await drive(total, in_flight, lambda number: _won(ask(sender, wanted[number], f"b-{number}")))
    assert won == total, f"{won} of {total} free slots were booked"
    return pace


async def paced(sender: Sender, rate: float, seconds: float) -> float:
    """The 99th percentile in milliseconds at a steady rate."""
    total = int(rate * seconds)
    wanted, taken = slots(total), list[float]()
    await warm(sender, wanted)
    began = time.perf_counter()

    async def one(number: int) -> None:
        asked = time.perf_counter()
        assert isinstance(await ask(sender, wanted[number], f"p-{number}"), Accepted)
        taken.append(time.perf_counter() - asked)

    async with asyncio.TaskGroup() as group:
        for number in range(total):
            ahead = began + number / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            group.create_task(one(number))
    taken.sort()
    return percentile(taken, 0.99) * 1_000


async def fight(sender: Sender, in_flight: int, total: int) -> Pace:
    """All for one slot. One wins."""
    (slot,) = slots(1)
    pace, won = await drive(total, in_flight, lambda number: _won(ask(sender, slot, f"f-{number}")))
    assert won == 1, f"{won} bookings of one slot"
    return pace


async def heartbeat_us(on: Stage, total: int = 20_000) -> float:
    """What keeping a hold costs the host: processor time of its process, with many heartbeats under way."""
    (slot,) = slots(1)
    actor, hold = day_actor("bench", slot.resource, slot.date), new_id(slot.resource, slot.date, "h-1")
    wish = Wish("quarter", slot.start, 15, (Item(slot.resource),))
    placed = await on.sender.send(actor, PlaceHold(hold, "bench", wish), within_ms=WITHIN_MS)
    assert isinstance(placed, Accepted), placed
    body = encode_command(KeepHold(hold, "bench"))
    (host,) = on.hosts.values()
    before = cpu_s(host.pid)
    _, kept = await drive(total, 256, lambda _number: _won(on.sender.post(actor, body, within_ms=WITHIN_MS)))
    assert kept == total
    return (cpu_s(host.pid) - before) / total * 1e6


async def _won(call: asyncio.Future[Accepted | Refusal]) -> bool:
    answer = await call
    assert isinstance(answer, Accepted) or answer.code == "taken", answer
    return isinstance(answer, Accepted)


# The same on PostgreSQL

SCHEMA = """
CREATE EXTENSION btree_gist;
CREATE TABLE booking (
    id text PRIMARY KEY, resource text NOT NULL, during tstzrange NOT NULL,
    EXCLUDE USING gist (resource WITH =, during WITH &&)
);
"""
INSERT = "INSERT INTO booking VALUES ($1, $2, tstzrange(to_timestamp($3), to_timestamp($4)))"
FIGHT_S = 10.0


async def _book_there(pool: asyncpg.Pool, slot: Slot, token: str) -> bool:
    """One transaction; tried again after a deadlock."""
    begin = slot.start / 1_000
    while True:
        try:
            await pool.execute(INSERT, f"{slot.resource}-{token}-{slot.start}", slot.resource, begin, begin + 900)
        except asyncpg.ExclusionViolationError:
            return False
        except asyncpg.DeadlockDetectedError:
            continue
        return True


async def _there(port: int, connections: int, in_flight: int, total: int) -> Pace:
    async with asyncpg.create_pool(
        host="127.0.0.1", port=port, user="peer", database="postgres", min_size=connections, max_size=connections
    ) as pool:
        wanted = slots(total)
        pace, won = await drive(total, in_flight, lambda number: _book_there(pool, wanted[number], f"b-{number}"))
        assert won == total
        return pace


async def _fight_there(port: int, connections: int) -> tuple[float, int]:
    """Answers a second while all want one slot, for a bounded time; and how many bookings there are."""
    async with asyncpg.create_pool(
        host="127.0.0.1", port=port, user="peer", database="postgres", min_size=connections, max_size=connections
    ) as pool:
        (slot,) = slots(1)
        answers = won = 0
        began = time.perf_counter()

        async def work(caller: int) -> None:
            nonlocal answers, won
            number = 0
            while time.perf_counter() - began < FIGHT_S:
                number += 1
                mine = await _book_there(pool, slot, f"f-{caller}-{number}")
                won += mine
                answers += 1

        workers = [asyncio.create_task(work(caller)) for caller in range(64)]
        await asyncio.wait(workers, timeout=FIGHT_S + 5)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return answers / (time.perf_counter() - began), won


async def rows(runs: int, console: Console) -> list[Row]:
    few = Row("bookings over 500 resource-days, 64 in flight", "/s", goal="≥ 1× PostgreSQL at its best")
    few_p99 = Row("… p99", "ms")
    many_one = Row("bookings over 500 resource-days, 1,000 in flight, one host", "/s")
    many = Row("… two hosts, as the stack has them", "/s", goal="≥ 2× PostgreSQL at its best")
    many_p99 = Row("… p99", "ms")
    half = Row("bookings at half of the first rate, p99", "ms", goal="< 25")
    hot = Row("one slot fought for by 64 callers", "answers/s", goal="≥ 20,000")
    beat = Row("a hold's heartbeat, processor time of the host", "µs", goal="< 20")
    theirs = Row("PostgreSQL, exclusion constraint: bookings over 500 resource-days", "/s")
    their_hot = Row("PostgreSQL: one slot fought for by 64 callers", "answers/s")
    async with stage() as on:
        await set_up(on.sender)
        for run in range(runs):
            console.print(f"  bookings, run {run + 1} of {runs}", style="dim")
            pace = await spread(on.sender, 64, 15_000)
            few.values.append(pace.rate)
            few_p99.values.append(pace.p99_ms)
            half.values.append(await paced(on.sender, pace.rate / 2, 3.0))
            pace = await spread(on.sender, 1_000, 40_000)
            many_one.values.append(pace.rate)
            hot.values.append((await fight(on.sender, 64, 60_000)).rate)
            beat.values.append(await heartbeat_us(on))
    async with stage(hosts=2) as on:
        await set_up(on.sender)
        for run in range(runs):
            console.print(f"  bookings on two hosts, run {run + 1} of {runs}", style="dim")
            pace = await spread(on.sender, 1_000, 40_000)
            many.values.append(pace.rate)
            many_p99.values.append(pace.p99_ms)
    hot.met, beat.met, half.met = hot.value >= 20_000, beat.value < 20, half.value < 25
    ours = [few, few_p99, many_one, many, many_p99, half, hot, beat]
    folder = postgres.programs()
    if folder is None:
        console.print("  PostgreSQL: SKIPPED, there is no server on this machine", style="bold yellow")
        return ours
    with postgres.server(folder) as port:
        connection = await asyncpg.connect(host="127.0.0.1", port=port, user="peer", database="postgres")
        await connection.execute(SCHEMA)
        await connection.close()
        best: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
        for run in range(runs):
            console.print(f"  PostgreSQL, run {run + 1} of {runs}", style="dim")
            for connections, rates in best.items():
                rates.append((await _there(port, connections, connections, 10_000)).rate)
        connections = max(best, key=lambda number: sorted(best[number])[len(best[number]) // 2])
        theirs.values, theirs.beside = best[connections], f"{connections} connections, the best of {CONNECTIONS}"
        rate, won = await _fight_there(port, connections)
        their_hot.values.append(rate)
        their_hot.beside = f"{won} booking of the slot; deadlocks tried again, {FIGHT_S:.0f} s"
    few.met, few.beside = few.value >= theirs.value, f"{few.value / theirs.value:.1f}× PostgreSQL"
    many_one.beside = f"{many_one.value / theirs.value:.1f}× PostgreSQL"
    many.met, many.beside = many.value >= 2 * theirs.value, f"{many.value / theirs.value:.1f}× PostgreSQL"
    return [*ours, theirs, their_hot]
