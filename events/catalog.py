"""The facts of an organisation's catalog, and what they say together: resources, schedules, event types, links.

A fact carries the whole of what it puts, so that the catalog at any sequence is the last of each. Whoever decides on
the catalog (the days) and whoever shows it (the projections) fold it by the same `take_in`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final, Literal, TypeAlias

import msgspec

from events.clock import Instant
from events.facts import Fact, FactSet

Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Resource(msgspec.Struct, frozen=True):
    """Something with a calendar of its own. `time_zone` is an IANA name; `capacity` counts units per slot."""

    id: str
    name: str
    time_zone: str
    capacity: int = 1
    """How many units of it there are at any time."""
    type: str = ""
    """A word of your own for what kind of thing it is."""
    description: str = ""
    schedule: str = ""
    """When it can be booked; always, without one."""
    standalone: bool = True
    """False for what is only ever booked along with something else: a microphone with its studio."""
    metadata: dict[str, str] = {}
    """Whatever you want to keep with it."""


class Window(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From one minute of the local day to another, both on the grid of quarter hours; 24:00 is 1,440."""

    start: int
    end: int


class Schedule(msgspec.Struct, frozen=True):
    """When something is open, by the clocks of `time_zone`. An override replaces its date's windows, or closes it."""

    id: str
    name: str
    time_zone: str
    weekly: dict[Weekday, tuple[Window, ...]] = {}
    overrides: dict[str, tuple[Window, ...]] = {}
    region: str = ""
    """Whose public holidays it keeps: a country, or a part of one, as in `DE` and `DE-BY`."""
    holidays: dict[str, str] = {}
    """Those holidays by date, as they were known when the fact was decided: so that a replay is closed on the same
    days."""
    holidays_since: int = 0
    """The first of the years whose holidays are known, 0 without a region. When it is over they are found out anew."""


class Quota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many bookings that begin in a local day, a week from Monday, a month. 0 is no limit."""

    day: int = 0
    week: int = 0
    month: int = 0

    @property
    def limits(self) -> bool:
        return bool(self.day or self.week or self.month)


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a booker is asked."""

    id: str
    """By which its answer is kept."""
    label: str
    """As the booker reads it."""
    kind: Literal["text", "email", "phone", "number", "choice", "boolean"] = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    """What a `choice` is among."""
    characters_max: int = 500


class EventType(msgspec.Struct, frozen=True):
    """A way of booking: how long, when, under which rules. Times that are spans are in minutes unless they say else."""

    slug: str
    title: str
    """As bookers read it."""
    description: str = ""
    durations: tuple[int, ...] = (60,)
    """How long it may take; the first, unless another one is asked for."""
    interval: int = 0
    """Between two starts; the shortest duration, when 0."""
    align: Literal["window", "clock"] = "window"
    """Whether starts are counted from where the day opens, or from the local midnight."""
    schedule: str = ""
    """Narrower than the resource's: both must be open."""
    buffer_before: int = 0
    """Before it nothing else is booked for so long."""
    buffer_after: int = 0
    """Behind it nothing else is booked for so long."""
    notice: int = 0
    """So long before its start at the latest it is booked."""
    horizon_days: int = 365
    """So many days ahead at most it is booked."""
    per_resource: Quota = Quota()
    """How many each resource takes."""
    per_booker: Quota = Quota()
    """How many one address may book."""
    approval: bool = False
    """Whether somebody has to confirm each booking."""
    provisional_for: int = 0
    """A booking is first provisional, and lapses unless it is confirmed within so long."""
    pending_for: int = 0
    """One that waits for approval lapses after so long; never, when 0."""
    hold_seconds: int = 10
    """A hold stands for so long after each of its heartbeats."""
    hold_seconds_max: int = 900
    """A hold stands for so long in all."""
    cancel_before: int = 0
    """So long before its start at the latest its booker may cancel it."""
    reschedule_before: int = 0
    """So long before its start at the latest its booker may move it."""
    complete_after: int | None = 0
    """So long after its end a confirmed booking is completed by itself; by hand, when None."""
    reminders: tuple[int, ...] = ()
    """So long before its start the booker is reminded, each time."""
    questions: tuple[Question, ...] = ()
    """What its booker is asked."""
    locations: tuple[str, ...] = ()
    """Where it may take place, as bookers read it."""
    price: str = ""
    """As bookers read it: nothing is reckoned with it."""
    room: str = ""
    """The waiting room that guards it."""
    active: bool = True
    """Whether it can be booked at present."""


class ResourcePut(Fact, frozen=True):
    """The resource is as said from here on, whether it was there before or not."""

    resource: Resource


