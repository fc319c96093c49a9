"""A shard of a line does as a naive model says: rows of tickets, and when each of them was heard of.

The room before which they stand is played by the machine: it calls, lets in, misses and ends tickets as it likes, and
the line may see it as it was a while ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from actors.decider import TICK, Consulted, Decision, Refusal
from actors.waiting.commands import Join, Leave, Present, Remove, ShowLine, Touch
from actors.waiting.limits import FORGOTTEN_AT_ONCE_MIN
from actors.waiting.line import LINE
from actors.waiting.presence import Presence
from actors.waiting.queue import Shard
from actors.waiting.standing import Room
from events.codec import numbers_of, spelled
from events.line import Expired, Forgotten, Joined, Left, Returned, WentAbsent
from events.room import RoomSettings
from events.waiting.sessions import hidden, shard_of
from tests.support.launch import NOON, SECOND_MS, key_of, session, through_the_shelf

SHARD, SHARDS = 1, 2
AWAY_MS = 90_000
QUEUE_MAX = 9
NAMES = [name for name in map(str, range(40)) if shard_of(session(name), SHARDS) == SHARD][:8]
WHO = [f"{name}@example.com" for name in map(str, range(40)) if shard_of(hidden(f"{name}@example.com"), SHARDS) == 1]
PERIODS_S = (5, 20)


@dataclass
class Row:
    """A ticket, as anybody would keep it. The room says `served` and `inside`."""

    name: str
    identity: str
    heard_at: list[int]
    living: bool = True
    away_until: int | None = None
    served: bool = False
    inside: bool = False
    saw: tuple[bool, bool] = field(default=(False, False))
    """The same two, as the line knows them."""

    @property
    def over(self) -> bool:
        return not self.living or self.saw == (True, False)


class OneShard(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self.line = LINE.initial(f"demo.line.launch.{SHARD}")
        self.presence = Presence(NOON)
        self.rows: list[Row] = []
        self.phase: Any = "open"
        self.settings = RoomSettings(
            capacity=1, shards=SHARDS, queue_max=QUEUE_MAX, absent_after_s=20, absence_max_s=AWAY_MS // SECOND_MS
        )
        self.seen: tuple[Any, RoomSettings] = (self.phase, self.settings)
        self.period_ms = 0
        """By which the line's host measures; 0 before it has heard of anybody."""
        self.since = NOON
        self.looked_at = 0

    @initialize(identities=st.booleans())
    def settle_what_is_fixed(self, identities: bool) -> None:
        self.settings = msgspec.structs.replace(self.settings, one_per_identity=identities)
        self.hear_of_the_room()

    # Asking

    def room(self) -> Room:
        """As the line sees it."""
        phase, wanted = self.seen
        shard = Shard(count=len(self.rows))
        for number, row in enumerate(self.rows):
            if row.saw[0]:
                shard.served.add(number)
            if row.saw[1]:
                shard.inside.add(number)
        return Room("launch", exists=True, settings=wanted, phase=phase, shards=[Shard(), shard])

    def ask(self, command: Any) -> Decision[Any] | Refusal:
        told = LINE.decide(self.line, command, self.at, Consulted(self.room(), self.presence, 7))
        assert LINE.decide(self.line, command, self.at, Consulted(self.room(), self.presence, 7)) == told
        if isinstance(told, Decision):
            if told.leases is not None:
                self.presence.keep(told.leases, self.at)
                period_ms = self.seen[1].absent_after_s * SECOND_MS
                if period_ms != self.period_ms:
                    self.period_ms, self.since = period_ms, max(self.since, self.at)
                    for row in self.rows:
                        row.heard_at = []
            for fact in told.facts:
                self.line = LINE.evolve(self.line, fact, self.at)
        return told

    def accepts(self, command: Any, code: str, facts: tuple[Any, ...], reply: Any) -> bool:
        told = self.ask(command)
        if code:
            assert isinstance(told, Refusal) and told.code == code, (command, told, code)
            return False
        assert isinstance(told, Decision), (command, told)
        assert told.facts == facts and told.reply == reply, (command, told, facts, reply)
        return True

    # The model

    def last(self, name: str) -> int | None:
        return next((n for n in reversed(range(len(self.rows))) if self.rows[n].name == name), None)

    def holder(self, identity: str) -> int | None:
        return next((n for n in reversed(range(len(self.rows))) if self.rows[n].identity == identity), None)

    def id(self, number: int) -> str:
        return f"launch.{SHARD}.{number}"

    def back(self, *numbers: int) -> tuple[Returned, ...]:
        """What is said when these are heard of."""
        returned = [number for number in numbers if self.rows[number].away_until is not None]
        return (Returned(spelled(returned)),) if returned else ()

    def is_back(self, *numbers: int) -> None:
        for number in numbers:
            self.rows[number].heard_at.append(self.at)
            self.rows[number].away_until = None

    def is_over(self, number: int) -> bool:
        row = self.rows[number]
        return row.over or (self.seen[0] == "closed" and not row.saw[1])

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.rows[number].living, self.rows[number].away_until = False, None

    def living(self) -> list[int]:
        return [number for number, row in enumerate(self.rows) if row.living]

    # What is done

    @rule(name=st.sampled_from(NAMES), identity=st.sampled_from(["", *WHO[:4]]))
    def join(self, name: str, identity: str) -> None:
        command, number = Join(key_of(name), identity=identity), self.last(name)
        known = self.seen[1].one_per_identity
        if number is not None and not self.is_over(number):
            self.accepts(command, "", self.back(number), {"ticket": self.id(number), "new": False})
            self.is_back(number)
            return
        holder = self.holder(identity) if known and identity else None
        in_line = sum(row.living and not row.saw[0] for row in self.rows)
        if self.seen[0] not in {"open", "paused", "pre_queue"}:
            code = {"draining": "room_draining", "closed": "room_closed"}[self.seen[0]]
        elif known and not identity:
            code = "identity_needed"
        elif holder is not None and not self.is_over(holder):
            code = "identity_has_place"
        else:
            code = "queue_full" if in_line >= QUEUE_MAX // SHARDS else ""
        old = sorted({one for one in (number, holder) if one is not None and self.rows[one].living})
        new = len(self.rows)
        joined = Joined(new, session(name), 7, "", hidden(identity) if known else "")
        facts = (Forgotten(spelled(old)), joined) if old else (joined,)
        if self.accepts(command, code, facts, {"ticket": self.id(new), "new": True}):
            self.end(*old)
            self.rows.append(Row(name, identity if known else "", [self.at]))

    @rule(data=st.data(), name=st.sampled_from(NAMES), leaves=st.booleans())
    def touch_or_leave(self, data: st.DataObject, name: str, leaves: bool) -> None:
        assume(self.rows)
        number = data.draw(st.integers(0, len(self.rows) - 1))
        code = "" if self.last(name) == number else "not_your_ticket"
        if not code and self.is_over(number):
            code = "ticket_over"
        ticket, key = self.id(number), key_of(name)
        if leaves:
            if self.accepts(Leave(ticket, key), code, (Left(number),), {"ticket": ticket}):
                self.end(number)
        elif self.accepts(Touch(ticket, key), code, self.back(number), {"ticket": ticket}):
            self.is_back(number)

    @rule(numbers=st.sets(st.integers(0, 20)))
    def report(self, numbers: set[int]) -> None:
        present = sorted(numbers & set(self.living()))
        self.accepts(Present(spelled(numbers)), "", self.back(*present), {"living": len(self.living())})
        self.is_back(*present)

    @rule(number=st.integers(0, 20))
    def remove(self, number: int) -> None:
        code = "" if number < len(self.rows) else "unknown_ticket"
        facts = (Left(number),) if number in self.living() else ()
        if self.accepts(Remove(self.id(number)), code, facts, {"ticket": self.id(number)}):
            self.end(number)

    @rule(ms=st.sampled_from([0, 1, 4_999, 5_000, 7_500, 20_000, 90_000]))
    def time_passes(self, ms: int) -> None:
        """And a host looks whenever the line wants it to."""
        end = self.at + ms
        assert LINE.leased is not None
        while (wake := LINE.leased(self.line, self.presence)) is not None and wake <= end:
            self.at = max(self.at, wake)
            self.look()
        self.at = end

    @rule()
    def look(self) -> None:
        """Exactly those are missed whom nobody has heard of in this period and the one before."""
        closed, period_ms = self.seen[0] == "closed", self.seen[1].absent_after_s * SECOND_MS
        now = self.at // period_ms
        measured = period_ms == self.period_ms and self.since // period_ms < now - 1
        living = self.living()
        over = [n for n in living if self.is_over(n)]
        called = [n for n in living if self.rows[n].away_until is not None and self.rows[n].saw[0]]
        waiting = [n for n in living if not self.rows[n].saw[0] and not closed]
        away = {n: until for n in waiting if (until := self.rows[n].away_until) is not None}
        expired = [n for n, until in away.items() if until < self.at]
        silent = [
            n
            for n in waiting
            if measured
            and n not in away
            and not any(heard // period_ms in {now, now - 1} for heard in self.rows[n].heard_at)
        ]
        facts: list[Any] = [Returned(spelled(called))] if called else []
        facts += [Expired(spelled(expired))] if expired else []
        facts += [WentAbsent(spelled(silent), self.at + AWAY_MS)] if silent else []
        if over and (facts or not waiting or len(over) >= FORGOTTEN_AT_ONCE_MIN):
            facts.append(Forgotten(spelled(over)))
            self.end(*over)
        for number in called:
            self.rows[number].away_until = None
        self.end(*expired)
        for number in silent:
            self.rows[number].away_until = self.at + AWAY_MS
        self.accepts(TICK, "", tuple(facts), None)
        assert LINE.leased is not None
        wake = LINE.leased(self.line, self.presence)
        assert wake is None or wake > self.at

    # What the room does

    @rule(data=st.data(), what=st.sampled_from(["call", "in and out", "miss", "again"]))
    def the_room_acts(self, data: st.DataObject, what: str) -> None:
        assume(self.rows)
        row = self.rows[data.draw(st.integers(0, len(self.rows) - 1))]
        if what == "call" and not row.served and row.living:
            row.served = row.inside = True
        elif row.inside:
            row.inside = False
            row.served = what != "again"

    @rule()
    def hear_of_the_room(self) -> None:
        self.seen = (self.phase, self.settings)
        for row in self.rows:
            row.saw = (row.served, row.inside)

    @rule(phase=st.sampled_from(["open", "open", "open", "paused", "draining", "closed"]))
    def enter(self, phase: str) -> None:
        self.phase = "closed" if self.phase == "closed" else phase

    @rule(period_s=st.sampled_from(PERIODS_S))
    def set(self, period_s: int) -> None:
        self.settings = msgspec.structs.replace(self.settings, absent_after_s=period_s)

    @rule()
    def another_host_takes_over(self) -> None:
        """From the shelf; who was heard of is forgotten with the host that heard them."""
        self.line = through_the_shelf(LINE, self.line)
        self.presence, self.period_ms, self.since = Presence(self.at), 0, self.at
        for row in self.rows:
            row.heard_at = []

    # What is true

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        living = self.living()
        absent = [n for n in living if self.rows[n].away_until is not None]
        assert self.line.next == len(self.rows)
        assert list(self.line.living) == living and list(self.line.absent) == absent
        away = {number: one.until for one in self.line.away for number in one.numbers}
        assert away == {n: self.rows[n].away_until for n in absent}
        assert sum(len(one.numbers) for one in self.line.away) == len(absent)
        told = self.ask(ShowLine())
        shown = {"joined": len(self.rows), "living": len(living), "absent": len(absent)}
        assert isinstance(told, Decision) and told.reply == shown
        assert numbers_of(spelled(self.line.living)) == self.line.living


TestOneShard = OneShard.TestCase
TestOneShard.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
