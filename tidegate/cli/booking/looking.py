"""`tidegate booking list|slots|month|show`: looking before asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.markup import escape
from rich.text import Text

from events.calendar.quantum import Span
from tidegate.cli.booking.common import (
    BookingArgument,
    DurationOption,
    EventTypeArgument,
    ResourceArgument,
    TzOption,
    bookable,
    done,
    items_shown,
    minutes_of,
    plain_table,
    wish_data,
    wish_when,
    zone_of,
)
from tidegate.cli.shared import Invocation

RevealOption = Annotated[bool, typer.Option("--reveal", help="Show what is personal, too.")]
COLOURS = {"free": "green", "held": "yellow", "full": "red"}
BOOKING_COLOURS = {"confirmed": "green", "provisional": "yellow", "pending": "yellow"}
DAYS_MAX = 400


async def list_(
    call: Invocation,
    what: Annotated[
        Literal["resources", "event-types", "schedules", "bookings"], typer.Argument(help="What to list.")
    ] = "resources",
    resource: Annotated[str, typer.Option("--resource", help="Of bookings: whose.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="Of bookings: the first date.")] = "today",
    days: Annotated[int, typer.Option(help="Of bookings: how many dates.", min=1, max=DAYS_MAX)] = 31,
    tz: TzOption = None,
    reveal: RevealOption = False,
) -> None:
    """List what there is: resources, event types, schedules, or the bookings of a resource.

    For example: tidegate booking list bookings --resource studio-north --days 14
    """
    from tidegate.asking import opened

    if what == "bookings" and not resource:
        raise typer.BadParameter("bookings of which resource? --resource studio-north")
    async with opened(call.settings) as asking:
        catalog = await asking.catalog(*filter(None, [resource]))
        if what != "bookings":
            _list_catalog(call, catalog, what)
            return
        clocks = zone_of(catalog, resource, tz)
        found = await asking.bookings(resource, local_dates(since, days, asking.clock(), clocks))
    if call.json:
        call.answer([_booking_data(one, clocks, reveal=reveal) for one in found])
        return
    table = plain_table("when", "what", "items", "status", "id")
    for one in found:
        style = BOOKING_COLOURS.get(one.status, "dim")
        row = (wish_when(one.wish, clocks), one.wish.event_type, items_shown(one.wish.items))
        table.add_row(*row, Text(one.status, style), one.id)
    call.out.print(table if found else f"nothing is booked of {resource}", soft_wrap=not found)


async def slots(
    call: Invocation,
    event_type: EventTypeArgument,
    resource: ResourceArgument,
    date: Annotated[str, typer.Option(help="2026-12-07, today, tomorrow, +3, mon.")] = "today",
    duration: DurationOption = None,
    tz: TzOption = None,
) -> None:
    """Show the starts of a day, and how each of them stands.

    For example: tidegate booking slots session studio-north --date tomorrow --duration 120

    What is held may be free again in seconds; what is full is booked, or out of use.
    """
    from events.calendar.moments import local_iso
    from events.calendar.zones import zone
    from projections.questions import DaySlots, Slot
    from tidegate.asking import opened
    from tidegate.local_time import clock, date_from

    async with opened(call.settings) as asking:
        way, found = bookable(await asking.catalog(resource, event_type=event_type), event_type, resource)
        clocks, minutes = zone(tz or found.time_zone), minutes_of(way, duration)
        day = date_from(date, asking.clock(), clocks)
        seen: tuple[Slot, ...] = await asking.look(
            DaySlots(org=asking.org, event_type=event_type, resource=resource, date=day, minutes=minutes, tz=clocks)
        )
    if call.json:
        call.answer(
            [
                {
                    "start": local_iso(one.start, clocks),
                    "end": local_iso(one.end, clocks),
                    "state": one.state,
                    "units_left": one.units,
                }
                for one in seen
            ]
        )
        return
    if not seen:
        call.out.print(f"nothing is offered on {day} in {clocks}", markup=False, soft_wrap=True)
        return
    table = plain_table("start", "end", "state", "units left")
    call.out.print(f"[dim]{escape(resource)} on {day}, {clocks}, {minutes} minutes[/]", soft_wrap=True)
    for one in seen:
        table.add_row(
            clock(one.start, clocks), clock(one.end, clocks), Text(one.state, COLOURS[one.state]), str(one.units)
        )
    call.out.print(table)


async def month(
    call: Invocation,
    event_type: EventTypeArgument,
    resource: ResourceArgument,
    month: Annotated[str, typer.Option(metavar="MONTH", help="2026-12; this one if none.")] = "",
    duration: DurationOption = None,
    tz: TzOption = None,
) -> None:
    """Show on which days of a month anything is free.

    For example: tidegate booking month session studio-north --month 2026-12
    """
    from events.calendar.zones import local_date, zone
    from projections.questions import Month
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        way, found = bookable(await asking.catalog(resource, event_type=event_type), event_type, resource)
        clocks, minutes = zone(tz or found.time_zone), minutes_of(way, duration)
        asked = month or local_date(asking.clock(), clocks)[:7]
        free: dict[str, bool] = await asking.look(
            Month(org=asking.org, event_type=event_type, resource=resource, month=asked, minutes=minutes, tz=clocks)
        )
    if call.json:
        call.answer(free)
        return
    call.out.print(_sheet(free))
    call.out.print(f"[dim]● has a free start for {minutes} minutes; {clocks}[/]")


async def show(call: Invocation, booking: BookingArgument, tz: TzOption = None, reveal: RevealOption = False) -> None:
    """Show a booking.

    For example: tidegate booking show studio-north.2026-12-07.b-1f3a5c --reveal
    """
    from tidegate.asking import opened

    async with opened(call.settings) as asking:
        found = await asking.booking(booking)
        catalog = await asking.catalog(found.wish.items[0].resource)
    clocks = zone_of(catalog, found.wish.items[0].resource, tz)
    data = _booking_data(found, clocks, reveal=reveal)
    rows = {
        "booking": found.id,
        "what": f"{found.wish.event_type}: {items_shown(found.wish.items)}",
        "when": f"{wish_when(found.wish, clocks)} ({clocks})",
        "booker": ", ".join(filter(None, data["booker"].values())) or "–",
        "moved": f"{found.version} times" if found.version else "never",
    }
    if found.until is not None:
        rows["lapses"] = data["until"]
    rows |= {f"answer {id}": text for id, text in data["answers"].items()}
    done(call, data, found.status, **rows)


def _list_catalog(call: Invocation, catalog: Any, what: str) -> None:
    from tidegate.hours import spelled

    if call.json:
        rows = {
            "resources": catalog.active,
            "event-types": catalog.event_types,
            "schedules": catalog.schedules,
        }[what]
        call.answer([msgspec.to_builtins(rows[id]) for id in sorted(rows)])
        return
    if what == "schedules":
        table = plain_table("schedule", "time zone", "open", "holidays")
        for id, one in sorted(catalog.schedules.items()):
            table.add_row(id, one.time_zone, spelled(one.weekly), one.region or "–")
    elif what == "event-types":
        table = plain_table("event type", "title", "minutes", "books", "rules")
        for slug, one in sorted(catalog.event_types.items()):
            rules = [f"{one.buffer_before}+{one.buffer_after} min buffers"] * bool(
                one.buffer_before or one.buffer_after
            )
            rules += ["approval"] * one.approval + ["limits"] * (one.per_resource.limits or one.per_booker.limits)
            lengths = ", ".join(map(str, one.durations))
            table.add_row(slug, one.title, lengths, ", ".join(catalog.links.get(slug, ())), ", ".join(rules))
    else:
        table = plain_table("resource", "name", "units", "time zone", "schedule", "booked by")
        for id, one in sorted(catalog.active.items()):
            ways = [slug for slug in sorted(catalog.links) if catalog.linked(slug, id)]
            units = str(one.capacity) + ("" if one.standalone else ", add-on")
            table.add_row(id, one.name, units, one.time_zone, one.schedule or "always", ", ".join(ways))
    call.out.print(table)


def _booking_data(booking: Any, tz: str, *, reveal: bool) -> dict[str, Any]:
    from events.calendar.moments import local_iso
    from events.facts import redacted

    plain = msgspec.to_builtins(booking) if reveal else redacted(booking)
    kept = {
        name: plain[name]
        for name in ("id", "status", "version", "session", "booker", "answers", "reason")
        if name in plain
    }
    until = None if booking.until is None else local_iso(booking.until, tz)
    return kept | wish_data(booking.wish, tz) | {"created_at": local_iso(booking.created_at, tz), "until": until}


def local_dates(since: str, days: int, now: int, tz: str) -> Span:
    """So many days by the clocks of a zone."""
    from events.calendar.quantum import date_of_day, day_number
    from events.calendar.zones import local_day_span
    from tidegate.local_time import date_from

    first = day_number(date_from(since, now, tz))
    last = local_day_span(date_of_day(first + days - 1), tz)
    return Span(local_day_span(date_of_day(first), tz).start, last.end)


def _sheet(free: Mapping[str, bool]) -> Any:
    """Weeks from Monday, the free dates marked."""
    from events.calendar.quantum import day_number
    from events.catalog import WEEKDAYS

    table = plain_table(*(day.title() for day in WEEKDAYS))
    cells: list[Text] = []
    for date, has_room in free.items():
        if not cells:
            cells = [Text()] * ((day_number(date) + 3) % 7)
        cells.append(Text(f"{int(date[-2:]):>2} {'●' if has_room else '·'}", "green" if has_room else "dim"))
    for start in range(0, len(cells), 7):
        table.add_row(*cells[start : start + 7])
    return table
