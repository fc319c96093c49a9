"""The same API written the usual way: FastAPI, with bookings in PostgreSQL and a waiting line in Redis.

    python -m bench.usual_way PORT POOL --postgres PORT | --redis PORT

It is written as its libraries' documentation has it, for speed: one process of uvicorn with httptools and uvloop, an
answer that has a model and so is written by pydantic in one step (FastAPI says that this is quicker than orjson, and
has deprecated that), a pool of asyncpg that prepares its statements, one pipeline of Redis per join, no access log. A
visitor is known by a signed token here too.

It is asked for less than Tidegate is: nobody looks at opening hours, notice, horizons, quotas or holds, nothing is done
once for an idempotency key, and nobody else hears of it.
"""

from __future__ import annotations

import argparse
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final

import asyncpg
import redis.asyncio
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

SECRET: Final = b"of the usual way"
SCHEMA: Final = """
CREATE EXTENSION btree_gist;
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
"""
INSERT: Final = "INSERT INTO booking VALUES ($1, $2, $3, tstzrange($4, $5), 'confirmed', $6, $7, $8, $9)"


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


def application(pool_size: int, postgres: int | None, line: int | None) -> FastAPI:
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
        while True:
            try:
                await app.state.pool.execute(INSERT, *about, wanted.booker.name, wanted.booker.email, hashed)
            except asyncpg.ExclusionViolationError:
                raise HTTPException(409, "taken") from None
            except asyncpg.DeadlockDetectedError:
                continue
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
    parser.add_argument("--redis", type=int)
    asked = parser.parse_args()
    app = application(asked.pool, asked.postgres, asked.redis)
    uvicorn.run(
        app, host="127.0.0.1", port=asked.port, loop="uvloop", http="httptools", ws="none", workers=1,
        access_log=False, log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
