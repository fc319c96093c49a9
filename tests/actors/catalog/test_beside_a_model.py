"""Any sequence of commands leaves the catalog as a naive model says, and a replay of its facts agrees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.catalog import (
    CATALOG,
    CatalogCommand,
    CatalogPolicy,
    Link,
    ListEventTypes,
    ListResources,
    ListSchedules,
    PutEventType,
    PutResource,
    PutSchedule,
    RemoveEventType,
    RemoveSchedule,
    RetireResource,
    ShowResource,
    Unlink,
    evolve,
)
from actors.catalog.regions import holidays_of
from actors.decider import TICK, Decision, Refusal, Tick
from events.catalog import Catalog, EventType, Resource, Schedule, Window
from events.codec import canonical

IDS = st.sampled_from(["a", "b", "c", "d", "B", "a.b", ""])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Nowhere"])
SCHEDULES = st.sampled_from(["", "", "a", "b", "c"])
QUARTERS = st.tuples(st.integers(-1, 97), st.integers(-1, 97))
POLICY = CatalogPolicy(
    resources_max=3, schedules_max=2, event_types_max=2, links_max=3, name_characters_max=3, capacity_max=5
)


def is_id(text: str) -> bool:
    return len(text) == 1 and text.islower()


def quarters_of(windows: list[tuple[int, int]]) -> set[int] | None:
    """Which quarter hours they cover; None when they can't be."""
    covered: list[int] = []
    for start, end in windows:
        if not 0 <= start < end <= 96:
            return None
        covered += range(start, end)
    return set(covered) if len(set(covered)) == len(covered) else None


def runs(quarters: set[int]) -> tuple[Window, ...]:
    """Each run of quarter hours as a window."""
    starts = [quarter for quarter in sorted(quarters) if quarter - 1 not in quarters]
    ends = [quarter + 1 for quarter in sorted(quarters) if quarter + 1 not in quarters]
    return tuple(Window(start * 15, end * 15) for start, end in zip(starts, ends, strict=True))


