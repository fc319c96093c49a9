"""What is taken, held and blocked is what the facts add up to, and what is told of it takes a subscriber there."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.calendar.bitmaps import day_bits
from events.calendar.quantum import DAY_MS, SLOTS, day_number, mask
from events.catalog import RationLifted, Resource, ResourcePut, ResourceRationed
from events.day import (
    Blocked,
    DayFact,
    HoldExpired,
    HoldReleased,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    Unblocked,
    day_actor,
)
from projections.availability import Availability, DayChanged, HoldsChanged, UnitsChanged
from projections.folding import spelled
from projections.limits import PAST_DAYS
from projections.questions import Range, Shown, Unanswered
from projections.topics import DayShown, HoldsShown
from tests.projections.story import DATE, NOW, ORG, Story, slot, wished
from tests.projections.subscriber import day_after, day_resized, holds_after

DATES = ("2026-12-06", DATE, "2027-01-01")
RESOURCES = ("room", "studio")
CAPACITY = 3


def held(id: str, slots: Slots, session: str = "ann") -> SlotsHeld:
    _, wish, _ = wished("h", NOW)
    return SlotsHeld(id, session, wish, slots, NOW + 10_000, NOW + 900_000, 10_000, 1)


def taken(id: str, slots: Slots, hold: str = "") -> SlotsTaken:
    return SlotsTaken(id, "visit", slots, "confirmed", None, hold, 1)


class Naive:
    """What lies on one day, as lists of what was said."""

    def __init__(self) -> None:
        self.holds: dict[str, Slots] = {}
        self.taken: dict[str, Slots] = {}
        self.blocks: dict[str, Slots] = {}

    def units(self, claims: dict[str, Slots], *, blocks: bool = False) -> list[int]:
        return [
            sum(1 if blocks else one.units for one in claims.values() if one.first <= slot < one.end)
            for slot in range(SLOTS)
        ]


@st.composite
def runs_of_slots(draw: st.DrawFn) -> Slots:
    first = draw(st.integers(0, SLOTS - 1))
    return Slots(first, draw(st.integers(first + 1, min(first + 20, SLOTS))), draw(st.integers(1, 2)))


def draw_fact(data: st.DataObject, day: Naive, number: int) -> DayFact:
    """Something that can happen to the day as it is."""
    choices = ["hold", "take", "block"]
    choices += ["release", "expire", "convert"] if day.holds else []
    choices += ["free"] if day.taken else []
    choices += ["unblock"] if day.blocks else []
    slots = data.draw(runs_of_slots())
    match data.draw(st.sampled_from(choices)):
        case "hold":
            day.holds[f"h{number}"] = slots
            return held(f"h{number}", slots)
        case "take":
            day.taken[f"b{number}"] = slots
            return taken(f"b{number}", slots)
        case "block":
            day.blocks[f"x{number}"] = slots
            return Blocked(f"x{number}", slots, "")
        case "free":
            id = data.draw(st.sampled_from(sorted(day.taken)))
            del day.taken[id]
            return SlotsFreed(id)
        case "unblock":
            id = data.draw(st.sampled_from(sorted(day.blocks)))
            del day.blocks[id]
            return Unblocked(id)
        case ending:
            id = data.draw(st.sampled_from(sorted(day.holds)))
            slots = day.holds.pop(id)
            if ending == "convert":
                day.taken[f"b{number}"] = slots
                return taken(f"b{number}", slots, id)
            return HoldReleased(id) if ending == "release" else HoldExpired(id)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_is_what_the_facts_add_up_to(data: st.DataObject) -> None:
    """Counted anew from all that was said, after any facts on any days; deltas take a subscriber there, each going on
    from the one before; and a snapshot taken anywhere leads to the same bytes."""
    story = Story()
    story.open(Resource("room", "Room", "UTC", capacity=CAPACITY), Resource("studio", "Studio", "UTC"))
    days = {(resource, date): Naive() for resource in RESOURCES for date in DATES}
    shown = {key: (see(story, "day", key), see(story, "holds", key)) for key in days}
    told = len(story.changes)
    loaded = story.fresh()
    for number in range(data.draw(st.integers(1, 25))):
        key = data.draw(st.sampled_from(sorted(days)))
        facts = [draw_fact(data, days[key], 10 * number + each) for each in range(data.draw(st.integers(1, 3)))]
        story.tell(day_actor(ORG, *key), *facts)
        if number and data.draw(st.booleans()):
            loaded.projector.take(story.steps[-1])
        else:
            loaded.availability.load(story.models.availability.save())
    availability = story.models.availability
    for (resource, date), naive in days.items():
        expect(availability, resource, date, naive)
    follow(story, shown, told)
    assert shown == {key: (see(story, "day", key), see(story, "holds", key)) for key in days}
    replayed = story.fresh()
    for step in story.steps:
        replayed.projector.take(step)
    assert loaded.availability.save() == availability.save() == replayed.availability.save()


def see(story: Story, kind: str, key: tuple[str, str]) -> tuple[str, DayShown | HoldsShown]:
    answer = story.models.answer_now(Shown(org=ORG, topic=f"{kind}/{key[0]}/{key[1]}"))
    return answer.position.split(":")[1], answer.state


def follow(
    story: Story,
    shown: dict[tuple[str, str], tuple[tuple[str, DayShown | HoldsShown], tuple[str, DayShown | HoldsShown]]],
    told: int,
) -> None:
    """Take in what was told, as a subscriber does."""
    for change in story.changes[told:]:
        kind, _, of = change.topic.partition("/")
        if kind not in {"day", "holds"}:
            continue
        resource, _, date = of.partition("/")
        day, holds = shown[resource, date]
        if isinstance(change.delta, DayChanged):
            assert day[0] == str(change.before) and isinstance(day[1], DayShown)
            day = (str(change.after), day_after(day[1], change.delta))
        elif isinstance(change.delta, HoldsChanged):
            assert holds[0] == str(change.before) and isinstance(holds[1], HoldsShown)
            holds = (str(change.after), holds_after(holds[1], change.delta))
        shown[resource, date] = (day, holds)


def expect(availability: Availability, resource: str, date: str, naive: Naive) -> None:
    columns = availability.columns
    number = columns.resources[ORG, resource]
    row = columns.row(number, day_number(date))
    used, holds, blocks = (
        naive.units(naive.taken),
        naive.units(naive.holds),
        naive.units(naive.blocks, blocks=True),
    )
    assert (columns.taken[row].tolist(), columns.held[row].tolist()) == (used, holds)
    assert columns.blocked[row].tolist() == blocks
    capacity = int(columns.capacity[number])
    full = [one + other >= capacity or block > 0 for one, other, block in zip(used, holds, blocks, strict=True)]
    expected = sum(1 << slot for slot, is_full in enumerate(full) if is_full)
    assert day_bits(columns.full[row].reshape(1, 1, 3), 0, 0) == expected


def test_what_is_held_changes_only_the_topic_of_holds() -> None:
    """And what is taken only that of the day; a hold that becomes a booking changes both at once."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    actor = day_actor(ORG, "studio", DATE)
    story.tell(actor, held("h", Slots(4, 8)))
    assert [one.topic for one in story.changes[1:]] == [f"holds/studio/{DATE}"]
    story.tell(actor, taken("b", Slots(4, 8), "h"))
    assert [(one.topic, one.before, one.after) for one in story.changes[2:]] == [
        (f"day/studio/{DATE}", 0, 3),
        ("month/studio/2026-12", 0, 3),
        (f"holds/studio/{DATE}", 2, 3),
    ]
    assert story.changes[2].delta == DayChanged(
        1, spelled(0xF0), spelled(0), spelled(0), spelled(0), (Slots(4, 8),)
    )  # fmt: skip
    assert story.changes[4].delta == HoldsChanged(spelled(0), spelled(0xF0), (Slots(4, 8, 0),))


