"""Room in a day's bitmap: where a run of free slots is long enough, found by shifts and not by looking.

A bitmap is an int; bit n is slot n of a UTC date. After `r &= r >> 1` a bit is set where two slots in a row were, after
`r &= r >> 2` where four were: a run of any length takes as many shifts as its length has binary digits. Days are
chained by writing the next day's bits above, so a run over midnight is a run like any other.
"""

from __future__ import annotations

from typing import Final

from events.calendar.quantum import SLOTS, mask

FULL: Final = mask(0, SLOTS)
"""A day with every slot set."""


def starts_with_room(free: int, length: int, *following: int) -> int:
    """The slots at which so many free ones in a row begin. Without the days that follow, a run ends with its day."""
    assert length > 0, length
    run = free & FULL
    for days, bits in enumerate(following, 1):
        run |= (bits & FULL) << days * SLOTS
    have = 1
    while have < length and run:
        step = min(have, length - have)
        run &= run >> step
        have += step
    return run & FULL


def slots_of(bits: int) -> tuple[int, ...]:
    """Which slots are set, in order."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return tuple(found)
