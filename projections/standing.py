"""How a ticket stands, and what may become of it: one table.

A line and its room record without waiting for each other, so what they say may cross: a ticket leaves while it is being
called, or is called while it is found absent. Who left has left, whatever the room says before it has heard of that;
for the rest the room is the judge. So the table says for each move from which standings it is made; where it is not
among them, the fact changes nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray


class State(IntEnum):
    """In this order: in the line, called, in, over."""

    DRAWING = 0
    """Joined, and has no place before the draw."""
    WAITING = 1
    ABSENT = 2
    CALLED = 3
    CLAIM_WAITS = 4
    ACTIVE = 5
    MISSED = 6
    LEFT = 7
    EXPIRED = 8
    """Was absent for too long."""
    PASS_EXPIRED = 9
    EXITED = 10
    CLOSED = 11
    """Was still in the line, or called, when the room closed."""


class Move(IntEnum):
    LEFT = 0
    WENT_ABSENT = 1
    RETURNED = 2
    EXPIRED = 3
    CALLED = 4
    AGAIN = 5
    """Missed the call, and waits where it stood."""
    OUT = 6
    """Missed the call, and that was that."""
    CLAIM_WAITS = 7
    CLAIMED = 8
    PASS_EXPIRED = 9
    EXITED = 10
    CLOSED = 11


IN_LINE: Final = frozenset({State.DRAWING, State.WAITING, State.ABSENT})
OVER: Final = frozenset(state for state in State if state >= State.MISSED)
_GOING: Final = frozenset(State) - OVER

BECOMES: Final[dict[Move, tuple[frozenset[State], State]]] = {
    Move.LEFT: (_GOING, State.LEFT),
    Move.WENT_ABSENT: (frozenset({State.DRAWING, State.WAITING}), State.ABSENT),
    Move.RETURNED: (frozenset({State.ABSENT}), State.WAITING),
    Move.EXPIRED: (IN_LINE, State.EXPIRED),
    Move.CALLED: (IN_LINE | {State.EXPIRED}, State.CALLED),
    Move.AGAIN: (frozenset({State.CALLED}), State.WAITING),
    Move.OUT: (frozenset({State.CALLED}), State.MISSED),
    Move.CLAIM_WAITS: (frozenset({State.CALLED}), State.CLAIM_WAITS),
    Move.CLAIMED: (frozenset({State.CALLED, State.CLAIM_WAITS}), State.ACTIVE),
    Move.PASS_EXPIRED: (frozenset({State.ACTIVE}), State.PASS_EXPIRED),
    Move.EXITED: (_GOING, State.EXITED),
    Move.CLOSED: (IN_LINE | {State.CALLED, State.CLAIM_WAITS}, State.CLOSED),
}
"""From which standings a move is made, and where it leads. Who would wait is drawing instead before the draw."""

FROM: Final[dict[Move, NDArray[np.bool_]]] = {
    move: np.array([state in allowed for state in State]) for move, (allowed, _) in BECOMES.items()
}
"""The same, to be looked up for many tickets at once."""


TicketState: TypeAlias = Literal[
    "drawing", "waiting", "absent", "called", "claim_waits", "active", "missed", "left", "expired", "pass_expired",
    "exited", "closed",
]  # fmt: skip
NAMES: Final[tuple[TicketState, ...]] = get_args(TicketState)
"""What the states are called where they are shown."""

assert [state.name.lower() for state in State] == list(NAMES)
