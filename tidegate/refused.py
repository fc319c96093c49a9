"""Refused: an actor's answer that a rule stands against a command, for whoever cannot go on without it."""

from __future__ import annotations

from typing import Final

from actors.decider import Refusal
from events.errors import TidegateError

_NEXT: Final = {
    "late": "look at what is free now, `tidegate booking slots`, and ask for that",
    "busy": "ask again in a moment",
    "ours": "this should not happen: the hosts' logs say more",
}


class Refused(TidegateError):
    """Nothing has changed. Its code is the refusal's own."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal: Final = refusal
        self.code = refusal.code  # type: ignore[misc]  # each rule has a code; the class has none of its own
        self.next_step = _NEXT.get(refusal.fault, "")  # type: ignore[misc]  # as above
