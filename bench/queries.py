"""What the read models answer: a day and a month of one resource, and all resources of a month; with nothing behind
them, and with ten million past bookings, which were folded like any others."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from statistics import median

import msgspec
from rich.console import Console

from bench.report import Row
from events.calendar.quantum import DAY_MS, SLOT_MS, Span, date_of_day
from events.catalog import (
    WEEKDAYS,
    EventType,
    EventTypePut,
    Linked,
    Resource,
    ResourcePut,
    Schedule,
    SchedulePut,
    Weekday,
    Window,
)
from events.clock import Instant, system_clock
from events.commit import GENESIS, Decided, encode
from events.day import Booker, Booking, BookingMade, Item, Slots, SlotsTaken, Wish, day_actor, new_id
from events.facts import Fact
from events.log import Recorded
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections.models import ReadModels
from projections.questions import DaySlots, Month, Question, WhichDays

ORG = "bench"
RESOURCES = 1_000
HISTORY = 10_000_000
HISTORY_DAYS = 5 * 365
COMING_DAYS = 62
A_DAY = -(-HISTORY // (HISTORY_DAYS * RESOURCES))
"""Past bookings of one resource on one day; on the days to come there are as many."""
ASKED = 400
"""How often each question is asked of each."""
_THURSDAY = 3
"""What weekday 1970-01-01 was, Monday being 0."""
_REPLY = msgspec.Raw(b"null")
_HOURS: dict[Weekday, tuple[Window, ...]] = dict.fromkeys(WEEKDAYS[:5], (Window(8 * 60, 20 * 60),))


class Teller:
    """Read models, and somebody who tells them what happens."""

    def __init__(self, today: int) -> None:
        self.today = today
        self.now: Instant = today * DAY_MS
        self.sequence = 0
        self.models = ReadModels(MemoryLog(self._clock), MemoryShelf(), self._clock)
        rooms = [Resource(f"room-{number}", "Room", "Europe/Berlin", schedule="hours") for number in range(RESOURCES)]
        self.tell(
            f"{ORG}.catalog",
            SchedulePut(Schedule("hours", "Hours", "Europe/Berlin", _HOURS)),
            EventTypePut(EventType("visit", "A visit", durations=(60, 120), interval=15, horizon_days=365)),
            *(ResourcePut(one) for one in rooms),
            *(Linked("visit", one.id) for one in rooms),
        )

    def _clock(self) -> Instant:
        return self.today * DAY_MS

    def tell(self, actor: str, *facts: Fact) -> None:
        self.sequence += 1
        body = encode(actor, self.now, GENESIS, [Decided("c", "bench", self.now, facts, _REPLY)])
        self.models.projector.take((Recorded(self.sequence, actor, body, self.now, previous=0),))

    def book_days(self, first: int, days: int) -> Iterator[int]:
        """Each day's bookings of all resources, made on that day, or today; how many there are so far."""
        for number in range(days):
            day = first + number
            self.now = min(day, self.today) * DAY_MS
            date = date_of_day(day)
            for resource in range(RESOURCES):
                self.tell(day_actor(ORG, f"room-{resource}", date), *_booked(f"room-{resource}", day, date, resource))
            yield (number + 1) * RESOURCES * A_DAY

    def median_ms(self, *questions: Question) -> float:
        """One of them after the other, so that no answer is that of before."""
        taken = []
        for number in range(ASKED):
            began = time.perf_counter()
            self.models.answer_now(questions[number % len(questions)])
            taken.append(time.perf_counter() - began)
        return median(taken) * 1_000


def _booked(resource: str, day: int, date: str, turn: int) -> Iterator[Fact]:
    for number in range(A_DAY):
        first = 32 + (turn + 8 * number) % 44
        id, slots = new_id(resource, date, f"b-{number}"), Slots(first, first + 4)
        span = Span(day * DAY_MS + first * SLOT_MS, day * DAY_MS + (first + 4) * SLOT_MS)
        wish = Wish("visit", span.start, 60, (Item(resource),))
        booker = Booker(f"Guest {turn}", f"guest-{turn}@example.org")
        yield SlotsTaken(id, "visit", slots, "confirmed", None, "", 1)
        yield BookingMade(Booking(id, wish, span, "confirmed", booker=booker, created_at=span.start))


def _questions(today: int) -> dict[str, list[Question]]:
    ids = [f"room-{number}" for number in range(0, RESOURCES, 7)]
    monday = today + 7 - (today + _THURSDAY) % 7
    soon = date_of_day(monday + 1)
    months = [date_of_day(today + 7)[:7], date_of_day(today + 31)[:7]]
    return {
        "day": [
            DaySlots(org=ORG, event_type="visit", resource=id, date=soon, minutes=60, tz="Europe/Berlin") for id in ids
        ],
        "month": [
            Month(org=ORG, event_type="visit", resource=id, month=month, minutes=60, tz="Europe/Berlin")
            for id in ids
            for month in months
        ],
        "all": [WhichDays(org=ORG, month=month, minutes=120, tz="Europe/Berlin") for month in months],
    }


async def rows(runs: int, console: Console) -> list[Row]:
    day = Row("day slots of one resource", "ms p50", goal="< 0.3")
    month = Row("a month of one resource", "ms p50", goal="< 1")
    every = Row(f"{RESOURCES:,} resources × a month: which days have 2 hours", "ms p50", goal="< 5")
    day_after = Row(f"day slots, {HISTORY:,} past bookings", "ms p50", goal="within 10%")
    month_after = Row("a month, the same", "ms p50", goal="within 10%")
    today = system_clock() // DAY_MS
    asked = _questions(today)
    new, old = Teller(today), Teller(today)
    console.print(f"  folding {HISTORY:,} past bookings", style="dim")
    began = time.perf_counter()
    for count in old.book_days(today - HISTORY_DAYS, HISTORY_DAYS):
        if count % (RESOURCES * A_DAY * 365) == 0:
            console.print(f"  {count:,}, {count / (time.perf_counter() - began):,.0f} a second", style="dim")
    for teller in (new, old):
        for _ in teller.book_days(today, COMING_DAYS):
            pass
    gc.collect()
    for teller in (new, old):  # what is measured has something to say
        states = {one.state for one in teller.models.answer_now(asked["day"][0])}
        assert states == {"free", "full"}, states
    for _ in range(runs):
        day.values.append(new.median_ms(*asked["day"]))
        day_after.values.append(old.median_ms(*asked["day"]))
        month.values.append(new.median_ms(*asked["month"]))
        month_after.values.append(old.median_ms(*asked["month"]))
        every.values.append(new.median_ms(*asked["all"]))
    day.met, month.met, every.met = day.value < 0.3, month.value < 1, every.value < 5
    for after, before in ((day_after, day), (month_after, month)):
        after.met, after.beside = after.value < 1.1 * before.value, f"{after.value / before.value:.2f}× without"
    return [day, day_after, month, month_after, every]
