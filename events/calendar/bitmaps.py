"""Room in the calendars of many resources at once: which has so many free slots in a row, on which of these days.

A table of bitmaps is three words of 32 bits to a UTC date, in the shape (resources, days, 3), little end first. As 96
is three times 32, a resource's days lie in memory as one unbroken row of bits: a run over midnight needs nothing
special, a day is never cut out of a word, and a day's bytes are those of the int that `bits` works on.

Measured for a thousand resources and 32 days: two words of 48 bits take a fifth longer, words of 64 save nothing once
their days are cut out again, and one huge int for all is slower than either.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from events.calendar.quantum import SLOT_MS, SLOTS, Span, ceil
from events.clock import Instant

Bitmaps: TypeAlias = NDArray[np.uint32]
"""Of the shape (resources, days, 3)."""

_BITS: Final = 32
WORDS: Final = SLOTS // _BITS
_DAY_BYTES: Final = SLOTS // 8
assert WORDS * _BITS == SLOTS
assert sys.byteorder == "little", "the words of a table are used as they lie in memory"


def table(calendars: Sequence[Sequence[int]]) -> Bitmaps:
    """A table of the bitmaps of days, resource by resource, as many days for each."""
    days = len(calendars[0]) if calendars else 0
    assert all(len(calendar) == days for calendar in calendars)
    packed = b"".join(day.to_bytes(_DAY_BYTES, "little") for calendar in calendars for day in calendar)
    return np.frombuffer(bytearray(packed), np.uint32).reshape(len(calendars), days, WORDS)


def day_bits(bitmaps: Bitmaps, resource: int, day: int) -> int:
    """One day of a table, as the int that it was made of."""
    return int.from_bytes(bitmaps[resource, day].tobytes(), "little")


def starts_with_room(free: Bitmaps, length: int) -> Bitmaps:
    """The slots at which so many free ones in a row begin. Nothing is known to be free after the last day, so a
    caller who wants runs over its midnight gives the days that they reach into as well."""
    assert length > 0, length
    resources, days, _ = free.shape
    run = free.reshape(resources, days * WORDS).copy()
    have = 1
    while have < length:
        step = min(have, length - have)
        run &= _shifted(run, step)
        have += step
    return run.reshape(resources, days, WORDS)


def any_on_days(bitmaps: Bitmaps) -> NDArray[np.bool_]:
    """On which UTC dates anything is set: (resources, days)."""
    found: NDArray[np.bool_] = (bitmaps[..., 0] | bitmaps[..., 1] | bitmaps[..., 2]) != 0
    return found


def any_within(bitmaps: Bitmaps, begins: Instant, spans: Sequence[Span]) -> NDArray[np.bool_]:
    """In which spans a slot is set that begins there: (resources, spans). `begins` is when the table's first day does.
    The spans can be the local days of any zone; what lies outside of the table is not set."""
    resources, days, _ = bitmaps.shape
    rows = bitmaps.reshape(resources, days * WORDS)
    found = np.zeros((resources, len(spans)), np.bool_)
    for place, span in enumerate(spans):
        first, end = (max(0, min((ceil(at) - begins) // SLOT_MS, days * SLOTS)) for at in (span.start, span.end))
        if first < end:
            words, mask = _mask(first, end)
            found[:, place] = (rows[:, words] & mask).any(axis=1)
    return found


def _mask(first: int, end: int) -> tuple[slice, Bitmaps]:
    """The words that have the slots from `first` up to `end`, and those slots in them."""
    words = slice(first // _BITS, -(-end // _BITS))
    mask = np.full(words.stop - words.start, 0xFFFF_FFFF, np.uint32)
    mask[0] &= 0xFFFF_FFFF << first % _BITS & 0xFFFF_FFFF
    mask[-1] &= 0xFFFF_FFFF >> -end % _BITS
    return words, mask


def _shifted(rows: Bitmaps, slots: int) -> Bitmaps:
    """Every bit so many slots earlier in its row; what comes in at the end is not set."""
    words, bits = divmod(slots, _BITS)
    whole = rows
    if words:
        whole = np.zeros_like(rows)
        whole[:, :-words] = rows[:, words:]
    if not bits:
        return whole
    shifted = whole >> np.uint32(bits)
    shifted[:, :-1] |= whole[:, 1:] << np.uint32(_BITS - bits)
    return shifted
