"""The facts of a waiting room: what it is set to, what its lines were heard to say, whom it called, and who is in.

`demo.room.launch` follows the shards of its line through the log and records what it took in from them (`LinesHeard`),
so that its own commits alone say how it came to every decision. Tickets are named within the room, `3.4711`. A ticket's
pass has the ticket's id: the seat and the pass are one.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from events.clock import Instant
from events.codec import Numbers
from events.facts import Fact, FactSet

Phase: TypeAlias = Literal["scheduled", "pre_queue", "open", "paused", "draining", "closed"]
ORDINARY = ""
"""The name of the lane that everybody may join."""


class Lane(msgspec.Struct, frozen=True, gc=False):
    """A lane that goes before the ordinary one. Whoever joins it needs one of the codes, of which the hashes are
    known here."""

    id: str
    codes: tuple[str, ...] = ()
    title: str = ""


class RoomSettings(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything that an operator may set, at any time. Numbers that are 0 bound nothing, where that makes sense."""

    title: str = ""
    """As visitors read it."""
    announcement: str = ""
    """What visitors are told while they wait."""
    capacity: int = 0
    """How many may be in at a time; 0 for as many as come."""
    per_minute: int = 0
    """How many are admitted in any sixty seconds; 0 for as many as come."""
    burst: int = 0
    """How many of those may be called within one second; 0 for a twentieth of a minute's."""
    active_s: int = 600
    """A pass is good for so long after its bearer was last active."""
    active_max_s: int = 3_600
    """A pass is good for no longer than this, however active its bearer is."""
    claim_s: int = 60
    """How long a called ticket may be claimed."""
    absent_after_s: int = 60
    """Who was not heard of for so long (for twice as long at most) is absent: passed over, but not out of the line."""
    absence_max_s: int = 600
    """An absent ticket keeps its place for so long."""
    queue_max: int = 50_000
    """How many may be in the line, shared out evenly among its shards."""
    shards: int = 1
    """Into so many parts the line is divided, each of which takes joins by itself."""
    lanes: tuple[Lane, ...] = ()
    """In the order in which they go before each other, and all of them before the ordinary one."""
    ordinary_share: int = 20
    """Of a hundred who are called, so many are from the ordinary lane, if so many wait there."""
    pre_queue_at: Instant | None = None
    """When it starts by itself, if at all; who joins before it opens has no place yet where there is a draw."""
    opens_at: Instant | None = None
    """When it opens by itself, if at all."""
    closes_at: Instant | None = None
    """When it closes by itself, if at all."""
    draw: bool = False
    """Whether those who joined before the opening are shuffled."""
    missed: Literal["again", "out"] = "again"
    """What becomes of a call that nobody claimed: the ticket is called once more, as soon as it is there; or it is
    over."""
    straight_through: bool = True
    """Whether somebody who comes while nobody waits and a seat is free is called at once; else at the next second."""
    one_per_identity: bool = False
    """Whether whoever joins has to say who they are, and has one place however often they come."""
    work_bits: int = 0
    """How hard the proof of work is that whoever joins has to show: so many leading bits; 0 for none."""
    near_ahead: int = 50
    """Whoever left an address is told that their turn is near when they stand among so many of their lane that are
    next; 0 for never."""


class Heard(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the commit at `sequence` of one shard said. Who joined is numbered from `first` on: the tags of their
    sessions in a row, sixteen digits each, and their lanes as runs of [lane, how many]. Who left, went absent, returned
    and expired, by their numbers. `head` is the commit's hash, where a draw is still to come."""

    sequence: int
    shard: int
    first: int = 0
    tags: str = ""
    lanes: tuple[tuple[str, int], ...] = ()
    left: Numbers = ""
    absent: Numbers = ""
    returned: Numbers = ""
    expired: Numbers = ""
    head: str = ""


class RoomPut(Fact, frozen=True):
    settings: RoomSettings


class SecretCommitted(Fact, frozen=True):
    """The SHA-256 of the secret that the draw will be made with."""

    commitment: str


class PhaseEntered(Fact, frozen=True):
    phase: Phase


class Drawn(Fact, frozen=True):
    """Everybody heard of up to the sequence `through` has a place that follows from `seed`: `events.waiting.draw`."""

    secret: str
    beacon: str
    seed: str
    heads: tuple[str, ...]
    through: int
    counts: dict[str, int]
    """By lane, how many were shuffled."""


class LinesHeard(Fact, frozen=True, omit_defaults=True):
    """In the order of the log. `reachable`, by shard, are those of whoever joined that have left an address."""

    heard: tuple[Heard, ...]
    reachable: tuple[tuple[int, Numbers], ...] = ()


class TurnsNear(Fact, frozen=True):
    """These left an address and are soon to be called, or were passed over and will be when they come back: they are
    told so, once."""

    lane: str
    tickets: tuple[str, ...]


class TicketsCalled(Fact, frozen=True, omit_defaults=True):
    """In this order, each through `until`. Those of the lane that stood before them were gone or absent. `owed` is what
    the ordinary lane has to its credit after all that was called at once, in hundredths of a call. `reachable` says
    which of `tickets`, counted from 0, have left an address."""

    lane: str
    tickets: tuple[str, ...]
    until: Instant
    owed: int = 0
    reachable: Numbers = ""


class TicketsMissed(Fact, frozen=True):
    """Nobody claimed them in time. The ones that go `again` are the first in their lanes; the others are over."""

    again: tuple[str, ...]
    out: tuple[str, ...]


class ClaimWaits(Fact, frozen=True):
    """Whoever was called is there, and has to wait for a seat or for the minute to pass: more came than was expected.
    Nobody is called before them, and the call is not missed any more."""

    ticket: str


class TicketClaimed(Fact, frozen=True):
    """The seat is theirs through `until`, longer while they are active, never beyond `until_max`."""

    ticket: str
    until: Instant
    until_max: Instant


class PassProlonged(Fact, frozen=True):
    ticket: str
    until: Instant


class PassesExpired(Fact, frozen=True):
    tickets: tuple[str, ...]


class TicketExited(Fact, frozen=True):
    """The seat is free: they went, or were sent away."""

    ticket: str
    revoked: bool = False


RoomFact: TypeAlias = (
    RoomPut
    | SecretCommitted
    | PhaseEntered
    | Drawn
    | LinesHeard
    | TurnsNear
    | TicketsCalled
    | TicketsMissed
    | ClaimWaits
    | TicketClaimed
    | PassProlonged
    | PassesExpired
    | TicketExited
)
FACTS = FactSet[RoomFact](
    (
        RoomPut,
        SecretCommitted,
        PhaseEntered,
        Drawn,
        LinesHeard,
        TurnsNear,
        TicketsCalled,
        TicketsMissed,
        ClaimWaits,
        TicketClaimed,
        PassProlonged,
        PassesExpired,
        TicketExited,
    )
)
