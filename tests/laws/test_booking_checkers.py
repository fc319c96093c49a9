"""The checkers of bookings see what they are there for: each story breaks its law, or keeps it, by what it tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from actors.booking.commands import KeepHold
from actors.kinds import KINDS
from actors.simulation.record import Call, Record
from events.calendar.quantum import DAY_MS, Span, day_start
from events.catalog import RationLifted, Resource, ResourcePut, ResourceRationed
from events.codec import canonical
from events.commit import GENESIS, Decided, encode, hash_of
from events.day import (
    Blocked,
    Booking,
    BookingCancelled,
    BookingConfirmed,
    BookingLapsed,
    BookingMade,
    BookingMoved,
    HoldExpired,
    HoldReleased,
    Item,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    Unblocked,
    Wish,
)
from events.facts import Fact
from events.log import Recorded
from tests.laws import holds_stand, law_01_no_double_booking, law_02_whole_bookings
from tests.laws.history import History

DATE = "2026-12-07"
MIDNIGHT = day_start(DATE)
NOON = MIDNIGHT + DAY_MS // 2
DAY = f"demo.day.room.{DATE}"
NEXT = "demo.day.room.2026-12-08"
AFTER = "demo.day.room.2026-12-09"
ID = f"room.{DATE}.b"
SLOTS = Slots(48, 52)
AT = MIDNIGHT - DAY_MS
HOUR = Span(NOON, NOON + 3_600_000)
WISH = Wish("visit", NOON, 60, (Item("room"),))

Told = tuple[str, str, Iterable[Fact]]
"""An actor, the id of what it was asked, and what became true."""


def room(capacity: int) -> Told:
    return "demo.catalog", f"put-{capacity}", (ResourcePut(Resource("room", "Room", "UTC", capacity)),)


def held(hold: str = "h", slots: Slots = SLOTS, until: int = AT + 10) -> SlotsHeld:
    return SlotsHeld(hold, "ann", WISH, slots, until, until + 90, 10, 1)


def taken(
    booking: str = ID, slots: Slots = SLOTS, *, hold: str = "", catalog: int = 1, until: int | None = None
) -> SlotsTaken:
    return SlotsTaken(booking, "visit", slots, "confirmed", until, hold, catalog)


def made(span: Span = HOUR, *, until: int | None = None) -> BookingMade:
    return BookingMade(Booking(ID, WISH, span, "confirmed" if until is None else "provisional", until=until))


def told(*commits: Told | tuple[Told, ...], at: tuple[int, ...] = ()) -> Record:
    """What was told one after the other, or together; each `at` an instant, the last of which lasts."""
    record, heads = Record(0, quiet_at=AT + 1_000_000), dict[str, str]()
    for number, commit in enumerate(commits):
        parts = commit if isinstance(commit[0], tuple) else (commit,)
        together = tuple(actor for actor, _, _ in parts) if len(parts) > 1 else ()
        when = at[min(number, len(at) - 1)] if at else AT
        for actor, id, facts in parts:
            one = Decided(id, "test", when, tuple(facts), canonical(None))  # type: ignore[arg-type]  # as it is stored
            body = encode(actor, when, heads.get(actor, GENESIS), [one], together)
            heads[actor] = hash_of(body)
            record.log.append(Recorded(len(record.log) + 1, actor, body, when))
    record.quiet_sequence = len(record.log)
    return record


def first(record: Record) -> str:
    return next(law_01_no_double_booking.breaches(History(record, KINDS)), "")


def second(record: Record) -> str:
    return next(law_02_whole_bookings.breaches(History(record, KINDS)), "")


class TestLaw1:
    def test_a_life_that_keeps_it(self) -> None:
        """Held, converted, cancelled, and taken by somebody else; a pool up to its capacity, end to end with others."""
        assert not first(
            told(
                room(2),
                (DAY, "1", (held(slots=Slots(48, 52, 2)),)),
                (DAY, "2", (taken(slots=Slots(48, 52, 2), hold="h"), made())),
                (DAY, "3", (taken("next", Slots(52, 56, 2)),)),
                (DAY, "4", (SlotsFreed(ID), BookingCancelled(ID, ""))),
                (DAY, "5", (held("g", Slots(47, 49)), taken("other", Slots(46, 50)))),
            )
        )

    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            ((taken(), taken("other")), "2 of 1 units are in use of slot 48"),
            ((held(), taken()), "2 of 1 units"),
            ((taken(), taken("other", Slots(51, 53))), "2 of 1 units are in use of slot 51"),
            ((taken(slots=Slots(48, 52, 2)),), "2 of 1 units"),
            ((taken(catalog=9),), "1 of 0 units"),
            ((taken(catalog=0),), "1 of 0 units"),
            ((taken(), SlotsFreed(ID), SlotsFreed(ID)), "was freed, and had nothing"),
            ((SlotsKept(ID, "confirmed", None),), "keeps slots that it does not have"),
            ((held(), taken(hold="h"), HoldExpired("h")), "h ended, and was not held"),
            ((held(), HoldReleased("h"), HoldExpired("h")), "h ended, and was not held"),
            ((held(), HoldReleased("h"), taken(hold="h")), "was made from h, which was not held"),
            ((taken(), made(), BookingCancelled(ID, "")), "has ended, and has slots"),
            ((taken(), made(), SlotsFreed(ID), BookingCancelled(ID, ""), BookingLapsed(ID)), "had ended before"),
            ((Blocked("x", Slots(51, 60), ""), taken()), "out of use"),
        ],
    )
    def test_what_breaks_it(self, facts: tuple[Fact, ...], what: str) -> None:
        """Of a resource with one unit."""
        assert what in first(told(room(1), (DAY, "1", facts)))

    def test_capacity_is_what_the_catalog_said_then(self) -> None:
        """Who was decided by an older one may stand beside a smaller one; who names the smaller one may not."""
        bookings = (DAY, "1", (taken(),)), (DAY, "2", (taken("other"),))
        assert not first(told(room(2), *bookings, room(1)))
        assert not first(told(room(2), room(1), *bookings))
        late = DAY, "2", (taken("other", catalog=2),)
        assert "2 of 1 units" in first(told(room(2), room(1), bookings[0], late))

    def test_a_ration_is_as_good_as_a_capacity(self) -> None:
        """While it stands, no more is given out; when it is lifted, all of it is."""
        rationed = "demo.catalog", "less", (ResourceRationed("room", 1),)
        lifted = "demo.catalog", "all", (RationLifted("room"),)
        bookings = (DAY, "1", (taken(catalog=2),)), (DAY, "2", (taken("other", catalog=2),))
        assert "2 of 1 units" in first(told(room(2), rationed, *bookings))
        late = DAY, "2", (taken("other", catalog=3),)
        assert not first(told(room(2), rationed, lifted, bookings[0], late))

    def test_what_is_in_use_again_can_be_taken(self) -> None:
        """A block that is gone stands in nobody's way."""
        facts = (Blocked("x", Slots(51, 60), ""), Unblocked("x"), taken())
        assert not first(told(room(1), (DAY, "1", facts)))


