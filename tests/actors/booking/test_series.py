"""A series is the same visit by the clocks of the place; all of it or nothing."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from actors.booking.asking import for_series
from actors.booking.commands import BookSeries
from actors.booking.day import DAY
from actors.booking.limits import LIMITS
from actors.booking.quota import QUOTA
from actors.booking.recurrence import starts_of
from actors.decider import Refusal
from actors.runtime.limits import COMMAND_PARTS_MAX
from actors.specification import given
from events.calendar.quantum import DAY_MS, day_start
from events.day import Booker, Item, Slots, SlotsTaken, Wish
from events.quota import Counted, booker_key, quota_actor
from tests.support.studio import CATALOG, HOUR_MS, NOW, by, day, wish

VISIT = CATALOG.event_types["visit"]
MARCH_22 = day_start("2027-03-22") + 9 * HOUR_MS
"""Ten o'clock in Berlin, a week before the clocks change there."""


def series(first: Wish, *later: int) -> BookSeries:
    """The first visit, and so many milliseconds later again."""
    return BookSeries("s-1", first, tuple(first.start + after for after in later))


def hours(starts: list[int] | Refusal) -> list[str]:
    assert not isinstance(starts, Refusal), starts
    return [dt.datetime.fromtimestamp(start / 1000, dt.UTC).strftime("%m-%d %H:%M") for start in starts]


class TestRules:
    def test_it_goes_by_the_clocks(self) -> None:
        """Ten o'clock stays ten o'clock when the clocks change: in UTC it does not."""
        assert hours(starts_of("FREQ=WEEKLY;COUNT=3", MARCH_22, "Europe/Berlin")) == [
            "03-22 09:00", "03-29 08:00", "04-05 08:00"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("until", "last"),
        [
            ("20270324", "03-24 09:00"),
            ("20270324T100000", "03-24 09:00"),
            ("20270324T095959", "03-23 09:00"),
            ("20270324T090000Z", "03-24 09:00"),
            ("20270324T085959Z", "03-23 09:00"),
        ],
    )
    def test_it_ends_with_what_its_end_says(self, until: str, last: str) -> None:
        """A date is all of that date, a time is the clock's, and one with a Z is the same instant everywhere."""
        assert hours(starts_of(f"RRULE:FREQ=DAILY;UNTIL={until}", MARCH_22, "Europe/Berlin"))[-1] == last

    def test_it_begins_where_it_is_told_to(self) -> None:
        """In the second of the two hours that a clock shows twice, too."""
        second = day_start("2026-10-25") + HOUR_MS
        told = starts_of("FREQ=WEEKLY;COUNT=2", second, "Europe/Berlin")
        assert hours(told) == ["10-25 01:00", "11-01 01:00"]

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            ("nonsense", "bad_rule"),
            ("FREQ=SOMETIMES;COUNT=2", "bad_rule"),
            ("FREQ=DAILY;COUNT=2\nEXDATE:20270322", "bad_rule"),
            ("FREQ=DAILY;UNTIL=20271332", "bad_rule"),
            ("", "bad_rule"),
            ("FREQ=DAILY", "too_many_occurrences"),
            (f"FREQ=DAILY;COUNT={LIMITS.visits_max + 1}", "too_many_occurrences"),
        ],
    )
    def test_what_is_no_rule_is_told_so(self, rule: str, code: str) -> None:
        """Unreadable, or without an end."""
        told = starts_of(rule, MARCH_22, "UTC")
        assert isinstance(told, Refusal) and told.code == code


