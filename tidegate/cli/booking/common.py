"""What the booking commands share: how a wish is typed, and how an answer is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import Annotated, Any, Final, Self, TypeAlias

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from actors.booking import asking
from events.calendar.moments import local_iso
from events.calendar.quantum import MINUTE_MS
from events.calendar.zones import zone
from events.catalog import Catalog, EventType, Resource
from events.clock import Instant
from events.day import Item, Status, Wish
from events.errors import TidegateError, UnknownOutcome
from tidegate.cli.shared import Invocation
from tidegate.local_time import instant_from, range_shown
from tidegate.refused import agreed

EventTypeArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="EVENT_TYPE", help="Its slug, as `list` shows it.")
]
ResourceArgument: TypeAlias = Annotated[str, typer.Argument(metavar="RESOURCE", help="Its id, as `list` shows it.")]
BookingArgument: TypeAlias = Annotated[str, typer.Argument(metavar="BOOKING", help="Its id, as `book` printed it.")]
TzOption: TypeAlias = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Whose clocks: Europe/Berlin; the resource's own if none.")
]
DurationOption: TypeAlias = Annotated[
    int | None, typer.Option("--duration", metavar="MINUTES", help="How long; the event type's first if none.", min=1)
]
StartOption: TypeAlias = Annotated[
    str, typer.Option("--start", metavar="WHEN", help="'2026-12-07 10:00', 'tomorrow 10:00', 'mon 10:00'; local time.")
]
UnitsOption: TypeAlias = Annotated[int, typer.Option("--units", help="How many of the resource's units.")]
WithOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="RESOURCE[:UNITS]", help="Along with it, for example mics:2. May be repeated."),
]
TokenOption: TypeAlias = Annotated[
    str | None, typer.Option("--token", help="The booking's management token: as its booker. As the operator if none.")
]
ReasonOption: TypeAlias = Annotated[str, typer.Option("--reason", help="In words; shown to whoever may see it.")]
NameOption: TypeAlias = Annotated[str, typer.Option("--name", help="Whom it is for.")]
EmailOption: TypeAlias = Annotated[str, typer.Option("--email", help="Their address.")]
AnswerOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("--answer", metavar="QUESTION=ANSWER", help="May be repeated.")
]
SessionOption: TypeAlias = Annotated[
    str | None, typer.Option("--session", help="Who holds it; a new one if none. Its own holds never stand in its way.")
]
PassOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--pass", metavar="PASS", help="Of the waiting room that the event type is behind, as it gave it."),
]
PhoneOption: TypeAlias = Annotated[str, typer.Option("--phone", help="Their telephone number.")]

_FOLDED: Final = frozenset({"what stands against it", "name", "title", "booked by", "books", "items", "open", "rules"})
"""Columns that may take several lines; ids and times are there to be copied."""
SESSION_BYTES: Final = 6


class BookingUnknown(UnknownOutcome):
    """It was asked for, and nothing is known of it."""

    next_step = "look whether it is there, `tidegate booking list bookings`, before you ask again"


class BadWish(TidegateError):
    """What was typed says no items, answers or session."""

    code = "bad_wish"
    next_step = "`tidegate booking book --help` has examples"


class Shown:
    """A pass that was shown. It is looked at here: what days record is whose it was."""

    def __init__(self, call: Invocation, token: str) -> None:
        self._call: Final = call
        self._token: Final = token.strip()

    @classmethod
    def if_any(cls, call: Invocation, token: str | None) -> Self | None:
        return None if token is None else cls(call, token)

    def ticket_for(self, room: str, now: Instant) -> str:
        """The ticket that it was given for, if it opens the room."""
        from gateway.passes import verify_pass
        from tidegate.key_folder import public_keys

        settings = self._call.settings
        return verify_pass(self._token, public_keys(settings, now), org=settings.org, room=room, at=now).id


class Wanted:
    """A wish as it was typed, with what it is about."""

    def __init__(self, event_type: EventType, wish: Wish, tz: str) -> None:
        self.event_type: Final = event_type
        self.wish: Final = wish
        self.tz: Final = tz

    @property
    def when(self) -> str:
        return wish_when(self.wish, self.tz)

    def wish_at(self, start: Instant) -> Wish:
        """The same at another time."""
        return msgspec.structs.replace(self.wish, start=start)


def wanted(
    catalog: Catalog,
    now: Instant,
    event_type: str,
    resource: str,
    start: str,
    *,
    duration: int | None,
    units: int,
    along: Iterable[str],
    tz: str | None,
    shown: Shown | None = None,
) -> Wanted:
    way, found = bookable(catalog, event_type, resource)
    clocks = zone(tz or found.time_zone)
    items = (Item(resource, units), *(_item(text) for text in along))
    admitted = shown.ticket_for(way.room, now) if way.room and shown is not None else ""
    wish = Wish(way.slug, instant_from(start, now, clocks), minutes_of(way, duration), items, admitted)
    return Wanted(way, wish, clocks)


def bookable(catalog: Catalog, event_type: str, resource: str) -> tuple[EventType, Resource]:
    """Both, if the one can be booked by the other; refused as a day would."""
    return agreed(asking.bookable(catalog, event_type, resource))


def minutes_of(event_type: EventType, asked: int | None) -> int:
    """The duration that was asked for, if there is one; else the first."""
    return agreed(asking.minutes_of(event_type, asked))


def _item(text: str) -> Item:
    resource, colon, units = text.partition(":")
    if not resource or (colon and not (units.isascii() and units.isdigit() and len(units) <= 9)):
        raise BadWish(f"--with {text}: expected RESOURCE or RESOURCE:UNITS")
    return Item(resource, int(units) if colon else 1)


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE`, each key once."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key in found:
            raise BadWish(f"{option} {text}: expected KEY=VALUE, each key once")
        found[key] = value
    return found


def new_token(prefix: str) -> str:
    """What makes an id unlike any other."""
    return f"{prefix}-{token_hex(SESSION_BYTES)}"


def items_shown(items: Iterable[Item]) -> str:
    return ", ".join(item.resource if item.units == 1 else f"{item.units} × {item.resource}" for item in items)


def zone_of(catalog: Catalog, resource: str, tz: str | None) -> str:
    """By whose clocks something of a resource is shown."""
    found = catalog.active.get(resource) or catalog.retired.get(resource)
    return zone(tz) if tz else found.time_zone if found is not None else "UTC"


def wish_when(wish: Wish, tz: str) -> str:
    return range_shown(wish.start, wish.start + wish.minutes * MINUTE_MS, tz)


def lapses(status: Status, until: Instant | None, tz: str) -> dict[str, str]:
    """A row that says when a booking lapses, and what keeps it from that; none if it does not."""
    if until is None:
        return {}
    return {"lapses": f"{local_iso(until, tz)} unless it is {'confirmed' if status == 'provisional' else 'approved'}"}


def wish_data(wish: Wish, tz: str) -> dict[str, Any]:
    return {
        "event_type": wish.event_type,
        "start": local_iso(wish.start, tz),
        "end": local_iso(wish.start + wish.minutes * MINUTE_MS, tz),
        "time_zone": tz,
        "items": [{"resource": item.resource, "units": item.units} for item in wish.items],
    }


def done(call: Invocation, data: Mapping[str, Any], headline: str, **rows: str) -> None:
    """An answer: one line of JSON; or a headline, and what one may want to copy below it."""
    if call.json:
        call.answer(dict(data))
        return
    call.out.print(f"[bold green]{escape(headline)}[/]", soft_wrap=True)
    width = max(map(len, rows), default=0)
    for name, text in rows.items():
        call.out.print(f"  [dim]{name:<{width}}[/]  {escape(text)}", soft_wrap=True)


def plain_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading not in _FOLDED)
    return table
