"""The resource-day: the one judge of who has which slots of a resource on a UTC date.

What can be asked is in `commands`. `eligibility` says what may be booked at all, `part` who has to take part, `room`
what has to go first; `holding`, `taking`, `changing` and `blocking` make facts of it, and here is what the facts do.
"""

from __future__ import annotations

from typing import Final

from actors.booking.blocking import block_slots
from actors.booking.changing import after, confirm, end
from actors.booking.claims import Day
from actors.booking.commands import (
    COMMANDS,
    BlockSlots,
    Book,
    BookSeries,
    Cancel,
    Complete,
    Confirm,
    DayCommand,
    Decline,
    JoinStandby,
    KeepHold,
    LeaveStandby,
    Miss,
    Move,
    PlaceHold,
    ReleaseHold,
    ShowBooking,
    ShowDay,
    UnblockSlots,
)
from actors.booking.happened import evolve
from actors.booking.holding import keep_hold, place_hold, release_hold
from actors.booking.part import Answer, By, unknown
from actors.booking.series import book_series
from actors.booking.space import due, ends
from actors.booking.standby import join, leave, settled
from actors.booking.taking import book, move
from actors.decider import Consulted, Decider, Decision, Leases, Refusal, Tick
from events.catalog import Catalog
from events.clock import Instant
from events.day import (
    FACTS,
    BookingCancelled,
    BookingCompleted,
    BookingDeclined,
    BookingMissed,
    DayFact,
    Unblocked,
)


def decide(day: Day, command: DayCommand, at: Instant, by: By) -> Answer:
    if not day.standby or not isinstance(command, PlaceHold | Book | BookSeries | Move | JoinStandby | Tick):
        return _decide(day, command, at, by)
    first, day = settled(day, at, by)  # whoever is in line comes before whoever comes now
    answer = _decide(day, command, at, by)
    if isinstance(answer, Refusal):
        return answer
    return Decision((*first, *answer.facts), answer.reply, answer.leases)


def _decide(day: Day, command: DayCommand, at: Instant, by: By) -> Answer:
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
        case BookSeries():
            return book_series(day, command, at, by)
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
        case JoinStandby():
            return join(day, command, at, by)
        case LeaveStandby():
            return leave(day, command)
        case ShowBooking(id):
            return Decision(reply=day.bookings[id]) if id in day.bookings else unknown(id)
        case ShowDay():
            return Decision(reply={"used": day.used, "blocked": day.blocked})


def wake(day: Day) -> Instant | None:
    return day.agenda[0][0] + 1 if day.agenda else None


def leased(day: Day, leases: Leases) -> Instant | None:
    """Heartbeats only prolong: what stands further down the agenda than the earliest that was found is no earlier."""
    earliest: Instant | None = None
    for instant, what, id in day.agenda:
        if earliest is not None and instant >= earliest:
            break
        end = ends(id, day.holds[id], leases) if what == "hold" else instant
        earliest = end if earliest is None else min(earliest, end)
    return None if earliest is None else earliest + 1


def _initial(actor: str) -> Day:
    org, _, resource, date = (*actor.split("."), "", "", "")[:4]
    return Day(org, resource, date)


DAY: Final[Decider[Day, DayCommand, DayFact, By]] = Decider(
    kind="day",
    state_version=2,
    parts=("resource", "date"),
    commands=COMMANDS,
    facts=FACTS,
    state=Day,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    wake=wake,
    leased=leased,
    policy=Consulted(Catalog(), Leases()),
    consults="catalog",
)
