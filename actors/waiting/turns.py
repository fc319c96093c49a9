"""Turns: who is told by mail that theirs is near, and that it is now.

Whoever joins may leave an address. It stands in the fact that they joined, and nowhere else: a room is only said, along
with what it hears of its lines, who has left one. So it can record of whom it calls who is to be written to
(`TicketsCalled.reachable`), and, once for each ticket, that a turn is near (`TurnsNear`). Whoever writes goes by these
facts, which are there once, however often somebody is started anew; where nobody left an address, none of it is.

Near are those on the places of a lane that are next, as many as the room is set to: places rather than minutes, because
places follow from the log, and how long they will take is a guess that changes every second. So is whoever was passed
over before that: those who leave an address and go away gather at the front, and one call may pass over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.decider import News
from actors.waiting.lifecycle import CALLS
from actors.waiting.limits import NEAR_AT_ONCE_MAX
from actors.waiting.standing import Room
from events.clock import Instant
from events.codec import Numbers, spelled
from events.line import Joined
from events.room import Heard, TicketsCalled, TurnsNear
from events.waiting.sessions import place_of


def reachable_in(news: Sequence[News], heard: Sequence[Heard]) -> tuple[tuple[int, Numbers], ...]:
    """By shard, those of the joins that were heard who left an address; nothing, where nobody did."""
    found: dict[int, list[int]] = {}
    joined = {one.sequence: one.shard for one in heard if one.tags}
    for one in news:
        shard = joined.get(one.sequence)
        if shard is not None:
            numbers = [fact.number for fact in one.facts if type(fact) is Joined and fact.email]
            if numbers:
                found.setdefault(shard, []).extend(numbers)
    return tuple((shard, spelled(numbers)) for shard, numbers in sorted(found.items()))


def call_of(room: Room, lane: str, tickets: Sequence[str], until: Instant, owed: int) -> TicketsCalled:
    reachable = ""
    if any(shard.reachable for shard in room.shards):
        places = map(place_of, tickets)
        reachable = spelled(at for at, (shard, number) in enumerate(places) if number in room.shards[shard].reachable)
    return TicketsCalled(lane, tuple(tickets), until, owed, reachable)


def nearing(room: Room) -> TurnsNear | None:
    """Who is to be told now that it is soon their turn, of one lane."""
    ahead = room.settings.near_ahead
    if ahead and room.phase in CALLS and any(queue.untold or queue.overlooked for queue in room.queues.values()):
        for lane in room.lanes:
            queue = room.queues.get(lane)
            if queue is not None and (near := queue.nearing(ahead, room.waiting.get(lane, 0), NEAR_AT_ONCE_MAX)):
                return TurnsNear(lane, tuple(near))
    return None
