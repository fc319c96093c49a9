"""`python -m tests.simulation`: run many seeds, or one of them again.

python -m tests.simulation --seeds 1000           the first thousand, and how often each fault occurred
python -m tests.simulation --seeds 500 --from 20000 --jobs 2
python -m tests.simulation --seed 4711            one run, with its trace
python -m tests.simulation --traffic booking      of one kind of traffic; of each in turn, unless said
python -m tests.simulation --mutant no-fence      until the planted bug is found
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.mutants import MUTANTS
from tests.simulation.runs import TRAFFICS, UNHARMED, Verdict, judged, told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate the system under faults.")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many seeds to run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one only, and print its trace")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="with this bug planted; stops when it is found")
    parser.add_argument("--focus", default="", help="only these kinds of faults, separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes to run them in")
    parser.add_argument("--quiet", action="store_true", help="without the trace of a single seed")
    parser.add_argument("--traffic", choices=sorted(TRAFFICS), help="who asks; one after the other, unless said")
    asked = parser.parse_args()
    focus = tuple(asked.focus.split(",")) if asked.focus else ()
    seeds = range(asked.first, asked.first + asked.seeds)
    failed = 0
    for traffic in [asked.traffic or MUTANTS[asked.mutant].traffic] if asked.mutant else _all_or(asked.traffic):
        if asked.seed is not None:
            failed |= _one(asked.seed, traffic, asked.mutant, focus, quiet=asked.quiet)
        else:
            failed |= _many(seeds, traffic, asked.mutant, focus, asked.jobs)
    return failed


def _all_or(traffic: str | None) -> list[str]:
    return [traffic] if traffic else sorted(TRAFFICS)


def _judged(seed: int, traffic: str, mutant: str | None, focus: tuple[str, ...]) -> Verdict:
    if mutant is None:
        return judged(seed, UNHARMED, focus, traffic)
    planted = MUTANTS[mutant]
    return judged(seed, planted.damage, focus or planted.focus, traffic)


def _one(seed: int, traffic: str, mutant: str | None, focus: tuple[str, ...], *, quiet: bool) -> int:
    verdict = _judged(seed, traffic, mutant, focus)
    if not quiet:
        for line in verdict.trace.lines():
            print(line)
        print()
    print(f"seed {seed} of the {traffic}: {verdict.record.story}")
    faults = [f"{kind} {times}" for kind, times in sorted(verdict.record.occurred.items())]
    print(f"faults: {', '.join(faults) or 'none'}")
    print(f"trace: {verdict.trace.digest()}")
    print(told(verdict, breaches_max=50) if verdict.breaches else "no law is broken")
    return 1 if verdict.breaches else 0


def _many(seeds: range, traffic: str, mutant: str | None, focus: tuple[str, ...], jobs: int) -> int:
    began_at = time.perf_counter()
    runs_with: Counter[str] = Counter()
    failed = done = commits = steps = 0
    work = partial(_summary, traffic=traffic, mutant=mutant, focus=focus)
    with ProcessPoolExecutor(jobs) as pool:
        for summary in pool.map(work, seeds, chunksize=1 if mutant else 5):
            done += 1
            commits += summary.commits
            steps += summary.steps
            runs_with.update(summary.kinds)
            if summary.told:
                failed += 1
                print(summary.told, flush=True)
                if mutant:
                    print(f"{mutant} is found after {done} seeds")
                    pool.shutdown(cancel_futures=True)
                    return 0
    took_s = time.perf_counter() - began_at
    print(
        f"{traffic}: {done} seeds in {took_s:.0f} s ({done / took_s:.1f}/s, {steps / took_s:,.0f} steps/s), "
        f"{commits:,} commits"
    )
    for kind, runs in sorted(runs_with.items()):
        print(f"  {kind:<28} in {100 * runs / done:5.1f} % of the runs")
    print(f"{failed} seeds break a law" if failed else "no law is broken")
    return 1 if failed or mutant else 0


class _Summary:
    """What of a run is worth sending from one process to another."""

    def __init__(self, verdict: Verdict) -> None:
        self.told = told(verdict) if verdict.breaches else ""
        self.kinds = list(verdict.record.occurred)
        self.commits = len(verdict.record.log)
        self.steps = verdict.record.steps


def _summary(seed: int, traffic: str, mutant: str | None, focus: tuple[str, ...]) -> _Summary:
    return _Summary(_judged(seed, traffic, mutant, focus))


if __name__ == "__main__":
    sys.exit(main())
