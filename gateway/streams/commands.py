"""What can be asked for over a socket: the operations of HTTP, by name, with their bodies.

`args` are what stands in an HTTP path: the hold, the booking, the room, the ticket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from events.permissions import Permission
from gateway.calls import Call
from gateway.operations import bookings, holds, standby, tickets, wishes
from gateway.problems import Problem
from gateway.streams.messages import CallFor


class Command(NamedTuple):
    needs: Permission
    args: tuple[str, ...]
    body: Any
    """The type of its body; None without one."""
    run: Callable[..., Awaitable[Any]]


COMMANDS: Final[Mapping[str, Command]] = {
    "hold": Command("holds.write", (), wishes.Wanted, holds.place),
    "keep_hold": Command("holds.write", ("hold",), None, holds.keep),
    "release_hold": Command("holds.write", ("hold",), None, holds.release),
    "book": Command("bookings.book", (), bookings.BookWanted, bookings.book),
    "confirm": Command("slots.read", ("booking",), bookings.Managed, bookings.confirm),
    "cancel": Command("slots.read", ("booking",), bookings.Explained, bookings.cancel),
    "reschedule": Command("slots.read", ("booking",), bookings.MoveWanted, bookings.reschedule),
    "stand_by": Command("standby.write", (), standby.StandbyWanted, standby.join),
    "stand_down": Command("standby.write", ("standby",), None, standby.leave),
    "join": Command("tickets.join", ("room",), tickets.JoinWanted, tickets.join),
    "heartbeat": Command("tickets.join", ("room", "ticket"), None, tickets.heartbeat),
    "claim": Command("tickets.join", ("room", "ticket"), None, tickets.claim),
    "leave": Command("tickets.join", ("room", "ticket"), None, tickets.leave),
}
"""Every command by its name."""
_BODIES: Final = {
    name: msgspec.json.Decoder(command.body) for name, command in COMMANDS.items() if command.body is not None
}


async def done(call: Call, asked: CallFor) -> Any:
    """What came of it; `Problem` when it was refused."""
    command = COMMANDS.get(asked.command)
    if command is None:
        raise Problem("unknown_command", f"there is no command {asked.command!r}")
    call.caller.needs(command.needs)
    if set(asked.args) != set(command.args):
        raise Problem("malformed", f"{asked.command} takes the args {', '.join(command.args) or 'none'}")
    said: list[Any] = [asked.args[name] for name in command.args]
    if command.body is not None:
        try:
            said.append(_BODIES[asked.command].decode(asked.body))
        except msgspec.DecodeError as error:
            raise Problem("malformed", str(error)) from error
    call.begin()
    return await command.run(call, *said)
