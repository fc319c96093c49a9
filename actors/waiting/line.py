"""A line's shard: it numbers those who join, and knows who of them is there.

It decides by its room: whether it lets anybody join, which lanes there are, whom it has called. So a ticket is over for
the line when it has left, expired, or when the room has called it and is done with it. Whoever is not over keeps their
ticket, however often they ask.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from pyroaring import BitMap

from actors.decider import Consulted, Decider, Decision, Refusal, Tick
from actors.text import is_email
from actors.waiting.commands import Join, Leave, Present, Remove, ShowLine, Touch
from actors.waiting.lifecycle import JOINS
from actors.waiting.limits import FORGOTTEN_AT_ONCE_MIN, LIVING_PER_SHARD_MAX, PRESENT_BYTES_MAX
from actors.waiting.presence import NOBODY, Presence, Seen
from actors.waiting.queue import Shard
from actors.waiting.standing import Room
from events.clock import Instant
from events.codec import numbers_of, spelled
from events.line import FACTS, Expired, Forgotten, Joined, Left, LineFact, Returned, WentAbsent
from events.room import ORDINARY
from events.waiting.sessions import (
    KEY_CHARACTERS_MAX,
    KEY_CHARACTERS_MIN,
    NUMBERS_MAX,
    Ticket,
    hidden,
    room_actor,
    session_of,
    shard_named,
    shard_of,
    ticket_of,
)
from events.waiting.work import WORK_MINUTES_MAX, flaw_of

LineCommand: TypeAlias = Join | Touch | Present | Leave | Remove | ShowLine
By: TypeAlias = Consulted[Room, Presence]
Answer: TypeAlias = Decision[LineFact] | Refusal

PERIOD_MS: Final = 60_000
"""How soon a host that knows nothing of a shard yet looks after it."""
SLACK: Final = 1_024
"""So many sessions that are over may be remembered beyond as many as are living."""


class Away(msgspec.Struct):
    """They fell silent together, and keep their places through `until`."""

    until: Instant
    numbers: BitMap


class Line(msgspec.Struct):
    room: str
    shard: int
    next: int = 0
    living: BitMap = msgspec.field(default_factory=BitMap)
    absent: BitMap = msgspec.field(default_factory=BitMap)
    away: list[Away] = []
    """The same, by when they fell silent."""
    sessions: dict[str, int] = {}
    """Each session's last ticket, which may be over."""
    identities: dict[str, int] = {}
    works: dict[str, int] = {}
    """Work that was done by whom, and in which minute: good once."""
    changed_at: Instant = 0

    def ticket(self, number: int) -> Ticket:
        return Ticket(self.room, self.shard, number)


def decide(line: Line, command: LineCommand | Tick, at: Instant, by: By) -> Answer:
    seen = by.state.shard(line.shard)
    match command:
        case Join():
            return _join(line, seen, command, at, by)
        case Touch(ticket, key):
            number = _own(line, seen, ticket, key, by.state)
            return number if isinstance(number, Refusal) else _alive(line, BitMap([number]), by, {"ticket": ticket})
        case Present(numbers):
            if len(numbers) > PRESENT_BYTES_MAX:
                return Refusal("too_many_present", f"a report is at most {PRESENT_BYTES_MAX} bytes")
            try:
                present = numbers_of(numbers)
            except ValueError as error:
                return Refusal("bad_numbers", str(error))
            return _alive(line, present & line.living, by, {"living": len(line.living)})
        case Leave(ticket, key):
            number = _own(line, seen, ticket, key, by.state)
            return number if isinstance(number, Refusal) else Decision((Left(number),), {"ticket": ticket})
        case Remove(ticket):
            number = _named(line, ticket)
            if isinstance(number, Refusal):
                return number
            return Decision((Left(number),) if number in line.living else (), {"ticket": ticket})
        case ShowLine():
            return Decision(reply=shown(line))
        case Tick():
            return _look_around(line, seen, at, by)


def shown(line: Line) -> dict[str, int]:
    return {"joined": line.next, "living": len(line.living), "absent": len(line.absent)}


# Joining


