"""Which resources have room on which days: all of them, all of a month, in one pass over their bitmaps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from events.calendar.bitmaps import WORDS, Bitmaps, any_within, starts_with_room
from events.calendar.opening import Same, always_open, open_spans
from events.calendar.quantum import DAY_MS, SLOT_MS, SLOTS, SPAN_MS_MAX, Span, ceil, whole_slots_ms
from events.calendar.zones import local_day_span, local_month_dates
from events.catalog import Catalog, Schedule
from events.clock import Instant
from projections.availability import Availability
from projections.columns import Columns, Rows, words
from projections.limits import RESOURCES_MAX
from projections.projector import Behind
from projections.questions import Unanswered, WhichDays, WhichDaysAnswer
from projections.space import active, wanted_units


def which_days(availability: Availability, catalog: Catalog, asked: WhichDays, now: Instant) -> WhichDaysAnswer:
    resources = asked.resources or tuple(sorted(catalog.active))
    if len(resources) > RESOURCES_MAX:
        raise Unanswered("too_many_resources", f"at most {RESOURCES_MAX} at a time")
    wanted_units(asked.units)
    length = whole_slots_ms(asked.minutes)
    if not 0 < length <= SPAN_MS_MAX:
        raise Unanswered("wrong_duration", "between a quarter of an hour and 31 days")
    dates = local_month_dates(asked.month, asked.tz)
    spans = [local_day_span(date, asked.tz) for date in dates]
    first = max(spans[0].start // DAY_MS, availability.first_day)
    end = -(-(spans[-1].end + length) // DAY_MS)
    if not resources or end <= first:
        return WhichDaysAnswer(dates, resources, (0,) * len(resources))
    columns = availability.columns
    numbers = [_number(availability, asked.org, active(catalog, id).id) for id in resources]
    rows = columns.rows(numbers, first, end)
    free = ~columns.full[rows] if asked.units == 1 else _with_units(columns, numbers, rows, asked.units)
    free[columns.capacity[numbers] == 0] = 0  # days that nothing happened to share a row, which is never full
    if asked.session:
        _give_back(availability, rows, free, asked)
    free &= _open(catalog, resources, first, end)
    room = starts_with_room(free, length // SLOT_MS)
    later = [Span(max(span.start, now), max(span.end, now)) for span in spans]
    found = any_within(room, first * DAY_MS, later)
    days = found @ (1 << np.arange(len(dates), dtype=np.int64))
    return WhichDaysAnswer(dates, resources, tuple(days.tolist()))


def _number(availability: Availability, org: str, id: str) -> int:
    number = availability.columns.resources.get((org, id))
    if number is None:
        raise Behind(f"what is taken of {id!r} is not known yet")
    return number


def _with_units(columns: Columns, numbers: list[int], rows: Rows, units: int) -> Bitmaps:
    left = columns.capacity[numbers][:, np.newaxis, np.newaxis] - columns.taken[rows] - columns.held[rows]
    return words((left >= units) & (columns.blocked[rows] == 0))


def _give_back(availability: Availability, rows: Rows, free: Bitmaps, asked: WhichDays) -> None:
    """The session's own holds are not in its way."""
    columns = availability.columns
    for resource, day in np.argwhere(columns.held[rows].any(axis=2)):
        row = int(rows[resource, day])
        own = [hold.slots for hold in availability.claims(row).holds.values() if hold.session == asked.session]
        if own:
            left = columns.capacity[columns.resource_of[row]] - columns.taken[row] - columns.held[row]
            for slots in own:
                left[slots.first : slots.end] += slots.units
            free[resource, day] = words((left >= asked.units) & (columns.blocked[row] == 0))


def _open(catalog: Catalog, resources: tuple[str, ...], first: int, end: int) -> Bitmaps:
    """When each resource is open, in a table like that of what is free."""
    schedules = [catalog.schedules.get(catalog.active[id].schedule) for id in resources]
    different = {id(one): one for one in schedules}
    place = {key: number for number, key in enumerate(different)}
    tables = np.stack([_hours(Same((one or always_open("UTC"),)), first, end) for one in different.values()])
    if len(different) == 1:
        return tables
    found: Bitmaps = tables[[place[id(one)] for one in schedules]]
    return found


@lru_cache(maxsize=4_096)
def _hours(same: Same, first: int, end: int) -> Bitmaps:
    """When a schedule is open, of the days from `first` up to `end`."""
    schedule: Schedule
    (schedule,) = same.schedules
    begins = first * DAY_MS
    flags = np.zeros(((end - first), SLOTS), np.bool_)
    line = flags.reshape(-1)
    for span in open_spans(schedule, begins, end * DAY_MS):
        line[(ceil(span.start) - begins) // SLOT_MS : (span.end - begins) // SLOT_MS] = True
    hours = words(flags).reshape(end - first, WORDS)
    hours.flags.writeable = False
    return hours
