"""Presence: who of a shard was heard of lately, in the memory of the shard's host alone.

Time is cut into periods. Who was heard of in this one or in the one before is there; so somebody is missed after one
period at the earliest, and after two at the latest. A host that has just taken over has heard nobody yet, and misses
nobody before a whole period has passed. It costs the log nothing; what is written is who went and who came back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pyroaring import BitMap

from events.clock import Instant

NOBODY: Final = BitMap()


class Seen(NamedTuple):
    """News for a `Presence`: these were heard of, perhaps nobody, and so long is a period; or somebody looked who was
    missed."""

    numbers: BitMap
    period_ms: int
    looked: bool = False


class Presence:
    __slots__ = ("_looked_at", "_period_ms", "_seen", "since")

    def __init__(self, since: Instant = 0) -> None:
        self.since = since
        """When this host began to listen."""
        self._period_ms = 0
        self._looked_at: Instant = 0
        self._seen: dict[int, BitMap] = {}

    def keep(self, news: Seen, at: Instant) -> None:
        if news.looked:  # and not whenever anybody is heard of: a line that is never quiet would never look
            self._looked_at = max(self._looked_at, at)
        if news.period_ms != self._period_ms:  # measured anew: nobody is missed by a rule that was not in force
            self._period_ms, self._seen, self.since = news.period_ms, {}, max(self.since, at)
        if news.numbers:
            now = at // self._period_ms
            self._seen = {period: seen for period, seen in self._seen.items() if period >= now - 1}
            self._seen.setdefault(now, BitMap()).update(news.numbers)

    def missed(self, expected: BitMap, at: Instant, period_ms: int) -> BitMap:
        """Those of the expected that nobody has heard of for a whole period."""
        now = at // period_ms
        if period_ms != self._period_ms or self.since // period_ms >= now - 1:
            return NOBODY
        return expected - self._seen.get(now, NOBODY) - self._seen.get(now - 1, NOBODY)

    def look_at(self, period_ms: int) -> Instant:
        """When to look who is missed: as soon as the period has passed in which it was last done."""
        period_ms = self._period_ms or period_ms
        return (max(self._looked_at, self.since) // period_ms + 1) * period_ms
