"""Names: what passes the grammar, and that a name means the same partition for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import BadName
from events.limits import PARTITIONS
from events.names import (
    LOG_PREFIX,
    actor_name,
    actor_of,
    identifier,
    is_actor,
    is_identifier,
    kind_of,
    partition_of,
    subject_of,
)

IDENTIFIERS = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,63}\Z")
MEANT_BY_NATS = (".", "*", ">", " ", "\t", "\n", "\r", "\0")


@given(st.text())
def test_an_identifier_is_one_token(text: str) -> None:
    """Nothing with a character that NATS gives a meaning to, and nothing outside the grammar, is an identifier."""
    ascii_ok = "abcdefghijklmnopqrstuvwxyz0123456789"
    fits = 0 < len(text) <= 64 and text[0] in ascii_ok and all(letter in ascii_ok + "-_" for letter in text)
    assert is_identifier(text) == fits


@given(IDENTIFIERS, st.sampled_from(MEANT_BY_NATS), st.integers(0, 64))
def test_a_character_with_a_meaning_spoils_an_identifier(text: str, letter: str, where: int) -> None:
    """Wherever it stands, the end included."""
    spoilt = text[:where] + letter + text[where:]
    assert not is_identifier(spoilt)
    with pytest.raises(BadName):
        identifier(spoilt)


@given(st.lists(IDENTIFIERS, min_size=2, max_size=5))
def test_two_to_five_identifiers_name_an_actor(tokens: list[str]) -> None:
    """The name is its tokens between dots, and gives them back."""
    name = actor_name(*tokens)
    assert name == ".".join(tokens)
    assert is_actor(name)
    assert kind_of(name) == tokens[1]
    assert subject_of(name) == LOG_PREFIX + name
    assert actor_of(subject_of(name)) == name


@given(st.text(alphabet=st.sampled_from("ab0-_.*> \nA\0é")))
def test_an_actor_is_identifiers_between_dots(text: str) -> None:
    """Empty tokens, too few, too many, and tokens outside the grammar make no actor."""
    tokens = text.split(".")
    assert is_actor(text) == (2 <= len(tokens) <= 5 and all(is_identifier(token) for token in tokens))


@pytest.mark.parametrize(
    "tokens", [("demo", ""), ("demo", "a.b"), ("demo", "*"), ("Demo", "day"), ("a", "b", "c", "d", "e", "f")]
)
def test_a_bad_token_is_refused(tokens: tuple[str, str]) -> None:
    """An actor's name is checked token by token: a dot inside one does not make two."""
    with pytest.raises(BadName):
        actor_name(*tokens)


def test_only_subjects_of_the_log_name_actors() -> None:
    """A subject of the bus is not mistaken for an actor's."""
    with pytest.raises(BadName):
        actor_of("cmd.5")


@pytest.mark.parametrize(
    ("actor", "partition"),
    [
        ("demo.catalog", 10),
        ("demo.day.studio-a.2026-12-07", 53),
        ("a.catalog", 20),
        ("b.catalog", 17),
        ("demo.line.launch.0", 40),
        ("demo.line.launch.1", 62),
    ],
)
def test_a_partition_is_for_ever(actor: str, partition: int) -> None:
    """Hosts of different versions agree where an actor lives: these values may never change."""
    assert partition_of(actor) == partition


@given(st.lists(IDENTIFIERS, min_size=2, max_size=5))
def test_every_actor_has_one_of_the_partitions(tokens: list[str]) -> None:
    """And the same one each time."""
    name = actor_name(*tokens)
    assert 0 <= partition_of(name) == partition_of(name) < PARTITIONS


def test_actors_spread_over_all_partitions() -> None:
    """Names that differ in a digit don't crowd: no partition has more than four times its share."""
    counts = [0] * PARTITIONS
    for number in range(6_400):
        counts[partition_of(f"demo.day.room-{number}.2026-12-07")] += 1
    assert 25 <= min(counts) <= max(counts) <= 400
