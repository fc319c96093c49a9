"""Planted bugs. Each takes one of the runtime's precautions away, from outside, while its runs last.

A simulation that finds nothing proves nothing by that: these say what it would find.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import msgspec

from actors.runtime import host as host_module
from actors.runtime import memory as memory_module
from actors.runtime.cell import Cell, Draft, Phase, Turn
from actors.runtime.host import Host
from actors.runtime.loading import Loading
from actors.runtime.memory import Memory
from actors.runtime.timers import Timers
from actors.runtime.transactions import Transactions
from actors.simulation.storage import MachineLog
from events.clock import Instant
from events.log import Entry, Recorded
from events.memory.log import MemoryLog
from tests.simulation.runs import Damage


class Mutant(NamedTuple):
    """`finds` are the laws that may tell it from the real thing; `focus` the faults that it takes, where only a few
    do."""

    damage: Damage
    finds: tuple[str, ...]
    focus: tuple[str, ...] = ()


def _replacing(*changes: tuple[object, str, Any]) -> Damage:
    @contextmanager
    def damaged() -> Iterator[None]:
        patches = [patch.object(where, what, new) for where, what, new in changes]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()

    return damaged


def _no_fence() -> AbstractContextManager[None]:
    """The log stores whatever comes, whoever has committed meanwhile."""
    return _replacing((MemoryLog, "_stale", lambda _log, _entry: None))()


def _no_dedupe() -> AbstractContextManager[None]:
    """Actors don't remember which commands they have done."""
    stand = Memory.stand

    def forgetful(memory: Memory, sequence: int, head: str, at: Instant, decided: list[Any]) -> None:
        stand(memory, sequence, head, at, decided)
        memory.young, memory.old = {}, {}

    return _replacing((Memory, "stand", forgetful))()


def _no_batch() -> AbstractContextManager[None]:
    """What should be stored together is stored one after the other."""

    async def one_by_one(log: MachineLog, entries: Sequence[Entry]) -> list[int]:
        sequences = []
        for entry in entries:
            (outcome,) = await log.append_each((entry,))
            if isinstance(outcome, Exception):
                raise outcome
            sequences.append(outcome)
        return sequences

    return _replacing((MachineLog, "append_together", one_by_one))()


def _answers_first() -> AbstractContextManager[None]:
    """Whoever asks is told before the log has stored it."""
    take_turns = Host._take_turns

    def hasty(host: Host) -> list[Draft]:
        drafts = take_turns(host)
        for draft in drafts:
            host.outbox.add_all(draft.answers, host.horizon.log_end + 1)
        return drafts

    return _replacing((Host, "_take_turns", hasty))()


def _questions_first() -> AbstractContextManager[None]:
    """Questions are answered from a state that is not stored yet."""
    take_turn = Cell.take_turn

    def hasty(cell: Cell, clock_now: Instant, loop_now: float) -> Turn:
        turn = take_turn(cell, clock_now, loop_now)
        if turn.draft is not None:
            decided = {one.id for one in turn.draft.decided}
            early = [answer for answer in turn.draft.answers if answer[0].envelope.id not in decided]
            turn.draft.answers = [answer for answer in turn.draft.answers if answer not in early]
            turn.answers.extend(early)
        return turn

    return _replacing((Cell, "take_turn", hasty))()


def _lease_trusted() -> AbstractContextManager[None]:
    """A participant whose lease has run out goes on as if nothing had been stored."""
    reopen = Host.reopen

    def trusting(host: Host, draft: Draft, *, in_doubt: bool) -> None:
        reopen(host, draft, in_doubt=False)

    return _replacing((Host, "reopen", trusting))()


def _lease_endless() -> AbstractContextManager[None]:
    """A participant waits for its coordinator for ever."""
    return _replacing((Transactions, "_lease_ran_out", lambda *_: None))()


def _snapshot_trusted() -> AbstractContextManager[None]:
    """A snapshot is taken for true, whatever chain it stands on."""

    def base(loading: Loading, cell: Cell, newest: Recorded | None, snapshot: Memory | None) -> Memory:
        return cell.memory or snapshot or Memory(cell.decider, cell.actor, loading._limits.remembered_commands_max)

    return _replacing((Loading, "_base", base))()


def _absence_forgotten() -> AbstractContextManager[None]:
    """A host that stood still doesn't ask what others have done in its place meanwhile."""
    return _replacing((Host, "heard_again", lambda *_: None))()


def _no_takeover_timers() -> AbstractContextManager[None]:
    """Whoever takes a partition over learns nothing of its timers."""

    async def nothing(_timers: Timers, *_: Any) -> int:
        await asyncio.sleep(0)
        return 0

    return _replacing((Timers, "learn", nothing), (Timers, "scan", nothing))()


def _unknown_is_failed() -> AbstractContextManager[None]:
    """A commit whose outcome is unknown is taken for not stored: the same state, as if nothing had happened."""
    failed = Host._failed

    def careless(host: Host, draft: Draft, error: Exception) -> None:
        cell = draft.cell
        before = cell.memory
        failed(host, draft, error)  # type: ignore[arg-type]
        if cell.phase is Phase.COLD and before is not None:
            cell.memory = before
            cell.phase = Phase.READY

    return _replacing((Host, "_failed", careless))()


def _fresh_answers() -> AbstractContextManager[None]:
    """A command that was done is answered with what is true now, not with its first answer."""

    def anew(decider: Any, recorded: Recorded, ids: Iterable[str]) -> list[msgspec.Raw]:
        return [msgspec.Raw(b'{"facts":0}') for _ in memory_module.first_answers(decider, recorded, ids)]

    return _replacing((host_module, "first_answers", anew))()


def _forgetting_forgotten() -> AbstractContextManager[None]:
    """Commands from before what is remembered are taken for new ones."""
    stand = Memory.stand

    def careless(memory: Memory, sequence: int, head: str, at: Instant, decided: list[Any]) -> None:
        stand(memory, sequence, head, at, decided)
        memory.forgotten_through = 0

    return _replacing((Memory, "stand", careless))()


_ONE_WRITER: Final = ("law 6, one writer wins", "law 10, chained")
_ONCE: Final = ("law 7, once",)

MUTANTS: Final[Mapping[str, Mutant]] = {
    "no-fence": Mutant(_no_fence, _ONE_WRITER),
    "no-dedupe": Mutant(_no_dedupe, _ONCE),
    "no-batch": Mutant(_no_batch, ("law 2, all or nothing",)),
    "answers-first": Mutant(_answers_first, ("law 5, acknowledged means durable",)),
    "questions-first": Mutant(_questions_first, ("answers are true",)),
    "lease-trusted": Mutant(
        _lease_trusted, ("law 8, the log is the truth", "answers are true", "progress"), ("part_lost",)
    ),
    "lease-endless": Mutant(_lease_endless, ("progress",)),
    "snapshot-trusted": Mutant(_snapshot_trusted, ("law 10, chained",)),
    "absence-forgotten": Mutant(
        _absence_forgotten, ("progress", "law 8, the log is the truth", "answers are true"), ("host_frozen",)
    ),
    "no-takeover-timers": Mutant(_no_takeover_timers, ("progress",)),
    "unknown-is-failed": Mutant(_unknown_is_failed, ("law 7, once", "law 8, the log is the truth", "progress")),
    "fresh-answers": Mutant(_fresh_answers, ("law 5, acknowledged means durable", "law 7, once")),
    "forgetting-forgotten": Mutant(_forgetting_forgotten, _ONCE),
}
