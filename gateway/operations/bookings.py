"""Bookings: made by visitors, changed by whoever has their token or manages them, listed for who may see them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from actors.booking.asking import Parts, for_book, for_booking, for_move, id_for
from actors.booking.changing import hashed, wrong_token
from actors.booking.commands import Book, Cancel, Complete, Confirm, Decline, Miss, Move, ShowBooking
from events.calendar.moments import local_iso, moment_of
from events.calendar.quantum import MINUTE_MS
from events.calendar.zones import zone
from events.catalog import Catalog
from events.clock import iso
from events.day import Booker, Booking, Status, Wish, owner_of
from events.names import is_actor
from gateway.calls import Call, agreed
from gateway.limits import ANSWERS_MAX, PAGE_ROWS, PAGE_ROWS_MAX
from gateway.operations.holds import parts_of
from gateway.operations.wishes import Minutes, Moment, Wanted, Zone, understood, way_of
from gateway.problems import Problem, problem_of
from projections import questions
from projections.questions import Row

CHANGED_TRIES_MAX: Final = 3
Text: TypeAlias = Annotated[str, Meta(max_length=320)]
Reason: TypeAlias = Annotated[str, Meta(max_length=1_000)]
Token: TypeAlias = Annotated[
    str, Meta(description="The booking's own, as it was given when it was made.", max_length=200)
]


class For(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom it is for."""

    name: Annotated[Text, Meta(examples=["Ann Lee"])] = ""
    email: Annotated[Text, Meta(examples=["ann@example.org"])] = ""
    phone: Text = ""


