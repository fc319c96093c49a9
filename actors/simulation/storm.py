"""The storm: faults that have a time and a place.

A host dies (at some instant, or before or after one of its calls), freezes, freezes while another takes its name,
is cut off, leaves in order, or joins. The hosts are split into two groups that don't hear each other, while both hear
themselves and reach the log, as when two servers of a cluster lose each other. A client dies. A clock is set wrong.
The log is down, or full. The shelf is lost. Which of these a run has, how many and when, is drawn from the seed; so is
how long each lasts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, get_args

Kind = Literal[
    "host_crashed", "host_crashed_at_call", "host_frozen", "host_replaced_while_frozen", "host_cut_off", "hosts_split",
    "host_left", "host_joined", "client_crashed", "client_frozen", "clock_jumped", "log_down", "log_full", "shelf_lost",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Blow:
    """One fault: when it strikes, for how long (or until the next life begins), and dice for what is left open."""

    at: float
    kind: Kind
    for_s: float
    dice: Random


def draw(dice: Random, begin: float, end: float, focus: Collection[str] = ()) -> list[Blow]:
    """The blows of one run, in order of time. With a focus, they are of these kinds, and of no others."""
    kinds = [kind for kind in KINDS if dice.random() < dice.choice((0.2, 0.6))]
    counts: tuple[int, ...] = (0, 2, 4, 8, 16)
    if focus:
        kinds = [kind for kind in KINDS if kind in focus]
        counts = (4, 8, 16)
    if not kinds:
        return []
    blows = [
        Blow(dice.uniform(begin, end), dice.choice(kinds), _duration(dice), Random(dice.getrandbits(64)))
        for _ in range(dice.choice(counts))
    ]
    return sorted(blows, key=lambda blow: blow.at)


def _duration(dice: Random) -> float:
    """Shorter than any time-out, around the time-outs of membership, or longer than all of them."""
    return dice.choice((dice.uniform(0.01, 0.3), dice.uniform(0.7, 2.0), dice.uniform(1.0, 5.0)))


def jumps_ms(remembered_commands_max: int) -> tuple[int, ...]:
    """By how much clocks are set wrong.

    An actor that soon forgets which commands it has done refuses what was asked before the newest that it forgot; so
    a sender that is ahead keeps the others waiting for as much. That ends before the calm does.
    """
    if remembered_commands_max < 1_000:
        return (-40_000, -3_000, -200, 200, 3_000)
    return (-40_000, -3_000, -200, 200, 3_000, 40_000)
