"""The HTTP API on 64 connections: bookings and joins, durable when they are answered, beside the same API written the
usual way (`usual_way`); and what is free on a day, beside the bare framework with a constant answer.

All servers are one process of uvicorn with httptools and uvloop, and the same load asks all of them (`load`). Ours is a
whole stack as `tidegate up` has it, access log and all (`stack`); theirs writes none. The pools of the usual way are as
large as suits it best here. Nobody of them runs while another one is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.request import urlopen

import orjson
from rich.console import Console

from actors.catalog import Link, PutEventType
from bench import booking, postgres, redis_server, usual_way, waiting
from bench.booking import RESOURCES, Slot, slots
from bench.load import CONNECTIONS, HOST, Fired, fire, request
from bench.report import Row
from bench.stack import ORG, Stack, beside, stack
from events.clock import iso
from events.room import RoomSettings

POOLS: Final = (8, 16, 32, 64)
SESSIONS: Final = 1_000
READ_MINUTES: Final = 60
_LINES: Final = count()


@dataclass(frozen=True)
class Size:
    """How much of each is asked for in a run."""

    bookings: int = 10_000
    joins: int = 10_000
    reads: int = 10_000
    warm: int = 500
    """Asked before the clock starts."""


SIZE: Final = Size()


class Figures:
    """What was measured of one thing, run after run, and the rows that it becomes."""

    def __init__(self, what: str) -> None:
        self.fired: Final[list[Fired]] = []
        self.rate: Final = Row(what, "/s")
        self.p50: Final = Row("… p50", "ms")
        self.p95: Final = Row("… p95", "ms")
        self.p99: Final = Row("… p99", "ms")

    def add(self, fired: Fired) -> None:
        self.fired.append(fired)
        self.rate.values.append(fired.rate)
        self.p50.values.append(fired.p50_ms)
        self.p95.values.append(fired.p95_ms)
        self.p99.values.append(fired.p99_ms)

    def stands_beside(self, theirs: Figures, least: float, whom: str) -> None:
        ratio = self.rate.value / theirs.rate.value
        self.rate.beside, self.rate.goal, self.rate.met = f"{ratio:.2f}× {whom}", f"≥ {least:g}× {whom}", ratio >= least

    @property
    def rows(self) -> list[Row]:
        return [self.rate, self.p50, self.p95, self.p99]


# What is asked


def book(slot: Slot, minutes: int, token: str, path: str = f"/v1/{ORG}/bookings") -> bytes:
    """A booking as a page sends it."""
    wanted = {
        "event_type": "quarter", "resource": slot.resource, "start": iso(slot.start), "duration": minutes,
        "booker": {"name": "Ann Lee", "email": "ann@example.org"},
    }  # fmt: skip
    return request("POST", path, token=token, body=orjson.dumps(wanted))


def bookings(wanted: Sequence[Slot], tokens: Sequence[str], path: str = f"/v1/{ORG}/bookings") -> list[bytes]:
    return [book(slot, 15, tokens[number % len(tokens)], path) for number, slot in enumerate(wanted)]


def joins(room: str, tokens: Sequence[str], path: str = f"/v1/{ORG}/rooms") -> list[bytes]:
    return [request("POST", f"{path}/{room}/tickets", token=token, body=b"{}") for token in tokens]


def read(slot: Slot, token: str = "") -> bytes:
    query = f"event_type=hour&resource={slot.resource}&date={slot.date}&duration={READ_MINUTES}"
    return request("GET", f"/v1/{ORG}/slots?{query}", token=token)


# Ours


async def set_up(on: Stack) -> None:
    """500 resources that can be booked by the quarter, and looked at by the hour."""
    await booking.set_up(on.sender)
    hours = PutEventType("hour", "An hour", durations=(READ_MINUTES,), horizon_days=1_800)
    for command in (hours, *(Link("hour", f"room-{number}") for number in range(RESOURCES))):
        await waiting.have(on.sender, f"{ORG}.catalog", command)


async def book_here(on: Stack, size: Size) -> Fired:
    """Each of another slot, on days that are live, by one of so many visitors."""
    wanted, tokens = slots(size.warm + size.bookings), on.visitors(SESSIONS)
    await booking.warm(on.sender, wanted)
    asked = bookings(wanted, tokens)
    await fire(on.port, asked[: size.warm])
    return await fire(on.port, asked[size.warm :])


async def join_here(on: Stack, size: Size) -> Fired:
    """Each another visitor, whose session was prepared before."""
    room = await waiting.open_room(on.sender, RoomSettings(capacity=1, queue_max=65_000))
    asked = joins(room, on.visitors(size.warm + size.joins))
    await fire(on.port, asked[: size.warm])
    return await fire(on.port, asked[size.warm :])


async def read_here(on: Stack, asked: Sequence[bytes], size: Size) -> Fired:
    await fire(on.port, asked[: size.warm])
    return await fire(on.port, asked)


def answer_bytes(on: Stack, slot: Slot) -> int:
    """How large the answer is that reads are given."""
    path = read(slot).split(b" ", 2)[1].decode()
    with urlopen(f"http://{HOST}:{on.port}{path}", timeout=5) as answer:
        return len(answer.read())


# Theirs


async def best_of(
    pools: Sequence[int], runs: int, measure: Callable[[int], Awaitable[Fired]], what: str, say: Callable[[str], None]
) -> Figures:
    """What the usual way does with the pool that suits it best."""
    found: dict[int, Figures] = {pool: Figures(what) for pool in pools}
    for run in range(runs):
        say(f"{what}, run {run + 1} of {runs}")
        for pool, figures in found.items():
            figures.add(await measure(pool))
    pool = max(found, key=lambda pool: found[pool].rate.value)
    found[pool].rate.beside = f"a pool of {pool}, the best of {', '.join(map(str, pools))}"
    return found[pool]


async def book_there(postgres_port: int, pool: int, size: Size, *how: str) -> Fired:
    wanted = slots(size.warm + size.bookings)
    tokens = [usual_way.token_of(f"session-{number}") for number in range(SESSIONS)]
    async with beside("bench.usual_way", str(pool), "--postgres", str(postgres_port), *how) as port:
        asked = bookings(wanted, tokens, "/v1/bookings")
        await fire(port, asked[: size.warm])
        return await fire(port, asked[size.warm :])


async def join_there(redis_port: int, pool: int, size: Size) -> Fired:
    line = f"line-{next(_LINES)}"
    tokens = [usual_way.token_of(f"visitor-{number}") for number in range(size.warm + size.joins)]
    async with beside("bench.usual_way", str(pool), "--redis", str(redis_port)) as port:
        asked = joins(line, tokens, "/v1/rooms")
        await fire(port, asked[: size.warm])
        return await fire(port, asked[size.warm :])


async def bare(runs: int, answer_bytes: int, size: Size) -> Figures:
    figures = Figures(f"Litestar alone, a constant answer of {answer_bytes:,} bytes")
    async with beside("bench.bare", str(answer_bytes)) as port:
        asked = [request("GET", "/")] * size.reads
        for _ in range(runs):
            await fire(port, asked[: size.warm])
            figures.add(await fire(port, asked))
    return figures


async def rows(runs: int, console: Console, size: Size = SIZE, pools: Sequence[int] = POOLS) -> list[Row]:
    def say(text: str) -> None:
        console.print(f"  {text}", style="dim")

    booked = Figures(f"bookings over HTTP, {CONNECTIONS} connections, 500 resource-days")
    joined = Figures(f"joins over HTTP, {CONNECTIONS} connections, each another visitor")
    all_joined = Row(f"{size.joins:,} visitors joined", "s", goal="< 4")
    same = Figures("day slots over HTTP, a day that everybody looks at")
    others = Figures("day slots over HTTP, 500 resource-days, 1,000 visitors' sessions")
    async with stack() as on:
        await set_up(on)
        tokens = on.visitors(SESSIONS)
        days = slots(size.reads)
        once, spread = [read(days[0])] * size.reads, [read(day, tokens[at % SESSIONS]) for at, day in enumerate(days)]
        for run in range(runs):
            say(f"over HTTP, run {run + 1} of {runs}")
            booked.add(await book_here(on, size))
            joined.add(await join_here(on, size))
            all_joined.values.append(joined.fired[-1].took_s)
            same.add(await read_here(on, once, size))
            others.add(await read_here(on, spread, size))
        slots_bytes = await asyncio.to_thread(answer_bytes, on, days[0])
    say("Litestar alone")
    alone = await bare(runs, slots_bytes, size)
    same.stands_beside(alone, 0.7, "Litestar alone")
    others.stands_beside(alone, 0.7, "Litestar alone")
    joined.p95.goal, joined.p95.met = "< 30", joined.p95.value < 30
    all_joined.met = all_joined.value < 4
    found = [*booked.rows, *await _booked_there(booked, runs, size, pools, console, say)]
    found += [*joined.rows, all_joined, *await _joined_there(joined, runs, size, pools, console, say)]
    return [*found, *same.rows, *others.rows, *alone.rows]


async def _booked_there(
    ours: Figures, runs: int, size: Size, pools: Sequence[int], console: Console, say: Callable[[str], None]
) -> list[Row]:
    folder = postgres.programs()
    if folder is None:
        console.print("  PostgreSQL: SKIPPED, there is no server on this machine", style="bold yellow")
        return []
    what = "FastAPI, asyncpg, PostgreSQL's exclusion constraint: the same bookings"
    with postgres.server(folder) as port:
        await usual_way.set_up(port, RESOURCES)
        theirs = await best_of(pools, runs, lambda pool: book_there(port, pool, size), f"{what} by the same rules", say)
        await usual_way.clear(port)
        lawless = await best_of(
            pools, runs, lambda pool: book_there(port, pool, size, "--lawless"), f"{what}, by no rules at all", say
        )
    ours.stands_beside(theirs, 1.5, "FastAPI and PostgreSQL")
    lawless.rate.beside += f"; ours are {ours.rate.value / lawless.rate.value:.2f}× as many"
    return [*theirs.rows, *lawless.rows]


async def _joined_there(
    ours: Figures, runs: int, size: Size, pools: Sequence[int], console: Console, say: Callable[[str], None]
) -> list[Row]:
    program = redis_server.program()
    if program is None:
        console.print("  Redis: SKIPPED, there is no server on this machine", style="bold yellow")
        return []
    what = "FastAPI and Redis, `appendfsync always`: the same joins"
    with redis_server.server(program) as port:
        theirs = await best_of(pools, runs, lambda pool: join_there(port, pool, size), what, say)
    ours.stands_beside(theirs, 1.5, "FastAPI and Redis")
    return theirs.rows
