"""API keys are read in one way, and show no secret."""

from __future__ import annotations

import secrets
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import BadName
from events.identity import SECRET_BYTES, ApiKeyParts, api_key, api_key_of, hash_of_secret, is_hash

IDENTIFIERS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True).filter(str.isascii)
KEY = "tg.demo.desk." + "A" * 43


@given(IDENTIFIERS, IDENTIFIERS, st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_key_is_read_as_it_was_made(org: str, id: str, drawn: bytes) -> None:
    """Whatever the identifiers hold, there is one reading."""
    key = api_key(org, id, drawn)
    assert api_key_of(key.text) == key
    assert (key.org, key.id, len(key.secret)) == (org, id, 43)
    assert key.hash == sha256(key.secret.encode()).hexdigest() and is_hash(key.hash)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY[:-1],
        KEY + "A",
        KEY + "\n",
        " " + KEY,
        KEY + "=",
        KEY.upper(),
        KEY.replace("tg.", "tg_"),
        KEY.replace("demo", "Demo"),
        KEY.replace("demo", ""),
        KEY.replace("demo", "d" * 65),
        KEY.replace("demo", "demo.more"),
        KEY.replace("A", "Ä", 1),
        KEY.replace("A", "+", 1),
        KEY.replace("A", "\ud800", 1),
        "tg.demo.desk",
        "x" * 100_000,
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    """Nothing is mended, and nothing is raised."""
    assert api_key_of(text) is None


@given(st.text(max_size=200))
def test_any_text_may_be_shown_as_a_key(text: str) -> None:
    """Whoever sends it learns no more than that it is none."""
    found = api_key_of(text)
    assert found is None or found.text == text
    assert is_hash(hash_of_secret(text))


def test_a_secret_is_not_shown() -> None:
    """Not where a key ends up in a log or in the text of an error."""
    key = api_key("demo", "desk", secrets.token_bytes(SECRET_BYTES))
    assert key.secret not in f"{key} {key!r}" and "desk" in repr(key)


@pytest.mark.parametrize(("org", "id"), [("Demo", "desk"), ("demo", "a.b"), ("demo", "")])
def test_a_key_is_not_made_for_what_has_no_name(org: str, id: str) -> None:
    """Its text would have another reading, or none."""
    with pytest.raises(BadName):
        api_key(org, id, b"\0" * SECRET_BYTES)


@pytest.mark.parametrize("count", [0, 16, SECRET_BYTES - 1, SECRET_BYTES + 1])
def test_a_secret_has_its_length(count: int) -> None:
    """One that is easier to guess is not made."""
    with pytest.raises(ValueError, match="32 bytes"):
        api_key("demo", "desk", b"\0" * count)


def test_parts_are_a_value() -> None:
    """Two readings of one key are equal."""
    assert api_key_of(KEY) == ApiKeyParts("demo", "desk", "A" * 43)
