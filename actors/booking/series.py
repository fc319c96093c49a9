"""A recurring series: the same visit again and again, by the clocks of the place.

A rule is an RRULE of the calendar standard (RFC 5545), which dateutil unfolds in local time: ten o'clock stays ten
o'clock when the clocks change. The bookings of a series are made in one transaction, all or none; or, before that,
everybody is asked whether it would fit, and the dates that clash are reported.
"""

from __future__ import annotations

import datetime as dt
import re
from itertools import islice
from typing import Final

from dateutil.rrule import rrulestr

from actors.booking.asking import Parts, for_book, id_for
from actors.booking.commands import Book
from actors.decider import Refusal
from events.calendar.quantum import day_start
from events.calendar.zones import reached, reading
from events.catalog import EventType
from events.clock import Instant
from events.day import Wish

OCCURRENCES_MAX: Final = 60
"""Of one series: what one transaction may span, when each of them takes a day of its own."""
SERIES_PARTIES_MAX: Final = 64
"""What one transaction may span."""
RULE_CHARACTERS_MAX: Final = 500
AHEAD: Final = dt.timedelta(days=5 * 366)
"""No rule is looked for visits further ahead than this."""
_RULE: Final = re.compile(r"(?:RRULE:)?((?:[A-Z]+=[A-Z0-9,+-]+)(?:;[A-Z]+=[A-Z0-9,+-]+)*)", re.ASCII)
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def starts_of(rule: str, start: Instant, tz: str) -> list[Instant] | Refusal:
    """When the visits of a series begin, the first at `start`. The rule has an end: `COUNT` or `UNTIL`."""
    read = _RULE.fullmatch(rule)
    if read is None or len(rule) > RULE_CHARACTERS_MAX:
        return Refusal("bad_rule", f"{rule[:80]!r} is no recurrence rule such as FREQ=WEEKLY;COUNT=10")
    said = dict(part.split("=", 1) for part in read[1].split(";"))
    count = said.pop("COUNT", "")
    if said.get("FREQ") not in _FREQUENCIES or said.get("INTERVAL", "1").strip("0") == "":
        return Refusal("bad_rule", f"a series recurs by {', '.join(_FREQUENCIES)}, every once or more")
    if not count and "UNTIL" not in said:
        return Refusal("too_many_occurrences", "a series has an end: COUNT or UNTIL")
    first = dt.datetime.fromtimestamp(reading(start, tz) / 1000, dt.UTC).replace(tzinfo=None)
    try:
        most = int(count) if count else OCCURRENCES_MAX + 1
        shown = _unfolded(";".join(f"{name}={value}" for name, value in said.items()), first, most)
        found = [reached(_shows(one), tz) for one in shown]
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:  # how dateutil says no
        return Refusal("bad_rule", f"{rule[:80]!r} cannot be unfolded: {error}")
    if (most > OCCURRENCES_MAX and len(found) > OCCURRENCES_MAX) or (count and most > OCCURRENCES_MAX):
        return Refusal("too_many_occurrences", f"a series has at most {OCCURRENCES_MAX} visits")
    if found[:1] != [start]:
        return Refusal("bad_rule", "the first visit of the rule is not the one that it starts with")
    return found


def _unfolded(rule: str, first: dt.datetime, most: int) -> list[dt.datetime]:
    unfolded = rrulestr(rule, dtstart=first, ignoretz=True)
    end = min(unfolded._until or first + AHEAD, first + AHEAD)  # noqa: SLF001  # it has no other name
    return list(islice(unfolded.replace(until=end), min(most, OCCURRENCES_MAX + 1)))


def _shows(shown: dt.datetime) -> int:
    return day_start(shown.date().isoformat()) + (shown.hour * 60 + shown.minute) * 60_000


def wishes_of(wish: Wish, starts: list[Instant]) -> list[Wish]:
    """The same wish at each of the starts."""
    return [Wish(wish.event_type, start, wish.minutes, wish.items) for start in starts]


def for_series(org: str, event_type: EventType, commands: list[Book]) -> Parts | Refusal:
    """All bookings of a series together. Each day is asked one thing: two visits on one day are two series."""
    parts: dict[str, Book] = {}
    for command in commands:
        asked = for_book(org, event_type, command)
        if isinstance(asked, Refusal):
            return asked
        for actor, part in asked:
            if actor in parts:
                return Refusal("series_meets_itself", "two visits of the series want the same day, or the same quota")
            assert isinstance(part, Book)
            parts[actor] = part
    if len(parts) > SERIES_PARTIES_MAX:
        return Refusal("too_many_days", f"a series touches at most {SERIES_PARTIES_MAX} days of resources")
    return tuple(parts.items())


def commands_of(event_type: EventType, first: Book, wishes: list[Wish], token: str) -> list[Book]:
    """A booking each, whose ids say that they belong together: `<token>-1`, `<token>-2`, …"""
    return [
        Book(
            id_for(event_type, wish, f"{token}-{number}"), wish, first.session, "", first.booker, first.answers,
            first.token_hash, first.catalog,
        )
        for number, wish in enumerate(wishes, 1)
    ]  # fmt: skip