def test_what_comes_and_goes_within_a_commit_is_not_told() -> None:
    """Nobody could have seen it."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    story.tell(day_actor(ORG, "studio", DATE), held("h", Slots(4, 8)), HoldReleased("h"))
    assert [one.topic for one in story.changes] == ["catalog"]


def test_another_capacity_makes_other_slots_busy() -> None:
    """On every day of the resource, and its subscribers are told."""
    story = Story()
    room = Resource("room", "Room", "UTC", capacity=3)
    story.open(room)
    for date in DATES:
        story.tell(day_actor(ORG, "room", date), taken("b", Slots(0, 4, 2)))
    shown = {("room", date): (see(story, "day", ("room", date)), see(story, "holds", ("room", date))) for date in DATES}
    told = len(story.changes)
    story.tell(f"{ORG}.catalog", ResourcePut(msgspec.structs.replace(room, capacity=2)))
    follow(story, shown, told)
    for date in DATES:
        day = see(story, "day", ("room", date))
        assert shown["room", date][0] == day
        assert day[1] == DayShown(2, spelled(0xF), spelled(0), (Slots(0, 4, 2),))


def test_a_day_that_nothing_happened_on_hears_of_its_capacity_too() -> None:
    """By what is told of its resource: the same from one position to the next, and a later booking goes on from there;
    so it does after the state was saved."""
    story = Story()
    room = Resource("room", "Room", "UTC", capacity=5)
    story.open(room)
    quiet, at = ("room", DATE), 0
    for fact in (ResourceRationed("room", 0), RationLifted("room"), ResourceRationed("room", 2)):
        before, told = see(story, "day", quiet), len(story.changes)
        assert isinstance(before[1], DayShown)
        at = story.tell(f"{ORG}.catalog", fact)
        (change,) = (one for one in story.changes[told:] if one.topic == "units/room")
        assert isinstance(change.delta, UnitsChanged)
        assert (before[0], change.after) == (str(change.before), at)
        assert see(story, "day", quiet) == (str(at), day_resized(before[1], change.delta))
    loaded = story.fresh()
    loaded.availability.load(story.models.availability.save())
    assert loaded.availability.columns.resized_at[0] == at
    story.tell(day_actor(ORG, *quiet), taken("b", Slots(0, 4, 2)))
    assert [one.before for one in story.changes if one.topic == f"day/room/{DATE}"] == [at]


def test_rationed_units_are_not_there() -> None:
    """Until the ration is lifted, or fewer units are put."""
    story = Story()
    room = Resource("room", "Room", "UTC", capacity=3)
    story.open(room)
    story.tell(day_actor(ORG, "room", DATE), taken("b", Slots(0, 4)))
    asked = Range(org=ORG, resource="room", start=slot(0), end=slot(8))
    for fact, left, busy in (
        (ResourceRationed("room", 1), (0, 1), 0xF),
        (RationLifted("room"), (2, 3), 0),
        (ResourceRationed("room", 2), (1, 2), 0),
        (ResourcePut(msgspec.structs.replace(room, capacity=1)), (0, 1), 0xF),
    ):
        story.tell(f"{ORG}.catalog", fact)
        assert tuple(one.units for one in story.models.answer_now(asked).stretches) == left
        state = see(story, "day", ("room", DATE))[1]
        assert isinstance(state, DayShown)
        assert state.busy == spelled(busy)
        loaded = story.fresh()
        loaded.availability.load(story.models.availability.save())
        assert loaded.availability.save() == story.models.availability.save()
        assert loaded.availability.columns.capacity[0] == story.models.availability.columns.capacity[0]


def test_days_long_past_are_forgotten() -> None:
    """By the time of the commits, not of any clock: so a replay forgets the same."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    actor = day_actor(ORG, "studio", DATE)
    story.tell(actor, taken("b", Slots(0, 4)))
    assert story.models.availability.columns.count == 1
    story.tell(f"{ORG}.catalog", at=NOW + (PAST_DAYS + 6) * DAY_MS)
    assert story.models.availability.columns.count == 1
    story.tell(f"{ORG}.catalog", at=NOW + (PAST_DAYS + 7) * DAY_MS)
    assert story.models.availability.columns.count == 0
    story.tell(actor, SlotsFreed("b"))
    assert story.models.availability.columns.count == 0
    with pytest.raises(Unanswered, match="only in the log"):
        see(story, "day", ("studio", DATE))
    assert story.changes[-1].topic == "catalog"


