"""The system keeps its laws, whatever happens to it: a thousand seeds for each traffic, each a storm of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from actors.simulation import storm, weather
from tests.simulation.runs import TRAFFICS, judged, told
from tests.support.summary import FAULTS, SEEDS

CHUNKS = 25
CHUNK_SEEDS = 40
"""Together a thousand of each. In chunks, so that processes share them; each failing seed of a chunk is told."""


@pytest.mark.parametrize("traffic", sorted(TRAFFICS))
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_law_holds_in_every_run(chunk: int, traffic: str, record_property: Callable[[str, object], None]) -> None:
    """No seed breaks a law."""
    runs_with: Counter[str] = Counter()
    failures = []
    for seed in range(chunk * CHUNK_SEEDS, (chunk + 1) * CHUNK_SEEDS):
        verdict = judged(seed, traffic=traffic)
        runs_with.update(verdict.record.occurred.keys())
        if verdict.breaches:
            failures.append(told(verdict))
    record_property(SEEDS, CHUNK_SEEDS)
    record_property(FAULTS, dict(runs_with))
    assert not failures, "\n" + "\n".join(failures)


def test_every_kind_of_fault_occurs() -> None:
    """Each fault that can be drawn is really done to somebody, within a few hundred seeds."""
    missing = set(storm.KINDS) | set(weather.RATES) - {"call_stalls"}
    seed = -1
    while missing and seed > -300:
        missing -= set(judged(seed).record.occurred)
        seed -= 1
    assert not missing
