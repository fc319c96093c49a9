"""What becomes of a booking, from the first wish to the last word; and nobody's slots are given twice."""

from __future__ import annotations

import msgspec
import pytest

from actors.booking.changing import hashed
from actors.booking.commands import Book, Cancel, Complete, Confirm, Decline, Miss, Move, PlaceHold, ShowBooking
from actors.booking.lifecycle import ALIVE, TRANSITIONS
from actors.booking.quota import QUOTA
from actors.decider import Leases, Tick
from actors.specification import given
from events.calendar.quantum import Span
from events.clock import Instant
from events.day import (
    Booker,
    Booking,
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingLapsed,
    BookingMade,
    BookingMissed,
    BookingMoved,
    BookingPending,
    DayFact,
    HoldReleased,
    Item,
    ReminderDue,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    Status,
    Wish,
)
from events.quota import Advanced, Counted, Recounted, quota_actor
from tests.support.studio import ACTOR, CATALOG, DATE, HOUR_MS, NOON, NOW, by, day, days_of_wish, id_of, wish

ID = id_of("b-1")
TOKEN = "sesame"
ANN = Booker("Ann", "ann@example.org")
MINUTE_MS = 60_000
SLOTS = Slots(48, 52)
OTHER_ACTOR = f"demo.day.other.{DATE}"


def booked(
    status: Status = "confirmed", wanted: Wish | None = None, until: Instant | None = None, token: str = "b-1"
) -> tuple[DayFact, ...]:
    """A booking of the studio's, as its owner has it."""
    wanted = wanted or wish()
    event_type = CATALOG.event_types[wanted.event_type]
    id = id_of(token, wanted)
    first = (wanted.start - NOON) // 900_000 + 48
    slots = Slots(first, first + 4)
    booking = Booking(
        id, wanted, Span(wanted.start, wanted.start + HOUR_MS), status, "ann", ANN, {}, hashed(TOKEN), NOW, until,
        event_type.complete_after, event_type.reminders,
    )  # fmt: skip
    return SlotsTaken(id, wanted.event_type, slots, status, until, "", 7), BookingMade(booking)


