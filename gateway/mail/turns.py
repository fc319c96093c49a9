"""Turns: what is written to whoever stands in line before a waiting room and left an address.

    happening     is written about while the ticket is
    turn.near     waiting or absent
    turn.now      called, by the call that it tells of, which is not over

As with bookings a letter says how things stand as it is written, and what is true no more is not written. There is
nothing in it but what the organisation and we have said: not a word of whoever joined, who may have given the address
of somebody else. Its link leads to the room and opens nothing: a place is claimed by the session that stands there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, NamedTuple

from events.clock import Instant, iso
from events.waiting.sessions import ticket_of
from gateway.mail.letters import From, Letter, framed, one_line, template
from projections.estimates import Estimate
from projections.questions import TurnAnswer
from projections.standing import TicketState

_MINUTES_FROM_S: Final = 120
_SECOND_MS: Final = 1_000


class _About(NamedTuple):
    template: str
    states: frozenset[TicketState]


TURNS: Final[Mapping[str, _About]] = {
    "turn.near": _About("near", frozenset({"waiting", "absent"})),
    "turn.now": _About("now", frozenset({"called"})),
}


def is_true_turn(event: str, turn: TurnAnswer, until: str | None, now: Instant) -> bool:
    """Whether it is still to be written about. `until` is when the call ends that is told of."""
    stands = turn.stands
    if stands.state not in TURNS[event].states:
        return False
    return event == "turn.near" or (stands.until is not None and iso(stands.until) == until and now < stands.until)


def turn_letter(event: str, org: str, turn: TurnAnswer, by: From, to: str, now: Instant) -> Letter:
    """The letter to that address, of a turn that is near or now."""
    stands, room = turn.stands, _room_of(turn.stands.id)
    when, more = _now(stands.until, now) if event == "turn.now" else _near(stands.ahead, stands.estimate)
    said = {
        "title": one_line(turn.title or room),
        "when": when,
        "where": more,
        "greeting": "Hello,",
        "reason": "",
        "link": f"{by.base_url}/{org}/rooms/{room}" if by.base_url else "",
        "sender": one_line(by.name),
        "about": f"Ticket {stands.id}",
    }
    subject, _, sentences = template(TURNS[event].template, "txt").safe_substitute(said).partition("\n\n")
    said |= {"subject": subject, "said": sentences.strip()}
    return Letter(to, "", subject, framed("txt", said, "door"), framed("html", said, "door"))


def _room_of(ticket: str) -> str:
    named = ticket_of(ticket)
    return ticket if named is None else named.room


def _now(until: Instant | None, now: Instant) -> tuple[str, str]:
    """A room has no clocks of its own, so those of everybody, and how much is left."""
    assert until is not None, "whoever is called is so until some time"
    left_s = max(0, until - now) // _SECOND_MS
    return f"{dt.datetime.fromtimestamp(until // _SECOND_MS, dt.UTC):until %H:%M:%S (UTC)}", f"{_span(left_s)} from now"


def _near(ahead: int | None, estimate: Estimate | None) -> tuple[str, str]:
    people = "" if ahead is None else "nobody is" if not ahead else "one is" if ahead == 1 else f"{ahead} are"
    middle_s = None if estimate is None else estimate.middle_s
    return f"{people} ahead of you" if people else "", "" if middle_s is None else f"about {_span(middle_s)}"


def _span(seconds: int) -> str:
    if seconds < _MINUTES_FROM_S:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{seconds // 60} minutes"
