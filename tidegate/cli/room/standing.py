"""`tidegate room join|wait`: standing in line, until one is in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from tidegate.cli.booking.common import done
from tidegate.cli.room.common import (
    STATES,
    RoomArgument,
    TzOption,
    estimate_shown,
    show_ticket,
    ticket_data,
)
from tidegate.cli.room.passing import print_pass
from tidegate.cli.shared import Invocation, cancelled_by_interrupt

if TYPE_CHECKING:
    from actors.waiting.asking import Door
    from projections.questions import TicketAnswer
    from tidegate.asking import Asking
    from tidegate.visiting import InLine

_LINE_EVERY_S: Final = 1.0
"""Where there is no terminal, how it stands is told this often at most, while it only moves up."""
_CALLED_AT_ONCE_S: Final = 0.1
_COSTLY_BITS: Final = 14
"""Work of fewer bits is done before anybody looks."""

KeyOrNone = Annotated[str | None, typer.Option("--key", help="Who one is: the same key has the same place.")]


async def join(
    call: Invocation,
    room: RoomArgument,
    lane: Annotated[str, typer.Option(help="A lane that goes first; with its --code.")] = "",
    code: Annotated[str, typer.Option(help="What opens the lane.")] = "",
    identity: Annotated[str, typer.Option(help="Who it is, where a room wants one place for each.")] = "",
    email: Annotated[str, typer.Option(help="Where to write when it is their turn.")] = "",
    key: KeyOrNone = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is called, and claim.")] = False,
    tz: TzOption = "UTC",
) -> None:
    """Stand in line, and print the ticket and the key that it is claimed with.

    For example: tidegate room join launch --wait

    With a code: tidegate room join launch --lane vip --code GOLD-2026

    The same --key is the same place, however often it joins. Who is not heard of for a while is passed over: `room
    wait` keeps the place alive.
    """
    from events.calendar.zones import zone
    from tidegate.asking import opened
    from tidegate.visiting import at_door, how_it_stands, new_key

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        door = await at_door(asking, room)
        key = key or new_key()
        joined = await _join(call, asking, door, key, lane=lane, code=code, identity=identity, email=email)
        seen = await how_it_stands(asking, joined.ticket, joined.sequence or None)
        if seen.ahead == 0:  # who is the first may be called at once
            await asyncio.sleep(_CALLED_AT_ONCE_S)
            seen = await how_it_stands(asking, joined.ticket)
        if not wait:
            line = f"tidegate room wait {joined.ticket} --key {key}"
            show_ticket(call, seen, clocks, {"new": joined.new}, key=key, next=line)
            return
        _tell_joined(call, seen, key, clocks, new=joined.new)
        await _wait(call, asking, joined.ticket, key, door.beat_s, joined.sequence)


async def wait(
    call: Invocation,
    where: Annotated[str, typer.Argument(metavar="TICKET|ROOM", help="As `room join` printed it; or the room.")],
    key: Annotated[str, typer.Option("--key", help="The visitor's key, as `room join` printed it.")],
) -> None:
    """Stay in line, keep the place alive, and claim when it is called: the pass is the last thing that is printed.

    For example: tidegate room wait launch.0.17 --key 'vJ8…'

    Said with a room instead of a ticket, it finds the key's place there, or joins. Ctrl-C ends it; the place stays for
    as long as the room lets somebody be absent.
    """
    from tidegate.asking import opened
    from tidegate.visiting import at_door, join, named

    async with opened(call.settings) as asking:
        door = await at_door(asking, named(where).room if "." in where else where)
        ticket = where if "." in where else (await join(asking, door, key)).ticket
        await _wait(call, asking, ticket, key, door.beat_s, 0)


async def _join(call: Invocation, asking: Asking, door: Door, key: str, **about: str) -> InLine:
    from tidegate.visiting import join

    bits = door.settings.work_bits
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=call.err, transient=True, disable=call.json or bits < _COSTLY_BITS) as progress:
        task = progress.add_task(f"working for the place: about {1 << bits:,} hashes")

        def worked(hashes: int) -> None:
            text = f"working for the place: {hashes:,} hashes, of about {1 << bits:,}"
            progress.update(task, description=text)

        return await join(asking, door, key, worked=worked, **about)


def _tell_joined(call: Invocation, seen: TicketAnswer, key: str, tz: str, *, new: bool) -> None:
    if call.json:
        call.answer({"event": "joined", "new": new, "key": key, **ticket_data(seen, tz)})
        return
    call.out.print(f"[bold green]{escape(seen.id)}[/], key {escape(key)}", soft_wrap=True)


async def _wait(call: Invocation, asking: Asking, ticket: str, key: str, beat_s: float, sequence: int) -> None:
    from tidegate.visiting import stay

    work = cancelled_by_interrupt()
    telling = _Telling(call)
    try:
        with telling:
            seat = await stay(asking, ticket, key, telling.tell, beat_s=beat_s, sequence=sequence)
    except asyncio.CancelledError:
        work.uncancel()
        data = {"event": "stopped", "ticket": ticket}
        line = f"tidegate room wait {ticket} --key {key}"
        done(call, data, "nobody waits here any more; the place is kept for a while", next=line)
        return
    print_pass(call, asking.org, seat, asking.clock())


class _Telling:
    """Tells how a ticket stands: on a terminal in one line that changes, elsewhere in lines of their own."""

    def __init__(self, call: Invocation) -> None:
        self._call: Final = call
        self._live: Any = None
        self._last: tuple[Any, ...] = ()
        self._told_at = 0.0

    def __enter__(self) -> None:
        if self._call.out.is_terminal and not self._call.json:
            self._live = self._call.out.status("")
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, seen: TicketAnswer) -> None:
        if self._live is not None:
            self._live.update(escape(_sentence(seen)))
            return
        now, told = asyncio.get_running_loop().time(), (seen.state, seen.ahead)
        if told == self._last or (self._last[:1] == told[:1] and now - self._told_at < _LINE_EVERY_S):
            return
        self._last, self._told_at = told, now
        if self._call.json:
            self._call.answer({"event": seen.state, **ticket_data(seen)})
        else:
            self._call.out.print(_sentence(seen), markup=False, soft_wrap=True)


def _sentence(seen: TicketAnswer) -> str:
    parts = [STATES[seen.state]]
    if seen.ahead is not None:
        parts.append(f"{seen.ahead:,} ahead")
    if seen.estimate is not None:
        estimate = seen.estimate
        known = estimate.middle_s is not None
        parts.append(("called in " if known else "when is ") + estimate_shown(estimate))
    return ", ".join(parts)
