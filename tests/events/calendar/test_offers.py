"""Which starts an event type offers, what stands against the others, and that the two never disagree."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.bits import slots_of
from events.calendar.offers import Objection, Schedules, occupied, schedules_of, start_bits, starts, why_not
from events.calendar.opening import always_open, open_in_all, open_spans
from events.calendar.quantum import DAY_MS, MINUTE_MS, SLOT_MS, SPAN_DAYS_MAX, Span, day_start, on_grid, whole_slots_ms
from events.calendar.zones import local_date, local_day_span
from events.catalog import WEEKDAYS, Catalog, EventType, Resource, Schedule, Window
from events.clock import Instant
from tests.events.calendar.oracle import CHANGING, UNHURRIED, at, changes, schedules, shown

CHANGES = sorted({change for tz in CHANGING for change in changes(tz, 2027)})
INSTANTS = st.integers(at("2027-01-01T00:00Z"), at("2028-01-01T00:00Z"))
AROUND_CHANGES = st.builds(lambda change, by: change + by, st.sampled_from(CHANGES), st.integers(-DAY_MS, DAY_MS))
DURATIONS = (15, 50, 60, 90, 600, 1_440, 4_320)


@st.composite
def event_types(draw: st.DrawFn) -> EventType:
    return EventType(
        "visit",
        "Visit",
        durations=tuple(sorted(draw(st.sets(st.sampled_from(DURATIONS), min_size=1, max_size=3)))),
        interval=draw(st.sampled_from((0, 15, 20, 45, 60, 90, 420, 2_000))),
        align=draw(st.sampled_from(("window", "clock"))),
        buffer_before=draw(st.integers(0, 40)),
        buffer_after=draw(st.integers(0, 40)),
        notice=draw(st.sampled_from((0, 7, 60, 2_880))),
        horizon_days=draw(st.integers(0, 6)),
    )


SCHEDULES = st.lists(schedules(), max_size=2).map(tuple)


def visit(duration: int = 60, interval: int = 0, **rules: object) -> EventType:
    return msgspec.convert(
        {"slug": "visit", "title": "Visit", "durations": [duration], "interval": interval, **rules}, EventType
    )


def weekly(tz: str = "UTC", **days: tuple[tuple[int, int], ...]) -> Schedule:
    return msgspec.convert({"id": "hours", "name": "hours", "time_zone": tz, "weekly": days}, Schedule)


def clocks(offered: tuple[Instant, ...], tz: str) -> list[str]:
    return [f"{shown(start, tz):%a %H:%M}" for start in offered]


def offered_on(event_type: EventType, of: Schedules, *dates: str) -> list[str]:
    """The starts of local dates, as the clocks of the first schedule show them."""
    tz = of[0].time_zone
    start, end = local_day_span(dates[0], tz).start, local_day_span(dates[-1], tz).end
    return clocks(starts(event_type, of, event_type.durations[0], start, end, start - DAY_MS), tz)


@settings(UNHURRIED, max_examples=250)
@given(
    event_types(),
    SCHEDULES,
    st.sampled_from(DURATIONS),
    INSTANTS | AROUND_CHANGES,
    INSTANTS | AROUND_CHANGES,
    st.data(),
)
def test_a_start_is_offered_if_and_only_if_nothing_stands_against_it(
    event_type: EventType, of: Schedules, duration: int, now: Instant, elsewhere: Instant, data: st.DataObject
) -> None:
    """On the grid and off it, before `now` and after, within the horizon and beyond."""
    around = data.draw(st.sampled_from((now, elsewhere)))
    low, high = around - 6 * 60 * MINUTE_MS, around + 2 * DAY_MS
    offered = starts(event_type, of, duration, low, high, now)
    grid = range(low - low % SLOT_MS + SLOT_MS, high, SLOT_MS)
    accepted = [start for start in grid if why_not(event_type, of, start, duration, now) is None]
    assert accepted == list(offered)
    for start in (low | 1, around | 1):
        assert why_not(event_type, of, start, duration, now) == Objection(
            "off_grid", "a visit starts on a quarter of an hour"
        )


@settings(UNHURRIED, max_examples=150)
@given(event_types(), SCHEDULES, INSTANTS | AROUND_CHANGES)
def test_what_is_offered_keeps_every_rule(event_type: EventType, of: Schedules, now: Instant) -> None:
    """In order, on the grid, open throughout, not too soon, within the horizon."""
    tz = of[0].time_zone if of else "UTC"
    last = date.fromisoformat(local_date(now, tz)) + timedelta(days=event_type.horizon_days)
    for duration in event_type.durations:
        offered = starts(event_type, of, duration, now - DAY_MS, now + 9 * DAY_MS, now)
        assert all(one < other for one, other in pairwise(offered))
        for start in offered:
            whole = Span(start, start + whole_slots_ms(duration))
            assert on_grid(start)
            assert open_in_all(of, whole.start, whole.end) == (whole,)
            assert start >= now + event_type.notice * MINUTE_MS
            assert local_date(start, tz) <= last.isoformat()


@settings(UNHURRIED, max_examples=100)
@given(event_types(), SCHEDULES, INSTANTS | AROUND_CHANGES, st.integers(0, 3 * DAY_MS), st.integers(0, 3 * DAY_MS))
def test_a_range_offers_what_its_parts_offer(
    event_type: EventType, of: Schedules, start: Instant, first: int, second: int
) -> None:
    """Days, months and ranges of a viewer are cut from the same starts."""
    duration, now = event_type.durations[0], start - DAY_MS
    cut, end = start + first, start + first + second
    ranges = ((start, end), (start, cut), (cut, end))
    whole, left, right = (starts(event_type, of, duration, low, high, now) for low, high in ranges)
    assert whole == left + right


@settings(UNHURRIED, max_examples=100)
@given(schedules(), AROUND_CHANGES, st.sampled_from((15, 30, 60, 90, 120)), st.sampled_from((15, 60, 150)))
def test_starts_by_the_clock_are_where_the_clock_says(
    schedule: Schedule, start: Instant, interval: int, duration: int
) -> None:
    """Every quarter that the clock shows as a multiple since midnight, both times in a fold, if it is open then."""
    tz, end = schedule.time_zone, start + 2 * DAY_MS
    event_type = visit(duration, interval, align="clock")
    expected = []
    for each in range(start - start % SLOT_MS + SLOT_MS, end, SLOT_MS):
        whole, label = Span(each, each + duration * MINUTE_MS), shown(each, tz)
        if (label.hour * 60 + label.minute) % interval == 0 and open_spans(schedule, whole.start, whole.end) == (
            whole,
        ):
            expected.append(each)
    assert list(starts(event_type, (schedule,), duration, start + 1, end, start)) == expected


@settings(UNHURRIED, max_examples=100)
@given(schedules(), AROUND_CHANGES, st.sampled_from((15, 60, 150)), st.sampled_from((15, 60, 150)))
def test_starts_by_the_window_count_from_where_it_opens(
    schedule: Schedule, start: Instant, interval: int, duration: int
) -> None:
    """In steps of real time, through gaps and folds; an opening that spans a whole day begins anew, and is not this
    test's."""
    length, step = duration * MINUTE_MS, interval * MINUTE_MS
    low, high = start - 5 * DAY_MS, start + 5 * DAY_MS
    for opening in open_spans(schedule, low, high):
        dates = {local_date(each, schedule.time_zone) for each in range(opening.start, opening.end, SLOT_MS)}
        if low < opening.start and opening.end < high and len(dates) <= 2:
            offered = starts(visit(duration, interval), (schedule,), duration, opening.start, opening.end, low)
            if len(dates) == 1 or opening.end < local_day_span(max(dates), schedule.time_zone).end:
                assert list(offered) == list(range(opening.start, opening.end - length + 1, step))


