"""What can be looked at: the catalog, what is free, bookings, rooms and tickets."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate_client.answers import (
    Booking,
    EventType,
    Page,
    PassGood,
    Resource,
    Room,
    RoomLine,
    RoomNumbers,
    Schedule,
    Slot,
    Status,
    Ticket,
)
from tidegate_client.asking import Ask, operation, part, said
from tidegate_client.commands import room_of


class Reads:
    @operation
    def resources(self) -> Ask[tuple[Resource, ...]]:
        """Those in use, by their ids."""
        return Ask("GET", "/resources", tuple[Resource, ...])

    @operation
    def resource(self, id: str) -> Ask[Resource]:
        return Ask("GET", f"/resources/{part(id)}", Resource)

    @operation
    def schedules(self) -> Ask[tuple[Schedule, ...]]:
        return Ask("GET", "/schedules", tuple[Schedule, ...])

    @operation
    def schedule(self, id: str) -> Ask[Schedule]:
        return Ask("GET", f"/schedules/{part(id)}", Schedule)

    @operation
    def event_types(self) -> Ask[tuple[EventType, ...]]:
        """By their slugs, with the resources that each can book."""
        return Ask("GET", "/event-types", tuple[EventType, ...])

    @operation
    def event_type(self, slug: str) -> Ask[EventType]:
        return Ask("GET", f"/event-types/{part(slug)}", EventType)

    @operation
    def slots(
        self, event_type: str, resource: str, date: str, *, duration: int | None = None, tz: str = "", units: int = 1
    ) -> Ask[tuple[Slot, ...]]:
        """The starts of a local date, in order, each with how it stands."""
        query = said(event_type=event_type, resource=resource, date=date, duration=duration, tz=tz or None, units=units)
        return Ask("GET", "/slots", tuple[Slot, ...], query=query)

    @operation
    def months(
        self, event_type: str, resource: str, month: str, *, duration: int | None = None, tz: str = "", units: int = 1
    ) -> Ask[dict[str, bool]]:
        """Whether each date of a month has a free start."""
        query = said(event_type=event_type, resource=resource, month=month, duration=duration, tz=tz or None)
        return Ask("GET", "/months", dict[str, bool], query=query | {"units": units})

    @operation
    def booking(self, booking: str, *, manage_token: str = "", tz: str = "") -> Ask[Booking]:
        """For whoever has its token, or may see all of them."""
        headers = {"Tidegate-Manage-Token": manage_token} if manage_token else {}
        return Ask("GET", f"/bookings/{part(booking)}", Booking, query=said(tz=tz or None), headers=headers)

    @operation
    def bookings_page(
        self,
        *,
        resource: str = "",
        event_type: str = "",
        email: str = "",
        start: str = "",
        end: str = "",
        status: Sequence[Status] = (),
        words: str = "",
        cursor: str = "",
        limit: int = 50,
        tz: str = "",
    ) -> Ask[Page]:
        """A page of those that fit all that is said. `bookings` goes through all pages."""
        texts = {
            "resource": resource, "event_type": event_type, "email": email, "start": start, "end": end,
            "words": words, "cursor": cursor, "tz": tz,
        }  # fmt: skip
        query = {name: text for name, text in texts.items() if text} | said(status=list(status) or None, limit=limit)
        return Ask("GET", "/bookings", Page, query=query)

    @operation
    def rooms(self) -> Ask[tuple[RoomLine, ...]]:
        return Ask("GET", "/rooms", tuple[RoomLine, ...])

    @operation
    def room(self, room: str) -> Ask[Room]:
        """What everybody may know of it."""
        return Ask("GET", f"/rooms/{part(room)}", Room)

    @operation
    def room_numbers(self, room: str) -> Ask[RoomNumbers]:
        """For those who run it."""
        return Ask("GET", f"/rooms/{part(room)}/numbers", RoomNumbers)

    @operation
    def check_pass(self, room: str, shown: str) -> Ask[PassGood]:
        """Whether a pass opens the room now. `passes` checks one without asking."""
        return Ask("GET", f"/rooms/{part(room)}/check", PassGood, headers={"Tidegate-Pass": shown})

    @operation
    def ticket(self, ticket: str) -> Ask[Ticket]:
        """How it stands; whoever knows its name may see that."""
        return Ask("GET", f"/rooms/{part(room_of(ticket))}/tickets/{part(ticket)}", Ticket)
