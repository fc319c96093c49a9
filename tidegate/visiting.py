"""Visiting: what somebody does who stands in line before a room, from the first step to the pass.

Who stands in line is a shard of the line's business; who is called and who is in, the room's. A session's shard follows
from its key, so one has to know the room before one can join it: that is the `Door`. From then on the ticket says whom
to ask. All of it may be asked again: the same key is the same place, and a pass that was claimed is told again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from secrets import token_urlsafe
from typing import Any, Final

import msgspec

from actors.decider import Refusal
from actors.runtime.wire import Accepted
from actors.waiting.asking import BEAT_S_MAX, Door, joining
from actors.waiting.commands import Claim, Exit, Leave, Prolong, Remove, Revoke, ShowRoom, Touch
from events.clock import Instant
from events.errors import UnknownOutcome
from events.names import is_identifier
from events.room import RoomSettings
from events.waiting.sessions import Ticket, line_actor, room_actor, ticket_of
from events.waiting.work import zero_bits
from projections.questions import TicketAnswer, TicketOf
from tidegate.asking import Asking
from tidegate.refused import Refused

KEY_BYTES: Final = 16
LOOK_EVERY_S: Final = 1.0
LOOK_AGAIN_S: Final = 0.1
"""However fast things change, nobody looks oftener."""
WORK_AT_A_TIME: Final = 2_000
WORK_MINUTE_MS: Final = 60_000
WORK_OLD_MS: Final = 5 * WORK_MINUTE_MS
"""Work that takes longer is begun anew: it is good for ten minutes."""
OVER: Final = frozenset({"missed", "left", "expired", "pass_expired", "exited", "closed"})
HOW_IT_ENDED: Final = {
    "missed": "it was called, and nobody claimed it in time",
    "left": "it was given up, or taken away by an operator",
    "expired": "nobody was there for too long",
    "pass_expired": "its pass has expired",
    "exited": "its pass was given back, or taken away by an operator",
    "closed": "the room has closed",
}


class JoinUnknown(UnknownOutcome):
    """It was asked for, and no answer came. The same key is the same place."""

    next_step = "join again with that --key"


class InLine(msgspec.Struct, frozen=True):
    """A ticket. `new` is whether it was given out now; `sequence`, where that stands."""

    ticket: str
    new: bool
    sequence: int


def new_key() -> str:
    return token_urlsafe(KEY_BYTES)


async def at_door(asking: Asking, room: str) -> Door:
    """The room as it is now; `Refused` when there is none."""
    if not is_identifier(room):
        raise Refused(Refusal("unknown_room", f"there is no room {room!r}"))
    actor = room_actor(asking.org, room)
    last = await (await asking.log()).last_of([actor])  # before it is asked: what it says is not older than this
    shown = (await asking.ask(actor, ShowRoom())).reply
    settings = msgspec.convert(shown["settings"], RoomSettings)
    return Door(asking.org, room, settings, last[actor].sequence if actor in last else 0)


async def join(
    asking: Asking,
    door: Door,
    key: str,
    *,
    lane: str = "",
    code: str = "",
    identity: str = "",
    email: str = "",
    worked: Callable[[int], None] | None = None,
) -> InLine:
    """Stand in line; whoever stands there already gets their own ticket again. `worked` is told how many hashes the
    work has taken so far, where there is work."""
    try:
        answer = await asking.ask(*joining(door, key, lane=lane, code=code, identity=identity, email=email))
    except Refused as refused:
        if refused.code != "work_needed":
            raise
        work = await done(door.room, door.whose(key, identity), door.settings.work_bits, asking.clock, worked)
        answer = await asking.ask(*joining(door, key, lane=lane, code=code, identity=identity, work=work, email=email))
    except UnknownOutcome as error:
        raise JoinUnknown(f"whether it has joined is not known, key {key}: {error}") from error
    return InLine(answer.reply["ticket"], answer.reply["new"], answer.sequence)


async def done(
    room: str, session: str, bits: int, clock: Callable[[], Instant], told: Callable[[int], None] | None = None
) -> str:
    """The work that a room asks for (`events.waiting.work`), a little at a time, so that others get a turn."""
    began = clock()
    minute = began // WORK_MINUTE_MS
    for nonce in count():
        work = f"{minute}:{nonce:x}"
        if zero_bits(room, session, work) >= bits:
            return work
        if nonce % WORK_AT_A_TIME == WORK_AT_A_TIME - 1:
            if told is not None:
                told(nonce + 1)
            await asyncio.sleep(0)
            if clock() - began > WORK_OLD_MS:
                began = clock()
                minute = began // WORK_MINUTE_MS
    raise AssertionError  # numbers do not end


def named(ticket: str) -> Ticket:
    """The ticket of that id; refused when there can be none."""
    found = ticket_of(ticket)
    if found is None:
        raise Refused(Refusal("unknown_ticket", f"{ticket!r} is not a ticket: <room>.<shard>.<number>"))
    return found


async def of_line(asking: Asking, command: Touch | Leave | Remove) -> Accepted:
    ticket = named(command.ticket)
    return await asking.ask(line_actor(asking.org, ticket.room, ticket.shard), command)


async def of_room(asking: Asking, command: Claim | Prolong | Exit | Revoke) -> Accepted:
    return await asking.ask(room_actor(asking.org, named(command.ticket).room), command)


async def how_it_stands(asking: Asking, ticket: str, at_least: int | None = None) -> TicketAnswer:
    """As everybody may know; not older than the log is now, or than a sequence that is enough."""
    named(ticket)
    answer: TicketAnswer = await asking.look(TicketOf(org=asking.org, ticket=ticket), at_least)
    return answer


async def stay(
    asking: Asking,
    ticket: str,
    key: str,
    told: Callable[[TicketAnswer], None] = lambda _: None,
    *,
    beat_s: float = BEAT_S_MAX,
    sequence: int = 0,
) -> dict[str, Any]:
    """Wait until the ticket is called, keep it alive meanwhile, and claim: what the room says of the pass. `told` is
    told how it stands whenever that may have changed. `Refused` when it is over."""
    loop = asyncio.get_running_loop()
    await of_line(asking, Touch(ticket, key))  # whoever may not wait here learns it at once
    beat_at = loop.time() + beat_s
    async with asking.hints(f"ticket/{ticket}", f"room/{named(ticket).room}") as hint:
        while True:
            hint.clear()
            looked_at = loop.time()
            try:
                seen = await how_it_stands(asking, ticket, sequence)
            except Refused as refused:
                if refused.refusal.fault != "busy":
                    raise
                if loop.time() >= beat_at:  # nobody tells how it stands at the moment; the line and the room know
                    beat_at = loop.time() + beat_s
                    await _beat(asking, ticket, key)
                    if (seat := await _claimed(asking, ticket, key)) is not None:
                        return seat
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            sequence = max(sequence, seen.sequence)
            told(seen)
            if seen.state in OVER:
                raise Refused(Refusal("ticket_over", f"{ticket!r} is over: {HOW_IT_ENDED[seen.state]}", "late"))
            if seen.state in {"called", "active"} and (seat := await _claimed(asking, ticket, key)) is not None:
                return seat
            if loop.time() >= beat_at or seen.state == "absent":
                beat_at = loop.time() + beat_s
                await _beat(asking, ticket, key)
            await asyncio.sleep(max(0.0, looked_at + LOOK_AGAIN_S - loop.time()))
            try:
                async with asyncio.timeout(min(LOOK_EVERY_S, max(beat_at - loop.time(), 0.0))):
                    await hint.wait()
            except TimeoutError:
                pass  # time for a look, or for a sign of life


async def _claimed(asking: Asking, ticket: str, key: str) -> dict[str, Any] | None:
    """The seat; None when there is none yet, or no more: how the ticket stands will say."""
    try:
        reply: dict[str, Any] = (await of_room(asking, Claim(ticket, key))).reply
    except Refused as refused:
        if refused.code not in {"not_called", "ticket_over", "unknown_ticket"}:
            raise
        return None
    except UnknownOutcome:
        return None
    return reply if reply["status"] == "active" else None


async def _beat(asking: Asking, ticket: str, key: str) -> None:
    try:
        await of_line(asking, Touch(ticket, key))
    except Refused as refused:
        if refused.code != "ticket_over":
            raise
    except UnknownOutcome:
        return  # nobody heard it; the next one may be
