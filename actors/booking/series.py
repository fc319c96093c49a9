"""A series: the same visit again and again, in one transaction. All of its bookings are made, or none.

Everybody who takes part in any visit gets the whole series and works out which visits are its own. They are taken one
after another, each on what the ones before it have left, so a series may come to the same day, or to the same quota, as
often as there is room. From then on each booking goes its own way.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from actors.booking.claims import Day
from actors.booking.commands import Book, BookSeries
from actors.booking.happened import imagined
from actors.booking.limits import LIMITS
from actors.booking.part import BEHIND, CHANGED, Answer, By, owns
from actors.booking.plan import Plan, plan_of
from actors.booking.taking import book
from actors.decider import Decision, Refusal
from events.clock import Instant
from events.day import DayFact, day_actor, new_id


class Visit(NamedTuple):
    """One of a series: what it takes, and the booking as if it were asked for alone."""

    plan: Plan
    asked: Book

    def owner(self, org: str) -> str:
        return day_actor(org, *self.plan.owner)


def visits_of(command: BookSeries, at: Instant, by: By) -> list[Visit] | Refusal:
    """The visits of a series each of which may be booked; or what stands against one of them."""
    if by.sequence < command.catalog:
        return BEHIND
    starts = (command.wish.start, *command.again)
    if len(starts) > LIMITS.visits_max:
        return Refusal("too_many_occurrences", f"a series has at most {LIMITS.visits_max} visits")
    if any(one >= then for one, then in zip(starts, command.again, strict=False)):
        return Refusal("bad_series", "the visits of a series come one after another")
    visits = []
    for number, start in enumerate(starts, 1):
        wish = msgspec.structs.replace(command.wish, start=start)
        plan = plan_of(wish, at, by)
        if isinstance(plan, Refusal):
            return of_visit(number, plan)
        id = new_id(*plan.owner, f"{command.series}-{number}")
        asked = Book(
            id, wish, command.session, "", command.booker, command.answers, command.token_hash, command.catalog
        )  # fmt: skip
        visits.append(Visit(plan, asked))
    return visits


def book_series(day: Day, command: BookSeries, at: Instant, by: By) -> Answer:
    """This day's part of every visit that has one here. Whoever owns any of the visits has to be there."""
    visits = visits_of(command, at, by)
    if isinstance(visits, Refusal):
        return visits
    here = (day.resource, day.date)
    present = {*by.together, day_actor(day.org, *here)}
    if not all(visit.owner(day.org) in present for visit in visits):
        return CHANGED
    facts, after = list[DayFact](), day
    made: tuple[DayFact, ...] = ()
    reply = None
    for number, visit in enumerate(visits, 1):
        if here not in visit.plan.parts:
            continue
        if made:
            after = imagined(after, made, at)
        answer = book(after, visit.asked, at, by)
        if isinstance(answer, Refusal):
            return of_visit(number, answer)
        made = answer.facts
        facts += made
        reply = reply or answer.reply
    if reply is None:
        return Refusal("not_here", f"{day.resource} on {day.date} has no part in this")
    first = visits[0].asked.booking
    told = {"bookings": [visit.asked.booking for visit in visits], "status": reply["status"], "until": reply["until"]}
    return Decision(tuple(facts), told if owns(day, first) else None)


def of_visit(number: int, refusal: Refusal) -> Refusal:
    """The refusal of one visit is that of the series, and says which."""
    return msgspec.structs.replace(refusal, detail=f"visit {number}: {refusal.detail}")
