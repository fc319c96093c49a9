"""What a visitor has done, over HTTP or over a socket: holding, booking, changing, standing by, standing in line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate_client.answers import (
    Alive,
    Booked,
    Booker,
    Changed,
    Held,
    HoldKept,
    HoldReleased,
    Seat,
    StandbyLeft,
    StoodBy,
    Ticket,
    TicketOver,
    Units,
)
from tidegate_client.asking import Ask, operation, part, said


class Commands:
    @operation
    def hold(
        self,
        event_type: str,
        resource: str,
        start: str,
        *,
        duration: int | None = None,
        tz: str = "",
        units: int = 1,
        along: Sequence[Units] = (),
    ) -> Ask[Held]:
        """Nobody else can have the slots while the hold stands. `start` is an instant with its offset, or a local time
        by the clocks of `tz`, or of the resource; `along` are other resources that are held with it."""
        wish = _wish(event_type, resource, start, duration, tz, units, along)
        return Ask("POST", "/holds", Held, wish, command="hold")

    @operation
    def keep_hold(self, hold: str) -> Ask[HoldKept]:
        """Still wanted: send it twice within a hold's life. `holding` does by itself."""
        path = f"/holds/{part(hold)}/heartbeat"
        return Ask("POST", path, HoldKept, command="keep_hold", args={"hold": hold})

    @operation
    def release_hold(self, hold: str) -> Ask[HoldReleased]:
        """Letting go of what is held no more is accepted."""
        return Ask("DELETE", f"/holds/{part(hold)}", HoldReleased, command="release_hold", args={"hold": hold})

    @operation
    def book(
        self,
        event_type: str,
        resource: str,
        start: str,
        *,
        duration: int | None = None,
        tz: str = "",
        units: int = 1,
        along: Sequence[Units] = (),
        hold: str = "",
        booker: Booker | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> Ask[Booked]:
        """All that is asked for, or nothing. A `hold` of the same session turns into it."""
        wish = _wish(event_type, resource, start, duration, tz, units, along)
        wish |= said(hold=hold or None, booker=_booker(booker), answers=dict(answers) if answers else None)
        return Ask("POST", "/bookings", Booked, wish, command="book")

    @operation
    def confirm(self, booking: str, *, manage_token: str = "") -> Ask[Changed]:
        """So that it does not lapse; or by somebody who manages bookings, who approves it."""
        return _change("confirm", booking, manage_token=manage_token)

    @operation
    def cancel(self, booking: str, *, manage_token: str = "", reason: str = "") -> Ask[Changed]:
        """Its slots are free again."""
        return _change("cancel", booking, manage_token=manage_token, reason=reason)

    @operation
    def reschedule(
        self, booking: str, start: str, *, duration: int | None = None, tz: str = "", manage_token: str = ""
    ) -> Ask[Changed]:
        """To another time, in one step; it may overlap its own old one."""
        return _change("reschedule", booking, start=start, duration=duration, tz=tz, manage_token=manage_token)

    @operation
    def stand_by(
        self,
        event_type: str,
        resource: str,
        start: str,
        *,
        duration: int | None = None,
        tz: str = "",
        units: int = 1,
        along: Sequence[Units] = (),
        booker: Booker | None = None,
    ) -> Ask[StoodBy]:
        """In line for what is full. When there is room, the first that fits gets a hold of the name that is
        answered."""
        wish = _wish(event_type, resource, start, duration, tz, units, along) | said(booker=_booker(booker))
        return Ask("POST", "/standby", StoodBy, wish, command="stand_by")

    @operation
    def stand_down(self, standby: str) -> Ask[StandbyLeft]:
        return Ask("DELETE", f"/standby/{part(standby)}", StandbyLeft, command="stand_down", args={"standby": standby})

    @operation
    def join(
        self, room: str, *, lane: str = "", code: str = "", identity: str = "", work: str = "", email: str = ""
    ) -> Ask[Ticket]:
        """Stand in line; whoever stands there already gets their own place again. `stand_in_line` does the work where
        a room asks for it. To `email` is written when it is their turn, where the organisation writes letters."""
        body = {"lane": lane, "code": code, "identity": identity, "work": work, "email": email}
        return Ask(
            "POST", f"/rooms/{part(room)}/tickets", Ticket, {name: text for name, text in body.items() if text},
            command="join", args={"room": room},
        )  # fmt: skip

    @operation
    def heartbeat(self, ticket: str) -> Ask[Alive]:
        """Still here. A stream that follows the ticket does this by itself."""
        return _of_ticket("heartbeat", ticket, Alive)

    @operation
    def claim(self, ticket: str) -> Ask[Seat]:
        """The pass of a ticket that was called; asked again, the same one."""
        return _of_ticket("claim", ticket, Seat)

    @operation
    def leave(self, ticket: str) -> Ask[TicketOver]:
        """Out of the line, or out of the room: the seat is the next one's."""
        return _of_ticket("leave", ticket, TicketOver)


def _wish(
    event_type: str, resource: str, start: str, duration: int | None, tz: str, units: int, along: Sequence[Units]
) -> dict[str, Any]:
    return said(
        event_type=event_type,
        resource=resource,
        start=start,
        duration=duration,
        tz=tz or None,
        units=units if units != 1 else None,
        along=[{"resource": one.resource, "units": one.units} for one in along] or None,
    )


def _booker(booker: Booker | None) -> Any:
    return None if booker is None else {"name": booker.name, "email": booker.email, "phone": booker.phone}


def _change(step: str, booking: str, **about: Any) -> Ask[Changed]:
    body = {name: value for name, value in about.items() if value}
    return Ask("POST", f"/bookings/{part(booking)}/{step}", Changed, body, command=step, args={"booking": booking})


def room_of(ticket: str) -> str:
    """Which room a ticket is of: `launch.0.17`."""
    return ticket.partition(".")[0]


def _of_ticket(step: str, ticket: str, kind: Any) -> Ask[Any]:
    room = room_of(ticket)
    path = f"/rooms/{part(room)}/tickets/{part(ticket)}/{step}"
    return Ask("POST", path, kind, command=step, args={"room": room, "ticket": ticket})
