"""`tidegate room start|open|pause|resume|drain|close|announce|draw`: what an operator does with a room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tidegate.cli.booking.common import done
from tidegate.cli.room.common import RoomArgument
from tidegate.cli.shared import Invocation

if TYPE_CHECKING:
    from actors.decider import Command

_SAID = {
    "pre_queue": "people may join now, and nobody is called yet",
    "open": "open: people are called",
    "paused": "paused: nobody is called",
    "draining": "draining: nobody joins any more, who waits is called",
    "closed": "closed for good",
}


async def start(call: Invocation, room: RoomArgument) -> None:
    """Begin the pre-queue: people may join, and nobody is called yet.

    For example: tidegate room start launch
    """
    from actors.waiting.commands import StartPreQueue

    await _step(call, room, StartPreQueue())


async def open_(call: Invocation, room: RoomArgument) -> None:
    """Call people, as fast as the settings allow.

    For example: tidegate room open launch
    """
    from actors.waiting.commands import OpenRoom

    await _step(call, room, OpenRoom())


async def pause(call: Invocation, room: RoomArgument) -> None:
    """Call nobody for now. Who is called or in stays so, and people may join.

    For example: tidegate room pause launch
    """
    from actors.waiting.commands import PauseRoom

    await _step(call, room, PauseRoom())


async def resume(call: Invocation, room: RoomArgument) -> None:
    """Call people again, after a pause.

    For example: tidegate room resume launch
    """
    from actors.waiting.commands import ResumeRoom

    await _step(call, room, ResumeRoom())


async def drain(call: Invocation, room: RoomArgument) -> None:
    """Let nobody join any more, call those who wait, and close when there is nobody left.

    For example: tidegate room drain launch
    """
    from actors.waiting.commands import DrainRoom

    await _step(call, room, DrainRoom())


async def close(call: Invocation, room: RoomArgument) -> None:
    """Close it for good: over for all who wait. Who is in stays as long as their pass.

    For example: tidegate room close launch
    """
    from actors.waiting.commands import CloseRoom

    await _step(call, room, CloseRoom())


async def announce(
    call: Invocation,
    room: RoomArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Told to everybody who waits; '' takes it back.")],
) -> None:
    """Tell everybody something.

    For example: tidegate room announce launch 'The stage is being rebuilt: we go on at nine'
    """
    from actors.waiting.commands import PutRoom
    from tidegate.asking import opened
    from tidegate.visiting import at_door

    async with opened(call.settings) as asking:
        door = await at_door(asking, room)
        settings = msgspec.structs.replace(door.settings, announcement=text)
        answer = await asking.ask(_actor(call, room), PutRoom(settings))
    told = "announced" if text else "nothing is announced any more"
    done(call, {"room": room, "announcement": text, "sequence": answer.sequence}, f"{told}: {room}")


async def draw(
    call: Invocation,
    room: RoomArgument,
    secret: Annotated[str | None, typer.Option(help="The draw's secret; the one that is kept here if none.")] = None,
    beacon: Annotated[
        str, typer.Option(help="A public number that nobody could know before, such as tonight's lottery numbers.")
    ] = "",
) -> None:
    """Tell the secret, and shuffle those who joined the pre-queue. Then `room open` calls them.

    For example: tidegate room draw sale --beacon 'lotto 2026-12-05: 4 8 15 16 23 42'

    Everybody can recompute it from the log: tidegate room verify-draw sale
    """
    from actors.waiting.commands import Draw
    from tidegate import draws
    from tidegate.asking import opened

    if secret is None:
        secret = draws.secret_of(call.settings.data_dir, call.settings.org, room)
    async with opened(call.settings) as asking:
        answer = await asking.ask(_actor(call, room), Draw(secret, beacon))
    counts: dict[str, int] = answer.reply["drawn"]
    data = {"room": room, "sequence": answer.sequence, "secret": secret, "beacon": beacon, **answer.reply}
    told = f"drawn: {sum(counts.values()):,} places in {room}"
    done(call, data, told, seed=answer.reply["seed"], secret=secret, next=f"tidegate room open {room}")


async def _step(call: Invocation, room: str, command: Command) -> None:
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        answer = await asking.ask(_actor(call, room), command)
    reply: dict[str, Any] = answer.reply
    done(call, {**reply, "sequence": answer.sequence}, f"{room}: {_SAID[reply['phase']]}")


def _actor(call: Invocation, room: str) -> str:
    from actors.decider import Refusal
    from events.names import is_identifier
    from events.waiting.sessions import room_actor
    from tidegate.refused import Refused

    if not is_identifier(room):
        raise Refused(Refusal("unknown_room", f"there is no room {room!r}"))
    return room_actor(call.settings.org, room)
