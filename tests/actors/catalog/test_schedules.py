"""The rules of the catalog about schedules: windows, overrides, and public holidays that are worked out every year."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest

from actors.catalog import (
    CATALOG,
    CatalogPolicy,
    ListSchedules,
    PutSchedule,
    RemoveSchedule,
    decide,
)
from actors.catalog.limits import RENEWED_BYTES_MAX
from actors.catalog.regions import holidays_of, is_region, new_year, time_zones, year_of
from actors.decider import TICK, Decision, Refusal
from actors.specification import given
from events.catalog import (
    Catalog,
    EventType,
    EventTypePut,
    Resource,
    ResourcePut,
    ResourceRetired,
    Schedule,
    SchedulePut,
    ScheduleRemoved,
    Window,
    take_in,
)
from events.codec import canonical


def instant(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000


AT = instant(2026, 11, 21)
OFFICE = Schedule("office", "Office", "Europe/Berlin", {"mon": (Window(480, 720), Window(780, 1_020))})
PUT_OFFICE = PutSchedule("office", "Europe/Berlin", "Office", {"mon": (Window(480, 720), Window(780, 1_020))})


def kept(id: str, region: str, since: int) -> Schedule:
    """A schedule that keeps the holidays of a region, as known in that year."""
    return Schedule(id, id, "UTC", region=region, holidays=holidays_of(region, since), holidays_since=since)


class TestPutting:
    def test_a_schedule_is_put(self) -> None:
        """It is recorded with all that was said, and given back."""
        given(CATALOG).when(PUT_OFFICE).then(SchedulePut(OFFICE)).replies(OFFICE).wakes_at(None)

    def test_a_name_is_the_id_unless_said(self) -> None:
        """A schedule without windows is never open, and has a name all the same."""
        given(CATALOG).when(PutSchedule("never", "UTC")).then(SchedulePut(Schedule("never", "never", "UTC")))

    def test_the_same_again_changes_nothing(self) -> None:
        """However its windows are cut, and in whatever order they are said."""
        halves = {"mon": (Window(780, 1_020), Window(480, 600), Window(600, 720)), "tue": ()}
        again = PutSchedule("office", "Europe/Berlin", "Office", halves)  # type: ignore[arg-type]
        given(CATALOG, SchedulePut(OFFICE)).when(again).then_nothing(reply=OFFICE)

    def test_a_change_is_recorded_whole(self) -> None:
        """What isn't said any more is gone."""
        given(CATALOG, SchedulePut(OFFICE)).when(PutSchedule("office", "UTC")).then(
            SchedulePut(Schedule("office", "office", "UTC"))
        )

    def test_only_so_many_fit(self) -> None:
        """A full catalog takes no new schedule, and still changes those it has."""
        full, policy = given(CATALOG, SchedulePut(OFFICE)), CatalogPolicy(schedules_max=1)
        full.when(PutSchedule("late", "UTC"), policy=policy).then_refused("too_many_schedules")
        full.when(PutSchedule("office", "UTC"), policy=policy).then(SchedulePut(Schedule("office", "office", "UTC")))

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (PutSchedule("Office", "UTC"), "bad_identifier"),
            (PutSchedule("office", "localtime"), "unknown_time_zone"),
            (PutSchedule("office", "UTC", "x" * 201), "name_too_long"),
            (PutSchedule("office", "UTC", "a\nb"), "bad_text"),
        ],
    )
    def test_it_is_named_as_everything_is(self, command: PutSchedule, code: str) -> None:
        """An identifier, a time zone that exists, a name on one line."""
        given(CATALOG).when(command).then_refused(code)


