"""A hold stands as long as its session was told: through the end that its placing named, and through the end that every
heartbeat named since.

The first is in the log. Heartbeats are not: they are kept by the host that heard them, and lost with it, when whoever
takes over gives a fresh period by its own clock. So the second is judged where clocks are right and no two hosts can
be sure of the same actor at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from actors.booking.commands import KeepHold
from events.clock import Instant
from events.day import HoldExpired, SlotsHeld
from tests.laws.answers_are_true import DEAF
from tests.laws.history import History

UNSURE: Final = DEAF | {"clock_jumped", "host_cut_off", "host_frozen", "host_replaced_while_frozen"}


def breaches(history: History) -> Iterator[str]:
    told: dict[tuple[str, str], Instant] = {}
    if UNSURE.isdisjoint(history.record.occurred):
        for call in history.answered():
            for actor, command in call.parts:
                if isinstance(command, KeepHold) and not call.is_transaction:
                    key = (actor, command.hold)
                    told[key] = max(told.get(key, 0), call.reply["expires_at"])
    placed: dict[tuple[str, str], Instant] = {}
    for recorded, commit in history.lines:
        for one in commit.decided:
            for fact in one.facts:
                if isinstance(fact, SlotsHeld):
                    placed[commit.actor, fact.hold] = fact.until
                elif isinstance(fact, HoldExpired):
                    until = max(told.get((commit.actor, fact.hold), 0), placed.get((commit.actor, fact.hold), 0))
                    if commit.at <= until:
                        yield f"{fact.hold} expired in {recorded.sequence} at {commit.at}, and stood until {until}"
