"""A recurring series: the same visit again and again, by the clocks of the place.

A rule is an RRULE of the calendar standard (RFC 5545), which dateutil unfolds in local time: ten o'clock stays ten
o'clock when the clocks change. The bookings of a series are made in one transaction, all or none; or, before that,
everybody is asked whether it would fit, and the dates that clash are reported.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from dateutil.rrule import rrulestr

from actors.booking.asking import Parts, for_book, id_for
from actors.booking.commands import Book
from actors.booking.eligibility import PARTIES_MAX
from actors.decider import Refusal
from events.calendar.quantum import day_start
from events.calendar.zones import reached, reading
from events.catalog import EventType
from events.clock import Instant
from events.day import Wish

OCCURRENCES_MAX: Final = 60
"""Of one series: what one transaction may span, when each of them takes a day of its own."""
RULE_CHARACTERS_MAX: Final = 500


def starts_of(rule: str, start: Instant, tz: str) -> list[Instant] | Refusal:
    """When the visits of a series begin, the first at `start`. The rule has an end: `COUNT` or `UNTIL`."""
    if len(rule) > RULE_CHARACTERS_MAX or "\n" in rule:
        return Refusal("bad_rule", f"a rule is one line of at most {RULE_CHARACTERS_MAX} characters")
    first = dt.datetime.fromtimestamp(reading(start, tz) / 1000, dt.UTC).replace(tzinfo=None)
    try:
        unfolded = rrulestr(rule.removeprefix("RRULE:"), dtstart=first, ignoretz=True)
    except (ValueError, TypeError, AttributeError, IndexError) as error:  # how dateutil says that it cannot read it
        return Refusal("bad_rule", f"{rule!r} is no recurrence rule such as FREQ=WEEKLY;COUNT=10 ({error})")
    found: list[Instant] = []
    for shown in unfolded:
        if len(found) == OCCURRENCES_MAX:
            return Refusal("too_many_occurrences", f"a series has at most {OCCURRENCES_MAX} visits, and an end")
        found.append(reached(_shows(shown), tz))
    return found or Refusal("bad_rule", f"{rule!r} has no visits")


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
    if len(parts) > PARTIES_MAX:
        return Refusal("too_many_days", f"a series touches at most {PARTIES_MAX} days of resources")
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