def _join(line: Line, seen: Shard, command: Join, at: Instant, by: By) -> Answer:
    room = by.state
    if not KEY_CHARACTERS_MIN <= len(command.key) <= KEY_CHARACTERS_MAX:
        return Refusal("bad_key", f"a key has between {KEY_CHARACTERS_MIN} and {KEY_CHARACTERS_MAX} characters")
    if by.sequence < command.room:
        return Refusal("behind", "this line has not heard of the room's last change yet", "busy", 50)
    if not room.exists:
        return Refusal("unknown_room", f"there is no room {line.room!r}")
    session = session_of(command.key)
    number = line.sessions.get(session)
    if number is not None and not _is_over(line, seen, number, room):
        return _alive(line, BitMap([number]), by, {"ticket": line.ticket(number).id, "new": False})
    refusal = _unwelcome(line, seen, session, command, at, by)
    if refusal is not None:
        return refusal
    identity = hidden(command.identity) if room.settings.one_per_identity else ""
    work = command.work if room.settings.work_bits else ""
    joined = Joined(line.next, session, by.sequence, command.lane, identity, work, command.email)
    last = (number, line.identities.get(identity))
    over = BitMap(one for one in last if one is not None and one in line.living)
    before = (Forgotten(spelled(over)),) if over else ()
    here = Seen(BitMap([line.next]), _period_ms(room))
    return Decision((*before, joined), {"ticket": line.ticket(line.next).id, "new": True}, here)


def _unwelcome(line: Line, seen: Shard, session: str, command: Join, at: Instant, by: By) -> Refusal | None:
    """Why there is no ticket, if there is none."""
    room, settings = by.state, by.state.settings
    if room.phase not in JOINS:
        match room.phase:
            case "scheduled":
                return Refusal("room_not_open", f"the room {line.room!r} has not opened yet", "late")
            case "draining":
                return Refusal("room_draining", f"nobody joins the room {line.room!r} any more", "late")
            case _:
                return Refusal("room_closed", f"the room {line.room!r} is closed", "late")
    if command.email and not is_email(command.email):
        return Refusal("bad_email", "that is no e-mail address")
    if settings.one_per_identity and not command.identity:
        return Refusal("identity_needed", "this room wants to know who is who")
    whose = hidden(command.identity) if settings.one_per_identity else session
    if line.shard >= settings.shards or shard_of(whose, settings.shards) != line.shard:
        return Refusal("wrong_shard", f"this one stands in another of the {settings.shards} shards")
    if command.lane != ORDINARY:
        lane = next((one for one in settings.lanes if one.id == command.lane), None)
        if lane is None:
            return Refusal("unknown_lane", f"there is no lane {command.lane!r}")
        if hidden(command.code) not in lane.codes:
            return Refusal("wrong_code", f"that code does not open the lane {command.lane!r}")
    has = line.identities.get(whose) if settings.one_per_identity else None
    if has is not None and not _is_over(line, seen, has, room):
        return Refusal("identity_has_place", "whoever that is has a place already, from another session")
    if settings.work_bits:
        if _work_key(whose, command.work) in line.works:
            return Refusal("work_replayed", "that work was used before")
        match flaw_of(line.room, whose, command.work, settings.work_bits, at):
            case "missing":
                return Refusal("work_needed", f"this room asks for work of {settings.work_bits} bits")
            case "forged":
                return Refusal("work_forged", f"that is not work of {settings.work_bits} bits by this session")
            case "stale":
                return Refusal("work_stale", f"work is good for {WORK_MINUTES_MAX} minutes", "late")
    waiting = len(line.living) - line.living.intersection_cardinality(seen.served)
    if waiting >= room.share_of(line.shard) or len(line.living) >= LIVING_PER_SHARD_MAX or line.next >= NUMBERS_MAX:
        return Refusal("queue_full", "the line is full: try again later", "busy", 5_000)
    return None


# Tickets


def _named(line: Line, id: str) -> int | Refusal:
    ticket = ticket_of(id)
    if ticket is None or (ticket.room, ticket.shard) != (line.room, line.shard) or ticket.number >= line.next:
        return Refusal("unknown_ticket", f"there is no ticket {id!r} here")
    return ticket.number


def _own(line: Line, seen: Shard, id: str, key: str, room: Room) -> int | Refusal:
    """The number of a ticket that is not over, for whoever has its key."""
    number = _named(line, id)
    if isinstance(number, Refusal):
        return number
    if line.sessions.get(session_of(key)) != number:
        return Refusal("not_your_ticket", f"{id!r} is somebody else's, or was given up")
    if _is_over(line, seen, number, room):
        return Refusal("ticket_over", f"{id!r} is over", "late")
    return number


def _is_over(line: Line, seen: Shard, number: int, room: Room) -> bool:
    """Left, expired, or served and through; or the room has closed, and they are not in."""
    return number not in line.living or seen.is_over(number) or (room.phase == "closed" and number not in seen.inside)


