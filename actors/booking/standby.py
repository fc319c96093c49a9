"""Standby: a line for slots that are full, in order of coming.

When there is room, the first in line that fits gets an offer: a hold of its own, for a while. Then the next. Whoever
comes anew comes behind them: before anything is given away, all offers that can be made are made.

A day hears of a capacity that has grown when it is next asked for something, not before.
"""

from __future__ import annotations

from actors.booking.claims import Day
from actors.booking.commands import JoinStandby, LeaveStandby
from actors.booking.eligibility import bad_booker, eligible
from actors.booking.happened import evolve, imagined
from actors.booking.limits import LIMITS
from actors.booking.part import BEHIND, Answer, By, share
from actors.booking.plan import plan_of
from actors.booking.space import due
from actors.decider import Decision, Refusal
from events.calendar.quantum import MINUTE_MS
from events.clock import Instant
from events.day import DayFact, HoldReleased, OfferMade, SlotsHeld, StandbyJoined, StandbyLeft, StandbyPassed
from events.names import is_identifier


def join(day: Day, command: JoinStandby, at: Instant, by: By) -> Answer:
    if by.together:
        return Refusal("standby_single", "one stands in line for one resource, within one UTC date, buffers included")
    if not is_identifier(command.session):
        return Refusal("bad_session", f"{command.session!r} is no session")
    if by.sequence < command.catalog:
        return BEHIND
    plan = plan_of(command.wish, at, by)
    if isinstance(plan, Refusal):
        return plan
    if len(plan.parts) > 1:
        return Refusal("standby_single", "one stands in line for one resource, within one UTC date, buffers included")
    mine = share(day, command.standby, command.wish, command.catalog, at, by)
    if isinstance(mine, Refusal):
        return mine
    problem = bad_booker(command.booker)
    if problem is not None:
        return problem
    if day.waiting(command.standby) is not None or command.standby in day.holds:
        return Refusal("standby_exists", f"{command.standby!r} stands in line already")
    if len(day.standby) >= LIMITS.standby_max:
        return Refusal("standby_full", f"at most {LIMITS.standby_max} stand in line on a day")
    if sum(one.session == command.session for one in day.standby) >= LIMITS.standby_per_session_max:
        return Refusal("too_many_standbys", f"a session stands in line {LIMITS.standby_per_session_max} times at most")
    capacity = _units(day, by)
    if day.has_room(mine[1], capacity):
        return Refusal("not_full", "there is room: it can be booked")
    joined = StandbyJoined(command.standby, command.session, command.booker, command.wish, mine[1], capacity)
    return Decision((joined,), {"standby": command.standby, "ahead": len(day.standby)})


def leave(day: Day, command: LeaveStandby) -> Answer:
    waiting = day.waiting(command.standby)
    if waiting is None:
        return Decision(reply={"standby": command.standby})
    if waiting.session != command.session:
        return Refusal("not_your_standby", f"{command.standby!r} belongs to another session")
    released = (HoldReleased(command.standby),) if waiting.offered else ()
    return Decision((*released, StandbyLeft(command.standby)), {"standby": command.standby})


def settled(day: Day, at: Instant, by: By) -> tuple[list[DayFact], Day]:
    """What the time has brought, the offers that follow from it, and the day after all that."""
    units = _units(day, by)
    facts: list[DayFact] = [StandbyPassed(units)] if units != day.capacity else []
    if not facts and next(due(day, at, by.leases), None) is None and not _offers(day, at, by):
        return [], day
    after = imagined(day, facts, at)
    while news := [*due(after, at, by.leases)] or _offers(after, at, by):
        for fact in news:
            after = evolve(after, fact, at)
        facts += news
    return facts, after


def _offers(day: Day, at: Instant, by: By) -> list[DayFact]:
    """To the first in line that fits; whoever waits for what cannot be booked any more has waited in vain."""
    if day.offer_at is None:
        return []
    for one in day.standby:
        if one.offered or not day.has_room(one.slots, _units(day, by)):
            continue
        refused = eligible(by, one.wish, at)
        if isinstance(refused, Refusal) and refused.fault == "late":
            return [StandbyLeft(one.id)]
        if isinstance(refused, Refusal):
            continue  # not on offer at the moment: they keep their place
        until = at + LIMITS.offer_minutes * MINUTE_MS
        held = SlotsHeld(one.id, one.session, one.wish, one.slots, until, until, 0, by.sequence)
        return [held, OfferMade(one.id, until)]
    return [StandbyPassed(0)]


def _units(day: Day, by: By) -> int:
    resource = by.state.active.get(day.resource)
    return 0 if resource is None else by.state.units_of(resource)
