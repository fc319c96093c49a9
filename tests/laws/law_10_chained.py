"""Law 10. Chained: each actor's commits are hash-chained; an altered, dropped or reordered commit is found.

A chain alone tells everything except about its end: nothing stands on the last commit. So the verifier is also given
the heads that are known from elsewhere (a host's memory, a snapshot, a receipt), and a chain must lead to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from events.commit import GENESIS, hash_of, previous_of
from events.errors import ChainBroken
from events.log import Recorded
from tests.laws.history import History


def breaches(history: History) -> Iterator[str]:
    record = history.record
    heads = {one.actor: (one.sequence, one.head) for _, one in record.live if one.sequence}
    yield from faults_in(record.log, heads)
    for actor, snapshot in record.shelf.items():
        yield from faults_in(record.log, {actor: (snapshot.sequence, snapshot.head)})


def faults_in(log: Iterable[Recorded], known_heads: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """What is wrong with a log: links that don't hold, and heads (a sequence and its hash) that it doesn't lead to."""
    heads: dict[str, str] = {}
    reached: set[tuple[str, int, str]] = set()
    sequence = 0
    for recorded in log:
        if recorded.sequence <= sequence:
            yield f"sequence {recorded.sequence} comes after {sequence}"
        sequence = recorded.sequence
        try:
            previous = previous_of(recorded.body)
        except ChainBroken as broken:
            yield f"{recorded.actor} at {recorded.sequence}: {broken}"
            continue
        if previous != heads.get(recorded.actor, GENESIS):
            yield f"{recorded.actor}: the commit at {recorded.sequence} does not stand on the one before it"
        heads[recorded.actor] = hash_of(recorded.body)
        reached.add((recorded.actor, recorded.sequence, heads[recorded.actor]))
    for actor, (known_sequence, head) in known_heads.items():
        if (actor, known_sequence, head) not in reached:
            yield f"{actor}: what was known to stand at {known_sequence} does not"