class BookWanted(Wanted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hold: Annotated[str, Meta(description="A hold of the same session, which turns into it.", max_length=2_000)] = ""
    booker: For = For()
    answers: Annotated[dict[str, Annotated[str, Meta(max_length=10_000)]], Meta(max_length=ANSWERS_MAX)] = (
        msgspec.field(default_factory=dict)
    )
    """By the ids of the event type's questions."""


class Booked(msgspec.Struct, frozen=True):
    """`manage_token` is shown this once: only its hash is kept. `until` is when it lapses unless it is confirmed."""

    booking: str
    status: Status
    manage_token: str
    start: str
    end: str
    tz: str
    """By whose clocks `start` and `end` are told."""
    until: str | None


class Managed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By the booker, who shows the token; or without one, by somebody who manages bookings."""

    manage_token: Token = ""


class Explained(Managed, frozen=True, forbid_unknown_fields=True):
    """With a reason, which its booker is told."""

    reason: Reason = ""


class MoveWanted(Managed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When it is to be instead."""

    start: Moment
    duration: Minutes | None = None
    """In minutes; as it was, if none."""
    tz: Zone = ""


class Changed(msgspec.Struct, frozen=True):
    """How it stands now; `version` counts the times that it was moved."""

    booking: str
    status: Status
    version: int


class Units(msgspec.Struct, frozen=True):
    """So many units of a resource."""

    resource: str
    units: int


class BookingShown(msgspec.Struct, frozen=True):
    """`version` counts the times that it was moved."""

    booking: str
    event_type: str
    status: Status
    start: str
    end: str
    tz: str
    """By whose clocks `start` and `end` are told."""
    items: tuple[Units, ...]
    """What is booked, the leading resource first."""
    booker: For
    answers: dict[str, str]
    """By the ids of the event type's questions."""
    created_at: str
    until: str | None
    """When it lapses, unless it is confirmed."""
    version: int
    reason: str
    """Why it was declined or cancelled."""


class Page(msgspec.Struct, frozen=True):
    """Without a `cursor` it is the last one."""

    bookings: tuple[BookingShown, ...]
    cursor: str


async def book(call: Call, wanted: BookWanted) -> Booked:
    session = call.caller.session
    wish = await understood(call, wanted)
    id, token = id_for(wish.event_type, wish.wish, call.name("b")), call.token("manage")
    hold = parts_of(call.org, wanted.hold)[0] if wanted.hold else ""
    booker = Booker(wanted.booker.name, wanted.booker.email, wanted.booker.phone)
    command = Book(id, wish.wish, session, hold, booker, wanted.answers, hashed(token), wish.catalog)
    reply = (await call.together(agreed(for_book(call.org, wish.event_type, command)))).reply
    until = reply["until"] and iso(reply["until"])
    start, end = local_iso(wish.wish.start, wish.tz), local_iso(wish.end, wish.tz)
    return Booked(reply["booking"], reply["status"], token, start, end, wish.tz, until)


async def show(call: Call, id: str, token: str, tz: str = "") -> BookingShown:
    """For whoever may see all of them, or has this one's token."""
    booking = await _owners(call, id)
    if token:
        _known(booking, token)
    else:
        call.caller.needs("bookings.read")
    catalog, _ = await call.edge.catalogs.of(call)
    return shown(booking, catalog, tz)


async def confirm(call: Call, id: str, by: Managed) -> Changed:
    return await _change(call, id, by, lambda now, token: for_booking(call.org, now, Confirm(id, token)))


async def decline(call: Call, id: str, by: Explained) -> Changed:
    call.caller.needs("bookings.manage")
    return await _change(call, id, by, lambda now, _: for_booking(call.org, now, Decline(id, by.reason)))


async def cancel(call: Call, id: str, by: Explained) -> Changed:
    return await _change(call, id, by, lambda now, token: for_booking(call.org, now, Cancel(id, token, by.reason)))


async def complete(call: Call, id: str) -> Changed:
    call.caller.needs("bookings.manage")
    return await _change(call, id, Managed(), lambda _now, _token: ((owner_of(call.org, id), Complete(id)),))


async def no_show(call: Call, id: str) -> Changed:
    call.caller.needs("bookings.manage")
    return await _change(call, id, Managed(), lambda _now, _token: ((owner_of(call.org, id), Miss(id)),))


async def reschedule(call: Call, id: str, wanted: MoveWanted) -> Changed:
    seen = (await _owners(call, id)).wish
    found = await way_of(call, seen.event_type, seen.items[0].resource, wanted.duration)
    way = found.event_type
    start = moment_of(wanted.start, zone(wanted.tz or found.resource.time_zone))
    minutes = seen.minutes if wanted.duration is None else found.minutes

    def parts(now: Booking, token: str | None) -> Parts:
        wish = Wish(way.slug, start, minutes, now.wish.items, now.wish.admitted)
        command = Move(id, wish, now.until, token, call.caller.session, found.catalog)
        return for_move(call.org, now, way, command)

    return await _change(call, id, wanted, parts)


async def listed(
    call: Call,
    *,
    resource: str = "",
    event_type: str = "",
    email: str = "",
    start: str = "",
    end: str = "",
    status: tuple[Status, ...] = (),
    words: str = "",
    cursor: str = "",
    limit: int = PAGE_ROWS,
    tz: str = "",
) -> Page:
    """Those that fit all that is said, in order of their start; or those with these words."""
    limit = min(limit, PAGE_ROWS_MAX)
    if words:
        asked: questions.Question = questions.Search(org=call.org, words=words, cursor=cursor, limit=limit)
    else:
        clocks = zone(tz or "UTC")
        asked = questions.Bookings(
            org=call.org, email=email, resource=resource, event_type=event_type, statuses=status, cursor=cursor,
            start=moment_of(start, clocks) if start else None,
            end=moment_of(end, clocks) if end else None,
            limit=limit,
        )  # fmt: skip
    page: questions.Page = await call.look(asked)
    catalog, _ = await call.edge.catalogs.of(call)
    return Page(tuple(shown(row, catalog, tz) for row in page.rows), page.cursor)


def shown(booking: Booking | Row, catalog: Catalog, tz: str) -> BookingShown:
    wish, leading = booking.wish, booking.wish.items[0].resource
    found = catalog.active.get(leading) or catalog.retired.get(leading)
    clocks = zone(tz or (found.time_zone if found is not None else "UTC"))
    return BookingShown(
        booking.id,
        wish.event_type,
        booking.status,
        local_iso(wish.start, clocks),
        local_iso(wish.start + wish.minutes * MINUTE_MS, clocks),
        clocks,
        tuple(Units(item.resource, item.units) for item in wish.items),
        For(booking.booker.name, booking.booker.email, booking.booker.phone),
        dict(booking.answers),
        iso(booking.created_at),
        None if booking.until is None else iso(booking.until),
        booking.version,
        booking.reason,
    )


async def _owners(call: Call, id: str) -> Booking:
    """As its owner knows it, whose word is what a change goes by."""
    owner = owner_of(call.org, id)
    if id.count(".") != 2 or not is_actor(owner):
        raise Problem("unknown_booking", f"{id[:200]!r} is no booking: <resource>.<date>.<name>")
    return msgspec.convert((await call.hear(owner, ShowBooking(id))).reply, Booking)


def _known(booking: Booking, token: str) -> None:
    refusal = wrong_token(booking, token)
    if refusal is not None:
        raise problem_of(refusal)


async def _change(call: Call, id: str, by: Managed, parts: Callable[[Booking, str | None], Parts]) -> Changed:
    """Who takes part follows from the booking as it is now; when it has just changed, it is looked at again."""
    token = by.manage_token or None
    if token is None and not call.caller.manages:
        raise Problem("wrong_token", "show the booking's management token")
    for left in reversed(range(CHANGED_TRIES_MAX)):
        now = await _owners(call, id)
        if token is not None:
            _known(now, token)
        try:
            reply: dict[str, Any] = (await call.together(parts(now, token))).reply
        except Problem as problem:
            if problem.code != "changed_meanwhile" or not left:
                raise
        else:
            return Changed(id, reply["status"], reply.get("version", now.version))
    raise AssertionError
