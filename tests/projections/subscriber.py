"""What a subscriber shows: a topic as it was, once a delta was taken in. Clients have this of their own; here it is
what deltas are held against."""

from __future__ import annotations

import msgspec

from events.calendar.quantum import SLOTS, date_of_day, mask
from events.day import Slots
from projections.availability import DayChanged, HoldsChanged, Runs, UnitsChanged
from projections.folding import Bits, spelled
from projections.months import MonthChanged, MonthShown, days_in
from projections.topics import DayShown, HoldsShown

_NOTHING = spelled(0)


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
