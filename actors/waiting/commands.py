"""What can be asked of lines and rooms. Visitors prove with their key who they are; operators are known to whoever
lets their commands through."""

from __future__ import annotations

from actors.decider import Command
from events.codec import Numbers
from events.facts import Personal
from events.room import RoomSettings

# Of a line


class Join(Command, frozen=True, omit_defaults=True):
    """Stand in line; whoever stands there already gets their own ticket again. `room` is the sequence of the room that
    the asker knows of: nobody is to decide by an older one."""

    key: str
    lane: str = ""
    code: str = ""
    identity: str = ""
    work: str = ""
    room: int = 0
    email: Personal = ""
    """Where to write when it is their turn. Whoever stands there already has the one that they came with."""


class Touch(Command, frozen=True):
    """I am still here. It writes nothing, unless it was thought otherwise."""

    ticket: str
    key: str


class Present(Command, frozen=True):
    """These are alive: of a whole shard, from whoever holds their connections."""

    numbers: Numbers


class Leave(Command, frozen=True):
    """Whatever the ticket is, waiting, called or in: it is over."""

    ticket: str
    key: str


class Remove(Command, frozen=True):
    """The same, by an operator."""

    ticket: str


class ShowLine(Command, frozen=True):
    """How many have joined, are living, are absent."""


# Of a room


class PutRoom(Command, frozen=True):
    """Create the room, or change all of its settings. `commitment` is the SHA-256 of the secret for the draw."""

    settings: RoomSettings
    commitment: str = ""


class StartPreQueue(Command, frozen=True):
    """Let people join, and call nobody yet."""


class OpenRoom(Command, frozen=True):
    """Call them."""


class PauseRoom(Command, frozen=True):
    """Call nobody for now. Who is called or in stays so."""


class ResumeRoom(Command, frozen=True):
    """Call them again."""


class DrainRoom(Command, frozen=True):
    """Let nobody join any more, call those who wait, and close when there is nobody left."""


class CloseRoom(Command, frozen=True):
    """It is over for all who wait. Who is in stays as long as their pass."""


class Draw(Command, frozen=True):
    """Tell the secret, and shuffle those who joined the pre-queue."""

    secret: str
    beacon: str = ""


class Claim(Command, frozen=True):
    """I was called, and here I am. Repeated, it tells of the same pass."""

    ticket: str
    key: str


class Prolong(Command, frozen=True):
    """I am active: the pass is good for a while longer."""

    ticket: str
    key: str


class Exit(Command, frozen=True):
    """I am done: the seat is free."""

    ticket: str
    key: str


class Revoke(Command, frozen=True):
    """An operator sends somebody away who was called or is in."""

    ticket: str


class ShowRoom(Command, frozen=True):
    """The room as it decides: its settings and phase, how many wait, are called and are in."""


class ShowTicket(Command, frozen=True):
    """How the room sees a ticket."""

    ticket: str
