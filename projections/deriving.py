"""How a client works out how many are ahead of it: the reference for every client, in whatever language.

It knows its lane and its place, and follows two topics: `room/<room>`, which has the number of those who wait in each
block of 1,024 places, and the `block/<room>/<n>` that its own place lies in, which says of each of these who waits.
Ahead of it are all who wait in its lane's blocks before its own, and those in its own block at smaller places. That is
exact as soon as both have been heard up to the same sequence.

Following is the same for both: what goes on from where one stands is taken in, what leads no further is known already,
and for anything else one starts over, with the topic as it is now.

These deltas are gathered (`conflating`), and a topic may be looked at while one of them is still being gathered: then
one stands behind its beginning and before its end. They say how things are, not by how much they differ, so whoever
stands there takes them in as well; a block that is told as new is known already, perhaps.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Generic, TypeVar, cast

from projections.folding import Change
from projections.places import BLOCK_PLACES
from projections.room_topics import BlockChanged, BlockShown, LaneShown, RoomChanged, RoomShown

T = TypeVar("T")


class StartOver(Exception):
    """Something was missed: ask for the topic as it is now."""


class Following(Generic[T]):
    """A topic and where it stands."""

    def __init__(self, state: T, position: int) -> None:
        self.state = state
        self.position = position

    def hear(self, change: Change) -> None:
        if change.before == self.position or (change.delta.gathered and change.before < self.position < change.after):
            self.state, self.position = after(self.state, change), change.after
        elif change.after > self.position:
            raise StartOver(f"{change.topic} is at {self.position}, and what comes goes on from {change.before}")


def after(state: T, change: Change) -> T:
    """The topic's state once the delta was taken in."""
    delta = change.delta
    if isinstance(state, RoomShown) and isinstance(delta, RoomChanged):
        return cast("T", room_after(state, delta))
    if isinstance(state, BlockShown) and isinstance(delta, BlockChanged):
        return cast("T", BlockShown(state.lane, state.index, delta.waiting))
    raise TypeError(f"{type(delta).__name__} says nothing of {type(state).__name__}")


def room_after(room: RoomShown, delta: RoomChanged) -> RoomShown:
    counts = {block: count for lane in room.lanes for block, count in zip(lane.blocks, lane.counts, strict=True)}
    counts.update({one.block: one.waiting for one in delta.blocks})
    lanes = {lane.lane: (lane.called_through, lane.waiting, lane.blocks) for lane in room.lanes}
    for now in delta.lanes:
        lanes[now.lane] = (now.called_through, now.waiting, lanes[now.lane][2] if now.lane in lanes else ())
    for block, lane in ((one.block, one.lane) for one in delta.added):
        through, waiting, blocks = lanes[lane]
        if block not in blocks:
            lanes[lane] = (through, waiting, (*blocks, block))
    return RoomShown(
        room.phase if delta.phase is None else delta.phase,
        room.about if delta.about is None else delta.about,
        delta.seed or room.seed,
        tuple(
            LaneShown(lane, through, waiting, blocks, tuple(counts[block] for block in blocks))
            for lane, (through, waiting, blocks) in lanes.items()
        ),
    )


def ahead(room: RoomShown, block: BlockShown, place: int) -> int:
    """How many wait before this place of the block's lane."""
    lane = next(one for one in room.lanes if one.lane == block.lane)
    bits = int.from_bytes(b64decode(block.waiting), "little")
    return sum(lane.counts[: block.index]) + (bits & (1 << place % BLOCK_PLACES) - 1).bit_count()
