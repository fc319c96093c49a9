"""Law 7. Once: a command that is retried with its id, after any crash, has one effect and gives the first answer again.

An id is decided at most once in each actor. Everybody who was told *accepted* for an id, whenever they asked, was told
the same: the answer that its commit records, which law 5 compares.

What was accepted in silence, because it was true already, may have to be done when it is asked again.

A refusal is an answer of its own time: it writes nothing, and may be followed by an acceptance when the same is asked
again. But whoever asked only once, in one message, and was refused by a rule, must not find it done after all. And
whoever was told that somebody was busy, or that it was too late, need not ask whether it was done all the same,
however often it was sent on the way; unless the network itself made copies of which no sender knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tests.laws.history import History

OF_THE_RUNTIME: Final = frozenset({"deadline_passed", "internal", "log_full", "log_halted", "unknown_outcome"})
"""Refusals that say nothing of the command, besides *busy*."""


def breaches(history: History) -> Iterator[str]:
    for (actor, id), found in history.decided.items():
        if len(found) > 1:
            yield f"{id} was done {len(found)} times in {actor}: at {[recorded.sequence for recorded, _ in found]}"
    told: dict[str, tuple[int, Any]] = {}
    for call in history.answered():
        if call.id in history.actors_of and not history.was_silent(call):
            answer = (call.sequence, call.reply)
            first = told.setdefault(call.id, answer)
            if first != answer:
                yield f"{call.id} was told {first}, and later {answer}"
    times = Counter(call.id for call in history.record.calls)
    for call in history.record.calls:
        if call.outcome != "refused" or times[call.id] > 1 or call.id not in history.actors_of:
            continue
        by_rule = call.fault != "busy" and call.code not in OF_THE_RUNTIME
        copied = call.messages > 1 if by_rule else bool(history.record.occurred["message_doubled"])
        if not copied:
            yield f"{call.id} was refused ({call.code}), and done all the same in {list(history.actors_of[call.id])}"
