"""Waiting rooms: what an operator sets and does, and what everybody may know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from actors.decider import Command
from actors.waiting.commands import (
    CloseRoom,
    DrainRoom,
    Draw,
    OpenRoom,
    PauseRoom,
    PutRoom,
    ResumeRoom,
    ShowRoom,
    StartPreQueue,
)
from events.calendar.moments import moment_of
from events.clock import Instant, iso
from events.names import is_identifier
from events.room import Lane, Phase, RoomSettings
from events.waiting.sessions import hidden, room_actor
from gateway.calls import Call
from gateway.operations.tickets import Eta
from gateway.operations.wishes import Id
from gateway.problems import Problem
from projections.numbers import RoomNumbers
from projections.questions import NumbersOf, RoomAnswer, RoomLine, RoomOf, Rooms

When: TypeAlias = Annotated[str, Meta(description="An instant with its offset.", max_length=40)]
Commitment: TypeAlias = Annotated[
    str,
    Meta(
        description="For a draw: the SHA-256 of its secret's text in UTF-8, in 64 small hexadecimal digits. If it is "
        "empty, the room keeps the one that it has."
    ),
]
Step: TypeAlias = Literal["start", "open", "pause", "resume", "drain", "close"]
STEPS: Final[Mapping[Step, Command]] = {
    "start": StartPreQueue(),
    "open": OpenRoom(),
    "pause": PauseRoom(),
    "resume": ResumeRoom(),
    "drain": DrainRoom(),
    "close": CloseRoom(),
}


class LaneWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lane that goes first. Without `codes`, those that it has stay."""

    id: Id
    title: Annotated[str, Meta(max_length=200)] = ""
    """As visitors read it."""
    codes: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=256)] | None = None
    """Each of them opens the lane. They are kept as hashes."""


class RoomWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a room's settings: what is not said has its default. Numbers that are 0 bound nothing, names that end in
    `_s` are seconds."""

    title: str = ""
    announcement: str = ""
    capacity: int = 0
    per_minute: int = 0
    burst: int = 0
    active_s: int = 600
    active_max_s: int = 3_600
    claim_s: int = 60
    absent_after_s: int = 60
    absence_max_s: int = 600
    queue_max: int = 50_000
    shards: int = 1
    lanes: tuple[LaneWanted, ...] = ()
    ordinary_share: int = 20
    pre_queue_at: When | None = None
    opens_at: When | None = None
    closes_at: When | None = None
    draw: bool = False
    missed: Literal["again", "out"] = "again"
    straight_through: bool = True
    one_per_identity: bool = False
    work_bits: int = 0
    near_ahead: int = 50
    commitment: Commitment = ""


class RoomPut(msgspec.Struct, frozen=True):
    """What the room is now."""

    room: str
    phase: Phase


class Stepped(msgspec.Struct, frozen=True):
    """What the room is now."""

    room: str
    phase: Phase


class DrawWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the draw is made with."""

    secret: Annotated[
        str, Meta(description="16 characters or more: the text of which the commitment is the SHA-256.", max_length=200)
    ]
    beacon: Annotated[str, Meta(max_length=200)] = ""
    """Something that nobody could know before, as lottery numbers are."""


class Drawn(msgspec.Struct, frozen=True):
    """`seed` is what every place follows from; `drawn` are how many took part, by lane."""

    seed: str
    drawn: dict[str, int]


class LaneShown(msgspec.Struct, frozen=True):
    """A lane, in the order in which they go; the ordinary one, which has no name, goes last."""

    id: str
    title: str
    waiting: int
    called_through: int
    """Places from this one on have never been called."""


class RoomShown(msgspec.Struct, frozen=True):
    """What everybody may know. `newcomer` is what somebody has to expect who joins the ordinary lane now."""

    room: str
    phase: Phase
    title: str
    announcement: str
    lanes: tuple[LaneShown, ...]
    newcomer: Eta
    pre_queue_at: str | None
    opens_at: str | None
    closes_at: str | None
    draw: bool
    work_bits: int
    one_per_identity: bool
    absent_after_s: int
    seed: str
    """What the places of the draw follow from, once it was made."""


async def put(call: Call, room: str, wanted: RoomWanted) -> RoomPut:
    call.caller.needs("rooms.write")
    actor = _actor(call, room)
    before = await _settings(call, actor)
    settings = _settings_of(wanted, before)
    await call.ask(actor, PutRoom(settings, wanted.commitment))
    call.edge.doors.forget(call.org, room)
    return RoomPut(room, (await call.hear(actor, ShowRoom())).reply["phase"])


async def step(call: Call, room: str, step: Step) -> Stepped:
    call.caller.needs("rooms.run")
    reply = (await call.ask(_actor(call, room), STEPS[step])).reply
    call.edge.doors.forget(call.org, room)
    return Stepped(room, reply["phase"])


async def draw(call: Call, room: str, wanted: DrawWanted) -> Drawn:
    call.caller.needs("rooms.run")
    reply = (await call.ask(_actor(call, room), Draw(wanted.secret, wanted.beacon))).reply
    return Drawn(reply["seed"], reply["drawn"])


async def show(call: Call, room: str) -> RoomShown:
    answer: RoomAnswer = await call.look(RoomOf(org=call.org, room=room))
    about, newcomer = answer.about, answer.newcomer
    return RoomShown(
        answer.id,
        answer.phase,
        about.title,
        about.announcement,
        tuple(LaneShown(one.id, one.title, one.waiting, one.called_through) for one in answer.lanes),
        Eta(newcomer.low_s, newcomer.middle_s, newcomer.high_s, newcomer.reason),
        _iso(about.pre_queue_at),
        _iso(about.opens_at),
        _iso(about.closes_at),
        about.draw,
        about.work_bits,
        about.one_per_identity,
        about.absent_after_s,
        answer.seed,
    )


async def listed(call: Call) -> tuple[RoomLine, ...]:
    rooms: tuple[RoomLine, ...] = await call.look(Rooms(org=call.org))
    return rooms


async def numbers(call: Call, room: str) -> RoomNumbers:
    call.caller.needs("numbers.read")
    found: RoomNumbers = await call.look(NumbersOf(org=call.org, room=room))
    return found


def _actor(call: Call, room: str) -> str:
    if not is_identifier(room):
        raise Problem("bad_identifier", f"{room[:64]!r} is no name for a room")
    return room_actor(call.org, room)


async def _settings(call: Call, actor: str) -> RoomSettings:
    """What the room is set to, or would be."""
    try:
        shown: dict[str, Any] = (await call.hear(actor, ShowRoom())).reply
    except Problem as problem:
        if problem.code != "unknown_room":
            raise
        return RoomSettings()
    return msgspec.convert(shown["settings"], RoomSettings)


def _settings_of(wanted: RoomWanted, before: RoomSettings) -> RoomSettings:
    """Codes are hashed here: nothing behind this knows them."""
    said = msgspec.structs.asdict(wanted)
    del said["commitment"]
    for name in ("pre_queue_at", "opens_at", "closes_at"):
        said[name] = None if said[name] is None else moment_of(said[name], "UTC")
    known = {lane.id: lane.codes for lane in before.lanes}
    said["lanes"] = tuple(
        Lane(one.id, known.get(one.id, ()) if one.codes is None else tuple(map(hidden, one.codes)), one.title)
        for one in wanted.lanes
    )
    return RoomSettings(**said)


def _iso(instant: Instant | None) -> str | None:
    return None if instant is None else iso(instant)
