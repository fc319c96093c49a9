"""Slots: which starts of a day or a month are free, as one looks at them before asking.

Pure: what is offered comes from the calendar, what is in use from whoever knows. What is shown may be over a moment
later; only a hold or a booking is a promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from actors.decider import Refusal
from events.calendar.offers import occupied, schedules_of, starts
from events.calendar.quantum import MINUTE_MS, SLOTS, Span, shares
from events.calendar.zones import local_day_span
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from tidegate.refused import Refused

State: TypeAlias = Literal["free", "held", "full"]
_NONE: Final = (0,) * SLOTS


class Room(msgspec.Struct, frozen=True):
    """What is in use of a UTC date, per slot: units held and booked, of which held, and blocks."""

    used: tuple[int, ...] = _NONE
    blocked: tuple[int, ...] = _NONE
    held: tuple[int, ...] = _NONE


class Slot(msgspec.Struct, frozen=True):
    """A start that is offered. `held` may come free again in seconds; `full` is booked or out of use."""

    start: Instant
    end: Instant
    state: State
    left: int


def bookable(catalog: Catalog, event_type: str, resource: str) -> tuple[EventType, Resource]:
    """Both, if the one can be booked by the other."""
    found, way = catalog.active.get(resource), catalog.event_types.get(event_type)
    if way is None:
        raise Refused(Refusal("unknown_event_type", f"there is no event type {event_type!r}"))
    if found is None:
        raise Refused(Refusal("unknown_resource", f"there is no resource {resource!r}, or it is out of use"))
    if not catalog.linked(event_type, resource):
        raise Refused(Refusal("not_linked", f"{resource!r} cannot be booked by {event_type!r}"))
    return way, found


def minutes_of(event_type: EventType, asked: int | None) -> int:
    """The duration that was asked for, if there is one; else the first."""
    if asked is not None and asked not in event_type.durations:
        lengths = ", ".join(map(str, event_type.durations))
        raise Refused(Refusal("wrong_duration", f"{event_type.slug} takes {lengths} minutes, not {asked}"))
    return event_type.durations[0] if asked is None else asked


def offered(
    catalog: Catalog, event_type: EventType, resource: Resource, minutes: int, date: str, tz: str, now: Instant
) -> tuple[Instant, ...]:
    """The starts of a date, by the clocks of the zone; whether anything is free is another question."""
    day = local_day_span(date, tz)
    return starts(event_type, schedules_of(catalog, event_type, resource), minutes, day.start, day.end, now)


def dates_of(event_type: EventType, found: Iterable[Instant], minutes: int) -> tuple[str, ...]:
    """The UTC dates that visits with these starts occupy, each once."""
    return tuple(dict.fromkeys(share.date for start in found for share in shares(occupied(event_type, start, minutes))))


def judged(
    event_type: EventType, resource: Resource, found: Sequence[Instant], minutes: int, rooms: Mapping[str, Room]
) -> list[Slot]:
    """How each of the starts stands."""
    slots = []
    for start in found:
        state, left = _state(occupied(event_type, start, minutes), resource.capacity, rooms)
        slots.append(Slot(start, start + minutes * MINUTE_MS, state, left))
    return slots


def _state(span: Span, capacity: int, rooms: Mapping[str, Room]) -> tuple[State, int]:
    used = without_holds = 0
    for share in shares(span):
        room = rooms.get(share.date, Room())
        if any(room.blocked[share.first : share.end]):
            return "full", 0
        for slot in range(share.first, share.end):
            used = max(used, room.used[slot])
            without_holds = max(without_holds, room.used[slot] - room.held[slot])
    left = max(capacity - used, 0)
    if left:
        return "free", left
    return ("held" if without_holds < capacity else "full"), 0
