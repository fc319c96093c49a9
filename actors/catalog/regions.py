"""Time zones and public holidays: what the packages `tzdata` and `holidays` know, the same on every machine.

Both are data with a version. What is worked out of them is recorded in the fact, so a replay never asks them again.
Neither may take anything from the machine: its own zone files (`localtime`) and its language stay out.
"""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import holidays

from events.clock import Instant

YEARS_KNOWN: Final = 4
"""The holidays of how many years are recorded: of the present one, and of those that can be booked in it."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


@cache
def time_zones() -> frozenset[str]:
    """Every IANA name but `Factory`, which stands for a zone that wasn't set."""
    listed = resources.files("tzdata").joinpath("zones").read_text("utf-8")
    return frozenset(listed.split()) - {"Factory"}


def year_of(at: Instant) -> int:
    """Its year in UTC."""
    return datetime.fromtimestamp(at // 1_000, UTC).year


def new_year(year: int) -> Instant:
    """The instant at which it begins in UTC."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000


def is_region(region: str) -> bool:
    """`DE`, or a part of it, `DE-BY`: as ISO 3166 names them, and as far as `holidays` knows them."""
    return _calendar(region) is not None


@lru_cache(maxsize=1_024)
def holidays_of(region: str, since: int) -> dict[str, str]:
    """The public holidays of `YEARS_KNOWN` years by date, in the country's own language. Not to be changed."""
    calendar = _calendar(region, range(since, since + YEARS_KNOWN))
    return {day.isoformat(): calendar[day] for day in sorted(calendar)} if calendar is not None else {}


def _calendar(region: str, years: range = range(0)) -> holidays.HolidayBase | None:
    """None for what is no region. Aliases (`UK`, `DE-Bayern`) are none: one region has one name."""
    country, _, part = region.partition("-")
    if _COUNTRY.fullmatch(country) is None or (not part and "-" in region):
        return None
    try:
        known = holidays.country_holidays(country)
        if known.country != country or (part and part not in known.subdivisions):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that some movable feasts are not known for every year
            # without a language it would take the machine's
            return holidays.country_holidays(country, subdiv=part or None, years=years, language=known.default_language)
    except NotImplementedError:  # how it says no
        return None
