"""Law 4. Never over-admitted: who is in never exceeds the capacity, and who came in within any minute never exceeds the
rate.

Both are judged at every admission, by the settings that were in force then, with a count of their own: a seat is taken
from its claim until its pass expires, its bearer goes or is sent away, or the room hears that they have left; a minute
is every claim whose instant lies in the last sixty seconds. What is 0 bounds nothing.

And nobody's time is cut short or stretched: a call is missed and a pass expires only after the end that was recorded; a
pass is prolonged only while it is good, and never beyond its last end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from events.clock import Instant
from events.codec import numbers_of
from events.room import (
    ClaimWaits,
    LinesHeard,
    PassesExpired,
    PassProlonged,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from tests.laws.history import History

MINUTE_MS = 60_000


def breaches(history: History) -> Iterator[str]:
    rooms: dict[str, _Room] = {}
    for recorded, commit in history.lines:
        if commit.actor.split(".")[1] != "room":
            continue
        room = rooms.setdefault(commit.actor, _Room())
        for one in commit.decided:
            for fact in one.facts:
                for what in room.take_in(fact, commit.at):
                    yield f"{commit.actor} at {recorded.sequence}: {what}"


class _Room:
    def __init__(self) -> None:
        self._settings = RoomSettings()
        self._called: dict[str, Instant | None] = {}
        """Through when; None for those who have come and wait for a seat."""
        self._passes: dict[str, tuple[Instant, Instant]] = {}
        """Who is in: through when, and through when at the most."""
        self._claims: list[Instant] = []

    def take_in(self, fact: Any, at: Instant) -> Iterator[str]:
        match fact:
            case RoomPut(settings):
                self._settings = settings
            case LinesHeard(heard):
                for one in heard:
                    for number in numbers_of(one.left):
                        self._called.pop(f"{one.shard}.{number}", None)
                        self._passes.pop(f"{one.shard}.{number}", None)
            case TicketsCalled(_, tickets, until):
                self._called.update(dict.fromkeys(tickets, until))
            case ClaimWaits(ticket):
                self._called[ticket] = None
            case TicketsMissed(again, out):
                for ticket in (*again, *out):
                    ended = self._called.pop(ticket, None)
                    if ended is None or at <= ended:
                        yield f"{ticket} was missed at {at}, and called until {ended}"
            case TicketClaimed():
                yield from self._claim(fact, at)
            case PassProlonged(ticket, until):
                yield from self._prolong(ticket, until, at)
            case PassesExpired(tickets):
                for ticket in tickets:
                    ends, _ = self._passes.pop(ticket, (at, 0))
                    if at <= ends:
                        yield f"the pass of {ticket} expired at {at}, and was good until {ends}, or over"
            case TicketExited(ticket):
                if self._called.pop(ticket, 0) == 0 and self._passes.pop(ticket, None) is None:
                    yield f"{ticket} went, and was neither called nor in"
            case PhaseEntered("closed"):
                self._called.clear()
            case _:
                pass

    def _claim(self, claimed: TicketClaimed, at: Instant) -> Iterator[str]:
        settings, ticket = self._settings, claimed.ticket
        if self._called.pop(ticket, 0) == 0:
            yield f"{ticket} came in, and was not called"
        self._passes[ticket] = (claimed.until, claimed.until_max)
        self._claims.append(at)
        if settings.capacity and len(self._passes) > settings.capacity:
            yield f"{len(self._passes)} are in after {ticket}, and {settings.capacity} may be"
        lately = sum(at - MINUTE_MS < one <= at for one in self._claims)
        if settings.per_minute and lately > settings.per_minute:
            yield f"{lately} came in within a minute up to {ticket}, and {settings.per_minute} may"
        good_ms, most_ms = settings.active_s * 1_000, settings.active_max_s * 1_000
        if (claimed.until, claimed.until_max) != (at + good_ms, at + most_ms) or claimed.until > claimed.until_max:
            yield f"{ticket} came in at {at} until {claimed.until} or {claimed.until_max} at most"

    def _prolong(self, ticket: str, until: Instant, at: Instant) -> Iterator[str]:
        if ticket not in self._passes:
            yield f"the pass of {ticket} was prolonged, and is none"
            return
        ends, ends_at_last = self._passes[ticket]
        if at > ends:
            yield f"the pass of {ticket} was prolonged at {at}, and had ended at {ends}"
        if not ends < until <= min(ends_at_last, at + self._settings.active_s * 1_000):
            yield f"the pass of {ticket} was prolonged from {ends} to {until} at {at}, and ends at {ends_at_last}"
        self._passes[ticket] = (until, ends_at_last)
