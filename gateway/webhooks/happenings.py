"""What is told: which facts are happenings, and how each is spelled.

It follows from the commit alone. A happening has the same id and the same body at every attempt, for every endpoint,
after a restart and from any courier, because nothing is looked up: the body tells what the fact says, and whoever wants
to know how things are by now asks. The id says the commit and the fact in it (`4711-0`); what becomes two happenings,
or more tickets than one body holds, has a third number (`4711-0-1`).

What hangs together is told in order: all of one booking, all of one standby, all of one room and its tickets. That is
the `entity`. Facts of one kind about tickets that follow each other in a commit are one happening with many tickets:
a rush calls hundreds a second. Turns (`turn.near`, `turn.now`) are of those alone who left an address when they
joined, one happening and one entity for each ticket: they are what letters are written about, and no letter is to wait
for that of somebody else.

Sessions, hashes of tokens and of codes, and secrets of draws are in no body, and no address of whoever stands in line;
names and addresses of bookers are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import count, islice
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from events import day, room
from events.clock import Instant, iso
from events.codec import numbers_of
from events.commit import Commit
from events.day import Booker, Wish
from events.errors import ChainBroken
from events.facts import Fact, FactSet
from events.log import Recorded
from events.names import kind_of, org_of
from events.webhooks import TEST, Place
from gateway.webhooks.limits import TICKETS_PER_BODY_MAX
from projections.folding import position

_TRIAL: Final = re.compile(r"test-(\d{1,14})", re.ASCII)
_READS: Final[dict[str, FactSet[Any]]] = {"day": day.FACTS, "room": room.FACTS}


class Happening(NamedTuple):
    """`order` sorts the happenings of a log as they happened."""

    id: str
    event: str
    entity: str
    order: Place
    body: bytes


class _Told(NamedTuple):
    event: str
    entity: str
    data: dict[str, Any]


def happenings(
    recorded: Recorded,
    epoch: str,
    wanted: Callable[[str], bool] = lambda _event: True,
    among: Container[str] | None = None,
) -> Iterator[Happening]:
    """What the commit tells of the events that are wanted, in order; `among` these ids, if they are given. `epoch` is
    the log's short name. Each is spelled when it is asked for: one commit may tell tens of thousands."""
    facts = _READS.get(kind_of(recorded.actor))
    if facts is None:
        return
    try:
        commit: Commit[Any] = facts.read(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ChainBroken(f"the commit at sequence {recorded.sequence} cannot be read: {error}") from error
    org, sequence = org_of(recorded.actor), recorded.sequence
    for number, part, told in _told(recorded.actor, [fact for one in commit.decided for fact in one.facts]):
        if not wanted(told.event):
            continue
        id = f"{sequence}-{number}-{part}" if part else f"{sequence}-{number}"
        if among is None or id in among:
            body = _body(id, told, org, commit.at, position(epoch, sequence))
            yield Happening(id, told.event, told.entity, (sequence, number, part), body)


def trial(id: str, org: str, endpoint: str, epoch: str) -> Happening | None:
    """What `test-<instant>` stands for; None for any other id. It happened nowhere in the log."""
    spelled = _TRIAL.fullmatch(id)
    if spelled is None:
        return None
    at = int(spelled[1])
    told = _Told(TEST, f"webhook/{endpoint}", {"endpoint": endpoint})
    return Happening(id, TEST, told.entity, (0, at, 0), _body(id, told, org, at, position(epoch, 0)))


def sequence_of(id: str) -> int:
    """Which commit a happening is in; 0 when it is none of the log's."""
    head = id.partition("-")[0]
    return int(head) if head.isascii() and head.isdecimal() else 0


def _body(id: str, told: _Told, org: str, at: Instant, where: str) -> bytes:
    return orjson.dumps(
        {
            "id": id,
            "type": told.event,
            "org": org,
            "at": iso(at),
            "position": where,
            "entity": told.entity,
            "data": told.data,
        }
    )


def _told(actor: str, facts: list[Fact]) -> Iterator[tuple[int, int, _Told]]:
    """With the number of the fact, and the part of it."""
    place = actor.split(".")[2]
    number = 0
    while number < len(facts):
        fact = facts[number]
        following = number + 1
        if (tickets := _TICKETS.get(type(fact))) is not None:
            event, entries = tickets
            while following < len(facts) and type(facts[following]) is type(fact):
                following += 1
            every = (entry for one in facts[number:following] for entry in entries(place, one))
            parts = count()
            while some := list(islice(every, TICKETS_PER_BODY_MAX)):
                yield number, next(parts), _Told(event, f"room/{place}", {"room": place, "tickets": some})
            for turn in _turns(place, facts[number:following]):
                yield number, next(parts), turn
        elif isinstance(fact, room.TurnsNear):
            for part, ticket in enumerate(fact.tickets):
                yield number, part, _turn("near", f"{place}.{ticket}", {"lane": fact.lane})
        elif actor.split(".")[1] == "room":
            if (told := _of_room(place, fact)) is not None:
                yield number, 0, told
        else:
            for part, told in enumerate(_of_day(fact)):
                yield number, part, told
        number = following


# Bookings and standby


def _of_day(fact: Fact) -> Iterator[_Told]:
    match fact:
        case day.BookingMade(made):
            yield _booking("created", made.id, _made(made))
            if made.status in {"pending", "confirmed"}:
                yield _booking(made.status, made.id, {"until": _at(made.until)} if made.status == "pending" else {})
        case day.BookingPending(id, until):
            yield _booking("pending", id, {"until": _at(until)})
        case day.BookingConfirmed(id):
            yield _booking("confirmed", id, {})
        case day.BookingDeclined(id, reason):
            yield _booking("declined", id, {"reason": reason})
        case day.BookingCancelled(id, reason):
            yield _booking("cancelled", id, {"reason": reason})
        case day.BookingMoved(id, wish, _, version):
            yield _booking("rescheduled", id, {**_wish(wish), "version": version})
        case day.BookingCompleted(id):
            yield _booking("completed", id, {})
        case day.BookingMissed(id):
            yield _booking("no_show", id, {})
        case day.BookingLapsed(id):
            yield _booking("lapsed", id, {})
        case day.ReminderDue(id, minutes):
            yield _booking("reminder", id, {"minutes": minutes})
        case day.StandbyJoined(id, _, booker, wish):
            yield _standby("joined", id, {**_wish(wish), "booker": _booker(booker)})
        case day.OfferMade(id, until):
            yield _standby("offered", id, {"until": iso(until)})
        case day.OfferTaken(id, booking):
            yield _standby("taken", id, {"booking": booking})
        case day.OfferLapsed(id):
            yield _standby("lapsed", id, {})
        case day.StandbyLeft(id):
            yield _standby("left", id, {})
        case _:
            return


def _booking(what: str, id: str, data: dict[str, Any]) -> _Told:
    return _Told(f"booking.{what}", f"booking/{id}", {"booking": id, **data})


def _standby(what: str, id: str, data: dict[str, Any]) -> _Told:
    return _Told(f"standby.{what}", f"standby/{id}", {"standby": id, **data})


def _made(made: day.Booking) -> dict[str, Any]:
    return {
        "status": made.status,
        **_wish(made.wish),
        "booker": _booker(made.booker),
        "answers": dict(made.answers),
        "until": _at(made.until),
    }


def _wish(wish: Wish) -> dict[str, Any]:
    return {
        "event_type": wish.event_type,
        "start": iso(wish.start),
        "minutes": wish.minutes,
        "items": [{"resource": item.resource, "units": item.units} for item in wish.items],
    }


def _booker(booker: Booker) -> dict[str, str]:
    return {"name": booker.name, "email": booker.email, "phone": booker.phone}


# Rooms and their tickets


def _of_room(name: str, fact: Fact) -> _Told | None:
    match fact:
        case room.RoomPut(settings):
            data = {
                "title": settings.title,
                "announcement": settings.announcement,
                "capacity": settings.capacity,
                "per_minute": settings.per_minute,
            }
            return _Told("room.put", f"room/{name}", {"room": name, **data})
        case room.PhaseEntered(phase):
            return _Told("room.phase", f"room/{name}", {"room": name, "phase": phase})
        case room.Drawn(seed=seed, counts=counts):
            return _Told("room.drawn", f"room/{name}", {"room": name, "seed": seed, "counts": dict(counts)})
        case _:
            return None


def _turns(name: str, facts: Iterable[Fact]) -> Iterator[_Told]:
    for fact in facts:
        if isinstance(fact, room.TicketsCalled) and fact.reachable:
            until = iso(fact.until)  # once: there may be thousands
            for at in numbers_of(fact.reachable):
                yield _turn("now", f"{name}.{fact.tickets[at]}", {"lane": fact.lane, "until": until})


def _turn(when: str, ticket: str, data: dict[str, Any]) -> _Told:
    return _Told(f"turn.{when}", f"ticket/{ticket}", {"room": ticket.partition(".")[0], "ticket": ticket, **data})


def _called(name: str, fact: Any) -> Iterator[dict[str, Any]]:
    until = iso(fact.until)
    for ticket in fact.tickets:
        yield {"ticket": f"{name}.{ticket}", "lane": fact.lane, "until": until}


def _claimed(name: str, fact: Any) -> Iterator[dict[str, Any]]:
    yield {"ticket": f"{name}.{fact.ticket}", "until": iso(fact.until), "until_max": iso(fact.until_max)}


def _missed(name: str, fact: Any) -> Iterator[dict[str, Any]]:
    for tickets, again in ((fact.again, True), (fact.out, False)):
        for ticket in tickets:
            yield {"ticket": f"{name}.{ticket}", "again": again}


def _exited(name: str, fact: Any) -> Iterator[dict[str, Any]]:
    yield {"ticket": f"{name}.{fact.ticket}", "revoked": fact.revoked}


def _expired(name: str, fact: Any) -> Iterator[dict[str, Any]]:
    for ticket in fact.tickets:
        yield {"ticket": f"{name}.{ticket}"}


_Entries = Callable[[str, Any], Iterable[dict[str, Any]]]
_TICKETS: Final[dict[type[Fact], tuple[str, _Entries]]] = {
    room.TicketsCalled: ("ticket.called", _called),
    room.TicketClaimed: ("ticket.claimed", _claimed),
    room.TicketsMissed: ("ticket.missed", _missed),
    room.TicketExited: ("ticket.exited", _exited),
    room.PassesExpired: ("ticket.expired", _expired),
}


def _at(instant: Instant | None) -> str | None:
    return None if instant is None else iso(instant)
