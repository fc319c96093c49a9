"""The log of a run, read once for all laws. Nothing here comes from the runtime: what is stored is read, and folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from actors.decider import AnyDecider, Command
from actors.simulation.record import Call, Record
from events.commit import Commit, Decided
from events.log import Recorded
from events.names import kind_of


class Line(NamedTuple):
    """A commit as it is stored, and as it reads."""

    recorded: Recorded
    commit: Commit[Any]


class Stage(NamedTuple):
    """An actor as it was after one command of the commit at `sequence`; 0 is before the first."""

    sequence: int
    state: Any


class History:
    """All commits in order, the commits of each actor, and who decided which command."""

    def __init__(self, record: Record, kinds: Mapping[str, AnyDecider], silent: tuple[type[Command], ...] = ()) -> None:
        self.record: Final = record
        self.kinds: Final = kinds
        self.silent: Final = silent
        """Commands that may be accepted though nothing has to be written."""
        self.lines: Final = [Line(one, kinds[kind_of(one.actor)].facts.read(one.body)) for one in record.log]
        self.of_actor: Final[dict[str, list[Line]]] = {}
        self.decided: Final[dict[tuple[str, str], list[tuple[Recorded, Decided[Any]]]]] = {}
        self.actors_of: Final[dict[str, dict[str, None]]] = {}
        """By command id: the actors that decided it."""
        for line in self.lines:
            self.of_actor.setdefault(line.commit.actor, []).append(line)
            for one in line.commit.decided:
                self.decided.setdefault((line.commit.actor, one.id), []).append((line.recorded, one))
                self.actors_of.setdefault(one.id, {})[line.commit.actor] = None

    def answered(self) -> Iterator[Call]:
        """The calls that were told *accepted*."""
        return (call for call in self.record.calls if call.outcome == "accepted")

    def was_silent(self, call: Call) -> bool:
        """Whether it was accepted by nothing that was written for it; only some commands may be."""
        actor, command = call.parts[0]
        stands_at = {recorded.sequence for recorded, _ in self.decided.get((actor, call.id), ())}
        return isinstance(command, self.silent) and not call.is_transaction and call.sequence not in stands_at

    def fold(self, actor: str) -> Iterator[Stage]:
        """The actor's states, one after the other. They share what `evolve` changes in place: look, don't keep."""
        decider = self.kinds[kind_of(actor)]
        state = decider.initial(actor)
        yield Stage(0, state)
        for recorded, commit in self.of_actor.get(actor, ()):
            for one in commit.decided:
                for fact in one.facts:
                    state = decider.evolve(state, fact, commit.at)
                yield Stage(recorded.sequence, state)
