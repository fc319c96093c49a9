"""Standby: in line for a slot that is full."""

from __future__ import annotations

import msgspec

from actors.booking.asking import id_for
from actors.booking.commands import JoinStandby, LeaveStandby
from events.day import Booker, owner_of
from gateway.calls import Call
from gateway.operations.bookings import For
from gateway.operations.holds import parts_of
from gateway.operations.wishes import Wanted, understood


class StandbyWanted(Wanted, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is full, and for whom."""

    booker: For = For()


class StoodBy(msgspec.Struct, frozen=True):
    """`ahead` are those who stand before you on that day. What is offered to you is a hold of this name."""

    standby: str
    ahead: int


class StandbyLeft(msgspec.Struct, frozen=True):
    """Whose place was given up."""

    standby: str


async def join(call: Call, wanted: StandbyWanted) -> StoodBy:
    session = call.caller.needs_session()
    wish = await understood(call, wanted)
    id = id_for(wish.event_type, wish.wish, call.name("y"))
    booker = Booker(wanted.booker.name, wanted.booker.email, wanted.booker.phone)
    command = JoinStandby(id, session, wish.wish, booker, wish.catalog)
    reply = (await call.ask(owner_of(call.org, id), command)).reply
    return StoodBy(reply["standby"], reply["ahead"])


async def leave(call: Call, standby: str) -> StandbyLeft:
    session = call.caller.needs_session()
    id, (owner, *_) = parts_of(call.org, standby)
    await call.ask(owner, LeaveStandby(id, session))
    return StandbyLeft(id)
