"""One day of a pool does as a naive model says: rows of holds and bookings, and sums over them.

The model knows what has ended by the time alone, whether the day has noticed yet or not. When the day notices is its
own business; that it says so then, neither earlier nor twice, is checked fact by fact. It is whole in one module
because every rule of the model looks at the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from actors.booking.changing import hashed
from actors.booking.claims import Day
from actors.booking.commands import (
    BlockSlots,
    Book,
    Cancel,
    Complete,
    Confirm,
    DayCommand,
    Decline,
    KeepHold,
    Miss,
    Move,
    PlaceHold,
    ReleaseHold,
    UnblockSlots,
)
from actors.booking.day import DAY
from actors.decider import Decision, Leases, Refusal, Tick
from events.day import (
    BookingCompleted,
    BookingLapsed,
    DayFact,
    HoldExpired,
    HoldReleased,
    Item,
    ReminderDue,
    Wish,
    new_id,
)
from tests.support.studio import CATALOG, DATE, HOUR_MS, NOON, NOW, by

QUARTER_MS = 900_000
MINUTE_MS = 60_000
CAPACITY = 3
ACTOR = f"demo.day.room.{DATE}"
SMALL = msgspec.structs.replace(
    CATALOG, active={"room": msgspec.structs.replace(CATALOG.active["room"], capacity=CAPACITY)}
)
BUFFERS = {"wide": (2, 1)}
LIVES = {"offered": ("provisional", 30), "both": ("provisional", 30), "asked": ("pending", 60)}
REMINDERS = {"noted": (1_440, 60)}
COMPLETE_AFTER = {"noted": 30}
PERIOD_MS, LIFE_MAX_MS = 10_000, 900_000
HOLDS_MAX = 8
OCCUPIES = {"provisional", "pending", "confirmed", "completed", "no_show"}

QUARTERS = st.integers(-3, 6)
UNITS = st.sampled_from([1, 1, 2, 3])
TYPES = st.sampled_from(["visit", "visit", "offered", "asked", "both", "wide", "noted"])
SESSIONS = st.sampled_from(["ann", "bob"])
TOKENS = st.sampled_from([None, None, "token", "guess"])


def quarters_of(wish: Wish) -> set[int]:
    """The slots of the day."""
    before, after = BUFFERS.get(wish.event_type, (0, 0))
    first = 48 + (wish.start - NOON) // QUARTER_MS
    return set(range(first - before, first + wish.minutes // 15 + after))


def wish_for(event_type: str, quarter: int, units: int) -> Wish:
    return Wish(event_type, NOON + quarter * QUARTER_MS, 60, (Item("room", units),))


@dataclass
class Held:
    session: str
    wish: Wish
    until: int
    until_max: int
    slots: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.slots = quarters_of(self.wish)


@dataclass
class Row:
    wish: Wish
    status: str
    until: int | None
    reminders: set[int] = field(default_factory=set)

    def plan(self, at: int) -> None:
        minutes = REMINDERS.get(self.wish.event_type, ()) if self.status == "confirmed" else ()
        self.reminders = {one for one in minutes if self.wish.start - one * MINUTE_MS > at}

    @property
    def complete_at(self) -> int:
        return self.wish.start + (60 + COMPLETE_AFTER.get(self.wish.event_type, 0)) * MINUTE_MS


class OneDay(RuleBasedStateMachine):
    holds: Bundle[str] = Bundle("holds")
    bookings: Bundle[str] = Bundle("bookings")

    def __init__(self) -> None:
        super().__init__()
        self.at = NOW
        self.day = DAY.initial(ACTOR)
        self.leases = Leases()
        self.kept: dict[str, int] = {}
        """What heartbeats were told."""
        self.since = 0
        self.held: dict[str, Held] = {}
        self.rows: dict[str, Row] = {}
        self.blocks: dict[str, set[int]] = {}
        self.count = 0

    # Asking

    def ask(self, command: DayCommand) -> Decision[DayFact] | Refusal:
        before = msgspec.json.encode(self.day)
        answer = DAY.decide(self.day, command, self.at, by(catalog=SMALL, leases=self.leases))
        assert msgspec.json.encode(self.day) == before, "deciding changes nothing"
        if isinstance(answer, Decision):
            if answer.leases is not None:
                self.leases.keep(answer.leases, self.at)
            for fact in answer.facts:
                self.day = DAY.evolve(self.day, fact, self.at)
                self.notice(fact, command)
        return answer

    def notice(self, fact: DayFact, command: DayCommand) -> None:
        """What time alone brings about, and what a session's new wish does to its old ones."""
        match fact:
            case HoldExpired(hold):
                assert self.end_of(hold) < self.at
                del self.held[hold]
            case HoldReleased(hold) if isinstance(command, PlaceHold | Book | Move):
                held = self.held.pop(hold)
                assert held.session == command.session and held.slots & quarters_of(command.wish)
            case BookingLapsed(booking):
                row = self.rows[booking]
                assert row.until is not None and row.until < self.at
                row.status, row.until = "lapsed", None
            case BookingCompleted(booking) if not isinstance(command, Complete):
                row = self.rows[booking]
                assert row.status == "confirmed" and row.complete_at < self.at
                row.status, row.reminders = "completed", set()
            case ReminderDue(booking, minutes):
                row = self.rows[booking]
                assert row.wish.start - minutes * MINUTE_MS < self.at
                row.reminders.remove(minutes)
            case _:
                pass

    def accepts(self, command: DayCommand, *codes: str) -> bool:
        """Whether it is done; otherwise it is refused with one of the codes."""
        answer = self.ask(command)
        if isinstance(answer, Refusal):
            assert answer.code in codes, (command, answer)
            return False
        assert not codes, (command, codes)
        return True

    # The model

    def end_of(self, hold: str) -> int:
        held = self.held[hold]
        return min(max(held.until, self.kept.get(hold, 0), self.since + PERIOD_MS), held.until_max)

    def is_over(self, row: Row) -> bool:
        return row.until is not None and row.until < self.at

    def objections(self, wish: Wish, session: str = "", converted: str = "", moving: str = "") -> list[str]:
        """To giving somebody these slots now."""
        if wish.start < self.at:
            return ["in_the_past"]
        slots = quarters_of(wish)
        if any(slots & block for block in self.blocks.values()):
            return ["blocked"]
        used = dict.fromkeys(slots, wish.items[0].units)
        for id, held in self.held.items():
            own = id == converted or (session and held.session == session and held.slots & slots)
            if not own and self.end_of(id) >= self.at:
                for slot in slots & held.slots:
                    used[slot] += held.wish.items[0].units
        for id, row in self.rows.items():
            if id != moving and row.status in OCCUPIES and not self.is_over(row):
                for slot in slots & quarters_of(row.wish):
                    used[slot] += row.wish.items[0].units
        return ["taken"] if max(used.values()) > CAPACITY else []

    def fresh(self, letter: str) -> str:
        self.count += 1
        return new_id("room", DATE, f"{letter}{self.count}")

    # What is done

    @rule(target=holds, event_type=TYPES, quarter=QUARTERS, units=UNITS, session=SESSIONS)
    def hold(self, event_type: str, quarter: int, units: int, session: str) -> Any:
        wish, id = wish_for(event_type, quarter, units), self.fresh("h")
        codes = self.objections(wish, session)
        if codes != ["in_the_past"] and sum(one.session == session for one in self.held.values()) >= HOLDS_MAX:
            codes = ["too_many_holds"]
        if not self.accepts(PlaceHold(id, session, wish), *codes):
            return multiple()
        self.held[id] = Held(session, wish, self.at + PERIOD_MS, self.at + LIFE_MAX_MS)
        return id

    @rule(id=holds, session=SESSIONS)
    def keep(self, id: str, session: str) -> None:
        held = self.held.get(id)
        if held is None or self.end_of(id) < self.at:
            self.accepts(KeepHold(id, session), "hold_gone")
        elif held.session != session:
            self.accepts(KeepHold(id, session), "not_your_hold")
        else:
            self.accepts(KeepHold(id, session))
            self.kept[id] = min(self.at + PERIOD_MS, held.until_max)

    @rule(id=holds, session=SESSIONS)
    def release(self, id: str, session: str) -> None:
        held = self.held.get(id)
        if held is not None and held.session != session:
            self.accepts(ReleaseHold(id, session), "not_your_hold")
        else:
            self.accepts(ReleaseHold(id, session))
            self.held.pop(id, None)

    @rule(target=bookings, event_type=TYPES, quarter=QUARTERS, units=UNITS, session=st.sampled_from(["", "ann"]))
    def book(self, event_type: str, quarter: int, units: int, session: str) -> Any:
        return self.made(wish_for(event_type, quarter, units), session, "")

    @rule(target=bookings, hold=holds, session=SESSIONS, quarter=QUARTERS, as_held=st.booleans(), units=UNITS)
    def book_what_is_held(self, hold: str, session: str, quarter: int, as_held: bool, units: int) -> Any:
        held = self.held.get(hold)
        wish = held.wish if held is not None and as_held else wish_for("visit", quarter, units)
        return self.made(wish, session, hold)

    def made(self, wish: Wish, session: str, hold: str) -> Any:
        id, held = self.fresh("b"), self.held.get(hold)
        codes = self.objections(wish, session, converted=hold)
        if hold and codes != ["in_the_past"]:
            if held is None or self.end_of(hold) < self.at:
                codes = ["hold_gone"]
            elif held.session != session:
                codes = ["not_your_hold"]
        if not self.accepts(Book(id, wish, session, hold, token_hash=hashed("token")), *codes):
            return multiple()
        self.held.pop(hold, None)
        status, minutes = LIVES.get(wish.event_type, ("confirmed", 0))
        row = self.rows[id] = Row(wish, status, self.at + minutes * MINUTE_MS if minutes else None)
        row.plan(self.at)
        return id

    @rule(id=bookings, token=TOKENS)
    def confirm(self, id: str, token: str | None) -> None:
        row = self.rows[id]
        if row.status == "pending" and token is not None:
            codes = ["needs_approval"]
        elif token == "guess":
            codes = ["wrong_token"]
        elif row.status not in {"provisional", "pending"}:
            codes = ["wrong_status"]
        elif row.wish.start + HOUR_MS <= self.at:
            codes = ["in_the_past"]
        else:
            codes = ["lapsed"] if self.is_over(row) else []
        if self.accepts(Confirm(id, token), *codes):
            to_approve = row.status == "provisional" and row.wish.event_type == "both" and token is not None
            row.status, row.until = "pending" if to_approve else "confirmed", None
            row.plan(self.at)

    @rule(id=bookings)
    def decline(self, id: str) -> None:
        row = self.rows[id]
        if self.accepts(Decline(id), *([] if row.status in {"pending", "declined"} else ["wrong_status"])):
            row.status, row.until = "declined", None

    @rule(id=bookings, token=TOKENS)
    def cancel(self, id: str, token: str | None) -> None:
        """Again and again, too: nothing changes then."""
        row = self.rows[id]
        if row.status == "cancelled":
            answer = self.ask(Cancel(id, token))
            if token == "guess":
                assert isinstance(answer, Refusal) and answer.code == "wrong_token"
                return
            assert isinstance(answer, Decision) and not answer.facts
            return
        if token == "guess":
            codes = ["wrong_token"]
        elif row.status not in {"provisional", "pending", "confirmed"}:
            codes = ["wrong_status"]
        else:
            codes = ["too_late"] if token is not None and self.at > row.wish.start else []
        if self.accepts(Cancel(id, token), *codes):
            row.status, row.until, row.reminders = "cancelled", None, set()

    @rule(id=bookings, quarter=QUARTERS, token=TOKENS, session=st.sampled_from(["", "ann"]))
    def move(self, id: str, quarter: int, token: str | None, session: str) -> None:
        row = self.rows[id]
        wish = wish_for(row.wish.event_type, quarter, row.wish.items[0].units)
        codes = self.objections(wish, session, moving=id)
        if codes != ["in_the_past"]:
            if token == "guess":
                codes = ["wrong_token"]
            elif row.status not in {"provisional", "pending", "confirmed"}:
                codes = ["wrong_status"]
            elif token is not None and self.at > row.wish.start:
                codes = ["too_late"]
            elif self.is_over(row):
                codes = ["lapsed"]
        if self.accepts(Move(id, wish, row.until, token=token, session=session), *codes):
            row.wish = wish
            row.plan(self.at)
            if row.status == "confirmed" and token is not None and wish.event_type in {"asked", "both"}:
                row.status, row.reminders = "pending", set()
                row.until = self.at + 60 * MINUTE_MS if wish.event_type == "asked" else None

    @rule(id=bookings, missed=st.booleans())
    def see_whether_they_came(self, id: str, missed: bool) -> None:
        row = self.rows[id]
        codes = ["too_early"] if self.at < row.wish.start else []
        if row.status != "confirmed":
            codes = ["wrong_status"]
        if self.accepts(Miss(id) if missed else Complete(id), *codes):
            row.status, row.reminders = "no_show" if missed else "completed", set()

    @rule(name=st.sampled_from(["x", "y"]), first=st.integers(40, 55), count=st.integers(1, 3))
    def block(self, name: str, first: int, count: int) -> None:
        if self.accepts(BlockSlots(name, first, first + count), *(["block_exists"] if name in self.blocks else [])):
            self.blocks[name] = set(range(first, first + count))

    @rule(name=st.sampled_from(["x", "y"]))
    def unblock(self, name: str) -> None:
        if self.accepts(UnblockSlots(name), *([] if name in self.blocks else ["unknown_block"])):
            del self.blocks[name]

    @rule(ms=st.sampled_from([1, 5_000, 10_000, 10_001, 30 * MINUTE_MS, 61 * MINUTE_MS]))
    def time_passes(self, ms: int) -> None:
        self.at += ms

    @rule(ms=st.sampled_from([-25 * HOUR_MS, -HOUR_MS, 0, HOUR_MS]))
    def the_day_comes(self, ms: int) -> None:
        self.at = max(self.at, NOON + ms)

    @rule()
    def another_host_takes_over(self) -> None:
        """From a snapshot; the heartbeats are lost, and what is alive gets a fresh period."""
        self.day = msgspec.json.decode(msgspec.json.encode(self.day), type=Day)
        self.leases, self.kept, self.since = Leases(self.at), {}, self.at

    @rule()
    def tick(self) -> None:
        """After it, nothing is left that is over."""
        assert isinstance(self.ask(Tick()), Decision)
        assert all(self.end_of(id) >= self.at for id in self.held)
        assert not any(self.is_over(row) for row in self.rows.values())
        assert not any(row.status == "confirmed" and row.complete_at < self.at for row in self.rows.values())
        assert DAY.leased is not None
        wake = DAY.leased(self.day, self.leases)
        assert wake is None or wake > self.at

    # What is true

    @invariant()
    def every_slot_has_as_many_units(self) -> None:
        expected = [0] * 96
        claims = [(one.slots, one.wish) for one in self.held.values()]
        claims += [(quarters_of(row.wish), row.wish) for row in self.rows.values() if row.status in OCCUPIES]
        for slots, wish in claims:
            for slot in slots:
                expected[slot] += wish.items[0].units
        assert self.day.used == expected
        assert max(expected) <= CAPACITY
        assert set(self.day.holds) == set(self.held)
        assert {id: one.status for id, one in self.day.bookings.items()} == {
            id: row.status for id, row in self.rows.items()
        }
        assert all(self.day.bookings[id].wish == row.wish for id, row in self.rows.items())

    @invariant()
    def it_wakes_when_something_is_due(self) -> None:
        due = [self.end_of(id) for id in self.held]
        for row in self.rows.values():
            due += [] if row.until is None else [row.until]
            due += [row.complete_at] if row.status == "confirmed" else []
            due += [row.wish.start - minutes * MINUTE_MS for minutes in row.reminders]
        assert DAY.leased is not None
        assert DAY.leased(self.day, self.leases) == (min(due) + 1 if due else None)


TestOneDay = OneDay.TestCase
TestOneDay.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
