"""Holds: slots that are a visitor's for a moment.

A hold's name says which days it lies on, `studio.2026-12-07.h-…`, and behind it the others that it spans, each after a
`~`: so a heartbeat reaches all of them without anybody having to remember.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from actors.booking.asking import for_hold, id_for
from actors.booking.commands import KeepHold, PlaceHold, ReleaseHold
from events.calendar.moments import local_iso
from events.clock import iso
from events.day import owner_of
from events.names import actor_name, is_actor
from gateway.calls import Call
from gateway.limits import ITEMS_MAX
from gateway.operations.wishes import Wanted, understood
from gateway.problems import Problem

_FURTHER: Final = "~"
HoldName: TypeAlias = Annotated[
    str, Meta(description="As it was given when it was placed.", examples=["studio-north.2026-12-07.h-k3v7x2mqa5"])
]


class HoldPlaced(msgspec.Struct, frozen=True):
    """`expires_at` unless a heartbeat comes before, `expires_at_latest` whatever comes."""

    hold: str
    """What it is called: to keep it, to let it go, or to book what it holds."""
    start: str
    end: str
    tz: str
    """By whose clocks `start` and `end` are told."""
    expires_at: str
    expires_at_latest: str


class HoldKept(msgspec.Struct, frozen=True):
    """Until when it stands, if it is not kept again."""

    hold: str
    expires_at: str


class HoldReleased(msgspec.Struct, frozen=True):
    """What is held no more."""

    hold: str


async def place(call: Call, wanted: Wanted) -> HoldPlaced:
    session = call.caller.needs_session()
    wish = await understood(call, wanted)
    id = id_for(wish.event_type, wish.wish, call.name("h"))
    parts = for_hold(call.org, wish.event_type, wish.wish, PlaceHold(id, session, wish.wish, wish.catalog))
    placed = (await call.together(parts)).reply
    return HoldPlaced(
        _named(id, [actor for actor, _ in parts]),
        local_iso(wish.wish.start, wish.tz),
        local_iso(wish.end, wish.tz),
        wish.tz,
        iso(placed["expires_at"]),
        iso(placed["expires_at_latest"]),
    )


async def keep(call: Call, hold: str) -> HoldKept:
    """The heartbeat. It writes nothing. All of the hold's days are asked at the same time, and all are heard before one
    is told as refusing: the first in the hold's own order, whichever came first."""
    session = call.caller.needs_session()
    id, actors = parts_of(call.org, hold)
    heard = await asyncio.gather(*(call.hear(actor, KeepHold(id, session)) for actor in actors), return_exceptions=True)
    until = []
    for one in heard:
        if isinstance(one, BaseException):
            raise one
        until.append(one.reply["expires_at"])
    return HoldKept(hold, iso(min(until)))


async def release(call: Call, hold: str) -> HoldReleased:
    session = call.caller.needs_session()
    id, actors = parts_of(call.org, hold)
    await call.together(tuple((actor, ReleaseHold(id, session)) for actor in actors))
    return HoldReleased(hold)


def _named(id: str, actors: list[str]) -> str:
    owner, *others = actors
    return _FURTHER.join((id, *(".".join(actor.split(".")[2:]) for actor in others if actor != owner)))


def parts_of(org: str, hold: str) -> tuple[str, tuple[str, ...]]:
    """The hold's id, and the days that it lies on, its owner first."""
    id, *others = hold.split(_FURTHER)
    actors = (owner_of(org, id), *(actor_name(org, "day", *one.split(".")) for one in others))
    if id.count(".") != 2 or len(actors) > 2 * ITEMS_MAX or not all(map(is_actor, actors)):
        raise Problem("unknown_hold", f"{hold[:200]!r} is no hold: <resource>.<date>.<name>")
    return id, tuple(dict.fromkeys(actors))
