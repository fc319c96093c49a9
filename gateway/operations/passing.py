"""Passes, as they are shown: by a visitor who wants what is behind a room, and by a server that asks about one."""

from __future__ import annotations

from typing import Final

import msgspec

from events.clock import iso
from events.waiting.sessions import session_of
from gateway.calls import Call
from gateway.passes import BadPass, Pass, verify_pass
from gateway.problems import Problem
from projections.questions import TicketAnswer, TicketOf

_CHALLENGE: Final = {"WWW-Authenticate": 'Tidegate-Pass realm="tidegate"'}


class PassGood(msgspec.Struct, frozen=True):
    """Whose pass it is: the ticket, and by `session` whoever holds it."""

    ticket: str
    session: str
    expires_at: str


async def ticket_for(call: Call, room: str) -> str:
    """The ticket by whose pass they come through the room; the pass has to be theirs, where we know who they are."""
    key = call.caller.key
    return (await _good(call, room, session_of(key) if key else None)).id


async def check(call: Call, room: str) -> PassGood:
    """Whether the pass that was shown opens the room now. It is the pass that says who asks here, so whoever shows none
    has not said it."""
    if not call.shown_pass:
        raise Problem("pass_missing", "no pass was shown, neither in Tidegate-Pass nor as a cookie", headers=_CHALLENGE)
    found = await _good(call, room, None)
    return PassGood(found.id, found.session, iso(found.expires_at))


async def _good(call: Call, room: str, session: str | None) -> Pass:
    if not call.shown_pass:
        raise Problem("pass_needed", f"this is behind the waiting room {room!r}: show its pass, as in Tidegate-Pass")
    now = call.edge.clock()
    try:
        public = call.edge.keys.public(now)
        found = verify_pass(call.shown_pass, public, org=call.org, room=room, session=session, at=now)
    except BadPass as error:
        raise Problem(error.code, str(error)) from error
    if not await _stands(call, found):
        raise Problem("pass_revoked", "its seat was given back or taken away")
    return found


async def _stands(call: Call, shown: Pass) -> bool:
    """What the read models know of its seat; what they have not heard of yet, the signature says."""

    async def ask(everybodys: Call) -> tuple[bool, int]:
        answer: TicketAnswer
        answer, sequence = await everybodys.look_at(TicketOf(org=call.org, ticket=shown.id))
        return answer.state not in {"exited", "left"}, sequence

    async def stands(at_least: int) -> bool:
        return (await call.shared(call.edge.seats, (call.org, shown.id), ask, at_least))[0]

    if call.at_least:
        try:
            return await stands(call.at_least)
        except Problem as problem:  # a position that is not reached, or made up, opens nothing
            if problem.fault != "busy" and problem.code != "unknown_ticket":
                raise
    try:
        return await stands(0)
    except Problem as problem:
        if problem.code == "unknown_ticket" or problem.fault == "busy":
            return True  # nobody knows better at the moment, and a site must not close because of that
        raise
