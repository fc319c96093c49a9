"""Bookings as calendar files, read back by a calendar's own reader."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import pytest
from icalendar import Calendar, Component

from events.calendar.quantum import MINUTE_MS, Span
from events.catalog import Catalog, EventType, Resource
from events.day import Booker, Booking, Item, Status, Wish
from gateway.calendars import calendar_of

START = round(dt.datetime(2026, 12, 7, 10, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
NOW = START - 86_400_000
CATALOG = Catalog(
    active={"studio": Resource("studio", "Studio; North, 2nd floor", "Europe/Berlin")},
    retired={"mics": Resource("mics", "Mikrofone für alle", "UTC", 4)},
    event_types={"session": EventType("session", "Recording session")},
)
BOOKING = Booking(
    "studio.2026-12-07.b-1",
    Wish("session", START, 120, (Item("studio"), Item("mics", 2))),
    Span(START, START + 120 * MINUTE_MS),
    "confirmed",
    booker=Booker("Ann Ünal", "ann@example.org", "+49 1"),
    answers={"project": "a secret\nsong"},
    created_at=NOW,
)


def events_of(*bookings: Booking, reveal: bool = False) -> list[Component]:
    written = calendar_of("demo", bookings, CATALOG, NOW, name="Studio", reveal=reveal)
    return list(Calendar.from_ical(written).walk("VEVENT"))


def test_a_booking_is_read_back_as_it_is() -> None:
    """The same instants for everybody, whatever their zone; names with every character."""
    (event,) = events_of(BOOKING)
    assert event.decoded("dtstart") == dt.datetime(2026, 12, 7, 9, tzinfo=dt.UTC)
    assert event.decoded("dtend") - event.decoded("dtstart") == dt.timedelta(hours=2)
    assert event["dtstart"].to_ical() == b"20261207T090000Z"
    assert (event["uid"], event["sequence"], event["status"]) == ("studio.2026-12-07.b-1@demo", 0, "CONFIRMED")
    assert event["location"] == "Studio; North, 2nd floor"
    assert "2 × Mikrofone für alle" in str(event["description"])


def test_over_a_change_of_clocks_the_length_stays() -> None:
    """Two hours from 01:00 on the night when the clocks go forward end at 04:00 local time."""
    start = round(dt.datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
    wish = msgspec.structs.replace(BOOKING.wish, start=start)
    (event,) = events_of(msgspec.structs.replace(BOOKING, wish=wish))
    berlin = ZoneInfo("Europe/Berlin")
    assert event.decoded("dtstart").astimezone(berlin).hour == 1
    assert event.decoded("dtend").astimezone(berlin).hour == 4


def test_a_moved_booking_is_the_same_event_further_on() -> None:
    """Its UID stays, its SEQUENCE counts."""
    wish = msgspec.structs.replace(BOOKING.wish, start=START + 3_600_000)
    (before,) = events_of(BOOKING)
    (after,) = events_of(msgspec.structs.replace(BOOKING, wish=wish, version=3))
    assert after["uid"] == before["uid"]
    assert after["sequence"] == 3
    assert after.decoded("dtstart") - before.decoded("dtstart") == dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "written", "busy"),
    [
        ("provisional", "TENTATIVE", "OPAQUE"),
        ("pending", "TENTATIVE", "OPAQUE"),
        ("completed", "CONFIRMED", "OPAQUE"),
        ("no_show", "CONFIRMED", "OPAQUE"),
        ("cancelled", "CANCELLED", "TRANSPARENT"),
        ("declined", "CANCELLED", "TRANSPARENT"),
        ("lapsed", "CANCELLED", "TRANSPARENT"),
    ],
)
def test_what_became_of_a_booking_is_in_the_file(status: Status, written: str, busy: str) -> None:
    """What has ended stays there, so that calendars strike it out."""
    (event,) = events_of(msgspec.structs.replace(BOOKING, status=status))
    assert (event["status"], event["transp"]) == (written, busy)


def test_nothing_personal_is_written_unless_it_is_asked_for() -> None:
    """Neither names nor addresses nor answers."""
    quiet = calendar_of("demo", [BOOKING], CATALOG, NOW).decode()
    assert not any(word in quiet for word in ("Ann", "ann@", "secret", "+49"))
    (event,) = events_of(BOOKING, reveal=True)
    assert event["summary"] == "Recording session, Ann Ünal"
    assert event["attendee"] == "mailto:ann@example.org"
    assert "a secret\nsong" in str(event["description"])
    assert "+49 1" in str(event["description"])


def test_what_a_booker_typed_adds_nothing_to_the_file() -> None:
    """A name is a name, whatever lines it has."""
    line = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:forged\r\n"
    forged = Booker(f'{line}"', f'"{line}@example.org', line)
    events = events_of(msgspec.structs.replace(BOOKING, booker=forged, answers={line: line}), reveal=True)
    assert [event["uid"] for event in events] == ["studio.2026-12-07.b-1@demo"]

    assert str(events[0]["attendee"]).endswith("@example.org")


def test_a_feed_has_all_and_a_name_and_short_lines() -> None:
    """An empty one is a calendar, too."""
    other = msgspec.structs.replace(BOOKING, id="studio.2026-12-07.b-2", status="cancelled")
    assert len(events_of(BOOKING, other)) == 2
    written = calendar_of("demo", [BOOKING, other], CATALOG, NOW, name="Studio")
    assert Calendar.from_ical(written)["x-wr-calname"] == "Studio"
    assert max(map(len, written.split(b"\r\n"))) <= 75
    assert Calendar.from_ical(calendar_of("demo", [], Catalog(), NOW))["version"] == "2.0"
