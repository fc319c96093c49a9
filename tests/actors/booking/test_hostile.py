"""What somebody might try, or stumble into, with ids, lines, quotas and text; each was possible once."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from actors.booking import quota as quota_module
from actors.booking.commands import Book, Cancel, JoinStandby, KeepHold, Move, PlaceHold
from actors.booking.day import DAY
from actors.booking.limits import LIMITS
from actors.booking.quota import QUOTA
from actors.booking.recurrence import starts_of
from actors.decider import Decision, Refusal, Tick
from events.calendar.quantum import DAY_MS, Span
from events.day import (
    Booker,
    Booking,
    BookingCancelled,
    BookingMade,
    DayFact,
    HoldExpired,
    HoldReleased,
    Item,
    OfferMade,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    StandbyJoined,
    StandbyLeft,
    StandbyPassed,
)
from events.quota import Counted, booker_key, quota_actor
from tests.support.studio import ACTOR, CATALOG, DATE, HOUR_MS, NOON, NOW, by, day, id_of, wish

X = id_of("x")
LATER = wish(start=NOON + 2 * HOUR_MS)
TAKEN = SlotsTaken(X, "visit", Slots(48, 52), "confirmed", None, "", 7)
BOOKED = (TAKEN, BookingMade(Booking(X, wish(), Span(NOON, NOON + HOUR_MS), "confirmed", created_at=NOW)))
FREED = (SlotsFreed(X), BookingCancelled(X, ""))
OFFER_MS = 15 * 60_000


def held(id: str, session: str) -> SlotsHeld:
    return SlotsHeld(id, session, LATER, Slots(56, 60), NOW + 10_000, NOW + 900_000, 10_000, 7)


def joined(token: str, session: str) -> StandbyJoined:
    return StandbyJoined(id_of(token), session, Booker(), wish(), Slots(48, 52), 1)


def offer(token: str, session: str) -> tuple[DayFact, ...]:
    until = NOW + OFFER_MS
    return SlotsHeld(id_of(token), session, wish(), Slots(48, 52), until, until, 0, 7), OfferMade(id_of(token), until)


class TestIds:
    def test_a_hold_that_shares_a_bookings_id_ends_like_any_other(self) -> None:
        """What becomes of the booking is nothing to it."""
        day(*BOOKED, held(X, "eve"), *FREED).when(Tick(), at=NOW + 10_001, policy=by()).then(HoldExpired(X))

    def test_nobody_holds_by_the_id_of_somebody_in_line(self) -> None:
        """Or they could let go of what is offered to others."""
        line = (*BOOKED, joined("s", "ann"))
        day(*line).when(PlaceHold(id_of("s"), "eve", LATER), policy=by()).then_refused("hold_exists")

    @pytest.mark.parametrize(
        ("session", "token_hash", "code"),
        [("two\nlines", "", "bad_session"), ("x" * 65, "", "bad_session"), ("", "ü", "bad_token_hash")],
    )
    def test_what_is_kept_of_a_booking_is_what_it_should_be(self, session: str, token_hash: str, code: str) -> None:
        """A session's name, and the hash of a token: nothing that could break whoever compares it."""
        day().when(Book(X, wish(), session, token_hash=token_hash), policy=by()).then_refused(code)