class TestBooking:
    def test_free_slots_are_booked(self) -> None:
        """The day that it begins on records the booking with all that was said."""
        command = Book(ID, wish(), "ann", booker=ANN, token_hash=hashed(TOKEN))
        booking = Booking(
            ID, wish(), Span(NOON, NOON + HOUR_MS), "confirmed", "ann", ANN, {}, hashed(TOKEN), NOW, None, 0
        )
        day().when(command, policy=by()).then(
            SlotsTaken(ID, "visit", SLOTS, "confirmed", None, "", 7), BookingMade(booking)
        ).replies({"booking": ID, "status": "confirmed", "until": None})

    def test_a_hold_turns_into_the_booking(self) -> None:
        """In the same commit: there is no moment in between for anybody else."""
        hold = SlotsHeld(id_of("h-1"), "ann", wish(), SLOTS, NOW + 10_000, NOW + 99_000, 10_000, 7)
        outcome = day(hold).when(Book(ID, wish(), "ann", id_of("h-1")), policy=by())
        outcome.replies({"booking": ID, "status": "confirmed", "until": None}).wakes_at(NOON + HOUR_MS + 1)
        taken = SlotsTaken(ID, "visit", SLOTS, "confirmed", None, id_of("h-1"), 7)
        day(hold, taken).when(PlaceHold(id_of("h-2"), "bob", wish()), policy=by()).then_refused("taken")

    def test_the_sessions_own_hold_never_blocks_it(self) -> None:
        """Named or not, and on other slots too."""
        hold = SlotsHeld(id_of("h-1"), "ann", wish(), SLOTS, NOW + 10_000, NOW + 99_000, 10_000, 7)
        later = wish(start=NOON + 1_800_000)
        outcome = day(hold).when(Book(id_of("b-1", later), later, "ann"), policy=by())
        outcome.replies({"booking": ID, "status": "confirmed", "until": None})
        assert HoldReleased(id_of("h-1")) in outcome.facts

    @pytest.mark.parametrize(("session", "at", "code"), [("bob", 0, "not_your_hold"), ("ann", 10_001, "hold_gone")])
    def test_a_hold_is_its_sessions_and_ends(self, session: str, at: int, code: str) -> None:
        """Nobody books from another's, or from one that is over."""
        hold = SlotsHeld(id_of("h-1"), "ann", wish(), SLOTS, NOW + 10_000, NOW + 99_000, 10_000, 7)
        day(hold).when(Book(ID, wish(), session, id_of("h-1")), at=NOW + at, policy=by()).then_refused(code)
        day().when(Book(ID, wish(), session, id_of("h-1")), policy=by()).then_refused("hold_gone")

    @pytest.mark.parametrize("start", [NOON - HOUR_MS + 900_000, NOON, NOON + HOUR_MS - 900_000])
    def test_booked_slots_are_nobody_elses(self, start: int) -> None:
        """Wherever the two meet."""
        other = wish(start=start)
        day(*booked()).when(Book(id_of("b-2", other), other), policy=by()).then_refused("taken")

    def test_buffers_keep_others_away(self) -> None:
        """They occupy, though nobody visits then."""
        wide = wish("wide", NOON)
        taken = SlotsTaken(id_of("b-1", wide), "wide", Slots(46, 53), "confirmed", None, "", 7)
        for start in (NOON - HOUR_MS, NOON + HOUR_MS):
            other = wish(start=start)
            day(taken).when(Book(id_of("b-2", other), other), policy=by()).then_refused("taken")
        free = wish(start=NOON + HOUR_MS + 900_000)
        assert day(taken).when(Book(id_of("b-2", free), free), policy=by()).facts

    @pytest.mark.parametrize(
        ("event_type", "status", "until"),
        [("asked", "pending", NOW + 3_600_000), ("offered", "provisional", NOW + 1_800_000)],
    )
    def test_some_are_not_certain_at_once(self, event_type: str, status: str, until: int) -> None:
        """They keep their slots until somebody has said yes, or it is too late."""
        wanted = wish(event_type)
        outcome = day().when(Book(ID, wanted), policy=by())
        outcome.replies({"booking": ID, "status": status, "until": until}).wakes_at(until + 1)

    @pytest.mark.parametrize(
        ("answers", "code"),
        [
            ({}, "answer_missing"),
            ({"who": "  "}, "answer_missing"),
            ({"who": "Bo", "what": "x"}, "unknown_question"),
            ({"who": "Bo", "mail": "nonsense"}, "bad_answer"),
            ({"who": "Bo", "drink": "wine"}, "bad_answer"),
            ({"who": "x" * 501}, "bad_answer"),
        ],
    )
    def test_questions_want_answers(self, answers: dict[str, str], code: str) -> None:
        """The required ones, and of the right kind."""
        day().when(Book(ID, wish("curious"), answers=answers), policy=by()).then_refused(code)
        full = {"who": "Bo", "mail": "bo@example.org", "drink": "tea"}
        assert day().when(Book(ID, wish("curious"), answers=full), policy=by()).facts

    def test_who_books_is_named_in_bounds(self) -> None:
        """Text that can be shown, and not without end."""
        for booker, code in ((Booker("x" * 321), "name_too_long"), (Booker(email="a\x00"), "bad_email")):
            day().when(Book(ID, wish(), booker=booker), policy=by()).then_refused(code)

    def test_an_id_is_used_once(self) -> None:
        """Even when what it named has ended."""
        over = (*booked(), BookingCancelled(ID, ""), SlotsFreed(ID))
        day(*over).when(Book(ID, wish()), policy=by()).then_refused("booking_exists")


