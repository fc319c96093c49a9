"""How long somebody will wait: a range, and why it is not narrower.

A room calls as its settings let it and as seats become free, so the time until a place is called follows from a
forecast of both. It is run ahead second by second, then in growing steps: of the rate, what the last minute leaves; of
the seats, those that are free, and those that are given back. What people do is measured over the last five minutes:
which part of those who are called comes, which part of passes ends per second, which part of a line goes away per
second. As long as little was measured, the settings are taken for it. Where a room calls fewer than its settings would
let it, that too is measured, and goes on.

The run is made three times: as it should be, with everything a little faster, and with everything a little slower; how
much, goes by how much was measured. That is the range. It does not foresee what operators will do, so while a room is
paused nothing is said.

A quotient of what was measured would be simpler, and is wrong whenever it matters: in a launch the first minutes fill
all seats, so the pace of those minutes says nothing of the hour behind them.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from itertools import accumulate
from math import exp, inf, sqrt
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from events.room import Phase
from projections.paces import Sums

Reason: TypeAlias = Literal["", "measuring", "slower", "paused", "not_open_yet", "draining", "closed"]

HORIZON_S: Final = 86_400
"""What takes longer than a day is not said."""
_FIRST_STEPS: Final = 120
_GROWTH: Final = 1.08
_STEPS_S: Final = (
    *([1.0] * _FIRST_STEPS), *[min(_GROWTH**power, 900.0) for power in range(175)],
)  # fmt: skip
_TIMES_S: Final = tuple(accumulate(_STEPS_S))
_PRIOR_CALLS: Final = 10
"""So many calls are taken to have been answered before any was, …"""
_PRIOR_ENDS: Final = 3
"""… and so many passes to have lasted as long as the settings say."""
_TELLING: Final = 20
"""So many of anything make a measure."""
_SLOWER: Final = 0.6
"""Of the pace before: a room that calls less than this is slower."""
_DOUBT_MAX: Final = 2.0
"""What nobody has measured may be three times as fast, or as slow."""
_CHANCE: Final = 1.2
"""Of the root of how many have to be called before: how far chance alone carries what comes one by one."""
_CALLS_MAX: Final = 8_000
"""In a second, where nothing else bounds them."""
_STEP_S: Final = 1.5
"""Calls are made at whole seconds, and the log takes its time."""


class Estimate(msgspec.Struct, frozen=True):
    """Seconds until the call; without numbers where they are unknown. `reason` says why they are, or have grown, or why
    the range is wide."""

    low_s: int | None = None
    middle_s: int | None = None
    high_s: int | None = None
    reason: Reason = ""


class Outlook(msgspec.Struct, frozen=True):
    """What is known of a room at a moment."""

    phase: Phase
    capacity: int
    per_minute: int
    burst: int
    active_s: int
    opens_in_s: float | None
    in_for_s: float
    """Since the first pass was given."""
    active: int
    called: int
    """Called, and not in."""
    last_minute: tuple[int, ...]
    """How many were called in each of the last 60 seconds, the oldest first."""
    window: Sums
    """Of the last minutes."""
    recent: Sums
    """Of the last minute alone."""


class Line(msgspec.Struct, frozen=True):
    """What is known of the lane that somebody waits in, and of those that it shares the calls with."""

    window: Sums
    portion: float = 1.0
    """Of all calls, what those after this lane leave to it and to the lanes before it; …"""
    share: float = 1.0
    """… of that, what is this lane's, while others wait before it."""
    others: int = 0
    """How many wait in the lanes that go before it."""
    others_joining: float = 0.0
    """How many more come there in a second."""


class _Pace(NamedTuple):
    """How fast, in one of the three runs."""

    ends: float
    rate: float
    goes: float


