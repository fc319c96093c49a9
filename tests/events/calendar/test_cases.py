"""The conformance cases of slots and spans: behaviour that people rely on, and defects that they reported elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from events.calendar.offers import occupied, starts, why_not
from events.calendar.quantum import DAY_MS, Span, shares
from events.calendar.zones import local_day_span
from events.catalog import EventType, Schedule, Window
from tests.events.calendar.oracle import at, shown

CASES: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("cases.json").read_text("utf-8"))


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def minutes(clock: str) -> int:
    hours, past = clock.split(":")
    return int(hours) * 60 + int(past)


def windows(by_day: dict[Any, list[list[str]]]) -> dict[Any, tuple[Window, ...]]:
    return {day: tuple(Window(minutes(start), minutes(end)) for start, end in of_day) for day, of_day in by_day.items()}


@pytest.mark.parametrize("case", CASES["slots"], ids=named)
def test_a_day_offers_the_starts_that_its_case_names(case: dict[str, Any]) -> None:
    """All of them, no others, and nothing stands against any."""
    schedule = Schedule(
        "hours", "hours", case["tz"], weekly=windows(case["weekly"]), overrides=windows(case.get("overrides", {}))
    )
    event_type = EventType(
        "visit",
        "Visit",
        durations=(case["duration"],),
        interval=case["interval"],
        align=case.get("align", "window"),
        notice=case.get("min_notice_minutes", 0),
    )
    day = local_day_span(case["date"], case["tz"])
    now = at(case["now"]) if "now" in case else day.start - DAY_MS
    offered = starts(event_type, (schedule,), case["duration"], day.start, day.end, now)
    assert all(why_not(event_type, (schedule,), start, case["duration"], now) is None for start in offered)
    if "expect" in case:
        assert [f"{shown(start, case['tz']):%H:%M}" for start in offered] == case["expect"]
    if "expect_utc" in case:
        assert list(offered) == [at(start) for start in case["expect_utc"]]
    if "expect_count" in case:
        assert len(offered) == case["expect_count"]
    if "expect_first" in case:
        assert offered[0] == at(case["expect_first"])
    if "expect_booked_slots" in case:
        (share,) = shares(occupied(event_type, offered[0], case["duration"]))
        assert list(range(share.first, share.end)) == case["expect_booked_slots"]


@pytest.mark.parametrize("case", CASES["spans"], ids=named)
def test_a_span_takes_the_slots_that_its_case_names(case: dict[str, Any]) -> None:
    """Date by date."""
    taken = {
        share.date: list(range(share.first, share.end)) for share in shares(Span(at(case["start"]), at(case["end"])))
    }
    assert taken == {date: list(range(96)) if slots == "0-95" else slots for date, slots in case["expect"].items()}
