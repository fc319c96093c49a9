"""`tidegate room create|set`: what a room is set to. One table says every option of both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import typer

from actors.decider import Refusal
from events.room import Lane, RoomSettings
from events.waiting.draw import commitment_of
from events.waiting.sessions import hidden
from tidegate.cli.booking.common import done
from tidegate.cli.room.common import BadRoom, RoomArgument, span_from, span_shown, when_from
from tidegate.cli.shared import Invocation
from tidegate.refused import Refused

Command = TypeVar("Command", bound=Callable[..., Any])

_SPANS: Final = {
    "active": "active_s",
    "active_max": "active_max_s",
    "claim": "claim_s",
    "absent_after": "absent_after_s",
    "absence_max": "absence_max_s",
}
_TIMES: Final = ("pre_queue_at", "opens_at", "closes_at")
_PLAIN: Final = (
    "capacity", "per_minute", "burst", "queue_max", "shards", "ordinary_share", "draw", "missed", "straight_through",
    "one_per_identity", "work_bits", "near_ahead", "title", "announcement",
)  # fmt: skip


def _number(text: str) -> Any:
    return Annotated[int | None, typer.Option(metavar="N", help=text, show_default=False)]


def _span(name: str, text: str) -> Any:
    return Annotated[str | None, typer.Option(f"--{name}", metavar="SPAN", help=text, show_default=False)]


def _time(text: str) -> Any:
    return Annotated[str | None, typer.Option(metavar="WHEN", help=text, show_default=False)]


def _text(text: str) -> Any:
    return Annotated[str | None, typer.Option(metavar="TEXT", help=text, show_default=False)]


def _switch(names: str, text: str) -> Any:
    return Annotated[bool | None, typer.Option(names, help=text, show_default=False)]


OPTIONS: Final[dict[str, Any]] = {
    "capacity": _number("How many may be in at a time; 0 for as many as come."),
    "per_minute": _number("How many are let in within any minute; 0 for as many as come."),
    "burst": _number("How many of those are called within a second; 0 for a twentieth of a minute's."),
    "active": _span("active", "A pass is good for so long after its bearer was last active: 10m."),
    "active_max": _span("active-max", "And for no longer than this in all: 1h."),
    "claim": _span("claim", "How long a called ticket may be claimed: 60s."),
    "absent_after": _span("absent-after", "Who is not heard of for so long is passed over: 60s."),
    "absence_max": _span("absence-max", "And out of the line after this: 10m."),
    "queue_max": _number("How long the line may be."),
    "shards": _number("How many actors take arrivals; fixed once people may join."),
    "lane": Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANE:CODE[,CODE]", help="A lane that goes first, and what opens it. May be repeated.",
            show_default=False,
        ),
    ],
    "drop_lane": Annotated[
        list[str] | None,
        typer.Option(metavar="LANE", help="Take a lane away where nobody waits.", show_default=False),
    ],
    "ordinary_share": _number("Of a hundred calls, so many go to the ordinary lane while others wait: 20."),
    "pre_queue_at": _time("When people may begin to join: '2026-12-07 10:00', 'mon 10:00', +10m, none."),
    "opens_at": _time("When the first are called."),
    "closes_at": _time("When it is over."),
    "draw": _switch("--draw/--no-draw", "Shuffle those who joined before the opening, provably."),
    "secret": Annotated[
        str | None, typer.Option(help="What the draw is made with; a new one if none.", show_default=False)
    ],
    "missed": Annotated[
        Literal["again", "out"] | None,
        typer.Option(help="A call that nobody claims: once more, or over.", show_default=False),
    ],
    "straight_through": _switch(
        "--straight-through/--no-straight-through", "Call at once who comes while nobody waits and a seat is free."
    ),
    "one_per_identity": _switch("--one-per-identity/--no-one-per-identity", "One place for each --identity."),
    "work_bits": _number("Proof of work that a join costs: 2^N hashes; 0 for none."),
    "near_ahead": _number("Whoever left an address is told by mail when they are among so many who are next: 50."),
    "title": _text("What people call it."),
    "announcement": _text("What is told to everybody."),
}  # fmt: skip


def _settable(command: Command) -> Command:
    """Give the command every option of the table; it finds those that were given among its `given`."""
    signature = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in OPTIONS.items()
    ]
    tz = typer.Option("--tz", metavar="ZONE", help="By whose clocks times are typed.")
    options.append(
        inspect.Parameter("tz", inspect.Parameter.KEYWORD_ONLY, default="UTC", annotation=Annotated[str, tz])
    )
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]  # typer reads it
    return command


@_settable
async def create(call: Invocation, room: RoomArgument, **given: Any) -> None:
    """Make a waiting room. It lets nobody join before `room start` or `room open`, or the times that are set.

    For example: tidegate room create launch --capacity 100 --per-minute 600 --lane vip:GOLD-2026 --opens-at 'mon 10:00'

    With a draw: tidegate room create sale --capacity 50 --draw --pre-queue-at +5m

    A draw's secret is made, its hash is written into the log, and the secret is kept in the data directory and printed
    this once. Codes are hashed before they leave this program.
    """
    await _put(call, room, given, new=True)


@_settable
async def set_(call: Invocation, room: RoomArgument, **given: Any) -> None:
    """Change what is given, at any time, and leave the rest as it is.

    For example: tidegate room set launch --capacity 200 --announcement 'The second half is open'

    A lane is added, or gets other codes, by --lane; `none` takes a time away.
    """
    await _put(call, room, given, new=False)


async def _put(call: Invocation, room: str, given: dict[str, Any], *, new: bool) -> None:
    from actors.waiting.commands import PutRoom, ShowRoom
    from events.names import identifier
    from events.waiting.sessions import room_actor
    from tidegate import draws
    from tidegate.asking import opened
    from tidegate.telling import changed

    identifier(room)
    data_dir, org = call.settings.data_dir, call.settings.org
    async with opened(call.settings) as asking:
        actor = room_actor(org, room)
        shown = await _shown(asking.ask(actor, ShowRoom()))
        if new and shown is not None:
            raise Refused(Refusal("room_exists", f"there is a room {room!r} already"))
        if not new and shown is None:
            raise Refused(Refusal("unknown_room", f"there is no room {room!r}"))
        before = RoomSettings() if shown is None else msgspec.convert(shown["settings"], RoomSettings)
        settings = settings_from(before, given, asking.clock())
        secret = given["secret"]
        if secret is not None and not settings.draw:
            raise BadRoom("--secret is for a draw: say --draw as well")
        is_made = settings.draw and secret is None and not (shown and shown["commitment"])
        if is_made:
            secret = draws.made(data_dir, org, room)  # kept before anything is bound to it
        commitment = "" if secret is None else commitment_of(secret)
        answer = await asking.ask(actor, PutRoom(settings, commitment))
        if secret is not None and not is_made:
            draws.keep(data_dir, org, room, secret)
    data = {"room": room, "sequence": answer.sequence, "settings": msgspec.to_builtins(settings)}
    rows = {"settings": bounds_shown(settings)} if new else {"changed": changed(before, settings)}
    if secret is not None:
        data |= {"commitment": commitment}
        rows |= {"draw": f"its hash is in the log: {commitment}"}
    if is_made:
        path = str(draws.path_of(data_dir, org, room))
        data |= {"secret": secret, "secret_file": path}
        rows |= {
            "secret": secret,
            "kept in": f"{path}; show it to nobody before `tidegate room draw {room}`, which tells it to everybody",
        }
    if new and settings.pre_queue_at is None and settings.opens_at is None:
        rows["next"] = f"tidegate room {'start' if settings.draw else 'open'} {room}"
    done(call, data, f"room {room}" if answer.sequence else f"room {room}, as it was", **rows)


async def _shown(asked: Any) -> dict[str, Any] | None:
    """The room as it decides; None when there is none."""
    try:
        reply: dict[str, Any] = (await asked).reply
    except Refused as refused:
        if refused.code != "unknown_room":
            raise
        return None
    return reply


def settings_from(before: RoomSettings, given: dict[str, Any], now: int) -> RoomSettings:
    """The settings with what was given in its place."""
    changes: dict[str, Any] = {name: given[name] for name in _PLAIN if given[name] is not None}
    for name, setting in _SPANS.items():
        if given[name] is not None:
            changes[setting] = span_from(f"--{name.replace('_', '-')}", given[name])
    for name in _TIMES:
        if given[name] is not None:
            changes[name] = when_from(f"--{name.replace('_', '-')}", given[name], now, given["tz"])
    if given["lane"] or given["drop_lane"]:
        changes["lanes"] = lanes_from(before.lanes, given["lane"] or (), given["drop_lane"] or ())
    return msgspec.structs.replace(before, **changes)


def lanes_from(before: Iterable[Lane], texts: Iterable[str], dropped: Iterable[str]) -> tuple[Lane, ...]:
    """The lanes with those that were typed: a known one gets other codes, a new one comes last."""
    lanes = {lane.id: lane for lane in before}
    for text in texts:
        id, _, codes = text.partition(":")
        hashed = tuple(hidden(code) for code in codes.split(",") if code)
        if not id or not hashed:
            raise BadRoom("--lane: expected LANE:CODE, or LANE:CODE,CODE")  # codes are not shown again
        title = lanes[id].title if id in lanes else ""
        lanes[id] = Lane(id, hashed, title)
    for id in dropped:
        if id not in lanes:
            raise BadRoom(f"--drop-lane {id}: there is no such lane")
        del lanes[id]
    return tuple(lanes.values())


def bounds_shown(settings: RoomSettings) -> str:
    """The bounds that admission goes by, in a line."""
    said = [f"{settings.capacity:,} in at a time" if settings.capacity else "as many in as come"]
    if settings.per_minute:
        said.append(f"{settings.per_minute:,} a minute")
    said.append(f"passes of {span_shown(settings.active_s)}")
    said += [f"lanes {', '.join(lane.id for lane in settings.lanes)}"] if settings.lanes else []
    said += ["a draw before it opens"] if settings.draw else []
    return ", ".join(said)
