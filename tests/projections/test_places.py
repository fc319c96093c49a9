"""Places are kept in columns: exact for everybody, whatever happens to many at once, and a million fit."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.waiting.draw import drawn_order
from projections.places import BLOCK_PLACES, Places, Rows, grown
from projections.standing import Move, State
from projections.tallies import Tally

MEGABYTE = 1_000_000


def filled(people: int, shards: int = 8, at_once: int = 1_000) -> Places:
    places, numbers = Places(), [0] * shards
    for turn in range(people // at_once):
        shard = turn % shards
        places.join(shard, numbers[shard], [""] * at_once, 0, turn + 1)
        numbers[shard] += at_once
    return places


def counted(places: Places, row: int) -> int:
    """By looking at everybody."""
    mine = places.lane == places.lane[row]
    before = (places.place < places.place[row]) & (places.state == State.WAITING) & mine
    return int(np.count_nonzero(before[: places.size]))


def ahead(places: Places, row: int) -> int:
    return places.lanes[int(places.lane[row])].ahead(int(places.place[row]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 16), st.integers(0, 1_024)), max_size=80))
def test_a_tally_sums_what_stands_before(steps: list[tuple[bool, int, int]]) -> None:
    """However counts are appended and put."""
    tally, plain = Tally(), list[int]()
    for appends, where, count in steps:
        if appends or not plain:
            tally.append()
            plain.append(0)
        else:
            tally.put(where % len(plain), count)
            plain[where % len(plain)] = count
        assert [tally.before(place) for place in range(len(plain) + 1)] == [
            sum(plain[:place]) for place in range(len(plain) + 1)
        ]


def test_columns_grow_in_whole_blocks() -> None:
    """And keep what they have; one that is large enough stays the same."""
    column = np.arange(BLOCK_PLACES)
    assert grown(column, BLOCK_PLACES) is column
    larger = grown(column, BLOCK_PLACES + 1)
    assert len(larger) % BLOCK_PLACES == 0
    assert np.array_equal(larger[:BLOCK_PLACES], column)


def test_a_crowd_moves_like_one_after_another() -> None:
    """Whether a hundred fall silent at once, or each by themselves, everybody stands the same."""
    dice, at_once, singly = random.Random(1), filled(10_000), filled(10_000)
    for move in (Move.WENT_ABSENT, Move.RETURNED, Move.CALLED, Move.AGAIN, Move.LEFT, Move.CLAIMED):
        rows = np.array(dice.sample(range(10_000), 3_000))
        at_once.move(rows, move, 5, 99)
        for row in rows.tolist():
            singly.move(np.array([row]), move, 5, 99)
        assert np.array_equal(at_once.state, singly.state)
        assert at_once.lanes[0].states == singly.lanes[0].states == np.bincount(
            at_once.state[:10_000], minlength=len(State)
        ).tolist()  # fmt: skip
        assert at_once.lanes[0].tally.counts == singly.lanes[0].tally.counts
    assert at_once.touched == singly.touched


def test_a_million_wait_in_less_than_a_hundred_megabytes() -> None:
    """And each of them has an exact position, after a hundred thousand fell silent and ten thousand were called."""
    tracemalloc.start()
    places = filled(1_000_000)
    silent: Rows = np.arange(0, 1_000_000, 10)
    places.move(silent, Move.WENT_ABSENT, 1, 2_000)
    places.move(places.standing(State.WAITING)[:10_000], Move.CALLED, 2, 2_001)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 100 * MEGABYTE
    assert len(places.block_lane) == -(-1_000_000 // BLOCK_PLACES)
    assert places.count(State.WAITING) == 890_000
    for row in random.Random(2).sample(range(1_000_000), 50):
        assert ahead(places, row) == counted(places, row)
    assert ahead(places, 999_999) == 890_000 - 1


@pytest.mark.parametrize("people", [1, 1_023, 1_024, 1_025, 5_000])
def test_the_draw_orders_everybody_who_takes_part(people: int) -> None:
    """By lanes, and blocks are given out when there are places."""
    places = Places()
    places.unsettle()
    lanes = ["", "press"]
    places.join(0, 0, [lanes[number % 2] for number in range(people)], 0, 1)
    places.arrive(1)
    assert (places.block_lane, places.count(State.WAITING)) == ([], 0)
    arrived = {lane.name: lane.rows[: lane.size].copy() for lane in places.lanes}
    places.draw("ab" * 32, 1, 2)
    for lane in places.lanes:
        order = drawn_order("ab" * 32, lane.name, lane.size)
        assert np.array_equal(lane.rows[: lane.size], arrived[lane.name][order])
        assert lane.states[State.WAITING] == sum(lane.tally.counts) == lane.size
        for row in lane.rows[: lane.size : 97].tolist():
            assert ahead(places, row) == counted(places, row) == int(places.place[row])


def test_a_block_is_numbered_when_its_lane_needs_it() -> None:
    """Within the room, so that its number names it alone."""
    places = Places()
    places.join(0, 0, [""] * 1_024, 0, 1)
    places.join(0, 1_024, ["press"], 0, 2)
    places.join(1, 0, [""], 0, 3)
    assert [lane.blocks for lane in places.lanes] == [[0, 2], [1]]
    assert places.block_of(0, 1_024) == 2


def test_tickets_are_found_by_what_they_are_called() -> None:
    """And what nobody is called is not found."""
    places = filled(4_000, shards=4)
    names = ["0.0", "3.999", "2.17", "1.5"]
    rows = places.rows_named(names)
    assert places.ids_of(rows) == names == [places.id_of(row) for row in rows.tolist()]
    assert places.row_of(3, 1_000) is places.row_of(4, 0) is None
    for wrong in (["4.0"], ["3.1000"], ["0.0", "3.1000"], ["0.0", "9.9"]):
        with pytest.raises(IndexError):
            places.rows_named(wrong)
