"""A line moves: when all is quiet, nobody waits for what a room could do. Laws 3 and 4 are kept by a room that calls
nobody; this is what it must do.

By the count that law 3 keeps of the line: everything that the lines said has been heard. No call and no pass has passed
its end. While there are seats and the minute has room, nobody who is there waits to be called, and nobody who has come
waits to be let in.

Seats are counted without the hope that somebody stays away, and the rate without making up for it: a room may call more
than that. A room's own clock may be ahead, when some host's was; then it waits until the others have caught up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from events.clock import Instant
from tests.laws.history import History
from tests.laws.law_03_first_come import Line, folded

MINUTE_MS = 60_000
SECOND_MS = 1_000
OVERDUE_MS = 3_000
"""As `progress` has it: a Tick takes a moment to be given."""
ROUNDED_MS = 1_100
"""Calls may be made at whole seconds, and are counted by tenths of one."""


def breaches(history: History) -> Iterator[str]:
    record = history.record
    if not record.quiet_sequence:
        return
    overdue = record.quiet_at - OVERDUE_MS
    for room, line, wrong in folded(history, record.quiet_sequence):
        if not wrong:
            yield from (f"when all was quiet, {room} {what}" for what in _owed(line, overdue))


def _owed(line: Line, overdue: Instant) -> Iterator[str]:
    if line.phase in ("pre_queue", "open", "paused", "draining"):
        unheard = [said.sequence for said in line.said[line.heard :] if said.stored_at < overdue]
        if unheard:
            yield f"had not heard {unheard}"
    for name, until in line.passes.items():
        if until < overdue:
            yield f"had let the pass of {name} stand, which ended at {until}"
    for ticket in line.tickets.values():
        if ticket.state == "called" and ticket.until < overdue:
            yield f"had let the call of {ticket.name} stand, which ended at {ticket.until}"
    if line.stored_at >= overdue:
        return  # it has just done something, and what follows from that may be on its way
    settings = line.settings
    seats = settings.capacity - len(line.passes) if settings.capacity else 1
    if line.claiming:
        free_at = max(line.at, _below(line.claims, settings.per_minute, MINUTE_MS))
        if seats > 0 and free_at + ROUNDED_MS < overdue:
            yield f"had a seat, and {line.claiming[0].name} was not let in"
    elif line.phase in ("open", "draining"):
        called = sum(ticket.state == "called" for ticket in line.tickets.values())
        waiting = next((ticket.name for ticket in line.tickets.values() if ticket.stands), None)
        burst = settings.burst or -(-settings.per_minute // 20)
        free_at = max(
            line.at,
            _below(line.calls, settings.per_minute, MINUTE_MS),
            _below(line.calls, burst if settings.per_minute else 0, SECOND_MS),
        )
        free = seats - called if settings.capacity else 1
        if waiting is not None and free > 0 and free_at + ROUNDED_MS < overdue:
            yield f"had {free} seats free, and {waiting} was not called"


def _below(instants: Sequence[Instant], bound: int, span_ms: int) -> Instant:
    """From when on fewer than so many are within the span; a bound of 0 bounds nothing."""
    if not bound or len(instants) < bound:
        return 0
    return sorted(instants)[-bound] + span_ms