class TestWindows:
    @pytest.mark.parametrize(
        ("said", "recorded"),
        [
            ([(0, 1_440)], [(0, 1_440)]),
            ([(480, 600), (600, 720)], [(480, 720)]),
            ([(600, 720), (480, 600)], [(480, 720)]),
            ([(720, 780), (480, 600), (600, 720), (795, 810)], [(480, 780), (795, 810)]),
            ([(1_425, 1_440), (0, 15)], [(0, 15), (1_425, 1_440)]),
        ],
    )
    def test_they_are_recorded_in_order_and_adjacent_ones_as_one(
        self, said: list[tuple[int, int]], recorded: list[tuple[int, int]]
    ) -> None:
        """On a weekday and on a date alike; a day may last until 24:00."""
        before, after = (tuple(Window(*one) for one in windows) for windows in (said, recorded))
        given(CATALOG).when(PutSchedule("a", "UTC", "a", {"sun": before}, {"2026-12-24": before})).then(
            SchedulePut(Schedule("a", "a", "UTC", {"sun": after}, {"2026-12-24": after}))
        )

    @pytest.mark.parametrize(
        ("windows", "code"),
        [
            ([(480, 480)], "bad_window"),
            ([(600, 480)], "bad_window"),
            ([(-15, 480)], "bad_window"),
            ([(480, 1_455)], "bad_window"),
            ([(10**30, 10**31)], "bad_window"),
            ([(480, 1_019)], "window_off_grid"),
            ([(481, 1_020)], "window_off_grid"),
            ([(480, 600), (585, 720)], "windows_overlap"),
            ([(480, 600), (480, 600)], "windows_overlap"),
            ([(0, 1_440), (480, 600), (720, 780)], "windows_overlap"),
            ([(720, 780), (0, 1_440)], "windows_overlap"),
        ],
    )
    def test_a_window_is_a_piece_of_the_day_on_the_grid(self, windows: list[tuple[int, int]], code: str) -> None:
        """Empty, reversed, outside of the day, off the quarter hours, or over one another: refused."""
        some = tuple(Window(*one) for one in windows)
        for command in (
            PutSchedule("a", "UTC", "", {"mon": some}),
            PutSchedule("a", "UTC", "", {}, {"2026-12-24": some}),
        ):
            refusal = decide(Catalog(), command, AT, CatalogPolicy())
            assert isinstance(refusal, Refusal) and refusal.code == code
            if all(-(2**63) <= end < 2**63 for one in windows for end in one):  # as large as what can be sent
                given(CATALOG).when(command).then_refused(code)

    def test_an_overlap_is_shown_by_the_clock(self) -> None:
        """Minutes of the day are for machines."""
        refusal = decide(
            Catalog(),
            PutSchedule("a", "UTC", weekly={"mon": (Window(480, 615), Window(600, 1_440))}),
            AT,
            CatalogPolicy(),
        )
        assert isinstance(refusal, Refusal)
        assert refusal.detail == "mon: the windows 08:00–10:15 and 10:00–24:00 overlap"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"command":"put_schedule","id":"a","time_zone":"UTC","weekly":{"monday":[]}}',
            b'{"command":"put_schedule","id":"a","time_zone":"UTC","weekly":{"mon":[[480]]}}',
            b'{"command":"put_schedule","id":"a","time_zone":"UTC","weekly":{"mon":[[480,600,1]]}}',
            b'{"command":"put_schedule","id":"a","time_zone":"UTC","weekly":{"mon":[[480.5,600]]}}',
            b'{"command":"put_schedule","id":"a","time_zone":"UTC","weekly":{"mon":[{"start":0,"end":15}]}}',
        ],
    )
    def test_what_has_another_shape_is_no_command(self, body: bytes) -> None:
        """Nothing is guessed and nothing left out."""
        with pytest.raises(msgspec.ValidationError):
            CATALOG.read_command(body)


