"""A room in numbers, for those who run it: how many came, wait, were called, came in and went, lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from events.clock import Instant
from events.room import Phase, RoomSettings
from projections.limits import WAITS_KEPT
from projections.paces import MINUTE_S, Pace
from projections.places import Lane, Places
from projections.standing import Move, State


class LaneNumbers(msgspec.Struct, frozen=True):
    """How many stand how now, and how often things have happened so far."""

    lane: str
    """The ordinary one has no name."""
    joined: int
    """All who ever did."""
    drawing: int
    """They wait for the draw."""
    waiting: int
    absent: int
    """Passed over until they are heard of again."""
    called: int
    """Called, and not in yet: those too who came and wait for a seat."""
    active: int
    """In, by a pass."""
    calls: int
    """How often somebody was called."""
    claims: int
    """How often somebody who was called came in."""
    misses: int
    """How often nobody came."""
    left: int
    """Gone by themselves."""
    expired: int
    """Absent for too long."""
    ended: int
    """Passes that were given back, taken back, or expired."""


class WaitsNumbers(msgspec.Struct, frozen=True):
    """From joining to the call, of the last who were called; `count` of them, at most `WAITS_KEPT`."""

    count: int = 0
    p50_s: int = 0
    """Half of them waited no longer."""
    p90_s: int = 0
    """Nine of ten waited no longer."""
    p99_s: int = 0
    """Of a hundred, all but one waited no longer."""


class RoomNumbers(msgspec.Struct, frozen=True):
    """`at` is when that was: the rates are those of the minute before it. `per_minute` and `capacity` are what is
    allowed; 0 for as many as come."""

    at: Instant
    phase: Phase
    all: LaneNumbers
    lanes: tuple[LaneNumbers, ...]
    waits: WaitsNumbers
    calls_last_minute: int
    claims_last_minute: int
    per_minute: int
    capacity: int


class Waits:
    """How long the last who were called had waited, in a ring."""

    def __init__(self) -> None:
        self.count = 0
        """Of all who were ever called."""
        self.ring: NDArray[np.uint32] = np.zeros(WAITS_KEPT, np.uint32)
        self._shown: tuple[int, WaitsNumbers] = (0, WaitsNumbers())

    def add(self, waits_s: NDArray[np.uint32]) -> None:
        last = waits_s[-WAITS_KEPT:]
        end = self.count + len(waits_s)
        self.ring[np.arange(end - len(last), end) % WAITS_KEPT] = last
        self.count = end

    def kept(self) -> list[int]:
        """As much of the ring as was ever written."""
        found: list[int] = self.ring[: min(self.count, WAITS_KEPT)].tolist()
        return found

    def load(self, count: int, kept: Sequence[int]) -> None:
        self.count = count
        self.ring[: len(kept)] = kept

    def numbers(self) -> WaitsNumbers:
        if self._shown[0] != self.count:
            kept = np.sort(self.ring[: min(self.count, WAITS_KEPT)])
            shares = (int(kept[min(len(kept) - 1, len(kept) * share // 100)]) for share in (50, 90, 99))
            self._shown = (self.count, WaitsNumbers(len(kept), *shares))
        return self._shown[1]


_ENDED: Final = (State.PASS_EXPIRED, State.EXITED)


def lane_numbers(lane: Lane) -> LaneNumbers:
    states, moved = lane.states, lane.moved
    return LaneNumbers(
        lane.name,
        joined=lane.size,
        drawing=states[State.DRAWING],
        waiting=states[State.WAITING],
        absent=states[State.ABSENT],
        called=states[State.CALLED] + states[State.CLAIM_WAITS],
        active=states[State.ACTIVE],
        calls=moved[Move.CALLED],
        claims=moved[Move.CLAIMED],
        misses=moved[Move.AGAIN] + moved[Move.OUT],
        left=moved[Move.LEFT],
        expired=moved[Move.EXPIRED],
        ended=sum(states[state] for state in _ENDED),
    )


def room_numbers(
    at: Instant, phase: Phase, settings: RoomSettings, places: Places, pace: Pace, waits: Waits
) -> RoomNumbers:
    lanes = tuple(lane_numbers(lane) for lane in places.lanes)
    added = {
        name: sum(getattr(lane, name) for lane in lanes) for name in LaneNumbers.__struct_fields__ if name != "lane"
    }
    minute = pace.sums(-1, at, at - (MINUTE_S - 1) * 1_000)
    return RoomNumbers(
        at, phase, LaneNumbers("", **added), lanes, waits.numbers(), minute.calls, minute.claims, settings.per_minute,
        settings.capacity,
    )  # fmt: skip
