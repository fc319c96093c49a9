"""A small kind of actor for tests of the runtime: it counts, refuses, sets itself a reminder, and breaks when told."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from actors.decider import AnyDecider, Command, Decider, Decision, Refusal, Tick
from events.clock import Instant
from events.facts import Fact, FactSet

Where: TypeAlias = Literal["decide", "evolve", "wake", "reply", "fact", "outcome"]


class Add(Command, frozen=True):
    amount: int = 1


class Take(Command, frozen=True):
    """Refused when there is too little."""

    amount: int = 1


class Total(Command, frozen=True):
    """A question."""


class Remind(Command, frozen=True):
    """Wants a Tick at that instant; none for None."""

    instant: Instant | None


class Puff(Command, frozen=True):
    """Leads to a fact of about this size."""

    characters: int


class Recite(Command, frozen=True):
    """A question with an answer of about this size."""

    characters: int


class Break(Command, frozen=True):
    """Shows a bug of the decider's, at that place."""

    where: Where


TallyCommand: TypeAlias = Add | Take | Total | Remind | Puff | Recite | Break | Tick


class Added(Fact, frozen=True):
    amount: int


class ReminderSet(Fact, frozen=True):
    instant: Instant | None


class Rang(Fact, frozen=True):
    instant: Instant


class Puffed(Fact, frozen=True):
    text: str


class Broke(Fact, frozen=True):
    where: Where


TallyFact: TypeAlias = Added | ReminderSet | Rang | Puffed | Broke


class Tally(msgspec.Struct):
    total: int = 0
    remind_at: Instant | None = None
    rang: list[Instant] = []
    puffs: int = 0
    broken: bool = False


def decide(tally: Tally, command: TallyCommand, at: Instant, _policy: None) -> Decision[TallyFact] | Refusal:
    match command:
        case Add(amount):
            return Decision((Added(amount),), {"total": tally.total + amount})
        case Take(amount) if amount > tally.total:
            return Refusal("too_little", f"there are {tally.total}")
        case Take(amount):
            return Decision((Added(-amount),), {"total": tally.total - amount})
        case Total():
            return Decision(reply={"total": tally.total})
        case Remind(instant):
            return Decision((ReminderSet(instant),))
        case Puff(characters):
            return Decision((Puffed("x" * characters),))
        case Recite(characters):
            return Decision(reply="x" * characters)
        case Break(where):
            return _broken(where)  # type: ignore[no-any-return]  # what it returns may be nonsense: that is the point
        case Tick():
            due = tally.remind_at is not None and tally.remind_at <= at
            return Decision((Rang(at),)) if due else Decision()


def _broken(where: Where) -> Any:
    match where:
        case "decide":
            raise RuntimeError("decide is broken")
        case "reply":
            return Decision((Added(1),), object())
        case "fact":
            return Decision((Puffed("\ud800"),))
        case "outcome":
            return None
        case "evolve" | "wake":
            return Decision((Broke(where),))


def evolve(tally: Tally, fact: TallyFact, at: Instant) -> Tally:
    match fact:
        case Added(amount):
            tally.total += amount
        case ReminderSet(instant):
            tally.remind_at = instant
        case Rang(instant):
            tally.rang.append(instant)
            tally.remind_at = None
        case Puffed():
            tally.puffs += 1
        case Broke("evolve"):
            tally.total += 1_000_000
            raise RuntimeError("evolve is broken")
        case Broke():
            tally.broken = True
    return tally


def wake(tally: Tally) -> Instant | None:
    if tally.broken:
        raise RuntimeError("wake is broken")
    return tally.remind_at


TALLY: Final[Decider[Tally, Any, TallyFact, None]] = Decider(
    kind="tally",
    parts=("number",),
    commands=(Add, Take, Total, Remind, Puff, Recite, Break),
    facts=FactSet[TallyFact]((Added, ReminderSet, Rang, Puffed, Broke)),
    state=Tally,
    initial=lambda _actor: Tally(),
    decide=decide,
    evolve=evolve,
    policy=None,
    wake=wake,
)

KINDS: Final[dict[str, AnyDecider]] = {TALLY.kind: TALLY}
