"""What the tours of the READMEs take is free in the demo, whatever day and hour it is; and they leave each other alone.

A tour is read from its text, so that one that is written anew is judged anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from actors.booking.asking import minutes_of
from actors.booking.recurrence import starts_of
from actors.catalog import Link, PutResource, PutSchedule
from actors.catalog.decider import decide
from actors.catalog.limits import CatalogPolicy
from actors.decider import Refusal
from events.calendar.offers import occupied, schedules_of, why_not
from events.calendar.quantum import DAY_MS, MINUTE_MS, Span, day_number
from events.catalog import Catalog, EventType, take_in
from events.clock import Instant
from events.day import Item, Wish
from tidegate.demo import DAYS, EVENT_TYPES, LINKS, SCHEDULES, resources, visits
from tidegate.hours import weekly_from
from tidegate.local_time import instant_from

HOUR_MS: Final = 60 * MINUTE_MS
ROOT: Final = Path(__file__).parents[2]
README, PYTHON, JAVASCRIPT = (
    (ROOT / folder / "README.md").read_text("utf-8") for folder in (".", "clients/python", "clients/js")
)
FIRST_DAY: Final = day_number("2026-12-03")
DAYS_OF_A_YEAR: Final = range(0, 365, 5)
"""Every fifth: every weekday ten times, in every season, near public holidays and where clocks change."""
HOURS: Final = (0, 9, 15, 22, 23)
"""Of UTC. At 22:00 in summer, it is another date in Berlin already, and not in Lisbon."""
UP_FOR_DAYS: Final = (0, 1, 5, 9)
"""How long the demo may have been there when somebody takes the tour."""


class Wanted(NamedTuple):
    """What a command of the tour asks for, as it is typed."""

    verb: str
    event_type: str
    resource: str
    start: str
    options: dict[str, str]


class Taken(NamedTuple):
    resource: str
    units: int
    span: Span


def commands() -> Iterator[list[str]]:
    for line in re.findall(r"^\$ tidegate booking (.+)$", README, re.MULTILINE):
        yield shlex.split(line, comments=True)


def wishes_typed() -> list[Wanted]:
    """All that is held, booked and waited for. What is printed by another command is not typed, and left out."""
    found = []
    for verb, *words in commands():
        options = dict(pairwise(words))
        if verb in {"hold", "book", "standby", "series"} and "--start" in options:
            found.append(Wanted(verb, words[0], words[1], options["--start"], options))
    return found


def catalog_of(now: Instant) -> Catalog:
    """The demo's, with what the tour puts there before it holds anything."""
    catalog = Catalog()
    created = [words[1:] for words in commands() if words[0] == "create"]
    option = {kind: dict(pairwise(words)) for kind, *words in created}
    schedule, resource = option["schedule"], option["resource"]
    ids = {kind: words for kind, *words in created}
    own = (
        PutSchedule(ids["schedule"][0], schedule["--tz"], "", weekly_from(schedule["--hours"])),
        PutResource(ids["resource"][0], resource["--tz"], schedule=resource["--schedule"]),
        *(Link(ids["link"][0], one) for one in ids["link"][1:]),
    )
    command: Any  # of the catalog: the demo calls them commands
    for command in (*SCHEDULES, *resources(now), *EVENT_TYPES, *LINKS, *own):
        decided = decide(catalog, command, now, CatalogPolicy())
        assert not isinstance(decided, Refusal), (command, decided)
        for fact in decided.facts:
            catalog = take_in(catalog, fact, now)
    return catalog


def wishes(catalog: Catalog, wanted: Wanted, now: Instant) -> Iterator[tuple[EventType, Wish]]:
    event_type, leading = catalog.event_types[wanted.event_type], catalog.active[wanted.resource]
    minutes = minutes_of(event_type, int(wanted.options["--duration"]) if "--duration" in wanted.options else None)
    assert not isinstance(minutes, Refusal), minutes
    along, _, units = wanted.options.get("--with", "").partition(":")
    items = (Item(wanted.resource), *((Item(along, int(units)),) if along else ()))
    first = instant_from(wanted.start, now, leading.time_zone)
    rule = wanted.options.get("--rule", "FREQ=DAILY;COUNT=1")
    starts = starts_of(rule, first, leading.time_zone)
    assert not isinstance(starts, Refusal), starts
    for start in starts:
        yield event_type, Wish(wanted.event_type, start, minutes, items)


