"""Explaining: whether a resource could be booked then, and what stands against it if not.

It is for whoever has to tell somebody why, and asked of the read models: so it takes nothing, and leaves nothing in the
log. A rule is named first, as who decides would; where none stands against the time, it is shown what lies there. It
speaks of anybody: who holds nothing themselves, has not used up a limit of their own, has come through the waiting room
where there is one, and wants nothing along.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from events.calendar.moments import local_iso, moment_of
from events.calendar.quantum import MINUTE_MS
from events.calendar.zones import zone
from events.day import Item
from events.waiting.sessions import Ticket
from gateway.auditing import Position
from gateway.calls import Call
from gateway.operations.wishes import way_of
from projections.folding import position
from projections.questions import Check, CheckAnswer, Use


class Taken(msgspec.Struct, frozen=True):
    """A part of the time, what it is used for, and how many units are left of it."""

    start: str
    end: str
    use: Use
    units: int


class Rule(msgspec.Struct, frozen=True):
    """What stands against the time as such: notice, horizon, opening hours, a limit of the resource."""

    code: Annotated[str, Meta(examples=["outside_schedule"])]
    detail: str


class Against(msgspec.Struct, frozen=True):
    """What stands against a resource: a rule about it, or what lies there already (`taken`)."""

    resource: str
    code: Annotated[str, Meta(description="`held`, `full` and `blocked` are uses of the time.", examples=["full"])]
    detail: str
    taken: tuple[Taken, ...]


class Explanation(msgspec.Struct, frozen=True):
    """Whether anybody could book it as things stood at `position`. If not, by which rule; or, where none is against the
    time, what is against the resource."""

    bookable: bool
    start: str
    end: str
    tz: str
    """By whose clocks all of it is told."""
    rule: Rule | None
    against: tuple[Against, ...]
    position: Position


async def explain(
    call: Call, event_type: str, resource: str, start: str, duration: int | None, tz: str, units: int
) -> Explanation:
    """What is wrong with the wish itself, as a length that is not offered, is told as to who would book it."""
    call.caller.needs("audit.read")
    way = await way_of(call, event_type, resource, duration)
    clocks = zone(tz or way.resource.time_zone)
    begins, room = moment_of(start, clocks), way.event_type.room
    asked = Check(
        org=call.org, event_type=way.event_type.slug, start=begins, minutes=way.minutes, items=(Item(resource, units),),
        admitted=Ticket(room, 0, 1).id if room else "",
    )  # fmt: skip
    found: CheckAnswer
    found, sequence = await call.look_at(asked)
    objection = found.objection
    return Explanation(
        found.free,
        local_iso(begins, clocks),
        local_iso(begins + way.minutes * MINUTE_MS, clocks),
        clocks,
        None if objection is None else Rule(objection.code, objection.detail),
        tuple(
            Against(
                one.resource,
                one.code,
                one.detail,
                tuple(
                    Taken(local_iso(part.start, clocks), local_iso(part.end, clocks), part.use, part.units)
                    for part in one.stretches
                ),
            )
            for one in found.conflicts
        ),
        position(call.edge.epoch, sequence),
    )
