"""A room with its lines does as a naive model says: lists of tickets in the order of their places, seen one by one.

The model is told what the lines said, in the order of the log, and what was asked of the room, and when. From that it
says itself who is called next, who waits, who is in, and when something is due. It is whole in one module because every
rule of the model looks at the same lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.decider import CONSULTED_BY_ALL_AFTER_MS, Decision, Refusal
from actors.runtime.limits import DUE_AGAIN_MAX
from actors.waiting.commands import Claim, CloseRoom, Draw, Exit, Prolong, PutRoom, Revoke
from actors.waiting.lifecycle import ROOM, Step
from actors.waiting.room import ALWAYS, ROOM_KIND, STEPS
from events.codec import numbers_of
from events.commit import hash_of
from events.line import Expired, Joined, Left, Returned, WentAbsent
from events.room import Lane, RoomSettings, TicketsCalled, TurnsNear
from events.waiting.draw import commitment_of, drawn_order, seed_of
from events.waiting.sessions import hidden, place_of, session_of, ticket_of
from tests.support.launch import (
    CONTROLS,
    NAME,
    NOON,
    ROOM_ACTOR,
    SECOND_MS,
    Happened,
    Launch,
    code_of,
    key_of,
    recount,
    through_the_shelf,
)

MINUTE_MS = 60_000
SECRET = "the operator's secret"
CODES = {"press": "p", "staff": "s", "": ""}
LANES = {lane: Lane(lane, (hidden(code),)) for lane, code in CODES.items() if lane}
VISITORS = [f"visitor {number}" for number in range(14)]
EMAILS = {name: f"{number}@example.org" for number, name in enumerate(VISITORS) if number % 3}
BASE = RoomSettings(
    capacity=2, active_s=60, active_max_s=150, claim_s=20, absent_after_s=15, absence_max_s=100, queue_max=40,
    near_ahead=1,
)  # fmt: skip
CHANGES = st.one_of(
    st.builds(lambda capacity, per_minute: {"capacity": capacity, "per_minute": per_minute, "burst": 0},
              st.integers(1, 6), st.sampled_from([0, 0, 3, 60])),
    st.builds(lambda per_minute, burst: {"capacity": 0, "per_minute": per_minute, "burst": burst},
              st.sampled_from([3, 6, 60]), st.integers(0, 3)),
    st.fixed_dictionaries({"capacity": st.integers(1, 4)}),
    st.fixed_dictionaries({"lanes": st.permutations(list(LANES.values())).map(tuple)}),
    st.sampled_from([{"lanes": ()}, {"lanes": (LANES["staff"],)}]),
    st.fixed_dictionaries({
        "missed": st.sampled_from(["again", "out"]), "claim_s": st.sampled_from([5, 20]),
        "active_s": st.sampled_from([20, 60]), "ordinary_share": st.sampled_from([0, 34, 100]),
        "absent_after_s": st.sampled_from([10, 15]), "straight_through": st.booleans(),
        "near_ahead": st.integers(0, 3),
    }),
)  # fmt: skip
INDEX = st.integers(0, 99)
VISITS = (Claim, Prolong, Prolong, Exit, Revoke)
T = TypeVar("T")


def one_of(some: Sequence[T], index: int) -> T:
    return some[index % len(some)]


@dataclass
class Row:
    """A ticket. Its place is where it stands in its lane's list."""

    id: str
    lane: str
    name: str
    state: str = "waiting"
    until: int = 0
    until_max: int = 0
    since: int = 0
    window: int = 1
    again: bool = False
    """Called for the second time."""
    missed_once: bool = False
    given_up: bool = False
    """By its line, while it was called: it does not wait again."""
    came: int = 0
    """Of those who wait for a seat: who came first."""
    reachable: bool = False
    told: bool = False
    """That their turn is near, or now."""


