"""A plan: all that follows from a wish and the catalog alone, worked out once for everybody who has the same wish.

In a rush thousands want the same slot, and each of them is judged anew; what depends on nobody but the wish is not.
A plan says through when it holds, because rules of time may end it: notice is short of the start, and the horizon
moves by the quarter hour at most, with the local day.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.booking.eligibility import eligible
from actors.decider import Consulted, Leases, Refusal
from events.calendar.offers import occupied
from events.calendar.quantum import MINUTE_MS, SLOT_MS, Span, shares
from events.catalog import Catalog, EventType
from events.clock import Instant
from events.day import Slots, Wish

PLANS_MAX: Final = 4_096


class Plan(msgspec.Struct, frozen=True):
    """`parts` has the slots of each day that takes part, by its resource and date; `owner` is the first of them."""

    event_type: EventType
    span: Span
    parts: dict[tuple[str, str], Slots]
    owner: tuple[str, str]
    catalog: Catalog
    through: Instant


_plans: Final[dict[tuple[int, int, Wish, int], Plan]] = {}
"""By the catalog as it is, the wish, and the quarter hour. A plan keeps its catalog, so that no other gets its id."""


def plan_of(wish: Wish, at: Instant, by: Consulted[Catalog, Leases]) -> Plan | Refusal:
    """What has to happen for a wish that may be granted; or the rule that stands against it."""
    key = (id(by.state), by.sequence, wish, at // SLOT_MS)
    plan = _plans.get(key)
    if plan is not None and at <= plan.through:
        return plan
    event_type = eligible(by, wish, at)
    if isinstance(event_type, Refusal):
        return event_type
    span = occupied(event_type, wish.start, wish.minutes)
    touched = shares(span)
    parts = {
        (item.resource, share.date): Slots(share.first, share.end, item.units)
        for item in wish.items
        for share in touched
    }
    plan = Plan(event_type, span, parts, next(iter(parts)), by.state, wish.start - event_type.notice * MINUTE_MS)
    if len(_plans) >= PLANS_MAX:
        _plans.clear()
    _plans[key] = plan
    return plan
