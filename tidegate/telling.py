"""What happens to a room, in plain words: a sentence for each of its facts that an operator wants to know.

The room says itself what it heard of its line, so its own commits tell the whole story. What a setting was before is
remembered, so that a change says what has changed. No sentence has anything personal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from events.codec import numbers_of
from events.room import (
    ClaimWaits,
    Drawn,
    Heard,
    LinesHeard,
    PassesExpired,
    PhaseEntered,
    RoomFact,
    RoomPut,
    RoomSettings,
    SecretCommitted,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
    TurnsNear,
)

NAMED_MAX: Final = 3
"""So many tickets are named; of more, how many they are."""
PHASES: Final = {
    "scheduled": "scheduled",
    "pre_queue": "people may join, and nobody is called yet",
    "open": "open: people are called",
    "paused": "paused: nobody is called",
    "draining": "draining: nobody joins any more",
    "closed": "closed",
}


class Teller:
    """Tells of one room, commit by commit. `settings` are those before the first of them, if there were any."""

    def __init__(self, room: str, settings: RoomSettings | None = None) -> None:
        self._room: Final = room
        self._settings = settings

    def told(self, facts: Sequence[RoomFact]) -> Iterator[tuple[RoomFact, str]]:
        """Of one commit: each fact that is told of, and the sentence."""
        for fact in facts:
            text = self._sentence(fact)
            if text:
                yield fact, text

    def _sentence(self, fact: RoomFact) -> str:
        match fact:
            case RoomPut(settings):
                before, self._settings = self._settings, settings
                return "made" if before is None else f"set: {changed(before, settings)}"
            case SecretCommitted(commitment):
                return f"the draw's secret is bound: its hash is {commitment[:12]}…"
            case PhaseEntered(phase):
                return PHASES[phase]
            case Drawn(seed=seed, counts=counts):
                return f"drawn: {sum(counts.values()):,} places, seed {seed[:12]}…"
            case LinesHeard(heard):
                return _heard(heard)
            case TicketsCalled(lane, tickets):
                return f"called{f' from the lane {lane}' if lane else ''}: {self._tickets(tickets)}"
            case TurnsNear(lane, tickets):
                return f"soon to be called{f' from the lane {lane}' if lane else ''}: {self._tickets(tickets)}"
            case TicketsMissed(again, out):
                some = [f"once more: {self._tickets(again)}"] if again else []
                return "missed their call; " + "; ".join(some + ([f"out: {self._tickets(out)}"] if out else []))
            case TicketClaimed(ticket):
                return f"came in: {self._tickets((ticket,))}"
            case ClaimWaits(ticket):
                return f"has to wait for a seat: {self._tickets((ticket,))}"
            case PassesExpired(tickets):
                return f"passes expired: {self._tickets(tickets)}"
            case TicketExited(ticket, revoked):
                return f"{'sent away' if revoked else 'went'}: {self._tickets((ticket,))}"
            case _:
                return ""

    def _tickets(self, tickets: Sequence[str]) -> str:
        if len(tickets) > NAMED_MAX:
            return f"{len(tickets):,}, from {self._room}.{tickets[0]} to {self._room}.{tickets[-1]}"
        return ", ".join(f"{self._room}.{ticket}" for ticket in tickets)


def _heard(heard: Iterable[Heard]) -> str:
    joined = left = absent = returned = expired = 0
    for one in heard:
        joined += sum(count for _, count in one.lanes)
        left += len(numbers_of(one.left))
        absent += len(numbers_of(one.absent))
        returned += len(numbers_of(one.returned))
        expired += len(numbers_of(one.expired))
    said = (
        (joined, "joined"), (left, "left"), (absent, "fell silent"), (returned, "came back"),
        (expired, "were given up after too long"),
    )  # fmt: skip
    return ", ".join(f"{count:,} {what}" for count, what in said if count)


def changed(before: RoomSettings, after: RoomSettings) -> str:
    """What differs, by name: `capacity 5 → 50`."""
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in RoomSettings.__struct_fields__)
    found = [f"{name} {_value(old)} → {_value(new)}" for name, old, new in pairs if old != new]
    return ", ".join(found) or "as it was"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None | "":
            return "–"
        case tuple():
            return ", ".join(lane.id for lane in value) or "–"
        case str():
            return repr(value)
        case _:
            return str(value)
