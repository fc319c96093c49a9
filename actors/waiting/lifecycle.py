"""What may become of a room, and of a ticket.

The first table decides: no room takes a step that is not in it. The second one describes what all rules of lines and
rooms come to for one ticket, which is written in two actors' facts; the tests drive every step of it, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from events.room import Phase

Step: TypeAlias = Literal["start", "open", "pause", "resume", "drain", "close"]

ROOM: Final[Mapping[Phase, Mapping[Step, Phase]]] = {
    "scheduled": {"start": "pre_queue", "open": "open", "close": "closed"},
    "pre_queue": {"open": "open", "close": "closed"},
    "open": {"pause": "paused", "drain": "draining", "close": "closed"},
    "paused": {"resume": "open", "drain": "draining", "close": "closed"},
    "draining": {"close": "closed"},
    "closed": {},
}
"""`start` begins the pre-queue. By the clock a room starts, opens and closes; one that drains closes when empty."""

JOINS: Final[frozenset[Phase]] = frozenset({"pre_queue", "open", "paused"})
"""Who comes may join."""
CALLS: Final[frozenset[Phase]] = frozenset({"open", "draining"})
LISTENS: Final[frozenset[Phase]] = frozenset({"pre_queue", "open", "paused", "draining"})

TicketState: TypeAlias = Literal[
    "waiting", "absent", "called", "claiming", "active", "missed", "left", "expired", "exited"
]
TicketStep: TypeAlias = Literal[
    "fall_silent", "return", "call", "claim", "wait_for_seat", "admit", "miss", "call_again", "leave", "expire", "exit",
    "close",
]  # fmt: skip

TICKET: Final[Mapping[TicketState, Mapping[TicketStep, TicketState]]] = {
    "waiting": {
        "fall_silent": "absent", "call": "called", "leave": "left", "close": "expired",
    },
    "absent": {"return": "waiting", "expire": "expired", "leave": "left", "close": "expired"},
    "called": {
        "claim": "active", "wait_for_seat": "claiming", "miss": "missed", "call_again": "waiting", "leave": "left",
        "exit": "exited", "close": "expired",
    },
    "claiming": {"admit": "active", "leave": "left", "exit": "exited", "close": "expired"},
    "active": {"expire": "expired", "exit": "exited", "leave": "left"},
    "missed": {},
    "left": {},
    "expired": {},
    "exited": {},
}  # fmt: skip
"""A call that nobody claims is a miss, or, once and by the room's policy, makes its ticket wait at the head of the
line again. Closing a room ends whoever is not in; who is in stays as long as their pass."""
