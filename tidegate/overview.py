"""The whole system at one moment, as its hosts and its log tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from events.clock import Instant, system_clock
from events.errors import LogError
from events.limits import PARTITIONS
from events.log import EventLog, LogHead
from tidegate.listening import Listening

SILENT_MS: Final = 1_000
RATES: Final = ("commands", "commits")


class Row(msgspec.Struct, frozen=True):
    """One host as it was last heard. Rates are per second since the look before; `lag` is how far its view of the log's
    end is behind; `pid` is its process, where the stack of this folder has noted one."""

    host: str
    pid: int | None
    incarnation: str
    since: Instant
    silent_ms: int
    partitions: int
    lag: int
    rates: dict[str, float]
    counts: dict[str, int]

    @property
    def heard(self) -> bool:
        return self.silent_ms <= SILENT_MS


class Overview(msgspec.Struct, frozen=True):
    """Everything at one moment. `log` is None while it cannot be reached, and `trouble` says why."""

    at: Instant
    hosts: tuple[Row, ...]
    partitions_owned: int
    log: LogHead | None
    trouble: str = ""

    @property
    def healthy(self) -> bool:
        return self.log is not None and self.partitions_owned == PARTITIONS and all(row.heard for row in self.hosts)


class Looking:
    """Looks again and again, and remembers the look before for the rates."""

    def __init__(self, listening: Listening, log: EventLog, pids: Callable[[], Mapping[str, int]] = dict) -> None:
        """`pids` tells the processes of hosts by name. Beats don't: a process means nothing on another machine."""
        self._listening = listening
        self._log = log
        self._pids = pids
        self._before: dict[str, tuple[float, dict[str, int]]] = {}

    async def look(self) -> Overview:
        head, trouble = None, ""
        try:
            head = await self._log.head()
        except LogError as error:
            trouble = f"{error.code}: {error}"
        pids = self._pids()
        rows = tuple(self._row(name, pids.get(name), head) for name in sorted(self._listening.hosts))
        owned = {
            partition for row in rows if row.heard for partition in self._listening.hosts[row.host].beat.partitions
        }
        return Overview(system_clock(), rows, len(owned), head, trouble)

    def _row(self, name: str, pid: int | None, head: LogHead | None) -> Row:
        heard = self._listening.hosts[name]
        beat, counts = heard.beat, dict(heard.beat.counts)
        key = f"{name}/{beat.incarnation}"
        at, before = self._before.get(key, (heard.at, counts))
        if heard.at > at or key not in self._before:
            self._before[key] = (heard.at, counts)
        rates = {
            what: round((counts.get(what, 0) - before.get(what, 0)) / (heard.at - at), 1) if heard.at > at else 0.0
            for what in RATES
        }
        lag = max(head.last - beat.log_end, 0) if head is not None else 0
        silent_ms = int(self._listening.silent_ms(name))
        return Row(name, pid, beat.incarnation, beat.since, silent_ms, len(beat.partitions), lag, rates, counts)
