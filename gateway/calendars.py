"""Bookings as calendar files (RFC 5545): one booking, or a feed of what a resource does.

Times are written in UTC: a booking is an instant, and no table of time zones that somebody else keeps can shift it.
A booking keeps its UID whatever becomes of it; SEQUENCE counts its moves; what was cancelled stays, and says so, for
calendars to strike it out. Who booked, and what they answered, is written only when it is asked for.

What is mailed to whoever booked is an *invitation* (RFC 5546): it puts the booking into their calendar, moves it there
or takes it out again, by itself. It says nothing that they could have typed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from icalendar import Calendar, Event, vCalAddress, vInt, vText

from events.calendar.quantum import MINUTE_MS
from events.catalog import Catalog
from events.clock import Instant
from events.day import Booking, Status
from projections.questions import Row

Method: TypeAlias = Literal["REQUEST", "CANCEL"]

_ADDRESS: Final = "@+!$'*-._~"
"""What stands in the address of a mailto: as it is."""
PRODUCT: Final = "-//Tidegate//Booking//EN"
STATUSES: Final[Mapping[Status, str]] = {
    "provisional": "TENTATIVE",
    "pending": "TENTATIVE",
    "confirmed": "CONFIRMED",
    "completed": "CONFIRMED",
    "no_show": "CONFIRMED",
    "cancelled": "CANCELLED",
    "declined": "CANCELLED",
    "lapsed": "CANCELLED",
}


def calendar_of(
    org: str, bookings: Iterable[Booking | Row], catalog: Catalog, now: Instant, *, name: str = "", reveal: bool = False
) -> bytes:
    """A file with all of these bookings. `name` is what a calendar that follows it is called."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if name:
        calendar.add("x-wr-calname", name)
    for booking in bookings:
        calendar.add_component(_event(org, booking, catalog, now, reveal))
    written: bytes = calendar.to_ical()
    return written


def invitation(
    org: str, booking: Booking | Row, catalog: Catalog, now: Instant, method: Method, *, organizer: str, attendee: str
) -> bytes:
    """What has the calendar of `attendee` take the booking in as it is, or take it out. Both are addresses.

    It is answered by nobody: they have booked. What is taken out is newer than all that was told of it before.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    event = _event(org, booking, catalog, now, reveal=False)
    if method == "CANCEL":
        event["sequence"] = vInt(booking.version + 1)
        event["status"] = vText("CANCELLED")
    event.add("organizer", _mailto(organizer))
    invited = _mailto(attendee)
    invited.params.update({"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    event.add("attendee", invited)
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _event(org: str, booking: Booking | Row, catalog: Catalog, now: Instant, reveal: bool) -> Event:
    wish, status = booking.wish, STATUSES[booking.status]
    event_type = catalog.event_types.get(wish.event_type)
    title = event_type.title if event_type is not None else wish.event_type
    names = [_name(catalog, item.resource) for item in wish.items]
    event = Event()
    event.add("uid", f"{booking.id}@{org}")
    event.add("dtstamp", _utc(now))
    event.add("created", _utc(booking.created_at))
    event.add("dtstart", _utc(wish.start))
    event.add("dtend", _utc(wish.start + wish.minutes * MINUTE_MS))
    event.add("sequence", booking.version)
    event.add("status", status)
    event.add("transp", "TRANSPARENT" if status == "CANCELLED" else "OPAQUE")
    event.add("summary", f"{title}, {booking.booker.name}" if reveal and booking.booker.name else title)
    event.add("location", names[0])
    lines = [", ".join(_counted(name, item.units) for name, item in zip(names, wish.items, strict=True))]
    lines.append(f"{booking.status}, booking {booking.id}")
    if reveal:
        lines += [f"{question}: {answer}" for question, answer in booking.answers.items()]
        if booking.booker.phone:
            lines.append(f"telephone: {booking.booker.phone}")
        if booking.booker.email:
            attendee = _mailto(booking.booker.email)
            attendee.params["CN"] = booking.booker.name or booking.booker.email
            event.add("attendee", attendee)
    event.add("description", "\n".join(lines))
    return event


def _mailto(address: str) -> vCalAddress:
    return vCalAddress(f"mailto:{quote(address, safe=_ADDRESS)}")


def _name(catalog: Catalog, resource: str) -> str:
    found = catalog.active.get(resource) or catalog.retired.get(resource)
    return found.name if found is not None else resource


def _counted(name: str, units: int) -> str:
    return name if units == 1 else f"{units} × {name}"


def _utc(instant: Instant) -> dt.datetime:
    return dt.datetime.fromtimestamp(instant // 1000, dt.UTC)
