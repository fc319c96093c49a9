"""Limits hold: no booker and no resource has more bookings that begin in one day than the event type allows.

Read from what the owners of bookings record, with a count of its own; what the quotas say of themselves plays no part.
Only of event types whose bookings stand until somebody ends them: when the others lapse is for each clock to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from events.calendar.zones import local_date
from events.catalog import EventType, EventTypePut, Resource, ResourcePut
from events.day import Booking, BookingCancelled, BookingDeclined, BookingMade, BookingMoved
from tests.laws.history import History


class _Books:
    """What an organisation offers, and what is booked of it."""

    def __init__(self) -> None:
        self.event_types: dict[str, EventType] = {}
        self.resources: dict[str, Resource] = {}
        self.booked: dict[str, Booking] = {}

    def beyond(self) -> Iterator[str]:
        of_booker, of_resource = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
        for one in self.booked.values():
            slug, start = one.wish.event_type, one.wish.start
            for number, item in enumerate(one.wish.items):
                date = local_date(start, self.resources[item.resource].time_zone)
                of_resource[slug, item.resource, date] += 1
                if number == 0:
                    of_booker[slug, one.booker.email or one.session, date] += 1
        for counts, whose in ((of_booker, "per_booker"), (of_resource, "per_resource")):
            for (slug, who, date), many in counts.items():
                most = getattr(self.event_types[slug], whose).day
                if most and many > most:
                    yield f"{who} has {many} bookings of {slug} on {date}, and may have {most}"


def breaches(history: History) -> Iterator[str]:
    books: dict[str, _Books] = {}
    open_batch: set[str] = set()
    for recorded, commit in history.lines:
        of = books.setdefault(commit.actor.split(".", 1)[0], _Books())
        changed = False
        for one in commit.decided:
            for fact in one.facts:
                match fact:
                    case EventTypePut(event_type):
                        of.event_types[event_type.slug] = event_type
                    case ResourcePut(resource):
                        of.resources[resource.id] = resource
                    case BookingMade(booking):
                        if booking.until is None:
                            of.booked[booking.id], changed = booking, True
                    case BookingMoved(id, wish):
                        if id in of.booked:
                            of.booked[id], changed = msgspec.structs.replace(of.booked[id], wish=wish), True
                    case BookingCancelled(id) | BookingDeclined(id):
                        of.booked.pop(id, None)
                    case _:
                        pass
        open_batch = (open_batch or set(commit.together)) - {commit.actor}
        if changed and not open_batch:
            yield from (f"after {recorded.sequence}: {what}" for what in of.beyond())
