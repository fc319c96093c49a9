"""What is beyond a limit is not offered: by the local days, weeks and months that the judges count by."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from events.calendar.periods import periods_of
from events.calendar.quantum import DAY_MS
from events.catalog import EventType, Quota, Resource
from events.clock import Instant
from events.day import Booker, Item
from events.quota import Advanced, Counted, Recounted, Uncounted, booker_key, quota_actor, resource_key
from projections.limits import COUNTED_PAST_DAYS
from projections.questions import Check, CheckSeries, DaySlots, Month
from tests.projections.story import DATE, ORG, Story, slot

TZ = "America/Los_Angeles"
OF_STUDIO = quota_actor(ORG, resource_key("studio"))
OF_ANN = quota_actor(ORG, booker_key(Booker(email="ann@example.com"), ""))


def limited(*, per_resource: Quota = Quota(), per_booker: Quota = Quota()) -> Story:  # noqa: B008
    story = Story()
    kind = EventType("few", "Few", durations=(60,), per_resource=per_resource, per_booker=per_booker)
    story.open(Resource("studio", "Studio", TZ), event_types=(kind, EventType("visit", "Visit", durations=(60,))))
    return story


def count(story: Story, booking: str, start: Instant, actor: str = OF_STUDIO, until: Instant | None = None) -> None:
    story.tell(actor, Counted(booking, "few", start, "confirmed", until))


def full_days(story: Story, event_type: str = "few", **asker: Any) -> set[str]:
    asked = Month(org=ORG, event_type=event_type, resource="studio", month="2026-12", minutes=60, **asker)
    return {date for date, free in story.models.answer_now(asked).items() if not free}


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_time_that_has_its_bookings_is_full(period: str) -> None:
    """All starts of the same local day, week from Monday, or month, and no others; days and month agree."""
    story = limited(per_resource=msgspec.convert({period: 2}, Quota))
    before = full_days(story)
    count(story, "b1", slot(60))
    assert full_days(story) == before
    evening = slot(8) + DAY_MS
    count(story, "b2", evening)
    wanted = getattr(periods_of(evening, TZ), period)
    for date in (f"2026-12-{day:02}" for day in range(2, 32)):
        slots = story.models.answer_now(DaySlots(org=ORG, event_type="few", resource="studio", date=date, minutes=60))
        for one in slots:
            beyond = getattr(periods_of(one.start, TZ), period) == wanted
            assert (one.state, one.units) == (("full", 0) if beyond else ("free", 1))
            checked = Check(org=ORG, event_type="few", start=one.start, minutes=60, items=(Item("studio"),))
            if one is slots[0]:
                objection = story.models.answer_now(checked).objection
                assert (objection is not None and objection.code == "over_limit") == beyond
        assert (date in full_days(story)) == all(one.state != "free" for one in slots)
    assert full_days(story, "visit") == before


def test_only_what_still_counts_is_counted() -> None:
    """What is uncounted, moved away, lapsed, or of another kind, is not."""
    story = limited(per_resource=Quota(day=1))
    none = full_days(story)
    count(story, "b", slot(60))
    assert full_days(story) == none | {DATE}
    story.tell(OF_STUDIO, Recounted("b", slot(60) + DAY_MS))
    assert full_days(story) == none | {"2026-12-08"}
    story.tell(OF_STUDIO, Advanced("b", "pending", story.now - 1))
    assert full_days(story) == none
    story.tell(OF_STUDIO, Advanced("b", "confirmed", None))
    assert full_days(story) == none | {"2026-12-08"}
    story.tell(OF_STUDIO, Uncounted("b"))
    story.tell(OF_STUDIO, Counted("v", "visit", slot(60), "confirmed", None))
    assert full_days(story) == none


def test_a_bookers_limit_is_theirs_alone() -> None:
    """It is known to who asks with their address, however it is written."""
    story = limited(per_booker=Quota(day=1))
    none = full_days(story)
    count(story, "b", slot(60), OF_ANN)
    assert full_days(story) == full_days(story, email="bob@example.com") == none
    assert full_days(story, email=" Ann@Example.com") == none | {DATE}


def test_a_series_spends_its_own_limit() -> None:
    """Of visits that are asked for together each counts for the next; and so does every resource's limit, whoever
    leads."""
    story = limited(per_resource=Quota(day=2))
    count(story, "b", slot(80))
    series = CheckSeries(
        org=ORG, event_type="few", starts=(slot(48), slot(60), slot(48) + DAY_MS), minutes=60, items=(Item("studio"),)
    )
    assert [one.free for one in story.models.answer_now(series)] == [True, False, True]


def test_what_counts_for_no_month_any_more_is_forgotten() -> None:
    """By the time of the commits; and a snapshot has the same bytes as a replay."""
    story = limited(per_resource=Quota(day=1))
    count(story, "b", slot(60))
    story.tell(f"{ORG}.catalog", at=slot(0) + COUNTED_PAST_DAYS * DAY_MS)
    loaded = story.fresh()
    loaded.quotas.load(story.models.quotas.save())
    assert loaded.quotas.save() == story.models.quotas.save()
    assert story.models.quotas._state.entries
    story.tell(f"{ORG}.catalog", at=slot(0) + (COUNTED_PAST_DAYS + 1) * DAY_MS)
    assert not story.models.quotas._state.entries
