"""The HTTP API on 64 connections: bookings and joins, durable when they are answered, beside the same API written the
usual way (`usual_way`); and what is free on a day, beside the bare framework with a constant answer.

All servers are one process of uvicorn with httptools and uvloop, and the same load asks all of them (`load`). Ours is a
whole stack as `tidegate up` has it (`stack`). It writes a line for each request, and so does the usual way, as both do
by default; how much of the difference is that line is measured as well, and the bare framework writes none. The pools
of the usual way are as large as suits it best here: all sizes are tried in three runs, and the two best ones from then
on. Nobody of them runs while another one is measured.

A run has all of them, one after the other. A machine that is shared is quicker in one minute than in the next; so who
is compared is measured within the same minutes, and the ratio of two is the median of what it was in each run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median
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
_ALL_RUN, _GO_ON = 3, 2


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

    def times(self, theirs: Figures) -> list[float]:
        """How many times as many these are, run by run."""
        return [ours / their for ours, their in zip(self.rate.values, theirs.rate.values, strict=True)]

    def stands_beside(self, theirs: Figures, least: float, whom: str) -> None:
        times = self.times(theirs)
        self.rate.beside = f"{median(times):.2f}× {whom} ({min(times):.2f} – {max(times):.2f})"
        self.rate.goal, self.rate.met = f"≥ {least:g}× {whom}", median(times) >= least

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


class Theirs:
    """What the usual way does with each size of its pool."""

    def __init__(self, what: str, pools: Sequence[int], say: Callable[[str], None]) -> None:
        self._found: Final = {pool: Figures(what) for pool in pools}
        self._tried = list(pools)
        """Those that are still measured, the best one first."""
        self._what: Final = what
        self._say: Final = say

    async def run(self, measure: Callable[[int], Awaitable[Fired]]) -> None:
        self._say(self._what)
        for pool in self._tried:
            self._found[pool].add(await measure(pool))
        self._tried.sort(key=lambda pool: -self._found[pool].rate.value)
        if len(self._found[self._tried[0]].fired) >= _ALL_RUN:
            del self._tried[_GO_ON:]

    def best(self) -> Figures:
        """With the pool that suits it best."""
        figures = self._found[self._tried[0]]
        figures.rate.beside = f"a pool of {self._tried[0]}, the best of {', '.join(map(str, self._found))}"
        return figures


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


async def bare(figures: Figures, answer_bytes: int, size: Size) -> None:
    async with beside("bench.bare", str(answer_bytes)) as port:
        asked = [request("GET", "/")] * size.reads
        await fire(port, asked[: size.warm])
        figures.add(await fire(port, asked))


class Contest:
    """All who are measured, in each run once."""

    def __init__(self, size: Size, pools: Sequence[int], console: Console) -> None:
        def say(text: str) -> None:
            console.print(f"    {text}", style="dim")

        self._size: Final = size
        self._say: Final = say
        self._postgres: Final = postgres.programs()
        self._redis: Final = redis_server.program()
        for name, server in (("PostgreSQL", self._postgres), ("Redis", self._redis)):
            if server is None:
                console.print(f"  {name}: SKIPPED, there is no server on this machine", style="bold yellow")
        self._booked: Final = Figures(f"bookings over HTTP, {CONNECTIONS} connections, 500 resource-days")
        self._joined: Final = Figures(f"joins over HTTP, {CONNECTIONS} connections, each another visitor")
        self._all_joined: Final = Row(f"{size.joins:,} visitors joined", "s", goal="< 4")
        self._same: Final = Figures("day slots over HTTP, a day that everybody looks at")
        self._others: Final = Figures("day slots over HTTP, 500 resource-days, 1,000 visitors' sessions")
        self._alone: Final = Figures("Litestar alone, a constant answer of as many bytes")
        what = "FastAPI, asyncpg, PostgreSQL's exclusion constraint: the same bookings"
        self._lawful: Final = Theirs(f"{what} by the same rules", pools, say)
        self._silent: Final = Theirs(f"{what} by the same rules, and no access log", pools, say)
        self._lawless: Final = Theirs(f"{what} by no rules at all, and no access log", pools, say)
        self._lined_up: Final = Theirs("FastAPI and Redis, `appendfsync always`: the same joins", pools, say)

    async def run(self) -> None:
        await bare(self._alone, await self._ours(), self._size)
        if self._postgres is not None:
            with postgres.server(self._postgres) as port:
                await usual_way.set_up(port, RESOURCES)
                await self._lawful.run(lambda pool: self._book_there(port, pool))
                await self._silent.run(lambda pool: self._book_there(port, pool, "--silent"))
                await self._lawless.run(lambda pool: self._book_there(port, pool, "--silent", "--lawless"))
        if self._redis is not None:
            with redis_server.server(self._redis) as port:
                await self._lined_up.run(lambda pool: join_there(port, pool, self._size))

    async def _ours(self) -> int:
        """How large an answer was."""
        size = self._size
        self._say("Tidegate")
        async with stack() as on:
            await set_up(on)
            tokens, days = on.visitors(SESSIONS), slots(size.reads)
            self._booked.add(await book_here(on, size))
            self._joined.add(await join_here(on, size))
            self._all_joined.values.append(self._joined.fired[-1].took_s)
            self._same.add(await read_here(on, [read(days[0])] * size.reads, size))
            spread = [read(day, tokens[at % SESSIONS]) for at, day in enumerate(days)]
            self._others.add(await read_here(on, spread, size))
            return await asyncio.to_thread(answer_bytes, on, days[0])

    async def _book_there(self, port: int, pool: int, *how: str) -> Fired:
        await usual_way.clear(port)
        return await book_there(port, pool, self._size, *how)

    def rows(self) -> list[Row]:
        self._same.stands_beside(self._alone, 0.7, "Litestar alone")
        self._others.stands_beside(self._alone, 0.7, "Litestar alone")
        self._joined.p95.goal, self._joined.p95.met = "< 30", self._joined.p95.value < 30
        self._all_joined.met = self._all_joined.value < 4
        booked, joined = [self._booked], [self._joined]
        if self._postgres is not None:
            lawful, silent, lawless = self._lawful.best(), self._silent.best(), self._lawless.best()
            self._booked.stands_beside(lawful, 1.5, "FastAPI and PostgreSQL")
            for other in (silent, lawless):
                other.rate.beside += f"; ours are {median(self._booked.times(other)):.2f}× as many"
            booked += [lawful, silent, lawless]
        if self._redis is not None:
            lined_up = self._lined_up.best()
            self._joined.stands_beside(lined_up, 1.5, "FastAPI and Redis")
            joined.append(lined_up)
        figures = [*booked, *joined, self._same, self._others, self._alone]
        found = [row for one in figures for row in one.rows]
        found.insert(found.index(self._joined.p99) + 1, self._all_joined)
        return found


async def rows(runs: int, console: Console, size: Size = SIZE, pools: Sequence[int] = POOLS) -> list[Row]:
    contest = Contest(size, pools, console)
    for run in range(runs):
        console.print(f"  over HTTP, run {run + 1} of {runs}", style="dim")
        await contest.run()
    return contest.rows()
