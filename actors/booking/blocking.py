"""Blocking: slots that the operator takes out of use."""

from __future__ import annotations

from actors.booking.claims import Day
from actors.booking.commands import BlockSlots
from actors.booking.eligibility import bad_text
from actors.booking.limits import LIMITS
from actors.booking.part import Answer, By
from actors.booking.space import meet
from actors.decider import Decision, Refusal
from events.calendar.quantum import SLOTS, is_date
from events.day import Blocked, Slots
from events.names import is_identifier


def block_slots(day: Day, command: BlockSlots, by: By) -> Answer:
    if day.resource not in by.state.active:
        return Refusal("unknown_resource", f"there is no resource {day.resource!r}, or it is out of use")
    if not is_date(day.date):
        return Refusal("bad_date", f"{day.date!r} is no date as in 2026-12-07")
    if not is_identifier(command.block):
        return Refusal("bad_identifier", f"{command.block!r} is not an identifier")
    if command.block in day.blocks:
        return Refusal("block_exists", f"there is a block {command.block!r} already")
    if len(day.blocks) >= LIMITS.blocks_max:
        return Refusal("too_many_blocks", f"a day has at most {LIMITS.blocks_max} blocks")
    if not 0 <= command.first < command.end <= SLOTS:
        return Refusal("bad_slots", f"slots are counted from 0 to {SLOTS}, and the end is behind the first")
    if (problem := bad_text("reason", command.reason, LIMITS.reason_characters_max)) is not None:
        return problem
    slots = Slots(command.first, command.end)
    booked = sorted(id for id, taken in day.taken.items() if meet(taken.slots, slots))
    return Decision((Blocked(command.block, slots, command.reason),), {"block": command.block, "booked": booked})