def test_an_opening_over_midnight_keeps_its_steps() -> None:
    """Every ninety minutes from ten in the evening, though the date changes on the way."""
    bar = weekly("Europe/Berlin", fri=((1_320, 1_440),), sat=((0, 120),))
    assert offered_on(visit(60, 90), (bar,), "2026-12-11", "2026-12-12") == ["Fri 22:00", "Fri 23:30", "Sat 01:00"]


def test_a_day_that_is_open_throughout_begins_anew_at_its_midnight() -> None:
    """What never closes has the same row of starts each day, and what opened the day before does not shift it."""
    gym = weekly("Europe/Berlin", mon=((1_320, 1_440),), tue=((0, 1_440),), wed=((0, 200),))
    offered = offered_on(visit(60, 420), (gym,), "2026-12-07", "2026-12-08", "2026-12-09")
    assert offered == ["Mon 22:00", "Tue 00:00", "Tue 07:00", "Tue 14:00", "Tue 21:00"]
    two_nights = weekly("Europe/Berlin", mon=((1_320, 1_440),), tue=((0, 1_440),))
    assert offered_on(visit(60, 420), (two_nights,), "2026-12-07", "2026-12-08") == offered
    always = offered_on(visit(60, 600), (always_open("Europe/Berlin"),), "2026-12-07", "2026-12-08")
    assert always == [f"{day} {clock}" for day in ("Mon", "Tue") for clock in ("00:00", "10:00", "20:00")]


