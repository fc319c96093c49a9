"""A line for slots that are full: first come, first offered; nobody who comes later passes those who wait."""

from __future__ import annotations

import msgspec
import pytest

from actors.booking.commands import Book, Cancel, JoinStandby, LeaveStandby, PlaceHold, ReleaseHold
from actors.decider import Tick
from events.calendar.quantum import Span
from events.clock import Instant
from events.day import (
    Booker,
    Booking,
    BookingCancelled,
    BookingMade,
    DayFact,
    HoldExpired,
    HoldReleased,
    Item,
    OfferLapsed,
    OfferMade,
    OfferTaken,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    StandbyJoined,
    StandbyLeft,
    StandbyPassed,
    Wish,
)
from tests.support.studio import CATALOG, DATE, HOUR_MS, NOON, NOW, by, day, id_of, wish

BOOKED = id_of("b-1")
OFFER_MS = 15 * 60_000
NOBODY = Booker()
TAKEN = SlotsTaken(BOOKED, "visit", Slots(48, 52), "confirmed", None, "", 7)
FULL = (TAKEN, BookingMade(Booking(BOOKED, wish(), Span(NOON, NOON + HOUR_MS), "confirmed", created_at=NOW)))
FREED = (SlotsFreed(BOOKED), BookingCancelled(BOOKED, ""))


def joins(token: str, session: str, wanted: Wish | None = None) -> JoinStandby:
    return JoinStandby(id_of(token, wanted), session, wanted or wish())


def joined(token: str, session: str, slots: Slots | None = None, wanted: Wish | None = None) -> StandbyJoined:
    return StandbyJoined(id_of(token, wanted), session, NOBODY, wanted or wish(), slots or Slots(48, 52), 1)


def offered(token: str, session: str, at: Instant) -> tuple[DayFact, ...]:
    until = at + OFFER_MS
    held = SlotsHeld(id_of(token), session, wish(), Slots(48, 52), until, until, 0, 7)
    return held, OfferMade(id_of(token), until)


class TestStanding:
    def test_one_joins_behind_those_who_are_there(self) -> None:
        """And is told how many those are."""
        day(*FULL).when(joins("s-1", "ann"), policy=by()).then(joined("s-1", "ann")).replies(
            {"standby": id_of("s-1"), "ahead": 0}
        )
        day(*FULL, joined("s-1", "ann")).when(joins("s-2", "bob"), policy=by()).replies(
            {"standby": id_of("s-2"), "ahead": 1}
        )

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (joins("s-1", "ann"), "standby_exists"),
            (joins("s-2", "no session"), "bad_session"),
            (JoinStandby("nonsense", "bob", wish()), "bad_id"),
            (joins("s-2", "bob", wish(start=NOON + HOUR_MS)), "not_full"),
            (JoinStandby(id_of("s-2"), "bob", wish("nothing")), "unknown_event_type"),
            (JoinStandby(id_of("s-2"), "bob", wish("nothing"), catalog=8), "catalog_behind"),
            (JoinStandby(id_of("s-2"), "bob", wish(), Booker("x" * 400)), "name_too_long"),
            (JoinStandby(id_of("s-2"), "bob", wish(items=(Item("studio"), Item("mics")))), "standby_single"),
            (joins("s-2", "bob", wish(start=NOON + 11 * HOUR_MS + 1_800_000)), "standby_single"),  # over midnight
        ],
    )
    def test_who_cannot_is_refused(self, command: JoinStandby, code: str) -> None:
        """By the rules of booking, and those of the line."""
        day(*FULL, joined("s-1", "ann")).when(command, policy=by()).then_refused(code)

    def test_one_leaves_for_oneself_only(self) -> None:
        """Who is not in line has left."""
        line = (*FULL, joined("s-1", "ann"))
        day(*line).when(LeaveStandby(id_of("s-1"), "ann"), policy=by()).then(StandbyLeft(id_of("s-1")))
        day(*line).when(LeaveStandby(id_of("s-1"), "bob"), policy=by()).then_refused("not_your_standby")
        day(*FULL).when(LeaveStandby(id_of("s-1"), "ann"), policy=by()).then_nothing()


