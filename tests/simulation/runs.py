"""One seed, simulated and judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple

from actors.simulation.record import Record
from actors.simulation.trace import Trace
from actors.simulation.world import simulate
from tests.laws.judge import Breach, breaches
from tests.simulation.traffic import BankTraffic

Damage = Callable[[], AbstractContextManager[None]]
"""What a mutant does to the code while its runs last."""

UNHARMED: Final[Damage] = nullcontext


class Verdict(NamedTuple):
    seed: int
    breaches: list[Breach]
    record: Record
    trace: Trace


def judged(seed: int, damage: Damage = UNHARMED, focus: Collection[str] = ()) -> Verdict:
    traffic = BankTraffic(seed)
    with damage():
        record, trace = simulate(seed, traffic, focus)
    return Verdict(seed, breaches(record, traffic.kinds), record, trace)


def broken(seeds: Iterable[int], damage: Damage, focus: Collection[str]) -> Iterator[Verdict]:
    """The verdicts of those seeds that break a law."""
    return (verdict for verdict in (judged(seed, damage, focus) for seed in seeds) if verdict.breaches)


def told(verdict: Verdict, *, breaches_max: int = 8) -> str:
    """Which law a run broke, and how to see it again."""
    shown = [f"  {breach.law}: {breach.what}" for breach in verdict.breaches[:breaches_max]]
    left_out = len(verdict.breaches) - len(shown)
    if left_out:
        shown.append(f"  and {left_out} more")
    head = f"seed {verdict.seed} breaks a law ({verdict.record.story})"
    return "\n".join((head, *shown, f"  to see it: make sim SEED={verdict.seed}"))
