"""Asking: who has to be asked together, for whoever asks.

Everybody gets the same command, the owner first, in one transaction; a single day alone is a plain command. Every day
checks by itself that nobody was left out: this is a help, not a safeguard.
"""

from __future__ import annotations

from typing import TypeAlias

from actors.booking.commands import Book, Cancel, Confirm, Decline, Move, PlaceHold, ReleaseHold
from actors.booking.parties import begins_at, days_of
from actors.decider import Command
from events.calendar.offers import occupied
from events.catalog import EventType
from events.day import Booking, Wish, new_id, owner_of

Parts: TypeAlias = tuple[tuple[str, Command], ...]


def id_for(event_type: EventType, wish: Wish, token: str) -> str:
    """The id of a hold or a booking of this wish; `token` makes it unlike any other."""
    return new_id(*begins_at(wish, occupied(event_type, wish.start, wish.minutes)), token)


def for_wish(org: str, event_type: EventType, wish: Wish, command: PlaceHold | Book | ReleaseHold) -> Parts:
    """All days that the wish touches."""
    return _all(days_of(org, wish.items, occupied(event_type, wish.start, wish.minutes)), command)


def for_booking(org: str, booking: Booking, command: Confirm | Decline | Cancel) -> Parts:
    """The booking's owner, and all days that it has slots on."""
    return _all((owner_of(org, booking.id), *days_of(org, booking.wish.items, booking.span)), command)


def for_move(org: str, booking: Booking, event_type: EventType, command: Move) -> Parts:
    """The booking's owner, where it was, and where it goes."""
    wish = command.wish
    there = days_of(org, wish.items, occupied(event_type, wish.start, wish.minutes))
    return _all((owner_of(org, booking.id), *days_of(org, booking.wish.items, booking.span), *there), command)


def _all(actors: tuple[str, ...], command: Command) -> Parts:
    return tuple((actor, command) for actor in dict.fromkeys(actors))
