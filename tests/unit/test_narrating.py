"""What happens to a day, in plain words."""

from __future__ import annotations

from events.calendar.offers import occupied
from events.calendar.quantum import Span, day_start
from events.calendar.zones import local_day_span
from events.catalog import EventType
from events.day import (
    FACTS,
    Blocked,
    Booker,
    Booking,
    BookingCancelled,
    BookingMade,
    BookingMoved,
    DayFact,
    HoldExpired,
    Item,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    StandbyPassed,
    Unblocked,
    Wish,
)
from tidegate.narrating import _PLAIN, Narrator

BERLIN = "Europe/Berlin"
DATE = "2026-12-07"
TEN = day_start(DATE) + 9 * 3_600_000
VISIT = EventType("visit", "A visit", buffer_after=30)
WISH = Wish("visit", TEN, 60, (Item("studio"), Item("mics", 2)))
BOOKING = Booking("b", WISH, occupied(VISIT, TEN, 60), "confirmed", booker=Booker("Ann"))
HELD = SlotsHeld("h", "s", WISH, Slots(36, 42), TEN, TEN, 0, 0)
TAKEN = SlotsTaken("b", "visit", Slots(36, 42), "confirmed", None, "", 0)


def sentences(*commits: tuple[DayFact, ...], date: str = DATE) -> list[str]:
    narrator = Narrator(date, local_day_span(DATE, BERLIN), BERLIN)
    return [text for facts in commits for _, text in narrator.told(facts)]


def test_a_hold_is_told_with_its_time_and_so_is_its_end() -> None:
    """By the clocks of the zone, buffers included; the end says no times of its own, so they are remembered."""
    held, expired = sentences((HELD,), (HoldExpired("h"),))
    assert held.startswith("10:00–11:30 held by session s until 10:00:00")
    assert expired == "10:00–11:30 free again: the hold has expired (h)"


def test_what_one_commit_says_twice_is_told_once() -> None:
    """A booking takes its slots, a cancellation frees them, a move does both: one sentence each."""
    span = Span(TEN + 3_600_000, TEN + 9_000_000)
    later = Wish("visit", TEN + 3_600_000, 60, WISH.items)
    told = sentences(
        (TAKEN, BookingMade(BOOKING)),
        (SlotsFreed("b"), TAKEN, BookingMoved("b", later, span, 1)),
        (SlotsFreed("b"), BookingCancelled("b", "ill")),
    )
    assert told == [
        "10:00–11:30 booked, confirmed: visit with studio, 2 × mics, Mon 2026-12-07 10:00–11:00 (b)",
        "moved to Mon 2026-12-07 11:00–12:00, for the 1st time (b)",
        "11:00–12:30 free again: the booking was cancelled (b)",
    ]


def test_what_another_day_owns_is_told_by_its_slots() -> None:
    """The microphones' day knows no booking, only what was taken of it."""
    assert sentences((TAKEN,), (SlotsFreed("b"),)) == [
        "10:00–11:30 taken by a booking that is confirmed (b)",
        "10:00–11:30 free again (b)",
    ]


def test_what_lies_on_the_next_local_day_is_not_told() -> None:
    """Two UTC dates share a local day; each narrator tells of its part."""
    night = SlotsTaken("n", "visit", Slots(92, 96), "confirmed", None, "", 0)
    assert sentences((night,), (SlotsFreed("n"),)) == []
    assert len(sentences((night,), date="2026-12-06")) == 1


def test_blocks_and_lines_are_told() -> None:
    """What has no id is told without."""
    told = sentences((Blocked("x", Slots(36, 40), "tuner"),), (Unblocked("x"),), (StandbyPassed(1),))
    assert told == [
        "10:00–11:00 out of use (x)",
        "10:00–11:00 in use again (x)",
        "there is no room for those in line after all",
    ]


def test_every_fact_of_a_day_has_words() -> None:
    """One that is added and forgotten here fails this."""
    by_themselves = {"SlotsHeld", "HoldReleased", "HoldExpired", "SlotsTaken", "SlotsKept", "SlotsFreed"}
    by_themselves |= {"BookingMade", "BookingMoved"}
    assert {one.__name__ for one in FACTS.current} == by_themselves | {one.__name__ for one in _PLAIN}
