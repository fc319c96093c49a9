"""A hold that is kept by heartbeats, as whoever holds it sees it."""

from __future__ import annotations

from typing import Final

from tidegate_client.answers import Held
from tidegate_client.limits import BEAT_S_MIN, BEATS_PER_LIFE
from tidegate_client.problems import Problem


class Holding:
    def __init__(self, held: Held) -> None:
        self.held: Final = held
        self.expires_at = held.expires_at
        """As the last heartbeat was answered."""
        self.lost: Problem | None = None
        """Why it is held no more, once it isn't."""

    @property
    def hold(self) -> str:
        """What it is called: what `book(hold=…)` takes."""
        return self.held.hold

    def kept(self, expires_at: str) -> None:
        self.expires_at = expires_at

    def failed(self, problem: Problem) -> None:
        """Nobody answered, perhaps, and the next heartbeat does better; or it is gone."""
        if not problem.again:
            self.lost = problem


def beat_s(life_s: int) -> float:
    """How often to say that it is still wanted."""
    return max(BEAT_S_MIN, life_s / BEATS_PER_LIFE)
