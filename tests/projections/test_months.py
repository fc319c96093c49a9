"""A month shows what its days do, and whoever follows its deltas shows the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.quantum import DAY_MS, BadDate
from events.catalog import RationLifted, Resource, ResourcePut, ResourceRationed
from events.day import Blocked, Slots, SlotsFreed, day_actor
from projections.availability import UnitsChanged
from projections.folding import spelled
from projections.limits import PAST_DAYS
from projections.months import DayBusy, MonthChanged, MonthShown
from projections.questions import Shown, ShownAnswer, Unanswered
from projections.topics import DayShown
from tests.projections.story import DATE, NOW, ORG, Story
from tests.projections.subscriber import month_after, month_resized
from tests.projections.test_availability import Naive, draw_fact, held, taken

MONTH = "2026-12"
TOPIC = f"month/room/{MONTH}"
DATES = ("2026-12-01", DATE, "2026-12-31")
MONTHS = ("2026-12", "2027-01")
FULL, EMPTY = spelled((1 << 96) - 1), spelled(0)


def see(story: Story, topic: str = TOPIC) -> tuple[int, Any]:
    answer: ShownAnswer = story.models.answer_now(Shown(org=ORG, topic=topic))
    return int(answer.position.split(":")[1]), answer.state


class Reader:
    """Somebody who follows a month by what is told of it and of its resource's units, as a gateway does."""

    def __init__(self, story: Story, month: str = MONTH) -> None:
        self.story, self.month = story, month
        self.heard = len(story.changes)
        self.started_over = 0
        self.position, self.state = see(story, f"month/room/{month}")

    def listen(self, *, deaf_to_months: bool = False) -> None:
        heard, self.heard = self.story.changes[self.heard :], len(self.story.changes)
        for change in heard:
            delta = change.delta
            if change.after <= self.position:
                continue
            after: MonthShown | None = None
            if change.topic == f"month/room/{self.month}" and isinstance(delta, MonthChanged):
                if deaf_to_months:
                    continue
                after = month_after(self.state, delta)
            elif change.topic == "units/room" and isinstance(delta, UnitsChanged):
                after = month_resized(self.state, delta, self.month)
            else:
                continue
            if after is None or change.before != self.position:
                self.started_over += 1
                self.position, self.state = see(self.story, f"month/room/{self.month}")
            else:
                self.position, self.state = change.after, after


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_is_what_its_days_are(data: st.DataObject) -> None:
    """Whatever happens on them and to the capacity, nobody who missed nothing starts over; and after a snapshot taken
    anywhere it stands where it stood."""
    story, room = Story(), Resource("room", "Room", "UTC", capacity=3)
    story.open(room)
    days = {date: Naive() for date in (*DATES, "2027-01-01")}
    readers = [Reader(story, month) for month in MONTHS]
    loaded = story.fresh()
    for number in range(data.draw(st.integers(1, 20))):
        if data.draw(st.integers(0, 3)) == 0:
            story.tell(f"{ORG}.catalog", data.draw(st.sampled_from(resizings(room))))
        else:
            date = data.draw(st.sampled_from(sorted(days)))
            facts = [draw_fact(data, days[date], 10 * number + each) for each in range(data.draw(st.integers(1, 3)))]
            story.tell(day_actor(ORG, "room", date), *facts)
        if number and data.draw(st.booleans()):
            loaded.projector.take(story.steps[-1])
        else:
            loaded.availability.load(story.models.availability.save())
        for reader in readers:
            reader.listen()
            assert (reader.position, reader.state) == see(story, f"month/room/{reader.month}")
            assert list(reader.state.days) == sorted(reader.state.days)
    assert [reader.started_over for reader in readers] == [0, 0]
    for reader in readers:
        of_days = {date: busy(story, date) for date in days if date.startswith(reader.month)}
        shown = {date: reader.state.days.get(date, EMPTY) for date in of_days}
        assert shown == of_days
        others = {bits for date, bits in reader.state.days.items() if date not in of_days}
        assert others == ({FULL} if reader.state.capacity == 0 else set())
    assert loaded.availability.save() == story.models.availability.save()
    replayed = story.fresh()
    for step in story.steps:
        replayed.projector.take(step)
    assert replayed.availability.save() == story.models.availability.save()


