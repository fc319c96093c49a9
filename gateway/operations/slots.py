"""What is free: the starts of a day, and the days of a month that have one."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from events.calendar.moments import local_iso
from events.calendar.zones import zone
from gateway.calls import Call
from gateway.operations.wishes import way_of
from projections.questions import DaySlots, Month, Slot, State

Months: TypeAlias = dict[str, bool]


class SlotShown(msgspec.Struct, frozen=True):
    """`free`; `held` by others for a moment; or `full`. `units` are left over the whole visit and its buffers."""

    start: str
    end: str
    state: State
    units: int


_ENCODER = msgspec.json.Encoder()


async def day(
    call: Call, event_type: str, resource: str, date: str, duration: int | None, tz: str, units: int
) -> bytes:
    """The starts of a local date, in order, as JSON. Everybody who asks the same within a moment is given the same."""

    async def ask(everybodys: Call) -> tuple[bytes, int]:
        way = await way_of(everybodys, event_type, resource, duration)
        clocks, minutes = zone(tz or way.resource.time_zone), way.minutes
        asked = DaySlots(
            org=call.org, event_type=event_type, resource=resource, date=date, minutes=minutes, tz=clocks,
            units=units, session=session,
        )  # fmt: skip
        slots: tuple[Slot, ...]
        slots, sequence = await everybodys.look_at(asked)
        shown = [
            SlotShown(local_iso(one.start, clocks), local_iso(one.end, clocks), one.state, one.units) for one in slots
        ]
        return _ENCODER.encode(shown), sequence

    session = call.caller.session
    key = (call.org, "day", event_type, resource, date, duration, tz, units, session)
    return (await call.shared(call.edge.slots, key, ask, call.at_least))[0]


async def month(
    call: Call, event_type: str, resource: str, month: str, duration: int | None, tz: str, units: int
) -> bytes:
    """Whether each date of a local month has a free start, as JSON."""

    async def ask(everybodys: Call) -> tuple[bytes, int]:
        way = await way_of(everybodys, event_type, resource, duration)
        clocks, minutes = zone(tz or way.resource.time_zone), way.minutes
        asked = Month(
            org=call.org, event_type=event_type, resource=resource, month=month, minutes=minutes, tz=clocks,
            units=units, session=session,
        )  # fmt: skip
        found_free, sequence = await everybodys.look_at(asked)
        return _ENCODER.encode(found_free), sequence

    session = call.caller.session
    key = (call.org, "month", event_type, resource, month, duration, tz, units, session)
    return (await call.shared(call.edge.slots, key, ask, call.at_least))[0]
