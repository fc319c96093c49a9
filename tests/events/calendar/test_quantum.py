"""The grid: slots of UTC dates, spans and their shares, dates as they are written."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.calendar.quantum import (
    DAY_MS,
    FIRST_DATE,
    LAST_DATE,
    SLOT_MS,
    SLOTS,
    BadDate,
    Share,
    Span,
    date_of,
    day_start,
    is_date,
    mask,
    on_grid,
    shares,
    slot_of,
    whole_slots_ms,
)
from tests.events.calendar.oracle import UNHURRIED, at

INSTANTS = st.integers(day_start(FIRST_DATE), day_start(LAST_DATE) - 5 * DAY_MS)
SPANS = st.builds(lambda start, length: Span(start, start + length), INSTANTS, st.integers(0, 5 * DAY_MS))


@UNHURRIED
@given(SPANS)
def test_outward_is_the_least_span_on_the_grid(span: Span) -> None:
    """It has all of what it was made of, less than a slot more at either end, and is its own outward span."""
    grown = Span.outward(span.start, span.end)
    assert on_grid(grown.start) and on_grid(grown.end)
    assert grown.holds(span)
    assert span.start - grown.start < SLOT_MS and grown.end - span.end < SLOT_MS
    assert Span.outward(grown.start, grown.end) == grown


@UNHURRIED
@given(SPANS)
def test_shares_are_the_slots_that_a_span_touches(span: Span) -> None:
    """Each once, in order, and no others: the grid agrees slot by slot."""
    taken = [day_start(share.date) + slot * SLOT_MS for share in shares(span) for slot in range(share.first, share.end)]
    grown = Span.outward(span.start, span.end)
    assert taken == ([] if span.start == span.end else list(range(grown.start, grown.end, SLOT_MS)))
    assert all(share.first < share.end for share in shares(span))


@UNHURRIED
@given(SPANS)
def test_the_bits_of_a_share_are_its_slots(span: Span) -> None:
    """Bit n is slot n."""
    for share in shares(span):
        assert [slot for slot in range(SLOTS) if share.bits >> slot & 1] == list(range(share.first, share.end))
        assert share.bits < 1 << SLOTS


@UNHURRIED
@given(SPANS, SPANS)
def test_spans_touch_when_they_share_an_instant(one: Span, other: Span) -> None:
    """Meeting end to start is no touch."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    if one.start < one.end and other.start < other.end:
        assert one.touches(other) == other.touches(one) == (shared > 0)
    assert not Span(0, SLOT_MS).touches(Span(SLOT_MS, 2 * SLOT_MS))


@UNHURRIED
@given(INSTANTS)
def test_an_instant_lies_in_its_slot_of_its_date(instant: int) -> None:
    """Before 1970 as well."""
    begins = day_start(date_of(instant)) + slot_of(instant) * SLOT_MS
    assert begins <= instant < begins + SLOT_MS
    assert 0 <= slot_of(instant) < SLOTS


def test_a_date_has_one_way_to_be_written() -> None:
    """Neither other forms of ISO 8601, nor other digits, nor dates that no calendar has."""
    assert day_start("2026-12-07") == at("2026-12-07T00:00Z")
    assert is_date("2028-02-29") and is_date(FIRST_DATE) and is_date(LAST_DATE)
    for text in (
        "", "2026-12-7", "20261207", "2026-W50-1", "2026-13-01", "2027-02-29", "2026-12-07T00:00", " 2026-12-07",
        "2026-12-07\n", "٢٠٢٦-12-07", "1899-12-31", "9999-01-01", "-026-12-07",
    ):  # fmt: skip
        assert not is_date(text), text
        with pytest.raises(BadDate):
            day_start(text)


def test_an_instant_that_is_too_far_away_has_no_date() -> None:
    """It is refused like a date that is none."""
    for instant in (day_start(FIRST_DATE) - 1, day_start(LAST_DATE) + DAY_MS, 10**30):
        with pytest.raises(BadDate):
            date_of(instant)


def test_minutes_round_up_to_whole_slots() -> None:
    """Fifty minutes take an hour."""
    assert [whole_slots_ms(minutes) // SLOT_MS for minutes in (0, 1, 15, 16, 50, 60)] == [0, 1, 1, 2, 4, 4]


def test_a_mask_has_nothing_outside_of_its_day() -> None:
    """A slot beyond the day is a bug of who asks."""
    assert mask(0, 96) == (1 << 96) - 1
    assert mask(5, 5) == 0
    with pytest.raises(AssertionError):
        mask(90, 97)


def test_spans_and_shares_are_written_short() -> None:
    """They stand in facts by the million: positions, no names."""
    assert msgspec.json.encode(Span(1, 2)) == b"[1,2]"
    assert msgspec.json.decode(b'["2026-12-07",4,8]', type=Share) == Share("2026-12-07", 4, 8)
