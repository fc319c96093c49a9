"""A small organisation to book in: two studios that never close, a pool of microphones, and ways to book them."""

from __future__ import annotations

from typing import Final

from actors.booking.claims import Day
from actors.booking.commands import DayCommand
from actors.booking.day import DAY
from actors.booking.part import By
from actors.booking.parties import days_of
from actors.decider import Consulted, Leases
from actors.specification import Given, given
from events.calendar.offers import occupied
from events.calendar.quantum import date_of, day_start
from events.catalog import Catalog, EventType, Question, Quota, Resource
from events.clock import Instant
from events.day import DayFact, Item, Wish, new_id

DATE: Final = "2026-12-07"
NOON: Final = day_start(DATE) + 12 * 3_600_000
NOW: Final = day_start("2026-12-01")
HOUR_MS: Final = 3_600_000
ACTOR: Final = f"demo.day.studio.{DATE}"
EVENTS: Final = (
    EventType("visit", "A visit", durations=(60, 120), interval=15),
    EventType("long", "Days on end", durations=(60, 2_880), interval=60),
    EventType("asked", "On approval", durations=(60,), interval=15, approval=True, pending_for=60),
    EventType("offered", "Provisional", durations=(60,), interval=15, provisional_for=30),
    EventType("both", "Provisional, then on approval", durations=(60,), interval=15, provisional_for=30, approval=True),
    EventType("wide", "With room around it", durations=(60,), interval=15, buffer_before=30, buffer_after=15),
    EventType("strict", "With deadlines", durations=(60,), interval=15, cancel_before=60, reschedule_before=120),
    EventType("noted", "With reminders", durations=(60,), interval=15, reminders=(1_440, 60), complete_after=30),
    EventType(
        "curious", "With questions", durations=(60,), interval=15,
        questions=(
            Question("who", "For whom?", required=True),
            Question("mail", "Where to?", "email"),
            Question("drink", "Tea?", "choice", choices=("tea", "coffee")),
        ),
    ),
    EventType("noticed", "At an hour's notice", durations=(60,), interval=15, notice=60, horizon_days=7),
    EventType("limited", "Limited", durations=(60,), interval=15, per_booker=Quota(day=1)),
)  # fmt: skip
CATALOG: Final = Catalog(
    active={
        "studio": Resource("studio", "Studio", "Europe/Berlin"),
        "other": Resource("other", "Other", "UTC"),
        "mics": Resource("mics", "Microphones", "UTC", capacity=2, standalone=False),
        "room": Resource("room", "Room", "UTC", capacity=5),
        "apart": Resource("apart", "Not linked", "UTC"),
    },
    event_types={one.slug: one for one in EVENTS},
    links={one.slug: ["mics", "other", "room", "studio"] for one in EVENTS},
)


def by(*together: str, catalog: Catalog = CATALOG, sequence: int = 7, leases: Leases | None = None) -> By:
    """What a day decides by."""
    return Consulted(catalog, leases or Leases(), sequence, together)


def day(*facts: DayFact, at: Instant = NOW, actor: str = ACTOR) -> Given[Day, DayCommand, DayFact, By]:
    """The studio's day, to which these things happened."""
    return given(DAY, *facts, at=at, actor=actor)


def wish(
    event_type: str = "visit", start: Instant = NOON, minutes: int = 60, items: tuple[Item, ...] = (Item("studio"),)
) -> Wish:
    return Wish(event_type, start, minutes, items)


def id_of(token: str, wanted: Wish | None = None) -> str:
    """An id that says where the wish begins."""
    wanted = wanted or wish()
    event_type = CATALOG.event_types[wanted.event_type]
    begins = occupied(event_type, wanted.start, wanted.minutes).start
    return new_id(wanted.items[0].resource, date_of(begins), token)


def days_of_wish(wanted: Wish) -> tuple[str, ...]:
    """The actors that take part in it."""
    event_type = CATALOG.event_types[wanted.event_type]
    return days_of("demo", wanted.items, occupied(event_type, wanted.start, wanted.minutes))
