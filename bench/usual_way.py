"""The same API written the usual way: FastAPI, with bookings in PostgreSQL and a waiting line in Redis.

    python -m bench.usual_way PORT POOL --postgres PORT [--lawless] | --redis PORT [--silent]

It is written as its libraries' documentation has it, for speed: one process of uvicorn with httptools and uvloop, an
answer that has a model and so is written by pydantic in one step (FastAPI says that this is quicker than orjson, and
has deprecated that), a pool of asyncpg that prepares its statements and clears up behind each request, as it does
unless it is told not to, one pipeline of Redis per join. It writes a line for each request, as uvicorn does unless it
is told not to, and as a gateway of Tidegate does; a `silent` one writes none. A visitor is known by a signed token here
too.

A booking is taken by the same rules: the event type, its durations, its grid, its notice and horizon, and the opening
hours of the resource in its own time zone, all of which are rows that an operator changes, and so are read for each
booking, by one query on primary keys (gateways of Tidegate keep theirs, and are told when they change); and nobody else
may hold the time, which the statement that books looks at. What a page does not see in the answer is left out: nothing
is done once for an idempotency key, nothing is kept of how it came about, and nobody else hears of it. A `lawless` one
takes whatever it is asked for: the least that can be done, and a system that nobody could open to the public.
"""

from __future__ import annotations

import argparse
import hmac
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import asyncpg
import redis.asyncio
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

SECRET: Final = b"of the usual way"
SCHEMA: Final = """
CREATE EXTENSION btree_gist;
CREATE TABLE event_type (
    slug text PRIMARY KEY,
    durations int[] NOT NULL,
    grid_minutes int NOT NULL,
    notice_minutes int NOT NULL,
    horizon_days int NOT NULL
);
CREATE TABLE schedule (
    id text PRIMARY KEY,
    weekly jsonb NOT NULL -- the opening hours of each weekday, in minutes
);
CREATE TABLE resource (
    id text PRIMARY KEY,
    time_zone text NOT NULL,
    schedule text NOT NULL REFERENCES schedule
);
CREATE TABLE offered (
    event_type text REFERENCES event_type,
    resource text REFERENCES resource,
    PRIMARY KEY (event_type, resource)
);
CREATE TABLE booking (
    id text PRIMARY KEY,
    event_type text NOT NULL,
    resource text NOT NULL,
    during tstzrange NOT NULL,
    status text NOT NULL,
    session text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    manage_hash bytea NOT NULL,
    EXCLUDE USING gist (resource WITH =, during WITH &&)
);
CREATE TABLE hold (
    id text PRIMARY KEY,
    resource text NOT NULL,
    during tstzrange NOT NULL,
    session text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON hold USING gist (resource, during);
"""
RULES: Final = """
SELECT durations, grid_minutes, notice_minutes, horizon_days, time_zone, weekly
FROM offered
JOIN event_type ON event_type.slug = offered.event_type
JOIN resource ON resource.id = offered.resource
JOIN schedule ON schedule.id = resource.schedule
WHERE offered.event_type = $1 AND offered.resource = $2
"""
INSERT: Final = """
INSERT INTO booking SELECT $1, $2, $3, tstzrange($4, $5), 'confirmed', $6, $7, $8, $9
"""
UNLESS_HELD: Final = """
WHERE NOT EXISTS (
    SELECT FROM hold WHERE resource = $3 AND during && tstzrange($4, $5) AND session <> $6 AND expires_at > now()
)
"""


class Booker(BaseModel):
    name: str = ""
    email: str = ""


class BookWanted(BaseModel):
    event_type: str
    resource: str
    start: datetime
    duration: int
    booker: Booker = Booker()


class Booked(BaseModel):
    booking: str
    status: str
    manage_token: str
    start: datetime
    end: datetime


class JoinWanted(BaseModel):
    lane: str = ""


class Joined(BaseModel):
    ticket: str
    position: int
    ahead: int
    new: bool


def token_of(session: str) -> str:
    """What a visitor shows."""
    return f"{session}.{_mac(session)}"


def _mac(session: str) -> str:
    return urlsafe_b64encode(hmac.digest(SECRET, session.encode(), sha256)[:18]).decode()


async def visitor(authorization: Annotated[str, Header()] = "") -> str:
    session, _, mac = authorization.removeprefix("Bearer ").rpartition(".")
    if not hmac.compare_digest(_mac(session), mac):
        raise HTTPException(401, "this is no session of ours")
    return session


Visitor = Annotated[str, Depends(visitor)]


