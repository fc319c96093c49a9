"""Where everybody stands: the tickets of one room in columns, and the places of each lane in blocks.

A ticket is a row, in the order in which the log names them. Its *place* is its number within its lane: the order of
the log, or of the draw. A place is never given twice, and keeps its ticket.

A lane's places are cut into blocks of 1,024. Of each block it is known how many wait there and are present, and a
`Tally` sums those counts, so that how many stand ahead of a ticket is one sum over blocks and one count within its own,
however many wait. A block is numbered within its room, when its lane first needs it: `block/<room>/<number>` is one
block of one lane.

Before a draw there are no places: tickets stand in the order of their arrival, their lanes have no bits set, and nobody
waits. The draw orders them, and `settle` lets them wait where they stand then.

Whatever concerns many tickets at once is one pass over columns. Beside that, a ticket costs some 44 bytes in columns;
as a record it would cost ten times that, and a million of them would not fit where they have to.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from events.waiting.draw import drawn_order
from events.waiting.sessions import NUMBERS_MAX
from projections.standing import BECOMES, FROM, Move, State
from projections.tallies import Tally

Rows: TypeAlias = NDArray[np.int64]
_Column = TypeVar("_Column", bound=np.generic)

BLOCK_BITS: Final = 10
BLOCK_PLACES: Final = 1 << BLOCK_BITS
_NUMBER_BITS: Final = NUMBERS_MAX.bit_length() - 1
_FIRST_ROOM: Final = BLOCK_PLACES
COLUMNS: Final = ("code", "lane", "place", "state", "joined_s", "since_s", "until", "changed_at")


def grown(column: NDArray[_Column], size: int) -> NDArray[_Column]:
    """With room for so many; half as much again at least, in whole blocks, so that growing costs little on average."""
    if size <= len(column):
        return column
    room = max(size, len(column) + len(column) // 2)
    larger = np.zeros(-(-room // BLOCK_PLACES) * BLOCK_PLACES, column.dtype)
    larger[: len(column)] = column
    return larger


class Moved(NamedTuple):
    """Who made a move, how they stood before it, and the sequence since which they did."""

    rows: Rows
    before: NDArray[np.uint8]
    before_at: NDArray[np.int64]


class Lane:
    """`called_through` is the place behind the last one that was ever called."""

    __slots__ = ("arrivals", "blocks", "called_through", "moved", "name", "rows", "size", "states", "tally", "waiting")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.size = 0
        self.rows: NDArray[np.uint32] = np.zeros(_FIRST_ROOM, np.uint32)
        """By place, whose it is."""
        self.waiting: NDArray[np.bool_] = np.zeros(_FIRST_ROOM, np.bool_)
        """By place, whether they wait there and are present."""
        self.blocks: list[int] = []
        """The numbers of its blocks within the room."""
        self.tally = Tally()
        self.called_through = 0
        self.states = [0] * len(State)
        """How many tickets stand how."""
        self.moved = [0] * len(Move)
        """How often each move was ever made."""
        self.arrivals: list[tuple[int, int]] = []
        """Before the opening: behind each commit's sequence, how many had joined."""

    def ahead(self, place: int) -> int:
        """How many wait, are present, and have a smaller place."""
        block = place >> BLOCK_BITS
        return self.tally.before(block) + int(np.count_nonzero(self.waiting[block << BLOCK_BITS : place]))

    def bits(self, block: int) -> str:
        """Who waits there: 128 bytes as base64, the first place of the block the lowest bit of the first byte."""
        start = block << BLOCK_BITS
        packed = np.packbits(self.waiting[start : start + BLOCK_PLACES], bitorder="little")
        return b64encode(packed.tobytes()).decode()

    def arrived_through(self, sequence: int) -> int:
        return max((count for at, count in self.arrivals if at <= sequence), default=0)


