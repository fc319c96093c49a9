"""Launches, simulated second by second: people who join, leave, fall silent, do not come when they are called, and stay
for as long as they like.

Its facts go through the real fold. Admission goes by the rules of a room: so many in any minute, so many in a second,
so many in at a time, and as many more called as stayed away lately. Every twenty seconds a few of those who wait are
asked what they are told, and in the end it is known how long they waited.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import msgspec

from actors.decider import News
from actors.waiting.hearing import hear
from events.codec import spelled
from events.commit import Commit, Decided
from events.facts import Fact
from events.line import Joined, Left, Returned, WentAbsent
from events.log import Recorded
from events.names import kind_of
from events.room import (
    ClaimWaits,
    LinesHeard,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from projections.estimates import Estimate
from projections.questions import TicketOf
from projections.rooms import Rooms
from projections.waiting import ticket_answer

START = 1_800_000_000_000
SHARDS = 4
RAW = msgspec.Raw(b"null")

Dwell = Callable[[random.Random], float]


def exponential(mean: float) -> Dwell:
    return lambda dice: dice.expovariate(1 / mean)


def shopping(mean: float) -> Dwell:
    """Nobody is done at once, few stay for very long."""
    return lambda dice: dice.gammavariate(3, mean / 3)


def evenly(low: float, high: float) -> Dwell:
    return lambda dice: dice.uniform(low, high)


@dataclass
class Launch:
    """`people` come within `spike_s`, most of them at the beginning, and after that a few more every second."""

    settings: RoomSettings
    people: int = 2_000
    spike_s: int = 60
    trickle: float = 0.0
    dwell: Dwell = field(default_factory=lambda: exponential(200))
    no_shows: float = 0.1
    leaving: float = 0.0
    """Of those who wait, in a second."""
    press: float = 0.0
    """Of those who come, who may go before the others."""
    until_s: int = 3_000


class Simulated:
    def __init__(self, launch: Launch, seed: int) -> None:
        self.launch, self.settings = launch, launch.settings
        self.dice = random.Random(seed)
        self.rooms = Rooms()
        self.second = self.sequence = 0
        self.numbers = [0] * SHARDS
        self.lines: dict[str, deque[str]] = {"press": deque(), "": deque()}
        self.owed = 0
        self.standing: dict[str, str] = {}
        self.called: dict[str, int] = {}
        self.answers: list[tuple[float, str]] = []
        self.queue: deque[str] = deque()
        self.missed: set[str] = set()
        self.again: list[str] = []
        self.ends: list[tuple[float, str]] = []
        self.active = 0
        self.calls: deque[int] = deque()
        self.claims: deque[int] = deque()
        self.outcomes: deque[bool] = deque(maxlen=400)
        self.called_at: dict[str, int] = {}
        self.asked: list[tuple[int, str, Estimate]] = []

    def tell(self, actor: str, *facts: Fact) -> None:
        if facts:
            self.sequence += 1
            at = START + self.second * 1_000
            commit: Commit[Any] = Commit(actor, at, "", (Decided("c", "t", at, tuple(facts), RAW),))
            self.rooms.take(Recorded(self.sequence, actor, b"", at), commit, tell=False)
            if kind_of(actor) == "line":
                self.tell(
                    "demo.room.launch", LinesHeard(hear((News(self.sequence, actor, "", facts),), 0, heads=False))
                )

    def run(self) -> Simulated:
        room = "demo.room.launch"
        self.tell(room, RoomPut(self.settings), PhaseEntered("open"))
        while self.second < self.launch.until_s:
            self.second += 1
            self._join()
            self._wander()
            self.tell(room, *self._over(), *self._claim(), *self._call())
            if self.second % 20 == 0:
                self._ask()
        return self

    def _join(self) -> None:
        launch, dice = self.launch, self.dice
        come = launch.trickle
        if self.second <= launch.spike_s:
            come += launch.people * 2 * (launch.spike_s - self.second + 0.5) / launch.spike_s**2
        count = int(come) + (dice.random() < come % 1)
        facts: list[list[Fact]] = [[] for _ in range(SHARDS)]
        for _ in range(count):
            shard = dice.randrange(SHARDS)
            lane = "press" if launch.press and dice.random() < launch.press else ""
            facts[shard].append(Joined(self.numbers[shard], "", 1, lane))
            self.numbers[shard] += 1
        for shard, joined in enumerate(facts):
            for one in joined:
                assert isinstance(one, Joined)
                ticket = f"{shard}.{one.number}"
                self.lines[one.lane].append(ticket)
                self.standing[ticket] = "waiting"
            self.tell(f"demo.line.launch.{shard}", *joined)

    def _wander(self) -> None:
        """Some leave; as many fall silent, and one in two of those comes back."""
        dice, waiting = self.dice, [one for one in self._line() if self.standing[one] in {"waiting", "absent"}]
        for ticket in dice.sample(waiting, min(len(waiting), self._some(len(waiting) * self.launch.leaving * 2))):
            shard, _, number = ticket.partition(".")
            actor = f"demo.line.launch.{shard}"
            if self.standing[ticket] == "absent":
                self.standing[ticket] = "waiting"
                self.tell(actor, Returned(spelled([int(number)])))
            elif dice.random() < 0.5:
                self.standing[ticket] = "left"
                self.tell(actor, Left(int(number)))
            else:
                self.standing[ticket] = "absent"
                self.tell(actor, WentAbsent(spelled([int(number)]), START + (self.second + 600) * 1_000))

    def _line(self) -> list[str]:
        return [*self.lines["press"], *self.lines[""]]

    def _some(self, expected: float) -> int:
        return int(expected) + (self.dice.random() < expected % 1)

    def _over(self) -> list[Fact]:
        facts: list[Fact] = []
        while self.ends and self.ends[0][0] <= self.second:
            facts.append(TicketExited(heapq.heappop(self.ends)[1]))
            self.active -= 1
        over = [ticket for ticket, until in self.called.items() if until < self.second]
        if over:
            again = [one for one in over if self.settings.missed == "again" and one not in self.missed]
            for ticket in over:
                del self.called[ticket]
                self.outcomes.append(False)
                self.standing[ticket] = "waiting" if ticket in again else "over"
            self.missed.update(again)
            self.again += again
            facts.append(TicketsMissed(tuple(again), tuple(one for one in over if one not in again)))
        return facts

    def _claim(self) -> list[Fact]:
        facts: list[Fact] = []
        while self.answers and self.answers[0][0] <= self.second:
            ticket = heapq.heappop(self.answers)[1]
            if self.called.pop(ticket, None) is not None:
                self.queue.append(ticket)
                self.outcomes.append(True)
                if not self._may_come_in():
                    facts.append(ClaimWaits(ticket))
        while self.queue and self._may_come_in():
            ticket = self.queue.popleft()
            self.active += 1
            self.claims.append(self.second)
            until = START + (self.second + self.settings.active_s) * 1_000
            heapq.heappush(self.ends, (self.second + self.launch.dwell(self.dice), ticket))
            facts.append(TicketClaimed(ticket, until, until))
        return facts

    def _may_come_in(self) -> bool:
        while self.claims and self.claims[0] <= self.second - 60:
            self.claims.popleft()
        settings = self.settings
        return (not settings.capacity or self.active < settings.capacity) and (
            not settings.per_minute or len(self.claims) < settings.per_minute
        )

    def _call(self) -> list[Fact]:
        while self.calls and self.calls[0] <= self.second - 60:
            self.calls.popleft()
        settings, stay = self.settings, 1.0
        if len(self.outcomes) >= 20:
            stay = max(sum(self.outcomes) / len(self.outcomes), 0.5)
        free = 8_000
        if settings.capacity:
            free = int((settings.capacity - self.active) / stay) - len(self.called)
        if settings.per_minute:
            free = min(free, int(settings.per_minute / stay) - len(self.calls))
            free = min(free, settings.burst or -(-settings.per_minute // 20))
        called: list[str] = []
        while not self.queue and len(called) < free and (ticket := self._next()):
            if self.standing[ticket] == "absent":
                self.standing[ticket] = "over"  # whoever comes back is not followed any further here
            elif self.standing[ticket] == "waiting":
                self.standing[ticket] = "called"
                called.append(ticket)
        for ticket in called:
            self.calls.append(self.second)
            self.called_at.setdefault(ticket, self.second)
            self.called[ticket] = self.second + settings.claim_s
            if self.dice.random() >= self.launch.no_shows:
                heapq.heappush(self.answers, (self.second + min(self.dice.expovariate(1 / 8), 50), ticket))
        until = START + (self.second + settings.claim_s) * 1_000
        return [TicketsCalled("", tuple(called), until)] if called else []

    def _next(self) -> str | None:
        """Who missed a call; or one of the lane that goes before, but for the share of the others."""
        if self.again:
            return self.again.pop(0)
        for lane, line in self.lines.items():
            while line and self.standing[line[0]] not in {"waiting", "absent"}:
                self.lines[lane].popleft()
        press, others = self.lines["press"], self.lines[""]
        if others:
            self.owed += self.settings.ordinary_share
        line = others if not press or (others and self.owed >= 100) else press
        if line is others:
            self.owed = max(self.owed - 100, 0)
        return line.popleft() if line else None

    def _ask(self) -> None:
        waiting = [one for one in self._line() if self.standing[one] == "waiting"]
        now = START + self.second * 1_000
        for ticket in self.dice.sample(waiting, min(8, len(waiting))):
            answer = ticket_answer(self.rooms, TicketOf(org="demo", ticket=f"launch.{ticket}"), now)
            assert answer.estimate is not None
            self.asked.append((self.second, ticket, answer.estimate))

    def judged(self) -> tuple[int, float, float]:
        """How many were asked and really called; which part of them was called within their range; and by how much
        the middle is off, by the median, in parts of the wait; of less than half a minute, in parts of that."""
        within, off = [], []
        for second, ticket, estimate in self.asked:
            if ticket not in self.called_at:
                continue
            wait = self.called_at[ticket] - second
            low, middle, high = estimate.low_s, estimate.middle_s, estimate.high_s
            within.append(low is not None and low <= wait and (high is None or wait <= high))
            off.append(1.0 if middle is None else abs(middle - wait) / max(wait, 30))
        return len(off), sum(within) / len(within), median(off)
