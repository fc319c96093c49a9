"""Asking: who has to be asked together, for whoever asks.

Everybody gets the same command, the owner first, in one transaction; a single day alone is a plain command. Every day
checks by itself that nobody was left out: this is a help, not a safeguard.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from actors.booking.commands import Book, BookSeries, Cancel, Confirm, Decline, Move, PlaceHold, ReleaseHold
from actors.booking.limits import LIMITS
from actors.booking.parties import begins_at, days_of, quotas_of
from actors.decider import Command, Refusal
from events.calendar.offers import occupied
from events.catalog import Catalog, EventType, Resource
from events.day import Booking, Wish, new_id, owner_of

Parts: TypeAlias = tuple[tuple[str, Command], ...]


def bookable(catalog: Catalog, event_type: str, resource: str) -> tuple[EventType, Resource] | Refusal:
    """Both, if the one can be booked by the other."""
    found, way = catalog.active.get(resource), catalog.event_types.get(event_type)
    if way is None:
        return Refusal("unknown_event_type", f"there is no event type {event_type!r}")
    if found is None:
        return Refusal("unknown_resource", f"there is no resource {resource!r}, or it is out of use")
    if not catalog.linked(event_type, resource):
        return Refusal("not_linked", f"{resource!r} cannot be booked by {event_type!r}")
    return way, found


def minutes_of(event_type: EventType, asked: int | None) -> int | Refusal:
    """The duration that was asked for, if there is one; else the first."""
    if asked is not None and asked not in event_type.durations:
        lengths = ", ".join(map(str, event_type.durations))
        return Refusal("wrong_duration", f"{event_type.slug} takes {lengths} minutes, not {asked}")
    return event_type.durations[0] if asked is None else asked


def id_for(event_type: EventType, wish: Wish, token: str) -> str:
    """The id of a hold or a booking of this wish; `token` makes it unlike any other."""
    return new_id(*begins_at(wish, occupied(event_type, wish.start, wish.minutes)), token)


def for_hold(org: str, event_type: EventType, wish: Wish, command: PlaceHold | ReleaseHold) -> Parts:
    """All days that the wish touches."""
    return _all(days_of(org, wish.items, occupied(event_type, wish.start, wish.minutes)), command)


def for_book(org: str, event_type: EventType, command: Book) -> Parts | Refusal:
    """All days that the wish touches, and the quotas that limit it."""
    wish = command.wish
    quotas = quotas_of(org, event_type, wish, command.booker, command.session)
    if isinstance(quotas, Refusal):
        return quotas
    return _all((*days_of(org, wish.items, occupied(event_type, wish.start, wish.minutes)), *quotas), command)


def for_series(org: str, event_type: EventType, command: BookSeries) -> Parts | Refusal:
    """The same for every visit, the first one's owner first."""
    actors: dict[str, None] = {}
    for start in (command.wish.start, *command.again):
        wish = msgspec.structs.replace(command.wish, start=start)
        parts = for_book(org, event_type, Book("", wish, command.session, booker=command.booker))
        if isinstance(parts, Refusal):
            return parts
        actors |= dict.fromkeys(actor for actor, _ in parts)
    most = LIMITS.series_parties_max
    if len(actors) > most:
        return Refusal("too_many_days", f"a series touches at most {most} days and quotas, not {len(actors)}")
    return tuple((actor, command) for actor in actors)


def for_booking(org: str, booking: Booking, command: Confirm | Decline | Cancel) -> Parts:
    """The booking's owner, all days that it has slots on, and the quotas that count it."""
    return _all((owner_of(org, booking.id), *days_of(org, booking.wish.items, booking.span), *booking.counted), command)


def for_move(org: str, booking: Booking, event_type: EventType, command: Move) -> Parts:
    """The same, and where it goes."""
    wish = command.wish
    there = days_of(org, wish.items, occupied(event_type, wish.start, wish.minutes))
    return _all(
        (owner_of(org, booking.id), *days_of(org, booking.wish.items, booking.span), *there, *booking.counted), command
    )


def _all(actors: tuple[str, ...], command: Command) -> Parts:
    return tuple((actor, command) for actor in dict.fromkeys(actors))
