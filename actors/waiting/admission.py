"""Admission: how many may be called, and when; how many may come in.

Two bounds are never passed (law 4): who is in never exceeds the capacity, and who came in within any minute never
exceeds the rate. Calls are made so that those who follow them just fit: as some stay away, more are called than there
are seats, by how many came lately and how soon (`turnout`). Should more come than was expected, the last of them wait
for a seat, before anybody else is called.
"""

from __future__ import annotations

from typing import Final

from actors.waiting.lifecycle import CALLS
from actors.waiting.limits import CALLED_AT_ONCE_MAX, CALLS_PER_ADMISSION_MAX, IN_AT_ONCE_MAX
from actors.waiting.pace import MINUTE_MS, SECOND_MS
from actors.waiting.standing import Room
from events.clock import Instant
from events.room import RoomSettings

BURSTS_PER_MINUTE: Final = 20
"""Unless it is set otherwise, a minute's calls take at least three seconds."""


def burst_of(settings: RoomSettings) -> int:
    return settings.burst or max(1, -(-settings.per_minute // BURSTS_PER_MINUTE))


def callable_now(room: Room, at: Instant) -> int:
    """How many may be called at this instant, if so many wait."""
    if room.phase not in CALLS or room.claiming or _steps_at(room) > at:
        return 0
    settings = room.settings
    free = min(CALLED_AT_ONCE_MAX, _seats_left(room, at))
    if settings.per_minute:
        free = min(free, _rate_of_calls(room) - room.calls.within(at, MINUTE_MS))
        free = min(free, burst_of(settings) - room.calls.within(at, SECOND_MS))
    return max(free, 0)


def next_call_at(room: Room) -> Instant | None:
    """From when on somebody may be called, if nothing else happens; None when something has to."""
    if room.phase not in CALLS or room.claiming or not room.somebody_waits:
        return None
    by_seats = _seat_at(room)
    if by_seats is None:
        return None
    if not room.settings.per_minute:
        return max(by_seats, _steps_at(room))
    by_rate = room.calls.below(_rate_of_calls(room), MINUTE_MS)
    by_burst = room.calls.below(burst_of(room.settings), SECOND_MS)
    return max(by_seats, by_rate, by_burst, _steps_at(room))


def entries_now(room: Room, at: Instant) -> int:
    """How many may come in at this instant: so many seats there are, and so much room has the minute."""
    seats, per_minute = room.seats - len(room.active), room.settings.per_minute
    return max(min(seats, per_minute - room.claims.within(at, MINUTE_MS)) if per_minute else seats, 0)


def next_entry_at(room: Room) -> Instant | None:
    """From when on the first of those who wait for a seat may come in; None when something has to happen before."""
    if not room.claiming or len(room.active) >= room.seats:
        return None
    per_minute = room.settings.per_minute
    return room.claims.below(per_minute, MINUTE_MS) if per_minute else 0


def _seats_left(room: Room, at: Instant) -> int:
    """For so many more calls there will be seats, by how many came of those who were called lately."""
    spare = (room.seats - len(room.active)) * 1_000 - room.turnout.expected(at)
    return min(spare // room.turnout.per_mille()[0], IN_AT_ONCE_MAX - len(room.active) - len(room.called))


def _seat_at(room: Room) -> Instant | None:
    """From when on there is a seat for one more call: those who are out are expected less and less."""
    if len(room.active) + len(room.called) >= IN_AT_ONCE_MAX:
        return None
    spare = (room.seats - len(room.active)) * 1_000 - room.turnout.per_mille()[0]
    return None if spare < 0 else room.turnout.fewer_than(spare + 1)


def _rate_of_calls(room: Room) -> int:
    return room.settings.per_minute * 1_000 // max(room.turnout.per_mille()[0], 1_000 // CALLS_PER_ADMISSION_MAX)


def _steps_at(room: Room) -> Instant:
    """Where nobody goes straight through, calls are made at whole seconds, one step at a time."""
    if room.settings.straight_through:
        return 0
    return (max(room.calls.last, room.waiting_since) // SECOND_MS + 1) * SECOND_MS
