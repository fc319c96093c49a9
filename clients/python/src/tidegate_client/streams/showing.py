"""What topics come to, put together: how each slot of a day stands, and how many are ahead of somebody. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tidegate_client.answers import SlotState
from tidegate_client.streams.states import BLOCK_PLACES, SLOTS, Block, Day, Holds, Room, Run, units_of

Use: TypeAlias = Literal["free", "held", "full", "blocked"]
_NONE: Final = Holds(0, ())


@dataclass(frozen=True)
class SlotNow:
    """A quarter hour: `held` would be free but for what others hold. `units` are left of it."""

    use: Use
    units: int


@dataclass(frozen=True)
class UseRun:
    """Slots in a row that stand alike, `end` not included."""

    first: int
    end: int
    use: Use
    units: int


def slots_now(day: Day, holds: Holds = _NONE, *, units: int = 1, own: Sequence[Run] = ()) -> tuple[SlotNow, ...]:
    """The 96 slots of a UTC date, for somebody who wants so many units; `own` is what they hold themselves, which is
    in nobody's way but others'."""
    taken, held = units_of(day.taken), units_of(holds.units)
    for one in own:
        for slot in range(one.first, one.end):
            held[slot] = max(held[slot] - one.units, 0)
    return tuple(_slot(day, slot, taken[slot], held[slot], units) for slot in range(SLOTS))


def _slot(day: Day, slot: int, taken: int, held: int, units: int) -> SlotNow:
    if day.blocked >> slot & 1:
        return SlotNow("blocked", 0)
    left = max(day.capacity - taken - held, 0)
    if taken + held <= day.capacity - units:
        return SlotNow("free", left)
    return SlotNow("held" if taken <= day.capacity - units else "full", left)


def runs_of(slots: Sequence[SlotNow]) -> tuple[UseRun, ...]:
    """The same in as few runs as say it all."""
    found: list[UseRun] = []
    for slot, now in enumerate(slots):
        if found and (found[-1].use, found[-1].units) == (now.use, now.units):
            found[-1] = UseRun(found[-1].first, slot + 1, now.use, now.units)
        else:
            found.append(UseRun(slot, slot + 1, now.use, now.units))
    return tuple(found)


def visit_now(slots: Sequence[SlotNow], first: int, end: int) -> tuple[SlotState, int]:
    """How a visit over these slots stands, its buffers included, and how many units are left over all of it."""
    within = slots[first:end]
    uses = {one.use for one in within}
    state: SlotState = "full" if uses & {"full", "blocked"} else "held" if "held" in uses else "free"
    return state, min(one.units for one in within)


def ahead(room: Room, block: Block, place: int) -> int:
    """How many wait before this place, which lies in that block of its lane."""
    lane = next(one for one in room.lanes if one.lane == block.lane)
    return sum(lane.counts[: block.index]) + (block.waiting & (1 << place % BLOCK_PLACES) - 1).bit_count()


def agree(room: Room, block: Block) -> bool:
    """Whether the two were told up to the same change, as far as can be seen: they agree on how many wait there."""
    lane = next((one for one in room.lanes if one.lane == block.lane), None)
    return lane is not None and lane.counts[block.index : block.index + 1] == (block.waiting.bit_count(),)
