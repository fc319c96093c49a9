"""Law 8. The log is the truth: snapshots and memories can be deleted any time, and replay rebuilds them byte for byte.

For every actor: its whole log folded from nothing, its snapshot folded on from where it was taken, and what its host
remembers of it come to the same state, the same head, and the same commands remembered and forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.decider import AnyDecider
from actors.simulation.record import Standing
from events.clock import Instant
from events.codec import canonical, read_back
from events.commit import GENESIS, Commit, hash_of
from events.names import kind_of
from tests.laws.history import History, Line


class Replay:
    """One actor, folded. The remembered ids are kept in two generations, as the log's own readers must."""

    def __init__(self, decider: AnyDecider, actor: str, remembered_max: int) -> None:
        self._decider = decider
        self._remembered_max = remembered_max
        self.state = decider.initial(actor)
        self.sequence, self.head, self.at = 0, GENESIS, 0
        self.young: dict[str, int] = {}
        self.old: dict[str, int] = {}
        self.young_asked_at: Instant = 0
        self.old_asked_at: Instant = 0
        self.forgotten_through: Instant = 0

    def take(self, line: Line) -> None:
        recorded, commit = line
        for one in commit.decided:
            for fact in one.facts:
                self.state = self._decider.evolve(self.state, fact, commit.at)
            self.young[one.id] = recorded.sequence
            self.young_asked_at = max(self.young_asked_at, one.asked_at)
        self.sequence, self.head, self.at = recorded.sequence, hash_of(recorded.body), commit.at
        if len(self.young) >= self._remembered_max:
            self.forgotten_through = max(self.forgotten_through, self.old_asked_at)
            self.old, self.old_asked_at = self.young, self.young_asked_at
            self.young, self.young_asked_at = {}, 0

    def differs_from(self, standing: Standing) -> str:
        """In what, if in anything."""
        if self.sequence != standing.sequence:
            return f"stands at {standing.sequence}, not at {self.sequence}"
        if self.head != standing.head:
            return f"has another head at {self.sequence}"
        if canonical(self.state) != canonical(read_back(standing.state, self._decider.state)):
            return f"is {bytes(standing.state)!r} at {self.sequence}, not {canonical(self.state)!r}"
        if (self.young, self.old, self.forgotten_through, self.at) != (
            standing.young, standing.old, standing.forgotten_through, standing.at,
        ):  # fmt: skip
            return f"remembers other commands at {self.sequence}"
        return ""


def breaches(history: History) -> Iterator[str]:
    record = history.record
    for actor, lines in history.of_actor.items():
        decider = history.kinds[kind_of(actor)]
        to_compare = [(f"what {host} remembers of {actor}", one) for host, one in record.live if one.actor == actor]
        for what, standing in to_compare:
            replay = Replay(decider, actor, record.remembered_commands_max)
            for line in lines:
                if line.recorded.sequence <= record.quiet_sequence:
                    replay.take(line)
            if difference := replay.differs_from(standing):
                yield f"{what} {difference}"
        snapshot = record.shelf.get(actor)
        if snapshot is not None:
            yield from _of_snapshot(decider, snapshot, lines, record.remembered_commands_max)


def _of_snapshot(decider: AnyDecider, snapshot: Standing, lines: list[Line], remembered_max: int) -> Iterator[str]:
    """The snapshot is the replay up to where it was taken; and taken on from there, it ends where the replay ends."""
    replay = Replay(decider, snapshot.actor, remembered_max)
    on_from: list[Commit[object]] = []
    for line in lines:
        if line.recorded.sequence <= snapshot.sequence:
            replay.take(line)
        else:
            on_from.append(line.commit)
    if difference := replay.differs_from(snapshot):
        yield f"the snapshot of {snapshot.actor} {difference}"
        return
    state = read_back(snapshot.state, decider.state)
    for commit in on_from:
        for one in commit.decided:
            for fact in one.facts:
                state = decider.evolve(state, fact, commit.at)
    for line in lines:
        if line.recorded.sequence > snapshot.sequence:
            replay.take(line)
    if canonical(state) != canonical(replay.state):
        yield f"the snapshot of {snapshot.actor} at {snapshot.sequence} leads to another state than the whole log"
