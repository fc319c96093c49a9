"""What is remembered of one actor: a fold of its commits, and nothing that the log doesn't hold.

`Memory` is the only place that knows how a state comes out of commits, so hosts, verifiers and replays cannot
differ. It carries the decider's state, where the actor's last commit stands and hashes to, and the ids of the
commands that were decided, each with the commit that holds its first answer.

Ids are remembered in two generations. When the younger is full it becomes the older, and the one before is
forgotten: then every command that was first asked no later than the forgotten ones is refused as too late,
because nobody could tell any more whether it was done. The comparison is between instants that senders wrote,
which are in the log, so replay comes to the same answer and hosts' clocks play no part.

An id may carry a seal, `<id>~<seal>`: a fingerprint of what was asked, from whoever did not choose the id alone. The
same id under another seal is another command that claims to be this one, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from actors.decider import AnyDecider
from actors.runtime.wire import encode_refusal
from events.clock import Instant
from events.codec import read_back, unsorted
from events.commit import GENESIS, Commit, Decided, follow_chain
from events.errors import ChainBroken
from events.log import Recorded

SNAPSHOT_FORMAT: Final = 1
SEAL: Final = "~"
ID_REUSED: Final = encode_refusal("id_reused", "another command was asked under this id")


def unsealed(id: str) -> str:
    """What a command is remembered by."""
    return id if SEAL not in id else id[: id.index(SEAL)]


class Snapshot(msgspec.Struct, frozen=True):
    """A memory as it stands on the shelf. `head` says which chain it stands on, at `sequence`."""

    format: int
    actor: str
    kind: str
    state_version: int
    sequence: int
    head: str
    at: Instant
    young: dict[str, int]
    young_asked_at: Instant
    old: dict[str, int]
    old_asked_at: Instant
    forgotten_through: Instant
    state: msgspec.Raw


_SNAPSHOTS: Final = msgspec.json.Decoder(Snapshot)


class Memory:
    """One actor's state and standing. Owned by one cell or one replay; changed in place."""

    __slots__ = (
        "actor", "at", "decider", "forgotten_through", "head", "old", "old_asked_at", "remembered_max",
        "sequence", "state", "young", "young_asked_at",
    )  # fmt: skip

    def __init__(self, decider: AnyDecider, actor: str, remembered_max: int) -> None:
        self.decider = decider
        self.actor = actor
        self.remembered_max = remembered_max
        self.state: Any = decider.initial(actor)
        self.sequence = 0
        self.head = GENESIS
        self.at: Instant = 0
        self.young: dict[str, int] = {}
        self.young_asked_at: Instant = 0
        self.old: dict[str, int] = {}
        self.old_asked_at: Instant = 0
        self.forgotten_through: Instant = 0

    def follow(self, recorded: Recorded) -> Commit[Any]:
        """Take in the actor's next commit. `ChainBroken` when it isn't the next one, or says what no fact can say."""
        try:
            commit = self.decider.facts.read(recorded.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ChainBroken(
                f"{self.actor}: the commit at sequence {recorded.sequence} cannot be read: {error}"
            ) from error
        if commit.actor != self.actor:
            raise ChainBroken(f"{self.actor}: the commit at sequence {recorded.sequence} belongs to {commit.actor}")
        head = follow_chain(self.head, commit, recorded.body, recorded.sequence)
        evolve = self.decider.evolve
        state = self.state
        for one in commit.decided:
            for fact in one.facts:
                state = evolve(state, fact, commit.at)
        self.state = state
        self.stand(recorded.sequence, head, commit.at, commit.decided)
        return commit

    def stand(
        self, sequence: int, head: str, at: Instant, decided: tuple[Decided[Any], ...] | list[Decided[Any]]
    ) -> None:
        """The state is already that of the commit at `sequence`: note where it stands and which commands it holds."""
        self.sequence = sequence
        self.head = head
        self.at = at
        young = self.young
        newest = self.young_asked_at
        for one in decided:
            id = one.id
            young[id if SEAL not in id else unsealed(id)] = sequence
            if one.asked_at > newest:
                newest = one.asked_at
        self.young_asked_at = newest
        if len(young) >= self.remembered_max:
            if self.old_asked_at > self.forgotten_through:
                self.forgotten_through = self.old_asked_at
            self.old, self.old_asked_at = young, newest
            self.young, self.young_asked_at = {}, 0

    def decided_at(self, command_id: str) -> int | None:
        """The sequence of the commit that holds this command's first answer, if it is remembered."""
        id = unsealed(command_id)
        sequence = self.young.get(id)
        return sequence if sequence is not None else self.old.get(id)

    def wake(self) -> Instant | None:
        return self.decider.wake(self.state)

    def snapshot(self) -> bytes:
        taken = Snapshot(
            SNAPSHOT_FORMAT, self.actor, self.decider.kind, self.decider.state_version, self.sequence, self.head,
            self.at,
            self.young, self.young_asked_at, self.old, self.old_asked_at, self.forgotten_through,
            msgspec.Raw(unsorted(self.state)),
        )  # fmt: skip
        return unsorted(taken)

    @classmethod
    def from_snapshot(cls, decider: AnyDecider, actor: str, remembered_max: int, data: bytes) -> Memory | None:
        """The memory that was put on the shelf, or None when it doesn't fit: another format, version or actor, or
        damaged."""
        try:
            snapshot = _SNAPSHOTS.decode(data)
            state = read_back(snapshot.state, decider.state)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        fits = (SNAPSHOT_FORMAT, actor, decider.kind, decider.state_version)
        if (snapshot.format, snapshot.actor, snapshot.kind, snapshot.state_version) != fits:
            return None
        memory = cls(decider, actor, remembered_max)
        memory.state = state
        memory.sequence, memory.head, memory.at = snapshot.sequence, snapshot.head, snapshot.at
        memory.young, memory.young_asked_at = snapshot.young, snapshot.young_asked_at
        memory.old, memory.old_asked_at = snapshot.old, snapshot.old_asked_at
        memory.forgotten_through = snapshot.forgotten_through
        return memory


def first_answers(decider: AnyDecider, recorded: Recorded, ids: Iterable[str]) -> list[tuple[bool, msgspec.Raw]]:
    """What these commands were answered when they were decided, as the commit records it, each with whether it was
    accepted: not when it was another command that was decided under its id."""
    answers = {unsealed(one.id): (one.id, one.reply) for one in decider.facts.read(recorded.body).decided}
    try:
        found = [(id, *answers[unsealed(id)]) for id in ids]
    except KeyError as missing:
        raise ChainBroken(
            f"{recorded.actor}: the commit at sequence {recorded.sequence} doesn't hold command {missing}"
        ) from missing
    return [(True, reply) if asked == decided else (False, ID_REUSED) for asked, decided, reply in found]