class Model:
    def __init__(self, at: int) -> None:
        self.settings = BASE
        self.phase: Any = "scheduled"
        self.lanes: dict[str, list[Row]] = {}
        self.rows: dict[str, Row] = {}
        self.heads: dict[int, str] = {}
        self.unheard: list[tuple[int, tuple[Any, ...], str]] = []
        self.calls: list[int] = []
        self.claims: list[int] = []
        self.came_in = [0] * 8
        """How many came in each stage of their time."""
        self.missed = self.owed = self.came = 0
        self.waiting_since = self.entered_at = 0
        self.drawn = False
        self.taken: dict[str, int] = {}
        """By lane, how many places are behind the last one that was ever called."""
        self.near: list[str] = []
        self.now: list[str] = []

    def with_state(self, *states: str) -> list[Row]:
        return [row for row in self.rows.values() if row.state in states]

    # What is due

    def step(self, at: int) -> bool:
        """The next thing that is to be done, if there is any."""
        return self.hear(at) or self.end(at) or self.let_in(at) or self.call(at) or self.tell() or self.drained(at)

    def due(self, at: int) -> None:
        for _ in range(1 + DUE_AGAIN_MAX):
            if not self.step(at):
                break

    def is_empty(self) -> bool:
        return self.phase == "draining" and not self.with_state("waiting", "absent", "called", "claiming")

    def drained(self, at: int) -> bool:
        if self.is_empty() and at >= self.entered_at + CONSULTED_BY_ALL_AFTER_MS:
            self.close()
            return True
        return False

    def hear(self, at: int) -> bool:
        closed = self.phase == "closed"
        if self.phase == "scheduled" or (closed and not self.with_state("active")) or not self.unheard:
            return False
        if not self.with_state("waiting"):
            self.waiting_since = at
        news, self.unheard = self.unheard, []
        for shard, facts, head in news:
            if not self.drawn:
                self.heads[shard] = head
            absent, returned, gone, left = set[int](), set[int](), set[int](), set[int]()
            for fact in facts:
                match fact:
                    case Joined(number, _, lane=lane, email=email):
                        row = Row(f"{shard}.{number}", lane, "", reachable=bool(email))
                        self.rows[row.id] = row
                        self.lanes.setdefault(lane, []).append(row)
                    case Left(number):
                        left.add(number)
                    case WentAbsent(numbers):
                        absent |= set(numbers_of(numbers))
                        returned -= set(numbers_of(numbers))
                    case Returned(numbers):
                        returned |= set(numbers_of(numbers))
                        absent -= set(numbers_of(numbers))
                    case Expired(numbers):
                        gone |= set(numbers_of(numbers))
                    case _:
                        pass
            for those, before, after in (
                (absent, {"waiting"}, "absent"),
                (returned, {"absent"}, "waiting"),
                (gone, {"waiting", "absent"}, "over"),
                (left, {"waiting", "absent", "called", "claiming", "active"}, "over"),
            ):
                for one in those:
                    row = self.rows[f"{shard}.{one}"]
                    row.state = after if row.state in before else row.state
                    if those is gone:
                        row.given_up, row.missed_once = True, False
        if closed:
            self.close()
        return True

    def end(self, at: int) -> bool:
        ended = [row for row in self.with_state("active", "called") if row.until < at]
        for row in ended:
            if row.state == "called":
                self.count(row, None)
                again = self.settings.missed == "again" and not row.missed_once and not row.given_up
                row.state, row.missed_once = ("waiting", True) if again else ("over", row.missed_once)
            else:
                row.state = "over"
        return bool(ended)

    def let_in(self, at: int) -> bool:
        claiming = sorted(self.with_state("claiming"), key=lambda row: row.came)
        if not claiming or not self.may_come_in(at):
            return False
        for row in claiming[:1_000]:
            if self.may_come_in(at):
                self.admit(row, at)
        return True

    def order(self) -> list[str]:
        """Of the lanes; the ordinary one goes last."""
        named = [one.id for one in self.settings.lanes]
        return named + sorted(lane for lane in self.lanes if lane and lane not in named)

    def call(self, at: int) -> bool:
        wanted = self.callable(at)
        queues = {lane: [row for row in rows if row.state == "waiting"] for lane, rows in self.lanes.items()}
        order = self.order()
        found: list[Row] = []
        while wanted > len(found) and any(queues.values()):
            ordinary = queues.get("", [])
            self.owed += self.settings.ordinary_share if ordinary else 0
            lane = next((one for one in order if queues.get(one)), "")
            if ordinary and self.owed >= 100:
                lane = ""
            if not lane:
                self.owed = max(self.owed - 100, 0)
            found.append(queues[lane].pop(0))
        for row in found:
            row.window = self.settings.claim_s * SECOND_MS
            grain = max(1, row.window // 64)
            row.state, row.until, row.since = "called", at + row.window, -(-at // grain) * grain
            row.again, row.told = row.missed_once, True
            self.calls.append(at)
            place = self.lanes[row.lane].index(row) + 1
            self.taken[row.lane] = max(place, self.taken.get(row.lane, 0))
        self.now += [row.id for row in found if row.reachable]
        return bool(found)

    def tell(self) -> bool:
        """Of the first lane in which there is anybody, those who left an address and do not know: who was passed over,
        by their tickets, and who is near, by their places."""
        ahead = self.settings.near_ahead
        if not ahead or self.phase not in {"open", "draining"}:
            return False
        for lane in [*self.order(), ""]:
            rows = self.lanes.get(lane, [])
            taken = self.taken.get(lane, 0)
            few = sum(row.state == "waiting" for row in rows) <= ahead
            passed = sorted(rows[:taken], key=lambda row: place_of(row.id))
            next_ones = passed + (rows[taken:] if few else rows[taken : taken + ahead])
            near = [row for row in next_ones if row.reachable and not row.told and row.state != "over"]
            for row in near:
                row.told = True
            self.near += [row.id for row in near]
            if near:
                return True
        return False

    # How many

    @staticmethod
    def ages(row: Row) -> list[int]:
        """How old a call is at the end of each stage of its time."""
        return [-(-row.window // parts) for parts in (64, 32, 16, 8, 4, 2)] + [row.window * 3 // 4, row.window]

    def comes(self, stage: int) -> int:
        """Of a thousand who have not come by then, how many do."""
        if sum(self.came_in) + self.missed < 20:
            return 1_000
        later = sum(self.came_in[stage:])
        return max(20, 1_000 * later // (later + self.missed)) if later + self.missed else 1_000

    def expected(self, at: int) -> int:
        found = 0
        for row in self.with_state("called"):
            stage = sum(age <= at - row.since for age in self.ages(row))
            found += self.comes(8 if row.again else stage)
        return found

    def count(self, row: Row, came_at: int | None) -> None:
        if row.again:
            return
        if came_at is None:
            self.missed += 1
        else:
            self.came_in[min(sum(age <= came_at - row.since for age in self.ages(row)), 7)] += 1
        if sum(self.came_in) + self.missed > 400:
            self.came_in, self.missed = [one // 2 for one in self.came_in], self.missed // 2

    @staticmethod
    def within(instants: list[int], at: int, span_ms: int) -> int:
        """Counted in tenths of a second, each until its end is that long ago."""
        return sum(-(-one // 100) * 100 + span_ms > at for one in instants)

    def may_come_in(self, at: int) -> bool:
        wanted = self.settings
        in_time = not wanted.per_minute or self.within(self.claims, at, MINUTE_MS) < wanted.per_minute
        return in_time and len(self.with_state("active")) < (wanted.capacity or 100_000)

    def callable(self, at: int) -> int:
        wanted, comes = self.settings, self.comes(0)
        if self.phase not in {"open", "draining"} or self.with_state("claiming"):
            return 0
        last = max([self.waiting_since, *self.calls])
        if not wanted.straight_through and at < (last // SECOND_MS + 1) * SECOND_MS:
            return 0
        seats = (wanted.capacity or 100_000) - len(self.with_state("active"))
        free = (seats * 1_000 - self.expected(at)) // comes
        if wanted.per_minute:
            burst = wanted.burst or max(1, -(-wanted.per_minute // 20))
            free = min(free, wanted.per_minute * 1_000 // max(comes, 500) - self.within(self.calls, at, MINUTE_MS))
            free = min(free, burst - self.within(self.calls, at, SECOND_MS))
        return free

    def next_due(self, at: int) -> int | None:
        """When something is due by time alone: the first instant behind which it would be done."""
        found = [row.until + 1 for row in self.with_state("active", "called")]
        tenths = [-(-one // 100) * 100 for one in self.calls + self.claims]
        falls = {row.since + age for row in self.with_state("called") for age in self.ages(row)}
        tries = sorted({one + span for one in tenths for span in (SECOND_MS, MINUTE_MS)} | falls | {
            (at // SECOND_MS + 1) * SECOND_MS
        })  # fmt: skip
        if self.is_empty():
            found.append(self.entered_at + CONSULTED_BY_ALL_AFTER_MS)
        waits, claims = self.with_state("waiting"), self.with_state("claiming")
        if waits or claims:
            found += [
                one for one in tries
                if one > at and ((waits and self.callable(one) > 0) or (claims and self.may_come_in(one)))
            ][:1]  # fmt: skip
        return min(found, default=None)

    # What is asked

    def admit(self, row: Row, at: int) -> None:
        row.state, row.missed_once = "active", False
        row.until = at + self.settings.active_s * SECOND_MS
        row.until_max = at + self.settings.active_max_s * SECOND_MS
        self.claims.append(at)

    def close(self) -> None:
        self.phase = "closed"
        for row in self.with_state("waiting", "absent", "called", "claiming"):
            row.state = "over"

    def told(self, command: Any, at: int) -> str:
        """What it is answered, in a word; and what it does."""
        if isinstance(command, Claim | Prolong | Exit | Revoke):
            return self.visitor(command, at)
        if isinstance(command, PutRoom):
            if self.phase == "closed":
                return "room_closed"
            kept = {lane.id for lane in command.settings.lanes}
            for lane in self.settings.lanes:
                stand = any(row.state in {"waiting", "absent"} for row in self.lanes.get(lane.id, []))
                if lane.id not in kept and stand and self.phase != "scheduled":
                    return "lane_in_use"
            self.settings = command.settings
            return "ok"
        if isinstance(command, Draw):
            if not self.settings.draw or self.phase != "pre_queue":
                return "nothing_to_draw"
            if self.drawn:
                return "drawn_already"
            heads = [self.heads.get(shard, "0" * 64) for shard in range(self.settings.shards)]
            seed = seed_of(SECRET, command.beacon, heads)
            for name, rows in self.lanes.items():
                rows[:] = [rows[place] for place in drawn_order(seed, name, len(rows)).tolist()]
            self.drawn = True
            return "ok"
        step: Step = STEPS[type(command)]
        if step not in ROOM[self.phase]:
            return "wrong_phase"
        if step == "open" and self.phase == "pre_queue" and self.settings.draw and not self.drawn:
            return "not_drawn"
        self.phase, self.entered_at = ROOM[self.phase][step], at
        if step == "close":
            self.close()
        return "ok"

    def visitor(self, command: Claim | Prolong | Exit | Revoke, at: int) -> str:
        ticket = ticket_of(command.ticket)
        row = self.rows.get(ticket.local) if ticket is not None else None
        if row is None:
            return "unknown_ticket"
        if isinstance(command, Revoke):
            if row.state not in {"called", "claiming", "active"}:
                return "not_in"
            row.state = "over"
            return "exited"
        if row.state in {"waiting", "absent"}:
            return "not_called"
        if row.state == "over":
            return "ticket_over"
        if command.key != key_of(row.name):
            return "not_your_ticket"
        match command:
            case Exit():
                row.state = "over"
                return "exited"
            case Prolong() if row.state != "active":
                return "not_in"
            case Prolong():
                life = self.settings.active_s * SECOND_MS
                until = min(at + life, row.until_max)
                if until - row.until >= min(life // 10, row.until_max - row.until) and until > row.until:
                    row.until = until
                return "active"
            case _ if row.state != "called":
                return row.state
            case _ if self.with_state("claiming") or not self.may_come_in(at):
                self.count(row, at)
                self.came += 1
                row.state, row.came = "claiming", self.came
                return "claiming"
            case _:
                self.count(row, at)
                self.admit(row, at)
                return "active"


class WholeLaunch(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.launch = Launch()
        self.model = Model(NOON)
        self.done = 0
        self.names: dict[str, str] = {}
        self.near: list[str] = []
        """Who was told that their turn is near, in that order; and that it is now."""
        self.now: list[str] = []
        self.alive: set[str] = set()

    @initialize(
        shards=st.integers(1, 4), lanes=st.sampled_from([2, 0, 1]), share=st.sampled_from([0, 20, 50]),
        per_minute=st.sampled_from([0, 0, 6]), straight=st.booleans(), draw=st.booleans(), early=st.integers(0, 8),
        in_lanes=st.lists(st.sampled_from(list(CODES)), min_size=8, max_size=8),
    )  # fmt: skip
    def begin(
        self,
        shards: int,
        lanes: int,
        share: int,
        per_minute: int,
        straight: bool,
        draw: bool,
        early: int,
        in_lanes: list[str],
    ) -> None:
        wanted = msgspec.structs.replace(
            BASE, shards=shards, lanes=tuple(LANES.values())[:lanes], ordinary_share=share, draw=draw,
            per_minute=per_minute, straight_through=straight,
        )  # fmt: skip
        self.launch.ask(PutRoom(wanted, commitment_of(SECRET)))
        self.launch.control("start" if early else "open")
        for name, lane in zip(VISITORS[:early], in_lanes, strict=False):
            self.join([name], lane)
        if early:
            self.launch.ask(Draw(SECRET))
            self.launch.control("open")

    # Lines

    @rule(names=st.lists(st.sampled_from(VISITORS), min_size=1, max_size=4), lane=st.sampled_from(["", *CODES]))
    def join(self, names: list[str], lane: str) -> None:
        for name in names:
            ticket = self.launch.join(name, lane, CODES[lane], email=EMAILS.get(name, ""))
            if ticket.startswith(NAME):
                self.names[ticket.partition(".")[2]] = name
                self.alive.add(name)

    @precondition(lambda self: self.launch.tickets)
    @rule(index=INDEX, what=st.sampled_from(["touch", "touch", "leave", "remove"]))
    def line(self, index: int, what: str) -> None:
        getattr(self.launch, what)(one_of(sorted(self.launch.tickets), index))

    @precondition(lambda self: self.launch.tickets)
    @rule(index=INDEX)
    def somebody_falls_silent_or_comes_back(self, index: int) -> None:
        self.alive ^= {one_of(sorted(self.launch.tickets), index)}
        self.launch.alive = self.alive

    @rule(prompt=st.booleans(), frozen=st.booleans())
    def it_takes_a_while(self, prompt: bool, frozen: bool) -> None:
        """Until the room hears of its lines, or they of the room."""
        self.launch.prompt = prompt
        if prompt:
            self.launch.settle()
        self.launch.freeze() if frozen else self.launch.thaw()

    # The room

    @precondition(lambda self: self.model.with_state("called"))
    @rule(index=INDEX, count=st.integers(1, 4))
    def claim(self, index: int, count: int) -> None:
        for _ in range(count):
            called = self.model.with_state("called")
            if called:
                row = one_of(called, index)
                self.launch.ask(Claim(f"{NAME}.{row.id}", key_of(row.name)))
                self.it_is_as_the_model_says()

    @precondition(lambda self: self.model.with_state("called", "claiming", "active"))
    @rule(index=INDEX, what=st.sampled_from(VISITS))
    def visit(self, index: int, what: Any) -> None:
        row = one_of(self.model.with_state("active", "claiming", "called"), index)
        ticket = f"{NAME}.{row.id}"
        self.launch.ask(Revoke(ticket) if what is Revoke else what(ticket, key_of(row.name)))

    @precondition(lambda self: self.launch.tickets)
    @rule(index=INDEX, what=st.sampled_from([Claim, Prolong, Exit]), whose=st.sampled_from(VISITORS))
    def visit_with_any_key(self, index: int, what: Any, whose: str) -> None:
        self.launch.ask(what(one_of(sorted(self.launch.tickets.values()), index), key_of(whose)))

    @rule(change=CHANGES)
    def put(self, change: dict[str, Any]) -> None:
        self.launch.put(**change)

    @rule(step=st.sampled_from(["start", "open", "pause", "pause", "resume", "draw"]))
    def control(self, step: str) -> None:
        if step == "draw":
            self.launch.ask(Draw(SECRET, "of noon"))
        else:
            self.launch.ask(CONTROLS["resume" if self.model.phase == "paused" else step])

    @precondition(lambda self: len(self.launch.log) > 60)
    @rule(command=st.sampled_from([CONTROLS["drain"], CONTROLS["drain"], CloseRoom()]))
    def it_comes_to_an_end(self, command: Any) -> None:
        self.launch.ask(command)

    @rule(ms=st.sampled_from([1, 700, 1_000, 5_000]))
    def time_passes(self, ms: int) -> None:
        self.launch.until(self.launch.at + ms)

    @rule(ms=st.sampled_from([10_000, 20_000, 20_001, 60_001]))
    def much_time_passes(self, ms: int) -> None:
        self.launch.until(self.launch.at + ms)

    @rule()
    def off_the_shelf(self) -> None:
        """At any point a room and its lines go on from what was put away as if nothing had happened."""
        self.launch.room = through_the_shelf(ROOM_KIND, self.launch.room)

    # What is true

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        launch, model = self.launch, self.model
        for one in launch.history[self.done :]:
            self.follow(one)
        self.done = len(launch.history)
        assert launch.room.phase == model.phase
        stands: dict[str, str] = {}
        for index, shard in enumerate(launch.room.shards):
            for number in range(shard.count):
                name = f"{index}.{number}"
                if name in launch.room.called:
                    stands[name] = "claiming" if launch.room.called[name].claiming else "called"
                elif number in shard.inside:
                    stands[name] = "active"
                elif number in shard.served | shard.gone:
                    stands[name] = "over"
                else:
                    stands[name] = "absent" if number in shard.absent else "waiting"
        assert stands == {row.id: row.state for row in model.rows.values()}
        assert {name: (seat.until, seat.until_max) for name, seat in launch.room.active.items()} == {
            row.id: (row.until, row.until_max) for row in model.with_state("active")
        }
        going = model.with_state("waiting", "absent", "called", "claiming")
        assert set(launch.room.missed_once) == {row.id for row in going if row.missed_once}
        recount(launch.room)
        assert self.near == model.near and sorted(self.now) == sorted(model.now)

    def follow(self, one: Happened) -> None:
        """The model does the same, and comes to the same."""
        model = self.model
        if one.actor != ROOM_ACTOR:
            if one.sequence:
                shard = int(one.actor.rpartition(".")[2])
                head = next(entry for entry in self.launch.log if entry.sequence == one.sequence)
                model.unheard.append((shard, one.facts, hash_of(head.body)))
                for fact in one.facts:
                    if isinstance(fact, Joined):
                        self.names.setdefault(f"{shard}.{fact.number}", self.name_of(fact.session))
            return
        for fact in one.before + one.facts + one.behind:
            if isinstance(fact, TurnsNear):
                self.near += fact.tickets
            elif isinstance(fact, TicketsCalled):
                self.now += [fact.tickets[at] for at in numbers_of(fact.reachable)]
        model.due(one.at)
        self.name_rows()
        if one.command is not None:
            expected, answer = model.told(one.command, one.at), one.answer
            assert isinstance(answer, Decision | Refusal)
            got = code_of(answer) if isinstance(answer, Refusal) or "status" in (answer.reply or {}) else "ok"
            assert got == expected, (one.command, answer)
        model.due(one.at)
        self.name_rows()

    def name_rows(self) -> None:
        for row in self.model.rows.values():
            row.name = row.name or self.names[row.id]

    @staticmethod
    def name_of(session: str) -> str:
        return next(name for name in VISITORS if session_of(key_of(name)) == session)

    @invariant()
    def it_wakes_when_something_is_due(self) -> None:
        """Neither late nor in vain."""
        if self.launch.prompt or not self.launch.news:
            self.launch.settle()
            self.it_is_as_the_model_says()
            wake = ROOM_KIND.wake(self.launch.room)
            due = self.model.next_due(self.launch.at)
            assert (None if wake == ALWAYS else wake) == due

    def teardown(self) -> None:
        assert self.launch.replayed() == self.launch.room


@pytest.mark.parametrize("seed", range(12))
def test_a_long_day(seed: int) -> None:
    """The same, for hours, with more of what visitors do than of what operators do."""
    chance, day = Random(seed), WholeLaunch()

    def index() -> int:
        return chance.randrange(100)

    def joins() -> None:
        day.join(chance.sample(VISITORS, chance.randint(1, 4)), chance.choice(["", *CODES]))

    def visits() -> None:
        if day.model.with_state("active", "called", "claiming"):
            day.visit(index(), chance.choice(VISITS))

    def changes() -> None:
        bounds = {"capacity": chance.randint(1, 5), "per_minute": chance.choice([0, 0, 5]), "burst": 0}
        rules = {
            "missed": chance.choice(["again", "out"]), "claim_s": chance.choice([5, 20]),
            "active_s": chance.choice([20, 60]), "absent_after_s": chance.choice([10, 15]),
            "ordinary_share": chance.choice([0, 34, 100]), "straight_through": chance.random() < 0.5,
        }  # fmt: skip
        lanes = {"lanes": tuple(chance.sample(list(LANES.values()), chance.randint(0, 2)))}
        day.put(chance.choice([bounds, bounds, rules, lanes]))

    some_lanes = [chance.choice(list(CODES)) for _ in range(8)]
    day.begin(
        chance.randint(1, 4), 2, chance.choice([0, 20, 50]), chance.choice([0, 6]), chance.random() < 0.7,
        chance.random() < 0.5, chance.randint(0, 8), some_lanes,
    )  # fmt: skip
    doings: dict[Callable[[], Any], int] = {
        joins: 20,
        lambda: day.claim(index(), chance.randint(1, 4)): 16,
        visits: 14,
        changes: 8,
        lambda: day.line(index(), chance.choice(["touch", "touch", "leave", "remove"])): 6,
        lambda: day.somebody_falls_silent_or_comes_back(index()): 8,
        lambda: day.visit_with_any_key(index(), chance.choice([Claim, Prolong, Exit]), chance.choice(VISITORS)): 3,
        lambda: day.it_takes_a_while(chance.random() < 0.7, chance.random() < 0.3): 5,
        lambda: day.control("pause"): 3,
        day.off_the_shelf: 2,
        lambda: day.time_passes(chance.choice([1, 700, 1_000, 5_000])): 12,
        lambda: day.much_time_passes(chance.choice([10_000, 20_000, 20_001, 60_001])): 5,
    }
    doings_of_all, weights = list(doings), list(doings.values())
    for step in range(400):
        if step == 360:
            day.launch.ask(CONTROLS["drain"])
        doing = chance.choices(doings_of_all, weights)[0]
        if day.launch.tickets or doing is joins:
            doing()
        day.it_is_as_the_model_says()
        day.it_wakes_when_something_is_due()
    day.teardown()


TestWholeLaunch = WholeLaunch.TestCase
TestWholeLaunch.settings = settings(max_examples=80, stateful_step_count=80, deadline=None)
