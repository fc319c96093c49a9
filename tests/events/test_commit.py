"""A commit: one spelling, one hash, and a chain that shows every change to it."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.commit import GENESIS, Commit, Decided, encode, follow_chain, hash_of, previous_of
from events.errors import ChainBroken
from events.facts import Fact, FactSet


class Noted(Fact, frozen=True):
    text: str
    tags: dict[str, int] = msgspec.field(default_factory=dict)
    ratio: float | None = None


NOTES = FactSet[Noted]((Noted,))
NOTED = st.builds(
    Noted,
    st.text(),
    st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1)),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
REPLIES = st.sampled_from([b"null", b'{"a":[1,2],"b":"\xc3\xa9"}', b'"x"', b"0"]).map(msgspec.Raw)
DECIDED = st.builds(
    Decided, id=st.text(min_size=1), by=st.text(), asked_at=st.integers(0, 2**53),
    facts=st.lists(NOTED, max_size=3).map(tuple), reply=REPLIES,
)  # fmt: skip
TOGETHER = st.just(()) | st.lists(st.sampled_from(["a.note", "b.note", "c.note"]), min_size=2, unique=True).map(tuple)


def note(text: str, previous: str = GENESIS, at: int = 5) -> bytes:
    return encode("demo.note", at, previous, [Decided("c-1", "ann", 4, (Noted(text),), msgspec.Raw(b'{"ok":true}'))])


def follow(head: str, body: bytes, sequence: int = 1) -> str:
    return follow_chain(head, NOTES.read(body), body, sequence)


class TestBytes:
    def test_the_bytes_of_a_commit_are_these(self) -> None:
        """Any language can recompute them, so they never change: keys sorted, no blanks, only `together` left out."""
        assert note("é") == (
            b'{"actor":"demo.note","at":5,"decided":[{"asked_at":4,"by":"ann",'
            b'"facts":[{"fact":"Noted.1","ratio":null,"tags":{},"text":"\xc3\xa9"}],'
            b'"id":"c-1","reply":{"ok":true}}],"previous":"' + b"0" * 64 + b'"}'
        )

    def test_a_transactions_commit_names_all_of_its_actors(self) -> None:
        """The commit of a plain command does not mention others at all."""
        body = encode("a.note", 5, GENESIS, [], ("a.note", "b.note"))
        assert body.endswith(b'"together":["a.note","b.note"]}')
        assert b"together" not in note("alone")

    @given(st.integers(0, 2**53), st.lists(DECIDED, max_size=4), TOGETHER)
    def test_what_is_read_is_written_the_same_again(
        self, at: int, decided: list[Decided[Noted]], together: tuple[str, ...]
    ) -> None:
        """Encode, read, encode: identical bytes, so a hash can be checked from either side."""
        body = encode("demo.note", at, GENESIS, decided, together)
        commit = NOTES.read(body)
        assert encode(commit.actor, commit.at, commit.previous, commit.decided, commit.together) == body
        assert commit == Commit("demo.note", at, GENESIS, tuple(decided), together)

    def test_the_first_answer_is_kept_as_it_was_given(self) -> None:
        """Byte for byte, so that a repeated command gets the same one (law 7)."""
        assert bytes(NOTES.read(note("x")).decided[0].reply) == b'{"ok":true}'


class TestChain:
    def test_the_hash_is_sha_256_of_the_stored_bytes(self) -> None:
        """Anyone can recompute it with a tool of their own."""
        assert hash_of(note("x")) == sha256(note("x")).hexdigest()

    def test_each_commit_stands_on_the_one_before(self) -> None:
        """The head after a commit is what the next one names."""
        first = note("one")
        second = note("two", hash_of(first))
        assert follow(follow(GENESIS, first), second, 2) == hash_of(second)

    def test_an_altered_commit_breaks_the_next_link(self) -> None:
        """Any byte counts, the answer's and the time's too."""
        first = note("one")
        second = note("two", hash_of(first))
        for altered in (note("One"), note("one", at=6), first.replace(b"true", b"null"), first.replace(b"ann", b"bob")):
            assert altered != first
            with pytest.raises(ChainBroken):
                follow(follow(GENESIS, altered), second, 2)

    def test_a_dropped_or_reordered_commit_breaks_the_chain(self) -> None:
        """The third doesn't stand on the first, nor the second on nothing."""
        first = note("one")
        second = note("two", hash_of(first))
        third = note("three", hash_of(second))
        with pytest.raises(ChainBroken, match="sequence 3"):
            follow(follow(GENESIS, first), third, 3)
        with pytest.raises(ChainBroken):
            follow(GENESIS, second)

    def test_the_link_is_read_without_the_rest(self) -> None:
        """Even of a commit whose facts nobody here knows."""
        body = note("x", hash_of(b"before")).replace(b"Noted.1", b"Sung.9")
        assert previous_of(body) == hash_of(b"before")

    @pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", b'{"previous":3}', b'{"previous":"\xff"}', b"\xff"])
    def test_what_is_no_commit_breaks_the_chain(self, body: bytes) -> None:
        """Bytes without a link stand on nothing."""
        with pytest.raises(ChainBroken):
            previous_of(body)