class Places:
    def __init__(self) -> None:
        self.size = 0
        self.code: NDArray[np.uint32] = np.zeros(_FIRST_ROOM, np.uint32)
        """Shard and number in one; see `id_of`."""
        self.lane: NDArray[np.int16] = np.zeros(_FIRST_ROOM, np.int16)
        self.place: NDArray[np.uint32] = np.zeros(_FIRST_ROOM, np.uint32)
        self.state: NDArray[np.uint8] = np.zeros(_FIRST_ROOM, np.uint8)
        self.joined_s: NDArray[np.uint32] = np.zeros(_FIRST_ROOM, np.uint32)
        self.since_s: NDArray[np.uint32] = np.zeros(_FIRST_ROOM, np.uint32)
        """When it came to stand as it does."""
        self.until: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        """Of a call, of a pass, of what an absence may be."""
        self.changed_at: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        """The sequence at which it came to stand as it does."""
        self.shards: dict[int, tuple[int, NDArray[np.uint32]]] = {}
        """By shard, how many tickets it has, and their rows by number."""
        self.lanes: list[Lane] = []
        """In the order in which somebody first joined them."""
        self.lane_numbers: dict[str, int] = {}
        self.block_lane: list[int] = []
        self.block_index: list[int] = []
        self.block_at: list[int] = []
        """By block: its lane, which one of its lane's it is, and the sequence at which it changed last."""
        self.touched: set[int] = set()
        """Blocks that changed since somebody emptied this."""
        self.drawing = False

    # -- looking ------------------------------------------------------------------------------------------------

    def row_of(self, shard: int, number: int) -> int | None:
        count, rows = self.shards.get(shard, (0, None))
        return int(rows[number]) if rows is not None and number < count else None

    def id_of(self, row: int) -> str:
        """What the ticket is called within its room."""
        code = int(self.code[row])
        return f"{code >> _NUMBER_BITS}.{code & NUMBERS_MAX - 1}"

    def ids_of(self, rows: Rows) -> list[str]:
        return [f"{code >> _NUMBER_BITS}.{code & NUMBERS_MAX - 1}" for code in self.code[rows].tolist()]

    def rows_of(self, shard: int, numbers: NDArray[Any]) -> Rows:
        """`IndexError` when one of them has not joined."""
        count, rows = self.shards.get(shard, (0, np.zeros(0, np.uint32)))
        if len(numbers) and int(numbers.max()) >= count:
            raise IndexError(f"shard {shard} has {count} tickets, and not the number {int(numbers.max())}")
        found: Rows = rows[numbers].astype(np.int64)
        return found

    def rows_named(self, tickets: Sequence[str]) -> Rows:
        """Those of tickets by what they are called within their room."""
        if len(tickets) == 1:
            shard, _, number = tickets[0].partition(".")
            row = self.row_of(int(shard), int(number))
            if row is None:
                raise IndexError(f"nobody joined as {tickets[0]}")
            return np.array([row], np.int64)
        named = np.array([part for ticket in tickets for part in ticket.split(".")], np.int64).reshape(-1, 2)
        found = np.zeros(len(named), np.int64)
        for shard in np.unique(named[:, 0]).tolist():
            of_shard = named[:, 0] == shard
            found[of_shard] = self.rows_of(shard, named[of_shard, 1])
        return found

    def standing(self, *states: State) -> Rows:
        """All rows that stand so."""
        wanted = np.zeros(len(State), np.bool_)
        wanted[list(states)] = True
        return np.flatnonzero(wanted[self.state[: self.size]])

    def count(self, *states: State) -> int:
        return sum(lane.states[state] for lane in self.lanes for state in states)

    def block_of(self, lane: int, place: int) -> int:
        return self.lanes[lane].blocks[place >> BLOCK_BITS]

    # -- joining ------------------------------------------------------------------------------------------------

    def lane_number(self, name: str) -> int:
        number = self.lane_numbers.get(name)
        if number is None:
            number = self.lane_numbers[name] = len(self.lanes)
            self.lanes.append(Lane(name))
        return number

    def join(self, shard: int, first: int, names: Sequence[str], at_s: int, sequence: int) -> Rows:
        """The tickets `first`, first + 1, … of the shard stand at the end of these lanes."""
        count, numbered = self.shards.get(shard, (0, np.zeros(0, np.uint32)))
        if first != count:
            raise IndexError(f"shard {shard} has {count} tickets, and the next one is not {first}")
        rows = np.arange(self.size, self.size + len(names))
        end = count + len(names)
        numbered = grown(numbered, end)
        numbered[count:end] = rows
        self.shards[shard] = (end, numbered)
        self._grow(self.size + len(names))
        start, self.size = self.size, self.size + len(names)
        self.code[start : self.size] = (shard << _NUMBER_BITS) + np.arange(count, end)
        self.joined_s[start : self.size] = self.since_s[start : self.size] = at_s
        self.changed_at[start : self.size] = sequence
        kinds = dict.fromkeys(names)
        if len(kinds) == 1:
            self._append(self.lane_number(names[0]), rows)
        else:
            lanes = np.array([self.lane_number(name) for name in names])
            for name in kinds:
                number = self.lane_numbers[name]
                self._append(number, rows[lanes == number])
        return rows

    def _grow(self, size: int) -> None:
        if size > len(self.code):
            for name in COLUMNS:
                setattr(self, name, grown(getattr(self, name), size))

    def _append(self, number: int, rows: Rows) -> None:
        lane = self.lanes[number]
        start, lane.size = lane.size, lane.size + len(rows)
        lane.rows, lane.waiting = grown(lane.rows, lane.size), grown(lane.waiting, lane.size)
        lane.rows[start : lane.size] = rows
        self.lane[rows], self.place[rows] = number, np.arange(start, lane.size)
        state = State.DRAWING if self.drawing else State.WAITING
        self.state[rows] = state
        lane.states[state] += len(rows)
        if not self.drawing:
            self._make_blocks(number)
            lane.waiting[start : lane.size] = True
            self._recount(number, range(start >> BLOCK_BITS, ((lane.size - 1) >> BLOCK_BITS) + 1))

    def _make_blocks(self, number: int) -> None:
        lane = self.lanes[number]
        while len(lane.blocks) << BLOCK_BITS < lane.size:
            self.block_lane.append(number)
            self.block_index.append(len(lane.blocks))
            self.block_at.append(0)
            lane.blocks.append(len(self.block_lane) - 1)
            lane.tally.append()

    def _recount(self, number: int, blocks: Sequence[int]) -> None:
        lane = self.lanes[number]
        for block in blocks:
            start = block << BLOCK_BITS
            lane.tally.put(block, int(np.count_nonzero(lane.waiting[start : start + BLOCK_PLACES])))
            self.touched.add(lane.blocks[block])

    # -- moving -------------------------------------------------------------------------------------------------

    def move(self, rows: Rows, move: Move, at_s: int, sequence: int, until: int | NDArray[np.int64] = 0) -> Moved:
        """Make the move with those who may."""
        before = self.state[rows]
        may = FROM[move][before]
        if not may.all():
            rows, before = rows[may], before[may]
            until = until if isinstance(until, int) else until[may]
        before_at = self.changed_at[rows]
        if not len(rows):
            return Moved(rows, before, before_at)
        self.since_s[rows], self.until[rows], self.changed_at[rows] = at_s, until, sequence
        to = BECOMES[move][1]
        self._stand(rows, before, State.DRAWING if self.drawing and to == State.WAITING else to, move)
        return Moved(rows, before, before_at)

    def _stand(self, rows: Rows, before: NDArray[np.uint8], after: State, move: Move) -> None:
        self.state[rows] = after
        for number, mine in self.by_lane(rows):
            lane, was = self.lanes[number], before[mine]
            lane.moved[move] += len(was)
            lane.states[after] += len(was)
            for state, count in enumerate(np.bincount(was).tolist()):
                lane.states[state] -= count
            places = self.place[rows[mine]]
            if move == Move.CALLED:
                lane.called_through = max(lane.called_through, int(places.max()) + 1)
            if after != State.WAITING:
                places = places[was == State.WAITING]
            if len(places):
                lane.waiting[places] = after == State.WAITING
                self._recount(number, np.flatnonzero(np.bincount(places >> BLOCK_BITS)).tolist())

    def by_lane(self, rows: Rows) -> Iterator[tuple[int, Any]]:
        """The lanes of the rows, and which of the rows are theirs."""
        if len(rows) == 1 or len(self.lanes) == 1:
            yield int(self.lane[rows[0]]), slice(None)
            return
        lanes = self.lane[rows]
        for number in np.flatnonzero(np.bincount(lanes)).tolist():
            yield number, lanes == number

    # -- coming back --------------------------------------------------------------------------------------------

    def restore(
        self,
        columns: Mapping[str, NDArray[Any]],
        lanes: Sequence[str],
        block_lane: Sequence[int],
        block_at: Sequence[int],
        *,
        drawing: bool,
    ) -> None:
        """Become what was saved; all that is not among the columns follows from them."""
        self.size, self.drawing = len(columns["code"]), drawing
        self._grow(self.size)
        for name in COLUMNS:
            getattr(self, name)[: self.size] = columns[name]
        shards = self.code[: self.size] >> _NUMBER_BITS
        for shard in np.unique(shards).tolist():
            rows = np.flatnonzero(shards == shard)
            self.shards[shard] = (len(rows), grown(np.zeros(0, np.uint32), len(rows)))
            self.shards[shard][1][: len(rows)] = rows
        of = self.lane[: self.size]
        for number, name in enumerate(lanes):
            lane = self.lanes[self.lane_number(name)]
            rows = np.flatnonzero(of == number)
            lane.size, places = len(rows), self.place[rows]
            lane.rows, lane.waiting = grown(lane.rows, lane.size), grown(lane.waiting, lane.size)
            lane.rows[places], lane.waiting[places] = rows, self.state[rows] == State.WAITING
            lane.states = np.bincount(self.state[rows], minlength=len(State)).tolist()
        for block, number in enumerate(block_lane):
            lane = self.lanes[number]
            self.block_lane.append(number)
            self.block_index.append(len(lane.blocks))
            lane.blocks.append(block)
            lane.tally.append()
        self.block_at = list(block_at)
        for number, lane in enumerate(self.lanes):
            self._recount(number, range(len(lane.blocks)))
        self.touched.clear()

    # -- drawing ------------------------------------------------------------------------------------------------

    def arrive(self, sequence: int) -> None:
        """Remember who has joined up to here: a draw asks for it."""
        for lane in self.lanes:
            if lane.size and (not lane.arrivals or lane.arrivals[-1][1] != lane.size):
                lane.arrivals.append((sequence, lane.size))

    def forget_arrivals(self) -> None:
        for lane in self.lanes:
            lane.arrivals = []

    def draw(self, seed: str, through: int, sequence: int) -> None:
        """Who joined up to `through` stands as `seed` says; the others behind them, as they came."""
        self.unsettle()
        for lane in self.lanes:
            count = lane.arrived_through(through)
            lane.rows[:count] = lane.rows[:count][drawn_order(seed, lane.name, count)]
            self.place[lane.rows[:count]] = np.arange(count)
        self.settle()
        rows = self.standing(State.WAITING, State.ABSENT)
        self.changed_at[rows] = sequence

    def settle(self) -> None:
        """Everybody has a place from now on, and waits there."""
        self.drawing = False
        for number, lane in enumerate(self.lanes):
            self._make_blocks(number)
            rows = lane.rows[: lane.size]
            state = self.state[rows]
            self.state[rows[state == State.DRAWING]] = State.WAITING
            lane.states[State.WAITING] += lane.states[State.DRAWING]
            lane.states[State.DRAWING] = 0
            lane.waiting[: lane.size] = self.state[rows] == State.WAITING
            self._recount(number, range(len(lane.blocks)))

    def unsettle(self) -> None:
        """Nobody has a place from now on."""
        if self.drawing:
            return
        self.drawing = True
        for number, lane in enumerate(self.lanes):
            rows = lane.rows[: lane.size]
            self.state[rows[self.state[rows] == State.WAITING]] = State.DRAWING
            lane.states[State.DRAWING] += lane.states[State.WAITING]
            lane.states[State.WAITING] = 0
            lane.waiting[:] = False
            self._recount(number, range(len(lane.blocks)))
