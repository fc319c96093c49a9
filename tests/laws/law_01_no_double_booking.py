"""Law 1. No double booking: units held and booked never exceed a slot's capacity.

Read from the facts of the days and the catalogs alone, with an arithmetic of its own: per slot a sum over all that has
it. Whoever takes or holds says by which commit of the catalog that was decided, and must fit into the capacity that the
resource had then. Nobody gives back what they do not have: so what was converted or released never expires, and
nothing is freed twice. A booking that has ended keeps no slots, and has no second end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from events.catalog import RationLifted, ResourcePut, ResourceRationed, ResourceRetired
from events.day import (
    Blocked,
    BookingCancelled,
    BookingCompleted,
    BookingDeclined,
    BookingLapsed,
    BookingMade,
    BookingMissed,
    HoldExpired,
    HoldReleased,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    Unblocked,
)
from tests.laws.history import History


def breaches(history: History) -> Iterator[str]:
    capacities = _Capacities()
    days: dict[str, _Day] = {}
    for recorded, commit in history.lines:
        org, kind, *parts = commit.actor.split(".")
        if kind == "catalog":
            for one in commit.decided:
                for fact in one.facts:
                    capacities.take_in(org, fact, recorded.sequence)
        elif kind == "day":
            day = days.setdefault(commit.actor, _Day())
            for one in commit.decided:
                for fact in one.facts:
                    for what in day.take_in(fact):
                        yield f"{commit.actor} at {recorded.sequence}: {what}"
                    if isinstance(fact, (SlotsHeld, SlotsTaken)):
                        capacity = capacities.at(org, parts[0], fact.catalog) if fact.catalog < recorded.sequence else 0
                        for what in day.too_full(fact.slots, capacity):
                            yield f"{commit.actor} at {recorded.sequence}: {what}, says the catalog at {fact.catalog}"
                for what in day.has_though_ended():
                    yield f"{commit.actor} at {recorded.sequence}: {what}"


class _Capacities:
    """How many units of every resource could be given out, since which commit of its catalog."""

    def __init__(self) -> None:
        self._has: Final[dict[tuple[str, str], int]] = {}
        self._ration: Final[dict[tuple[str, str], int]] = {}
        self._since: Final[dict[tuple[str, str], list[tuple[int, int]]]] = {}

    def take_in(self, org: str, fact: Any, sequence: int) -> None:
        match fact:
            case ResourcePut(resource):
                key = (org, resource.id)
                self._has[key] = resource.capacity
                if resource.capacity <= self._ration.get(key, resource.capacity):
                    self._ration.pop(key, None)
            case ResourceRetired(id):
                key = (org, id)
                self._has[key] = 0
                self._ration.pop(key, None)
            case ResourceRationed(id, most):
                key = (org, id)
                self._ration[key] = most
            case RationLifted(id):
                key = (org, id)
                del self._ration[key]
            case _:
                return
        units = min(self._has[key], self._ration.get(key, self._has[key]))
        self._since.setdefault(key, []).append((sequence, units))

    def at(self, org: str, resource: str, sequence: int) -> int:
        """Nothing, when the resource was not there yet or no more."""
        known = [units for since, units in self._since.get((org, resource), ()) if since <= sequence]
        return known[-1] if known else 0


class _Day:
    """Who has which slots."""

    def __init__(self) -> None:
        self._held: Final[dict[str, Slots]] = {}
        self._taken: Final[dict[str, Slots]] = {}
        self._blocked: Final[dict[str, Slots]] = {}
        self._bookings: Final[set[str]] = set()
        self._ended: Final[set[str]] = set()

    def take_in(self, fact: Any) -> Iterator[str]:
        """What the fact contradicts, if anything."""
        match fact:
            case SlotsHeld():
                if fact.hold in self._held:
                    yield f"{fact.hold} is held already"
                self._held[fact.hold] = fact.slots
            case HoldReleased(hold) | HoldExpired(hold):
                if self._held.pop(hold, None) is None:
                    yield f"{hold} ended, and was not held"
            case SlotsTaken():
                if fact.hold and self._held.pop(fact.hold, None) is None:
                    yield f"{fact.booking} was made from {fact.hold}, which was not held"
                if fact.booking in self._taken:
                    yield f"{fact.booking} has slots already"
                self._taken[fact.booking] = fact.slots
            case SlotsKept(booking):
                if booking not in self._taken:
                    yield f"{booking} keeps slots that it does not have"
            case SlotsFreed(booking):
                if self._taken.pop(booking, None) is None:
                    yield f"{booking} was freed, and had nothing"
            case BookingMade(booking):
                if booking.id in self._bookings:
                    yield f"{booking.id} was made already"
                self._bookings.add(booking.id)
            case BookingCancelled(booking) | BookingDeclined(booking) | BookingLapsed(booking):
                yield from self._end(booking)
                self._ended.add(booking)
            case BookingCompleted(booking) | BookingMissed(booking):
                yield from self._end(booking)
            case Blocked(block, slots):
                self._blocked[block] = slots
            case Unblocked(block):
                self._blocked.pop(block)
            case _:
                pass

    def _end(self, booking: str) -> Iterator[str]:
        """Of what took place the slots stay taken; it ends once all the same."""
        if booking not in self._bookings:
            yield f"{booking} ended, and is not there or had ended before"
        self._bookings.discard(booking)

    def too_full(self, slots: Slots, capacity: int) -> Iterator[str]:
        """Asked when somebody was just given these."""
        for slot in range(slots.first, slots.end):
            used = sum(
                one.units
                for has in (self._held, self._taken)
                for one in has.values()
                if one.first <= slot < one.end
            )  # fmt: skip
            if used > capacity:
                yield f"{used} of {capacity} units are in use of slot {slot}"
                return
        if any(one.first < slots.end and slots.first < one.end for one in self._blocked.values()):
            yield f"slots {slots.first} to {slots.end} were given though they are out of use"

    def has_though_ended(self) -> Iterator[str]:
        for booking in sorted(self._ended & self._taken.keys()):
            yield f"{booking} has ended, and has slots"
            self._ended.discard(booking)
