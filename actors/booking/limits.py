"""What is bounded in a resource-day, units last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class DayLimits:
    holds_per_session_max: int = 8
    """Of one session, on one day of one resource."""
    bookings_max: int = 20_000
    """Of one day, those that may still take place."""
    ended_kept: int = 1_000
    """So many ended ones a day still knows, the last to end; the log and the read models know them all."""
    due_at_once_max: int = 1_000
    """Lines of the agenda that are seen to in one commit."""
    blocks_max: int = 96
    offer_minutes: int = 15
    """How long an offer stands."""
    standby_max: int = 1_000
    """In line on one day."""
    standby_per_session_max: int = 4
    visits_max: int = 60
    """Of one series."""
    series_parties_max: int = 64
    """Days and quotas of one series together: what one transaction may span."""
    counted_max: int = 100_000
    """Bookings that one quota counts at a time, of the last two months and of all to come."""
    booker_characters_max: int = 320
    """The longest e-mail address there is."""
    reason_characters_max: int = 1_000


LIMITS: Final = DayLimits()