class TestSpans:
    LONG = wish("long", NOON, 2_880)

    def test_each_day_takes_its_own_part(self) -> None:
        """Two days of a studio: the first owns it, the others only know what is theirs."""
        together = days_of_wish(self.LONG)
        assert together == tuple(f"demo.day.studio.2026-12-0{n}" for n in (7, 8, 9))
        parts = [Slots(48, 96), Slots(0, 96), Slots(0, 48)]
        for actor, slots in zip(together, parts, strict=True):
            outcome = day(actor=actor).when(Book(ID, self.LONG), policy=by(*together))
            assert outcome.facts[0] == SlotsTaken(ID, "long", slots, "confirmed", None, "", 7)
            assert len(outcome.facts) == (2 if actor == ACTOR else 1)

    @pytest.mark.parametrize("left_out", [0, 1, 2])
    def test_nobody_is_left_out(self, left_out: int) -> None:
        """A day that is asked without the others refuses: all or nothing, whoever asks (law 2)."""
        together = days_of_wish(self.LONG)
        others = tuple(actor for number, actor in enumerate(together) if number != left_out)
        for actor in others:
            day(actor=actor).when(Book(ID, self.LONG), policy=by(*others)).then_refused("changed_meanwhile")
            day(actor=actor).when(Book(ID, self.LONG), policy=by()).then_refused("changed_meanwhile")

    def test_all_items_are_booked_together(self) -> None:
        """A studio with two microphones: each in its own units."""
        bundle = wish(items=(Item("studio"), Item("mics", 2)))
        together = days_of_wish(bundle)
        outcome = day(actor=f"demo.day.mics.{DATE}").when(Book(ID, bundle), policy=by(*together))
        outcome.then(SlotsTaken(ID, "visit", Slots(48, 52, 2), "confirmed", None, "", 7))

    def test_what_is_owned_elsewhere_ends_with_its_owner_only(self) -> None:
        """A part cannot be freed, kept or moved behind the owner's back."""
        taken = SlotsTaken(ID, "visit", SLOTS, "confirmed", None, "", 7)
        for command in (Cancel(ID), Decline(ID), Confirm(ID), Move(ID, wish())):
            day(taken, actor=OTHER_ACTOR).when(command, policy=by()).then_refused("owner_missing")
        day(taken, actor=OTHER_ACTOR).when(Cancel(ID), policy=by(OTHER_ACTOR, ACTOR)).then(SlotsFreed(ID))

    def test_the_owner_ends_it_with_everybody(self) -> None:
        """Or the others would keep slots for a booking that is no more."""
        booking = Booking(ID, self.LONG, Span(NOON, NOON + 48 * HOUR_MS), "confirmed", created_at=NOW)
        facts = (SlotsTaken(ID, "long", Slots(48, 96), "confirmed", None, "", 7), BookingMade(booking))
        together = days_of_wish(self.LONG)
        day(*facts).when(Cancel(ID), policy=by()).then_refused("changed_meanwhile")
        day(*facts).when(Cancel(ID), policy=by(*together[:2])).then_refused("changed_meanwhile")
        day(*facts).when(Cancel(ID), policy=by(*together)).then(SlotsFreed(ID), BookingCancelled(ID, ""))


