"""What is offered: each slot of a day as the judges would see it, and a month that agrees with its days."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.booking.limits import LIMITS
from events.calendar.offers import Schedules, occupied, schedules_of, starts
from events.calendar.quantum import DAY_MS, SLOT_MS, Span, date_of, day_start, shares, whole_slots_ms
from events.calendar.zones import local_day_span, local_month_dates
from events.catalog import EventType, EventTypePut, Linked, Quota, Resource, SchedulePut
from events.clock import Instant
from events.day import Blocked, Item, Slots, SlotsHeld, SlotsTaken, day_actor
from projections.limits import APART_MAX, RANGE_DAYS_MAX, VISITS_MAX
from projections.questions import (
    Check,
    CheckSeries,
    DaySlots,
    EverybodysDay,
    EverybodysDayAnswer,
    Month,
    Question,
    Range,
    Slot,
    Stretch,
    Unanswered,
    WhichDays,
)
from tests.events.calendar.oracle import schedules
from tests.projections.story import DATE, HOUR_MS, NOW, ORG, VISIT, Story, slot, wished
from tests.projections.test_availability import held, taken

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia")
MONTHS = ("2027-03", "2027-10")


class Told:
    """One resource's units by instant, told to a story and counted apart from it."""

    def __init__(self, story: Story, capacity: int) -> None:
        self.story = story
        self.capacity = capacity
        self.claims: list[tuple[str, str, Span, int]] = []

    def claim(self, kind: str, session: str, span: Span, units: int) -> None:
        id = f"{kind}{len(self.claims)}"
        self.claims.append((kind, session, span, units))
        for share in shares(span):
            slots = Slots(share.first, share.end, units)
            fact: SlotsHeld | SlotsTaken | Blocked
            if kind == "hold":
                fact = held(id, slots, session)
            elif kind == "taken":
                fact = taken(id, slots)
            else:
                fact = Blocked(id, slots, "")
            self.story.tell(day_actor(ORG, "room", share.date), fact)

    def left(self, span: Span, session: str, *, holds: bool = True) -> int:
        """Units of a window, slot by slot."""
        least = self.capacity
        for at in range(span.start, span.end, SLOT_MS):
            used = 0
            for kind, whose, claimed, units in self.claims:
                if claimed.start <= at < claimed.end:
                    if kind == "block":
                        return 0
                    if kind == "taken" or (holds and (not session or whose != session)):
                        used += units
            least = min(least, self.capacity - used)
        return max(least, 0)


