"""Space: what is in use of some slots, and what has to go before something else finds room there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from actors.booking.claims import Day, Hold, Taken
from actors.booking.limits import LIMITS
from actors.booking.part import By
from actors.decider import Leases, Refusal
from events.clock import Instant
from events.day import (
    Booking,
    BookingCompleted,
    BookingLapsed,
    DayFact,
    HoldExpired,
    HoldReleased,
    OfferLapsed,
    ReminderDue,
    Slots,
    SlotsFreed,
    StandbyLeft,
)


def make_room(
    day: Day, slots: Slots, session: str, at: Instant, by: By, *, converted: str = "", moving: str = ""
) -> list[DayFact] | Refusal:
    """What has to go so that there is room: what is over anyway, and what the same session holds there. `converted` and
    `moving` go as well, by facts of their own."""
    capacity = by.state.units_of(by.state.active[day.resource])
    if day.is_blocked(slots):
        return Refusal("blocked", "it is out of use at that time", "late")
    used = day.used[slots.first : slots.end]
    own = [id for id, hold in day.holds.items() if session and hold.session == session and meet(hold.slots, slots)]
    for id in own if converted in own or not converted else [*own, converted]:
        _give_back(used, slots, day.holds[id].slots)
    if moving in day.taken:
        _give_back(used, slots, day.taken[moving].slots)
    gone: list[DayFact] = []
    for id in own:
        if id != converted:
            gone.append(HoldReleased(id))
            if day.waiting(id) is not None:  # an offer that is not taken as one is given up
                gone.append(StandbyLeft(id))
    if max(used) + slots.units > capacity:
        gone = [*_overdue(day, used, slots, capacity, {*own, converted, moving}, at, by.leases), *gone]
    if max(used) + slots.units > capacity:
        left = max(capacity - max(used), 0)
        return Refusal("taken", f"{left} of {capacity} units are free at that time, not {slots.units}", "late")
    return gone


def meet(one: Slots, other: Slots) -> bool:
    return one.first < other.end and other.first < one.end


def _overdue(
    day: Day, used: list[int], wanted: Slots, capacity: int, spoken_for: set[str], at: Instant, leases: Leases
) -> Iterator[DayFact]:
    """What is over and lies on these slots, until there is room: `used` follows."""
    for instant, what, id in day.agenda:
        if instant >= at or max(used) + wanted.units <= capacity:
            return
        if id in spoken_for or what not in ("hold", "lapse"):
            continue
        stands = day.holds.get(id) if what == "hold" else day.taken.get(id)
        if stands is not None and meet(stands.slots, wanted) and (facts := tuple(_comes(day, what, id, at, leases))):
            _give_back(used, wanted, stands.slots)
            yield from facts


def _give_back(used: list[int], window: Slots, slots: Slots) -> None:
    for slot in range(max(slots.first, window.first), min(slots.end, window.end)):
        used[slot - window.first] -= slots.units


def due(day: Day, at: Instant, leases: Leases) -> Iterator[DayFact]:
    """What becomes true by the time alone: as much of it as one commit may hold. The rest is still due then."""
    for instant, what, id in islice(day.agenda, LIMITS.due_at_once_max):
        if instant >= at:
            return
        yield from _comes(day, what, id, at, leases)


def _comes(day: Day, what: str, id: str, at: Instant, leases: Leases) -> Iterator[DayFact]:
    """What follows from one line of the agenda whose time has come."""
    match what:
        case "hold":
            if ends(id, day.holds[id], leases) < at:
                yield HoldExpired(id)
                if day.waiting(id) is not None:
                    yield OfferLapsed(id)
        case "lapse":
            if id in day.taken:
                yield SlotsFreed(id)
            if id in day.bookings:
                yield BookingLapsed(id)
        case "complete":
            yield BookingCompleted(id)
        case "offer":
            return  # it takes a look at who is in line: see `standby`
        case _:
            yield ReminderDue(id, int(what))


def ends(id: str, hold: Hold, leases: Leases) -> Instant:
    """At exactly this instant it still stands."""
    return min(leases.end_of(id, hold.until, hold.period_ms), hold.until_max)


def has_lapsed(stands: Taken | Booking, at: Instant) -> bool:
    return stands.until is not None and stands.until < at
