"""The weather: which faults a run has, and how often.

A run in which everything goes wrong at once looks only at how the system does nothing. So each seed leaves most
faults out and draws how strong the others are, over orders of magnitude: between them, the seeds see each fault
alone, in company, rare and dense.

Rates are chances per event (a message and a hop, an append, a read). Faults that have a time and a place (a crash, a
pause, a cut) are in `storm`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from math import exp, log
from random import Random


@dataclass
class Weather:
    """All zero: a calm day. Delays of the order of a network's and a disk's remain."""

    # Messages, on each of their two hops
    message_lost: float = 0.0
    message_doubled: float = 0.0
    message_delayed: float = 0.0
    """Held back on its own, so that later ones overtake it."""
    message_delay_ms_max: float = 1_000.0
    beat_lost: float = 0.0
    part_lost: float = 0.0
    """What hosts tell each other about transactions."""
    answer_lost: float = 0.0

    # Appends
    append_lost: float = 0.0
    """It never arrives, and the caller learns nothing."""
    append_unanswered: float = 0.0
    """It is stored, and the caller learns nothing."""
    append_late: float = 0.0
    """The caller learns nothing, and it is stored after that."""
    append_unavailable: float = 0.0
    append_slow: float = 0.0

    # Reads of the log
    read_failed: float = 0.0
    read_slow: float = 0.0

    # The shelf
    shelf_forgot: float = 0.0
    shelf_stale: float = 0.0
    shelf_damaged: float = 0.0
    shelf_foreign: float = 0.0
    """A snapshot of a life that never was, as a log that was restored from a backup would leave behind."""
    shelf_slow: float = 0.0

    # Machines
    call_stalls: float = 0.0
    """A call takes a moment before anything leaves the machine."""


RATES = {
    "message_lost": (0.001, 0.15),
    "message_doubled": (0.005, 0.3),
    "message_delayed": (0.005, 0.3),
    "beat_lost": (0.02, 0.6),
    "part_lost": (0.02, 0.6),
    "answer_lost": (0.02, 0.6),
    "append_lost": (0.005, 0.15),
    "append_unanswered": (0.005, 0.2),
    "append_late": (0.005, 0.2),
    "append_unavailable": (0.005, 0.2),
    "append_slow": (0.01, 0.3),
    "read_failed": (0.005, 0.2),
    "read_slow": (0.01, 0.3),
    "shelf_forgot": (0.02, 0.5),
    "shelf_stale": (0.02, 0.5),
    "shelf_damaged": (0.02, 0.5),
    "shelf_foreign": (0.02, 0.5),
    "shelf_slow": (0.02, 0.5),
    "call_stalls": (0.01, 0.3),
}
"""The lowest and the highest rate of each fault that a seed may draw. Delays are drawn on their own."""

assert set(RATES) == {field.name for field in fields(Weather)} - {"message_delay_ms_max"}

CALM = Weather()


def draw(dice: Random, focus: Collection[str] = ()) -> Weather:
    """The weather of one run. With a focus, it has these faults, as strong as they come, and no others."""
    share = dice.choice((0.0, 0.15, 0.3, 0.5))
    weather = Weather(message_delay_ms_max=dice.choice((5.0, 50.0, 400.0, 3_000.0)))
    for name, (lowest, highest) in RATES.items():
        if focus:
            if name in focus:
                setattr(weather, name, highest)
        elif dice.random() < share:
            setattr(weather, name, exp(dice.uniform(log(lowest), log(highest))))
    return weather
