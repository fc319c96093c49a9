"""Recurrence: when the visits of a series begin, by the clocks of the place.

A rule is an RRULE of the calendar standard (RFC 5545), which dateutil unfolds in local time: ten o'clock stays ten
o'clock when the clocks change. What becomes of the visits is `series`.
"""

from __future__ import annotations

import datetime as dt
import re
from itertools import islice
from typing import Final

from dateutil.rrule import rrulestr

from actors.booking.limits import LIMITS
from actors.decider import Refusal
from events.calendar.quantum import day_start
from events.calendar.zones import reached, reading
from events.clock import Instant

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
    count, until = said.pop("COUNT", ""), said.pop("UNTIL", "")
    if said.get("FREQ") not in _FREQUENCIES or said.get("INTERVAL", "1").strip("0") == "":
        return Refusal("bad_rule", f"a series recurs by {', '.join(_FREQUENCIES)}, every once or more")
    if not count and not until:
        return Refusal("too_many_occurrences", "a series has an end: COUNT or UNTIL")
    first = _shown(start, tz)
    try:
        most = int(count) if count else LIMITS.visits_max + 1
        end = min(_last(until, tz), first + AHEAD) if until else first + AHEAD
        unfolded = rrulestr(";".join(f"{name}={value}" for name, value in said.items()), dtstart=first, ignoretz=True)
        shown = list(islice(unfolded.replace(until=end), min(most, LIMITS.visits_max + 1)))
        found = [reached(_reading(one), tz) for one in shown]
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:  # how dateutil says no
        return Refusal("bad_rule", f"{rule[:80]!r} cannot be unfolded: {error}")
    if (most > LIMITS.visits_max and len(found) > LIMITS.visits_max) or (count and most > LIMITS.visits_max):
        return Refusal("too_many_occurrences", f"a series has at most {LIMITS.visits_max} visits")
    if shown[:1] != [first]:
        return Refusal("bad_rule", "the first visit of the rule is not the one that it starts with")
    return [start, *found[1:]]


def _last(until: str, tz: str) -> dt.datetime:
    """What the clock shows when the rule ends: a time there, an instant (with a Z), or the end of a date."""
    if until.endswith("Z"):
        ends = dt.datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        return _shown(round(ends.timestamp() * 1000), tz)
    if "T" in until:
        return dt.datetime.strptime(until, "%Y%m%dT%H%M%S")  # noqa: DTZ007  # by whatever clocks there are
    return dt.datetime.strptime(until, "%Y%m%d") + dt.timedelta(hours=23, minutes=59)  # noqa: DTZ007  # as above


def _shown(instant: Instant, tz: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(reading(instant, tz) / 1000, dt.UTC).replace(tzinfo=None)


def _reading(shown: dt.datetime) -> int:
    return day_start(shown.date().isoformat()) + (shown.hour * 60 + shown.minute) * 60_000