class TestOverrides:
    def test_an_empty_override_closes_its_date(self) -> None:
        """Unlike an empty weekday, which is as good as none, it is recorded; dates are recorded in order."""
        dates: dict[str, tuple[Window, ...]] = {"2027-01-02": (), "2026-12-24": ()}
        outcome = decide(Catalog(), PutSchedule("a", "UTC", "", {"mon": ()}, dates), AT, CatalogPolicy())
        assert isinstance(outcome, Decision)
        [fact] = outcome.facts
        assert isinstance(fact, SchedulePut)
        assert fact.schedule.weekly == {}
        assert list(fact.schedule.overrides.items()) == [("2026-12-24", ()), ("2027-01-02", ())]

    @pytest.mark.parametrize("date", ["2024-02-29", "1970-01-01", "2999-12-31"])
    def test_any_date_of_the_calendar_can_be_overridden(self, date: str) -> None:
        """Also one that is long past, for schedules are put whole."""
        given(CATALOG).when(PutSchedule("a", "UTC", "", {}, {date: ()})).then(
            SchedulePut(Schedule("a", "a", "UTC", {}, {date: ()}))
        )

    @pytest.mark.parametrize(
        "date",
        [
            "",
            "2026-02-29",
            "2026-13-01",
            "20261224",
            "2026-W52-4",
            "2026-12-24T00:00",
            "24.12.2026",
            "2026-1-1",
            "２０２６-12-24",
        ],
    )
    def test_what_is_no_date_cannot(self, date: str) -> None:
        """Only what ISO 8601 spells as a day, in full."""
        given(CATALOG).when(PutSchedule("a", "UTC", "", {}, {date: ()})).then_refused("bad_date")

    @pytest.mark.parametrize("date", ["0001-01-01", "1969-12-31", "3000-01-01", "9999-12-31"])
    def test_dates_near_the_ends_of_the_calendar_cannot(self, date: str) -> None:
        """Whoever counts days or hours on from them would run out of calendar."""
        given(CATALOG).when(PutSchedule("a", "UTC", "", {}, {date: ()})).then_refused("bad_date")

    def test_there_are_only_so_many(self) -> None:
        """The most is accepted, one more refused."""
        policy = CatalogPolicy(overrides_max=1)
        one: dict[str, tuple[Window, ...]] = {"2026-12-24": ()}
        given(CATALOG).when(PutSchedule("a", "UTC", "", {}, one), policy=policy).then(
            SchedulePut(Schedule("a", "a", "UTC", {}, one))
        )
        two = one | {"2026-12-25": ()}
        given(CATALOG).when(PutSchedule("a", "UTC", "", {}, two), policy=policy).then_refused("too_many_overrides")


