"""The topics that can be followed: how they are named, what one has to be allowed for them, and what they are told by.

    day/<resource>/<date>        what is taken and blocked on a UTC date
    holds/<resource>/<date>      what is held there, which changes every few seconds
    month/<resource>/<yyyy-mm>   what is busy on each date of a month
    room/<room>                  a waiting room as everybody sees it
    block/<room>/<n>             who waits at 1,024 places of its line
    ticket/<ticket>              how a ticket stands
    numbers/<room>               the room in numbers, for those who run it
    booking/<booking>            a booking, for who may see them all or has its token
    bookings                     all bookings as they change, without whom they are for
    status                       whether everything runs

A day and a month that nothing lies on change with the resource's capacity, which is told once for all of them.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from events.permissions import Permission
from gateway.problems import Problem

STATUS: Final = "status"
_ID: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
_DATE: Final = r"\d{4}-\d{2}-\d{2}"
_NAMES: Final[tuple[tuple[str, re.Pattern[str], Permission], ...]] = (
    ("day", re.compile(rf"day/{_ID}/{_DATE}", re.ASCII), "slots.read"),
    ("holds", re.compile(rf"holds/{_ID}/{_DATE}", re.ASCII), "slots.read"),
    ("month", re.compile(rf"month/{_ID}/\d{{4}}-\d{{2}}", re.ASCII), "slots.read"),
    ("room", re.compile(rf"room/{_ID}", re.ASCII), "rooms.read"),
    ("block", re.compile(rf"block/{_ID}/\d{{1,9}}", re.ASCII), "rooms.read"),
    ("ticket", re.compile(rf"ticket/{_ID}\.\d{{1,2}}\.\d{{1,9}}", re.ASCII), "rooms.read"),
    ("numbers", re.compile(rf"numbers/{_ID}", re.ASCII), "numbers.read"),
    ("booking", re.compile(rf"booking/{_ID}\.{_DATE}\.{_ID}", re.ASCII), "bookings.read"),
    ("bookings", re.compile(r"bookings"), "bookings.read"),
    (STATUS, re.compile(STATUS), "slots.read"),
)
GATHERED: Final = frozenset({"room", "block", "numbers"})
"""Their deltas say how things are, not how they differ: one takes anybody on who stands anywhere before its end, and
not before its beginning. Of the others one has to stand where the delta begins."""


UNTOLD: Final = frozenset({"ticket"})
"""How they stand may also change by what is told to nobody, because it would be told to thousands (a draw, a crowd that
goes absent): who begins with one of them is shown it as it is at that moment."""


class Topic(msgspec.Struct, frozen=True):
    kind: str
    name: str
    needs: Permission
    sources: tuple[str, ...]
    """What it is told by: its own deltas, or those of others that it is a part of."""

    @property
    def gathered(self) -> bool:
        return self.kind in GATHERED

    @property
    def moves_untold(self) -> bool:
        return self.kind in UNTOLD


def topic_of(name: str) -> Topic:
    """The topic of that name; `Problem` when there can be none."""
    for kind, pattern, needs in _NAMES:
        if pattern.fullmatch(name):
            return Topic(kind, name, needs, _sources(kind, name))
    raise Problem("unknown_topic", f"there is no topic {name[:100]!r}")


def _sources(kind: str, name: str) -> tuple[str, ...]:
    match kind:
        case "day" | "month":
            return (name, f"units/{name.split('/')[1]}")
        case "status":
            return ()
        case _:
            return (name,)
