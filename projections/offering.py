"""What an event type offers on a resource: the slots of a day, the days of a month, several resources at one time.

A day and a month are one computation over a shorter or a longer time, so they cannot disagree. Which starts there are
is said by `events.calendar.offers`, as it is to the judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from events.calendar.items import (
    Unfit,
    guarded,
    offered,
    schedules_together,
    too_many_days,
    unfit,
    unfit_list,
    unfit_to_lead,
)
from events.calendar.offers import occupied, schedules_of, starts, why_not
from events.calendar.quantum import SLOT_MS, Span, whole_slots_ms
from events.calendar.zones import local_day_span, local_month_dates
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from events.day import Item
from projections.availability import Availability
from projections.limits import APART_MAX, VISITS_MAX
from projections.questions import (
    Check,
    CheckAnswer,
    CheckSeries,
    Conflict,
    DaySlots,
    EverybodysDay,
    EverybodysDayAnswer,
    Month,
    Problem,
    Slot,
    Unanswered,
)
from projections.quotas import Quotas, key_of
from projections.space import Line, active, wanted_units

_IN_THE_WAY: Final = {"held": "somebody holds it", "full": "it is taken", "blocked": "it is out of use"}


class Folded(Protocol):
    """What offers depend on beside the catalog."""

    @property
    def availability(self) -> Availability: ...

    @property
    def quotas(self) -> Quotas: ...


class _Offers:
    """The starts in a span of time, and the line that they lie on."""

    def __init__(
        self, models: Folded, catalog: Catalog, asked: EverybodysDay | Month, span: Span, now: Instant
    ) -> None:
        session, email = (asked.session, asked.email) if isinstance(asked, DaySlots | Month) else ("", "")
        event_type, resource = _offered(catalog, asked.event_type, asked.resource, asked.minutes)
        self.event_type: Final = event_type
        wanted_units(asked.units)
        self.starts: Final = starts(
            event_type, schedules_of(catalog, event_type, resource), asked.minutes, span.start, span.end, now
        )
        if self.starts:
            takes = occupied(event_type, 0, asked.minutes)
            self.length: Final = (takes.end - takes.start) // SLOT_MS
            reach = Span(self.starts[0] + takes.start, self.starts[-1] + takes.end)
            self.line: Final = Line(models.availability, catalog, asked.org, resource, reach, session)
            self.instants: Final = np.array(self.starts, np.int64)
            self.places: Final = self.line.places(self.instants + takes.start)
            self.granted: Final = np.ones(len(self.starts), np.bool_)
            """Not beyond a limit."""
            booker = key_of(email, session)
            for spent in models.quotas.spent(asked.org, event_type, resource, booker, now):
                self.granted[slice(*np.searchsorted(self.instants, (spent.start, spent.end)))] = False


def day_slots(models: Folded, catalog: Catalog, asked: DaySlots, now: Instant) -> tuple[Slot, ...]:
    return _slots(_of_day(models, catalog, asked, now), asked)


def everybodys_day(models: Folded, catalog: Catalog, asked: EverybodysDay, now: Instant) -> EverybodysDayAnswer:
    offers = _of_day(models, catalog, asked, now)
    apart = offers.line.holders if offers.starts else set()
    anybody = offers.event_type.per_booker.limits or len(apart) > APART_MAX
    return EverybodysDayAnswer(_slots(offers, asked), None if anybody else tuple(sorted(apart)))


def _of_day(models: Folded, catalog: Catalog, asked: EverybodysDay, now: Instant) -> _Offers:
    tz = asked.tz or active(catalog, asked.resource).time_zone
    return _Offers(models, catalog, asked, local_day_span(asked.date, tz), now)


def _slots(offers: _Offers, asked: EverybodysDay) -> tuple[Slot, ...]:
    if not offers.starts:
        return ()
    line, places, length = offers.line, offers.places, offers.length
    free = (line.free(places, length, asked.units, holds=True) & offers.granted).tolist()
    otherwise = free
    if line.has_holds:
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
    return _check(models, catalog, asked, now, ())


def check_series(models: Folded, catalog: Catalog, asked: CheckSeries, now: Instant) -> tuple[CheckAnswer, ...]:
    """Each visit on what the ones before it, as far as they fit, would leave."""
    found: list[CheckAnswer] = []
    granted: list[Instant] = []
    if len(asked.starts) > VISITS_MAX:
        raise Unanswered("too_many_occurrences", f"at most {VISITS_MAX} visits at a time")
    for start in asked.starts:
        one = Check(
            org=asked.org, event_type=asked.event_type, start=start, minutes=asked.minutes, items=asked.items,
            session=asked.session, email=asked.email, admitted=asked.admitted,
        )  # fmt: skip
        found.append(_check(models, catalog, one, now, granted))
        if found[-1].free:
            granted.append(start)
    return tuple(found)


def _check(models: Folded, catalog: Catalog, asked: Check, now: Instant, granted: Sequence[Instant]) -> CheckAnswer:
    """`granted` are the starts of visits like this one that are taken for booked."""
    event_type = _event_type(catalog, asked.event_type)
    if (problem := unfit_list(asked.items)) is not None:
        raise Unanswered(*problem)
    conflicts = {
        item.resource: Conflict(item.resource, *problem)
        for item in asked.items
        if (problem := unfit(catalog, event_type, item)) is not None
    }
    resources = [catalog.active[item.resource] for item in asked.items if item.resource not in conflicts]
    leading = catalog.active.get(asked.items[0].resource)
    if resources and resources[0] is leading and (problem := unfit_to_lead(leading)) is not None:
        conflicts[leading.id] = Conflict(leading.id, *problem)
    schedules = schedules_together(catalog, event_type, resources) if resources else ()
    objection = why_not(event_type, schedules, asked.start, asked.minutes, now)
    against = None if objection is None else Problem(objection.code, objection.sentence, objection.fault)
    problem = guarded(event_type, asked.admitted) or too_many_days(event_type, asked.items, asked.start, asked.minutes)
    if against is None and problem is not None:
        against = Problem(*problem)
    if against is None:
        span = occupied(event_type, asked.start, asked.minutes)
        for item in asked.items:
            if item.resource not in conflicts:
                line = Line(models.availability, catalog, asked.org, catalog.active[item.resource], span, asked.session)
                for start in granted:
                    line.take(occupied(event_type, start, asked.minutes), item.units)
                used = tuple(one for one in line.stretches(span, item.units) if one.use != "free")
                if used:
                    code = max((one.use for one in used), key=("held", "full", "blocked").index)
                    conflicts[item.resource] = Conflict(item.resource, code, _IN_THE_WAY[code], used)
        booker = key_of(asked.email, asked.session)
        for number, resource in enumerate(resources):
            counted = models.quotas.spent(
                asked.org, event_type, resource, booker if number == 0 else "", now, granted
            )  # fmt: skip
            if any(span.start <= asked.start < span.end for span in counted):
                against = Problem("over_limit", "no more bookings may begin in that day, week or month", "late")
    found = tuple(conflicts[item.resource] for item in asked.items if item.resource in conflicts)
    return CheckAnswer(not found and against is None, against, found)


def _event_type(catalog: Catalog, slug: str) -> EventType:
    event_type = offered(catalog, slug)
    if isinstance(event_type, Unfit):
        raise Unanswered(*event_type)
    return event_type


def _offered(catalog: Catalog, slug: str, id: str, minutes: int) -> tuple[EventType, Resource]:
    event_type, resource = _event_type(catalog, slug), active(catalog, id)
    if (problem := unfit(catalog, event_type, Item(id)) or unfit_to_lead(resource)) is not None and problem.code != (
        "over_capacity"  # which is shown as full
    ):
        raise Unanswered(*problem)
    if minutes not in event_type.durations:
        lengths = ", ".join(map(str, event_type.durations))
        raise Unanswered("wrong_duration", f"{slug} takes {lengths} minutes, not {minutes}")
    return event_type, resource
