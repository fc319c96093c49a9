"""The facts of a line's shard: who has joined, who is away, who has gone.

`demo.line.launch.3` is shard 3 of the line before the room `launch`. Tickets are numbered from 0, without a gap, in the
order of the shard's commits; across shards the order of the log is the order of the line. Who is merely alive writes
nothing: only who falls silent, and comes back, does, and all of them together (`events.codec.spelled`).
"""

from __future__ import annotations

from typing import TypeAlias

from events.clock import Instant
from events.codec import Numbers
from events.facts import Fact, FactSet, Personal


class Joined(Fact, frozen=True, omit_defaults=True):
    """`session` and `identity` are hashes; `room` is the sequence of the room that this was decided by. `email` is
    where to write when it is their turn, if they said so: it stands here, and in no other fact."""

    number: int
    session: str
    room: int
    lane: str = ""
    identity: str = ""
    work: str = ""
    email: Personal = ""


class Left(Fact, frozen=True):
    """Of their own accord, or because an operator said so; whatever the ticket was, it is over."""

    number: int


class WentAbsent(Fact, frozen=True):
    """Not heard of any more. They keep their places through `until`."""

    numbers: Numbers
    until: Instant


class Returned(Fact, frozen=True):
    numbers: Numbers


class Expired(Fact, frozen=True):
    """Absent for longer than may be: their places are gone."""

    numbers: Numbers


class Forgotten(Fact, frozen=True):
    """The room has called them, and is done with them: whoever they were may join anew. It ends nothing."""

    numbers: Numbers


LineFact: TypeAlias = Joined | Left | WentAbsent | Returned | Expired | Forgotten
FACTS = FactSet[LineFact]((Joined, Left, WentAbsent, Returned, Expired, Forgotten))
