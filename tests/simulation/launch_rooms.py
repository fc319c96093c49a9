"""The rooms and lines of the launch, as they are; a room here takes two commands more.

Nobody in a simulation sees an answer. A visitor who had their page open would know what their ticket is, and that it is
called: `Come` finds that out for them, and asks what they would then ask. `SetUp` puts a room and begins, so that no
run waits for two commands to come in the right order.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from actors.decider import AnyDecider, Command, Decision, Followed, Refusal
from actors.waiting.commands import Claim, Exit, OpenRoom, Prolong, PutRoom, Revoke, StartPreQueue
from actors.waiting.line import LINE
from actors.waiting.room import ROOM_KIND
from actors.waiting.standing import Room
from events.clock import Instant
from events.room import RoomSettings
from events.waiting.sessions import session_of, tag_of


class SetUp(Command, frozen=True):
    """Put the room and begin, in one commit; nothing where there is a room already."""

    settings: RoomSettings
    commitment: str
    begin: bool


class Come(Command, frozen=True):
    """What somebody asks who has their page open: whatever ticket of theirs is called or in."""

    key: str
    to: Literal["claim", "prolong", "exit", "revoke"]


def _decide(room: Room, command: Command, at: Instant, by: Followed) -> Decision[Any] | Refusal:
    match command:
        case SetUp():
            return _set_up(room, command, at, by)
        case Come(key, to):
            ticket = _called_or_in(room, tag_of(session_of(key)))
            if not ticket:
                return Refusal("nobody_calls", "there is no hurry")
            asked = {"claim": Claim(ticket, key), "prolong": Prolong(ticket, key), "exit": Exit(ticket, key)}
            return ROOM_KIND.decide(room, asked.get(to, Revoke(ticket)), at, by)  # type: ignore[arg-type]  # of a room
        case _:
            return ROOM_KIND.decide(room, command, at, by)  # type: ignore[arg-type]  # whatever a room takes


def _called_or_in(room: Room, tag: str) -> str:
    called = (name for name, call in room.called.items() if call.place.tag == tag)
    active = (name for name, seat in room.active.items() if seat.tag == tag)
    return next((f"{room.id}.{name}" for some in (called, active) for name in some), "")


def _set_up(room: Room, command: SetUp, at: Instant, by: Followed) -> Decision[Any] | Refusal:
    if room.exists:
        return Decision()
    imagined, facts = copy.deepcopy(room), list[Any]()
    steps: list[Any] = [PutRoom(command.settings, command.commitment)]
    if command.begin:
        steps.append(StartPreQueue() if command.settings.draw else OpenRoom())
    for step in steps:
        outcome = ROOM_KIND.decide(imagined, step, at, by)
        if isinstance(outcome, Refusal):
            return outcome
        for fact in outcome.facts:
            imagined = ROOM_KIND.evolve(imagined, fact, at)
            facts.append(fact)
    return Decision(tuple(facts))


_SETTABLE: Final = replace(ROOM_KIND, commands=(*ROOM_KIND.commands, SetUp, Come), decide=_decide)  # type: ignore[arg-type]
KINDS: Final[Mapping[str, AnyDecider]] = {"line": LINE, "room": _SETTABLE}
