"""The topics of waiting rooms: what their deltas say, and what they are as a whole.

    room/<room>       the phase, what is announced, how many wait in each lane, and in each block of places
    block/<room>/<n>  who waits at the places of one block
    ticket/<ticket>   how one ticket stands
    numbers/<room>    the room in numbers, for those who run it

From `room` and their own `block` everybody works out for themselves how many are ahead of them (`deriving`), so nobody
is told their position, and what is told does not grow with how many wait. A delta names the blocks that changed, and at
most `BLOCKS_TOLD_MAX` of them. A change of more than that is larger than the whole; it is told with the position that
it leads to as the one before it too. Nobody stands there yet, so everybody starts over, by the rule that they follow
anyway (`folding`).

How a ticket stands is told to itself alone: what the room decides about it always. Where the line loses sight of more
than `TICKETS_TOLD_MAX` at once, or finds or forgets them, or the room closes on them, none of them is told; their
positions move all the same, so who listens still finds at the next delta that they have missed something. Closing and
the draw are told by the room's own topic.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from events.clock import Instant
from events.room import Phase, RoomSettings
from projections.folding import Delta
from projections.limits import BLOCKS_TOLD_MAX
from projections.numbers import RoomNumbers
from projections.standing import TicketState


class LaneTitle(msgspec.Struct, frozen=True):
    id: str
    title: str


class About(msgspec.Struct, frozen=True):
    """What everybody may know of a room's settings."""

    title: str = ""
    announcement: str = ""
    lanes: tuple[LaneTitle, ...] = ()
    """Those before the ordinary one, in their order."""
    pre_queue_at: Instant | None = None
    opens_at: Instant | None = None
    closes_at: Instant | None = None
    draw: bool = False
    shards: int = 1
    work_bits: int = 0
    one_per_identity: bool = False
    absent_after_s: int = 60


def about_of(settings: RoomSettings) -> About:
    return About(
        settings.title, settings.announcement, tuple(LaneTitle(lane.id, lane.title) for lane in settings.lanes),
        settings.pre_queue_at, settings.opens_at, settings.closes_at, settings.draw, settings.shards,
        settings.work_bits, settings.one_per_identity, settings.absent_after_s,
    )  # fmt: skip


class LaneNow(msgspec.Struct, frozen=True):
    """`called_through` is the place behind the last one that was ever called, `waiting` how many wait and are
    present."""

    lane: str
    called_through: int
    waiting: int


class BlockCount(msgspec.Struct, frozen=True, array_like=True):
    """How many wait in the block and are present."""

    block: int
    waiting: int


class BlockAdded(msgspec.Struct, frozen=True, array_like=True):
    """A new block, behind the last one of that lane."""

    block: int
    lane: str


class RoomChanged(Delta, frozen=True, tag="room", omit_defaults=True):
    """Topic `room/<room>`. What is not said is as before; what is said is as it is now. A `seed` is told by the draw:
    everybody who joined before has a place from now on, and may ask for it."""

    gathered: ClassVar[bool] = True

    phase: Phase | None = None
    about: About | None = None
    seed: str = ""
    lanes: tuple[LaneNow, ...] = ()
    blocks: tuple[BlockCount, ...] = ()
    added: tuple[BlockAdded, ...] = ()
    """Their counts are among `blocks`."""

    def then(self, later: Delta) -> RoomChanged | None:
        if not isinstance(later, RoomChanged):
            return None
        blocks = {one.block: one for one in (*self.blocks, *later.blocks)}
        if len(blocks) > BLOCKS_TOLD_MAX:
            return None
        lanes = {one.lane: one for one in (*self.lanes, *later.lanes)}
        return RoomChanged(
            self.phase if later.phase is None else later.phase,
            self.about if later.about is None else later.about,
            later.seed or self.seed,
            tuple(lanes.values()),
            tuple(blocks[number] for number in sorted(blocks)),
            self.added + later.added,
        )


class LaneShown(msgspec.Struct, frozen=True):
    lane: str
    called_through: int
    waiting: int
    blocks: tuple[int, ...]
    """By their order in the lane, their numbers, …"""
    counts: tuple[int, ...]
    """… and how many wait in each."""


class RoomShown(msgspec.Struct, frozen=True):
    """Topic `room/<room>` as a whole."""

    phase: Phase
    about: About
    seed: str
    lanes: tuple[LaneShown, ...]


class BlockChanged(Delta, frozen=True, tag="block"):
    """Topic `block/<room>/<n>`: 1,024 bits as base64; the block's first place is the lowest bit of the first byte."""

    gathered: ClassVar[bool] = True

    waiting: str

    def then(self, later: Delta) -> BlockChanged | None:
        return later if isinstance(later, BlockChanged) else None


class BlockShown(msgspec.Struct, frozen=True):
    """Topic `block/<room>/<n>` as a whole: it is block `index` of its lane, so its first place is 1,024 × `index`."""

    lane: str
    index: int
    waiting: str


class TicketChanged(Delta, frozen=True, tag="ticket", omit_defaults=True):
    """Topic `ticket/<ticket>`: how it stands, and through when, where that has an end."""

    state: TicketState
    until: Instant | None = None


class TicketShown(msgspec.Struct, frozen=True):
    """Topic `ticket/<ticket>` as a whole."""

    state: TicketState
    until: Instant | None


class NumbersChanged(Delta, frozen=True, tag="numbers"):
    """Topic `numbers/<room>`; all of them, since nearly all of them change."""

    gathered: ClassVar[bool] = True

    numbers: RoomNumbers

    def then(self, later: Delta) -> NumbersChanged | None:
        return later if isinstance(later, NumbersChanged) else None
