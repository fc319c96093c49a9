"""Turnout: of those who are called, how many come, and how soon; so, of those who are called now, how many will.

Most who come at all come at once. Whoever has not come after half of their time hardly will, and a seat that is kept
for them all the same is a seat that stays empty. So it is counted in which stage of their time people came, the first
stages being the shortest, and how many never did; and of everybody who is still out, as many are expected as came, of
those who had not come by then either. It only falls with time, so the moment at which somebody else may be called
follows from the counts alone.

Whoever is called a second time has stayed away once, and is expected least.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Final

import msgspec

from actors.waiting.limits import EXPECTED_PER_MILLE_MIN, OUTCOMES_COUNTED_MAX, OUTCOMES_COUNTED_MIN
from events.clock import Instant

STAGES: Final = 8
_GRAINS: Final = 64
"""Those who are called within one sixty-fourth of their time count as called at its end."""


@lru_cache(maxsize=64)
def stages_of(window_ms: int) -> tuple[int, ...]:
    """How old a call is at the end of each stage: 1/64 of its time, 1/32, … 1/2, 3/4, and all of it."""
    return (*(-(-window_ms >> power) for power in range(6, 0, -1)), window_ms * 3 // 4, window_ms)


class Out(msgspec.Struct, gc=False, array_like=True):
    """So many who were called, and of whom nothing has been heard."""

    since: Instant
    window_ms: int
    again: bool
    count: int

    def stage(self, at: Instant) -> int:
        """In which of their time they are; the last but one when it is over, or when nobody expects them."""
        return STAGES if self.again else bisect_right(stages_of(self.window_ms), at - self.since)


class Turnout(msgspec.Struct):
    came: list[int] = msgspec.field(default_factory=lambda: [0] * STAGES)
    """By the stage of their time in which they came."""
    missed: int = 0
    out: list[Out] = []

    def call(self, at: Instant, window_ms: int, count: int, *, again: bool) -> Instant:
        """So many are called; as since when they count."""
        grain = max(1, window_ms // _GRAINS)
        since = -(-at // grain) * grain
        for one in reversed(self.out):
            if (one.since, one.window_ms, one.again) == (since, window_ms, again):
                one.count += count
                return since
        self.out.append(Out(since, window_ms, again, count))
        return since

    def end(self, since: Instant, window_ms: int, *, again: bool) -> None:
        """They are not out any more, whatever became of them."""
        for index, one in enumerate(self.out):
            if (one.since, one.window_ms, one.again) == (since, window_ms, again):
                one.count -= 1
                if not one.count:
                    del self.out[index]
                return
        raise ValueError(f"nobody is out since {since}")

    def count(self, since: Instant, window_ms: int, came_at: Instant | None) -> None:
        """They came; or, without an instant, they did not."""
        if came_at is None:
            self.missed += 1
        else:
            self.came[min(bisect_right(stages_of(window_ms), came_at - since), STAGES - 1)] += 1
        if sum(self.came) + self.missed > OUTCOMES_COUNTED_MAX:
            self.came, self.missed = [one // 2 for one in self.came], self.missed // 2

    def per_mille(self) -> list[int]:
        """Of those who have not come by the beginning of each stage, and by the end, how many come."""
        if sum(self.came) + self.missed < OUTCOMES_COUNTED_MIN:
            return [1_000] * (STAGES + 1)
        least, later = EXPECTED_PER_MILLE_MIN, 0
        shares = [least if self.missed else 1_000]
        for came in reversed(self.came):
            later += came
            known = later + self.missed
            shares.append(max(least, 1_000 * later // known) if known else 1_000)
        return shares[::-1]

    def expected(self, at: Instant) -> int:
        """How many of those who are out will come, in thousandths."""
        shares = self.per_mille()
        return sum(one.count * shares[one.stage(at)] for one in self.out)

    def fewer_than(self, thousandths: int) -> Instant | None:
        """From when on fewer are expected, if nothing else happens: 0 if they are already, None if that will not do."""
        shares = self.per_mille()
        expected = sum(one.count * shares[STAGES if one.again else 0] for one in self.out)
        if expected < thousandths:
            return 0
        falls = sorted(
            (one.since + age, one.count * (shares[stage] - shares[stage + 1]))
            for one in self.out
            if not one.again
            for stage, age in enumerate(stages_of(one.window_ms))
            if shares[stage] > shares[stage + 1]
        )
        for at, fewer in falls:
            expected -= fewer
            if expected < thousandths:
                return at
        return None
