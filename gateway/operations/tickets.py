"""Tickets: standing in line, staying there, coming in, and going."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from actors.text import EMAIL_CHARACTERS_MAX
from actors.waiting.asking import joining
from actors.waiting.commands import Claim, Exit, Leave, Prolong, Remove, Revoke, Touch
from events.clock import iso
from events.names import is_identifier
from events.waiting.sessions import Ticket, line_actor, room_actor, ticket_of
from gateway.calls import Call
from gateway.passes import pass_of_seat
from gateway.problems import Problem
from projections.questions import TicketAnswer, TicketOf
from projections.standing import TicketState

_NOT_THE_ROOMS: Final = frozenset({"not_in", "not_called", "unknown_ticket"})
"""What a room says of a ticket that is still its line's business."""


class JoinWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has to be said is what the room asks for: most ask for nothing."""

    lane: Annotated[str, Meta(max_length=64)] = ""
    """The ordinary one, if none."""
    code: Annotated[str, Meta(description="What opens the lane.", max_length=200)] = ""
    identity: Annotated[str, Meta(description="Who it is, where the room gives one place to each.", max_length=320)] = (
        ""
    )
    work: Annotated[str, Meta(description="Proof of work, where the room asks for it.", max_length=64)] = ""
    email: Annotated[
        str, Meta(description="Where to write when it is their turn; shown to nobody.", max_length=EMAIL_CHARACTERS_MAX)
    ] = ""


class Eta(msgspec.Struct, frozen=True):
    """Seconds until the call, as a range; without numbers where they are unknown. `reason` says why."""

    low_s: int | None
    middle_s: int | None
    high_s: int | None
    reason: str


class TicketShown(msgspec.Struct, frozen=True):
    """`ahead` are present before you, `position` counts from 1; neither before a draw, or once you were called.
    `until` is when the call, the pass, or what an absence may be, ends."""

    ticket: str
    state: TicketState
    lane: str
    place: int | None
    """Its number in the lane's order, from 0."""
    block: int | None
    """A thousand places or so, which are told of together."""
    index: int | None
    """Where it stands in its block."""
    ahead: int | None
    position: int | None
    eta: Eta | None
    """When it may be called."""
    until: str | None


class Joined(TicketShown, frozen=True):
    """`new` is whether the place was given out now: whoever stands there already gets their own again."""

    new: bool


class Seat(msgspec.Struct, frozen=True):
    """`claiming` is called, here, and waits for a seat: more came than was expected. `active` is in, by the pass."""

    ticket: str
    status: str
    until: str | None = None
    """When the pass ends, unless the ticket is heard of."""
    until_max: str | None = None
    """When it ends in any case."""
    pass_: str | None = msgspec.field(default=None, name="pass")
    """What opens what is behind the room."""


class Alive(msgspec.Struct, frozen=True):
    """How the ticket stands. Whoever is in has the pass anew, good for longer."""

    ticket: str
    state: TicketState
    seat: Seat | None = None
    """Of whoever is in."""


class Over(msgspec.Struct, frozen=True):
    """Which place or seat was given up."""

    ticket: str


async def join(call: Call, room: str, wanted: JoinWanted) -> Joined:
    call.caller.needs_session()
    if not is_identifier(room):
        raise Problem("unknown_room", f"there is no room {room[:64]!r}")
    door = await call.edge.doors.at(call, room)
    answer = await call.ask(
        *joining(
            door, call.caller.key, lane=wanted.lane, code=wanted.code, identity=wanted.identity, work=wanted.work,
            email=wanted.email,
        )
    )  # fmt: skip
    ticket = answer.reply["ticket"]
    if call.at_least > call.sequence:  # who says they have seen later makes nobody else wait for that
        shown: TicketAnswer = await call.look(TicketOf(org=call.org, ticket=ticket))
    else:
        shown = await call.edge.places.of(call.org, ticket, call.sequence, call.left_ms)
    return Joined(**_fields(shown), new=answer.reply["new"])


async def show(call: Call, room: str, ticket: str) -> TicketShown:
    """Whoever knows a ticket may see how it stands, and no more."""
    _named(room, ticket)
    return TicketShown(**_fields(await call.look(TicketOf(org=call.org, ticket=ticket))))


async def heartbeat(call: Call, room: str, ticket: str) -> Alive:
    call.caller.needs_session()
    named = _named(room, ticket)
    seen: TicketAnswer = await call.look(TicketOf(org=call.org, ticket=ticket))
    if seen.state == "active":
        seat = (await call.ask(room_actor(call.org, named.room), Prolong(ticket, call.caller.key))).reply
        return Alive(ticket, "active", _seat(call, seat))
    await call.hear(line_actor(call.org, named.room, named.shard), Touch(ticket, call.caller.key))
    return Alive(ticket, "waiting" if seen.state == "absent" else seen.state)


async def claim(call: Call, room: str, ticket: str) -> Seat:
    """The pass of a ticket that was called; asked again, the same one."""
    call.caller.needs_session()
    return _seat(
        call, (await call.ask(room_actor(call.org, _named(room, ticket).room), Claim(ticket, call.caller.key))).reply
    )


async def leave(call: Call, room: str, ticket: str) -> Over:
    """Whatever it is, waiting, called or in: it is over."""
    call.caller.needs_session()
    named = _named(room, ticket)
    try:
        await call.ask(room_actor(call.org, named.room), Exit(ticket, call.caller.key))  # a seat is free at once
    except Problem as problem:
        if problem.code not in _NOT_THE_ROOMS:
            raise
        await call.ask(line_actor(call.org, named.room, named.shard), Leave(ticket, call.caller.key))
    return Over(ticket)


async def revoke(call: Call, room: str, ticket: str) -> Over:
    """By an operator: out of the line, or out of the room."""
    call.caller.needs("tickets.manage")
    named = _named(room, ticket)
    try:
        await call.ask(room_actor(call.org, named.room), Revoke(ticket))
    except Problem as problem:
        if problem.code not in _NOT_THE_ROOMS:
            raise
        await call.ask(line_actor(call.org, named.room, named.shard), Remove(ticket))
    return Over(ticket)


def _named(room: str, ticket: str) -> Ticket:
    found = ticket_of(ticket)
    if found is None or found.room != room:
        raise Problem("unknown_ticket", f"{ticket[:100]!r} is no ticket of this room: <room>.<shard>.<number>")
    return found


def _seat(call: Call, seat: dict[str, Any]) -> Seat:
    if seat["status"] != "active":
        return Seat(seat["ticket"], seat["status"])
    token = pass_of_seat(call.org, seat, call.edge.keys, call.edge.clock())
    return Seat(seat["ticket"], "active", iso(seat["until"]), iso(seat["until_max"]), token)


def _fields(seen: TicketAnswer) -> dict[str, Any]:
    about = seen.estimate
    eta = None if about is None else Eta(about.low_s, about.middle_s, about.high_s, about.reason)
    until = None if seen.until is None else iso(seen.until)
    return {
        "ticket": seen.id, "state": seen.state, "lane": seen.lane, "place": seen.place, "block": seen.block,
        "index": seen.index, "ahead": seen.ahead, "position": seen.position, "eta": eta, "until": until,
    }  # fmt: skip
