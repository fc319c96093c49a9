"""A day's part in something: what it has to give, and whether everybody has come who has to take part.

What spans several days comes to all of them in one transaction. Each looks at who is in it, and refuses when somebody
is missing: so nothing takes, keeps or frees only some of its days, whoever asks.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from actors.booking.claims import Day
from actors.booking.parties import days_of
from actors.booking.plan import Plan, plan_of
from actors.decider import Consulted, Decision, Leases, Refusal
from events.calendar.quantum import Span
from events.catalog import Catalog
from events.clock import Instant
from events.day import DayFact, Slots, Wish
from events.names import is_identifier

Answer: TypeAlias = Decision[DayFact] | Refusal
By: TypeAlias = Consulted[Catalog, Leases]


def share(day: Day, id: str, wish: Wish, catalog: int, at: Instant, by: By) -> tuple[Plan, Slots] | Refusal:
    """What this day has to give to a wish that may be granted, and to which everybody has come."""
    if by.sequence < catalog:
        return BEHIND
    plan = plan_of(wish, at, by)
    if isinstance(plan, Refusal):
        return plan
    slots = plan.parts.get((day.resource, day.date))
    if slots is None:
        return Refusal("not_here", f"{day.resource} on {day.date} has no part in this")
    resource, date = plan.owner
    begin = f"{resource}.{date}."
    if not id.startswith(begin) or not is_identifier(id[len(begin) :]):
        return Refusal("bad_id", f"{id!r} does not say where this begins: <resource>.<date>.<token>")
    if len(plan.parts) > 1 and (missing := complete(day, wish, plan.span, by)):
        return missing
    return plan, slots


def complete(day: Day, wish: Wish, span: Span, by: By, quotas: tuple[str, ...] = ()) -> Refusal | None:
    """Whether all days of a booking take part, this one among them or as its owner, and all that count it."""
    present = by.together or (f"{day.org}.day.{day.resource}.{day.date}",)
    return None if {*days_of(day.org, wish.items, span), *quotas} <= set(present) else CHANGED


def owns(day: Day, id: str) -> bool:
    return id.startswith(f"{day.resource}.{day.date}.")


def unknown(booking: str) -> Refusal:
    return Refusal("unknown_booking", f"there is no booking {booking!r} here")


def apart(booking: str) -> Refusal:
    return Refusal("owner_missing", f"{booking!r} is owned by another day, which has to take part")


BEHIND: Final = Refusal("catalog_behind", "this host has not heard of that change of the catalog yet", "busy", 50)


CHANGED: Final = Refusal("changed_meanwhile", "who has to take part has changed: look, and ask again", "busy", 50)
