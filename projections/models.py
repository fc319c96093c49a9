"""All read models, folded by one projector; what is asked of them is answered from one state of the log.

Answers are computed without a pause, so that no step comes between two halves of one. `History` alone reads the log.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from events import day
from events.clock import Clock
from events.day import BookingMade, owner_of
from events.log import EventLog
from events.names import is_actor
from events.shelf import Shelf
from projections import finding, waiting
from projections.access import Accesses
from projections.availability import Availability
from projections.bookings import Bookings
from projections.catalog import Catalogs, part_of
from projections.folding import position, sequence_at
from projections.limits import AT_LEAST_WAIT_MS
from projections.offering import check, check_series, day_slots, everybodys_day, month
from projections.projector import Behind, Projector, Told
from projections.questions import (
    AccessAnswer,
    AccessOf,
    Booking,
    CatalogAnswer,
    CatalogOf,
    Check,
    CheckSeries,
    DaySlots,
    EverybodysDay,
    Happened,
    History,
    Month,
    NumbersOf,
    Question,
    Range,
    RoomOf,
    Search,
    Shown,
    ShownAnswer,
    Since,
    SinceAnswer,
    TicketOf,
    Tickets,
    TurnOf,
    Unanswered,
    WhichDays,
)
from projections.questions import Bookings as AskBookings
from projections.questions import Rooms as AskRooms
from projections.quotas import Quotas
from projections.recent import Recent
from projections.rooms import Rooms
from projections.space import range_of
from projections.topics import shown
from projections.which_days import which_days


class ReadModels:
    """`recent` is what was published of what is `told`; without it only who stands where a topic is may go on."""

    def __init__(
        self, events: EventLog, shelf: Shelf, clock: Clock, told: Told | None = None, recent: Recent | None = None
    ) -> None:
        self.catalogs: Final = Catalogs()
        self.availability: Final = Availability()
        self.bookings: Final = Bookings()
        self.quotas: Final = Quotas()
        self.rooms: Final = Rooms()
        self.accesses: Final = Accesses()
        folds = (self.catalogs, self.availability, self.bookings, self.quotas, self.rooms, self.accesses)
        self.projector: Final = Projector(events, shelf, folds, told)
        self._recent: Final = Recent() if recent is None else recent
        self._events: Final = events
        self._clock: Final = clock

    async def answer(self, asked: Question) -> Any:
        """The answer, from a state that is not older than asked for; `Unanswered`, or what the calendar says of a bad
        date or zone."""
        if not await self.projector.there_is(asked.at_least):
            raise Behind(f"asked for sequence {asked.at_least}, which nobody has written")
        await self.projector.reached(asked.at_least, AT_LEAST_WAIT_MS)
        if (why := self.projector.broken.get(asked.org)) is not None:
            raise Unanswered("not_folded", why, "ours")
        if isinstance(asked, History):
            return await self._history(asked)
        return self.answer_now(asked)

    def answer_now(self, asked: Question) -> Any:
        catalog, now = self.catalogs.of(asked.org), self._clock()
        sequence = self.projector.sequence
        match asked:
            case DaySlots():
                return day_slots(self, catalog, asked, now)
            case EverybodysDay():
                return everybodys_day(self, catalog, asked, now)
            case Month():
                return month(self, catalog, asked, now)
            case Range():
                return range_of(self.availability, catalog, asked)
            case Check():
                return check(self, catalog, asked, now)
            case CheckSeries():
                return check_series(self, catalog, asked, now)
            case WhichDays():
                return which_days(self.availability, catalog, asked, now)
            case Booking():
                kept = self.bookings.of(asked.org).kept.get(asked.id)
                return None if kept is None else kept.row()
            case AskBookings():
                return finding.bookings(self.bookings.of(asked.org), asked, sequence)
            case Search():
                return finding.search(self.bookings.of(asked.org), catalog, asked, sequence)
            case Shown():
                return self._shown(asked)
            case Since():
                return self._since(asked)
            case CatalogOf():
                if asked.event_types or asked.resources:
                    catalog = part_of(catalog, asked.event_types, asked.resources)
                return CatalogAnswer(catalog, self.catalogs.sequence_of(asked.org))
            case AccessOf():
                access = self.accesses.of(asked.org)
                keys = tuple(access.keys[id] for id in sorted(access.keys))
                issuers = tuple(access.issuers[id] for id in sorted(access.issuers))
                return AccessAnswer(keys, issuers, self.accesses.sequence_of(asked.org))
            case AskRooms():
                return waiting.rooms_of(self.rooms, asked.org)
            case RoomOf():
                return waiting.room_of(self.rooms, asked.org, asked.room, now)
            case TicketOf():
                return waiting.ticket_answer(self.rooms, asked, now)
            case Tickets():
                return waiting.ticket_answers(self.rooms, asked, now)
            case TurnOf():
                return waiting.turn_of(self.rooms, asked, now)
            case NumbersOf():
                return waiting.numbers_of(self.rooms, asked.org, asked.room, now)
            case _:
                raise Unanswered("unknown_question", f"nobody answers {type(asked).__name__}")

    def _shown(self, asked: Shown) -> ShownAnswer:
        epoch = self.projector.epoch
        return shown(self.accesses, self.catalogs, self.availability, self.bookings, self.rooms, asked, epoch)

    def _since(self, asked: Since) -> SinceAnswer | None:
        """All that was told since, or none where that is not known for sure."""
        epoch, now = self.projector.epoch, self._shown(Shown(org=asked.org, topic=asked.topic)).position
        if asked.position == now:
            return SinceAnswer((), now)
        at, here = sequence_at(epoch, asked.position), sequence_at(epoch, now)
        missed = None if at is None or here is None else self._recent.since(asked.org, asked.topic, at, here)
        return None if missed is None else SinceAnswer(missed.deltas, position(epoch, missed.through))

    async def _history(self, asked: History) -> tuple[Happened, ...]:
        owner = owner_of(asked.org, asked.id)
        if not is_actor(owner):
            return ()
        found: list[Happened] = []
        async for recorded in self._events.read_actor(owner):
            commit = day.FACTS.read(recorded.body)
            for decided in commit.decided:
                for fact in decided.facts:
                    if (told := _said(fact, asked.id)) is not None:
                        found.append(Happened(recorded.sequence, commit.at, decided.by, *told))
        return tuple(found)


def _said(fact: day.DayFact, booking: str) -> tuple[str, dict[str, Any]] | None:
    """The fact's name and what it says, if it is about the booking; without what proves who somebody is."""
    if (fact.booking.id if isinstance(fact, BookingMade) else getattr(fact, "booking", "")) != booking:
        return None
    says = msgspec.to_builtins(fact)
    name = str(says.pop("fact"))
    if isinstance(fact, BookingMade):
        for secret in ("token_hash", "session"):
            says["booking"].pop(secret)
    return name, says
