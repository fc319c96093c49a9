"""What a draw was made of, so that anybody can work it out again.

It is told of the room's own commits up to the draw, because the room has recorded all that it heard of its line. These
are many, so a process reads one draw at a time, and keeps it at hand for a while: it never changes.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from events import room
from events.clock import iso
from events.commit import Commit
from events.log import Recorded
from events.names import is_identifier
from events.waiting.sessions import room_actor
from gateway.auditing import At, By, Hash, Position, Sequence, in_time, reading, sees_persons, who
from gateway.calls import Call
from gateway.limits import DRAW_BYTES_MAX, DRAW_COMMITS_MAX, DRAW_WITHIN_MS
from gateway.problems import Problem
from projections.folding import position
from projections.questions import RoomAnswer, RoomOf

AGAIN_MS: Final = 1_000


class Joins(msgspec.Struct, frozen=True):
    """So many tickets of a shard joined one after another, for a lane; the ordinary one has no name. The first of them
    has the number `first`, the others the next ones."""

    sequence: Sequence
    shard: int
    first: int
    lane: str
    count: int


class DrawProof(msgspec.Struct, frozen=True):
    """Everything that the places of a draw follow from, for anybody with SHA-256 and SHAKE-256.

    1. `commitment` is the SHA-256 of `secret`, and was in the log at the sequence `committed`, before anybody could
       join, which was `begun`.
    2. `seed` is the SHA-256 of these lines, joined by line feeds, in UTF-8: `tidegate draw 1`, the secret, the beacon
       (or nothing), and the `heads`, which are the hashes of each shard's last commit up to `through`.
    3. For each lane: SHAKE-256 of the seed's 32 bytes followed by the lane's name gives eight bytes to each ticket in
       the order of `joined`. Read as big-endian numbers and sorted from small to large, they are the order in which
       the tickets are called. A ticket is called `<room>.<shard>.<number>`.

    That the log says so is what the proofs of the actors `room.<room>` and `line.<room>.<shard>` are for."""

    room: str
    sequence: Sequence
    position: Position
    at: At
    by: By
    commitment: str
    committed: int
    begun: int
    secret: str
    beacon: str
    heads: tuple[Hash, ...]
    seed: Hash
    through: Sequence
    counts: Annotated[dict[str, int], Meta(description="By lane, how many were drawn.", examples=[{"": 8}])]
    joined: tuple[Joins, ...]


async def draw(call: Call, id: str) -> DrawProof:
    call.caller.needs("audit.read")
    if not is_identifier(id):
        raise Problem("unknown_room", f"there is no room {id[:64]!r}")
    known: RoomAnswer = await call.look(RoomOf(org=call.org, room=id))
    if not known.seed:
        raise _undrawn(id)

    async def ask() -> tuple[DrawProof, int]:
        drawing = call.edge.drawing
        if drawing.locked():
            raise Problem("busy", "another draw is being read: ask again in a moment", "busy", retry_after_ms=AGAIN_MS)
        async with drawing:
            proof = await _read(Call(call.edge, call.caller, DRAW_WITHIN_MS), id)
        return proof, proof.sequence

    async with in_time(call):
        proof: DrawProof = (await call.edge.draws.get((call.org, id, known.seed, sees_persons(call)), 0, ask))[0]
        return proof


async def _read(call: Call, id: str) -> DrawProof:
    """By a call that has a while: whoever gave up finds it at hand when they ask again."""
    secret = room.SecretCommitted("")
    committed = begun = read = number = 0
    joined: list[Joins] = []
    async with reading(call, room_actor(call.org, id)) as recorded:
        async for one in recorded:
            number, read = number + 1, read + len(one.body)
            if number > DRAW_COMMITS_MAX or read > DRAW_BYTES_MAX:
                raise Problem("draw_too_long", "so much came before the draw: use `tidegate room verify-draw`")
            for commit, by, fact in _facts(one):
                match fact:
                    case room.SecretCommitted():
                        secret, committed = fact, one.sequence
                    case room.PhaseEntered():
                        begun = begun or one.sequence
                    case room.LinesHeard(heard):
                        joined += _joins(heard)
                    case room.Drawn():
                        return DrawProof(
                            id, one.sequence, position(call.edge.epoch, one.sequence), iso(commit.at), who(call, by),
                            secret.commitment, committed, begun, fact.secret, fact.beacon, fact.heads, fact.seed,
                            fact.through, fact.counts, tuple(joined),
                        )  # fmt: skip
                    case _:
                        pass
    raise _undrawn(id)


def _undrawn(id: str) -> Problem:
    return Problem("unknown_draw", f"there was no draw in the room {id!r} so far")


def _facts(recorded: Recorded) -> list[tuple[Commit[room.RoomFact], str, room.RoomFact]]:
    try:
        commit = room.FACTS.read(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"the commit at sequence {recorded.sequence} cannot be read: ask for the proof of the room's chain"
        raise Problem("unreadable", detail, "ours") from error
    return [(commit, one.by, fact) for one in commit.decided for fact in one.facts]


def _joins(heard: tuple[room.Heard, ...]) -> list[Joins]:
    found: list[Joins] = []
    for one in heard:
        first = one.first
        for lane, count in one.lanes:
            found.append(Joins(one.sequence, one.shard, first, lane, count))
            first += count
    return found