@st.composite
def event_types(draw: st.DrawFn) -> EventType:
    return EventType(
        "visit",
        "Visit",
        durations=(draw(st.sampled_from((15, 50, 90, 600, 1_500))),),
        interval=draw(st.sampled_from((0, 45, 60, 420))),
        align=draw(st.sampled_from(("window", "clock"))),
        buffer_before=draw(st.integers(0, 40)),
        buffer_after=draw(st.integers(0, 40)),
        notice=draw(st.sampled_from((0, 2_880))),
        horizon_days=draw(st.sampled_from((3, 365))),
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_days_are_as_the_judges_see_them_and_the_month_agrees(data: st.DataObject) -> None:
    """In any zone, over changes of the clocks, with buffers, pools, blocks, and holds of the asker's own."""
    month = data.draw(st.sampled_from(MONTHS))
    begins = day_start(month + "-01") - 2 * DAY_MS
    now = begins + data.draw(st.integers(-5, 33)) * DAY_MS + data.draw(st.integers(0, DAY_MS))
    story = Story(min(now, begins))
    event_type = data.draw(event_types())
    schedule = data.draw(st.none() | schedules())
    capacity = data.draw(st.integers(1, 3))
    zone = data.draw(st.sampled_from(ZONES))
    room = Resource("room", "Room", zone, capacity=capacity, schedule="" if schedule is None else schedule.id)
    story.open(room, event_types=(event_type,))
    if schedule is not None:
        story.tell(f"{ORG}.catalog", SchedulePut(schedule))
    told = Told(story, capacity)
    for _ in range(data.draw(st.integers(0, 12))):
        start = begins + data.draw(st.integers(0, 35 * 96)) * SLOT_MS
        span = Span(start, start + data.draw(st.sampled_from((1, 2, 8, 96, 300))) * SLOT_MS)
        kind = data.draw(st.sampled_from(("taken", "hold", "block")))
        told.claim(kind, data.draw(st.sampled_from(("ann", "bob"))), span, data.draw(st.integers(1, capacity)))
    story.now = now
    session, units = data.draw(st.sampled_from(("", "ann"))), data.draw(st.integers(1, capacity))
    tz = data.draw(st.sampled_from(("", *ZONES)))
    how: Any = {"org": ORG, "event_type": "visit", "resource": "room", "minutes": event_type.durations[0]}
    how |= {"tz": tz, "units": units, "session": session}
    free_days = story.models.answer_now(Month(month=month, **how))
    assert tuple(free_days) == local_month_dates(month, tz or zone)
    of = schedules_of(story.models.catalogs.of(ORG), event_type, room)
    for date in data.draw(st.lists(st.sampled_from(sorted(free_days)), min_size=4, max_size=8)):
        slots = story.models.answer_now(DaySlots(date=date, **how))
        assert slots == naive_slots(told, event_type, of, local_day_span(date, tz or zone), now, session, units)
        assert any(one.state == "free" for one in slots) == free_days[date], date
        assert slots == as_told_to(story, date=date, **how)
    days = {date: story.models.answer_now(DaySlots(date=date, **how)) for date in free_days}
    assert {date: any(one.state == "free" for one in slots) for date, slots in days.items()} == free_days


def as_told_to(story: Story, **how: Any) -> tuple[Slot, ...]:
    """What everybody is told, where this session is not told apart; else what it is told by itself."""
    everybodys = {name: said for name, said in how.items() if name != "session"}
    answer: EverybodysDayAnswer = story.models.answer_now(EverybodysDay(**everybodys))
    assert answer.slots == story.models.answer_now(DaySlots(**everybodys))
    assert answer.apart is not None
    return story.models.answer_now(DaySlots(**how)) if how["session"] in answer.apart else answer.slots


def test_whom_a_day_is_another_one_for_is_told() -> None:
    """Whoever holds something there; anybody, where visitors have limits of their own or too many hold something."""
    story = Story(NOW)
    visit, few = EventType("visit", "Visit"), EventType("few", "Few", per_booker=Quota(day=1))
    story.open(Resource("room", "Room", "UTC", capacity=APART_MAX + 1), event_types=(visit, few))
    told = Told(story, APART_MAX + 1)

    def apart(event_type: str = "visit", date: str = DATE) -> tuple[str, ...] | None:
        asked = EverybodysDay(org=ORG, event_type=event_type, resource="room", date=date, minutes=60)
        answer: EverybodysDayAnswer = story.models.answer_now(asked)
        return answer.apart

    nine = day_start(DATE) + 9 * 3_600_000
    assert apart() == ()
    told.claim("hold", "ann", Span(nine, nine + SLOT_MS), 1)
    assert (apart(), apart(date=date_of(day_start(DATE) + DAY_MS)), apart("few")) == (("ann",), (), None)
    for number in range(APART_MAX - 1):
        told.claim("hold", f"s-{number}", Span(nine, nine + SLOT_MS), 1)
    assert len(apart() or ()) == APART_MAX
    told.claim("hold", "one-too-many", Span(nine, nine + SLOT_MS), 1)
    assert apart() is None


def naive_slots(
    told: Told, event_type: EventType, of: Schedules, day: Span, now: Instant, session: str, units: int
) -> tuple[Slot, ...]:
    minutes = event_type.durations[0]
    found = []
    for start in starts(event_type, of, minutes, day.start, day.end, now):
        span = occupied(event_type, start, minutes)
        left = told.left(span, session)
        otherwise = told.left(span, session, holds=False)
        state: Any = "free" if left >= units else "held" if otherwise >= units else "full"
        found.append(Slot(start, start + whole_slots_ms(minutes), state, left))
    return tuple(found)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_which_days_has_those_with_so_much_room(data: st.DataObject) -> None:
    """Slot by slot: open, not past, and enough units left for the whole length."""
    month, zone = data.draw(st.sampled_from(MONTHS)), data.draw(st.sampled_from(ZONES))
    begins = day_start(month + "-01") - 2 * DAY_MS
    story = Story(begins)
    capacity = data.draw(st.integers(1, 3))
    schedule = data.draw(st.none() | schedules())
    room = Resource("room", "Room", zone, capacity=capacity, schedule="" if schedule is None else schedule.id)
    story.open(room, Resource("other", "Other", "UTC"))
    if schedule is not None:
        story.tell(f"{ORG}.catalog", SchedulePut(schedule))
    told = Told(story, capacity)
    for _ in range(data.draw(st.integers(0, 8))):
        start = begins + data.draw(st.integers(0, 35 * 96)) * SLOT_MS
        span = Span(start, start + data.draw(st.sampled_from((2, 8, 96, 600))) * SLOT_MS)
        kind = data.draw(st.sampled_from(("taken", "hold", "block")))
        told.claim(kind, data.draw(st.sampled_from(("ann", "bob"))), span, data.draw(st.integers(1, capacity)))
    story.now = begins + data.draw(st.integers(0, 33 * DAY_MS))
    minutes = data.draw(st.sampled_from((15, 120, 1_500)))
    session, units = data.draw(st.sampled_from(("", "ann"))), data.draw(st.integers(1, capacity))
    how: Any = {"org": ORG, "session": session, "units": units}
    found = story.models.answer_now(
        WhichDays(month=month, minutes=minutes, resources=("room", "other"), tz=zone, **how)
    )
    end = begins + 40 * DAY_MS
    stretches = story.models.answer_now(Range(resource="room", start=begins, end=end, **how)).stretches
    free = {at for one in stretches if one.use == "free" for at in range(one.start, one.end, SLOT_MS)}
    for at in sorted(free)[:: max(len(free) // 50, 1)]:
        assert told.left(Span(at, at + SLOT_MS), session) >= units
    expected = []
    for date in found.dates:
        day = local_day_span(date, zone)
        length = range(0, whole_slots_ms(minutes), SLOT_MS)
        first = max(-(-max(day.start, story.now) // SLOT_MS) * SLOT_MS, begins)
        if any(all(at + more in free for more in length) for at in range(first, day.end, SLOT_MS)):
            expected.append(date)
    assert found.of("room") == tuple(expected)
    if units > 1:
        assert found.days[1] == 0


def booked() -> Story:
    story = Story()
    wide = EventType("wide", "With room around it", durations=(60,), interval=60, buffer_before=30, buffer_after=15)
    story.open(
        Resource("studio", "Studio", "UTC"),
        Resource("room", "Room", "UTC", capacity=5),
        Resource("mics", "Microphones", "UTC", capacity=2, standalone=False),
        event_types=(VISIT, wide, EventType("off", "Off", active=False)),
    )
    story.tell(f"{ORG}.catalog", EventTypePut(EventType("apart", "Apart", durations=(60,))))
    return story


class TestAskingForNothing:
    """What cannot be asked is said with the code that a judge would refuse with."""

    @pytest.mark.parametrize(
        ("question", "code"),
        [
            (DaySlots(org=ORG, event_type="no", resource="studio", date=DATE, minutes=60), "unknown_event_type"),
            (DaySlots(org=ORG, event_type="off", resource="studio", date=DATE, minutes=60), "inactive_event_type"),
            (DaySlots(org=ORG, event_type="visit", resource="no", date=DATE, minutes=60), "unknown_resource"),
            (DaySlots(org=ORG, event_type="apart", resource="studio", date=DATE, minutes=60), "not_linked"),
            (DaySlots(org=ORG, event_type="visit", resource="mics", date=DATE, minutes=60), "only_with_another"),
            (Month(org=ORG, event_type="visit", resource="studio", month="2026-12", minutes=61), "wrong_duration"),
            (
                Month(org=ORG, event_type="visit", resource="studio", month="2026-12", minutes=60, units=0),
                "bad_units",
            ),
            (Range(org=ORG, resource="studio", start=NOW, end=NOW), "bad_range"),
            (Range(org=ORG, resource="studio", start=NOW, end=NOW + 63 * DAY_MS), "range_too_long"),
            (Range(org=ORG, resource="studio", start=NOW - 99 * DAY_MS, end=NOW - 98 * DAY_MS), "too_long_ago"),
            (WhichDays(org=ORG, month="2026-12", minutes=0), "wrong_duration"),
            (WhichDays(org=ORG, month="2026-12", minutes=60, resources=("no",)), "unknown_resource"),
            (Check(org=ORG, event_type="visit", start=NOW, minutes=60, items=()), "bad_items"),
        ],
    )
    def test_it_is_refused(self, question: Question, code: str) -> None:
        """By its code."""
        story = booked()
        with pytest.raises(Unanswered) as refused:
            story.models.answer_now(question)
        assert refused.value.problem.code == code
        assert RANGE_DAYS_MAX == 62


class TestChecking:
    def test_every_resource_says_what_stands_against_it(self) -> None:
        """Rules before use; the use with its times."""
        story = booked()
        story.book("b", slot(48))
        story.tell(day_actor(ORG, "room", DATE), held("h", Slots(50, 54, 4), "bob"))
        items = (Item("studio"), Item("room", 2), Item("mics", 3), Item("no"))
        answer = story.models.answer_now(
            Check(org=ORG, event_type="visit", start=slot(50), minutes=60, items=items, session="ann")
        )
        assert not answer.free
        assert answer.objection is None
        assert [(one.resource, one.code) for one in answer.conflicts] == [
            ("studio", "full"),
            ("room", "held"),
            ("mics", "over_capacity"),
            ("no", "unknown_resource"),
        ]
        assert answer.conflicts[0].stretches == (Stretch(slot(50), slot(52), "full", 0),)
        assert answer.conflicts[1].stretches == (Stretch(slot(50), slot(54), "held", 1),)

    def test_ones_own_hold_is_no_conflict(self) -> None:
        """Whoever holds it may book it."""
        story = booked()
        story.tell(day_actor(ORG, "studio", DATE), held("h", Slots(48, 52), "ann"))
        asked = Check(org=ORG, event_type="visit", start=slot(48), minutes=60, items=(Item("studio"),))
        assert not story.models.answer_now(asked).free
        assert story.models.answer_now(
            Check(org=ORG, event_type="visit", start=slot(48), minutes=60, items=(Item("studio"),), session="ann")
        ).free

    def test_the_time_itself_can_be_wrong(self) -> None:
        """Then nobody looks at what is free."""
        story = booked()
        answer = story.models.answer_now(
            Check(org=ORG, event_type="visit", start=NOW - HOUR_MS, minutes=60, items=(Item("studio"),))
        )
        assert answer.objection is not None
        assert (answer.objection.code, answer.objection.fault) == ("in_the_past", "late")

    def test_what_a_room_guards_is_not_booked_yet(self) -> None:
        """As the judges see it; its slots are shown all the same."""
        story = booked()
        story.tell(f"{ORG}.catalog", EventTypePut(msgspec.structs.replace(VISIT, room="launch")))
        asked = Check(org=ORG, event_type="visit", start=slot(48), minutes=60, items=(Item("studio"),))
        answer = story.models.answer_now(asked)
        assert answer.objection is not None and answer.objection.code == "pass_needed"
        assert story.models.answer_now(DaySlots(org=ORG, event_type="visit", resource="studio", date=DATE, minutes=60))


class TestSeries:
    def test_visits_stand_in_each_others_way(self) -> None:
        """Each is seen on what the ones before it leave; one that does not fit leaves everything."""
        story = booked()
        story.book("b", slot(48))
        starts = (slot(40), slot(42), slot(46), slot(44), slot(52))
        asked = CheckSeries(org=ORG, event_type="visit", starts=starts, minutes=60, items=(Item("studio"),))
        answers = story.models.answer_now(asked)
        assert [one.free for one in answers] == [True, False, False, True, True]
        assert [conflict.code for one in answers for conflict in one.conflicts] == ["full", "full"]

    def test_a_pool_has_room_for_as_many_as_it_has_units(self) -> None:
        """And no more."""
        story = booked()
        asked = CheckSeries(
            org=ORG, event_type="visit", starts=(slot(40), slot(41), slot(42)), minutes=60, items=(Item("room", 2),)
        )
        assert [one.free for one in story.models.answer_now(asked)] == [True, True, False]

    def test_it_has_an_end(self) -> None:
        """That of a series."""
        asked = CheckSeries(
            org=ORG, event_type="visit", starts=(slot(40),) * (VISITS_MAX + 1), minutes=60, items=(Item("studio"),)
        )
        with pytest.raises(Unanswered) as refused:
            booked().models.answer_now(asked)
        assert refused.value.problem.code == "too_many_occurrences"
        assert LIMITS.visits_max == VISITS_MAX


class TestBuffers:
    def test_buffers_keep_others_away(self) -> None:
        """They reach over midnight too."""
        story = booked()
        late = slot(94)
        story.book("b", late, minutes=30)
        after = date_of(late + DAY_MS)
        slots = story.models.answer_now(DaySlots(org=ORG, event_type="wide", resource="studio", date=after, minutes=60))
        assert [one.state for one in slots[:2]] == ["full", "free"]

    def test_a_pool_says_how_many_are_left(self) -> None:
        """Of the fullest slot; and for more than that it is full, or held."""
        story = booked()
        _, wish, _ = wished("h", slot(48))
        assert wish.minutes == 60
        story.tell(day_actor(ORG, "room", DATE), taken("b", Slots(48, 50, 3)), held("h", Slots(49, 51, 1)))
        for units, state in ((1, "free"), (2, "held"), (3, "full")):
            asked = DaySlots(org=ORG, event_type="visit", resource="room", date=DATE, minutes=60, units=units)
            one = next(one for one in story.models.answer_now(asked) if one.start == slot(48))
            assert (one.state, one.units) == (state, 1)

    def test_links_come_and_go(self) -> None:
        """The catalog is the one that stands now."""
        story = booked()
        story.tell(f"{ORG}.catalog", Linked("apart", "studio"))
        asked = DaySlots(org=ORG, event_type="apart", resource="studio", date=DATE, minutes=60)
        assert len(story.models.answer_now(asked)) == 24
