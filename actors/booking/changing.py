"""Changing: what becomes of a booking that was made, step by step of its lifecycle."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from actors.booking.claims import Day, Taken
from actors.booking.commands import Confirm
from actors.booking.eligibility import bad_text, eligible
from actors.booking.lifecycle import Step, allows, next_status
from actors.booking.limits import LIMITS
from actors.booking.part import Answer, By, apart, complete, owns, unknown
from actors.booking.space import has_lapsed
from actors.decider import Decision, Refusal
from events.calendar.quantum import MINUTE_MS
from events.catalog import EventType
from events.clock import Instant
from events.day import (
    Booking,
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingMissed,
    BookingPending,
    SlotsFreed,
    SlotsKept,
    Status,
    owner_of,
)


def confirm(day: Day, command: Confirm, at: Instant, by: By) -> Answer:
    taken = day.taken.get(command.booking)
    booking = day.bookings.get(command.booking)
    if owns(day, command.booking):
        if booking is None:
            return unknown(command.booking)
        step: Step = "confirm" if booking.status == "provisional" else "approve"
        if step == "approve" and command.token is not None and booking.status == "pending":
            return Refusal("needs_approval", "somebody else has to approve it")
        objection = may(booking, step, command.token) or complete(day, booking.wish, booking.span, by, booking.counted)
        if objection is not None:
            return objection
        event_type = eligible(by, booking.wish, at, "confirm")
        if isinstance(event_type, Refusal):
            return event_type
    elif owner_of(day.org, command.booking) not in by.together:
        return apart(command.booking)
    stands = taken or booking
    if stands is None or has_lapsed(stands, at):
        return Refusal("lapsed", f"{command.booking!r} has lapsed", "late")
    slug = stands.event_type if isinstance(stands, Taken) else stands.wish.event_type
    status, until = next_status(stands.status, by.state.event_types.get(slug), command.token, at)
    kept = () if taken is None else (SlotsKept(command.booking, status, until),)
    reply = {"booking": command.booking, "status": status, "until": until}
    if booking is None:
        return Decision(kept, reply)
    hook = BookingConfirmed(booking.id) if status == "confirmed" else BookingPending(booking.id, until)
    return Decision((*kept, hook), reply)


def end(
    day: Day, id: str, step: Step, token: str | None, hook: BookingCancelled | BookingDeclined, at: Instant, by: By
) -> Answer:
    """Give the slots back. Whoever has given them back already has nothing more to give."""
    if (problem := bad_text("reason", hook.reason, LIMITS.reason_characters_max)) is not None:
        return problem
    freed = (SlotsFreed(id),) if id in day.taken else ()
    if not owns(day, id):
        return Decision(freed) if owner_of(day.org, id) in by.together else apart(id)
    booking = day.bookings.get(id)
    if booking is None:
        return unknown(id)
    ended: Status = "cancelled" if step == "cancel" else "declined"
    reply = {"booking": id, "status": ended}
    if booking.status == ended:
        return wrong_token(booking, token) or Decision(reply=reply)
    objection = may(booking, step, token) or complete(day, booking.wish, booking.span, by, booking.counted)
    if objection is None and token is not None:
        objection = in_time(booking, _event_type(by, booking).cancel_before, at)
    return objection or Decision((*freed, hook), reply)


def after(day: Day, id: str, step: Step, hook: BookingCompleted | BookingMissed, at: Instant) -> Answer:
    booking = day.bookings.get(id)
    if booking is None:
        return unknown(id)
    objection = may(booking, step, None)
    if objection is not None:
        return objection
    if at < booking.wish.start:
        return Refusal("too_early", "it has not begun yet")
    return Decision((hook,), {"booking": id, "status": "completed" if step == "complete" else "no_show"})


def may(booking: Booking, step: Step, token: str | None) -> Refusal | None:
    """Whether this one may take the step, and the booking's status has it."""
    if (wrong := wrong_token(booking, token)) is not None:
        return wrong
    if not allows(booking.status, step):
        return Refusal("wrong_status", f"{booking.id!r} is {booking.status}: there is no way to {step} it")
    return None


def wrong_token(booking: Booking, token: str | None) -> Refusal | None:
    if token is None or compare_digest(hashed(token), booking.token_hash):
        return None
    return Refusal("wrong_token", "this is not the booking's management token")


def hashed(token: str) -> str:
    """What a booking remembers of its management token."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def in_time(booking: Booking, minutes_before: int, at: Instant) -> Refusal | None:
    if at > booking.wish.start - minutes_before * MINUTE_MS:
        return Refusal("too_late", f"that was possible until {minutes_before} minutes before the start", "late")
    return None


def _event_type(by: By, booking: Booking) -> EventType:
    """Its rules as they are now; when it is gone, those of a plain one."""
    return by.state.event_types.get(booking.wish.event_type) or EventType(booking.wish.event_type, "")