def _alive(line: Line, numbers: BitMap, by: By, reply: dict[str, object]) -> Answer:
    returned = numbers & line.absent
    facts = (Returned(spelled(returned)),) if returned else ()
    return Decision(facts, reply, Seen(numbers, _period_ms(by.state)))


def _period_ms(room: Room) -> int:
    return room.settings.absent_after_s * 1000


def _look_around(line: Line, seen: Shard, at: Instant, by: By) -> Answer:
    """Who has fallen silent, who has been away for too long, and who is through with the room."""
    period_ms = _period_ms(by.state)
    through = line.living if by.state.phase == "closed" else line.living & seen.served
    over = through - seen.inside
    called = line.absent & seen.served
    due = [one.numbers for one in line.away if one.until < at]
    expired = BitMap.union(*due) - called - over if due else NOBODY
    waiting = line.living - seen.served - over
    silent = by.leases.missed(waiting - line.absent, at, period_ms)
    facts: list[LineFact] = []
    if called:
        facts.append(Returned(spelled(called)))  # they cannot be away: the room has called them
    if expired:
        facts.append(Expired(spelled(expired)))
    if silent:
        facts.append(WentAbsent(spelled(silent), at + by.state.settings.absence_max_s * 1000))
    if over and (facts or len(over) >= FORGOTTEN_AT_ONCE_MIN or not waiting):
        facts.append(Forgotten(spelled(over)))
    return Decision(tuple(facts), None, Seen(NOBODY, period_ms, looked=True))


# What becomes of it


def evolve(line: Line, fact: LineFact, at: Instant) -> Line:
    line.changed_at = at
    match fact:
        case Joined(number, session, identity=identity, work=work):
            line.next = number + 1
            line.living.add(number)
            line.sessions[session] = number
            if identity:
                line.identities[identity] = number
            if work:
                _remember_work(line, identity or session, work)
            if len(line.sessions) > 2 * len(line.living) + SLACK:
                line.sessions = {one: last for one, last in line.sessions.items() if last in line.living}
                line.identities = {one: last for one, last in line.identities.items() if last in line.living}
        case Left(number):
            _end(line, BitMap([number]))
        case Expired(numbers) | Forgotten(numbers):
            _end(line, numbers_of(numbers))
        case WentAbsent(numbers, until):
            line.away.append(Away(until, numbers_of(numbers)))
            line.absent |= line.away[-1].numbers
        case Returned(numbers):
            _back(line, numbers_of(numbers))
    return line


def _end(line: Line, numbers: BitMap) -> None:
    line.living -= numbers
    _back(line, numbers)


def _back(line: Line, numbers: BitMap) -> None:
    if line.absent.isdisjoint(numbers):
        return
    line.absent -= numbers
    for one in line.away:
        one.numbers -= numbers
    line.away = [one for one in line.away if one.numbers]


def _work_key(whose: str, work: str) -> str:
    return f"{whose}:{work}"


def _remember_work(line: Line, whose: str, work: str) -> None:
    minute = int(work.partition(":")[0])
    line.works[_work_key(whose, work)] = minute
    if len(line.works) % SLACK == 0:
        newest = max(line.works.values())
        line.works = {one: done for one, done in line.works.items() if done > newest - 2 * WORK_MINUTES_MAX}


def wake(line: Line) -> Instant | None:
    """When somebody who knows nothing of presence should look."""
    return _next_look(line, line.changed_at + PERIOD_MS)


def leased(line: Line, presence: Presence) -> Instant | None:
    return _next_look(line, presence.look_at(PERIOD_MS))


def _next_look(line: Line, who_is_missed: Instant) -> Instant | None:
    """When the first absence is over, or when to look who is missed, if anybody can be."""
    expires = min((one.until + 1 for one in line.away), default=None)
    if len(line.living) == len(line.absent):
        return expires
    return who_is_missed if expires is None else min(who_is_missed, expires)


def _initial(actor: str) -> Line:
    room, shard = actor.split(".")[2:4]
    return Line(room, shard_named(shard))


def _room_of(actor: str) -> str:
    org, _, room = actor.split(".")[:3]
    return room_actor(org, room)


LINE: Final[Decider[Line, LineCommand, LineFact, By]] = Decider(
    kind="line",
    parts=("room", "shard"),
    commands=(Join, Touch, Present, Leave, Remove, ShowLine),
    facts=FACTS,
    state=Line,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    wake=wake,
    policy=Consulted(Room(""), Presence()),
    consults="room",
    consulted=_room_of,
    leased=leased,
    leasing=Presence,
)
