"""Two small kinds: a rule of the house, and desks that decide by it and lend things out for as long as somebody says
that they are still wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from actors.decider import AnyDecider, Command, Consulted, Decider, Decision, Leases, Refusal, Tick
from events.clock import Instant
from events.facts import Fact, FactSet

PERIOD_MS: Final = 1_000


class RuleSet(Fact, frozen=True):
    most: int


class SetRule(Command, frozen=True):
    most: int


class Rule(msgspec.Struct):
    most: int = 1


def _decide_rule(_rule: Rule, command: SetRule, _at: Instant, _policy: None) -> Decision[RuleSet]:
    return Decision((RuleSet(command.most),))


BROKEN: Final = -1
"""A rule that no host can make sense of."""


def _evolve_rule(rule: Rule, fact: RuleSet, _at: Instant) -> Rule:
    if fact.most == BROKEN:
        raise RuntimeError("evolve is broken")
    rule.most = fact.most
    return rule


RULE: Final[Decider[Rule, SetRule, RuleSet, None]] = Decider(
    kind="rule", commands=(SetRule,), facts=FactSet[RuleSet]((RuleSet,)), state=Rule, initial=lambda _: Rule(),
    decide=_decide_rule, evolve=_evolve_rule, policy=None,
)  # fmt: skip


class Lent(Fact, frozen=True):
    """`by` is the sequence of the rule that allowed it."""

    id: str
    until: Instant
    by: int


class CameBack(Fact, frozen=True):
    id: str
    at: Instant


class Lend(Command, frozen=True):
    id: str


class StillWanted(Command, frozen=True):
    id: str


DeskFact: TypeAlias = Lent | CameBack
DeskCommand: TypeAlias = Lend | StillWanted | Tick


class Desk(msgspec.Struct):
    lent: dict[str, Instant] = {}


def _decide(desk: Desk, command: DeskCommand, at: Instant, by: Consulted[Rule, Leases]) -> Decision[DeskFact] | Refusal:
    match command:
        case Lend(id):
            if len(desk.lent) >= by.state.most:
                return Refusal("all_lent", f"there are {by.state.most}")
            return Decision((Lent(id, at + PERIOD_MS, by.sequence),), {"by": by.sequence})
        case StillWanted(id):
            if id not in desk.lent or _end(desk, id, by.leases) < at:
                return Refusal("not_lent", id)
            return Decision(reply=at + PERIOD_MS, leases={id: at + PERIOD_MS})
        case Tick():
            due = (id for id in desk.lent if _end(desk, id, by.leases) < at)
            return Decision(tuple(CameBack(id, at) for id in due))


def _end(desk: Desk, id: str, leases: Leases) -> Instant:
    return leases.end_of(id, desk.lent[id], PERIOD_MS)


def _evolve(desk: Desk, fact: DeskFact, _at: Instant) -> Desk:
    match fact:
        case Lent(id, until):
            desk.lent[id] = until
        case CameBack(id):
            del desk.lent[id]
    return desk


def _wake(desk: Desk) -> Instant | None:
    return min((until + 1 for until in desk.lent.values()), default=None)


def _leased(desk: Desk, leases: Leases) -> Instant | None:
    return min((_end(desk, id, leases) + 1 for id in desk.lent), default=None)


DESK: Final[Decider[Desk, DeskCommand, DeskFact, Consulted[Rule, Leases]]] = Decider(
    kind="desk",
    parts=("number",),
    commands=(Lend, StillWanted),
    facts=FactSet[DeskFact]((Lent, CameBack)),
    state=Desk,
    initial=lambda _: Desk(),
    decide=_decide,
    evolve=_evolve,
    wake=_wake,
    leased=_leased,
    policy=Consulted(Rule(), Leases()),
    consults="rule",
)

KINDS: Final[Mapping[str, AnyDecider]] = {"rule": RULE, "desk": DESK}
"""A desk's `policy` stands for a rule that nobody has set."""