class TestHolidays:
    def test_this_years_and_those_of_three_more_are_recorded(self) -> None:
        """Worked out when the schedule is put, in the year of the host's clock."""
        schedule = kept("a", "DE-BY", 2026)
        given(CATALOG).when(PutSchedule("a", "UTC", region="DE-BY"), at=AT).then(SchedulePut(schedule)).wakes_at(
            instant(2027)
        )
        assert {date[:4] for date in schedule.holidays} == {"2026", "2027", "2028", "2029"}
        assert schedule.holidays["2026-01-06"] == "Heilige Drei Könige"

    def test_a_part_of_a_country_has_its_own(self) -> None:
        """Epiphany is kept in Bavaria, and not in all of Germany."""
        assert "2026-01-06" not in holidays_of("DE", 2026)
        assert holidays_of("DE", 2026).items() < holidays_of("DE-BY", 2026).items()

    def test_the_language_of_the_machine_changes_nothing(self) -> None:
        """Hosts agree, wherever they stand."""
        program = (
            "from actors.catalog.regions import holidays_of; print(holidays_of('DE', 2026)['2026-12-25'].encode())"
        )
        environment = os.environ | {"LANGUAGE": "th", "LC_ALL": "C.UTF-8"}
        ran = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == repr(b"Erster Weihnachtstag")
        assert holidays_of("DE", 2026)["2026-12-25"] == "Erster Weihnachtstag"

    @pytest.mark.parametrize("region", ["DE", "DE-BY", "US-VI", "GB-SCT", "JP", "LK", "BV", "IN"])
    def test_any_country_is_a_region(self, region: str) -> None:
        """Also one whose holidays are known for a few years only, or that has none."""
        assert is_region(region)
        assert all(2090 <= int(date[:4]) < 2094 for date in holidays_of(region, 2090))

    @pytest.mark.parametrize(
        "region",
        [
            "XX",
            "de",
            "DEU",
            "Germany",
            "UK",
            "DE-",
            "DE-XX",
            "DE-by",
            "DE-Bayern",
            "DE_BY",
            "-BY",
            "DE-BY-X",
            "NYSE",
            "DE ",
        ],
    )
    def test_what_is_no_country_is_refused(self, region: str) -> None:
        """Nor are other names of one, for one region has one name."""
        given(CATALOG).when(PutSchedule("a", "UTC", region=region), at=AT).then_refused("unknown_region")

    def test_the_same_again_in_the_same_year_changes_nothing(self) -> None:
        """A year later it is recorded with what is known then."""
        command = PutSchedule("a", "UTC", region="DE")
        before = given(CATALOG, SchedulePut(kept("a", "DE", 2026)), at=AT)
        before.when(command, at=instant(2027) - 1).then_nothing(reply=kept("a", "DE", 2026))
        before.when(command, at=instant(2027)).then(SchedulePut(kept("a", "DE", 2027))).wakes_at(instant(2028))

    def test_a_clock_that_is_behind_takes_nothing_back(self) -> None:
        """At new year the clocks of two hosts may differ by a little."""
        before = given(CATALOG, SchedulePut(kept("a", "DE", 2027)), at=instant(2027) - 5)
        before.when(PutSchedule("a", "UTC", region="FR")).then(SchedulePut(kept("a", "FR", 2027)))

    def test_without_a_region_none_are_kept(self) -> None:
        """Nor does the catalog wake for them any longer."""
        before = given(CATALOG, SchedulePut(kept("a", "DE", 2026)), at=AT)
        before.when(PutSchedule("a", "UTC")).then(SchedulePut(Schedule("a", "a", "UTC"))).wakes_at(None)
        before.when(RemoveSchedule("a")).then(ScheduleRemoved("a")).wakes_at(None)

    def test_at_new_year_they_are_worked_out_anew(self) -> None:
        """Of every schedule whose first year is over, and of no other; until then a Tick does nothing."""
        put = [kept("b", "FR", 2026), OFFICE, kept("a", "DE-BY", 2026), kept("c", "US", 2027)]
        before = given(CATALOG, *map(SchedulePut, put), at=AT)
        before.when(TICK).then_nothing().wakes_at(instant(2027))
        before.when(TICK, at=instant(2027) - 1).then_nothing()
        before.when(TICK, at=instant(2027)).then(
            SchedulePut(kept("a", "DE-BY", 2027)), SchedulePut(kept("b", "FR", 2027))
        ).wakes_at(instant(2028))

    def test_years_that_nobody_was_awake_in_are_made_up_for(self) -> None:
        """A system that stood still is at once in the present."""
        before = given(CATALOG, SchedulePut(kept("a", "DE", 2026)), at=AT)
        before.when(TICK, at=instant(2031, 6)).then(SchedulePut(kept("a", "DE", 2031))).wakes_at(instant(2032))

    def test_windows_and_overrides_stay_as_they_are(self) -> None:
        """Only what is known of holidays changes."""
        whole = msgspec.structs.replace(kept("a", "DE", 2026), weekly=OFFICE.weekly, overrides={"2026-12-24": ()})
        fresh = kept("a", "DE", 2027)
        renewed = msgspec.structs.replace(whole, holidays=fresh.holidays, holidays_since=2027)
        given(CATALOG, SchedulePut(whole), at=AT).when(TICK, at=instant(2027)).then(SchedulePut(renewed))

    def test_what_does_not_fit_into_one_commit_is_left_to_the_next_tick(self) -> None:
        """The wake stays due until all are done."""
        catalog = Catalog()
        for number in range(300):
            take_in(catalog, SchedulePut(kept(f"s{number}", "US", 2026)), 0)
        done = 0
        while (wake := CATALOG.wake(catalog)) == instant(2027):
            outcome = decide(catalog, TICK, instant(2027), CatalogPolicy())
            assert isinstance(outcome, Decision)
            assert 0 < len(canonical(outcome.facts)) < 2 * RENEWED_BYTES_MAX
            for fact in outcome.facts:
                take_in(catalog, fact, 0)
            done += len(outcome.facts)
        assert (done, wake) == (300, instant(2028))

    def test_years_begin_at_midnight_utc(self) -> None:
        """To the millisecond."""
        assert new_year(2027) == instant(2027)
        assert (year_of(new_year(2027) - 1), year_of(new_year(2027)), year_of(0)) == (2026, 2027, 1970)


