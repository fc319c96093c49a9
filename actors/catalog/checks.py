"""What may stand in a catalog: one check per kind of thing, each the first rule that stands against it, or None.

A check looks at the thing alone. What it refers to is looked up by the decider, which knows what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from typing import Final

from actors.catalog.limits import DAY_MINUTES, CatalogPolicy
from actors.catalog.regions import is_region, time_zones
from actors.decider import Refusal
from actors.text import unfit_text
from events.catalog import EventType, Question, Quota, Resource, Schedule, Window
from events.names import is_identifier

GRID_MINUTES: Final = 15
YEARS: Final = range(1970, 3_000)
"""Those of an override's date: far enough from where calendars end, so that its neighbours are dates too."""

_SHOWN_CHARACTERS: Final = 64


def shown(text: str) -> str:
    """What the asker said, quoted, as much of it as fits into a sentence."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def check_resource(resource: Resource, policy: CatalogPolicy) -> Refusal | None:
    if not 1 <= resource.capacity <= policy.capacity_max:
        return Refusal("bad_capacity", f"a capacity is between 1 and {policy.capacity_max}, not {resource.capacity}")
    return (
        _identifier(resource.id)
        or _time_zone(resource.time_zone)
        or _line("name", resource.name, policy)
        or _line("type", resource.type, policy, empty=True)
        or _description(resource.description, policy)
        or _metadata(resource.metadata, policy)
    )


def check_schedule(schedule: Schedule, policy: CatalogPolicy) -> Refusal | None:
    """Its windows as they were said, in any order."""
    if len(schedule.overrides) > policy.overrides_max:
        return _too_many("overrides", "a schedule", policy.overrides_max)
    if schedule.region and not is_region(schedule.region):
        return Refusal("unknown_region", f"{shown(schedule.region)} is no country (DE), nor a part of one (DE-BY)")
    return (
        _identifier(schedule.id)
        or _time_zone(schedule.time_zone)
        or _line("name", schedule.name, policy)
        or _first(_windows(day, windows) for day, windows in schedule.weekly.items())
        or _first(_date(day) or _windows(day, windows) for day, windows in schedule.overrides.items())
    )


def merged(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Windows that don't overlap, in order, and those that touch as one."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda window: window.start):
        if joined and joined[-1].end == window.start:
            joined[-1] = Window(joined[-1].start, window.end)
        else:
            joined.append(window)
    return tuple(joined)


def check_event_type(event_type: EventType, policy: CatalogPolicy) -> Refusal | None:
    return (
        _identifier(event_type.slug)
        or _line("title", event_type.title, policy)
        or _description(event_type.description, policy)
        or _durations(event_type.durations, policy)
        or _first(_times(event_type, policy))
        or _hold(event_type, policy)
        or _reminders(event_type.reminders, policy)
        or _questions(event_type.questions, policy)
        or _lines("location", event_type.locations, policy.locations_max, policy)
        or _line("price", event_type.price, policy, empty=True)
        or (_identifier(event_type.room) if event_type.room else None)
    )


def _first(found: Iterable[Refusal | None]) -> Refusal | None:
    return next((refusal for refusal in found if refusal is not None), None)


def _too_many(things: str, whole: str, most: int) -> Refusal:
    return Refusal(f"too_many_{things}", f"{whole} has at most {most} {things}")


def _identifier(id: str) -> Refusal | None:
    if is_identifier(id):
        return None
    return Refusal("bad_identifier", f"{shown(id)} is not an identifier: a-z, 0-9, '-', '_', at most 64")


def _time_zone(name: str) -> Refusal | None:
    if name in time_zones():
        return None
    return Refusal("unknown_time_zone", f"{shown(name)} is not the name of a time zone such as Europe/Berlin")


def _text(field: str, text: str, most: int, *, lines: bool = False) -> Refusal | None:
    if len(text) > most:
        return Refusal(
            f"{field.replace(' ', '_')}_too_long", f"a {field} has at most {most} characters, not {len(text)}"
        )
    problem = unfit_text(text, lines=lines)
    return None if problem is None else Refusal("bad_text", f"{field}: {problem}")


def _line(field: str, text: str, policy: CatalogPolicy, *, empty: bool = False) -> Refusal | None:
    if not text.strip() and (text or not empty):
        return Refusal("bad_text", f"a {field} must not be blank")
    return _text(field, text, policy.name_characters_max)


def _lines(field: str, texts: Sequence[str], most: int, policy: CatalogPolicy) -> Refusal | None:
    if len(texts) > most:
        return _too_many(f"{field}s", "an event type" if field == "location" else "a question", most)
    if len(set(texts)) < len(texts):
        return Refusal(f"bad_{field}", f"a {field} stands there twice")
    return _first(_line(field, text, policy) for text in texts)


def _description(text: str, policy: CatalogPolicy) -> Refusal | None:
    return _text("description", text, policy.description_characters_max, lines=True)


def _metadata(metadata: Mapping[str, str], policy: CatalogPolicy) -> Refusal | None:
    if not metadata:
        return None
    if len(metadata) > policy.metadata_entries_max:
        return Refusal("too_much_metadata", f"a resource has at most {policy.metadata_entries_max} entries of metadata")
    if not all(metadata):
        return Refusal("bad_text", "a metadata key must not be empty")
    return _first(_text("metadata key", key, policy.metadata_key_characters_max) for key in metadata) or _first(
        _text("metadata value", value, policy.metadata_value_characters_max) for value in metadata.values()
    )


def _windows(day: str, windows: Iterable[Window]) -> Refusal | None:
    ordered = sorted(windows, key=lambda window: window.start)
    for start, end in ((window.start, window.end) for window in ordered):
        if not 0 <= start < end <= DAY_MINUTES:
            said = f"a window runs from 0 to {DAY_MINUTES} minutes and ends after it begins, unlike {start}–{end}"
            return Refusal("bad_window", f"{day}: {said}")
        if start % GRID_MINUTES or end % GRID_MINUTES:
            said = f"a window begins and ends on a multiple of {GRID_MINUTES} minutes, unlike {start}–{end}"
            return Refusal("window_off_grid", f"{day}: {said}")
    for one, other in pairwise(ordered):
        if other.start < one.end:
            return Refusal("windows_overlap", f"{day}: the windows {_clock(one)} and {_clock(other)} overlap")
    return None


def _clock(window: Window) -> str:
    return "–".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (window.start, window.end))


def _date(text: str) -> Refusal | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is not None and day.isoformat() == text and day.year in YEARS:  # Python also reads 20261224, and weeks
        return None
    return Refusal("bad_date", f"{shown(text)} is not a date such as 2026-12-24")


def _durations(durations: Sequence[int], policy: CatalogPolicy) -> Refusal | None:
    shortest, longest = policy.duration_minutes_min, policy.duration_minutes_max
    if not durations or len(set(durations)) < len(durations):
        return Refusal("bad_duration", "an event type has at least one duration, and none of them twice")
    if len(durations) > policy.durations_max:
        return _too_many("durations", "an event type", policy.durations_max)
    wrong = next((minutes for minutes in durations if not shortest <= minutes <= longest), None)
    return (
        None
        if wrong is None
        else Refusal("bad_duration", f"a duration is {shortest} to {longest} minutes, not {wrong}")
    )


def _times(event_type: EventType, policy: CatalogPolicy) -> Iterator[Refusal | None]:
    """All that is a number with a least and a most."""
    days, lead = policy.duration_minutes_max, policy.lead_minutes_max
    yield _between("bad_interval", "interval", event_type.interval, 0, days, "minutes")
    yield _between("bad_buffer", "buffer before", event_type.buffer_before, 0, days, "minutes")
    yield _between("bad_buffer", "buffer after", event_type.buffer_after, 0, days, "minutes")
    yield _between("bad_notice", "notice", event_type.notice, 0, lead, "minutes")
    yield _between("bad_horizon", "horizon", event_type.horizon_days, 1, policy.horizon_days_max, "days")
    yield _between("bad_life", "provisional life", event_type.provisional_for, 0, lead, "minutes")
    yield _between("bad_life", "pending life", event_type.pending_for, 0, lead, "minutes")
    yield _between("bad_deadline", "deadline for cancelling", event_type.cancel_before, 0, lead, "minutes")
    yield _between("bad_deadline", "deadline for rescheduling", event_type.reschedule_before, 0, lead, "minutes")
    if event_type.complete_after is not None:
        yield _between("bad_completion", "wait for completion", event_type.complete_after, 0, lead, "minutes")
    for quota in (event_type.per_resource, event_type.per_booker):
        yield _quota(quota, policy)


def _quota(quota: Quota, policy: CatalogPolicy) -> Refusal | None:
    return _first(
        _between("bad_quota", f"quota per {period}", bookings, 0, policy.quota_max, "bookings")
        for period, bookings in (("day", quota.day), ("week", quota.week), ("month", quota.month))
    )


def _between(code: str, what: str, value: int, least: int, most: int, unit: str) -> Refusal | None:
    return None if least <= value <= most else Refusal(code, f"the {what} is {least} to {most} {unit}, not {value}")


def _hold(event_type: EventType, policy: CatalogPolicy) -> Refusal | None:
    life, kept = event_type.hold_seconds, event_type.hold_seconds_max
    return _between("bad_hold", "hold's life", life, 1, policy.hold_seconds_max, "seconds") or _between(
        "bad_hold", "hold's longest life, kept alive,", kept, life, policy.kept_hold_seconds_max, "seconds"
    )


def _reminders(reminders: Sequence[int], policy: CatalogPolicy) -> Refusal | None:
    if len(reminders) > policy.reminders_max:
        return _too_many("reminders", "an event type", policy.reminders_max)
    if len(set(reminders)) < len(reminders):
        return Refusal("bad_reminder", "a reminder stands there twice")
    return _first(
        _between("bad_reminder", "reminder", minutes, 1, policy.lead_minutes_max, "minutes before the start")
        for minutes in reminders
    )


def _questions(questions: Sequence[Question], policy: CatalogPolicy) -> Refusal | None:
    if len(questions) > policy.questions_max:
        return _too_many("questions", "an event type", policy.questions_max)
    if len({question.id for question in questions}) < len(questions):
        return Refusal("bad_question", "two questions have the same id")
    return _first(chain.from_iterable(_question(question, policy) for question in questions))


def _question(question: Question, policy: CatalogPolicy) -> Iterator[Refusal | None]:
    yield _identifier(question.id)
    yield _line("label", question.label, policy)
    if (question.kind == "choice") != bool(question.choices):
        yield Refusal("bad_question", f"question {question.id}: choices are for the kind 'choice', and it needs some")
    yield _lines("choice", question.choices, policy.choices_max, policy)
    most = policy.answer_characters_max
    yield _between("bad_question", f"limit of question {question.id}", question.characters_max, 1, most, "characters")