async def set_up(postgres: int, resources: int) -> None:
    """So many of them, open around the clock, for quarters of an hour."""
    connection = await asyncpg.connect(host="127.0.0.1", port=postgres, user="peer", database="postgres")
    await connection.execute(SCHEMA)
    await connection.execute("INSERT INTO event_type VALUES ('quarter', '{15}', 15, 0, 1800)")
    await connection.execute("INSERT INTO schedule VALUES ('always', $1)", json.dumps([[[0, 24 * 60]]] * 7))
    rooms = "SELECT 'room-' || number, 'UTC', 'always' FROM generate_series(0, $1 - 1) AS number"
    await connection.execute(f"INSERT INTO resource {rooms}", resources)
    await connection.execute("INSERT INTO offered SELECT 'quarter', id FROM resource")
    await connection.execute("ANALYZE")
    await connection.close()


async def clear(postgres: int) -> None:
    """As it was before anything was booked."""
    connection = await asyncpg.connect(host="127.0.0.1", port=postgres, user="peer", database="postgres")
    await connection.execute("TRUNCATE booking")
    await connection.close()


def check(wanted: BookWanted, rules: asyncpg.Record | None) -> None:
    """Whether it may be booked, if it is free."""
    if rules is None:
        raise HTTPException(404, "there is no such event type on that resource")
    if wanted.duration not in rules["durations"]:
        raise HTTPException(422, "not for so long")
    ahead = wanted.start - datetime.now(UTC)
    if not timedelta(minutes=rules["notice_minutes"]) <= ahead <= timedelta(days=rules["horizon_days"]):
        raise HTTPException(422, "too soon, or too far ahead")
    start = wanted.start.astimezone(ZoneInfo(rules["time_zone"]))
    minute = start.hour * 60 + start.minute
    if minute % rules["grid_minutes"] or start.second or start.microsecond:
        raise HTTPException(422, "nothing begins then")
    hours = json.loads(rules["weekly"])[start.weekday()]
    if not any(opens <= minute and minute + wanted.duration <= closes for opens, closes in hours):
        raise HTTPException(422, "it is closed then")


def application(pool_size: int, postgres: int | None, line: int | None, *, lawless: bool) -> FastAPI:
    """With bookings when there is a PostgreSQL, and with a line when there is a Redis."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if postgres is not None:
            async with asyncpg.create_pool(
                host="127.0.0.1", port=postgres, user="peer", database="postgres",
                min_size=pool_size, max_size=pool_size,
            ) as pool:  # fmt: skip
                app.state.pool = pool
                yield
        else:
            connections = redis.asyncio.BlockingConnectionPool(
                host="127.0.0.1", port=line, max_connections=pool_size, timeout=None
            )
            app.state.redis = redis.asyncio.Redis(connection_pool=connections)
            yield
            await app.state.redis.aclose()
            await connections.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/bookings", status_code=201)
    async def book(wanted: BookWanted, session: Visitor) -> Booked:
        id, token = secrets.token_urlsafe(10), secrets.token_urlsafe(18)
        end = wanted.start + timedelta(minutes=wanted.duration)
        hashed = sha256(token.encode()).digest()
        about = (id, wanted.event_type, wanted.resource, wanted.start, end, session)
        async with app.state.pool.acquire() as connection:
            statement = INSERT
            if not lawless:
                statement += UNLESS_HELD
                check(wanted, await connection.fetchrow(RULES, wanted.event_type, wanted.resource))
            while True:
                try:
                    done = await connection.execute(statement, *about, wanted.booker.name, wanted.booker.email, hashed)
                except asyncpg.ExclusionViolationError:
                    raise HTTPException(409, "taken") from None
                except asyncpg.DeadlockDetectedError:
                    continue
                if done == "INSERT 0 0":
                    raise HTTPException(409, "held")
                return Booked(booking=id, status="confirmed", manage_token=token, start=wanted.start, end=end)

    @app.post("/v1/rooms/{room}/tickets", status_code=201)
    async def join(room: str, wanted: JoinWanted, session: Visitor) -> Joined:
        pipe = app.state.redis.pipeline(transaction=False)
        pipe.zadd(room, {session: time.time_ns()}, nx=True)
        pipe.zrank(room, session)
        added, rank = await pipe.execute()
        return Joined(ticket=f"{room}.{session}", position=rank + 1, ahead=rank, new=bool(added))

    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usual_way", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("pool", type=int)
    parser.add_argument("--postgres", type=int)
    parser.add_argument("--lawless", action="store_true")
    parser.add_argument("--redis", type=int)
    parser.add_argument("--silent", action="store_true")
    asked = parser.parse_args()
    app = application(asked.pool, asked.postgres, asked.redis, lawless=asked.lawless)
    uvicorn.run(
        app, host="127.0.0.1", port=asked.port, loop="uvloop", http="httptools", ws="none", workers=1,
        access_log=not asked.silent,
    )  # fmt: skip


if __name__ == "__main__":
    main()
