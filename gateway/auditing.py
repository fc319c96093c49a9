"""What an audit reads of the log, and what it shows of that, to whom.

What somebody could open something with, or be found again by elsewhere, is shown to nobody: hashes of tokens, keys,
codes and identities; nor what a fact keeps of a session. Who asked is shown: servers and people by their names; a
visitor as `session:` with the session's name to who may see bookings, which opens nothing but tells what else the same
visitor did, and without it to everybody else. Whom bookings are for, what they answered and why they went is shown to
who may see bookings; and some actors only to who may see what they are about (`TAKES`), by their names already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from events import access, day, line, room
from events.facts import REDACTED, Fact, plain
from events.log import Recorded
from events.names import kind_of
from events.permissions import Permission
from gateway.calls import Call
from gateway.problems import Problem

TAKES: Final[Mapping[str, Permission]] = {
    "quota": "bookings.read",
    "access": "keys.manage",
    "webhooks": "webhooks.manage",
    "webhook": "webhooks.manage",
}
"""What it takes beside `audit.read` to be shown an actor of these kinds. A quota's name says whose it is, to whoever
can guess the address."""
SECRET: Final[Mapping[type, Collection[str]]] = {
    day.Booking: ("session", "token_hash", "counted"),
    day.SlotsHeld: ("session",),
    day.StandbyJoined: ("session",),
    line.Joined: ("session", "identity"),
    room.Lane: ("codes",),
    room.Heard: ("tags",),
    access.ApiKeyIssued: ("hash",),
    access.ApiKeyRotated: ("hash",),
}
"""Fields of facts that nobody is shown. Who asked is none of them (`who`)."""
PAUSE_EVERY_BYTES: Final = 256 << 10
"""So much is read at a stretch, before others get a turn."""

Says: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="What the fact says, as it is written: instants are milliseconds since 1970.",
        examples=[{"booking": "studio-north.2026-12-07.b-k3v7x2mqa5", "reason": "·····"}],
    ),
]
FactName: TypeAlias = Annotated[
    str, Meta(description="What happened, and the version that it is written in.", examples=["BookingCancelled.1"])
]
Sequence: TypeAlias = Annotated[int, Meta(description="Where it stands in the log.", examples=[4711])]
Position: TypeAlias = Annotated[
    str, Meta(description="The same, as `Tidegate-Position` has it.", examples=["afd341667d80:4711"])
]
Hash: TypeAlias = Annotated[
    str,
    Meta(description="The SHA-256 of a commit as it is stored.", examples=["9f2c6b1f" * 8], pattern="^[0-9a-f]{64}$"),
]
At: TypeAlias = Annotated[str, Meta(description="When it was decided.", examples=["2026-11-22T03:04:33.323Z"])]
By: TypeAlias = Annotated[
    str,
    Meta(description="Who asked for it. Which visitor it was takes `bookings.read`.", examples=["key:front-desk"]),
]


def sees_persons(call: Call) -> bool:
    return "bookings.read" in call.caller.permits


def who(call: Call, by: str) -> str:
    """Who asked. Of visitors that they are some, for whoever does not see bookings."""
    kind, colon, _ = by.partition(":")
    return by if sees_persons(call) or kind != "session" else f"{kind}{colon}{REDACTED}"


def said_by(call: Call, fact: Fact) -> tuple[str, dict[str, Any]]:
    """What a fact is called, and what it says."""
    said = plain(fact, personal=sees_persons(call), without=SECRET)
    return str(said.pop("fact")), said


def beside(call: Call, actor: str) -> str:
    """An actor by its name in the organisation, or its kind alone for whoever may not be shown it."""
    kind = kind_of(actor)
    takes = TAKES.get(kind)
    return actor.removeprefix(f"{call.org}.") if takes is None or takes in call.caller.permits else f"{kind}.{REDACTED}"


@asynccontextmanager
async def in_time(call: Call) -> AsyncIterator[None]:
    """What is done in here has the time that is left to the call."""
    try:
        async with asyncio.timeout(call.left_ms / 1000):
            yield
    except TimeoutError as error:
        raise Problem(
            "deadline_passed", "the log could not be read in the time that was given for it", "late"
        ) from error


@asynccontextmanager
async def reading(call: Call, actor: str, after: int = 0) -> AsyncIterator[AsyncIterator[Recorded]]:
    """The actor's commits behind a sequence, in order."""
    async with in_time(call), aclosing(_paced(call, actor, after)) as recorded:
        yield recorded


async def _paced(call: Call, actor: str, after: int) -> AsyncGenerator[Recorded, None]:
    """With pauses, in which others get a turn."""
    stretch = 0
    async for recorded in call.edge.events.read_actor(actor, after):
        yield recorded
        stretch += len(recorded.body)
        if stretch > PAUSE_EVERY_BYTES:
            stretch = 0
            await asyncio.sleep(0)
