"""Rounds: group commit across actors.

A *unit* is what must be stored together: one entry, or all entries of a transaction. A round stores the units that
are ready at the same time. A few single entries go out as pipelined appends of their own, which is quickest for
each; many go as one atomic batch, which costs one fsync for all of them instead of one each. Where the switch
lies is measured (`bench/`), not guessed.

A batch of many single entries can be begun with the first of them, before the others are known: the log prepares it
while they are decided.

When a batch is refused because one actor lost its fence, nothing of it was stored: every unit goes again on its
own, and only the one that lost is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from events.errors import Conflict, LogError
from events.log import Batch, Entry, EventLog

Unit: TypeAlias = Sequence[Entry]
Stored: TypeAlias = list[int] | LogError
"""The sequences of a unit's entries, in order, or what kept all of them from being known as stored."""


async def store(log: EventLog, units: Sequence[Unit], singles_max: int, batch: Batch | None = None) -> list[Stored]:
    """Store each unit whole or not at all; one outcome per unit, in order. `batch` has begun with the first."""
    entries = [entry for unit in units for entry in unit]
    if len(units) == 1 and len(entries) > 1:
        return [await _store_together(log, entries)]
    if batch is None and len(entries) <= singles_max and len(entries) == len(units):
        return await _store_each(log, entries)
    if len({entry.actor for entry in entries}) < len(entries):  # an actor has moved here while it is in a transaction
        return await _store_apart(log, units)
    outcome = await _store_together(log, entries, batch)
    if isinstance(outcome, Conflict):
        return await _store_apart(log, units)
    if isinstance(outcome, LogError):
        return [outcome] * len(units)
    sequences = iter(outcome)
    return [[next(sequences) for _ in unit] for unit in units]


async def _store_each(log: EventLog, entries: Sequence[Entry]) -> list[Stored]:
    stored: list[Stored] = []
    for outcome in await log.append_each(entries):
        if isinstance(outcome, int):
            stored.append([outcome])
        elif isinstance(outcome, LogError):
            stored.append(outcome)
        else:
            raise outcome
    return stored


async def _store_together(log: EventLog, entries: Sequence[Entry], batch: Batch | None = None) -> Stored:
    try:
        return await (log.append_together(entries) if batch is None else batch.store(entries[1:]))
    except LogError as error:
        return error


async def _store_apart(log: EventLog, units: Sequence[Unit]) -> list[Stored]:
    async def singles() -> list[Stored]:
        return await _store_each(log, [unit[0] for unit in units if len(unit) == 1])

    async def together(unit: Unit) -> list[Stored]:
        return [await _store_together(log, unit)]

    several = [unit for unit in units if len(unit) > 1]
    alone, *whole = await asyncio.gather(singles(), *(together(unit) for unit in several))
    of_single, of_several = iter(alone), (outcome for outcomes in whole for outcome in outcomes)
    return [next(of_single) if len(unit) == 1 else next(of_several) for unit in units]