class ResourceRetired(Fact, frozen=True):
    """The resource takes no new bookings; its id stays taken, so that history keeps its meaning."""

    id: str


class SchedulePut(Fact, frozen=True):
    schedule: Schedule


class ScheduleRemoved(Fact, frozen=True):
    id: str


class EventTypePut(Fact, frozen=True):
    event_type: EventType


class EventTypeRemoved(Fact, frozen=True):
    """Its links go with it."""

    slug: str


class Linked(Fact, frozen=True):
    """The resource can be booked by this event type."""

    event_type: str
    resource: str


class Unlinked(Fact, frozen=True):
    event_type: str
    resource: str


class ResourceRationed(Fact, frozen=True):
    """No more than so many of its units are given out from here on, while somebody makes sure that fewer will do."""

    id: str
    most: int


class RationLifted(Fact, frozen=True):
    id: str


CatalogFact: TypeAlias = (
    ResourcePut
    | ResourceRetired
    | ResourceRationed
    | RationLifted
    | SchedulePut
    | ScheduleRemoved
    | EventTypePut
    | EventTypeRemoved
    | Linked
    | Unlinked
)
FACTS = FactSet[CatalogFact](
    (
        ResourcePut,
        ResourceRetired,
        ResourceRationed,
        RationLifted,
        SchedulePut,
        ScheduleRemoved,
        EventTypePut,
        EventTypeRemoved,
        Linked,
        Unlinked,
    )
)


class Ration(msgspec.Struct, frozen=True):
    """At most so many units, since when."""

    most: int
    since: Instant


NO_RATION: Final = Ration(2**62, 0)


class Catalog(msgspec.Struct):
    """What the facts say together. Retired resources stay, for their ids; the schedule that one names may be gone."""

    active: dict[str, Resource] = {}
    retired: dict[str, Resource] = {}
    schedules: dict[str, Schedule] = {}
    event_types: dict[str, EventType] = {}
    links: dict[str, list[str]] = {}
    """By event type: the resources that it can be booked with, in order. A retired one keeps its place: it can be
    booked again when it is put again."""
    rations: dict[str, Ration] = {}
    """By resource."""
    ever_linked: list[str] = []
    """Resources on which bookings may stand, whatever they are linked to now; in order."""
    ever_offered: list[str] = []
    """Event types of which there may be bookings; in order."""
    inactive_since: dict[str, Instant] = {}
    """By event type."""

    def units_of(self, resource: Resource) -> int:
        """How many are given out."""
        return min(resource.capacity, self.rations.get(resource.id, NO_RATION).most)

    def linked(self, event_type: str, resource: str) -> bool:
        resources = self.links.get(event_type, [])
        place = bisect_left(resources, resource)
        return place < len(resources) and resources[place] == resource


def take_in(catalog: Catalog, fact: CatalogFact, at: Instant) -> Catalog:
    """Change the catalog as the fact says, which was decided at that instant."""
    match fact:
        case ResourcePut(resource):
            catalog.retired.pop(resource.id, None)
            catalog.active[resource.id] = resource
            if resource.capacity <= catalog.rations.get(resource.id, NO_RATION).most:
                catalog.rations.pop(resource.id, None)
        case ResourceRetired(id):
            catalog.retired[id] = catalog.active.pop(id)
            catalog.rations.pop(id, None)
        case ResourceRationed(id, most):
            catalog.rations[id] = Ration(most, at)
        case RationLifted(id):
            del catalog.rations[id]
        case SchedulePut(schedule):
            catalog.schedules[schedule.id] = schedule
        case ScheduleRemoved(id):
            del catalog.schedules[id]
        case EventTypePut(event_type):
            catalog.event_types[event_type.slug] = event_type
            if event_type.active:
                catalog.inactive_since.pop(event_type.slug, None)
            else:
                catalog.inactive_since.setdefault(event_type.slug, at)
        case EventTypeRemoved(slug):
            del catalog.event_types[slug]
            catalog.links.pop(slug, None)
            catalog.inactive_since.pop(slug, None)
        case Linked(event_type, resource):
            if not catalog.linked(event_type, resource):
                insort(catalog.links.setdefault(event_type, []), resource)
            _add(catalog.ever_linked, resource)
            _add(catalog.ever_offered, event_type)
        case Unlinked(event_type, resource):
            catalog.links[event_type].remove(resource)
    return catalog


def _add(names: list[str], name: str) -> None:
    place = bisect_left(names, name)
    if names[place : place + 1] != [name]:
        names.insert(place, name)
