"""What the catalog can be asked to do. What is put is put whole: a field that isn't said has its default."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from actors.decider import Command
from events.catalog import Question, Quota, Weekday, Window
from events.clock import Instant

Most: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""At most so many of a list; all, when 0."""


class PutResource(Command, frozen=True):
    """Add a resource, or change all of it. The same again changes nothing and is accepted."""

    id: str
    time_zone: str
    name: str = ""
    """The id, unless said."""
    capacity: int = 1
    type: str = ""
    description: str = ""
    schedule: str = ""
    standalone: bool = True
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    looked_at: Instant = 0
    """With a smaller capacity: when whoever asks saw that no more than that is reserved (see `rations`)."""


class RetireResource(Command, frozen=True):
    """Take a resource out of use. Retiring what is retired already is accepted."""

    id: str
    looked_at: Instant = 0


class ListResources(Command, frozen=True):
    """Which resources are there? Ordered by id; retired ones only when asked for."""

    retired: bool = False
    after: str = ""
    """Only ids behind this one: the last of the page before."""
    most: Most = 0


class RationResource(Command, frozen=True):
    """Give out no more than so many of its units from now on. What is reserved already stays."""

    id: str
    most: Most


class LiftRation(Command, frozen=True):
    """Give out all of its units again."""

    id: str


class ShowResource(Command, frozen=True):
    """All that is known of one resource, retired or not. With the event types that can book it."""

    id: str


class PutSchedule(Command, frozen=True):
    """Add a schedule, or change all of it. Windows may come in any order; adjacent ones become one."""

    id: str
    time_zone: str
    name: str = ""
    weekly: dict[Weekday, tuple[Window, ...]] = msgspec.field(default_factory=dict)
    overrides: dict[str, tuple[Window, ...]] = msgspec.field(default_factory=dict)
    region: str = ""


class RemoveSchedule(Command, frozen=True):
    """Forget a schedule that nothing in use names."""

    id: str


class ListSchedules(Command, frozen=True):
    """Which schedules are there? Ordered by id."""

    after: str = ""
    most: Most = 0


class PutEventType(Command, frozen=True):
    """Add an event type, or change all of it. Its links stay."""

    slug: str
    title: str = ""
    """The slug, unless said."""
    description: str = ""
    durations: tuple[int, ...] = (60,)
    interval: int = 0
    align: Literal["window", "clock"] = "window"
    schedule: str = ""
    buffer_before: int = 0
    buffer_after: int = 0
    notice: int = 0
    horizon_days: int = 365
    per_resource: Quota = Quota()
    per_booker: Quota = Quota()
    approval: bool = False
    provisional_for: int = 0
    pending_for: int = 0
    hold_seconds: int = 10
    hold_seconds_max: int = 900
    cancel_before: int = 0
    reschedule_before: int = 0
    complete_after: int | None = 0
    reminders: tuple[int, ...] = ()
    questions: tuple[Question, ...] = ()
    locations: tuple[str, ...] = ()
    price: str = ""
    room: str = ""
    active: bool = True


class RemoveEventType(Command, frozen=True):
    """Forget an event type, and its links with it."""

    slug: str
    looked_at: Instant = 0
    """When whoever asks saw that it has no bookings to come."""


class ListEventTypes(Command, frozen=True):
    """Which event types are there? Ordered by slug, with the resources that each can book."""

    after: str = ""
    most: Most = 0


class Link(Command, frozen=True):
    """Let an event type book a resource. Linking twice is accepted."""

    event_type: str
    resource: str


class Unlink(Command, frozen=True):
    """Let an event type book a resource no longer. Unlinking what isn't linked is accepted."""

    event_type: str
    resource: str


CatalogCommand: TypeAlias = (
    PutResource
    | RetireResource
    | RationResource
    | LiftRation
    | ListResources
    | ShowResource
    | PutSchedule
    | RemoveSchedule
    | ListSchedules
    | PutEventType
    | RemoveEventType
    | ListEventTypes
    | Link
    | Unlink
)
COMMANDS: tuple[type[CatalogCommand], ...] = (
    PutResource,
    RetireResource,
    RationResource,
    LiftRation,
    ListResources,
    ShowResource,
    PutSchedule,
    RemoveSchedule,
    ListSchedules,
    PutEventType,
    RemoveEventType,
    ListEventTypes,
    Link,
    Unlink,
)