class TestLaw2:
    LONG = Span(NOON, NOON + DAY_MS)
    BOTH = (DAY, "1", (taken(slots=Slots(48, 96)), made(LONG))), (NEXT, "1", (taken(slots=Slots(0, 48)),))

    def test_lives_that_keep_it(self) -> None:
        """Made on both days, moved on by one, and cancelled wherever it then is."""
        moved = BookingMoved(ID, WISH, Span(NOON + DAY_MS, NOON + 2 * DAY_MS), 1)
        on = (
            (DAY, "2", (SlotsFreed(ID), moved)),
            (NEXT, "2", (SlotsFreed(ID), taken(slots=Slots(48, 96)))),
            (AFTER, "2", (taken(slots=Slots(0, 48)),)),
        )
        over = (
            (DAY, "3", (BookingCancelled(ID, ""),)),
            (NEXT, "3", (SlotsFreed(ID),)),
            (AFTER, "3", (SlotsFreed(ID),)),
        )
        assert not second(told(room(1), self.BOTH, on, over))
        assert f"and has {Slots(0, 48)} on {AFTER}" in second(told(room(1), self.BOTH, on, over[:2]))

    @pytest.mark.parametrize(
        ("then", "what"),
        [
            (((DAY, "2", (SlotsFreed(ID), BookingCancelled(ID, ""))),), f"is cancelled, and has {Slots(0, 48)}"),
            (((NEXT, "2", (SlotsFreed(ID),)),), f"is confirmed, and has nothing on {NEXT}"),
            (((NEXT, "2", (SlotsFreed(ID), taken(slots=Slots(0, 47)))),), f"has {Slots(0, 47)} on {NEXT}"),
            (((NEXT, "2", (SlotsKept(ID, "pending", AT),)),), f"and on {NEXT} until {AT}"),
        ],
    )
    def test_what_breaks_it(self, then: tuple[Told, ...], what: str) -> None:
        """What one day does without the others."""
        assert what in second(told(room(1), self.BOTH, *then))

    def test_one_day_alone_is_not_enough(self) -> None:
        """Whether it is the owner's or another."""
        assert "and has nothing on" in second(told(room(1), self.BOTH[0]))
        assert "nobody owns it" in second(told(room(1), self.BOTH[1]))

    def test_time_works_on_each_day_by_itself_until_all_is_quiet(self) -> None:
        """A day may be ahead of the owner, or behind; in the end both agree."""
        until = AT + 10
        unsure = (
            (DAY, "1", (taken(slots=Slots(48, 96), until=until), made(self.LONG, until=until))),
            (NEXT, "1", (taken(slots=Slots(0, 48), until=until),)),
        )
        lapses = (DAY, "2", (SlotsFreed(ID), BookingLapsed(ID))), (NEXT, "3", (SlotsFreed(ID),))
        at = (AT, AT, until + 1)
        assert not second(told(room(1), unsure, *lapses, at=at))
        assert not second(told(room(1), unsure, *reversed(lapses), at=at))
        for lapse in lapses:
            assert second(told(room(1), unsure, lapse, at=at)).startswith("when all was quiet")
        confirmed = (DAY, "4", (SlotsKept(ID, "confirmed", None), BookingConfirmed(ID)))
        assert "has nothing on" in second(told(room(1), unsure, lapses[1], confirmed, at=at))


class TestHoldsStand:
    def test_no_hold_expires_before_its_time(self) -> None:
        """At exactly its end it still stands."""
        story = room(1), (DAY, "1", (held(until=AT + 10),)), (DAY, "2", (HoldExpired("h"),))
        assert list(holds_stand.breaches(History(told(*story, at=(AT, AT, AT + 10)), KINDS)))
        assert not list(holds_stand.breaches(History(told(*story, at=(AT, AT, AT + 11)), KINDS)))

    def test_heartbeats_count_where_clocks_are_right(self) -> None:
        """What the session was told last is what it may rely on."""
        record = told(
            room(1), (DAY, "1", (held(until=AT + 10),)), (DAY, "2", (HoldExpired("h"),)), at=(AT, AT, AT + 11)
        )
        beat = Call("client", "3", ((DAY, KeepHold("h", "ann")),), 0.0, 0, outcome="accepted")
        beat.reply = {"hold": "h", "expires_at": AT + 11}
        record.calls.append(beat)
        assert list(holds_stand.breaches(History(record, KINDS)))
        record.occurred = Counter({"clock_jumped": 1})
        assert not list(holds_stand.breaches(History(record, KINDS)))
