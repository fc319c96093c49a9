"""Letters: which happenings are written about, and what is written.

A letter says how the booking stands as it is written, which may be later than what it is about: a mail server was away,
a process was started anew. What is no longer true by then is not written; what made it untrue has a letter of its own.

    happening             is written about while the booking is    and does to a calendar
    booking.pending       pending                                  puts it there, as tentative
    booking.confirmed     confirmed                                puts it there
    booking.rescheduled   pending or confirmed, and there          moves it
    booking.reminder      confirmed, and has not begun             puts it there, where it was not yet
    booking.cancelled     cancelled                                takes it out
    booking.declined      declined                                 takes it out
    booking.lapsed        lapsed                                   takes it out

The sentences are in `templates/`: one file for each happening, the subject above an empty line, and frames around
them, as text and as HTML. Whatever is put into HTML is escaped here, all of it, with no exception that could be
forgotten.

Whoever booked may have given the address of somebody else, who gets this letter. So of what they typed there is only a
name to greet, and a reason, and only if neither has anything in it that a mail program would make a link of.

Nor does anybody write headers: what stands in one is `one_line`, which leaves no encoded word (RFC 2047) in it. Of
`=?utf-8?q?=0d=0aBcc=3A…?=` the library would make the line break that it stands for.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from events.calendar.quantum import MINUTE_MS
from events.calendar.zones import reading
from events.catalog import Catalog, Resource
from events.clock import Instant
from events.day import Status
from gateway.calendars import Method, invitation
from gateway.mail.limits import NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from projections.questions import Row

Form: TypeAlias = Literal["txt", "html"]

_LEADS_SOMEWHERE: Final = re.compile(r"[/\\@<>。｡]|\.\S|\bwww\b", re.IGNORECASE)
_BLANKS: Final = re.compile(r" +$", re.MULTILINE)
_LINES: Final = re.compile(r"\n{3,}")
_ENCODED: Final = "=?"
"""What an encoded word begins with."""


class About(NamedTuple):
    """What is written of a happening: by which template, while the booking is what, and what a calendar is told."""

    template: str
    statuses: frozenset[Status]
    method: Method


ABOUT: Final[Mapping[str, About]] = {
    "booking.pending": About("pending", frozenset({"pending"}), "REQUEST"),
    "booking.confirmed": About("confirmed", frozenset({"confirmed"}), "REQUEST"),
    "booking.rescheduled": About("rescheduled", frozenset({"pending", "confirmed"}), "REQUEST"),
    "booking.reminder": About("reminder", frozenset({"confirmed"}), "REQUEST"),
    "booking.cancelled": About("cancelled", frozenset({"cancelled"}), "CANCEL"),
    "booking.declined": About("declined", frozenset({"declined"}), "CANCEL"),
    "booking.lapsed": About("lapsed", frozenset({"lapsed"}), "CANCEL"),
}


class From(NamedTuple):
    """Who writes: an address, a name, and where people can see their bookings (nowhere, if it is empty)."""

    address: str
    name: str
    base_url: str = ""


class Invitation(NamedTuple):
    calendar: bytes
    method: Method


class Letter(NamedTuple):
    to: str
    name: str
    """Of whom it is to, if it can be said."""
    subject: str
    text: str
    html: str
    invitation: Invitation | None = None
    """What a calendar is told, if that is anything."""


def is_true(event: str, row: Row, version: int | None, now: Instant) -> bool:
    """Whether what happened is still to be written about. `version` is that which a move led to."""
    about = ABOUT[event]
    if row.status not in about.statuses or (version is not None and version < row.version):
        return False
    minutes = 0 if event == "booking.reminder" else row.wish.minutes
    return about.method == "CANCEL" or now < row.wish.start + minutes * MINUTE_MS


def letter_of(event: str, org: str, row: Row, catalog: Catalog, by: From, to: str, now: Instant) -> Letter:
    """The letter to that address, of what has happened to the booking."""
    about = ABOUT[event]
    resource = _resource(catalog, row.wish.items[0].resource)
    event_type = catalog.event_types.get(row.wish.event_type)
    name = harmless(row.booker.name, NAME_CHARACTERS_MAX)
    day, when = _when(row, resource.time_zone if resource is not None else "UTC")
    said = {
        "title": one_line(event_type.title if event_type is not None else row.wish.event_type),
        "day": day,
        "when": when,
        "where": one_line(", ".join(_items(row, catalog))),
        "greeting": f"Dear {name}," if name else "Hello,",
        "reason": harmless(row.reason, REASON_CHARACTERS_MAX) if about.method == "CANCEL" else "",
        "link": f"{by.base_url}/{org}/bookings/{quote(row.id, safe='')}" if by.base_url else "",
        "sender": one_line(by.name),
        "about": f"Booking {row.id}",
    }
    subject, _, sentences = template(about.template, "txt").safe_substitute(said).partition("\n\n")
    said |= {"subject": subject, "said": sentences.strip()}
    calendar = invitation(org, row, catalog, now, about.method, organizer=by.address, attendee=to)
    invited = Invitation(calendar, about.method)
    return Letter(to, name, subject, framed("txt", said), framed("html", said), invited)


def one_line(text: str) -> str:
    """As it can stand in a header: what breaks lines, or cannot be seen, is a blank, and nothing is an encoded word."""
    seen = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text)
    return " ".join(seen.replace(_ENCODED, "= ?").split())


def harmless(text: str, most: int) -> str:
    """What somebody typed whom we don't know, on one line; nothing, if a mail program might make something of it."""
    plain = unicodedata.normalize("NFKC", text)
    line = one_line(plain)
    return "" if len(line) > most or _ENCODED in plain or _LEADS_SOMEWHERE.search(line) else line


def framed(form: Form, said: Mapping[str, str], link: str = "link") -> str:
    """The whole letter, as text or as HTML. `link` is the template of what leads somewhere."""
    known = dict(said) if form == "txt" else {name: escape(text) for name, text in said.items()}
    for part, named in (("reason", "reason"), ("link", link)):  # each with what is around it, or not at all
        known[part] = template(named, form).substitute(known).strip() if known[part] else ""
    return _LINES.sub("\n\n", _BLANKS.sub("", template("frame", form).substitute(known)))


@cache
def template(name: str, form: Form) -> Template:
    return Template((files("gateway.mail") / "templates" / f"{name}.{form}").read_text("utf-8"))


def _items(row: Row, catalog: Catalog) -> list[str]:
    names = []
    for item in row.wish.items:
        resource = _resource(catalog, item.resource)
        name = resource.name if resource is not None else item.resource
        names.append(name if item.units == 1 else f"{item.units} × {name}")
    return names


def _resource(catalog: Catalog, id: str) -> Resource | None:
    return catalog.active.get(id) or catalog.retired.get(id)


def _when(row: Row, time_zone: str) -> tuple[str, str]:
    """The day, and the whole time of a visit, by the clocks of where it takes place: who goes there needs those."""
    start = _local(row.wish.start, time_zone)
    end = _local(row.wish.start + row.wish.minutes * MINUTE_MS, time_zone)
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{_day(end)}, {end:%H:%M}"
    return _day(start), f"{_day(start)}, {start:%H:%M} to {until} ({time_zone})"


def _local(instant: Instant, time_zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(reading(instant, time_zone) // 1_000, dt.UTC)


def _day(local: dt.datetime) -> str:
    return f"{local:%A}, {local.day} {local:%B %Y}"
