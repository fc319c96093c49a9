"""Vitals: how a host fares, told every two seconds on `vitals.<host>` to whoever watches.

A beat says that a host lives and what it has counted; it goes out five times a second, everybody hears it, and it is
made without looking at anything. What takes a look at every live actor is said here. A host of very many looks less
often, and never at more than `LOOKED_AT_ONCE` of them without giving way: it takes `SHARE_MAX` of a host's time at
most, and nobody waits for it.

Nothing here decides anything, and nothing is lost when such a message is.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec
import structlog

from events.errors import BusError

if TYPE_CHECKING:
    from actors.runtime.host import Host

log = structlog.get_logger(__name__)

VITALS: Final = "vitals"
EVERY_MS: Final = 2_000
SHARE_MAX: Final = 0.001
LOOKED_AT_ONCE: Final = 1_000
COMMIT_MS: Final = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1_000, 2_000, 5_000)
"""Commits are counted by how long their rounds took, up to each of these and beyond the last."""
_COMMIT_S: Final = tuple(bound / 1000 for bound in COMMIT_MS)
_MEMORY: Final = Path("/proc/self/statm")


class CommitTimes:
    """How long rounds took until they were stored, for each commit in them; what is stored together as a transaction
    counts as one. Counts can be added up over hosts and subtracted over time, which percentiles cannot."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(COMMIT_MS) + 1)
        self.sum_s = 0.0

    def note(self, took_s: float, commits: int) -> None:
        self.counts[bisect_left(_COMMIT_S, took_s)] += commits
        self.sum_s += took_s * commits


class Vitals(msgspec.Struct, frozen=True):
    """`waiting` are the commands in mailboxes, `deepest` those in the fullest of them. `unsaved_bytes` are the commits
    that no snapshot holds yet: they would be read again after a crash. `resident_bytes` is the memory of the whole
    process, 0 where the system does not tell."""

    host: str
    incarnation: str
    waiting: int
    deepest: int
    unsaved_bytes: int
    resident_bytes: int
    commits: tuple[int, ...]
    """By how long their rounds took, as `COMMIT_MS` says."""
    commits_s: float
    """And all of that together."""


VITALS_DECODER: Final = msgspec.json.Decoder(Vitals)
_ENCODER: Final = msgspec.json.Encoder()


def subject_of(host: str) -> str:
    return f"{VITALS}.{host}"


async def tell(host: Host) -> NoReturn:
    """Say it for as long as the host lives."""
    while True:
        vitals, looking_s = await look(host)
        try:
            await host.bus.publish(subject_of(host.name), _ENCODER.encode(vitals))
        except BusError as error:
            log.debug("vitals_not_told", host=host.name, code=error.code, detail=str(error))
        await asyncio.sleep(max(EVERY_MS / 1000, looking_s / SHARE_MAX))


async def look(host: Host) -> tuple[Vitals, float]:
    """How the host fares, and for how long it was kept from its work by being asked."""
    began = perf_counter()
    waiting = deepest = unsaved = 0
    cells = list(host.cells.values())
    looking_s = perf_counter() - began
    for start in range(0, len(cells), LOOKED_AT_ONCE):
        began = perf_counter()
        for cell in cells[start : start + LOOKED_AT_ONCE]:
            unsaved += cell.bytes_since_snapshot
            depth = len(cell.mailbox)
            if depth:
                waiting += depth
                if depth > deepest:
                    deepest = depth
        looking_s += perf_counter() - began
        await asyncio.sleep(0)
    began = perf_counter()
    times = host.commit_times
    vitals = Vitals(
        host.name, host.incarnation, waiting, deepest, unsaved, resident_bytes(), tuple(times.counts), times.sum_s
    )
    return vitals, looking_s + perf_counter() - began


def resident_bytes() -> int:
    """The memory that this process holds, or 0 where the system does not tell."""
    try:
        return int(_MEMORY.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
