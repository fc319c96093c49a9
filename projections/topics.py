"""Topics as they are now: what a subscriber begins with.

Bookings are shown here as their deltas tell them, without whom they are for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from events.calendar.quantum import day_number
from projections import waiting
from projections.access import Accesses
from projections.availability import Availability, Runs, runs
from projections.bookings import Bookings
from projections.catalog import Catalogs
from projections.columns import bits
from projections.folding import Bits, position, spelled
from projections.months import MonthShown, days_in, month_shown
from projections.questions import Shown, ShownAnswer, Unanswered
from projections.rooms import Rooms


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
