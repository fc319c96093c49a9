"""Holding: slots that are nobody else's for a short while, for as long as their session says that it is there."""

from __future__ import annotations

from actors.booking.claims import Day
from actors.booking.commands import KeepHold, PlaceHold, ReleaseHold
from actors.booking.limits import LIMITS
from actors.booking.part import Answer, By, share
from actors.booking.space import ends, make_room
from actors.decider import Decision, Refusal
from events.clock import Instant
from events.day import HoldReleased, SlotsHeld, StandbyLeft
from events.names import is_identifier


def place_hold(day: Day, command: PlaceHold, at: Instant, by: By) -> Answer:
    if not is_identifier(command.session):
        return Refusal("bad_session", f"{command.session!r} is no session")
    mine = share(day, command.hold, command.wish, command.catalog, at, by)
    if isinstance(mine, Refusal):
        return mine
    plan, slots = mine
    if command.hold in day.holds or day.waiting(command.hold) is not None:
        return Refusal("hold_exists", f"{command.hold!r} is held already")
    if sum(1 for hold in day.holds.values() if hold.session == command.session) >= LIMITS.holds_per_session_max:
        return Refusal("too_many_holds", f"a session holds at most {LIMITS.holds_per_session_max} times on a day")
    made = make_room(day, slots, command.session, at, by)
    if isinstance(made, Refusal):
        return made
    period_ms = plan.event_type.hold_seconds * 1000
    until, until_max = at + period_ms, at + plan.event_type.hold_seconds_max * 1000
    held = SlotsHeld(
        command.hold, command.session, command.wish, slots, until, until_max, period_ms, by.sequence
    )  # fmt: skip
    return Decision((*made, held), {"hold": command.hold, "expires_at": until, "expires_at_latest": until_max})


def keep_hold(day: Day, command: KeepHold, at: Instant, by: By) -> Answer:
    hold = day.holds.get(command.hold)
    if hold is None or ends(command.hold, hold, by.leases) < at:
        return Refusal("hold_gone", f"{command.hold!r} is not held any more", "late")
    if hold.session != command.session:
        return not_yours(command.hold)
    until = max(min(at + hold.period_ms, hold.until_max), ends(command.hold, hold, by.leases))
    return Decision(reply={"hold": command.hold, "expires_at": until}, leases={command.hold: until})


def release_hold(day: Day, command: ReleaseHold) -> Answer:
    found = day.holds.get(command.hold)
    if found is None:
        return Decision(reply={"hold": command.hold})
    if found.session != command.session:
        return not_yours(command.hold)
    left = (StandbyLeft(command.hold),) if day.waiting(command.hold) is not None else ()  # it was an offer
    return Decision((HoldReleased(command.hold), *left), {"hold": command.hold})


def not_yours(hold: str) -> Refusal:
    return Refusal("not_your_hold", f"{hold!r} belongs to another session")
