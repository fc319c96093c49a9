"""The limits of one organisation's catalog, which a deployment may set otherwise; units last."""

from __future__ import annotations

from typing import Final

import msgspec

from events.limits import LOG_MESSAGE_BYTES_MAX

DAY_MINUTES: Final = 24 * 60
YEARS_AHEAD_DAYS: Final = 5 * 366


class CatalogPolicy(msgspec.Struct, frozen=True):
    """How many of everything, how long, how far."""

    resources_max: int = 10_000
    """Retired ones included: their ids stay taken."""
    schedules_max: int = 1_000
    event_types_max: int = 1_000
    links_max: int = 50_000

    name_characters_max: int = 200
    """Of everything that stands on one line: names, titles, labels, choices, locations, prices."""
    description_characters_max: int = 5_000
    metadata_entries_max: int = 50
    metadata_key_characters_max: int = 64
    metadata_value_characters_max: int = 500

    capacity_max: int = 1_000_000
    overrides_max: int = 1_000

    durations_max: int = 20
    duration_minutes_min: int = 15
    duration_minutes_max: int = 7 * DAY_MINUTES
    """Also the most that may lie between two starts, and the longest buffer."""
    lead_minutes_max: int = YEARS_AHEAD_DAYS * DAY_MINUTES
    """The longest notice, deadline, life of an unconfirmed booking, and time between a reminder and its booking."""
    horizon_days_max: int = YEARS_AHEAD_DAYS
    quota_max: int = 1_000_000
    hold_seconds_max: int = 3_600
    """The longest life of a hold that nobody keeps alive; and of one that somebody does:"""
    kept_hold_seconds_max: int = 86_400
    reminders_max: int = 10
    questions_max: int = 50
    choices_max: int = 50
    answer_characters_max: int = 5_000
    locations_max: int = 20


RENEWED_BYTES_MAX: Final = 256 << 10
"""After this many bytes of schedules recorded anew a Tick is done; the next one goes on."""

assert 2 * RENEWED_BYTES_MAX < LOG_MESSAGE_BYTES_MAX, "the last may lie beyond, and others share the commit"
