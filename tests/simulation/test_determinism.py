"""One seed is one run: the same messages, the same faults, the same log, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.simulation.runs import judged

RUNS = ((3, "bank"), (17, "bank"), (58, "bank"), (3, "booking"), (17, "booking"), (3, "launch"), (32, "launch"))
ROOT = Path(__file__).parents[2]

PRINT_DIGESTS = """
from tests.simulation.test_determinism import RUNS, digests_of
print(*(digest for seed, traffic in RUNS for digest in digests_of(seed, traffic)))
"""


def digests_of(seed: int, traffic: str) -> tuple[str, str]:
    """Of everything that happened, and of everything that was stored."""
    verdict = judged(seed, traffic=traffic)
    log = sha256()
    for one in verdict.record.log:
        log.update(f"{one.sequence} {one.actor} {one.stored_at} {sorted(one.headers.items())} ".encode() + one.body)
    return verdict.trace.digest(), log.hexdigest()


def test_a_seed_repeats_in_one_process() -> None:
    """Nothing that an earlier run left behind changes a later one."""
    first = [digests_of(*run) for run in RUNS]
    judged(99)
    assert [digests_of(*run) for run in RUNS] == first


def test_a_seed_repeats_in_another_process() -> None:
    """Neither the hash seed nor the addresses of objects nor the wall clock has a say."""
    told = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        said = subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        told.add(tuple(said.stdout.split()))
    here = tuple(digest for run in RUNS for digest in digests_of(*run))
    assert told == {here}


def test_different_seeds_differ() -> None:
    """The seed is what makes the run."""
    assert len({digests_of(*run) for run in RUNS}) == len(RUNS)
