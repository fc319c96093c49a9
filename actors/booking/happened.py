"""What the facts of a resource-day do to it, one by one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.booking.claims import Block, Day, Hold, Taken, Waiting
from events.calendar.quantum import MINUTE_MS
from events.clock import Instant
from events.day import (
    Blocked,
    Booking,
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingDeclined,
    BookingLapsed,
    BookingMade,
    BookingMissed,
    BookingMoved,
    BookingPending,
    DayFact,
    HoldExpired,
    HoldReleased,
    OfferLapsed,
    OfferMade,
    OfferTaken,
    ReminderDue,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    StandbyJoined,
    StandbyLeft,
    StandbyPassed,
    Unblocked,
)


def evolve(day: Day, fact: DayFact, at: Instant) -> Day:
    match fact:
        case SlotsHeld(hold, session, wish, slots, until, until_max, period_ms):
            day.hold(hold, Hold(session, wish, slots, until, until_max, period_ms))
        case HoldReleased(hold) | HoldExpired(hold):
            day.drop_hold(hold)
            if (waiting := day.waiting(hold)) is not None:
                day.wait(msgspec.structs.replace(waiting, offered=False))
        case SlotsTaken(booking, event_type, slots, status, until, hold):
            if hold:
                day.drop_hold(hold)
            day.take(booking, Taken(slots, event_type, status, until))
        case SlotsKept(booking, status, until):
            day.keep(booking, status, until)
        case SlotsFreed(booking):
            day.free(booking)
        case BookingMade(booking):
            day.bookings[booking.id] = booking
            if booking.status == "confirmed":
                day.plan(booking, at)
        case BookingPending(id, until):
            day.unplan(_change(day, id, status="pending", until=until))
        case BookingConfirmed(id):
            day.plan(_change(day, id, status="confirmed", until=None), at)
        case BookingDeclined(id, reason):
            day.end(_change(day, id, status="declined", until=None, reason=reason))
        case BookingCancelled(id, reason):
            day.end(_change(day, id, status="cancelled", until=None, reason=reason))
        case BookingLapsed(id):
            day.end(_change(day, id, status="lapsed", until=None))
        case BookingMoved(id, wish, span, version):
            day.unplan(day.bookings[id])
            booking = _change(day, id, wish=wish, span=span, version=version)
            if booking.status == "confirmed":
                day.plan(booking, at)
        case BookingCompleted(id):
            day.end(_change(day, id, status="completed"))
        case BookingMissed(id):
            day.end(_change(day, id, status="no_show"))
        case ReminderDue(id, minutes):
            day.forget(day.bookings[id].wish.start - minutes * MINUTE_MS, str(minutes), id)
        case StandbyJoined(standby, session, booker, wish, slots, capacity):
            day.capacity = capacity
            day.wait(Waiting(standby, session, booker, wish, slots))
        case StandbyLeft(standby) | OfferTaken(standby) | OfferLapsed(standby):
            day.leave(standby)
        case StandbyPassed(capacity):
            day.capacity = capacity
        case OfferMade(standby):
            waiting = day.waiting(standby)
            assert waiting is not None
            day.wait(msgspec.structs.replace(waiting, offered=True))
        case Blocked(block, slots, reason):
            day.block(block, Block(slots, reason))
        case Unblocked(block):
            day.unblock(block)
    if day.standby or day.capacity:
        day.look(at)
    return day


def imagined(day: Day, facts: Iterable[DayFact], at: Instant) -> Day:
    """The day as it would be; the day itself stays as it is."""
    after = day.copied()
    for fact in facts:
        after = evolve(after, fact, at)
    return after


def _change(day: Day, id: str, **changes: object) -> Booking:
    before = day.bookings[id]
    booking = msgspec.structs.replace(before, **changes)
    day.bookings[id] = booking
    if id not in day.taken:  # all that it has is on other days: it lapses here by its own record
        if before.until is not None:
            day.forget(before.until, "lapse", id)
        if booking.until is not None:
            day.remind(booking.until, "lapse", id)
    return booking
