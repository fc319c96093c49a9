"""Commits for read models to fold: told one after another, with a clock that goes as the test says."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.calendar.quantum import SLOT_MS, Span, day_start, shares
from events.catalog import EventType, EventTypePut, Linked, Resource, ResourcePut
from events.clock import Instant
from events.commit import GENESIS, Decided, encode, hash_of
from events.day import (
    Booker,
    Booking,
    BookingCancelled,
    BookingMade,
    Item,
    Slots,
    SlotsFreed,
    SlotsTaken,
    Status,
    Wish,
    day_actor,
    new_id,
    owner_of,
)
from events.facts import Fact
from events.log import BatchMark, Entry, EventLog, ExpectAt, Recorded, Step
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections.folding import Change
from projections.models import ReadModels

ORG = "demo"
DATE = "2026-12-07"
NOW = day_start("2026-12-01")
HOUR_MS = 3_600_000
VISIT = EventType("visit", "A visit", durations=(60, 120), interval=15)


class Story:
    """Read models that are told what happens, without a log; `changes` is what they told in turn."""

    def __init__(self, now: Instant = NOW) -> None:
        self.now = now
        self.steps: list[Step] = []
        self.changes: list[Change] = []
        self._sequence = 0
        self._heads: dict[str, str] = {}
        self._last: dict[str, int] = {}
        self.models = ReadModels(self._no_log(), MemoryShelf(), self._clock, self.changes.extend)
        self.models.projector.identity = "memory"

    def fresh(self) -> ReadModels:
        """Models to which nothing was told yet."""
        return ReadModels(self._no_log(), MemoryShelf(), self._clock)

    def _no_log(self) -> MemoryLog:
        return MemoryLog(self._clock)

    def _clock(self) -> Instant:
        return self.now

    def tell(self, actor: str, *facts: Fact, at: Instant | None = None) -> int:
        return self.together((actor, facts), at=at)

    def together(self, *parts: tuple[str, Sequence[Fact]], at: Instant | None = None) -> int:
        """What several actors record at once; the sequence of the last of them."""
        step = []
        for number, (actor, facts) in enumerate(parts, 1):
            self._sequence += 1
            when = self.now if at is None else at
            body = encode(
                actor,
                when,
                self._heads.get(actor, GENESIS),
                [Decided(f"c-{self._sequence}", "test", when, tuple(facts), msgspec.Raw(b"null"))],
            )
            self._heads[actor] = hash_of(body)
            batch = BatchMark(f"b-{self._sequence}", number, number == len(parts)) if len(parts) > 1 else None
            previous = self._last.get(actor, 0)
            step.append(Recorded(self._sequence, actor, body, when, batch=batch, previous=previous))
            self._last[actor] = self._sequence
        self.steps.append(tuple(step))
        self.models.projector.take(tuple(step))
        return self._sequence

    def open(self, *resources: Resource, event_types: Sequence[EventType] = (VISIT,)) -> None:
        """Resources that can be booked by all of these event types."""
        put = [ResourcePut(one) for one in resources]
        types = [EventTypePut(one) for one in event_types]
        links = [Linked(kind.slug, one.id) for kind in event_types for one in resources]
        self.tell(f"{ORG}.catalog", *put, *types, *links)

    def book(
        self,
        token: str,
        start: Instant,
        *,
        minutes: int = 60,
        resource: str = "studio",
        status: Status = "confirmed",
        booker: Booker | None = None,
        event_type: str = "visit",
    ) -> str:
        """A booking within one day, from `start` on; its id."""
        id, wish, span = wished(token, start, minutes, resource, event_type)
        date, slots = slots_of(span)
        booking = Booking(
            id, wish, span, status, session="s", booker=booker or Booker(), token_hash="h", created_at=self.now
        )
        taken = SlotsTaken(id, event_type, slots, status, None, "", 1)
        self.tell(day_actor(ORG, resource, date), taken, BookingMade(booking))
        return id

    def cancel(self, *bookings: str) -> int:
        """All of these are cancelled in one step; the sequence of its last commit."""
        return self.together(*((owner_of(ORG, id), (SlotsFreed(id), BookingCancelled(id, ""))) for id in bookings))


def wished(
    token: str, start: Instant, minutes: int = 60, resource: str = "studio", event_type: str = "visit"
) -> tuple[str, Wish, Span]:
    span = Span.outward(start, start + minutes * 60_000)
    date, _ = slots_of(span)
    return new_id(resource, date, token), Wish(event_type, start, minutes, (Item(resource),)), span


def slots_of(span: Span, units: int = 1) -> tuple[str, Slots]:
    """The date and the slots of a span that lies within one."""
    (share,) = shares(span)
    return share.date, Slots(share.first, share.end, units)


async def append(log: EventLog, steps: Sequence[Step]) -> None:
    """Write what was told to a log."""
    for step in steps:
        entries = [Entry(one.actor, one.body, ExpectAt(one.previous), hash_of(one.body)) for one in step]
        if len(entries) == 1:
            (outcome,) = await log.append_each(entries)
            assert isinstance(outcome, int), outcome
        else:
            await log.append_together(entries)


def slot(number: int, date: str = DATE) -> Instant:
    """When a slot begins."""
    return day_start(date) + number * SLOT_MS
