"""`tidegate booking hold|book`: slots for a moment, slots for good."""

from __future__ import annotations

import asyncio
import shlex
from typing import Annotated, Final

import typer

from events.calendar.moments import local_iso
from events.errors import UnknownOutcome
from tidegate.cli.booking.common import (
    AnswerOption,
    BookingUnknown,
    DurationOption,
    EmailOption,
    EventTypeArgument,
    NameOption,
    PassOption,
    PhoneOption,
    ResourceArgument,
    SessionOption,
    Shown,
    StartOption,
    TzOption,
    UnitsOption,
    Wanted,
    WithOption,
    done,
    items_shown,
    lapses,
    new_token,
    pairs,
    wanted,
    wish_data,
)
from tidegate.cli.shared import Invocation, cancelled_by_interrupt
from tidegate.local_time import second
from tidegate.refused import Refused

_BEATS_PER_PERIOD: Final = 3


async def hold(
    call: Invocation,
    event_type: EventTypeArgument,
    resource: ResourceArgument,
    start: StartOption,
    duration: DurationOption = None,
    units: UnitsOption = 1,
    along: WithOption = None,
    session: SessionOption = None,
    for_: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", help="Let go of it after so long; else on Ctrl-C.", min=0),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Place it and end; it stands for its first life.")] = False,
    pass_: PassOption = None,
    tz: TzOption = None,
) -> None:
    """Keep slots from everybody else, as long as this runs; heartbeats keep the hold alive, and write nothing.

    For example: tidegate booking hold session studio-north --start 'tomorrow 10:00' --with mics:2

    The line that it prints turns it into a booking, in another terminal.
    """
    from actors.booking.asking import for_hold, id_for
    from actors.booking.commands import KeepHold, PlaceHold, ReleaseHold
    from tidegate.asking import opened

    session = session or new_token("s")
    async with opened(call.settings) as asking:
        want = wanted(
            await asking.catalog(resource, event_type=event_type), asking.clock(), event_type, resource, start,
            duration=duration, units=units, along=along or (), tz=tz, shown=Shown.if_any(call, pass_),
        )  # fmt: skip
        id = id_for(want.event_type, want.wish, new_token("h"))
        parts = for_hold(asking.org, want.event_type, want.wish, PlaceHold(id, session, want.wish, asking.catalog_at))
        placed = (await asking.together(parts)).reply
        work = None if once else cancelled_by_interrupt()  # who reads that it is held may let go at once
        until, latest = placed["expires_at"], placed["expires_at_latest"]
        data = {"hold": id, "session": session, "expires_at": local_iso(until, want.tz)}
        done(
            call,
            {"event": "held", **data, **wish_data(want.wish, want.tz)},
            f"held: {items_shown(want.wish.items)}, {want.when}",
            hold=id,
            session=session,
            until=f"{second(until, want.tz)} without heartbeats, {second(latest, want.tz)} with them ({want.tz})",
            book=_book_line(want, id, session, pass_),
        )
        if work is None:
            return
        pause_s = max(until - asking.clock(), 1_000) / 1000 / _BEATS_PER_PERIOD
        try:
            async with asyncio.timeout(for_):
                while True:
                    await asyncio.sleep(pause_s)
                    await asyncio.gather(*(asking.ask(actor, KeepHold(id, session)) for actor, _ in parts))
        except Refused as gone:
            if gone.code != "hold_gone":
                raise
            told = "not held any more: it was booked, or its longest life is over"
            done(call, {"event": "gone", "hold": id}, told)
            return
        except (TimeoutError, asyncio.CancelledError):
            work.uncancel()
        released = for_hold(asking.org, want.event_type, want.wish, ReleaseHold(id, session))
        await asking.together(released)
        done(call, {"event": "released", "hold": id}, "released")


async def book(
    call: Invocation,
    event_type: EventTypeArgument,
    resource: ResourceArgument,
    start: StartOption,
    duration: DurationOption = None,
    units: UnitsOption = 1,
    along: WithOption = None,
    name: NameOption = "",
    email: EmailOption = "",
    phone: PhoneOption = "",
    answer: AnswerOption = None,
    hold: Annotated[str, typer.Option("--hold", help="A hold that turns into it; with its --session.")] = "",
    session: SessionOption = None,
    pass_: PassOption = None,
    tz: TzOption = None,
) -> None:
    """Book, and print the booking's id and the token that its booker manages it with.

    For example: tidegate booking book session studio-north --start 'tomorrow 10:00' --duration 120 --with mics:2 --name
    'Ann Lee' --email ann@example.org

    The token is shown this once: only its hash is kept.
    """
    from secrets import token_urlsafe

    from actors.booking.asking import for_book, id_for
    from actors.booking.changing import hashed
    from actors.booking.commands import Book
    from actors.decider import Refusal
    from events.day import Booker
    from tidegate.asking import opened

    token = token_urlsafe(16)
    async with opened(call.settings) as asking:
        want = wanted(
            await asking.catalog(resource, event_type=event_type), asking.clock(), event_type, resource, start,
            duration=duration, units=units, along=along or (), tz=tz, shown=Shown.if_any(call, pass_),
        )  # fmt: skip
        id = id_for(want.event_type, want.wish, new_token("b"))
        command = Book(
            id,
            want.wish,
            session or "",
            hold,
            Booker(name, email, phone),
            pairs("--answer", answer or ()),
            hashed(token),
            asking.catalog_at,
        )
        parts = for_book(asking.org, want.event_type, command)
        if isinstance(parts, Refusal):
            raise Refused(parts)
        try:
            answered = await asking.together(parts)
        except UnknownOutcome as error:
            raise BookingUnknown(f"nothing is known of the booking {id}, token {token}: {error}") from error
    status, until = answered.reply["status"], answered.reply["until"]
    data = {"booking": id, "token": token, "status": status, "until": until and local_iso(until, want.tz)}
    rows = {"booking": id, "token": token, "when": f"{want.when} ({want.tz})"} | lapses(status, until, want.tz)
    done(call, data | wish_data(want.wish, want.tz), f"{status}: {items_shown(want.wish.items)}", **rows)


def _book_line(want: Wanted, hold: str, session: str, token: str | None) -> str:
    """What turns the hold into a booking."""
    leading, *along = want.wish.items
    words = ["tidegate", "booking", "book", want.event_type.slug, leading.resource, "--start"]
    words += [local_iso(want.wish.start, want.tz), "--duration", str(want.wish.minutes)]
    words += ["--units", str(leading.units)] if leading.units > 1 else []
    for item in along:
        words += ["--with", f"{item.resource}:{item.units}"]
    words += ["--pass", token] if token else []
    return shlex.join([*words, "--hold", hold, "--session", session])