class Forecast:
    """Of one room at one moment; `estimate` may be asked for many."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook: Final = outlook
        window = outlook.window
        answered = window.claims + window.out + window.again + _PRIOR_CALLS
        self._come: Final = (window.claims + _PRIOR_CALLS) / answered
        """Of those who are called."""
        self._leave: Final = 1 - window.again / answered
        """Of those who are called, who does not wait again."""
        lasts_s = max(outlook.active_s, 1)
        ends = (window.ended + _PRIOR_ENDS) / (window.active_ms / 1_000 + _PRIOR_ENDS * lasts_s)
        self._ends: Final = max(ends, 1 / lasts_s) if outlook.in_for_s < lasts_s else ends
        """Of the passes, in a second. That none has ended says nothing before one would have, by the settings."""
        self._curves: Final[dict[tuple[float, float, float], tuple[list[float], float]]] = {}

    def estimate(self, ahead: int, line: Line) -> Estimate:
        outlook = self._outlook
        if outlook.phase == "closed":
            return Estimate(reason="closed")
        if outlook.phase == "paused":
            return Estimate(reason="paused")
        start = 0.0
        if outlook.phase in {"scheduled", "pre_queue"}:
            if outlook.opens_in_s is None:
                return Estimate(reason="not_open_yet")
            start = max(outlook.opens_in_s, 0.0)
        chance = _CHANCE * sqrt(ahead + 1)
        faster, steady, slower = self._paces
        low = self._wait(ahead + 1 - chance, line, faster)
        middle = self._wait(ahead + 1, line, steady)
        high = self._wait(ahead + 1 + chance, line, slower)
        if middle > HORIZON_S:
            return Estimate(reason=self._reason or "slower")
        return Estimate(
            max(0, int(start + low - _STEP_S)),
            round(start + middle),
            None if high > HORIZON_S else int(start + high + 2 * _STEP_S) + 1,
            self._reason,
        )

    @cached_property
    def _paces(self) -> tuple[_Pace, _Pace, _Pace]:
        """Faster, as it should be, slower."""
        window, rate = self._outlook.window, self._slowed()
        doubt = 1 + min(0.06 + 1.7 / sqrt(window.ended + 1), _DOUBT_MAX)
        return (
            _Pace(self._ends * doubt, 1.07 * rate, 1.5),
            _Pace(self._ends, rate, 1.0),
            _Pace(self._ends / doubt, 0.9 * rate, 0.5),
        )

    def _slowed(self) -> float:
        """The part of what the rate allows that was called while seats were free: 1 unless measured otherwise."""
        outlook, window = self._outlook, self._outlook.window
        free_s = (window.open_ms - window.full_ms) / 1_000
        called = window.net - window.full_net
        allowed = outlook.per_minute / 60 / self._come * self._leave * free_s
        if free_s < 60 or allowed < _TELLING:
            return 1.0
        return min(max(called / allowed, 0.1), 1.0)

    @cached_property
    def _reason(self) -> Reason:
        outlook, window, recent = self._outlook, self._outlook.window, self._outlook.recent
        if outlook.phase in {"scheduled", "pre_queue"}:
            return "not_open_yet"
        if outlook.phase == "draining":
            return "draining"
        before_s = (window.open_ms - recent.open_ms) / 1_000
        before, now_s = window.net - recent.net, recent.open_ms / 1_000
        if before_s >= 60 and now_s >= 30 and before >= _TELLING and recent.net * before_s < _SLOWER * before * now_s:
            return "slower"
        if outlook.capacity and window.ended < _TELLING:
            return "measuring"
        return ""

    def _wait(self, calls_needed: float, line: Line, pace: _Pace) -> float:
        if calls_needed <= 0:
            return 0.0
        window = line.window
        goes = max(0.0, window.gone / (window.waiting_ms / 1_000 + 600)) * pace.goes
        calls, in_the_end = self._calls(pace, goes)
        part = _part(calls_needed, line, in_the_end)
        if part <= 0:
            return inf
        needed = calls_needed / part
        place = bisect_left(calls, needed)
        if place == len(calls):
            return inf
        before, until = (calls[place - 1], _TIMES_S[place - 1]) if place else (0.0, 0.0)
        return until + (needed - before) / (calls[place] - before) * _STEPS_S[place]

    def _calls(self, pace: _Pace, goes: float) -> tuple[list[float], float]:
        """Until the end of each step, how many have left the line by a call; each weighted by how many go away by
        themselves until then, so that whoever stands behind `n` is called when `n` is reached. And how many do so in a
        second in the long run."""
        key = (pace.ends, pace.rate, goes)
        found = self._curves.get(key)
        if found is None:
            steps = self._steps(pace)
            weighted = (called * exp(min(goes * time, 50.0)) for called, time in zip(steps, _TIMES_S, strict=True))
            found = self._curves[key] = (list(accumulate(weighted)), steps[-1] / _STEPS_S[-1])
        return found

    def _steps(self, pace: _Pace) -> list[float]:
        """In each step, how many leave the line by a call."""
        outlook, come = self._outlook, self._come
        seats = outlook.capacity or inf
        taken = min(outlook.active + outlook.called * come, max(seats, outlook.active))
        ends = pace.ends
        if taken >= 0.97 * seats:  # of those who are called none ends, and while it is full that goes on
            ends *= outlook.active / taken
        allowed = outlook.per_minute / come * pace.rate or inf
        burst = float(outlook.burst or -(-outlook.per_minute // 20)) or inf
        minute = [float(count) for count in outlook.last_minute]
        within = sum(minute)
        found: list[float] = []
        for number, step in enumerate(_STEPS_S):
            stay = 1 + ends * step  # of those who are in at its beginning, one in so many is in at its end
            called = min((seats * stay - taken) / come, burst * step, _CALLS_MAX * step)
            if number < _FIRST_STEPS:
                within -= minute[number]
                called = max(min(called, allowed - within), 0.0)
                within += called
                minute.append(called)
            else:
                called = max(min(called, allowed / 60 * step), 0.0)
            taken = (taken + called * come) / stay
            found.append(called * self._leave)
        return found


def _part(needed: float, line: Line, in_the_end: float) -> float:
    """The part of a room's calls that is this lane's until it has had so many."""
    if not line.others and not line.others_joining:
        return line.portion
    pace = in_the_end * line.portion
    taken = line.others_joining / pace if pace > 0 else 1.0
    later, clearing = max(line.share, 1 - taken, 0.02), 1 - line.share - taken
    shared = line.others / clearing if clearing > 0.01 else inf
    if needed <= line.share * shared or shared == inf:
        return line.portion * max(line.share, 0.02)
    return line.portion * needed / (shared + (needed - line.share * shared) / later)