class TestTogether:
    def test_every_visit_is_a_booking_of_its_own(self) -> None:
        """Asked for in one transaction, of all days of all visits; the first one's owner tells their ids."""
        asked = series(wish(items=(Item("studio"), Item("mics"))), 7 * DAY_MS, 14 * DAY_MS)
        parts = for_series("demo", VISIT, asked)
        assert not isinstance(parts, Refusal)
        actors = [actor for actor, _ in parts]
        assert actors == [
            f"demo.day.{resource}.2026-12-{date}" for date in ("07", "14", "21") for resource in ("studio", "mics")
        ]
        ids = [f"studio.2026-12-{date}.s-1-{number}" for number, date in enumerate(("07", "14", "21"), 1)]
        taken = SlotsTaken(ids[0], "visit", Slots(48, 52), "confirmed", None, "", 7)
        first = day().when(asked, policy=by(*actors))
        first.replies({"bookings": ids, "status": "confirmed", "until": None})
        assert first.facts[0] == taken
        along = day(actor=actors[-1]).when(asked, policy=by(*actors))
        along.then(SlotsTaken(ids[2], "visit", Slots(48, 52), "confirmed", None, "", 7)).replies(None)

    def test_a_day_takes_as_many_visits_as_it_has_room_for(self) -> None:
        """Each on what the ones before it have left: three on one day, of which the last two meet."""
        told = day().when(series(wish(), 2 * HOUR_MS, 4 * HOUR_MS), policy=by())
        assert [fact.slots for fact in told.facts if isinstance(fact, SlotsTaken)] == [
            Slots(48, 52), Slots(56, 60), Slots(64, 68)
        ]  # fmt: skip
        day().when(series(wish(), 2 * HOUR_MS, 2 * HOUR_MS + 900_000), policy=by()).then_refused("taken")
        pool = wish(items=(Item("room", 2),))
        room = day(actor="demo.day.room.2026-12-07")
        assert len(room.when(series(pool, 900_000), policy=by()).facts) == 4
        room.when(series(pool, 900_000, 1_800_000), policy=by()).then_refused("taken")

    @pytest.mark.parametrize("missing", range(6))
    def test_nobody_is_left_out(self, missing: int) -> None:
        """Not a day of any visit, whoever composed it: some day refuses, so nothing happens."""
        asked = series(wish(items=(Item("studio"), Item("mics"))), 7 * DAY_MS, 14 * DAY_MS)
        parts = for_series("demo", VISIT, asked)
        assert not isinstance(parts, Refusal)
        present = [actor for number, (actor, _) in enumerate(parts) if number != missing]
        told = (DAY.decide(DAY.initial(actor), asked, NOW, by(*present)) for actor in present)
        assert {one.code for one in told if isinstance(one, Refusal)} == {"changed_meanwhile"}

    def test_a_quota_counts_each_visit_for_the_next(self) -> None:
        """Two a week are two a week, in a series too."""
        booker = Booker("Ann", "ann@example.org")
        hers = quota_actor("demo", booker_key(booker, ""))
        twice, apart = (
            msgspec.structs.replace(series(wish("limited"), later), booker=booker) for later in (2 * HOUR_MS, DAY_MS)
        )
        parts = for_series("demo", CATALOG.event_types["limited"], apart)
        assert not isinstance(parts, Refusal)
        actors = [actor for actor, _ in parts]
        assert sorted(actors) == ["demo.day.studio.2026-12-07", "demo.day.studio.2026-12-08", hers]
        quota = given(QUOTA, at=NOW, actor=hers)
        counted = quota.when(apart, policy=by(*actors)).facts
        assert [fact.booking for fact in counted if isinstance(fact, Counted)] == [
            "studio.2026-12-07.s-1-1", "studio.2026-12-08.s-1-2"
        ]  # fmt: skip
        quota.when(twice, policy=by(*actors)).then_refused("over_limit")
        quota.when(apart, policy=by(hers)).then_refused("owner_missing")

    @pytest.mark.parametrize(
        ("again", "code"),
        [
            ((0,), "bad_series"),
            ((DAY_MS, DAY_MS), "bad_series"),
            ((900_000 * 10**9,), "beyond_horizon"),
            ((7,), "off_grid"),
            (tuple(range(DAY_MS, 61 * DAY_MS, DAY_MS)), "too_many_occurrences"),
        ],
    )
    def test_what_is_no_series_is_told_so(self, again: tuple[int, ...], code: str) -> None:
        """In order, each of them bookable, and no more than one transaction holds."""
        day().when(series(wish(), *again), policy=by()).then_refused(code)

    def test_what_the_host_has_not_heard_of_is_not_decided(self) -> None:
        """Whoever has just linked or put something is told to ask again, not that it is not there."""
        asked = msgspec.structs.replace(series(wish("nothing"), DAY_MS), catalog=8)
        day().when(asked, policy=by()).then_refused("catalog_behind")
        given(QUOTA, at=NOW).when(asked, policy=by()).then_refused("catalog_behind")

    def test_a_day_of_no_visit_has_no_part(self) -> None:
        """As with a booking alone."""
        other = day(actor="demo.day.other.2026-12-07")
        other.when(series(wish()), policy=by("demo.day.studio.2026-12-07")).then_refused("not_here")

    def test_a_series_is_no_larger_than_a_transaction(self) -> None:
        """Forty days of two resources are more than can be asked together."""
        again = (number * DAY_MS for number in range(1, 40))
        told = for_series("demo", VISIT, series(wish(items=(Item("studio"), Item("mics"))), *again))
        assert isinstance(told, Refusal) and told.code == "too_many_days"
        assert LIMITS.series_parties_max <= COMMAND_PARTS_MAX
