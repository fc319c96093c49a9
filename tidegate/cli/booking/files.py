"""`tidegate booking ics|feed`: bookings as calendar files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from events.errors import TidegateError
from tidegate.cli.booking.common import BookingArgument, ResourceArgument, zone_of
from tidegate.cli.booking.looking import DAYS_MAX, local_dates
from tidegate.cli.shared import Invocation

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not to the terminal.")]
PersonalOption = Annotated[
    bool, typer.Option("--reveal", help="With the booker's name, address and answers; without if not.")
]


class NotWritten(TidegateError):
    code = "not_written"
    next_step = "name another file with --out, or none"


async def ics(
    call: Invocation, booking: BookingArgument, out: OutOption = None, reveal: PersonalOption = False
) -> None:
    """Print a booking as a calendar file.

    For example: tidegate booking ics studio-north.2026-12-07.b-1f3a5c --out session.ics

    Made anew after a change it is the same event, moved or struck out.
    """
    from gateway.calendars import calendar_of
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        found = await asking.booking(booking)
        wish = found.wish
        catalog = await asking.catalog(*(item.resource for item in wish.items), event_type=wish.event_type)
        _give(call, calendar_of(asking.org, [found], catalog, asking.clock(), reveal=reveal), out, 1)


async def feed(
    call: Invocation,
    resource: ResourceArgument,
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first date.")] = "today",
    days: Annotated[int, typer.Option(help="How many dates.", min=1, max=DAYS_MAX)] = 92,
    out: OutOption = None,
    reveal: PersonalOption = False,
) -> None:
    """Print what a resource does as a calendar file, cancelled bookings included, so that calendars strike them out.

    For example: tidegate booking feed studio-north --from 2026-12-01 --days 31 --out december.ics
    """
    from gateway.calendars import calendar_of
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        catalog, now = await asking.catalog(), asking.clock()
        found = await asking.bookings(resource, local_dates(since, days, now, zone_of(catalog, resource, None)))
        known = catalog.active.get(resource) or catalog.retired.get(resource)
        name = known.name if known is not None else resource
        _give(call, calendar_of(asking.org, found, catalog, now, name=name, reveal=reveal), out, len(found))


def _give(call: Invocation, written: bytes, out: Path | None, events: int) -> None:
    about: dict[str, Any] = {"events": events}
    if out is not None:
        try:
            out.write_bytes(written)
        except OSError as error:
            raise NotWritten(f"{out}: {error.strerror or error}") from error
        about["file"] = str(out)
    elif call.json:
        about["calendar"] = written.decode()
    if call.json:
        call.answer(about)
    elif out is None:
        typer.echo(written, nl=False)
    else:
        call.out.print(f"{events} events in {out}", markup=False, soft_wrap=True)
