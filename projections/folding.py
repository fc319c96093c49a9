"""The fold as a protocol, and what it tells: the deltas that take a subscriber from one state of a topic to the next.

A fold is a function of the log alone. It reads no clock: what it forgets, it forgets by the instants of the commits.
So two folds of the same commits have the same bytes, whether they began at the first one or at a snapshot (law 8).

A change names the sequence at which its topic changed before, and the one at which it is changed now. A subscriber
whose own position is the first one takes it in; one whose position is not before the second has it already, however
often it comes; anyone else has missed something and starts over (law 9).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar, Final, Protocol, TypeAlias

import msgspec

from events import access, catalog, day, line, quota, room
from events.calendar.quantum import SLOTS
from events.commit import Commit
from events.errors import ChainBroken
from events.facts import FactSet
from events.log import Recorded
from events.names import kind_of

READS: Final[dict[str, FactSet[Any]]] = {
    "access": access.FACTS,
    "catalog": catalog.FACTS,
    "day": day.FACTS,
    "line": line.FACTS,
    "quota": quota.FACTS,
    "room": room.FACTS,
}
"""The kinds whose facts are folded here."""

_SEQUENCE: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)

Bits: TypeAlias = str
"""The bitmap of a day's slots in 24 hexadecimal digits, slot 0 the lowest bit: no number of JSON is that wide."""


def spelled(bits: int) -> Bits:
    return f"{bits:0{SLOTS // 4}x}"


class Delta(msgspec.Struct, frozen=True, tag_field="delta"):
    """What changed of a topic."""

    gathered: ClassVar[bool] = False
    """Whether it may wait a little for others of its room, to be one with them."""

    def then(self, later: Delta) -> Delta | None:
        """This one and the next one as one; none when each has to be told by itself."""
        return None


class Change(msgspec.Struct, frozen=True):
    """A delta, whose topic it is, and between which sequences; `before` is 0 for a topic that nothing happened to."""

    org: str
    topic: str
    before: int
    after: int
    delta: Delta


def joined(first: Change, later: Change) -> Change | None:
    """Two changes of one topic as one, from where the first began to where the later one leads, if they can be."""
    if first.after != later.before:
        return None
    delta = first.delta.then(later.delta)
    return None if delta is None else Change(first.org, first.topic, first.before, later.after, delta)


def at_once(changes: Sequence[Change]) -> list[Change]:
    """What changed at once, of each topic as one where it can be: nobody stands between the two. What is gathered is
    left as it is, since whoever gathers says from which change on something waits."""
    told: list[Change] = []
    places: dict[tuple[str, str], int] = {}
    for change in changes:
        if change.delta.gathered:
            told.append(change)
            continue
        topic = (change.org, change.topic)
        place = places.get(topic)
        one = None if place is None else joined(told[place], change)
        if place is None or one is None:
            places[topic] = len(told)
            told.append(change)
        else:
            told[place] = one
    return told


class Projection(Protocol):
    @property
    def name(self) -> str:
        """What its snapshots are called."""
        ...

    @property
    def version(self) -> int:
        """Changes whenever the fold does, so that older snapshots no longer fit."""
        ...

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> Sequence[Change]:
        """Take in the next commit of a kind in `READS`, and say what changed if somebody wants to hear it."""
        ...

    def save(self) -> bytes:
        """The whole state; equal states have equal bytes."""
        ...

    def load(self, data: bytes) -> None:
        """Become what was saved."""
        ...


def read(recorded: Recorded) -> Commit[Any] | None:
    """The commit, if its kind is one of those that are folded here; `ChainBroken` when it spells none."""
    facts = READS.get(kind_of(recorded.actor))
    if facts is None:
        return None
    try:
        return facts.read(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ChainBroken(f"the commit at sequence {recorded.sequence} cannot be read: {error}") from error


def epoch_of(identity: str) -> str:
    """A log by a short name: positions of another log are told apart by it."""
    return sha256(identity.encode()).hexdigest()[:12]


def position(epoch: str, sequence: int) -> str:
    return f"{epoch}:{sequence}"


def sequence_at(epoch: str, text: str) -> int | None:
    """The sequence that a position names; none when it is of another log, or no position."""
    named, _, sequence = text.partition(":")
    return int(sequence) if named == epoch and _SEQUENCE.fullmatch(sequence) else None
