"""How a room stands: what its own commits have made of it.

It is whole in one module because every fact touches the same counts: who waits, who is called, who is in. They follow
from the shards' bitmaps, and are kept beside them because every decision asks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec
from pyroaring import BitMap

from actors.waiting.limits import IN_AT_ONCE_MAX
from actors.waiting.pace import Pace
from actors.waiting.queue import Place, Queue, Shard
from actors.waiting.turnout import Turnout
from events.clock import Instant
from events.codec import numbers_of
from events.room import (
    ORDINARY,
    ClaimWaits,
    Drawn,
    Heard,
    LinesHeard,
    PassesExpired,
    PassProlonged,
    Phase,
    PhaseEntered,
    RoomFact,
    RoomPut,
    RoomSettings,
    SecretCommitted,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
    TurnsNear,
)
from events.waiting.sessions import TAG_DIGITS, place_of

_NO_SHARD: Final = Shard()


class Call(msgspec.Struct, gc=False, array_like=True):
    """Somebody who is called, through `until`; or, if they are there and have to wait for a seat, for as long as that
    takes."""

    until: Instant
    lane: str
    place: Place
    since: Instant
    window_ms: int
    again: bool
    claiming: bool = False


class Seat(msgspec.Struct, gc=False, array_like=True):
    """Somebody who is in."""

    since: Instant
    until: Instant
    until_max: Instant
    tag: str


class Room(msgspec.Struct):
    id: str
    exists: bool = False
    settings: RoomSettings = RoomSettings()
    phase: Phase = "scheduled"
    entered_at: Instant = 0
    """When it entered that."""
    commitment: str = ""
    drawn: bool = False
    heard: int = 0
    shards: list[Shard] = []
    queues: dict[str, Queue] = {}
    waiting: dict[str, int] = {}
    """By lane, how many wait and are there."""
    called: dict[str, Call] = {}
    claiming: list[str] = []
    """Those of them who wait for a seat, in the order in which they came."""
    active: dict[str, Seat] = {}
    agenda: list[tuple[Instant, str]] = []
    """A heap of ends, of which the first is a true one."""
    missed_once: dict[str, None] = {}
    waiting_since: Instant = 0
    """When somebody came while nobody waited, the last time."""
    calls: Pace = msgspec.field(default_factory=Pace)
    claims: Pace = msgspec.field(default_factory=Pace)
    owed: int = 0
    turnout: Turnout = msgspec.field(default_factory=Turnout)

    def shard(self, index: int) -> Shard:
        return self.shards[index] if 0 <= index < len(self.shards) else _NO_SHARD

    def share_of(self, index: int) -> int:
        """How long the line may be in one shard."""
        settings = self.settings
        return settings.queue_max // settings.shards + (index < settings.queue_max % settings.shards)

    @property
    def seats(self) -> int:
        return self.settings.capacity or IN_AT_ONCE_MAX

    @property
    def lanes(self) -> list[str]:
        """In the order in which they go. In one that was taken away somebody may stand who was on the way meanwhile,
        or who missed a call."""
        known = [lane.id for lane in self.settings.lanes]
        return [*known, *sorted(self.queues.keys() - known - {ORDINARY}), ORDINARY]

    @property
    def somebody_waits(self) -> bool:
        return any(count > 0 for count in self.waiting.values())

    @property
    def is_empty(self) -> bool:
        """Nobody is in the line, absent ones included, and nobody is on the way in."""
        return not self.called and all(
            shard.count == shard.served.union_cardinality(shard.gone) for shard in self.shards
        )

    def in_lane(self, lane: str) -> bool:
        """Whether somebody stands in this lane, absent or not."""
        return any(
            (members := shard.lanes.get(lane)) is not None and bool(members - shard.served - shard.gone)
            for shard in self.shards
        )

    def next_end(self) -> Instant | None:
        """Through when the first of those stands who are called or in."""
        return self.agenda[0][0] if self.agenda else None


def ends(room: Room, at: Instant, most: int) -> Iterator[str]:
    """Those who are called or in, and whose time has passed. Of a heap, only what is due is looked at; what ended
    otherwise meanwhile may stand in it still, and counts for nothing."""
    agenda, over, looking = room.agenda, set[tuple[Instant, str]](), [0]
    while looking and len(over) < most:
        index = looking.pop()
        if index < len(agenda) and agenda[index][0] < at:
            until, ticket = agenda[index]
            if _stands_until(room, ticket) == until:
                over.add(agenda[index])
            looking += (2 * index + 1, 2 * index + 2)
    return (ticket for _, ticket in sorted(over))


def _stands_until(room: Room, ticket: str) -> Instant | None:
    """Through when the ticket stands as it is; None when nothing ends it by itself."""
    seat = room.active.get(ticket)
    if seat is not None:
        return seat.until
    call = room.called.get(ticket)
    return None if call is None or call.claiming else call.until


def evolve(room: Room, fact: RoomFact, at: Instant) -> Room:
    match fact:
        case LinesHeard(heard, reachable):
            if not room.somebody_waits:
                room.waiting_since = at
            for index, numbers in reachable:
                room.shards[index].reachable |= numbers_of(numbers)
            for one in heard:
                _hear(room, one)
            if room.phase == "closed":  # it listens for those inside; whoever joined meanwhile came too late
                _close(room)
        case TurnsNear(lane, tickets):
            room.queues[lane].told(tickets)
        case TicketsCalled(lane, tickets, until, owed):
            _call(room, lane, tickets, until, at)
            room.owed = owed
        case TicketClaimed(ticket, until, until_max):
            call = room.called.pop(ticket)
            if call.claiming:
                room.claiming.remove(ticket)
            else:
                _came(room, call, at)
            room.missed_once.pop(ticket, None)
            room.active[ticket] = Seat(at, until, until_max, call.place.tag)
            room.claims.add(at, 1)
            heapq.heappush(room.agenda, (until, ticket))
        case PassProlonged(ticket, until):
            room.active[ticket].until = until
            heapq.heappush(room.agenda, (until, ticket))
        case ClaimWaits(ticket):
            _came(room, room.called[ticket], at)
            room.called[ticket].claiming = True
            room.claiming.append(ticket)
        case TicketsMissed(again, out):
            for ticket in again:
                _miss(room, ticket, again=True)
            for ticket in out:
                _miss(room, ticket, again=False)
        case PassesExpired(tickets):
            for ticket in tickets:
                _end(room, ticket)
        case TicketExited(ticket):
            _end(room, ticket)
        case RoomPut(settings):
            room.exists, room.settings = True, settings
            if len(room.shards) != settings.shards:
                room.shards = [Shard() for _ in range(settings.shards)]  # nobody has joined yet, or it could not change
        case SecretCommitted(commitment):
            room.commitment = commitment
        case PhaseEntered(phase):
            room.phase, room.entered_at = phase, at
            if phase == "closed":
                _close(room)
        case Drawn(seed=seed):
            room.drawn = True
            for lane, queue in room.queues.items():
                queue.shuffle(seed, lane)
    while room.agenda and _stands_until(room, room.agenda[0][1]) != room.agenda[0][0]:
        heapq.heappop(room.agenda)
    return room


# What the lines said


def _hear(room: Room, heard: Heard) -> None:
    room.heard = heard.sequence
    if not 0 <= heard.shard < len(room.shards):
        return  # a question to a line that is no shard of this room's was stored along with something else
    shard = room.shards[heard.shard]
    if heard.sequence <= shard.heard or (heard.tags and heard.first != shard.count):
        raise ValueError(f"shard {heard.shard} was heard up to {shard.heard}, {shard.count} tickets")
    shard.heard, shard.head = heard.sequence, heard.head
    begin = 0
    for lane, count in heard.lanes:
        first = heard.first + begin
        queue = room.queues.setdefault(lane, Queue())
        tags = heard.tags[begin * TAG_DIGITS : (begin + count) * TAG_DIGITS]
        queue.append(heard.shard, first, count, tags, shard.reachable)
        if lane != ORDINARY:
            shard.lanes.setdefault(lane, BitMap()).add_range(first, first + count)
        room.waiting[lane] = room.waiting.get(lane, 0) + count
        begin += count
    shard.count += begin
    if heard.absent:
        absent = shard.waiting(numbers_of(heard.absent))
        _count(room, shard, absent, -1)
        shard.absent |= absent
    if heard.returned:
        back = numbers_of(heard.returned) & shard.absent
        shard.absent -= back
        _count(room, shard, shard.waiting(back), +1)
        for queue in room.queues.values():
            queue.returned(_tickets(heard.shard, back))
    if heard.expired:
        _gone(room, heard.shard, numbers_of(heard.expired))  # who is called or in stays so, and does not wait again
    if heard.left:
        left = numbers_of(heard.left)
        for ticket in _tickets(heard.shard, left & shard.inside):
            _end(room, ticket)
        _gone(room, heard.shard, left - shard.served)


def _gone(room: Room, index: int, numbers: BitMap) -> None:
    shard = room.shards[index]
    _count(room, shard, shard.waiting(numbers), -1)
    shard.gone |= numbers
    shard.absent -= numbers
    if room.missed_once:
        for ticket in _tickets(index, numbers):
            room.missed_once.pop(ticket, None)
    reachable = numbers & shard.reachable
    for queue in room.queues.values():
        queue.dropped(_tickets(index, numbers))
        queue.gone(index, reachable)


def _count(room: Room, shard: Shard, numbers: BitMap, sign: int) -> None:
    """So many more, or fewer, wait in each lane."""
    left = len(numbers)
    if not left:
        return
    for lane, members in shard.lanes.items():
        some = numbers.intersection_cardinality(members)
        room.waiting[lane] = room.waiting.get(lane, 0) + sign * some
        left -= some
    room.waiting[ORDINARY] = room.waiting.get(ORDINARY, 0) + sign * left


def _tickets(shard: int, numbers: Iterable[int]) -> Iterator[str]:
    return (f"{shard}.{number}" for number in numbers)


# Calls, and what becomes of them


def may_go_again(room: Room, ticket: str) -> bool:
    """Of one whose call is missed: whether it was the first, and the line has not given them up meanwhile."""
    index, number = place_of(ticket)
    return ticket not in room.missed_once and number not in room.shards[index].gone


def _call(room: Room, lane: str, tickets: tuple[str, ...], until: Instant, at: Instant) -> None:
    queue, shards, window_ms = room.queues[lane], room.shards, until - at
    for again, some in groupby(tickets, key=room.missed_once.__contains__):
        called = list(some)
        since = room.turnout.call(at, window_ms, len(called), again=again)
        for ticket in called:
            place = queue.take(shards)
            if place.ticket != ticket:
                raise ValueError(f"{ticket} was called, and {place.ticket} stands before it")
            index, number = place_of(ticket)
            shards[index].served.add(number)
            shards[index].inside.add(number)
            room.called[ticket] = Call(until, lane, place, since, window_ms, again)
            heapq.heappush(room.agenda, (until, ticket))
    room.waiting[lane] -= len(tickets)
    room.calls.add(at, len(tickets))


def _miss(room: Room, ticket: str, *, again: bool) -> None:
    call = room.called[ticket]
    _end(room, ticket)
    if not call.again:
        room.turnout.count(call.since, call.window_ms, None)
    if again:
        index, number = place_of(ticket)
        shard = room.shards[index]
        shard.served.discard(number)
        room.missed_once[ticket] = None
        room.queues[call.lane].put_back(call.place)
        room.waiting[call.lane] += 1


def _end(room: Room, ticket: str) -> None:
    """Neither called nor in any more."""
    call = room.called.pop(ticket, None)
    if call is not None and call.claiming:
        room.claiming.remove(ticket)
    elif call is not None:
        room.turnout.end(call.since, call.window_ms, again=call.again)
    room.active.pop(ticket, None)
    room.missed_once.pop(ticket, None)
    index, number = place_of(ticket)
    room.shards[index].inside.discard(number)


def _came(room: Room, call: Call, at: Instant) -> None:
    room.turnout.end(call.since, call.window_ms, again=call.again)
    if not call.again:
        room.turnout.count(call.since, call.window_ms, at)


def _close(room: Room) -> None:
    """Over for everybody who is not in."""
    for ticket in list(room.called):
        _end(room, ticket)
    room.queues, room.waiting, room.missed_once = {}, {}, {}
    for shard in room.shards:
        shard.gone = BitMap(range(shard.count)) - shard.served
        shard.absent = BitMap()
