"""What is free: the starts of a day, and the days of a month that have one."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from events.calendar.moments import local_iso
from events.calendar.zones import zone
from gateway.calls import Call
from gateway.edge import Everybodys
from gateway.limits import DAYS_SPELLED_MAX, INSTANTS_SPELLED_MAX
from gateway.operations.wishes import way_of
from projections.questions import DaySlots, EverybodysDay, EverybodysDayAnswer, Month, Slot, State

Months: TypeAlias = dict[str, bool]


class SlotShown(msgspec.Struct, frozen=True):
    """`free`; `held` by others for a moment; or `full`. `units` are left over the whole visit and its buffers."""

    start: str
    end: str
    state: State
    units: int


_ENCODER: Final = msgspec.json.Encoder()
_ANSWERS: Final = msgspec.json.Decoder(EverybodysDayAnswer)
_local: Final = lru_cache(INSTANTS_SPELLED_MAX)(local_iso)
"""The days of many resources begin at the same instants."""


async def day(
    call: Call, event_type: str, resource: str, date: str, duration: int | None, tz: str, units: int
) -> bytes:
    """The starts of a local date, in order, as JSON. Everybody who asks the same within a moment is given the same;
    only who holds something there, or has a limit of their own, is given what is theirs."""

    async def ask_for_all(everybodys: Call) -> tuple[Everybodys, int]:
        clocks, minutes = await _clocks_and_minutes(everybodys, event_type, resource, duration, tz)
        asked = EverybodysDay(
            org=call.org, event_type=event_type, resource=resource, date=date, minutes=minutes, tz=clocks, units=units
        )
        answer, sequence = await everybodys.look_unread(asked)
        return _everybodys(answer, clocks), sequence

    async def ask(everybodys: Call) -> tuple[bytes, int]:
        clocks, minutes = await _clocks_and_minutes(everybodys, event_type, resource, duration, tz)
        asked = DaySlots(
            org=call.org, event_type=event_type, resource=resource, date=date, minutes=minutes, tz=clocks,
            units=units, session=session,
        )  # fmt: skip
        slots, sequence = await everybodys.look_at(asked)
        return _shown(slots, clocks), sequence

    key, session = (call.org, event_type, resource, date, duration, tz, units), call.caller.session
    found, _ = await call.shared(call.edge.days, key, ask_for_all, call.at_least)
    if found.is_for(session):
        return found.body
    return (await call.shared(call.edge.slots, ("day", session, *key), ask, call.at_least))[0]


@lru_cache(DAYS_SPELLED_MAX)
def _everybodys(answer: bytes, clocks: str) -> Everybodys:
    """Days are asked for again and again, and most of them are what they were."""
    read = _ANSWERS.decode(answer)
    return Everybodys(_shown(read.slots, clocks), None if read.apart is None else frozenset(read.apart))


async def _clocks_and_minutes(
    call: Call, event_type: str, resource: str, duration: int | None, tz: str
) -> tuple[str, int]:
    """By whose clocks, and for how long."""
    way = await way_of(call, event_type, resource, duration)
    return zone(tz or way.resource.time_zone), way.minutes


def _shown(slots: tuple[Slot, ...], clocks: str) -> bytes:
    return _ENCODER.encode(
        [SlotShown(_local(one.start, clocks), _local(one.end, clocks), one.state, one.units) for one in slots]
    )


async def month(
    call: Call, event_type: str, resource: str, month: str, duration: int | None, tz: str, units: int
) -> bytes:
    """Whether each date of a local month has a free start, as JSON."""

    async def ask(everybodys: Call) -> tuple[bytes, int]:
        clocks, minutes = await _clocks_and_minutes(everybodys, event_type, resource, duration, tz)
        asked = Month(
            org=call.org, event_type=event_type, resource=resource, month=month, minutes=minutes, tz=clocks,
            units=units, session=session,
        )  # fmt: skip
        found_free, sequence = await everybodys.look_at(asked)
        return _ENCODER.encode(found_free), sequence

    session = call.caller.session
    key = (call.org, "month", event_type, resource, month, duration, tz, units, session)
    return (await call.shared(call.edge.slots, key, ask, call.at_least))[0]