def test_days_are_offered_as_days() -> None:
    """A booking of two days may start on any of them."""
    offered = offered_on(visit(2_880), (always_open("America/New_York"),), "2026-12-07", "2026-12-09")
    assert offered == ["Mon 00:00", "Tue 00:00", "Wed 00:00"]


def test_by_the_clock_a_late_opening_waits_for_the_hour() -> None:
    """By the window it does not."""
    late = weekly(mon=((555, 720),))
    assert offered_on(visit(60), (late,), "2026-12-07") == ["Mon 09:15", "Mon 10:15"]
    assert offered_on(visit(60, align="clock"), (late,), "2026-12-07") == ["Mon 10:00", "Mon 11:00"]


def test_an_hour_that_comes_twice_is_offered_twice() -> None:
    """They are two hours, an hour apart."""
    night = weekly("Europe/Berlin", sun=((60, 240),))
    offered = offered_on(visit(60, align="clock"), (night,), "2027-10-31")
    assert offered == ["Sun 01:00", "Sun 02:00", "Sun 02:00", "Sun 03:00"]
    assert offered_on(visit(60, align="clock"), (night,), "2027-03-28") == ["Sun 01:00", "Sun 03:00"]


@pytest.mark.parametrize("align", ["window", "clock"])
def test_off_the_grid_starts_move_up_to_the_next_quarter(align: str) -> None:
    """Where midnight was at 00:44:30 UTC, slots were still those of UTC."""
    day = local_day_span("1971-06-01", "Africa/Monrovia")
    assert day.start == at("1971-06-01T00:44:30Z")
    offered = starts(
        visit(60, align=align), (always_open("Africa/Monrovia"),), 60, day.start, day.end, day.start - DAY_MS
    )
    assert list(offered) == [at("1971-06-01T00:45Z") + hour * 60 * MINUTE_MS for hour in range(24)]


def test_the_narrower_of_two_schedules_says_when() -> None:
    """Starts count from where both are open, by the clocks of the first."""
    house = weekly("Europe/London", mon=((540, 1_080),))
    lessons = weekly("Europe/Berlin", mon=((510, 780),))
    assert offered_on(visit(60), (lessons, house), "2026-12-07") == ["Mon 10:00", "Mon 11:00", "Mon 12:00"]


def test_a_start_just_at_its_notice_is_offered() -> None:
    """A millisecond later it is too late for it."""
    event_type, of, start = visit(notice=120), (always_open("UTC"),), at("2026-12-07T13:00Z")
    now = start - 120 * MINUTE_MS
    assert why_not(event_type, of, start, 60, now) is None
    late = why_not(event_type, of, start, 60, now + 1)
    assert late is not None and (late.code, late.fault) == ("too_soon", "late")


def test_the_horizon_counts_whole_days_of_the_zone() -> None:
    """However late it is today, all of the last day can be booked, and nothing of the next."""
    of = (always_open("America/New_York"),)
    for now in (at("2026-12-07T00:00-05:00"), at("2026-12-07T23:59-05:00")):
        event_type = visit(15, horizon_days=2)
        offered = starts(event_type, of, 15, now, now + 9 * DAY_MS, now)
        assert offered[-1] == at("2026-12-09T23:45-05:00")
        beyond = why_not(event_type, of, offered[-1] + SLOT_MS, 15, now)
        assert beyond is not None and (beyond.code, beyond.fault) == ("beyond_horizon", "caller")


NINE_TO_TWELVE = (weekly(mon=((540, 720),)),)


