"""What waits for one endpoint, and in which order it may go: no clock, no network, no log in here.

Happenings of one entity go one after the other, the next when the one before is done or given up. Those of different
entities wait for nobody but themselves: so the *head* of each entity's line is what may go, at once or when its time to
be tried again has come.

All that is open (read and not done) is known to whoever would have to go on in our place: each report names what is
open and was not named before, or has been tried since, and moves `through` past it; `within`, where one commit tells
more than may be open at a time. So what is delivered again after a crash is what was under way or done since the last
report, and no more; and no commit is too long to be told.

It holds bodies for as long as they are few; beyond that, whatever has to wait is read again when its time comes.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Final

from actors.webhooks.commands import Report
from actors.webhooks.limits import ATTEMPTS_KEPT, DEAD_PER_REPORT_MAX, DONE_PER_REPORT_MAX, LATE_PER_REPORT_MAX
from events.clock import Instant
from events.webhooks import TEST, Attempt, Dead, Late, Place
from gateway.webhooks.happenings import Happening
from gateway.webhooks.limits import BODIES_BYTES_MAX, BODIES_KEPT_BYTES_MAX, OPEN_MAX, READY_MAX, UNNAMED_MAX

NOT_IN_THE_LOG: Final = "not_in_the_log"


class Open:
    """A happening that is not done."""

    __slots__ = (
        "attempts", "body", "entity", "event", "first_at", "id", "next_at", "order", "told", "under_way",
    )  # fmt: skip

    def __init__(self, id: str, event: str, entity: str, order: Place) -> None:
        self.id: Final = id
        self.event: Final = event
        self.entity: Final = entity
        self.order: Final = order
        self.body: bytes | None = None
        """None when it has to be read again."""
        self.attempts = 0
        self.first_at: Instant = 0
        self.next_at: Instant = 0
        self.told: Late | None = None
        """What was reported of it."""
        self.under_way = False

    @property
    def late(self) -> Late:
        return Late(self.id, self.attempts, self.first_at, self.next_at)


class Backlog:
    def __init__(self, through: dict[str, int], within: dict[str, Place] | None = None) -> None:
        self._open: Final[dict[str, Open]] = {}
        self._unnamed: Final[dict[str, Open]] = {}
        """Of these, those that no report has named, as they were read."""
        self._lines: Final[dict[str, list[Open]]] = {}
        """By entity, in order."""
        self._ready: Final[deque[Open]] = deque()
        """Heads that may go; some of them may not be heads any more."""
        self._later: Final[list[tuple[Instant, Place, str]]] = []
        """A heap of heads whose time has not come; some of them may not be true any more."""
        self._bytes = 0
        self._through = dict(through)
        self._through_told = dict(through)
        self._within = dict(within or {})
        self._within_told = dict(within or {})
        self._done: Final[dict[str, None]] = {}
        self._dead: Final[dict[str, Dead]] = {}
        self._attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self._delivered = 0
        self._failed = 0

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, id: str) -> bool:
        """Whether it is open, or has come to an end that no report has told."""
        return id in self._open or id in self._done or id in self._dead

    @property
    def wants_more(self) -> bool:
        """Whether to read on, by one happening."""
        kept = len(self._open) + len(self._done) + len(self._dead)
        return kept < OPEN_MAX and len(self._unnamed) < UNNAMED_MAX and len(self._ready) < READY_MAX

    def through(self, source: str) -> int:
        """How far the source has been read: every commit up to there, to its end."""
        return self._through.get(source, 0)

    def has_read(self, source: str, happening: Happening) -> bool:
        """Whether it was read before, by us or by the one before us, of a commit that has not come to its end."""
        return source in self._within and happening.order <= self._within[source]

    # What comes in

    def take(self, source: str, happening: Happening) -> None:
        """The next that the source tells."""
        if happening.id not in self:  # it was late before, and is told twice by nobody
            one = self._unnamed[happening.id] = _opened(happening)
            self._add(one)
        self._within[source] = happening.order

    def read(self, source: str, sequence: int) -> None:
        """All that the commit at that sequence tells has been taken, perhaps nothing."""
        self._through[source] = max(sequence, self._through.get(source, 0))

    def restore(self, late: Late, happening: Happening) -> None:
        """What was late before we came, or what somebody asked for: it stands in the log as late already."""
        if happening.id in self:
            return
        one = _opened(happening)
        one.attempts, one.first_at, one.next_at = late.attempts, late.first_at, late.next_at
        one.told = late
        self._add(one)

    def lose(self, late: Late, at: Instant) -> None:
        """What stands as late, and is not in the log."""
        self._dead[late.id] = Dead(late.id, "unknown", late.attempts, late.first_at, at, NOT_IN_THE_LOG)

    def _add(self, one: Open) -> None:
        if one.body is not None:
            self._bytes += len(one.body)
            if self._bytes > BODIES_BYTES_MAX:
                self._let_go(one)
        self._open[one.id] = one
        line = self._lines.setdefault(one.entity, [])
        before = 1 if line and line[0].under_way else 0
        insort(line, one, lo=before, key=lambda each: each.order)
        if line[0] is one:
            self._queue(one)

    def _queue(self, head: Open) -> None:
        if head.next_at:
            heappush(self._later, (head.next_at, head.order, head.id))
        else:
            self._ready.append(head)

    def _let_go(self, one: Open) -> None:
        """Of its body."""
        if one.body is not None:
            self._bytes -= len(one.body)
            one.body = None

    # What goes out

    def next(self, now: Instant) -> Open | None:
        """The next that may go, which is under way from here on."""
        while self._later and self._later[0][0] <= now:
            next_at, _, id = heappop(self._later)
            one = self._open.get(id)
            if one is not None and one.next_at == next_at and self._may_go(one):
                self._ready.append(one)
        while self._ready:
            one = self._ready.popleft()
            if self._open.get(one.id) is one and self._may_go(one):
                one.under_way = True
                return one
        return None

    def _may_go(self, one: Open) -> bool:
        return not one.under_way and self._lines[one.entity][0] is one

    def next_at(self) -> Instant | None:
        """When to look again, if nothing happens meanwhile: the time of whoever waits for one."""
        return self._later[0][0] if self._later else None

    # What became of it

    def tried(self, one: Open, attempt: Attempt, *, delivered: bool) -> None:
        """Note an attempt. What follows from it is said by `done`, `again_at` or `give_up`. A test that fails is not
        counted: nothing that happened was kept from anybody."""
        one.attempts += 1
        one.first_at = one.first_at or attempt.at
        self._attempts.append(attempt)
        self._delivered += delivered
        self._failed += not delivered and one.event != TEST

    def done(self, one: Open) -> None:
        if one.told is not None:
            self._done[one.id] = None
        self._leave(one)

    def give_up(self, one: Open, at: Instant, why: str) -> None:
        self._dead[one.id] = Dead(one.id, one.event, one.attempts, one.first_at, at, why)
        self._leave(one)

    def again_at(self, one: Open, next_at: Instant) -> None:
        one.under_way = False
        one.next_at = next_at
        if self._bytes > BODIES_KEPT_BYTES_MAX:
            self._let_go(one)
        line = self._lines[one.entity]
        line.sort(key=lambda each: each.order)  # somebody may have come meanwhile who belongs before it
        self._queue(line[0])

    def give_back(self, one: Open) -> None:
        """It was not tried after all."""
        one.under_way = False
        self._queue(one)

    def _leave(self, one: Open) -> None:
        del self._open[one.id]
        self._unnamed.pop(one.id, None)
        self._let_go(one)
        line = self._lines[one.entity]
        line.remove(one)
        if line:
            self._queue(line[0])
        else:
            del self._lines[one.entity]

    # What is reported

    def report(self, courier: str) -> Report | None:
        """What has come of it since the last report that was `taken`; None when that is nothing."""
        tried = (one for one in self._open.values() if one.told is not None and one.told != one.late)
        through, within = (self._through, self._within) if self._names_all else ({}, {})
        report = Report(
            courier,
            {source: at for source, at in through.items() if at > self._through_told.get(source, 0)},
            tuple(one.late for one in islice(chain(self._unnamed.values(), tried), LATE_PER_REPORT_MAX)),
            tuple(islice(self._done, DONE_PER_REPORT_MAX)),
            tuple(islice(self._dead.values(), DEAD_PER_REPORT_MAX)),
            tuple(self._attempts),
            self._delivered,
            self._failed,
            {source: at for source, at in within.items() if self._is_news(source, at)},
        )
        return None if report == Report(courier) else report

    @property
    def _names_all(self) -> bool:
        """Whether a report has room for all that whoever goes on could not know otherwise: what was given up is not
        late any more, and behind `through` nobody looks for it."""
        return len(self._unnamed) <= LATE_PER_REPORT_MAX and len(self._dead) <= DEAD_PER_REPORT_MAX

    def _is_news(self, source: str, within: Place) -> bool:
        """Whether the log does not say so yet, nor that the commit was read to its end."""
        return within[0] > self._through.get(source, 0) and within != self._within_told.get(source)

    @staticmethod
    def moves_only(report: Report) -> bool:
        """Whether nothing has happened but that the log was read: what can be told now and then."""
        return report == Report(report.courier, report.through, within=report.within)

    def taken(self, report: Report) -> None:
        """The report stands in the log."""
        self._through_told |= report.through
        self._within_told |= report.within
        for late in report.late:
            self._unnamed.pop(late.id, None)
            one = self._open.get(late.id)
            if one is not None:
                one.told = late
            elif late.id not in self:
                self._done[late.id] = None  # while it was reported late
        for id in report.done:
            del self._done[id]
        for dead in report.dead:
            del self._dead[dead.id]
        for _ in report.attempts:
            if self._attempts and self._attempts[0] in report.attempts:
                self._attempts.popleft()
        self._delivered -= report.delivered
        self._failed -= report.failed


def _opened(happening: Happening) -> Open:
    one = Open(happening.id, happening.event, happening.entity, happening.order)
    one.body = happening.body
    return one
