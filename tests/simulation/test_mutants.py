"""The simulation finds planted bugs: with one precaution gone, a law breaks within 200 seeds."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.runs import broken

SEEDS_MAX = 200


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_the_bug_is_found(name: str) -> None:
    """By one of the laws that it is about, and not only by some other that breaks along with it."""
    damage, finds, focus, traffic = MUTANTS[name]
    seen: set[str] = set()
    for verdict in broken(range(SEEDS_MAX), damage, focus, traffic):
        seen.update(breach.law for breach in verdict.breaches)
        if not seen.isdisjoint(finds):
            return
    pytest.fail(f"{name} is not found in {SEEDS_MAX} seeds" + (f", only {sorted(seen)} break" if seen else ""))