def stands_against(catalog: Catalog, taken: list[Taken], event_type: EventType, wish: Wish) -> str:
    """Why it cannot be booked beside what is taken; nothing, if it can."""
    span = occupied(event_type, wish.start, wish.minutes)
    for item in wish.items:
        there = catalog.active[item.resource].capacity
        beside = [one for one in taken if one.resource == item.resource and one.span.touches(span)]
        for at in (span.start, *(one.span.start for one in beside)):
            used = sum(one.units for one in beside if one.span.touches(Span(at, at + 1)))
            if used + item.units > there:
                return f"{used} of {there} {item.resource} are taken"
    return ""


def takings(wishes: Iterable[tuple[EventType, Wish]]) -> list[Taken]:
    return [
        Taken(item.resource, item.units, occupied(event_type, wish.start, wish.minutes))
        for event_type, wish in wishes
        for item in wish.items
    ]


def demo_of(catalog: Catalog, anchor: Instant) -> list[Taken]:
    return takings((catalog.event_types[one.wish.event_type], one.wish) for one in visits(catalog, anchor))


@pytest.mark.parametrize("day", DAYS_OF_A_YEAR)
def test_what_the_tour_takes_is_free(day: int) -> None:
    """It is open then, it is in time, and the demo has left enough of everything: on every date, at every hour."""
    typed = wishes_typed()
    assert len(typed) >= 7, typed
    for hour in HOURS:
        anchor = (FIRST_DAY + day) * DAY_MS + hour * HOUR_MS
        catalog = catalog_of(anchor)
        demo = demo_of(catalog, anchor)
        for now, wanted in product((anchor + days * DAY_MS for days in UP_FOR_DAYS), typed):
            for event_type, wish in wishes(catalog, wanted, now):
                schedules = schedules_of(catalog, event_type, catalog.active[wanted.resource])
                assert why_not(event_type, schedules, wish.start, wish.minutes, now) is None, (wanted, now)
                assert not stands_against(catalog, demo, event_type, wish), (wanted, now)
                assert wish.start > now + event_type.cancel_before * MINUTE_MS, "it can be moved and cancelled"


@pytest.mark.parametrize("day", range(7))
def test_half_of_the_microphones_are_left(day: int) -> None:
    """Whenever somebody comes: for as long as the demo has bookings."""
    anchor = (FIRST_DAY + day) * DAY_MS + 12 * HOUR_MS
    catalog = catalog_of(anchor)
    session, demo = catalog.event_types["session"], demo_of(catalog, anchor)
    for start in range(anchor, anchor + (DAYS + 3) * DAY_MS, HOUR_MS):
        assert not stands_against(catalog, demo, session, Wish("session", start, 120, (Item("mics", 2),)))


def test_the_parts_of_the_tour_leave_each_other_alone() -> None:
    """What is asked for over HTTP, twenty days ahead by whatever clocks, and what the clients' tours take, is not taken
    by the command line before; and nothing of it by the demo."""
    now = FIRST_DAY * DAY_MS + 12 * HOUR_MS
    catalog = catalog_of(now)
    taken = [
        one
        for wanted in wishes_typed()
        if wanted.resource == "studio-south" and "--check" not in wanted.options
        for one in takings(wishes(catalog, wanted, now))
    ]
    over_http = sorted(set(re.findall(r"[{]?(?:D|date)}T(\d\d:\d\d)", README)))
    assert len(over_http) == 3 and "d.timedelta(20)" in README
    session = catalog.event_types["session"]
    for days in (19, 20, 21):
        for clock in over_http:
            start = instant_from(f"+{days} {clock}", now, "Europe/Lisbon")
            wish = Wish("session", start, 60, (Item("studio-south"),))
            assert not stands_against(catalog, taken, session, wish), (days, clock)
            taken += takings([(session, wish)])
    ahead = re.findall(r"timedelta\(days=(\d+)\)", PYTHON) + re.findall(r"Date\.now\(\) \+ (\d+) \*", JAVASCRIPT)
    assert len(ahead) == 2
    for days in map(int, ahead):
        assert days > DAYS + 1, "the demo may have been there since today"
        date = Span(now + (days - 1) * DAY_MS, now + (days + 2) * DAY_MS)
        assert not [one for one in taken if one.span.touches(date)], days


def test_rooms_of_the_tours_are_left_open() -> None:
    """One that is paused is resumed, and no two tours make the same one: who opens it a second time is refused."""
    assert re.findall(r"rooms/(\w+)/pause", README) == re.findall(r"rooms/(\w+)/resume", README) == ["launch"]
    made = re.findall(r"room create (\S+)", README) + re.findall(r'put_room\("([\w-]+)"', PYTHON)
    assert len(made) == 3 and len(set(made)) == len(made), made
