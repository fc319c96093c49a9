"""Much of everything: a day with thousands of bookings decides as fast as an empty one, forgets in order, and never
has more to say at once than a commit holds."""

from __future__ import annotations

import msgspec

from actors.booking.claims import Day
from actors.booking.commands import Book, Cancel
from actors.booking.day import DAY
from actors.booking.limits import LIMITS
from actors.booking.quota import QUOTA, Tally
from actors.decider import Decision, Refusal, Tick
from events.calendar.quantum import DAY_MS, Span
from events.catalog import Quota, Resource
from events.day import Booker, Booking, BookingMade, Item, Slots, SlotsTaken, Wish
from events.limits import LOG_MESSAGE_BYTES_MAX
from events.quota import Counted, booker_key, quota_actor, resource_key
from tests.support.studio import CATALOG, HOUR_MS, NOON, NOW, by, id_of, wish

MANY = 9_000
MINUTE_MS = 60_000
ROOM = wish("offered", items=(Item("room"),))
POOL = by(
    catalog=msgspec.structs.replace(
        CATALOG, active=CATALOG.active | {"room": Resource("room", "Room", "UTC", capacity=MANY)}
    )
)


def offered(count: int) -> Day:
    """A pool of which so many units are provisionally booked, all at once."""
    day = DAY.initial("demo.day.room.2026-12-07")
    until = NOW + 30 * MINUTE_MS
    for number in range(count):
        id = id_of(f"b-{number}", ROOM)
        span = Span(NOON, NOON + HOUR_MS)
        booking = Booking(id, ROOM, span, "provisional", booker=Booker(f"Guest {number}"), created_at=NOW, until=until)
        for fact in (SlotsTaken(id, "offered", Slots(48, 52), "provisional", until, "", 7), BookingMade(booking)):
            day = DAY.evolve(day, fact, NOW)
    return day


def test_what_lapses_at_once_lapses_in_commits_that_can_be_stored() -> None:
    """One after another, until nothing is due; and nothing is forgotten."""
    day, at, commits = offered(MANY), NOW + 31 * MINUTE_MS, 0
    while (wake := DAY.wake(day)) is not None and wake <= at:
        told = DAY.decide(day, Tick(), at, POOL)
        assert isinstance(told, Decision) and told.facts
        assert len(msgspec.json.encode(told.facts)) < LOG_MESSAGE_BYTES_MAX // 2
        for fact in told.facts:
            day = DAY.evolve(day, fact, at)
        commits += 1
    assert commits == MANY // LIMITS.due_at_once_max
    assert not any(day.used) and not day.taken


def test_who_needs_room_ends_no_more_than_is_in_the_way() -> None:
    """Nine thousand have lapsed, and nobody has noticed; one is enough."""
    told = DAY.decide(offered(MANY), Book(id_of("b-new", ROOM), ROOM), NOW + 31 * MINUTE_MS, POOL)
    assert isinstance(told, Decision)
    assert [type(fact).__name__ for fact in told.facts] == ["SlotsFreed", "BookingLapsed", "SlotsTaken", "BookingMade"]


def test_ended_bookings_close_nothing() -> None:
    """Booked and cancelled without end: the last of them are known, and the day takes the next one."""
    day, visit = DAY.initial("demo.day.studio.2026-12-07"), wish()
    for number in range(LIMITS.ended_kept + 50):
        for command in (Book(id_of(f"b-{number}"), visit), Cancel(id_of(f"b-{number}"))):
            told = DAY.decide(day, command, NOW, by())
            assert isinstance(told, Decision)
            for fact in told.facts:
                day = DAY.evolve(day, fact, NOW)
    assert list(day.bookings) == day.ended == [id_of(f"b-{number}") for number in range(50, LIMITS.ended_kept + 50)]
    assert not day.agenda
    gone = DAY.decide(day, Cancel(id_of("b-1")), NOW, by())
    assert isinstance(gone, Refusal) and gone.code == "unknown_booking"


def test_a_full_quota_of_other_months_costs_nothing() -> None:
    """Nor does it stand in anybody's way."""
    booker = Booker("Ann", "ann@example.org")
    hers = quota_actor("demo", booker_key(booker, ""))
    tally: Tally = QUOTA.initial(hers)
    for number in range(20_000):
        start = NOON + (100 + number % 300) * DAY_MS
        tally = QUOTA.evolve(tally, Counted(f"studio.2027-01-01.b-{number}", "limited", start, "confirmed", None), NOW)
    asked = Book(id_of("b", wish("limited")), wish("limited"), booker=booker)
    policy = by("demo.day.studio.2026-12-07", hers)
    assert len(tally.between(NOON - 32 * DAY_MS, NOON + 32 * DAY_MS)) == 0
    assert isinstance(QUOTA.decide(tally, asked, NOW, policy), Decision)
    busy = wish("limited", NOON + 150 * DAY_MS)
    some = Book(id_of("b", busy), busy, booker=booker)
    refused = QUOTA.decide(tally, some, NOW, by("demo.day.studio.2027-05-06", hers))
    assert isinstance(refused, Refusal) and refused.code == "over_limit"


def test_every_resource_has_its_limit_whoever_leads() -> None:
    """Who comes along counts as who leads."""
    event_type = msgspec.structs.replace(CATALOG.event_types["limited"], per_resource=Quota(day=1), per_booker=Quota())
    catalog = msgspec.structs.replace(CATALOG, event_types=CATALOG.event_types | {"limited": event_type})
    both = Wish("limited", NOON, 60, (Item("other"), Item("studio")))
    id = id_of("b-2", both)
    days = ("demo.day.other.2026-12-07", "demo.day.studio.2026-12-07")
    for resource in ("other", "studio"):
        quota = quota_actor("demo", resource_key(resource))
        tally = QUOTA.initial(quota)
        policy = by(*days, quota, catalog=catalog)
        first = QUOTA.decide(tally, Book(id, both), NOW, policy)
        assert isinstance(first, Decision) and len(first.facts) == 1
        full = QUOTA.evolve(tally, Counted("x", "limited", NOON + HOUR_MS, "confirmed", None), NOW)
        refused = QUOTA.decide(full, Book(id, both), NOW, policy)
        assert isinstance(refused, Refusal) and refused.code == "over_limit"
    stranger = quota_actor("demo", resource_key("room"))
    told = QUOTA.decide(QUOTA.initial(stranger), Book(id, both), NOW, by(*days, stranger, catalog=catalog))
    assert isinstance(told, Refusal) and told.code == "not_here"
