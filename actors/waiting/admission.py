"""Admission: how many may be called, and when; how many may come in.

Two bounds are never passed (law 4): who is in never exceeds the capacity, and who came in within any minute never
exceeds the rate. Calls are made so that those who follow them just fit: as some stay away, more are called than there
are seats, by the share that stayed away lately. Should more come than was expected, the last of them wait for a seat,
before anybody else is called.
"""

from __future__ import annotations

from typing import Final

from actors.waiting.lifecycle import CALLS
from actors.waiting.limits import (
    CALLED_AT_ONCE_MAX,
    IN_AT_ONCE_MAX,
    NO_SHOWS_PER_MILLE_MAX,
    OUTCOMES_COUNTED_MIN,
)
from actors.waiting.pace import MINUTE_MS, SECOND_MS
from actors.waiting.standing import Room
from events.clock import Instant
from events.room import RoomSettings

BURSTS_PER_MINUTE: Final = 20
"""Unless it is set otherwise, a minute's calls take at least three seconds."""


def no_shows_per_mille(room: Room) -> int:
    """The share of those who are called and do not come, as measured lately."""
    outcomes = room.shown + room.missed
    if outcomes < OUTCOMES_COUNTED_MIN:
        return 0
    return min(1_000 * room.missed // outcomes, NO_SHOWS_PER_MILLE_MAX)


def burst_of(settings: RoomSettings) -> int:
    return settings.burst or max(1, -(-settings.per_minute // BURSTS_PER_MINUTE))


def callable_now(room: Room, at: Instant) -> int:
    """How many may be called at this instant, if so many wait."""
    if room.phase not in CALLS or room.claiming or _steps_at(room) > at:
        return 0
    settings = room.settings
    free = min(CALLED_AT_ONCE_MAX, _seats_left(room))
    if settings.per_minute:
        free = min(free, _rate_of_calls(room) - room.calls.within(at, MINUTE_MS))
        free = min(free, burst_of(settings) - room.calls.within(at, SECOND_MS))
    return max(free, 0)


def next_call_at(room: Room) -> Instant | None:
    """From when on somebody may be called, if nothing else happens; None when something has to."""
    if room.phase not in CALLS or room.claiming or not room.somebody_waits or _seats_left(room) <= 0:
        return None
    if not room.settings.per_minute:
        return _steps_at(room)
    by_rate = room.calls.below(_rate_of_calls(room), MINUTE_MS)
    by_burst = room.calls.below(burst_of(room.settings), SECOND_MS)
    return max(by_rate, by_burst, _steps_at(room))


def may_come_in(room: Room, at: Instant) -> bool:
    """Whether there is a seat, and the minute has room."""
    per_minute = room.settings.per_minute
    return len(room.active) < room.seats and (not per_minute or room.claims.within(at, MINUTE_MS) < per_minute)


def next_entry_at(room: Room) -> Instant | None:
    """From when on the first of those who wait for a seat may come in; None when something has to happen before."""
    if not room.claiming or len(room.active) >= room.seats:
        return None
    per_minute = room.settings.per_minute
    return room.claims.below(per_minute, MINUTE_MS) if per_minute else 0


def _seats_left(room: Room) -> int:
    """For so many more calls there will be seats, by what was measured."""
    stay = 1_000 - no_shows_per_mille(room)
    expected = (room.seats - len(room.active)) * 1_000 // stay - len(room.called)
    return min(expected, IN_AT_ONCE_MAX - len(room.active) - len(room.called))


def _rate_of_calls(room: Room) -> int:
    return room.settings.per_minute * 1_000 // (1_000 - no_shows_per_mille(room))


def _steps_at(room: Room) -> Instant:
    """Where nobody goes straight through, calls are made at whole seconds, one step at a time."""
    if room.settings.straight_through:
        return 0
    return (max(room.calls.last, room.waiting_since) // SECOND_MS + 1) * SECOND_MS