class TestLines:
    def test_whoever_gives_an_offer_up_for_a_hold_has_had_it(self) -> None:
        """Or they could renew it for ever, and nobody behind them would have a turn."""
        line = (*BOOKED, joined("s-1", "ann"), joined("s-2", "bob"), *FREED, *offer("s-1", "ann"))
        facts = day(*line).when(PlaceHold(id_of("h"), "ann", wish()), policy=by()).facts
        assert facts[:2] == (HoldReleased(id_of("s-1")), StandbyLeft(id_of("s-1")))
        assert [one.session for one in day(*line, *facts).state().standby] == ["bob"]

    def test_a_line_hears_of_a_larger_pool_before_anybody_passes_it(self) -> None:
        """Whoever comes anew is behind those who wait, also for what there was not before."""
        pool, actor = wish(items=(Item("room", 1),)), f"demo.day.room.{DATE}"
        full = SlotsTaken(id_of("b", pool), "visit", Slots(48, 52, 4), "confirmed", None, "", 7)
        line = StandbyJoined(id_of("s", pool), "ann", Booker(), pool, Slots(48, 52, 1), 4)
        outcome = day(full, line, actor=actor).when(Book(id_of("e", pool), pool, "eve"), policy=by())
        outcome.then_refused("taken")
        told = day(full, line, actor=actor).when(Tick(), policy=by()).facts
        assert told[0] == StandbyPassed(5) and isinstance(told[2], OfferMade)

    def test_a_line_outlives_a_moment_in_which_nothing_is_on_offer(self) -> None:
        """They keep their places, nobody looks in vain for ever, and they come first when it is back."""
        away = msgspec.structs.replace(CATALOG.event_types["visit"], active=False)
        closed = msgspec.structs.replace(CATALOG, event_types=CATALOG.event_types | {"visit": away})
        line = (*BOOKED, joined("s-1", "ann"), *FREED)
        passed = day(*line).when(Tick(), at=NOW + 1, policy=by(catalog=closed))
        passed.then(StandbyPassed(0)).wakes_at(None)
        back = day(*line, StandbyPassed(0)).when(Book(id_of("e"), wish(), "eve"), at=NOW + 2, policy=by())
        back.then_refused("taken")

    def test_a_line_costs_nothing_while_nothing_is_due(self) -> None:
        """The day is not copied for it: it is the very same that decides."""
        state = day(*BOOKED, joined("s-1", "ann")).state()
        before = state.used
        answer = DAY.decide(state, Book(id_of("e"), wish(), "eve"), NOW, by())
        assert isinstance(answer, Refusal) and answer.code == "taken"
        assert state.used is before

    def test_keeping_an_offer_does_not_shorten_it(self) -> None:
        """Its end is the answer, and nothing is kept alive for longer."""
        line = (*BOOKED, joined("s-1", "ann"), *FREED, *offer("s-1", "ann"))
        outcome = day(*line).when(KeepHold(id_of("s-1"), "ann"), policy=by())
        outcome.then_nothing(reply={"hold": id_of("s-1"), "expires_at": NOW + OFFER_MS})


class TestMoves:
    def test_ones_own_hold_is_no_obstacle(self) -> None:
        """Whoever holds the new time to move there may do so."""
        outcome = day(*BOOKED, held(id_of("h"), "ann")).when(Move(X, LATER, session="ann"), policy=by())
        assert HoldReleased(id_of("h")) in outcome.facts
        day(*BOOKED, held(id_of("h"), "ann")).when(Move(X, LATER), policy=by()).then_refused("taken")


class TestQuotas:
    def test_what_is_long_past_fills_no_quota(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As many bookings of another year as a quota counts are no reason to refuse one; as many of this year are."""
        monkeypatch.setattr(quota_module, "LIMITS", dataclasses.replace(LIMITS, counted_max=100))
        booker = Booker("A", "a@example.org")
        key = quota_actor("demo", booker_key(booker, ""))
        command = Book(id_of("b", wish("limited")), wish("limited"), booker=booker)
        told = []
        for start in (0, NOON + 90 * DAY_MS):
            tally = QUOTA.initial(key)
            for number in range(100):
                tally = QUOTA.evolve(tally, Counted(f"studio.{DATE}.o-{number}", "other", start, "confirmed", None), 0)
            told.append(QUOTA.decide(tally, command, NOW, by(ACTOR, key)))
        past, coming = told
        assert isinstance(past, Decision)
        assert isinstance(coming, Refusal) and coming.code == "too_many_bookings"


class TestText:
    @pytest.mark.parametrize("answers", [{"who": "Bo", "mail": " " * 600}, {"who": "Bo", "mail": "\x1c"}])
    def test_a_blank_answer_is_text_too(self, answers: dict[str, str]) -> None:
        """It has an end, and can be shown."""
        day().when(Book(X, wish("curious"), answers=answers), policy=by()).then_refused("bad_answer")

    def test_a_bookers_address_is_one(self) -> None:
        """It is what their limits are counted by, and where their mail goes."""
        day().when(Book(X, wish(), booker=Booker("A", "nowhere")), policy=by()).then_refused("bad_email")

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=DAILY;INTERVAL=0;BYMONTH=1;COUNT=1",
            "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
            "FREQ=YEARLY;INTERVAL=7973;COUNT=2;BYMONTHDAY=99",
            "DTSTART:20300101T100000 RRULE:FREQ=DAILY;COUNT=2",
            "FREQ=WEEKLY;BYDAY=WE;COUNT=2",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
        ],
    )
    def test_a_rule_that_leads_nowhere_ends(self, rule: str) -> None:
        """Or leads somewhere else than where it starts: on a Monday."""
        told = starts_of(rule, NOON, "UTC")
        assert isinstance(told, Refusal) and told.code == "bad_rule"


def test_cancelling_needs_no_more_than_the_booking() -> None:
    """A hold of the same id is left alone."""
    day(*BOOKED, held(X, "eve")).when(Cancel(X), policy=by()).then(*FREED)


def test_joining_by_a_holds_id_is_refused() -> None:
    """One id, one thing."""
    line = (*BOOKED, held(id_of("h"), "eve"))
    day(*line).when(JoinStandby(id_of("h"), "ann", wish()), policy=by()).then_refused("standby_exists")