class BesideAModel(RuleBasedStateMachine):
    """The model: dictionaries of rows, sets of ids, and pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog()
        self.facts: list[Any] = []
        self.year = 2026
        self.resources: dict[str, tuple[str, str, int, str]] = {}
        """Name, time zone, capacity, schedule."""
        self.retired: set[str] = set()
        self.schedules: dict[str, tuple[set[int], str, int]] = {}
        """Open quarter hours of a Monday; region, and the first year whose holidays are known."""
        self.event_types: dict[str, tuple[int, str]] = {}
        """Duration, schedule."""
        self.links: set[tuple[str, str]] = set()

    def ask(self, command: CatalogCommand | Tick) -> Decision[Any] | Refusal:
        at = int(datetime(self.year, 7, 1, tzinfo=UTC).timestamp()) * 1_000
        outcome = CATALOG.decide(self.catalog, command, at, POLICY)  # type: ignore[arg-type]  # a Tick is always taken
        for fact in outcome.facts if isinstance(outcome, Decision) else ():
            self.catalog = evolve(self.catalog, fact, at)
            self.facts.append(fact)
        return outcome

    def expect(self, command: CatalogCommand | Tick, expected: str) -> None:
        """`changed`, `same`, or the code of a refusal."""
        outcome = self.ask(command)
        got = outcome.code if isinstance(outcome, Refusal) else "changed" if outcome.facts else "same"
        assert got == expected, (command, outcome)

    @rule(id=IDS, zone=ZONES, name=st.sampled_from(["", "x", "long"]), capacity=st.integers(0, 6), schedule=SCHEDULES)
    def put_resource(self, id: str, zone: str, name: str, capacity: int, schedule: str) -> None:
        command = PutResource(id, zone, name, capacity, schedule=schedule)
        row = (name or id, zone, capacity, schedule)
        wrong = not is_id(id) or zone == "Nowhere" or len(name) > 3 or not 1 <= capacity <= 5
        if wrong or (schedule and schedule not in self.schedules):
            assert isinstance(self.ask(command), Refusal)
        elif id not in self.resources and len(self.resources) == 3:
            self.expect(command, "too_many_resources")
        else:
            same = self.resources.get(id) == row and id not in self.retired
            self.expect(command, "same" if same else "changed")
            self.resources[id] = row
            self.retired.discard(id)

    @rule(id=IDS)
    def retire(self, id: str) -> None:
        known = "same" if id in self.retired else "changed"
        self.expect(RetireResource(id), known if id in self.resources else "unknown_resource")
        self.retired |= {id} & set(self.resources)

    @rule(id=IDS, windows=st.lists(QUARTERS, max_size=3), region=st.sampled_from(["", "DE", "FR", "XX"]))
    def put_schedule(self, id: str, windows: list[tuple[int, int]], region: str) -> None:
        monday = tuple(Window(start * 15, end * 15) for start, end in windows)
        command = PutSchedule(id, "UTC", "", {"mon": monday}, {}, region)
        quarters = quarters_of(windows)
        if quarters is None or not is_id(id) or region == "XX":
            assert isinstance(self.ask(command), Refusal)
        elif id not in self.schedules and len(self.schedules) == 2:
            self.expect(command, "too_many_schedules")
        else:
            row = (quarters, region, self.year if region else 0)
            self.expect(command, "same" if self.schedules.get(id) == row else "changed")
            self.schedules[id] = row

    @rule(id=IDS)
    def remove_schedule(self, id: str) -> None:
        used = {row[3] for resource, row in self.resources.items() if resource not in self.retired}
        used |= {schedule for _, schedule in self.event_types.values()}
        if id not in self.schedules:
            self.expect(RemoveSchedule(id), "unknown_schedule")
        elif id in used:
            self.expect(RemoveSchedule(id), "schedule_in_use")
        else:
            self.expect(RemoveSchedule(id), "changed")
            del self.schedules[id]

    @rule(slug=IDS, duration=st.sampled_from([0, 15, 60]), schedule=SCHEDULES)
    def put_event_type(self, slug: str, duration: int, schedule: str) -> None:
        command = PutEventType(slug, durations=(duration,), schedule=schedule)
        if not is_id(slug) or not duration or (schedule and schedule not in self.schedules):
            assert isinstance(self.ask(command), Refusal)
        elif slug not in self.event_types and len(self.event_types) == 2:
            self.expect(command, "too_many_event_types")
        else:
            self.expect(command, "same" if self.event_types.get(slug) == (duration, schedule) else "changed")
            self.event_types[slug] = (duration, schedule)

    @rule(slug=IDS)
    def remove_event_type(self, slug: str) -> None:
        self.expect(RemoveEventType(slug), "changed" if slug in self.event_types else "unknown_event_type")
        self.event_types.pop(slug, None)
        self.links = {(event_type, id) for event_type, id in self.links if event_type != slug}

    @rule(slug=IDS, id=IDS, link=st.booleans())
    def link_or_unlink(self, slug: str, id: str, link: bool) -> None:
        command = Link(slug, id) if link else Unlink(slug, id)
        if slug not in self.event_types:
            self.expect(command, "unknown_event_type")
        elif id not in self.resources:
            self.expect(command, "unknown_resource")
        elif id in self.retired:
            self.expect(command, "retired_resource")
        elif ((slug, id) in self.links) == link:
            self.expect(command, "same")
        elif link and len(self.links) == 3:
            self.expect(command, "too_many_links")
        else:
            self.expect(command, "changed")
            self.links ^= {(slug, id)}

    @rule(years=st.integers(0, 2))
    def a_tick_comes(self, years: int) -> None:
        self.year += years
        due = {id for id, (_, region, since) in self.schedules.items() if region and since < self.year}
        self.expect(TICK, "changed" if due else "same")
        for id in due:
            self.schedules[id] = (*self.schedules[id][:2], self.year)

    @invariant()
    def resources_are_listed_as_in_the_model(self) -> None:
        for retired in (False, True):
            shown = [id for id in sorted(self.resources) if retired or id not in self.retired]
            links = {id: sorted(slug for slug, other in self.links if other == id) for id in shown}
            resources = [self.resource(id) for id in shown]
            reply = {"resources": resources, "links": links, "retired": [id for id in shown if id in self.retired]}
            assert self.ask(ListResources(retired)) == Decision((), reply)
        for id in self.resources:
            slugs = sorted(slug for slug, other in self.links if other == id)
            shown_one = {"resource": self.resource(id), "event_types": slugs, "retired": id in self.retired}
            assert self.ask(ShowResource(id)) == Decision((), shown_one)

    def resource(self, id: str) -> Resource:
        name, zone, capacity, schedule = self.resources[id]
        return Resource(id, name, zone, capacity, schedule=schedule)

    @invariant()
    def schedules_are_listed_as_in_the_model(self) -> None:
        expected = [
            Schedule(
                id,
                id,
                "UTC",
                {"mon": runs(quarters)} if quarters else {},
                {},
                region,
                holidays_of(region, since) if region else {},
                since,
            )
            for id, (quarters, region, since) in sorted(self.schedules.items())
        ]
        assert self.ask(ListSchedules()) == Decision((), {"schedules": expected})
        years = [since for _, region, since in self.schedules.values() if region]
        new_year = int(datetime(min(years) + 1, 1, 1, tzinfo=UTC).timestamp()) * 1_000 if years else None
        assert CATALOG.wake(self.catalog) == new_year

    @invariant()
    def event_types_are_listed_as_in_the_model(self) -> None:
        expected = [
            EventType(slug, slug, durations=(duration,), schedule=schedule)
            for slug, (duration, schedule) in sorted(self.event_types.items())
        ]
        links = {
            slug: sorted(id for other, id in self.links if other == slug and id not in self.retired)
            for slug in self.event_types
        }
        assert self.ask(ListEventTypes()) == Decision((), {"event_types": expected, "links": links})

    @invariant()
    def a_replay_agrees(self) -> None:
        replayed = Catalog()
        for fact in self.facts:
            replayed = evolve(replayed, fact, 0)
        assert canonical(replayed) == canonical(self.catalog)


TestBesideAModel = BesideAModel.TestCase
TestBesideAModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
