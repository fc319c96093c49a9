"""What is remembered of an actor follows from its commits, survives the shelf, and forgets in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors.decider import AnyDecider
from actors.runtime.memory import Memory, Snapshot, first_answers
from events.clock import Instant
from events.codec import canonical
from events.commit import GENESIS, Decided, encode, hash_of
from events.errors import ChainBroken
from events.log import Recorded
from tests.support.tally import TALLY, Added, Tally, TallyFact

ACTOR = "demo.tally.a"


class History:
    """An actor's commits, each with one command."""

    def __init__(self, actor: str = ACTOR) -> None:
        self.actor = actor
        self.head = GENESIS
        self.commits: list[Recorded] = []

    def commit(self, command_id: str, amount: int = 1, asked_at: Instant = 100, **reply: int) -> Recorded:
        facts: tuple[TallyFact, ...] = (Added(amount),)
        one = Decided(command_id, "ann", asked_at, facts, msgspec.Raw(canonical(reply)))
        body = encode(self.actor, 1_000 + len(self.commits), self.head, [one])
        self.head = hash_of(body)
        self.commits.append(Recorded(10 * (len(self.commits) + 1), self.actor, body, 0))
        return self.commits[-1]


def remembered(history: History, remembered_max: int = 100) -> Memory:
    memory = Memory(TALLY, ACTOR, remembered_max)
    for recorded in history.commits:
        memory.follow(recorded)
    return memory


def reshelved(memory: Memory, decider: AnyDecider = TALLY, actor: str = ACTOR) -> Memory | None:
    return Memory.from_snapshot(decider, actor, memory.remembered_max, memory.snapshot())


class TestFollowing:
    def test_a_memory_is_the_fold_of_the_commits(self) -> None:
        """State, place in the log, head of the chain and time are those of the last commit."""
        history = History()
        history.commit("c-1", 2)
        history.commit("c-2", 3)
        memory = remembered(history)
        assert (memory.state, memory.sequence, memory.head, memory.at) == (Tally(5), 20, history.head, 1_001)

    def test_a_new_actor_stands_on_nothing(self) -> None:
        """Without a commit it is in its initial state, at sequence 0, on the genesis hash."""
        memory = Memory(TALLY, ACTOR, 100)
        assert (memory.state, memory.sequence, memory.head) == (Tally(), 0, GENESIS)

    def test_a_commit_that_does_not_follow_is_not_taken_in(self) -> None:
        """A gap breaks the chain, and leaves the memory as it was."""
        history = History()
        first, _, third = history.commit("c-1"), history.commit("c-2"), history.commit("c-3")
        memory = Memory(TALLY, ACTOR, 100)
        memory.follow(first)
        before = memory.snapshot()
        with pytest.raises(ChainBroken, match="stands on"):
            memory.follow(third)
        assert memory.snapshot() == before

    def test_another_actors_commit_is_not_taken_in(self) -> None:
        """A commit says whose it is, wherever it is found."""
        strange = History("demo.tally.b").commit("c-1")
        with pytest.raises(ChainBroken, match=r"belongs to demo\.tally\.b"):
            Memory(TALLY, ACTOR, 100).follow(strange)

    @pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"null", b'{"actor":"demo.tally.a"}'])
    def test_what_cannot_be_read_breaks_the_chain(self, damage: bytes) -> None:
        """Bytes that are no commit at all are a halt, like any other alteration."""
        with pytest.raises(ChainBroken, match="cannot be read"):
            Memory(TALLY, ACTOR, 100).follow(Recorded(10, ACTOR, damage, 0))

    def test_text_that_is_not_utf_8_breaks_the_chain(self) -> None:
        """One flipped bit inside a text is found as well."""
        recorded = History().commit("c-1")
        spoilt = msgspec.structs.replace(recorded, body=recorded.body.replace(b"ann", b"a\xffn"))
        with pytest.raises(ChainBroken):
            Memory(TALLY, ACTOR, 100).follow(spoilt)