def test_rows_of_forgotten_days_are_used_again() -> None:
    """However long the history, what lies in memory is bounded."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    for day in range(200):
        date = f"2027-{day // 28 + 1:02}-{day % 28 + 1:02}"
        story.tell(day_actor(ORG, "studio", date), taken("b", Slots(day % 90, 96)), at=day_number(date) * DAY_MS)
    columns = story.models.availability.columns
    assert columns.count <= PAST_DAYS + 1
    assert len(columns.day_of) == 64 or len(columns.day_of) == 128
    assert len(story.models.availability._claims) == columns.count


def test_many_resources_and_days_are_saved_and_loaded() -> None:
    """More than there was room for at first."""
    story = Story()
    story.open(*(Resource(f"r{number}", "R", "UTC", capacity=1 + number) for number in range(150)))
    for number in range(150):
        story.tell(day_actor(ORG, f"r{number}", "2027-05-09"), taken("b", Slots(number % 90, 96, 2)))
    loaded = story.fresh()
    loaded.availability.load(story.models.availability.save())
    assert loaded.availability.save() == story.models.availability.save()
    for read in (loaded.availability, story.models.availability):
        for number in (0, 1, 2, 149):
            row = read.columns.row(read.columns.resources[ORG, f"r{number}"], day_number("2027-05-09"))
            full = day_bits(read.columns.full[row].reshape(1, 1, 3), 0, 0)
            assert full == (mask(number % 90, 96) if number < 2 else 0)
