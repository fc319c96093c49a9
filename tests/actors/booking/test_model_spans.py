"""Bookings over several days and resources are as a naive model has them: a number of units for each quarter hour.

Here is no runtime: a transaction is that everybody decides, and that nothing is taken in when one of them refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from actors.booking.changing import hashed
from actors.booking.claims import Day
from actors.booking.commands import Book, Cancel, Confirm, DayCommand, Decline, Move
from actors.booking.day import DAY
from actors.decider import Decision, Refusal, Tick
from events.calendar.quantum import DAY_MS, date_of
from events.day import Item, Wish, new_id
from tests.support.studio import CATALOG, HOUR_MS, NOON, NOW, by

QUARTER_MS = 900_000
MINUTE_MS = 60_000
FIRST = NOON // DAY_MS
CAPACITY = {"studio": 1, "room": 5, "mics": 2}
BEFORE_AFTER = {"wide": (2, 1)}
"""In quarter hours."""
MINUTES = {"long": (60, 2_880)}
LIVES = {"offered": ("provisional", 30), "both": ("provisional", 30), "asked": ("pending", 60)}
ITEMS = st.sampled_from(
    [
        (Item("studio"),),
        (Item("room", 2),),
        (Item("room", 4),),
        (Item("studio"), Item("mics")),
        (Item("room", 1), Item("studio"), Item("mics", 2)),
    ]
)
STARTS = st.builds(
    lambda day, hour: (FIRST + day) * DAY_MS + hour * HOUR_MS, st.integers(0, 1), st.sampled_from([0, 1, 11, 12, 23])
)


@dataclass
class Row:
    """A booking of the model."""

    wish: Wish
    status: str
    until: int | None = None

    def quarters(self, wish: Wish | None = None) -> set[tuple[str, int, int]]:
        """Of every resource: each quarter hour since the epoch, and the units."""
        wish = wish or self.wish
        before, after = BEFORE_AFTER.get(wish.event_type, (0, 0))
        first, count = wish.start // QUARTER_MS, wish.minutes // 15
        return {
            (item.resource, quarter, item.units)
            for item in wish.items
            for quarter in range(first - before, first + count + after)
        }

    def days(self, wish: Wish | None = None) -> set[str]:
        return {f"demo.day.{resource}.{date_of(quarter * QUARTER_MS)}" for resource, quarter, _ in self.quarters(wish)}


class Spans(RuleBasedStateMachine):
    bookings: Bundle[str] = Bundle("bookings")

    def __init__(self) -> None:
        super().__init__()
        self.at = NOW
        self.days: dict[str, Day] = {}
        self.rows: dict[str, Row] = {}

    # Asking

    def ask(self, actors: set[str], command: DayCommand) -> Refusal | None:
        """In one transaction; whoever refuses refuses for all of them."""
        together = tuple(sorted(actors)) if len(actors) > 1 else ()
        decided: dict[str, Decision[Any]] = {}
        for actor in sorted(actors):
            before = msgspec.json.encode(self.day(actor))
            answer = DAY.decide(self.day(actor), command, self.at, by(*together))
            assert msgspec.json.encode(self.day(actor)) == before, "deciding changes nothing"
            if isinstance(answer, Refusal):
                return answer
            decided[actor] = answer
        for actor, decision in decided.items():
            for fact in decision.facts:
                self.days[actor] = DAY.evolve(self.days[actor], fact, self.at)
        return None

    def day(self, actor: str) -> Day:
        return self.days.setdefault(actor, DAY.initial(actor))

    def owner(self, id: str) -> str:
        resource, date, _ = id.split(".")
        return f"demo.day.{resource}.{date}"

    # The model

    def is_over(self, row: Row) -> bool:
        return row.until is not None and row.until < self.at

    def has_slots(self, row: Row) -> bool:
        return row.status in {"provisional", "pending", "confirmed"} and not self.is_over(row)

    def fits(self, wish: Wish, without: str = "") -> bool:
        used: dict[tuple[str, int], int] = {}
        for id, row in self.rows.items():
            if id != without and self.has_slots(row):
                for resource, quarter, units in row.quarters():
                    used[resource, quarter] = used.get((resource, quarter), 0) + units
        wanted = Row(wish, "confirmed").quarters()
        return all(used.get(one[:2], 0) + one[2] <= CAPACITY[one[0]] for one in wanted)

    def wish(self, event_type: str, start: int, long: bool, items: tuple[Item, ...]) -> Wish:
        return Wish(event_type, start, MINUTES.get(event_type, (60, 60))[long], items)

    # What is done

    @rule(
        target=bookings,
        event_type=st.sampled_from(["visit", "long", "long", "asked", "offered", "both", "wide"]),
        start=STARTS,
        long=st.booleans(),
        items=ITEMS,
        missing=st.sampled_from([0, 0, 0, 1]),
    )
    def book(self, event_type: str, start: int, long: bool, items: tuple[Item, ...], missing: int) -> Any:
        wish = self.wish(event_type, start, long, items)
        status, minutes = LIVES.get(event_type, ("confirmed", 0))
        row = Row(wish, status, self.at + minutes * MINUTE_MS if minutes else None)
        begins = min(quarter for _, quarter, _ in row.quarters())
        id = new_id(items[0].resource, date_of(begins * QUARTER_MS), f"b{len(self.rows)}")
        actors = row.days()
        if missing and len(actors) > 1:
            refusal = self.ask(actors - {sorted(actors)[len(self.rows) % len(actors)]}, Book(id, wish))
            assert refusal is not None
            return multiple()
        refusal = self.ask(actors, Book(id, wish, token_hash=hashed("token")))
        assert (refusal is None) == self.fits(wish), refusal
        if refusal is not None:
            assert refusal.code == "taken"
            return multiple()
        self.rows[id] = row
        return id

    @rule(id=bookings, start=STARTS, long=st.booleans(), stale=st.sampled_from([0, 0, 0, 1]))
    def move(self, id: str, start: int, long: bool, stale: int) -> None:
        row = self.rows[id]
        wish = self.wish(row.wish.event_type, start, long, row.wish.items)
        actors = {self.owner(id)} | row.days() | row.days(wish)
        if stale and len(actors) > 1:
            assert self.ask(actors - {sorted(actors)[start % len(actors)]}, Move(id, wish, row.until)) is not None
            return
        refusal = self.ask(actors, Move(id, wish, row.until))
        assert (refusal is None) == (self.has_slots(row) and self.fits(wish, id)), refusal
        if refusal is None:
            row.wish = wish

    @rule(id=bookings, token=st.sampled_from([None, "token"]))
    def confirm(self, id: str, token: str | None) -> None:
        row = self.rows[id]
        refusal = self.ask({self.owner(id)} | row.days(), Confirm(id, token))
        may = row.status == "provisional" or (row.status == "pending" and token is None)
        assert (refusal is None) == (may and not self.is_over(row)), refusal
        if refusal is None:
            to_approve = row.status == "provisional" and row.wish.event_type == "both" and token is not None
            row.status, row.until = "pending" if to_approve else "confirmed", None

    @rule(id=bookings, missing=st.sampled_from([0, 0, 0, 1]))
    def cancel(self, id: str, missing: int) -> None:
        row = self.rows[id]
        assume(not self.is_over(row))
        actors = {self.owner(id)} | row.days()
        if missing and self.has_slots(row) and len(actors) > 1:
            assert self.ask(actors - {sorted(actors)[missing % len(actors)]}, Cancel(id)) is not None
            return
        refusal = self.ask(actors, Cancel(id))
        assert (refusal is None) == (self.has_slots(row) or row.status == "cancelled"), refusal
        if refusal is None:
            row.status, row.until = "cancelled", None

    @rule(id=consumes(bookings))
    def decline(self, id: str) -> None:
        row = self.rows[id]
        assume(not self.is_over(row))
        refusal = self.ask({self.owner(id)} | row.days(), Decline(id))
        assert (refusal is None) == (row.status == "pending"), refusal
        if refusal is None:
            row.status, row.until = "declined", None

    @rule(minutes=st.sampled_from([1, 30, 31, 61]))
    def time_passes(self, minutes: int) -> None:
        self.at += minutes * MINUTE_MS

    @rule(number=st.integers(0, 20))
    def somebody_looks_at_the_time(self, number: int) -> None:
        if self.days:
            actor = sorted(self.days)[number % len(self.days)]
            assert self.ask({actor}, Tick()) is None

    # What is true

    @invariant()
    def every_quarter_hour_has_as_many_units(self) -> None:
        """Once everybody has looked at the time, all days and owners are as the model says."""
        settled = {actor: self.settled(actor) for actor in self.days}
        expected: dict[str, dict[int, int]] = {actor: {} for actor in self.days}
        for row in self.rows.values():
            for resource, quarter, units in row.quarters() if self.has_slots(row) else ():
                slots = expected[f"demo.day.{resource}.{date_of(quarter * QUARTER_MS)}"]
                slots[quarter % 96] = slots.get(quarter % 96, 0) + units
        for actor, day in settled.items():
            assert {slot: units for slot, units in enumerate(day.used) if units} == expected[actor], actor
        for id, row in self.rows.items():
            booking = settled[self.owner(id)].bookings[id]
            assert (booking.status, booking.wish) == ("lapsed" if self.is_over(row) else row.status, row.wish), id

    def settled(self, actor: str) -> Day:
        """A copy, by way of its snapshot, after a Tick; nothing is left to do then."""
        day = msgspec.json.decode(msgspec.json.encode(self.days[actor]), type=Day)
        answer = DAY.decide(day, Tick(), self.at, by())
        assert isinstance(answer, Decision)
        for fact in answer.facts:
            day = DAY.evolve(day, fact, self.at)
        wake = DAY.wake(day)
        assert wake is None or wake > self.at
        return day


TestSpans = Spans.TestCase
TestSpans.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
assert {id: one.capacity for id, one in CATALOG.active.items() if id in CAPACITY} == CAPACITY
