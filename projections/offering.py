"""What an event type offers on a resource: the slots of a day, the days of a month, several resources at one time.

A day and a month are one computation over a shorter or a longer time, so they cannot disagree. Which starts there are
is said by `events.calendar.offers`, as it is to the judges.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from events.calendar.offers import Schedules, occupied, schedules_of, starts, why_not
from events.calendar.quantum import SLOT_MS, Span, whole_slots_ms
from events.calendar.zones import local_day_span, local_month_dates
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from events.day import Item
from projections.availability import Availability
from projections.limits import ITEMS_MAX
from projections.questions import Check, CheckAnswer, Conflict, DaySlots, Month, Problem, Slot, Unanswered
from projections.quotas import Quotas, key_of
from projections.room import Line, active, wanted_units

_IN_THE_WAY: Final = {"held": "somebody holds it", "full": "it is taken", "blocked": "it is out of use"}


class Folded(Protocol):
    """What offers depend on beside the catalog."""

    @property
    def availability(self) -> Availability: ...

    @property
    def quotas(self) -> Quotas: ...


class _Offers:
    """The starts in a span of time, and the line that they lie on."""

    def __init__(self, models: Folded, catalog: Catalog, asked: DaySlots | Month, span: Span, now: Instant) -> None:
        event_type, resource = _offered(catalog, asked.event_type, asked.resource, asked.minutes)
        wanted_units(asked.units)
        self.starts: Final = starts(
            event_type, schedules_of(catalog, event_type, resource), asked.minutes, span.start, span.end, now
        )
        if self.starts:
            takes = occupied(event_type, 0, asked.minutes)
            self.length: Final = (takes.end - takes.start) // SLOT_MS
            reach = Span(self.starts[0] + takes.start, self.starts[-1] + takes.end)
            self.line: Final = Line(models.availability, catalog, asked.org, resource, reach, asked.session)
            self.instants: Final = np.array(self.starts, np.int64)
            self.places: Final = self.line.places(self.instants + takes.start)
            self.granted: Final = np.ones(len(self.starts), np.bool_)
            """Not beyond a limit."""
            booker = key_of(asked.email, asked.session)
            for spent in models.quotas.spent(asked.org, event_type, resource, booker, now):
                self.granted[slice(*np.searchsorted(self.instants, (spent.start, spent.end)))] = False


def day_slots(models: Folded, catalog: Catalog, asked: DaySlots, now: Instant) -> tuple[Slot, ...]:
    tz = asked.tz or active(catalog, asked.resource).time_zone
    offers = _Offers(models, catalog, asked, local_day_span(asked.date, tz), now)
    if not offers.starts:
        return ()
    line, places, length = offers.line, offers.places, offers.length
    free = (line.free(places, length, asked.units, holds=True) & offers.granted).tolist()
    otherwise = (line.free(places, length, asked.units, holds=False) & offers.granted).tolist()
    left = (line.left(places, length) * offers.granted).tolist()
    visit = whole_slots_ms(asked.minutes)
    return tuple(
        Slot(start, start + visit, "free" if free[one] else "held" if otherwise[one] else "full", left[one])
        for one, start in enumerate(offers.starts)
    )


def month(models: Folded, catalog: Catalog, asked: Month, now: Instant) -> dict[str, bool]:
    tz = asked.tz or active(catalog, asked.resource).time_zone
    dates = local_month_dates(asked.month, tz)
    spans = [local_day_span(date, tz) for date in dates]
    offers = _Offers(models, catalog, asked, Span(spans[0].start, spans[-1].end), now)
    if not offers.starts:
        return dict.fromkeys(dates, False)
    free = offers.line.free(offers.places, offers.length, asked.units, holds=True) & offers.granted
    before = np.concatenate(([0], np.cumsum(free)))
    begin, end = (
        before[np.searchsorted(offers.instants, edges)]
        for edges in ([span.start for span in spans], [span.end for span in spans])
    )
    return dict(zip(dates, (end > begin).tolist(), strict=True))


def check(models: Folded, catalog: Catalog, asked: Check, now: Instant) -> CheckAnswer:
    event_type = _event_type(catalog, asked.event_type)
    if not 1 <= len(asked.items) <= ITEMS_MAX or len({item.resource for item in asked.items}) < len(asked.items):
        raise Unanswered("bad_items", f"between 1 and {ITEMS_MAX} items, each resource named once")
    conflicts = {item.resource: rule for item in asked.items if (rule := _rule(catalog, event_type, item))}
    resources = [catalog.active[item.resource] for item in asked.items if item.resource not in conflicts]
    if resources and resources[0].id == asked.items[0].resource and not resources[0].standalone:
        detail = f"{resources[0].id!r} is booked along with something else, never alone"
        conflicts[resources[0].id] = Conflict(resources[0].id, "only_with_another", detail)
    objection = why_not(event_type, _together(catalog, event_type, resources), asked.start, asked.minutes, now)
    if objection is None:
        span = occupied(event_type, asked.start, asked.minutes)
        for item in asked.items:
            if item.resource not in conflicts:
                line = Line(models.availability, catalog, asked.org, catalog.active[item.resource], span, asked.session)
                used = tuple(one for one in line.stretches(span, item.units) if one.use != "free")
                if used:
                    code = max((one.use for one in used), key=("held", "full", "blocked").index)
                    conflicts[item.resource] = Conflict(item.resource, code, _IN_THE_WAY[code], used)
    found = tuple(conflicts[item.resource] for item in asked.items if item.resource in conflicts)
    problem = None if objection is None else Problem(objection.code, objection.sentence, objection.fault)
    if problem is None and (leading := catalog.active.get(asked.items[0].resource)) is not None:
        booker = key_of(asked.email, asked.session)
        spent = models.quotas.spent(asked.org, event_type, leading, booker, now)
        if any(span.start <= asked.start < span.end for span in spent):
            problem = Problem("over_limit", "no more bookings may begin in that day, week or month", "late")
    return CheckAnswer(not found and problem is None, problem, found)


def _rule(catalog: Catalog, event_type: EventType, item: Item) -> Conflict | None:
    resource = catalog.active.get(item.resource)
    if resource is None:
        return Conflict(item.resource, "unknown_resource", f"there is no resource {item.resource!r}")
    if not catalog.linked(event_type.slug, resource.id):
        return Conflict(resource.id, "not_linked", f"{resource.id!r} cannot be booked by {event_type.slug!r}")
    if item.units < 1:
        return Conflict(resource.id, "bad_units", "at least one unit is booked")
    if item.units > (units := catalog.units_of(resource)):
        return Conflict(resource.id, "over_capacity", f"{resource.id!r} has {units} units, not {item.units}")
    return None


def _together(catalog: Catalog, event_type: EventType, resources: list[Resource]) -> Schedules:
    """All must be open, the leading resource's clocks count."""
    if not resources:
        return ()
    leading, *along = resources
    found = {schedule.id: schedule for schedule in schedules_of(catalog, event_type, leading)}
    for one in along:
        if one.schedule:
            found.setdefault(one.schedule, catalog.schedules[one.schedule])
    return tuple(found.values())


def _event_type(catalog: Catalog, slug: str) -> EventType:
    event_type = catalog.event_types.get(slug)
    if event_type is None:
        raise Unanswered("unknown_event_type", f"there is no event type {slug!r}")
    if not event_type.active:
        raise Unanswered("inactive_event_type", f"{slug!r} is not on offer at the moment")
    return event_type


def _offered(catalog: Catalog, slug: str, id: str, minutes: int) -> tuple[EventType, Resource]:
    event_type, resource = _event_type(catalog, slug), active(catalog, id)
    if not catalog.linked(slug, id):
        raise Unanswered("not_linked", f"{id!r} cannot be booked by {slug!r}")
    if not resource.standalone:
        raise Unanswered("only_with_another", f"{id!r} is booked along with something else, never alone")
    if minutes not in event_type.durations:
        lengths = ", ".join(map(str, event_type.durations))
        raise Unanswered("wrong_duration", f"{slug} takes {lengths} minutes, not {minutes}")
    return event_type, resource