class TestOffers:
    LINE = (*FULL, joined("s-1", "ann"), joined("s-2", "bob"))

    def test_a_freed_slot_is_offered_to_the_first(self) -> None:
        """Soon after: the line asks to be woken when there is room."""
        day(*self.LINE).when(Cancel(BOOKED), policy=by()).then(*FREED).wakes_at(NOW + 1)
        at = NOW + 1
        day(*self.LINE, *FREED).when(Tick(), at=at, policy=by()).then(*offered("s-1", "ann", at)).wakes_at(
            at + OFFER_MS + 1
        )

    def test_who_comes_later_does_not_pass_them(self) -> None:
        """Not even in the moment in which it is free and nobody has been told."""
        at = NOW + 1
        for command in (Book(id_of("b-2"), wish(), "eve"), PlaceHold(id_of("h-1"), "eve", wish())):
            day(*self.LINE, *FREED).when(command, at=at, policy=by()).then_refused("taken")
        free = wish(start=NOON + 2 * HOUR_MS)
        outcome = day(*self.LINE, *FREED).when(PlaceHold(id_of("h-1"), "eve", free), at=at, policy=by())
        assert outcome.facts[:2] == offered("s-1", "ann", at)

    def test_an_offer_is_taken(self) -> None:
        """By whom it was made to; then they are in line no more."""
        line = (*self.LINE, *FREED, *offered("s-1", "ann", NOW))
        booking = Book(id_of("b-2"), wish(), "ann", id_of("s-1"))
        facts = day(*line).when(booking, policy=by()).facts
        taken = SlotsTaken(id_of("b-2"), "visit", Slots(48, 52), "confirmed", None, id_of("s-1"), 7)
        assert facts[:2] == (OfferTaken(id_of("s-1"), id_of("b-2")), taken)
        assert [one.session for one in day(*line, *facts).state().standby] == ["bob"]
        stolen = Book(id_of("b-2"), wish(), "bob", id_of("s-1"))
        day(*line).when(stolen, policy=by()).then_refused("not_your_hold")

    def test_an_offer_lapses_to_the_next(self) -> None:
        """At exactly its end it stands; then the first has had their chance."""
        line = (*self.LINE, *FREED, *offered("s-1", "ann", NOW))
        end = NOW + OFFER_MS
        day(*line).when(Tick(), at=end, policy=by()).then_nothing()
        day(*line).when(Tick(), at=end + 1, policy=by()).then(
            HoldExpired(id_of("s-1")), OfferLapsed(id_of("s-1")), *offered("s-2", "bob", end + 1)
        )

    def test_an_offer_that_is_given_up_goes_to_the_next(self) -> None:
        """Whether they leave the line or let the slots go."""
        line = (*self.LINE, *FREED, *offered("s-1", "ann", NOW))
        gone = (HoldReleased(id_of("s-1")), StandbyLeft(id_of("s-1")))
        for command in (LeaveStandby(id_of("s-1"), "ann"), ReleaseHold(id_of("s-1"), "ann")):
            day(*line).when(command, policy=by()).then(*gone).wakes_at(NOW + 1)
        day(*line, *gone).when(Tick(), at=NOW + 1, policy=by()).then(*offered("s-2", "bob", NOW + 1))

    def test_the_first_that_fits_is_not_always_the_first(self) -> None:
        """Who wants two hours cannot use one; they keep their place."""
        long = wish(minutes=120)
        other = SlotsTaken(id_of("b-9"), "visit", Slots(52, 56), "confirmed", None, "", 7)
        first = joined("s-1", "ann", Slots(48, 56), long)
        line = (*FULL, other, first, joined("s-2", "bob"), *FREED)
        day(*line).when(Tick(), at=NOW + 1, policy=by()).then(*offered("s-2", "bob", NOW + 1))
        assert day(*line, *offered("s-2", "bob", NOW)).state().standby[0].session == "ann"

    def test_who_waits_for_what_is_over_has_waited_in_vain(self) -> None:
        """When it cannot be booked any more, nobody is offered it."""
        late = NOON + 1
        day(*self.LINE, *FREED).when(Tick(), at=late, policy=by()).then(
            StandbyLeft(id_of("s-1")), StandbyLeft(id_of("s-2"))
        )

    def test_a_smaller_pool_makes_fewer_offers(self) -> None:
        """The capacity of today counts, and nobody looks in vain for ever."""
        pool, actor = wish(items=(Item("room", 2),)), f"demo.day.room.{DATE}"
        taken = SlotsTaken(id_of("b-1", pool), "visit", Slots(48, 52, 4), "confirmed", None, "", 7)
        line = StandbyJoined(id_of("s-1", pool), "ann", NOBODY, pool, Slots(48, 52, 2), 6)
        small = msgspec.structs.replace(CATALOG.active["room"], capacity=5)
        catalog = msgspec.structs.replace(CATALOG, active=CATALOG.active | {"room": small})
        outcome = day(taken, line, actor=actor).when(Tick(), at=NOW + 1, policy=by(catalog=catalog))
        outcome.then(StandbyPassed(5)).wakes_at(None)
