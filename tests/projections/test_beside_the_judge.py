"""What read models offer is what the judges grant: neither more nor less, for whoever asks."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.booking.commands import BlockSlots, Book, Cancel, DayCommand, PlaceHold, ReleaseHold
from actors.booking.day import DAY
from actors.decider import Decision
from events.calendar.offers import occupied
from events.calendar.quantum import SLOT_MS, day_start, shares
from events.catalog import EventTypePut, Linked, ResourcePut
from events.day import Item, Wish
from projections.questions import Check, DaySlots
from tests.projections.story import DATE, NOW, ORG, Story
from tests.support.studio import CATALOG, by, id_of

SESSIONS = st.sampled_from(("ann", "bob"))
KINDS = st.sampled_from(("visit", "wide"))


def opened() -> Story:
    """A story with the catalog of the judges' own tests."""
    story = Story()
    story.tell(
        f"{ORG}.catalog",
        *(ResourcePut(one) for one in CATALOG.active.values()),
        *(EventTypePut(one) for one in CATALOG.event_types.values()),
        *(Linked(slug, resource) for slug, resources in CATALOG.links.items() for resource in resources),
    )
    return story


def draw_wish(data: st.DataObject, resource: str) -> Wish:
    """One that lies within the date, with its buffers."""
    start = day_start(DATE) + data.draw(st.integers(2, 85)) * SLOT_MS
    kind = data.draw(KINDS)
    minutes = data.draw(st.sampled_from(CATALOG.event_types[kind].durations))
    units = data.draw(st.integers(1, CATALOG.active[resource].capacity))
    return Wish(kind, start, minutes, (Item(resource, units),))


def draw_command(data: st.DataObject, resource: str, number: int, ids: dict[str, list[str]]) -> DayCommand:
    wish = draw_wish(data, resource)
    id = id_of(f"x{number}", wish)
    match data.draw(st.sampled_from(("hold", "hold", "book", "book", "block", "release", "cancel"))):
        case "hold":
            ids["hold"].append(id)
            return PlaceHold(id, data.draw(SESSIONS), wish)
        case "book":
            ids["book"].append(id)
            return Book(id, wish, data.draw(SESSIONS))
        case "block":
            first = data.draw(st.integers(0, 90))
            return BlockSlots(f"b{number}", first, first + 2)
        case "release" if ids["hold"]:
            return ReleaseHold(data.draw(st.sampled_from(ids["hold"])), data.draw(SESSIONS))
        case "cancel" if ids["book"]:
            return Cancel(data.draw(st.sampled_from(ids["book"])))
        case _:
            return BlockSlots(f"b{number}", 0, 1)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_slot_is_free_if_and_only_if_a_judge_would_grant_it(data: st.DataObject) -> None:
    """To the session that asks, for so many units, with the buffers of its kind; and a check says the same."""
    resource = data.draw(st.sampled_from(("room", "other")))
    story, actor = opened(), f"{ORG}.day.{resource}.{DATE}"
    day = DAY.initial(actor)
    ids: dict[str, list[str]] = {"hold": [], "book": []}
    for number in range(data.draw(st.integers(0, 14))):
        decided = DAY.decide(day, draw_command(data, resource, number, ids), NOW, by())
        if isinstance(decided, Decision) and decided.facts:
            for fact in decided.facts:
                day = DAY.evolve(day, fact, NOW)
            story.tell(actor, *decided.facts)
    kind, session = data.draw(KINDS), data.draw(SESSIONS)
    event_type = CATALOG.event_types[kind]
    units = data.draw(st.integers(1, CATALOG.active[resource].capacity))
    how: Any = {"org": ORG, "event_type": kind, "minutes": 60, "session": session}
    for slot in story.models.answer_now(DaySlots(resource=resource, date=DATE, tz="UTC", units=units, **how)):
        if len(shares(occupied(event_type, slot.start, 60))) > 1:
            continue
        wish = Wish(kind, slot.start, 60, (Item(resource, units),))
        asked = DAY.decide(day, Book(id_of("asked", wish), wish, session), NOW, by())
        assert isinstance(asked, Decision) == (slot.state == "free"), (slot, asked)
        check = story.models.answer_now(Check(start=slot.start, items=wish.items, **how))
        assert check.free == (slot.state == "free")
