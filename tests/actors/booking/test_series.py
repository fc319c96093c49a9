"""A series is the same visit by the clocks of the place; all of it or nothing, and whoever asks first hears why not."""

from __future__ import annotations

import datetime as dt

import pytest

from actors.booking.commands import Book, WouldFit
from actors.booking.series import OCCURRENCES_MAX, commands_of, for_series, starts_of, wishes_of
from actors.decider import Refusal
from events.calendar.quantum import day_start
from events.day import Item, Slots, SlotsTaken
from tests.support.studio import CATALOG, HOUR_MS, NOON, by, day, id_of, wish

VISIT = CATALOG.event_types["visit"]
MARCH_22 = day_start("2027-03-22") + 9 * HOUR_MS
"""Ten o'clock in Berlin, a week before the clocks change there."""


def hours(starts: list[int] | Refusal) -> list[str]:
    assert not isinstance(starts, Refusal), starts
    return [dt.datetime.fromtimestamp(start / 1000, dt.UTC).strftime("%m-%d %H:%M") for start in starts]


class TestRules:
    def test_it_goes_by_the_clocks(self) -> None:
        """Ten o'clock stays ten o'clock when the clocks change: in UTC it does not."""
        assert hours(starts_of("FREQ=WEEKLY;COUNT=3", MARCH_22, "Europe/Berlin")) == [
            "03-22 09:00", "03-29 08:00", "04-05 08:00"
        ]  # fmt: skip
        assert hours(starts_of("RRULE:FREQ=DAILY;UNTIL=20270324", MARCH_22, "UTC")) == ["03-22 09:00", "03-23 09:00"]

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            ("nonsense", "bad_rule"),
            ("FREQ=SOMETIMES;COUNT=2", "bad_rule"),
            ("FREQ=DAILY;COUNT=2\nEXDATE:20270322", "bad_rule"),
            ("", "bad_rule"),
            ("FREQ=DAILY", "too_many_occurrences"),
            (f"FREQ=DAILY;COUNT={OCCURRENCES_MAX + 1}", "too_many_occurrences"),
        ],
    )
    def test_what_is_no_rule_is_told_so(self, rule: str, code: str) -> None:
        """Unreadable, or without an end."""
        told = starts_of(rule, MARCH_22, "UTC")
        assert isinstance(told, Refusal) and told.code == code


class TestTogether:
    def test_every_visit_is_a_booking_of_its_own(self) -> None:
        """Asked for in one transaction, each of its own days."""
        starts = starts_of("FREQ=WEEKLY;COUNT=3", NOON, "UTC")
        assert not isinstance(starts, Refusal)
        wishes = wishes_of(wish(items=(Item("studio"), Item("mics"))), starts)
        parts = for_series("demo", VISIT, commands_of(VISIT, Book("", wish(), "ann"), wishes, "s-1"))
        assert not isinstance(parts, Refusal)
        assert [actor for actor, _ in parts] == [
            f"demo.day.{resource}.2026-12-{date}" for date in ("07", "14", "21") for resource in ("studio", "mics")
        ]
        assert len({part.booking for _, part in parts if isinstance(part, Book)}) == 3

    def test_two_visits_on_a_day_are_two_series(self) -> None:
        """One thing is asked of each day."""
        wishes = wishes_of(wish(), [NOON, NOON + 2 * HOUR_MS])
        told = for_series("demo", VISIT, commands_of(VISIT, Book("", wish()), wishes, "s-1"))
        assert isinstance(told, Refusal) and told.code == "series_meets_itself"

    def test_a_series_is_no_larger_than_a_transaction(self) -> None:
        """Forty days of two resources are more than can be asked together."""
        starts = [NOON + number * 24 * HOUR_MS for number in range(40)]
        wishes = wishes_of(wish(items=(Item("studio"), Item("mics"))), starts)
        told = for_series("demo", VISIT, commands_of(VISIT, Book("", wish()), wishes, "s-1"))
        assert isinstance(told, Refusal) and told.code == "too_many_days"


class TestAskingFirst:
    def test_whether_it_would_fit_is_told(self) -> None:
        """And why not; nothing is kept for whoever asks."""
        taken = SlotsTaken(id_of("b-1"), "visit", Slots(48, 52), "confirmed", None, "", 7)
        day().when(WouldFit(wish()), policy=by()).then_nothing(reply={"fits": True})
        day(taken).when(WouldFit(wish()), policy=by()).then_nothing(
            reply={"fits": False, "why": Refusal("taken", "0 of 1 units are free at that time, not 1", "late")}
        )
        day().when(WouldFit(wish("nothing")), policy=by()).then_nothing(
            reply={"fits": False, "why": Refusal("unknown_event_type", "there is no event type 'nothing'")}
        )
        day().when(WouldFit(wish(items=(Item("other"),))), policy=by()).then_refused("not_here")
