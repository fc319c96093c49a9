"""Token buckets, as pure arithmetic: time is given.

A bucket holds `burst` tokens and is filled with `per_s` of them a second. What is kept of it is one number, the moment
at which it will be full again; a bucket that is full is not kept at all. Whether a token is there, and how long it
takes until there is one, follows from the distance to that moment.

A bucket that nothing was taken from for as long as filling an empty one takes is full. So the buckets are kept in two
generations, which change over after that time: whatever is still in the older one then is full, and is dropped as a
whole. Nothing is ever searched for. Should there be too many, they change over earlier, and those of whom nothing was
heard for longest are forgotten too soon: they get a full bucket, and nobody else is the worse for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from gateway.limiting.limits import BUCKETS_MAX, Rate

K = TypeVar("K", bound=Hashable)


class Buckets(Generic[K]):
    __slots__ = ("_changing_at_s", "_each_s", "_fills_in_s", "_most", "_older", "_ready_s", "_younger")

    def __init__(self, rate: Rate, most: int = BUCKETS_MAX) -> None:
        assert rate.per_s > 0 and rate.burst >= 1 and most >= 2
        self._each_s: Final = 1 / rate.per_s
        self._fills_in_s: Final = rate.burst / rate.per_s
        self._ready_s: Final = self._fills_in_s - self._each_s
        """One token is there as long as it will be full within this."""
        self._most: Final = most // 2
        self._younger: dict[K, float] = {}
        self._older: dict[K, float] = {}
        self._changing_at_s = 0.0

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def take(self, key: K, now_s: float) -> float:
        """A token: 0 when it is taken, or in how many seconds there will be one, and none is taken now."""
        if now_s >= self._changing_at_s:
            self._change(now_s)
        full_at_s = self._younger.get(key)
        if full_at_s is None:
            full_at_s = self._older.get(key, now_s)
            if len(self._younger) >= self._most:
                self._change(now_s)
        if full_at_s < now_s:
            full_at_s = now_s
        wait_s = full_at_s - now_s - self._ready_s
        if wait_s > 1e-9:  # sums of floats: what is that close is there
            return wait_s
        self._younger[key] = full_at_s + self._each_s
        return 0.0

    def give_back(self, key: K) -> None:
        """The token that was taken last is not needed."""
        if key in self._younger:
            self._younger[key] -= self._each_s

    def _change(self, now_s: float) -> None:
        self._older = self._younger
        self._younger = {}
        self._changing_at_s = now_s + self._fills_in_s
