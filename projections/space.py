"""Room along a resource's time: units taken and held, and what is blocked, slot after slot and day after day.

A window is so many slots in a row. Whether one is free is found by counting what is in the way once, along the whole
line: the count at the window's end less the one at its begin.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from events.calendar.opening import open_spans
from events.calendar.quantum import DAY_MS, SLOT_MS, SLOTS, Span
from events.catalog import Catalog, Resource
from events.clock import Instant
from projections.availability import Availability
from projections.columns import Flags, Units
from projections.limits import RANGE_DAYS_MAX
from projections.questions import Range, RangeAnswer, Stretch, Unanswered, Use

_USES: Final[tuple[Use, ...]] = ("free", "held", "full", "blocked", "closed")


class Line:
    """Whole UTC dates of one resource that have all of a span. A session's own holds are not held."""

    def __init__(
        self, availability: Availability, catalog: Catalog, org: str, resource: Resource, span: Span, session: str
    ) -> None:
        first, end = span.start // DAY_MS, -(-span.end // DAY_MS)
        if first < availability.first_day:
            raise Unanswered("too_long_ago", "what was taken so long ago is only in the log", "late")
        columns = availability.columns
        number = columns.resources.get((org, resource.id))
        rows = columns.rows([number], first, end)[0] if number is not None else np.zeros(end - first, np.int32)
        self._claims: Final = [availability.claims(row) for row in rows.tolist()]
        self.begins: Final[Instant] = first * DAY_MS
        self.capacity: Final = catalog.units_of(resource)
        self.taken: Final[Units] = columns.taken[rows].reshape(-1)
        self.held: Final[Units] = columns.held[rows].reshape(-1)
        self.blocked: Final[Flags] = columns.blocked[rows].reshape(-1) > 0
        if session:
            for place, claims in enumerate(self._claims):
                for hold in claims.holds.values():
                    if hold.session == session:
                        slots = hold.slots
                        self.held[place * SLOTS + slots.first : place * SLOTS + slots.end] -= slots.units

    @property
    def holders(self) -> set[str]:
        """The sessions that hold something on these dates."""
        return {hold.session for claims in self._claims for hold in claims.holds.values()}

    @property
    def has_holds(self) -> bool:
        """Whether it makes a difference what others hold."""
        return bool(self.held.any())

    def take(self, span: Span, units: int) -> None:
        """As if these were taken, as far as they lie on the line."""
        first, end = ((instant - self.begins) // SLOT_MS for instant in (span.start, span.end))
        self.taken[max(first, 0) : max(end, 0)] += units

    def places(self, instants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which slot of the line begins at each of these instants, all on the grid."""
        return (instants - self.begins) // SLOT_MS

    def free(self, places: NDArray[np.int64], length: int, units: int, *, holds: bool) -> Flags:
        """Which of the windows that begin there have so many units, with or without what others hold."""
        used = self.taken + self.held if holds else self.taken
        in_the_way = np.zeros(len(used) + 1, np.int64)
        ((used > self.capacity - units) | self.blocked).cumsum(out=in_the_way[1:])
        found: Flags = in_the_way[places + length] == in_the_way[places]
        return found

    def left(self, places: NDArray[np.int64], length: int) -> Units:
        """How many units each window has in every slot."""
        used = np.where(self.blocked, self.capacity, self.taken + self.held)
        fullest: Units = used[places[:, np.newaxis] + np.arange(length)].max(axis=1)
        return np.maximum(self.capacity - fullest, 0)

    def stretches(self, span: Span, units: int, closed: Flags | None = None) -> tuple[Stretch, ...]:
        """The uses of a span on the grid, as few as say it all."""
        cut = slice((span.start - self.begins) // SLOT_MS, (span.end - self.begins) // SLOT_MS)
        taken, held, blocked = self.taken[cut], self.held[cut], self.blocked[cut]
        left = np.where(blocked, 0, np.maximum(self.capacity - taken - held, 0))
        use = np.where(taken + held <= self.capacity - units, 0, np.where(taken <= self.capacity - units, 1, 2))
        use = np.where(blocked, 3, use)
        if closed is not None:
            use = np.where(closed[cut], 4, use)
        if not len(use):
            return ()
        begins = np.flatnonzero(np.diff(use, prepend=-1) | np.diff(left, prepend=-1)).tolist()
        return tuple(
            Stretch(span.start + one * SLOT_MS, span.start + end * SLOT_MS, _USES[use[one]], int(left[one]))
            for one, end in zip(begins, [*begins[1:], len(use)], strict=True)
        )


def range_of(availability: Availability, catalog: Catalog, asked: Range) -> RangeAnswer:
    resource = active(catalog, asked.resource)
    if asked.start >= asked.end:
        raise Unanswered("bad_range", "the end is behind the start")
    if asked.end - asked.start > RANGE_DAYS_MAX * DAY_MS:
        raise Unanswered("range_too_long", f"at most {RANGE_DAYS_MAX} days at a time")
    wanted_units(asked.units)
    span = Span.outward(asked.start, asked.end)
    line = Line(availability, catalog, asked.org, resource, span, asked.session)
    stretches = line.stretches(span, asked.units, _closed(catalog, resource, line))
    return RangeAnswer(all(one.use == "free" for one in stretches), stretches)


def _closed(catalog: Catalog, resource: Resource, line: Line) -> Any:
    if not resource.schedule or (schedule := catalog.schedules.get(resource.schedule)) is None:
        return None
    closed = np.ones(len(line.taken), np.bool_)
    for span in open_spans(schedule, line.begins, line.begins + len(closed) * SLOT_MS):
        closed[(span.start - line.begins) // SLOT_MS : (span.end - line.begins) // SLOT_MS] = False
    return closed


def active(catalog: Catalog, id: str) -> Resource:
    resource = catalog.active.get(id)
    if resource is None:
        raise Unanswered("unknown_resource", f"there is no resource {id!r}, or it is out of use")
    return resource


def wanted_units(units: int) -> None:
    if units < 1:
        raise Unanswered("bad_units", "at least one unit is asked for")
