"""Who takes part in a booking: every day that it touches, of every item; and the quotas of those that have limits.

Whoever asks composes the transaction from this, and every day checks by the same that nobody was left out: so nothing
spans several days and takes only some of them, whoever asks.
"""

from __future__ import annotations

from actors.decider import Refusal
from events.calendar.quantum import Span, shares
from events.catalog import EventType
from events.day import Booker, Item, Slots, Wish, day_actor
from events.quota import booker_key, quota_actor, resource_key


def days_of(org: str, items: tuple[Item, ...], span: Span) -> tuple[str, ...]:
    """The actors of the days, the owner first."""
    dates = [share.date for share in shares(span)]
    return tuple(day_actor(org, item.resource, date) for item in items for date in dates)


def slots_of(resource: str, date: str, items: tuple[Item, ...], span: Span) -> Slots | None:
    """What this day of this resource has to give; None if it has no part in it."""
    units = next((item.units for item in items if item.resource == resource), 0)
    share = next((share for share in shares(span) if share.date == date), None)
    return Slots(share.first, share.end, units) if units and share is not None else None


def begins_at(wish: Wish, span: Span) -> tuple[str, str]:
    """The resource and the date that own it."""
    return wish.items[0].resource, shares(span)[0].date


def quotas_of(org: str, event_type: EventType, wish: Wish, booker: Booker, session: str) -> tuple[str, ...] | Refusal:
    """Who counts a booking: the quota of each of its resources and that of its booker, as far as the event type limits
    them."""
    keys = [resource_key(item.resource) for item in wish.items] if event_type.per_resource.limits else []
    if event_type.per_booker.limits:
        key = booker_key(booker, session)
        if not key:
            return Refusal("booker_needed", "bookings by one person are limited: an e-mail address says whose it is")
        keys.append(key)
    return tuple(quota_actor(org, key) for key in keys)
