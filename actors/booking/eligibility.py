"""May this be booked at all? One function says so, and everything that takes slots calls it: holding, booking, moving,
confirming, waiting for a slot.

It looks at the catalog, the wish and the time, never at what is free: that is the day's own business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from actors.booking.limits import LIMITS
from actors.decider import Consulted, Leases, Refusal
from actors.text import is_email, unfit_text
from events.calendar.items import (
    Unfit,
    guarded,
    offered,
    schedules_together,
    too_many_days,
    unfit,
    unfit_list,
    unfit_to_lead,
)
from events.calendar.offers import Schedules, why_not
from events.catalog import Catalog, EventType, Question
from events.clock import Instant
from events.day import Booker, Item, Wish

Moment: TypeAlias = Literal["take", "confirm"]
"""What was taken in time may be confirmed inside the notice, and when the hours have changed; not when it is over."""

OFFERS_MAX: Final = 4_096
"""Remembered at a time."""
ANSWER_CHARACTERS_MAX: Final = 5_000
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]{3,40}")


class Offer(msgspec.Struct, frozen=True):
    """What follows from an event type and items alone, whenever it is: the same for thousands of wishes. It keeps the
    catalog that it follows from, so that no other gets its id."""

    event_type: EventType
    schedules: Schedules
    catalog: Catalog


NOBODY: Final = Booker()
_offers: Final[dict[tuple[int, int, str, tuple[Item, ...]], Offer]] = {}


def eligible(by: Consulted[Catalog, Leases], wish: Wish, now: Instant, moment: Moment = "take") -> EventType | Refusal:
    """The event type that the wish is for, or the rule that stands against it."""
    offer = _offer(by, wish.event_type, wish.items)
    if isinstance(offer, Refusal):
        return offer
    event_type = offer.event_type
    if moment == "confirm":
        if wish.start + wish.minutes * 60_000 <= now:
            return Refusal("in_the_past", "it is over", "late")
        return event_type
    if (problem := guarded(event_type, wish.admitted)) is not None:
        return Refusal(*problem)
    objection = why_not(event_type, offer.schedules, wish.start, wish.minutes, now)
    if objection is not None:
        return Refusal(objection.code, objection.sentence, objection.fault)
    return _refused(too_many_days(event_type, wish.items, wish.start, wish.minutes)) or event_type


def _offer(by: Consulted[Catalog, Leases], slug: str, items: tuple[Item, ...]) -> Offer | Refusal:
    key = (id(by.state), by.sequence, slug, items)
    offer = _offers.get(key)
    if offer is not None:
        return offer
    catalog = by.state
    event_type = offered(catalog, slug)
    if isinstance(event_type, Unfit):
        return Refusal(*event_type)
    problem = unfit_list(items)
    for item in items if problem is None else ():
        problem = problem or unfit(catalog, event_type, item)
    problem = problem or unfit_to_lead(catalog.active[items[0].resource])
    if problem is not None:
        return Refusal(*problem)
    schedules = schedules_together(catalog, event_type, [catalog.active[item.resource] for item in items])
    offer = Offer(event_type, schedules, catalog)
    if len(_offers) >= OFFERS_MAX:
        _offers.clear()
    _offers[key] = offer
    return offer


def _refused(problem: Unfit | None) -> Refusal | None:
    return None if problem is None else Refusal(*problem)


def answered(event_type: EventType, answers: Mapping[str, str]) -> Refusal | None:
    """What is wrong with the answers to the event type's questions, if anything."""
    if not answers and not event_type.questions:
        return None
    known = {question.id: question for question in event_type.questions}
    for id in answers:
        if id not in known:
            return Refusal("unknown_question", f"nobody asked {id!r}")
    for question in event_type.questions:
        answer = answers.get(question.id, "")
        if not answer.strip() and question.required:
            return Refusal("answer_missing", f"{question.id!r} wants an answer: {question.label}")
        problem = _malformed(question, answer) if answer else None
        if problem is not None:
            return Refusal("bad_answer", f"{question.id!r}: {problem}")
    return None


def _malformed(question: Question, answer: str) -> str | None:
    problem = bad_text("answer", answer, min(question.characters_max, ANSWER_CHARACTERS_MAX))
    if problem is not None:
        return problem.detail
    match question.kind:
        case "email" if not is_email(answer):
            return "this is no e-mail address"
        case "phone" if not _PHONE.fullmatch(answer):
            return "this is no telephone number"
        case "number" if not _NUMBER.fullmatch(answer):
            return "this is no number"
        case "choice" if answer not in question.choices:
            return f"one of {', '.join(question.choices)}"
        case "boolean" if answer not in ("true", "false"):
            return "true or false"
    return None


def bad_booker(booker: Booker) -> Refusal | None:
    """What is wrong with what is said of a booker, if anything."""
    if booker is NOBODY or booker == NOBODY:
        return None
    most = LIMITS.booker_characters_max
    for name, text in (("name", booker.name), ("email", booker.email), ("phone", booker.phone)):
        if (problem := bad_text(name, text, most, lines=False)) is not None:
            return problem
    if booker.email and not is_email(booker.email):
        return Refusal("bad_email", f"{booker.email!r} is no e-mail address")
    return None


def bad_text(name: str, text: str, most: int, *, lines: bool = True) -> Refusal | None:
    """Text that is stored can be shown, and has an end."""
    if len(text) > most:
        return Refusal(f"{name}_too_long", f"{name} has at most {most} characters")
    problem = unfit_text(text, lines=lines)
    return None if problem is None else Refusal(f"bad_{name}", f"{name}: {problem}")