def resizings(room: Resource) -> list[Any]:
    put = [ResourcePut(msgspec.structs.replace(room, capacity=many)) for many in (1, 2, 3)]
    return [*put, *(ResourceRationed("room", many) for many in (0, 1, 2))]


def busy(story: Story, date: str) -> str:
    day = see(story, f"day/room/{date}")[1]
    assert isinstance(day, DayShown)
    return day.busy


def test_a_pool_with_units_to_spare_is_told_to_its_days_alone() -> None:
    """The month hears of its first booking, and then of what is busy; of what is held it hears nothing."""
    story = Story()
    story.open(Resource("room", "Room", "UTC", capacity=3))
    actor = day_actor(ORG, "room", DATE)
    story.tell(actor, held("h", Slots(0, 4, 3)))
    first = story.tell(actor, taken("a", Slots(0, 4, 2)))
    story.tell(actor, taken("b", Slots(8, 12, 2)))
    story.tell(day_actor(ORG, "room", "2026-12-31"), taken("c", Slots(0, 4, 2)))
    last = story.tell(actor, taken("d", Slots(0, 2)))
    told = [change for change in story.changes if change.topic == TOPIC]
    assert [(one.before, one.after, one.delta) for one in told] == [
        (1, first, MonthChanged(3, ())),
        (first, last, MonthChanged(3, (DayBusy(DATE, spelled(0b11), EMPTY),))),
    ]
    assert see(story) == (last, MonthShown(3, untouched=False, days={DATE: spelled(0b11)}))


def test_another_capacity_is_one_delta_for_all_days() -> None:
    """They change at one sequence, and a topic has one delta for each."""
    story, room = Story(), Resource("room", "Room", "UTC", capacity=3)
    story.open(room)
    for date in DATES:
        story.tell(day_actor(ORG, "room", date), taken("b", Slots(0, 4, 2)))
    at = story.tell(f"{ORG}.catalog", ResourcePut(msgspec.structs.replace(room, capacity=2)))
    (change,) = (one for one in story.changes if one.topic == TOPIC and one.after == at)
    assert isinstance(change.delta, MonthChanged)
    assert [(one.date, one.busy_set) for one in change.delta.days] == [(date, spelled(0xF)) for date in DATES]


def test_who_missed_that_a_month_is_touched_starts_over() -> None:
    """What is said of all days of a resource is not enough for one on which something lies, at whatever position."""
    story = Story()
    story.open(Resource("room", "Room", "UTC", capacity=3))
    actor = day_actor(ORG, "room", DATE)
    story.tell(actor, taken("a", Slots(0, 4, 2)))
    story.tell(f"{ORG}.catalog", ResourceRationed("room", 3), ResourceRationed("room", 1))
    story.tell(f"{ORG}.catalog", RationLifted("room"))
    reader = Reader(story)
    assert reader.position == see(story, "units/room")[0]
    story.tell(f"{ORG}.catalog", ResourceRationed("room", 2))
    reader.listen(deaf_to_months=True)
    assert (reader.started_over, (reader.position, reader.state)) == (1, see(story))
    assert reader.state.days == {DATE: spelled(0xF)}


def test_a_month_that_is_partly_forgotten_is_not_shown() -> None:
    """It would look as if its first days had been free; last month is there whatever the date."""
    story = Story()
    story.open(Resource("room", "Room", "UTC"))
    story.tell(day_actor(ORG, "room", DATE), taken("b", Slots(0, 4)))
    before_at = NOW + PAST_DAYS * DAY_MS
    story.tell(f"{ORG}.catalog", at=before_at)
    assert see(story)[1].days == {DATE: spelled(0xF)}
    story.tell(f"{ORG}.catalog", at=before_at + DAY_MS)
    with pytest.raises(Unanswered, match="only in the log"):
        see(story)
    story.tell(day_actor(ORG, "room", DATE), SlotsFreed("b"), Blocked("x", Slots(0, 4), ""))


@pytest.mark.parametrize("name", ["2026-13", "2026-1", "2026-12-01", "", "x"])
def test_what_is_no_month_is_said_to_be_none(name: str) -> None:
    """And nobody is shown one of a resource that is not there."""
    story = Story()
    story.open(Resource("room", "Room", "UTC"))
    with pytest.raises(BadDate):
        see(story, f"month/room/{name}")
    with pytest.raises(Unanswered, match="no resource"):
        see(story, f"month/none/{MONTH}")