class TestSnapshots:
    def test_a_snapshot_brings_back_every_byte(self) -> None:
        """Memory, snapshot, memory, snapshot: the two snapshots are identical, both generations of ids included."""
        history = History()
        for number in range(7):
            history.commit(f"c-{number}", asked_at=100 + number)
        memory = remembered(history, remembered_max=3)
        assert memory.old and memory.young and memory.forgotten_through
        again = reshelved(memory)
        assert again is not None
        assert again.snapshot() == memory.snapshot()

    def test_what_follows_a_snapshot_leads_to_the_same_memory(self) -> None:
        """Replay from a snapshot and replay from the beginning agree, whenever the snapshot was taken."""
        history = History()
        for number in range(9):
            history.commit(f"c-{number}", asked_at=100 + number)
        for taken_after in range(10):
            memory = Memory(TALLY, ACTOR, 3)
            for recorded in history.commits[:taken_after]:
                memory.follow(recorded)
            again = reshelved(memory)
            assert again is not None
            for recorded in history.commits[taken_after:]:
                again.follow(recorded)
            assert again.snapshot() == remembered(history, remembered_max=3).snapshot()

    def test_a_snapshot_shares_nothing_with_the_memory(self) -> None:
        """What the actor does next doesn't reach into the snapshot that was taken."""
        history = History()
        history.commit("c-1", 2)
        memory = remembered(history)
        again = reshelved(memory)
        memory.follow(history.commit("c-2", 3))
        assert again is not None
        assert (again.state, again.sequence, again.young) == (Tally(2), 10, {"c-1": 10})

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": 2},
            {"actor": "demo.tally.b"},
            {"kind": "other"},
            {"state_version": 2},
            {"state": msgspec.Raw(b'{"total":"many"}')},
            {"state": msgspec.Raw(b"null")},
        ],
    )
    def test_a_snapshot_that_does_not_fit_is_ignored(self, changes: dict[str, Any]) -> None:
        """Another format, actor, kind or version, or a state of another shape: as if there were none."""
        history = History()
        history.commit("c-1")
        snapshot = msgspec.json.decode(remembered(history).snapshot(), type=Snapshot)
        data = canonical(msgspec.structs.replace(snapshot, **changes))
        assert Memory.from_snapshot(TALLY, ACTOR, 100, data) is None

    def test_a_new_version_of_the_state_ignores_old_snapshots(self) -> None:
        """A decider that counts its state's version up starts over from the log."""
        history = History()
        history.commit("c-1")
        assert reshelved(remembered(history), replace(TALLY, state_version=2)) is None
        assert reshelved(remembered(history)) is not None

    def test_a_damaged_snapshot_is_ignored(self) -> None:
        """Cut off anywhere, it is no snapshot; nor is anything else that was put there."""
        history = History()
        history.commit("c-1")
        data = remembered(history).snapshot()
        for length in range(len(data)):
            assert Memory.from_snapshot(TALLY, ACTOR, 100, data[:length]) is None
        for other in (b"null", b"[]", b"{}", b"\xff" * 40, data.replace(b"c-1", b"\xff\xff\xff")):
            assert Memory.from_snapshot(TALLY, ACTOR, 100, other) is None

    def test_a_state_whose_own_rules_say_no_is_ignored(self) -> None:
        """A state may refuse to be made of what stands on the shelf; then it is made of the log."""

        class Strict(msgspec.Struct):
            total: int = 0

            def __post_init__(self) -> None:
                if self.total < 0:
                    raise ValueError("less than nothing")

        tally: AnyDecider = TALLY
        strict = replace(tally, state=Strict, initial=lambda _: Strict())
        history = History()
        history.commit("c-1")
        data = remembered(history).snapshot().replace(b'"total":1', b'"total":-1')
        assert Memory.from_snapshot(strict, ACTOR, 100, data) is None


class TestIds:
    def test_an_id_is_found_with_its_commit(self) -> None:
        """Each command that was decided is remembered with the commit that holds its first answer."""
        history = History()
        history.commit("c-1")
        history.commit("c-2")
        memory = remembered(history)
        assert [memory.decided_at(id) for id in ("c-1", "c-2", "c-3")] == [10, 20, None]

    def test_at_least_so_many_ids_are_remembered_and_at_most_twice(self) -> None:
        """Two generations: the older goes when the younger is full."""
        history = History()
        for number in range(1, 12):
            history.commit(f"c-{number}")
            memory = remembered(history, remembered_max=4)
            known = [id for id in range(1, number + 1) if memory.decided_at(f"c-{id}") is not None]
            assert known == list(range(number - len(known) + 1, number + 1)), "the last ones, without a gap"
            assert min(number, 4) <= len(known) <= 8

    def test_a_commit_is_remembered_whole(self) -> None:
        """A turn of many commands may overfill a generation: none of its ids is forgotten for that."""
        decided: list[Decided[Any]] = [
            Decided(f"c-{number}", "ann", 100, (), msgspec.Raw(b"null")) for number in range(10)
        ]
        memory = Memory(TALLY, ACTOR, 4)
        memory.stand(10, "h", 1_000, decided)
        assert all(memory.decided_at(one.id) == 10 for one in decided)

    def test_nothing_is_forgotten_before_the_second_generation_is_full(self) -> None:
        """Until an id has really been forgotten, no command is too old."""
        history = History()
        for number in range(7):
            history.commit(f"c-{number}", asked_at=100 + number)
        assert remembered(history, remembered_max=4).forgotten_through == 0

    def test_forgotten_is_everything_asked_no_later_than_the_forgotten(self) -> None:
        """The bound is the latest instant at which any forgotten command was first asked."""
        history = History()
        for number, asked_at in enumerate((100, 250, 120, 130, 300, 310, 320, 330)):
            history.commit(f"c-{number}", asked_at=asked_at)
        memory = remembered(history, remembered_max=4)
        assert memory.decided_at("c-0") is None
        assert memory.forgotten_through == 250

    def test_the_bound_never_goes_back(self) -> None:
        """A generation of older commands that is forgotten later leaves it where it was."""
        history = History()
        for number, asked_at in enumerate((500, 510, 100, 110, 120, 130, 140, 150)):
            history.commit(f"c-{number}", asked_at=asked_at)
        assert remembered(history, remembered_max=2).forgotten_through == 510

    def test_a_first_answer_is_read_from_its_commit(self) -> None:
        """And a commit that doesn't hold it has been altered."""
        recorded = History().commit("c-1", total=7)
        assert first_answers(TALLY, recorded, ["c-1"]) == [(True, msgspec.Raw(b'{"total":7}'))]
        with pytest.raises(ChainBroken):
            first_answers(TALLY, recorded, ["c-1", "c-2"])
