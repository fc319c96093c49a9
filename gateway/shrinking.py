"""Shrinking: a smaller capacity, or none, for a resource that may be booked.

The resource is rationed, every host hears of it, and then nothing above the ration can be reserved any more. What is
reserved by then is asked of every day to come, and the smaller capacity is put; or the ration is lifted, and the days
that stand against it are named. Ended anywhere in between, the ration stays, which anybody may lift; asking for the
same again goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from actors.booking.commands import ShowDay
from actors.catalog import LiftRation, PutResource, RationResource, RetireResource, ShowResource
from actors.decider import Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.calendar.quantum import date_of
from events.catalog import Resource
from events.clock import Clock, Instant
from events.log import EventLog

DAYS_AT_A_TIME = 64
LATER = ("not_settled", "not_looked")
"""What is refused only for now: not everybody has heard of it, or clocks differ."""


class Reserved(msgspec.Struct, frozen=True):
    """A day on which more is reserved than is to be left."""

    date: str
    units: int


async def shrink(
    sender: Sender, log: EventLog, clock: Clock, org: str, resource: str, capacity: int, told: Callable[[str], None]
) -> Accepted | Refusal | list[Reserved]:
    """Leave the resource so many units, or retire it when that is none; the days that stand against it, if any do."""
    catalog = f"{org}.catalog"
    known = await sender.send(catalog, ShowResource(resource))
    if isinstance(known, Refusal):
        return known
    units = msgspec.convert(known.reply["resource"], Resource).capacity
    if capacity >= units:
        return Refusal("bad_capacity", f"{resource} has {units} units: it can be left fewer, not {capacity}")

    async def put(looked_at: Instant = 0) -> Accepted | Refusal:
        """As it is by now, but for its capacity."""
        if not capacity:
            return await sender.send(catalog, RetireResource(resource, looked_at))
        known = await sender.send(catalog, ShowResource(resource))
        if isinstance(known, Refusal):
            return known
        now = msgspec.convert(known.reply["resource"], Resource)
        smaller = PutResource(
            now.id, now.time_zone, now.name, capacity, now.type, now.description, now.schedule, now.standalone,
            now.metadata, looked_at,
        )  # fmt: skip
        return await sender.send(catalog, smaller)

    answer = await put()
    if not isinstance(answer, Refusal) or answer.code not in ("still_bookable", *LATER):
        return answer
    rationed = await sender.send(catalog, RationResource(resource, capacity))
    if isinstance(rationed, Refusal):
        return rationed
    told(f"no more than {capacity} units of {resource} are given out; making sure that every host knows")
    await asyncio.sleep(rationed.reply["settled_after_ms"] / 1000)
    while True:  # more than once when clocks differ
        looked_at = clock()
        days = await reserved(sender, log, f"{org}.day.{resource}", date_of(looked_at), capacity)
        if isinstance(days, Refusal):
            return days
        if days:
            lifted = await sender.send(catalog, LiftRation(resource))
            return lifted if isinstance(lifted, Refusal) else days
        answer = await put(looked_at)
        if not isinstance(answer, Refusal) or answer.code not in LATER:
            return answer
        await asyncio.sleep((answer.retry_after_ms or 500) / 1000)


async def reserved(sender: Sender, log: EventLog, days: str, today: str, most: int) -> list[Reserved] | Refusal:
    """The days to come on which more than that is reserved."""
    coming = [actor for actor in await log.actors_under(days) if actor.rpartition(".")[2] >= today]
    found: list[Reserved] = []
    for start in range(0, len(coming), DAYS_AT_A_TIME):
        page = coming[start : start + DAYS_AT_A_TIME]
        answers = await asyncio.gather(*(sender.send(actor, ShowDay()) for actor in page))
        for actor, answer in zip(page, answers, strict=True):
            if isinstance(answer, Refusal):
                return answer
            peak = max(answer.reply["used"])
            if peak > most:
                found.append(Reserved(actor.rpartition(".")[2], peak))
    return found
