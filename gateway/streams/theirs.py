"""Whether a ticket is whose stream follows it: only theirs is kept alive by it (`living`).

The line of the ticket says so. In a rush it may be too busy to; then it is asked again for as long as that is of
interest. Rooms call nobody absent whom they have not heard of for a minute, unless they are set to less.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from actors.waiting.commands import Touch
from events.waiting.sessions import Ticket, line_actor
from gateway.calls import Call
from gateway.edge import Edge
from gateway.identity.callers import Caller
from gateway.limits import WITHIN_MS
from gateway.problems import problem_from

AGAIN_S: Final = 1.0
AGAIN_S_MAX: Final = 10.0
"""Nobody could say whose a ticket is: they are asked again so soon, after twice as long each time, up to this."""

_DICE: Final = Random()


class Unsettled(Exception):
    """Nobody could say."""


async def beat_s(edge: Edge, caller: Caller, ticket: Ticket) -> float | None:
    """How often its room wants to hear that they are there, if the ticket is theirs and not over."""
    call = Call(edge, caller, WITHIN_MS)
    try:
        door = await edge.doors.at(call, ticket.room)
        await call.hear(line_actor(caller.org, ticket.room, ticket.shard), Touch(ticket.id, caller.key))
    except Exception as error:  # a bug, which our log hears of, may be over the next time, too
        problem = problem_from(error)
        if problem.fault == "caller" or problem.code == "ticket_over":
            return None  # it can be looked at all the same
        raise Unsettled from error
    return door.beat_s


async def beat_s_later(edge: Edge, caller: Caller, ticket: Ticket) -> float | None:
    """The same from somebody who could not say a moment ago, as soon as they can."""
    pause_s = AGAIN_S
    while True:
        await asyncio.sleep(pause_s * _DICE.uniform(0.5, 1.0))
        try:
            return await beat_s(edge, caller, ticket)
        except Unsettled:
            pause_s = min(2 * pause_s, AGAIN_S_MAX)
