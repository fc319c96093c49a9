"""Topics as they are now, and what a delta makes of them: what a subscriber begins with, and how it goes on.

Bookings are shown here as their deltas tell them, without whom they are for.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from events.calendar.quantum import SLOTS, date_of_day, day_number, mask
from events.day import Slots
from projections import waiting
from projections.access import Accesses
from projections.availability import Availability, DayChanged, HoldsChanged, Runs, UnitsChanged, runs
from projections.bookings import Bookings
from projections.catalog import Catalogs
from projections.columns import bits
from projections.folding import Bits, position, spelled
from projections.months import MonthChanged, MonthShown, days_in, month_shown
from projections.questions import Shown, ShownAnswer, Unanswered
from projections.rooms import Rooms

_NOTHING: Final[Bits] = spelled(0)


class DayShown(msgspec.Struct, frozen=True):
    """`day/<resource>/<date>`: slots that are taken at capacity or blocked, those that are blocked, and units taken."""

    capacity: int
    busy: Bits
    blocked: Bits
    taken: Runs


class HoldsShown(msgspec.Struct, frozen=True):
    """`holds/<resource>/<date>`: slots of which anything is held, and units held."""

    held: Bits
    units: Runs


def shown(
    accesses: Accesses,
    catalogs: Catalogs,
    availability: Availability,
    bookings: Bookings,
    rooms: Rooms,
    asked: Shown,
    epoch: str,
) -> ShownAnswer:
    match asked.topic.split("/"):
        case ["room" | "block" | "ticket" | "numbers", *_]:
            at, state = waiting.shown(rooms, asked.org, asked.topic)
            return ShownAnswer(asked.topic, position(epoch, at), state)
        case ["day", resource, date]:
            at, state = _day(availability, asked.org, resource, date, holds=False)
            return ShownAnswer(asked.topic, position(epoch, at), state)
        case ["month", resource, name]:
            at, state = _month(availability, asked.org, resource, name)
            return ShownAnswer(asked.topic, position(epoch, at), state)
        case ["units", resource]:
            number = _number(availability, asked.org, resource)
            at, units = int(availability.columns.resized_at[number]), int(availability.columns.capacity[number])
            return ShownAnswer(asked.topic, position(epoch, at), units)
        case ["holds", resource, date]:
            at, state = _day(availability, asked.org, resource, date, holds=True)
            return ShownAnswer(asked.topic, position(epoch, at), state)
        case ["booking", id]:
            kept = bookings.of(asked.org).kept.get(id)
            return ShownAnswer(asked.topic, position(epoch, kept.sequence if kept else 0), kept and kept.told_row())
        case ["bookings"]:
            return ShownAnswer(asked.topic, position(epoch, bookings.of(asked.org).sequence))
        case ["catalog"]:
            return ShownAnswer(asked.topic, position(epoch, catalogs.sequence_of(asked.org)))
        case ["access"]:
            return ShownAnswer(asked.topic, position(epoch, accesses.sequence_of(asked.org)))
        case _:
            raise Unanswered("unknown_topic", f"there is no topic {asked.topic[:100]!r}")


def _day(availability: Availability, org: str, resource: str, date: str, *, holds: bool) -> tuple[int, Any]:
    columns = availability.columns
    number, day = _number(availability, org, resource), day_number(date)
    if day < availability.first_day:
        raise Unanswered("too_long_ago", "what was taken so long ago is only in the log", "late")
    row = columns.row(number, day)
    if holds:
        held = columns.held[row]
        return int(columns.held_at[row]), HoldsShown(spelled(bits(held > 0)), runs(held, held > 0))
    capacity, taken, blocked = int(columns.capacity[number]), columns.taken[row], columns.blocked[row] > 0
    busy = spelled(bits((taken >= capacity) | blocked))
    return columns.changed_at(number, row), DayShown(capacity, busy, spelled(bits(blocked)), runs(taken, taken > 0))


def _month(availability: Availability, org: str, resource: str, name: str) -> tuple[int, MonthShown]:
    number, (first, _) = _number(availability, org, resource), days_in(name)
    if first < availability.first_day:
        raise Unanswered("too_long_ago", "some of its days are only in the log", "late")
    columns = availability.columns
    return columns.month_changed_at(number, name), month_shown(columns, number, name)


def _number(availability: Availability, org: str, resource: str) -> int:
    number = availability.columns.resources.get((org, resource))
    if number is None:
        raise Unanswered("unknown_resource", f"there is no resource {resource!r}")
    return number


def day_resized(day: DayShown, delta: UnitsChanged) -> DayShown:
    """The same day with another capacity."""
    full = int(day.blocked, 16)
    for slots in day.taken if delta.capacity > 0 else (Slots(0, SLOTS, 0),):
        if slots.units >= delta.capacity:
            full |= mask(slots.first, slots.end)
    return msgspec.structs.replace(day, capacity=delta.capacity, busy=spelled(full))


def day_after(day: DayShown, delta: DayChanged) -> DayShown:
    """What a subscriber shows once it took the delta in."""
    return DayShown(
        delta.capacity,
        _flipped(day.busy, delta.busy_set, delta.busy_cleared),
        _flipped(day.blocked, delta.blocked_set, delta.blocked_cleared),
        _with(day.taken, delta.taken),
    )


def month_resized(month: MonthShown, delta: UnitsChanged, name: str) -> MonthShown | None:
    """The same month with another capacity, if nothing ever happened in it. None of one that is told so by a delta of
    its own: whoever has missed that starts over."""
    if not month.untouched:
        return None
    full = spelled(mask(0, SLOTS))
    days = {} if delta.capacity > 0 else {date_of_day(day): full for day in range(*days_in(name))}
    return MonthShown(delta.capacity, untouched=True, days=days)


def month_after(month: MonthShown, delta: MonthChanged) -> MonthShown:
    days = dict(month.days)
    for one in delta.days:
        days[one.date] = _flipped(days.get(one.date, _NOTHING), one.busy_set, one.busy_cleared)
    busy = {date: days[date] for date in sorted(days) if days[date] != _NOTHING}
    return MonthShown(delta.capacity, untouched=False, days=busy)


def holds_after(holds: HoldsShown, delta: HoldsChanged) -> HoldsShown:
    return HoldsShown(_flipped(holds.held, delta.held_set, delta.held_cleared), _with(holds.units, delta.held))


def _flipped(bits_: Bits, set_: Bits, cleared: Bits) -> Bits:
    return spelled((int(bits_, 16) | int(set_, 16)) & ~int(cleared, 16))


def _with(old: Runs, changed: Runs) -> Runs:
    units = [0] * SLOTS
    for slots in (*old, *changed):
        units[slots.first : slots.end] = [slots.units] * (slots.end - slots.first)
    found: list[Slots] = []
    for slot, many in enumerate(units):
        if many and found and found[-1].end == slot and found[-1].units == many:
            found[-1] = Slots(found[-1].first, slot + 1, many)
        elif many:
            found.append(Slots(slot, slot + 1, many))
    return tuple(found)
