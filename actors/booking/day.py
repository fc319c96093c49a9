"""The resource-day: the one judge of who has which slots of a resource on a UTC date.

What can be asked is in `commands`. `eligibility` says what may be booked at all, `part` who has to take part, `room`
what has to go first; `holding`, `taking`, `changing` and `blocking` make facts of it, and here is what the facts do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from actors.booking.blocking import block_slots
from actors.booking.changing import after, confirm, end
from actors.booking.claims import Block, Day, Hold, Taken
from actors.booking.commands import (
    COMMANDS,
    BlockSlots,
    Book,
    Cancel,
    Complete,
    Confirm,
    DayCommand,
    Decline,
    KeepHold,
    Miss,
    Move,
    PlaceHold,
    ReleaseHold,
    ShowBooking,
    ShowDay,
    UnblockSlots,
)
from actors.booking.holding import keep_hold, place_hold, release_hold
from actors.booking.part import Answer, By, unknown
from actors.booking.room import due, ends
from actors.booking.taking import book, move
from actors.decider import Consulted, Decider, Decision, Leases, Refusal, Tick
from events.calendar.quantum import MINUTE_MS
from events.catalog import Catalog
from events.clock import Instant
from events.day import (
    FACTS,
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
    ReminderDue,
    SlotsFreed,
    SlotsHeld,
    SlotsKept,
    SlotsTaken,
    Unblocked,
)


def decide(day: Day, command: DayCommand, at: Instant, by: By) -> Answer:
    match command:
        case Tick():
            return Decision(tuple(due(day, at, by.leases)))
        case KeepHold():
            return keep_hold(day, command, at, by)
        case PlaceHold():
            return place_hold(day, command, at, by)
        case ReleaseHold():
            return release_hold(day, command)
        case Book():
            return book(day, command, at, by)
        case Confirm():
            return confirm(day, command, at, by)
        case Decline(booking, reason):
            return end(day, booking, "decline", None, BookingDeclined(booking, reason), at, by)
        case Cancel(booking, token, reason):
            return end(day, booking, "cancel", token, BookingCancelled(booking, reason), at, by)
        case Move():
            return move(day, command, at, by)
        case Complete(booking):
            return after(day, booking, "complete", BookingCompleted(booking), at)
        case Miss(booking):
            return after(day, booking, "miss", BookingMissed(booking), at)
        case BlockSlots():
            return block_slots(day, command, by)
        case UnblockSlots(block):
            if block not in day.blocks:
                return Refusal("unknown_block", f"nothing is blocked as {block!r}")
            return Decision((Unblocked(block),), {"block": block})
        case ShowBooking(id):
            return Decision(reply=day.bookings[id]) if id in day.bookings else unknown(id)
        case ShowDay():
            return Decision(reply={"used": day.used, "blocked": day.blocked})


def evolve(day: Day, fact: DayFact, at: Instant) -> Day:
    match fact:
        case SlotsHeld(hold, session, wish, slots, until, until_max, period_ms):
            day.hold(hold, Hold(session, wish, slots, until, until_max, period_ms))
        case HoldReleased(hold) | HoldExpired(hold):
            day.drop_hold(hold)
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
            _change(day, id, status="pending", until=until)
        case BookingConfirmed(id):
            day.plan(_change(day, id, status="confirmed", until=None), at)
        case BookingDeclined(id, reason):
            _change(day, id, status="declined", until=None, reason=reason)
        case BookingCancelled(id, reason):
            _change(day, id, status="cancelled", until=None, reason=reason)
            day.unplan(id)
        case BookingLapsed(id):
            _change(day, id, status="lapsed", until=None)
        case BookingMoved(id, wish, span, version):
            booking = _change(day, id, wish=wish, span=span, version=version)
            day.unplan(id)
            if booking.status == "confirmed":
                day.plan(booking, at)
        case BookingCompleted(id):
            _change(day, id, status="completed")
            day.unplan(id)
        case BookingMissed(id):
            _change(day, id, status="no_show")
            day.unplan(id)
        case ReminderDue(id, minutes):
            day.forget(day.bookings[id].wish.start - minutes * MINUTE_MS, str(minutes), id)
        case Blocked(block, slots, reason):
            day.block(block, Block(slots, reason))
        case Unblocked(block):
            day.unblock(block)
    return day


def _change(day: Day, id: str, **changes: object) -> Booking:
    booking = msgspec.structs.replace(day.bookings[id], **changes)
    day.bookings[id] = booking
    return booking


def wake(day: Day) -> Instant | None:
    return day.agenda[0][0] + 1 if day.agenda else None


def leased(day: Day, leases: Leases) -> Instant | None:
    return min(_wakes(day, leases), default=None)


def _wakes(day: Day, leases: Leases) -> Iterable[Instant]:
    for instant, what, id in day.agenda:
        if what != "hold":
            yield instant + 1
            return
        yield ends(id, day.holds[id], leases) + 1


def _initial(actor: str) -> Day:
    org, _, resource, date = (*actor.split("."), "", "", "")[:4]
    return Day(org, resource, date)


DAY: Final[Decider[Day, DayCommand, DayFact, By]] = Decider(
    kind="day",
    parts=("resource", "date"),
    commands=COMMANDS,
    facts=FACTS,
    state=Day,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    wake=wake,
    leased=leased,
    policy=Consulted(Catalog()),
    consults="catalog",
)
