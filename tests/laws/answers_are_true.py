"""A question is answered with what is true: a state that the log came to hold, no later than when it was told, and not
from much before what somebody had been told already.

This is no law of the design by itself; laws 5 and 6 would be worth little without it. A domain says which of its
commands are questions, and what each is answered in which state; so an answer can be placed in its actor's history.
The bank's say with which trail they were given, which places them exactly; where an answer is true of several states,
it is given the benefit of the doubt.

Not from *much* before: a host answers from memory, and asks the log nothing for a question. When an actor has moved,
a commit of its former host may land after the new one has read it, and the new one looks again when that is over.
Whatever is decided meanwhile is decided on what is true, because the log refuses it otherwise (law 6).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import Any, Final

from actors.decider import Command
from actors.simulation.record import Call
from events.codec import canonical
from events.limits import APPEND_TIMEOUT_MS
from events.names import kind_of
from tests.laws.history import History

Told = Mapping[type[Command], Callable[[Any], Any]]
"""By question: its answer in a state."""

BEHIND_S_MAX: Final = APPEND_TIMEOUT_MS / 1000 + 1.0
DEAF: Final = frozenset({"beat_lost", "message_lost", "message_delayed", "hosts_split"})
"""Where hosts may not hear each other and yet hear themselves, two of them can be sure of the same actor for as long as
that lasts. No bound holds then for the questions that the wrong one answers."""


def answering(told: Mapping[str, Told]) -> Callable[[History], Iterator[str]]:
    """The checker for the questions of each kind."""
    return partial(_breaches, told)


def _breaches(told: Mapping[str, Told], history: History) -> Iterator[str]:
    for actor in sorted({actor for call in history.answered() for actor, _ in call.parts}):
        for question, answer in told.get(kind_of(actor), {}).items():
            yield from _of_actor(history, actor, question, answer)


def _of_actor(history: History, actor: str, question: type[Command], answer: Callable[[Any], Any]) -> Iterator[str]:
    stood: dict[bytes, tuple[int, int]] = {}
    """By answer: since which commit it is true, and up to which."""
    for stage in history.fold(actor):
        spelled = canonical(answer(stage.state))
        since, _ = stood.get(spelled, (stage.sequence, 0))
        stood[spelled] = (since, stage.sequence)
    questions: list[tuple[Call, int]] = []
    told: list[tuple[float, int]] = []
    """When somebody was told of the actor, and as of which of its commits at least."""
    for call in history.answered():
        if call.id in history.actors_of and not history.was_silent(call):
            told.extend(
                (call.answered_at, found[0][0].sequence)
                for asked, _ in call.parts
                if asked == actor and (found := history.decided.get((actor, call.id)))
            )
        elif call.parts[0][0] == actor and isinstance(call.parts[0][1], question):
            since, through = stood.get(canonical(call.reply), (-1, -1))
            if not 0 <= since <= call.answered_head:
                yield f"{call.id} was told {call.reply} of {actor}, which was not true then"
                continue
            questions.append((call, through))
            told.append((call.answered_at, since))
    if DEAF.isdisjoint(history.record.occurred):
        yield from _too_far_behind(actor, questions, sorted(told))


def _too_far_behind(actor: str, questions: list[tuple[Call, int]], told: list[tuple[float, int]]) -> Iterator[str]:
    times = [when for when, _ in told]
    newest = list(accumulate((sequence for _, sequence in told), max))
    for call, sequence in questions:
        before = bisect_left(times, call.asked_at - BEHIND_S_MAX)
        if before and newest[before - 1] > sequence:
            known = newest[before - 1]
            yield f"{call.id} was told of {actor} as of {sequence}, when {known} had long been told to somebody"
