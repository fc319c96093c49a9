"""Taking: a booking, from a hold or from free slots; and its way from one time to another."""

from __future__ import annotations

import re
from typing import Final

from actors.booking.changing import in_time, may
from actors.booking.claims import Day
from actors.booking.commands import Book, Move
from actors.booking.eligibility import answered, bad_booker, eligible
from actors.booking.holding import not_yours
from actors.booking.lifecycle import first_status, moved_status
from actors.booking.limits import LIMITS
from actors.booking.part import BEHIND, CHANGED, Answer, By, apart, complete, owns, share, unknown
from actors.booking.parties import quotas_of, slots_of
from actors.booking.space import ends, has_lapsed, make_room
from actors.decider import Decision, Refusal
from events.calendar.offers import occupied
from events.clock import Instant
from events.day import (
    Booking,
    BookingMade,
    BookingMoved,
    BookingPending,
    DayFact,
    OfferTaken,
    SlotsFreed,
    SlotsTaken,
    Status,
    owner_of,
)
from events.names import is_identifier, kind_of

_HASH: Final = re.compile(r"[0-9a-f]{64}")


def book(day: Day, command: Book, at: Instant, by: By) -> Answer:
    if command.booking in day.taken or command.booking in day.bookings:
        return Refusal("booking_exists", f"there is a booking {command.booking!r} already")
    mine = share(day, command.booking, command.wish, command.catalog, at, by)
    if isinstance(mine, Refusal):
        return mine
    plan, slots = mine
    event_type, span = plan.event_type, plan.span
    problem = answered(event_type, command.answers) or bad_booker(command.booker) or _bad_marks(command)
    if problem is not None:
        return problem
    quotas = quotas_of(day.org, event_type, command.wish, command.booker, command.session)
    if isinstance(quotas, Refusal):
        return quotas
    if quotas and (missing := complete(day, command.wish, span, by, quotas)):
        return missing
    counted = tuple(actor for actor in by.together if kind_of(actor) == "quota")
    if command.hold:
        hold = day.holds.get(command.hold)
        if hold is None or ends(command.hold, hold, by.leases) < at:
            return Refusal("hold_gone", f"{command.hold!r} is not held any more", "late")
        if hold.session != command.session:
            return not_yours(command.hold)
    made = make_room(day, slots, command.session, at, by, converted=command.hold)
    if isinstance(made, Refusal):
        return made
    status, until = first_status(event_type, at)
    taken = SlotsTaken(command.booking, event_type.slug, slots, status, until, command.hold, by.sequence)
    if day.waiting(command.hold) is not None:
        made.append(OfferTaken(command.hold, command.booking))
    reply = {"booking": command.booking, "status": status, "until": until}
    if not owns(day, command.booking):
        return Decision((*made, taken), reply)
    if len(day.bookings) - len(day.ended) >= LIMITS.bookings_max:
        return Refusal("too_many_bookings", f"at most {LIMITS.bookings_max} bookings begin on one day of a resource")
    booking = Booking(
        command.booking, command.wish, span, status, command.session, command.booker, command.answers,
        command.token_hash, at, until, complete_after=event_type.complete_after, reminders=event_type.reminders,
        counted=counted,
    )  # fmt: skip
    return Decision((*made, taken, BookingMade(booking)), reply)


def _bad_marks(command: Book) -> Refusal | None:
    if command.session and not is_identifier(command.session):
        return Refusal("bad_session", f"{command.session[:80]!r} is no session")
    if command.token_hash and not _HASH.fullmatch(command.token_hash):
        return Refusal("bad_token_hash", "a management token is kept as the 64 hexadecimal digits of its SHA-256")
    return None


def move(day: Day, command: Move, at: Instant, by: By) -> Answer:
    id, wish = command.booking, command.wish
    if by.sequence < command.catalog:
        return BEHIND
    event_type = eligible(by, wish, at)
    if isinstance(event_type, Refusal):
        return event_type
    span = occupied(event_type, wish.start, wish.minutes)
    old = day.taken.get(id)
    booking = day.bookings.get(id)
    if owns(day, id):
        if booking is None:
            return unknown(id)
        if wish.event_type != booking.wish.event_type or wish.items != booking.wish.items:
            return Refusal("items_differ", "a booking is moved with all of its items, and nothing else")
        if command.until != booking.until:
            return CHANGED
        objection = (
            may(booking, "move", command.token)
            or complete(day, booking.wish, booking.span, by, booking.counted)
            or complete(day, wish, span, by)
        )
        if objection is None and command.token is not None:
            objection = in_time(booking, event_type.reschedule_before, at)
        if objection is not None:
            return objection
    elif owner_of(day.org, id) not in by.together:
        return apart(id)
    stands = old or booking
    if stands is not None and has_lapsed(stands, at):
        return Refusal("lapsed", f"{id!r} has lapsed", "late")
    facts: list[DayFact] = [] if old is None else [SlotsFreed(id)]
    stood: Status = "confirmed" if command.until is None else "provisional"
    stood = old.status if old is not None else booking.status if booking is not None else stood
    status, until = moved_status(stood, command.until, event_type, command.token, at)
    slots = slots_of(day.resource, day.date, wish.items, span)
    if slots is not None:
        made = make_room(day, slots, command.session, at, by, moving=id)
        if isinstance(made, Refusal):
            return made
        facts = [*made, *facts, SlotsTaken(id, wish.event_type, slots, status, until, "", by.sequence)]
    if booking is None:
        return Decision(tuple(facts))
    facts.append(BookingMoved(id, wish, span, booking.version + 1))
    if status != booking.status:
        facts.append(BookingPending(id, until))
    return Decision(tuple(facts), {"booking": id, "status": status, "version": booking.version + 1})
