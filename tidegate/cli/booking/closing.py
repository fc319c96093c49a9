"""`tidegate booking block|unblock|standby`: taking time out of use, and waiting for time that is full."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from events.calendar.moments import local_iso
from events.calendar.quantum import SPAN_DAYS_MAX, Span, date_of_day, day_number, floor, shares
from events.calendar.zones import local_day_span
from events.clock import Instant
from tidegate.cli.booking.common import (
    BadWish,
    DurationOption,
    EmailOption,
    NameOption,
    PassOption,
    ReasonOption,
    ResourceArgument,
    Shown,
    TzOption,
    UnitsOption,
    done,
    items_shown,
    new_token,
    wanted,
    wish_data,
    zone_of,
)
from tidegate.cli.shared import Invocation
from tidegate.local_time import date_from, instant_from, range_shown

_BLOCK: Final = re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})_(?P<days>\d{1,2})_[a-z0-9-]+", re.ASCII)


async def block(
    call: Invocation,
    resource: ResourceArgument,
    date: Annotated[str, typer.Option(help="A whole local day: 2026-12-07, tomorrow, mon.")] = "",
    start: Annotated[str, typer.Option("--start", metavar="WHEN", help="Or from here, in local time")] = "",
    end: Annotated[str, typer.Option("--end", metavar="WHEN", help="… to here.")] = "",
    reason: ReasonOption = "",
    tz: TzOption = None,
) -> None:
    """Take a resource out of use for a while. What is booked then stays booked, and is named.

    For example: tidegate booking block studio-north --date 2026-12-24

    For example: tidegate booking block studio-north --start 'mon 12:00' --end 'mon 15:00' --reason 'piano tuner'
    """
    from actors.booking.commands import BlockSlots
    from events.day import day_actor
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        clocks = zone_of(await asking.catalog(resource), resource, tz)
        span = _span(date, start, end, asking.clock(), clocks)
        parts = shares(span)
        if not 0 < len(parts) <= SPAN_DAYS_MAX:
            raise BadWish(f"a block ends after it begins, and touches at most {SPAN_DAYS_MAX} days")
        id = f"{parts[0].date}_{len(parts)}_{new_token('x')}"
        answers = await asking.all_together(
            [
                (day_actor(asking.org, resource, part.date), BlockSlots(id, part.first, part.end, reason))
                for part in parts
            ]
        )
    booked = sorted({one for reply in answers for one in reply["booked"]})
    data = {"block": id, "start": local_iso(span.start, clocks), "end": local_iso(span.end, clocks), "booked": booked}
    rows = {"block": id, "when": f"{range_shown(span.start, span.end, clocks)} ({clocks})"}
    if booked:
        rows["booked"] = ", ".join(booked)
    done(call, data, f"out of use: {resource}", **rows)


async def unblock(
    call: Invocation,
    resource: ResourceArgument,
    block: Annotated[str, typer.Argument(metavar="BLOCK", help="Its id, as `block` printed it.")],
) -> None:
    """Take a block away.

    For example: tidegate booking unblock studio-north 2026-12-24_1_x-1f3a5c
    """
    from actors.booking.commands import UnblockSlots
    from events.day import day_actor
    from tidegate.asking import opened

    found = _BLOCK.fullmatch(block)
    if found is None or not 0 < int(found["days"]) <= SPAN_DAYS_MAX:
        raise BadWish(f"{block!r} is not the id of a block: <date>_<days>_<token>")
    first = day_number(found["date"])
    dates = [date_of_day(first + step) for step in range(int(found["days"]))]
    async with opened(call.settings) as asking:
        await asking.all_together([(day_actor(asking.org, resource, date), UnblockSlots(block)) for date in dates])
    done(call, {"block": block}, f"in use again: {resource}", block=block)


async def standby(
    call: Invocation,
    words: Annotated[
        list[str], typer.Argument(metavar="EVENT_TYPE RESOURCE", help="Or, with --leave, the id that was printed.")
    ],
    start: Annotated[str, typer.Option("--start", metavar="WHEN", help="As for `book`.")] = "",
    duration: DurationOption = None,
    units: UnitsOption = 1,
    name: NameOption = "",
    email: EmailOption = "",
    session: Annotated[str | None, typer.Option("--session", help="Who waits; a new one if none.")] = None,
    leave: Annotated[bool, typer.Option("--leave", help="Wait no longer; wants the --session.")] = False,
    pass_: PassOption = None,
    tz: TzOption = None,
) -> None:
    """Stand in line for slots that are full. The first in line that fits is offered them: a hold of its own.

    For example: tidegate booking standby session studio-north --start 'tomorrow 10:00' --email ann@example.org

    An offer is taken with `book … --hold ID --session SESSION`, both as printed here.
    """
    if leave:
        await _leave(call, words, session)
        return
    if len(words) != 2 or not start:
        raise BadWish("to wait for what, and when? standby EVENT_TYPE RESOURCE --start WHEN")
    from actors.booking.asking import id_for
    from actors.booking.commands import JoinStandby
    from events.day import Booker, owner_of
    from tidegate.asking import opened

    session = session or new_token("s")
    async with opened(call.settings) as asking:
        want = wanted(
            await asking.catalog(words[1], event_type=words[0]), asking.clock(), words[0], words[1], start,
            duration=duration, units=units, along=(), tz=tz, shown=Shown.if_any(call, pass_),
        )  # fmt: skip
        id = id_for(want.event_type, want.wish, new_token("w"))
        command = JoinStandby(id, session, want.wish, Booker(name, email), asking.catalog_at)
        ahead = (await asking.ask(owner_of(asking.org, id), command)).reply["ahead"]
    data = {"standby": id, "session": session, "ahead": ahead, **wish_data(want.wish, want.tz)}
    headline = f"in line for {items_shown(want.wish.items)}, {ahead} ahead"
    done(call, data, headline, standby=id, session=session, when=f"{want.when} ({want.tz})")


async def _leave(call: Invocation, words: list[str], session: str | None) -> None:
    from actors.booking.commands import LeaveStandby
    from events.day import owner_of
    from events.names import is_actor
    from tidegate.asking import opened

    if len(words) != 1 or not session:
        raise BadWish("who waits no longer? standby ID --leave --session SESSION")
    async with opened(call.settings) as asking:
        owner = owner_of(asking.org, words[0])
        if not is_actor(owner):
            raise BadWish(f"{words[0]!r} is not the id of somebody in line")
        await asking.ask(owner, LeaveStandby(words[0], session))
    done(call, {"standby": words[0]}, "not in line any more", standby=words[0])


def _span(date: str, start: str, end: str, now: Instant, tz: str) -> Span:
    """Whole slots, a day or from here to there."""
    if date and not (start or end):
        day = local_day_span(date_from(date, now, tz), tz)
        return Span.outward(day.start, day.end)
    if start and end and not date:
        return Span.outward(floor(instant_from(start, now, tz)), instant_from(end, now, tz))
    raise BadWish("out of use when? --date DATE, or --start WHEN --end WHEN")
