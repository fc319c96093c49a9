"""Progress: when all is well again, everything comes to its end. Laws about what never happens are kept by a system
that does nothing; this is what it must do.

Every call ends. Every actor accepts what is right. No timer is overdue: no actor wants a Tick that lies in the past,
even if whatever heartbeats keep alive had been given a fresh period just then, as by a host that takes over.
No host has found a bug in itself or a contradiction in a log that has none.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.simulation.clock import START
from events.names import kind_of
from tests.laws.history import History

OVERDUE_MS = 3_000
"""A Tick takes a moment to be given, and is given again after a second if it found no room."""


def breaches(history: History) -> Iterator[str]:
    record = history.record
    yield from record.unfinished
    yield from record.complaints
    for call in record.calls:
        if call.is_probe and call.outcome != "accepted":
            yield f"{call.parts[0][0]} did not accept {call.parts[0][1]}: {call.outcome} {call.code} {call.reply}"
    if record.quiet_at <= START:
        return
    for actor in history.of_actor:
        wake = None
        decider = history.kinds[kind_of(actor)]
        fresh = decider.leasing()
        fresh.since = record.quiet_at
        for stage in history.fold(actor):
            if stage.sequence <= record.quiet_sequence:
                wake = decider.leased(stage.state, fresh) if decider.leased else decider.wake(stage.state)
        if wake is not None and wake < record.quiet_at - OVERDUE_MS:
            yield f"{actor} wanted a Tick at {wake}, {record.quiet_at - wake} ms before all was quiet"
