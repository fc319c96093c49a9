"""The canonical form: equal values have equal bytes, and other languages can recompute them."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Row(msgspec.Struct, frozen=True):
    b: int
    a: dict[str, int] = {}


class Keyed(msgspec.Struct):
    by_number: dict[int, str]
    members: set[str]


@given(VALUES)
def test_it_is_json_with_sorted_keys_and_no_blanks(value: Any) -> None:
    """Python's own writer, told to sort and to leave out blanks, and orjson come to the same bytes."""
    spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(canonical(value)) == value
    assert orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == canonical(value)
    if b"\x7f" not in spelled and not any(letter < 0x20 for letter in spelled) and b"\\u" not in spelled:
        assert canonical(value) == spelled


@given(st.dictionaries(st.text(), st.integers(), min_size=2), st.randoms())
def test_the_order_of_insertion_leaves_no_trace(value: dict[str, int], random: Any) -> None:
    """Equal dictionaries have equal bytes."""
    keys = list(value)
    random.shuffle(keys)
    assert canonical({key: value[key] for key in keys}) == canonical(value)


@given(st.sets(st.text()), st.randoms())
def test_sets_are_written_in_one_order(value: set[str], random: Any) -> None:
    """Equal sets have equal bytes, whatever the hashes of their members in this process."""
    members = list(value)
    random.shuffle(members)
    assert canonical(Keyed({}, set(members))) == canonical(Keyed({}, value))


def test_a_records_fields_are_sorted_too() -> None:
    """A typed record is written as the object with its fields, nested ones as well, keys sorted."""
    assert canonical(Row(1, {"z": 1, "y": 2})) == b'{"a":{"y":2,"z":1},"b":1}'
    assert canonical([Row(1)]) == b'[{"a":{},"b":1}]'


def test_keys_that_are_numbers_come_back_as_numbers() -> None:
    """A state may be keyed by number: it is written as text and read by its type."""
    value = Keyed({10: "ten", 9: "nine"}, {"x"})
    assert msgspec.json.decode(canonical(value), type=Keyed) == value
    assert canonical(value) == canonical(Keyed({9: "nine", 10: "ten"}, {"x"}))


def test_a_set_below_numbers_is_written_in_the_same_order() -> None:
    """A set is sorted wherever it stands, inside a mapping by number too."""
    assert list({8, 1}) == [8, 1]
    assert canonical({3: {8, 1}}) == b'{"3":[1,8]}'


def test_what_is_canonical_already_is_spliced_in() -> None:
    """Raw bytes stand in the result as they are, at the top and inside."""
    raw = msgspec.Raw(b'{"a":1}')
    assert canonical(raw) == b'{"a":1}'
    assert canonical({"b": raw, "a": [raw]}) == b'{"a":[{"a":1}],"b":{"a":1}}'


@pytest.mark.parametrize("value", [object(), "\ud800", {"key": "\udfff"}, {object(): 1}])
def test_what_has_no_spelling_is_refused(value: object) -> None:
    """Rather an exception than bytes that can't be read."""
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


def test_numbers_that_json_does_not_have_are_null() -> None:
    """They can't be written; a fact that holds one is found out when it is read, for its type wants a number."""
    assert canonical([math.nan, math.inf]) == b"[null,null]"