@pytest.mark.parametrize(
    ("start", "duration", "code", "fault"),
    [
        ("2026-12-07T09:10Z", 60, "off_grid", "caller"),
        ("2026-12-07T09:00Z", 45, "wrong_duration", "caller"),
        ("2026-12-07T09:00Z", -60, "wrong_duration", "caller"),
        ("2026-12-07T09:00Z", 60 * 24 * 31, "span_too_long", "caller"),
        ("2026-12-06T09:00Z", 60, "in_the_past", "late"),
        ("2026-12-06T10:00Z", 60, "too_soon", "late"),
        ("2027-12-13T09:00Z", 60, "beyond_horizon", "caller"),
        ("2026-12-07T08:00Z", 60, "outside_schedule", "caller"),
        ("2026-12-07T11:15Z", 60, "outside_schedule", "caller"),
        ("2026-12-08T09:00Z", 60, "outside_schedule", "caller"),
        ("2026-12-07T09:15Z", 60, "not_a_start", "caller"),
    ],
)
def test_each_objection_has_its_code(start: str, duration: int, code: str, fault: str) -> None:
    """And a sentence, and says whether it was wrong or only late."""
    event_type = msgspec.structs.replace(visit(notice=60, buffer_after=5), durations=(60, 60 * 24 * 31))
    objection = why_not(event_type, NINE_TO_TWELVE, at(start), duration, at("2026-12-06T09:30Z"))
    assert objection is not None
    assert (objection.code, objection.fault) == (code, fault)
    assert objection.sentence
    assert starts(event_type, NINE_TO_TWELVE, duration, at(start), at(start) + 1, at("2026-12-06T09:30Z")) == ()


@pytest.mark.parametrize("start", [-(10**30), -SLOT_MS, 10**18 * SLOT_MS])
def test_an_absurd_start_is_an_objection_and_no_error(start: int) -> None:
    """Callers send what they like."""
    objection = why_not(visit(), (), start, 60, at("2026-12-07T00:00Z"))
    assert objection is not None
    assert starts(visit(), (), 60, start, start + DAY_MS, at("2026-12-07T00:00Z")) == ()


def test_the_longest_booking_has_room_for_its_buffers() -> None:
    """Up to the limit it is offered; a slot more and nothing is."""
    longest = SPAN_DAYS_MAX * 1_440 - 30
    event_type, now = visit(longest, buffer_before=15, buffer_after=15), at("2026-12-07T00:00Z")
    assert why_not(event_type, (), now, longest, now) is None
    more = why_not(msgspec.structs.replace(event_type, buffer_after=16), (), now, longest, now)
    assert more is not None and more.code == "span_too_long"


def test_a_horizon_without_end_ends_with_the_calendar() -> None:
    """It is a number that somebody typed."""
    now = at("2026-12-07T00:00Z")
    assert why_not(visit(horizon_days=10**9), (), at("9000-12-07T00:00Z"), 60, now) is None


def test_buffers_occupy_and_need_not_be_open() -> None:
    """The first hour of the day is offered, and what is laid around it reaches outward to the grid."""
    event_type, start = visit(50, 60, buffer_before=20, buffer_after=10), at("2026-12-07T09:00Z")
    assert why_not(event_type, NINE_TO_TWELVE, start, 50, start - DAY_MS) is None
    assert occupied(event_type, start, 50) == Span(at("2026-12-07T08:30Z"), at("2026-12-07T10:15Z"))


def test_the_starts_of_a_date_are_a_bitmap_too() -> None:
    """The same starts, for whoever looks for room by shifts."""
    event_type, now = visit(60, 90), at("2026-12-06T00:00Z")
    bits = start_bits(event_type, NINE_TO_TWELVE, 60, "2026-12-07", now)
    begins = day_start("2026-12-07")
    offered = starts(event_type, NINE_TO_TWELVE, 60, begins, begins + DAY_MS, now)
    assert tuple(begins + slot * SLOT_MS for slot in slots_of(bits)) == offered
    assert slots_of(bits) == (36, 42)


def test_what_must_be_open_is_named_by_the_catalog() -> None:
    """The event type's schedule first, then the resource's; one that both name once; the resource's clocks without
    any."""
    narrow, wide = (msgspec.structs.replace(weekly(), id=id) for id in ("narrow", "wide"))
    catalog = Catalog(schedules={"narrow": narrow, "wide": wide})
    plain, studio = Resource("studio", "Studio", "Europe/Berlin"), Resource("s", "S", "Europe/Berlin", schedule="wide")
    lessons = msgspec.structs.replace(visit(), schedule="narrow")
    assert schedules_of(catalog, lessons, studio) == (narrow, wide)
    assert schedules_of(catalog, visit(), studio) == (wide,)
    assert schedules_of(catalog, lessons, plain) == (narrow,)
    assert schedules_of(catalog, msgspec.structs.replace(visit(), schedule="wide"), studio) == (wide,)
    assert schedules_of(catalog, visit(), plain) == (always_open("Europe/Berlin"),)
    assert set(always_open("Europe/Berlin").weekly) == set(WEEKDAYS)
    assert always_open("UTC").weekly["mon"] == (Window(0, 1_440),)
