"""What the models and the simulation have found in bookings, each as small as it can be told. None comes back."""

from __future__ import annotations

from actors.booking.changing import hashed
from actors.booking.commands import Cancel, Confirm, Move
from actors.decider import Tick
from events.calendar.quantum import Span
from events.clock import Instant
from events.day import (
    Booking,
    BookingCancelled,
    BookingConfirmed,
    BookingLapsed,
    BookingMade,
    BookingMoved,
    BookingPending,
    DayFact,
    HoldExpired,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    Status,
)
from tests.support.studio import ACTOR, HOUR_MS, NOON, NOW, by, day, id_of, wish

ID = id_of("b-1")
UNTIL = NOW + 1_800_000
TOMORROW = NOON + 24 * HOUR_MS
BOTH_DAYS = (ACTOR, "demo.day.studio.2026-12-08")


def moved_away(event_type: str, status: Status, until: Instant | None = UNTIL) -> tuple[DayFact, ...]:
    """The owner's part of a booking that has no slots on the owner's day any more."""
    wanted, later = wish(event_type), wish(event_type, TOMORROW)
    booking = Booking(
        ID, wanted, Span(NOON, NOON + HOUR_MS), status, token_hash=hashed("sesame"), created_at=NOW, until=until
    )
    return (
        SlotsTaken(ID, event_type, Slots(48, 52), status, until, "", 7),
        BookingMade(booking),
        SlotsFreed(ID),
        BookingMoved(ID, later, Span(TOMORROW, TOMORROW + HOUR_MS), 1),
    )


def test_what_is_moved_is_not_completed_on_the_way() -> None:
    """Its old time is over, and nobody has noticed; making room for it at the new one notices only what others left."""
    later = wish(start=NOON + 4 * HOUR_MS)
    booking = Booking(ID, wish(), Span(NOON, NOON + HOUR_MS), "confirmed", created_at=NOW, complete_after=0)
    at = NOON + 2 * HOUR_MS
    hold = SlotsHeld(id_of("h-1"), "ann", later, Slots(64, 68), at - 1, at - 1, 10_000, 7)
    facts = (SlotsTaken(ID, "visit", Slots(48, 52), "confirmed", None, "", 7), BookingMade(booking), hold)
    day(*facts).when(Move(ID, later), at=at, policy=by()).then(
        HoldExpired(id_of("h-1")),
        SlotsFreed(ID),
        SlotsTaken(ID, "visit", Slots(64, 68), "confirmed", None, "", 7),
        BookingMoved(ID, later, Span(later.start, later.start + HOUR_MS), 1),
    ).wakes_at(later.start + HOUR_MS + 1)


class TestMovedAway:
    def test_it_lapses_with_its_owner_too(self) -> None:
        """The owner has no slots to free, and still is the one to say what became of it."""
        facts = moved_away("offered", "provisional")
        day(*facts).when(Tick(), at=UNTIL, policy=by()).then_nothing().wakes_at(UNTIL + 1)
        day(*facts).when(Tick(), at=UNTIL + 1, policy=by()).then(BookingLapsed(ID)).wakes_at(None)

    def test_it_is_confirmed_in_time(self) -> None:
        """By the owner's own record, whether the owner has slots or not."""
        facts = moved_away("offered", "provisional")
        confirm = Confirm(ID, "sesame")
        day(*facts).when(confirm, at=UNTIL, policy=by(*BOTH_DAYS)).then(BookingConfirmed(ID)).wakes_at(None)
        day(*facts).when(confirm, at=UNTIL + 1, policy=by(*BOTH_DAYS)).then_refused("lapsed")
        day(*moved_away("both", "provisional")).when(confirm, at=UNTIL, policy=by(*BOTH_DAYS)).then(
            BookingPending(ID, None)
        ).wakes_at(None)

    def test_what_has_lapsed_is_not_moved_back(self) -> None:
        """Nobody has noticed yet; it is over all the same."""
        facts = moved_away("offered", "provisional")
        back = Move(ID, wish("offered"), UNTIL)
        day(*facts).when(back, at=UNTIL + 1, policy=by(*BOTH_DAYS)).then_refused("lapsed")

    def test_what_ended_or_came_back_does_not_lapse_twice(self) -> None:
        """One end is on the agenda, wherever the slots are."""
        facts = moved_away("offered", "provisional")
        day(*facts).when(Cancel(ID), policy=by(*BOTH_DAYS)).then(BookingCancelled(ID, "")).wakes_at(None)
        taken = SlotsTaken(ID, "offered", Slots(48, 52), "provisional", UNTIL, "", 7)
        came_back = (*facts, taken, BookingMoved(ID, wish("offered"), Span(NOON, NOON + HOUR_MS), 2))
        late = day(*came_back).when(Tick(), at=UNTIL + 1, policy=by())
        late.then(SlotsFreed(ID), BookingLapsed(ID)).wakes_at(None)
