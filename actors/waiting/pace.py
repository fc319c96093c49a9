"""How many in the last minute, and in the last second: counted in tenths of a second, each of which counts until its
end is a minute ago. So what is counted is never less than what was, and a bound that holds here holds in any minute.
"""

from __future__ import annotations

from typing import Final

import msgspec

from events.clock import Instant

MINUTE_MS: Final = 60_000
SECOND_MS: Final = 1_000
_TENTH_MS: Final = 100


class Pace(msgspec.Struct):
    tenths: list[tuple[Instant, int]] = []
    """[the end of a tenth of a second, how many in it], the oldest first."""
    total: int = 0
    last: Instant = 0

    def add(self, at: Instant, count: int) -> None:
        end = -(-at // _TENTH_MS) * _TENTH_MS
        self.last, self.total = at, self.total + count
        if self.tenths and self.tenths[-1][0] == end:
            self.tenths[-1] = (end, self.tenths[-1][1] + count)
            return
        old = 0
        while old < len(self.tenths) and self.tenths[old][0] + MINUTE_MS <= at:
            self.total -= self.tenths[old][1]
            old += 1
        del self.tenths[:old]
        self.tenths.append((end, count))

    def within(self, at: Instant, span_ms: int) -> int:
        """How many in the span that ends at `at`: counted from whichever end is nearer."""
        if span_ms < MINUTE_MS:
            found = 0
            for end, count in reversed(self.tenths):
                if end + span_ms <= at:
                    break
                found += count
            return found
        found = self.total
        for end, count in self.tenths:
            if end + span_ms > at:
                break
            found -= count
        return found

    def below(self, bound: int, span_ms: int) -> Instant:
        """From when on fewer than `bound` are within the span, if nobody is added: 0 if they are already."""
        left = self.total
        since: Instant = 0
        for end, count in self.tenths:
            if left < bound:
                break
            left -= count
            since = end + span_ms
        return since