class TestRemoving:
    def test_a_schedule_is_removed(self) -> None:
        """What was removed is unknown: nothing remembers that it was there."""
        before = given(CATALOG, SchedulePut(OFFICE))
        before.when(RemoveSchedule("office")).then(ScheduleRemoved("office")).replies({"id": "office"})
        before.given(ScheduleRemoved("office"), at=1).when(RemoveSchedule("office")).then_refused("unknown_schedule")
        given(CATALOG).when(RemoveSchedule("office")).then_refused("unknown_schedule")

    @pytest.mark.parametrize(
        "user",
        [
            ResourcePut(Resource("studio", "a", "UTC", schedule="office")),
            EventTypePut(EventType("visit", "a", schedule="office")),
        ],
    )
    def test_one_that_is_in_use_is_not(self, user: Any) -> None:
        """By a resource or by an event type."""
        given(CATALOG, SchedulePut(OFFICE), user).when(RemoveSchedule("office")).then_refused("schedule_in_use")

    def test_what_is_retired_does_not_use_it(self) -> None:
        """It takes no bookings; to come back it must name a schedule that there is."""
        user = Resource("studio", "a", "UTC", schedule="office")
        given(CATALOG, SchedulePut(OFFICE), ResourcePut(user), ResourceRetired("studio")).when(
            RemoveSchedule("office")
        ).then(ScheduleRemoved("office"))

    def test_who_uses_it_is_named(self) -> None:
        """The first few, and how many more."""
        catalog = Catalog()
        take_in(catalog, SchedulePut(OFFICE), 0)
        take_in(catalog, EventTypePut(EventType("visit", "a", schedule="office")), 0)
        for number in range(6):
            take_in(catalog, ResourcePut(Resource(f"r{number}", "a", "UTC", schedule="office")), 0)
        refusal = decide(catalog, RemoveSchedule("office"), AT, CatalogPolicy())
        assert isinstance(refusal, Refusal)
        assert refusal.detail == (
            "the schedule office is used by the event type visit, the resource r0, the resource r1, the resource r2, "
            "the resource r3, 2 more"
        )


def test_schedules_are_listed_in_order_and_in_pages() -> None:
    """With all that is recorded of them."""
    a, b = kept("a", "DE", 2026), Schedule("b", "b", "UTC")
    before = given(CATALOG, SchedulePut(b), SchedulePut(a), SchedulePut(OFFICE), at=AT)
    before.when(ListSchedules()).then_nothing(reply={"schedules": [a, b, OFFICE]})
    before.when(ListSchedules(after="a", most=1)).then_nothing(reply={"schedules": [b]})


def test_every_zone_that_is_accepted_can_be_used() -> None:
    """What the list names, the machine can compute with."""
    assert time_zones() <= available_timezones()
    assert all(ZoneInfo(zone).utcoffset(datetime(2026, 7, 1, tzinfo=UTC)) is not None for zone in time_zones())
    assert len(time_zones()) > 500
