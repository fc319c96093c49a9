"""What may become of a booking: the table, and nothing else decides it.

The statuses that end a booking have no way out. What a booking in each status has of its slots follows from the table
too: all of them while it is alive, none afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from events.calendar.quantum import MINUTE_MS
from events.catalog import EventType
from events.clock import Instant
from events.day import Status

Step: TypeAlias = Literal["confirm", "approve", "decline", "cancel", "move", "lapse", "complete", "miss"]

TRANSITIONS: Final[Mapping[Status, Mapping[Step, Status]]] = {
    "provisional": {"confirm": "confirmed", "cancel": "cancelled", "move": "provisional", "lapse": "lapsed"},
    "pending": {
        "approve": "confirmed",
        "decline": "declined",
        "cancel": "cancelled",
        "move": "pending",
        "lapse": "lapsed",
    },
    "confirmed": {"cancel": "cancelled", "move": "confirmed", "complete": "completed", "miss": "no_show"},
    "cancelled": {},
    "declined": {},
    "lapsed": {},
    "completed": {},
    "no_show": {},
}
"""A provisional booking of an event type that needs approval is pending when it is confirmed."""

ALIVE: Final[frozenset[Status]] = frozenset({"provisional", "pending", "confirmed"})
OCCUPIES: Final[frozenset[Status]] = ALIVE | {"completed", "no_show"}
"""The slots of what took place stay taken: history shows them, and nobody wants them."""


def allows(status: Status, step: Step) -> bool:
    return step in TRANSITIONS[status]


def first_status(event_type: EventType, at: Instant) -> tuple[Status, Instant | None]:
    """How a booking begins, and until when it stands so."""
    if event_type.provisional_for:
        return "provisional", at + event_type.provisional_for * MINUTE_MS
    if event_type.approval:
        return "pending", _pending_until(event_type, at)
    return "confirmed", None


def next_status(
    status: Status, event_type: EventType | None, token: str | None, at: Instant
) -> tuple[Status, Instant | None]:
    """What a confirmation leads to: by the booker, who has a token, perhaps only to somebody else's approval."""
    if status == "provisional" and token is not None and event_type is not None and event_type.approval:
        return "pending", _pending_until(event_type, at)
    return "confirmed", None


def moved_status(
    status: Status, until: Instant | None, event_type: EventType, token: str | None, at: Instant
) -> tuple[Status, Instant | None]:
    """What was approved was approved for its time: moved by its booker, who has a token, it waits for approval anew."""
    if status == "confirmed" and token is not None and event_type.approval:
        return "pending", _pending_until(event_type, at)
    return status, until


def _pending_until(event_type: EventType, at: Instant) -> Instant | None:
    return at + event_type.pending_for * MINUTE_MS if event_type.pending_for else None
