"""`tidegate room list|show|ticket`: looking before asking."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.text import Text

from tidegate.cli.booking.common import done, plain_table
from tidegate.cli.room.common import (
    RoomArgument,
    TicketArgument,
    TzOption,
    estimate_shown,
    show_ticket,
    span_shown,
)
from tidegate.cli.room.setting import bounds_shown
from tidegate.cli.shared import Invocation

COLOURS = {"open": "green", "draining": "green", "pre_queue": "yellow", "paused": "yellow"}


async def list_(call: Invocation) -> None:
    """List the waiting rooms.

    For example: tidegate room list
    """
    from projections.questions import RoomLine, Rooms
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        found: tuple[RoomLine, ...] = await asking.look(Rooms(org=asking.org))
    if call.json:
        call.answer([{"room": one.id, **_without_id(one)} for one in found])
        return
    table = plain_table("room", "title", "phase", "waiting", "in")
    for one in found:
        table.add_row(one.id, one.title, phase_shown(one.phase), f"{one.waiting:,}", f"{one.active:,}")
    call.out.print(table if found else "there are no rooms: `tidegate room create` makes one", soft_wrap=not found)


async def show(call: Invocation, room: RoomArgument, tz: TzOption = "UTC") -> None:
    """Show a room: its settings, its phase, who waits and who is in, and what a newcomer has to expect.

    For example: tidegate room show launch
    """
    from events.calendar.zones import zone
    from projections.numbers import RoomNumbers
    from projections.questions import NumbersOf, RoomAnswer, RoomOf
    from tidegate.asking import opened
    from tidegate.visiting import at_door

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        settings = (await at_door(asking, room)).settings
        numbers: RoomNumbers = await asking.look(NumbersOf(org=asking.org, room=room))
        seen: RoomAnswer = await asking.look(RoomOf(org=asking.org, room=room), 0)
    told = msgspec.to_builtins(settings)
    for lane in told["lanes"]:
        lane["codes"] = len(lane["codes"])  # hashes of short codes can be guessed
    data = {
        "room": room,
        "phase": numbers.phase,
        "settings": told,
        "numbers": msgspec.to_builtins(numbers),
        "newcomer": msgspec.to_builtins(seen.newcomer),
        "drawn": bool(seen.seed),
        "seed": seen.seed,
    }
    everybody = numbers.all
    waits = numbers.waits
    rows = {"room": room}
    rows |= {name: text for name, text in (("title", settings.title), ("says", settings.announcement)) if text}
    rows |= {"bounds": bounds_shown(settings), **times_shown(settings, clocks)}
    rows["line"] = f"{everybody.waiting:,} wait, {everybody.absent:,} absent, of {everybody.joined:,} who joined"
    if everybody.drawing:
        rows["line"] = f"{everybody.drawing:,} wait for the draw"
    for lane in seen.lanes:
        if lane.id:
            rows[f"lane {lane.id}"] = f"{lane.waiting:,} wait"
    rows["in"] = f"{everybody.active:,} in, {everybody.called:,} called, {numbers.claims_last_minute:,} in this minute"
    if waits.count:
        half, most = span_shown(waits.p50_s), span_shown(waits.p90_s)
        rows["waits"] = f"half of the last {waits.count:,} waited {half} or less, nine in ten {most}"
    rows["newcomer"] = estimate_shown(seen.newcomer)
    done(call, data, numbers.phase.replace("_", "-"), **rows)


async def ticket(call: Invocation, ticket: TicketArgument, tz: TzOption = "UTC") -> None:
    """Show how a ticket stands, as everybody may know who has its name.

    For example: tidegate room ticket launch.0.17
    """
    from events.calendar.zones import zone
    from tidegate.asking import opened
    from tidegate.visiting import how_it_stands

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        seen = await how_it_stands(asking, ticket)
    show_ticket(call, seen, clocks)


def _without_id(record: Any) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(record)
    data.pop("id")
    return data


def phase_shown(phase: str) -> Text:
    return Text(phase.replace("_", "-"), COLOURS.get(phase, "dim"))


def times_shown(settings: Any, tz: str) -> dict[str, str]:
    """When it begins, opens and closes, as far as that is set."""
    from tidegate.local_time import shown

    named = {"pre-queue": settings.pre_queue_at, "opens": settings.opens_at, "closes": settings.closes_at}
    return {name: f"{shown(at, tz)} ({tz})" for name, at in named.items() if at is not None}