class TestLifecycle:
    def test_provisional_is_confirmed_by_the_booker(self) -> None:
        """With the token that only they have; it does not lapse any more."""
        facts = booked("provisional", wish("offered"), NOW + 1_800_000)
        at = NOW + 1_800_000
        day(*facts).when(Confirm(ID, TOKEN), at=at, policy=by()).then(
            SlotsKept(ID, "confirmed", None), BookingConfirmed(ID)
        )
        day(*facts).when(Confirm(ID, "guess"), policy=by()).then_refused("wrong_token")
        day(*facts).when(Confirm(ID, TOKEN), at=at + 1, policy=by()).then_refused("lapsed")

    def test_provisional_may_have_to_be_approved(self) -> None:
        """Then the booker's yes makes it pending, and the operator's makes it certain."""
        facts = booked("provisional", wish("both"), NOW + 1_800_000)
        pending = (SlotsKept(ID, "pending", None), BookingPending(ID, None))
        day(*facts).when(Confirm(ID, TOKEN), policy=by()).then(*pending)
        day(*facts, *pending).when(Confirm(ID, TOKEN), policy=by()).then_refused("needs_approval")
        day(*facts, *pending).when(Confirm(ID), policy=by()).then(
            SlotsKept(ID, "confirmed", None), BookingConfirmed(ID)
        )

    def test_pending_is_declined(self) -> None:
        """And its slots are free again."""
        facts = booked("pending", wish("asked"), NOW + 3_600_000)
        ended = (SlotsFreed(ID), BookingDeclined(ID, "full house"))
        day(*facts).when(Decline(ID, "full house"), policy=by()).then(*ended).wakes_at(None)
        assert day(*facts, *ended).when(Book(id_of("b-2"), wish()), policy=by()).facts

    @pytest.mark.parametrize("status", ["provisional", "pending"])
    def test_it_lapses_by_itself(self, status: Status) -> None:
        """At exactly its time it still stands."""
        facts = booked(status, wish("asked"), NOW + 3_600_000)
        day(*facts).when(Tick(), at=NOW + 3_600_000, policy=by()).then_nothing()
        late = day(*facts).when(Tick(), at=NOW + 3_600_001, policy=by())
        late.then(SlotsFreed(ID), BookingLapsed(ID)).wakes_at(None)

    def test_what_has_lapsed_gives_way_before_anybody_noticed(self) -> None:
        """Whoever comes first has the slots."""
        facts = booked("pending", wish("asked"), NOW + 3_600_000)
        outcome = day(*facts).when(Book(id_of("b-2"), wish()), at=NOW + 3_600_001, policy=by())
        assert outcome.facts[:2] == (SlotsFreed(ID), BookingLapsed(ID))

    def test_a_cancellation_frees_once(self) -> None:
        """Again is harmless: nothing is freed twice, and the answer is the same."""
        ended = (SlotsFreed(ID), BookingCancelled(ID, "ill"))
        reply = {"booking": ID, "status": "cancelled"}
        day(*booked()).when(Cancel(ID, TOKEN, "ill"), policy=by()).then(*ended).replies(reply)
        day(*booked(), *ended).when(Cancel(ID, TOKEN), policy=by()).then_nothing(reply=reply)
        again = day(*booked(), *ended, *booked(token="b-2"))
        again.when(Cancel(ID), policy=by()).then_nothing(reply=reply)

    def test_a_reason_is_text_within_bounds(self) -> None:
        """It is stored and shown: on several lines, but not without end."""
        for reason, code in (("x" * 1_001, "reason_too_long"), ("\x1b[2J", "bad_reason")):
            day(*booked()).when(Cancel(ID, None, reason), policy=by()).then_refused(code)
            day(*booked("pending")).when(Decline(ID, reason), policy=by()).then_refused(code)
        assert day(*booked()).when(Cancel(ID, None, "ill\nsorry"), policy=by()).facts

    def test_deadlines_bind_the_booker_not_the_operator(self) -> None:
        """An hour before for cancelling, two for moving."""
        facts = booked("confirmed", wish("strict"))
        late, later = NOON - 2 * HOUR_MS + 1, NOON - HOUR_MS + 1
        moved = wish("strict", NOON + 2 * HOUR_MS)
        day(*facts).when(Move(ID, moved, None, TOKEN), at=late, policy=by()).then_refused("too_late")
        day(*facts).when(Cancel(ID, TOKEN), at=later, policy=by()).then_refused("too_late")
        assert day(*facts).when(Move(ID, moved), at=late, policy=by()).facts
        assert day(*facts).when(Cancel(ID), at=later, policy=by()).facts

    def test_it_is_moved_even_onto_its_own_old_time(self) -> None:
        """Its own slots are no obstacle; others' are."""
        half = wish(start=NOON + 1_800_000)
        outcome = day(*booked()).when(Move(ID, half), policy=by())
        outcome.then(
            SlotsFreed(ID),
            SlotsTaken(ID, "visit", Slots(50, 54), "confirmed", None, "", 7),
            BookingMoved(ID, half, Span(half.start, half.start + HOUR_MS), 1),
        )
        busy = booked(wanted=wish(start=NOON + HOUR_MS), token="b-2")
        day(*booked(), *busy).when(Move(ID, half), policy=by()).then_refused("taken")
        day(*booked()).when(Move(ID, wish("wide")), policy=by()).then_refused("items_differ")
        day(*booked()).when(Move(ID, half, 5), policy=by()).then_refused("changed_meanwhile")

    def test_what_was_approved_is_approved_anew_when_its_booker_moves_it(self) -> None:
        """It was approved for its time; the operator, who approves, moves it as it is. Every day that it goes to sees
        it alike, and so does who counts it."""
        later, until = wish("asked", NOON + 24 * HOUR_MS), NOW + 3_600_000
        there = "demo.day.studio.2026-12-08"
        both = by(ACTOR, there)
        facts = booked("confirmed", wish("asked"))
        moved = BookingMoved(ID, later, Span(later.start, later.start + HOUR_MS), 1)
        day(*facts).when(Move(ID, later, None, TOKEN), policy=both).then(
            SlotsFreed(ID), moved, BookingPending(ID, until)
        )
        pending = SlotsTaken(ID, "asked", SLOTS, "pending", until, "", 7)
        day(actor=there).when(Move(ID, later, None, TOKEN), policy=both).then(pending)
        day(*facts).when(Move(ID, later), policy=both).then(SlotsFreed(ID), moved)
        hers = quota_actor("demo", "b-1")
        counted = given(QUOTA, Counted(ID, "asked", NOON, "confirmed", None), at=NOW, actor=hers)
        counted.when(Move(ID, later, None, TOKEN), policy=by(ACTOR, there, hers)).then(
            Recounted(ID, later.start), Advanced(ID, "pending", until)
        )

    def test_what_a_room_guards_is_not_taken_without_its_pass(self) -> None:
        """A ticket of another room will not do. Whose pass it was stays with the booking, and lets it be moved."""
        guarded = msgspec.structs.replace(CATALOG.event_types["visit"], room="launch")
        catalog = msgspec.structs.replace(CATALOG, event_types=CATALOG.event_types | {"visit": guarded})
        for admitted in ("", "other.0.1", "launch", "launch.0.01"):
            asked = msgspec.structs.replace(wish(), admitted=admitted)
            day().when(Book(ID, asked), policy=by(catalog=catalog)).then_refused("pass_needed")
        admitted_wish = msgspec.structs.replace(wish(), admitted="launch.0.1")
        taken = day().when(Book(ID, admitted_wish), policy=by(catalog=catalog))
        assert [fact.booking.wish.admitted for fact in taken.facts if isinstance(fact, BookingMade)] == ["launch.0.1"]

    def test_people_are_called_what_they_are_called(self) -> None:
        """Joined letters, no-break spaces and pictures are part of names; controls are not, nor blanks of addresses."""
        for name in ("Jean\u00a0Dupont", "می\u200cخواهم", "👩\u200d🎤"):
            assert day().when(Book(ID, wish(), booker=Booker(name)), policy=by()).facts
        day().when(Book(ID, wish(), booker=Booker("Ann\nLee")), policy=by()).then_refused("bad_name")
        day().when(Book(ID, wish(), booker=Booker(email=" a@b.c")), policy=by()).then_refused("bad_email")

    def test_it_is_moved_to_another_day(self) -> None:
        """Both take part; the first one still owns it, so its id still leads there."""
        tomorrow = wish(start=NOON + 24 * HOUR_MS)
        there = "demo.day.studio.2026-12-08"
        together = (ACTOR, there)
        day(*booked()).when(Move(ID, tomorrow), policy=by()).then_refused("changed_meanwhile")
        moved = BookingMoved(ID, tomorrow, Span(tomorrow.start, tomorrow.start + HOUR_MS), 1)
        day(*booked()).when(Move(ID, tomorrow), policy=by(*together)).then(SlotsFreed(ID), moved)
        taken = SlotsTaken(ID, "visit", SLOTS, "confirmed", None, "", 7)
        day(actor=there).when(Move(ID, tomorrow), policy=by(*together)).then(taken)
        day(*booked(), SlotsFreed(ID), moved).when(Cancel(ID), policy=by(*together)).then(BookingCancelled(ID, ""))

    def test_what_took_place_is_completed_or_missed(self) -> None:
        """When it has begun, not before; and that is its end."""
        begun = NOON + 1
        day(*booked()).when(Complete(ID), at=begun, policy=by()).then(BookingCompleted(ID)).wakes_at(None)
        day(*booked()).when(Miss(ID), at=begun, policy=by()).then(BookingMissed(ID))
        day(*booked()).when(Miss(ID), policy=by()).then_refused("too_early")
        over = day(*booked(), BookingCompleted(ID))
        over.when(Cancel(ID), policy=by()).then_refused("wrong_status")

    def test_reminders_and_the_end_come_by_themselves(self) -> None:
        """A day before, an hour before, half an hour after the end."""
        noted = booked("confirmed", wish("noted"))
        day(*noted).when(Tick(), at=NOON - 24 * HOUR_MS + 1, policy=by()).then(ReminderDue(ID, 1_440)).wakes_at(
            NOON - HOUR_MS + 1
        )
        reminded = day(*noted, ReminderDue(ID, 1_440), ReminderDue(ID, 60))
        end = NOON + HOUR_MS + 30 * MINUTE_MS
        reminded.when(Tick(), at=end, policy=by()).then_nothing().wakes_at(end + 1)
        reminded.when(Tick(), at=end + 1, policy=by()).then(BookingCompleted(ID)).wakes_at(None)

    def test_a_moved_booking_is_reminded_of_its_new_time(self) -> None:
        """And not of the old one."""
        later = wish("noted", NOON + 2 * HOUR_MS)
        moved = BookingMoved(ID, later, Span(later.start, later.start + HOUR_MS), 1)
        facts = (*booked("confirmed", wish("noted")), ReminderDue(ID, 1_440), moved)
        day(*facts).when(ShowBooking(ID), policy=by()).wakes_at(later.start - 24 * HOUR_MS + 1)

    def test_what_is_gone_from_the_catalog_is_not_confirmed(self) -> None:
        """The rules are asked again, but not the notice: that was kept when it was made."""
        facts = booked("pending", wish("asked"), NOW + 3_600_000)
        inactive = msgspec.structs.replace(CATALOG.event_types["asked"], active=False)
        changed = msgspec.structs.replace(CATALOG, event_types={"asked": inactive})
        day(*facts).when(Confirm(ID), policy=by(catalog=changed)).then_refused("inactive_event_type")

    def test_unknown_bookings_are_told_so(self) -> None:
        """Whatever is asked of them."""
        for command in (
            Cancel(ID),
            Confirm(ID),
            Decline(ID),
            Move(ID, wish()),
            Complete(ID),
            Miss(ID),
            ShowBooking(ID),
        ):
            day().when(command, policy=by()).then_refused("unknown_booking")

    def test_the_table_has_no_way_out_of_an_end(self) -> None:
        """Whatever is not alive stays as it is, and what is alive can end."""
        assert all(bool(steps) == (status in ALIVE) for status, steps in TRANSITIONS.items())
        reached = {after for steps in TRANSITIONS.values() for after in steps.values()} | {"provisional", "pending"}
        assert reached == set(TRANSITIONS)


def test_a_fresh_period_does_not_revive_what_has_lapsed() -> None:
    """Only what heartbeats keep gets one."""
    facts = booked("pending", wish("asked"), NOW + 3_600_000)
    fresh = by(leases=Leases(since=NOW + 3_600_000))
    day(*facts).when(Tick(), at=NOW + 3_600_001, policy=fresh).then(SlotsFreed(ID), BookingLapsed(ID))
