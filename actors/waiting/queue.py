"""Everybody in order: who stands where in a lane, and who is next.

A lane keeps those who wait in the order of their places, in four bytes for a ticket and eight for the tag of its
session. They are taken from the front. Who is absent when their turn comes is *passed over*: taken out, and remembered;
who comes back after that stands at the *head*, in the order of their places, before everybody who was never passed
over. Who is gone is dropped when their turn would come. So however many are away, nobody is looked at twice.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Final

import msgspec
import numpy as np
from pyroaring import BitMap

from events.waiting.draw import drawn_order
from events.waiting.sessions import TAG_DIGITS, place_of

_TICKET_BYTES: Final = 4
_TAG_BYTES: Final = TAG_DIGITS // 2
_NUMBER_BITS: Final = 26
_NUMBER_MASK: Final = (1 << _NUMBER_BITS) - 1
_TAKEN_MIN: Final = 4_096
"""So many that were taken are kept, before the rest is moved to the front."""


class Shard(msgspec.Struct):
    """What a room knows of one shard of its line."""

    heard: int = 0
    head: str = ""
    """The hash of its last commit, where a draw is still to come."""
    count: int = 0
    served: BitMap = msgspec.field(default_factory=BitMap)
    """Called, and not sent back to wait."""
    inside: BitMap = msgspec.field(default_factory=BitMap)
    """Called or in: of those who were served, the ones who are not over."""
    gone: BitMap = msgspec.field(default_factory=BitMap)
    absent: BitMap = msgspec.field(default_factory=BitMap)
    lanes: dict[str, BitMap] = {}
    """Who stands in which lane, but for the ordinary one."""
    reachable: BitMap = msgspec.field(default_factory=BitMap)
    """Who left an address."""

    def is_over(self, number: int) -> bool:
        """For whom the room has done what it can. Who left or expired is the line's to know."""
        return number in self.served and number not in self.inside

    def waiting(self, numbers: BitMap) -> BitMap:
        """Those of them who wait, and are there."""
        return numbers - self.served - self.gone - self.absent


class Place(msgspec.Struct, frozen=True, gc=False, array_like=True, order=True):
    """Somebody's place in their lane."""

    place: int
    ticket: str
    tag: str


class Queue(msgspec.Struct):
    """One lane. `first` is the place of the first ticket in the buffer, of which `taken` were taken."""

    tickets: bytearray = msgspec.field(default_factory=bytearray)
    tags: bytearray = msgspec.field(default_factory=bytearray)
    first: int = 0
    taken: int = 0
    head: list[Place] = []
    """A heap: who stands before the buffer."""
    passed_over: dict[str, Place] = {}
    untold: BitMap = msgspec.field(default_factory=BitMap)
    """The places in the buffer of those who left an address, and were not told yet that their turn is near."""
    overlooked: BitMap = msgspec.field(default_factory=BitMap)
    """Those of them who were passed over before they were told: their tickets, as the buffer has them, and not their
    places, because the buffer has let go of them. Who is away gathers at the front, and one call passes over any
    number of them."""

    @property
    def length(self) -> int:
        return len(self.tickets) // _TICKET_BYTES

    def append(self, shard: int, first: int, count: int, tags: str, reachable: BitMap | None = None) -> None:
        """`reachable` are those of the shard who left an address, these among them."""
        base = shard << _NUMBER_BITS | first
        if reachable:
            start = self.first + self.length - first
            self.untold.update(start + number for number in reachable & BitMap(range(first, first + count)))
        self.tickets += struct.pack(f"<{count}I", *range(base, base + count))
        self.tags += bytes.fromhex(tags)

    def shuffle(self, seed: str, lane: str) -> None:
        """Everybody who stands in the buffer, of which nobody was taken, by the draw."""
        order = drawn_order(seed, lane, self.length)
        if self.untold:
            untold = np.zeros(self.length, np.bool_)
            untold[np.asarray(self.untold.to_array(), np.int64)] = True
            self.untold = BitMap(np.flatnonzero(untold[order]))
        self.tickets = bytearray(np.frombuffer(self.tickets, "<u4")[order].tobytes())
        self.tags = bytearray(np.frombuffer(self.tags, "<u8")[order].tobytes())

    def _at(self, index: int) -> Place:
        (packed,) = struct.unpack_from("<I", self.tickets, index * _TICKET_BYTES)
        tag = self.tags[index * _TAG_BYTES : (index + 1) * _TAG_BYTES].hex()
        return Place(self.first + index, _unpacked(packed), tag)

    def upcoming(self, shards: Sequence[Shard]) -> Iterator[Place]:
        """Who is next, and next after them. Nothing changes."""
        if self.head:
            for place in sorted(self.head):
                if _stands(shards, place.ticket):
                    yield place
        for index in range(self.taken, self.length):
            place = self._at(index)
            if _stands(shards, place.ticket):
                yield place

    def take(self, shards: Sequence[Shard]) -> Place:
        """Take who is next; whoever stood before them is gone, or passed over."""
        while self.head:
            place = heapq.heappop(self.head)
            if self._may_go(shards, place):
                if self.overlooked:
                    self.overlooked.discard(_packed(place.ticket))
                return place
        while self.taken < self.length:
            place = self._at(self.taken)
            self.taken += 1
            if self._may_go(shards, place):
                self._trim()
                return place
        raise LookupError("nobody waits in this lane")

    def nearing(self, ahead: int, waiting: int, most: int) -> list[str]:
        """Who is to be told that their turn is near: those who were passed over and do not know, because it is their
        turn when they come back; and those who stand on the `ahead` places that are next, or everybody, when no more
        than that wait at all. Absent ones too: who comes back in time loses nothing."""
        near = [_unpacked(packed) for packed in islice(self.overlooked, most)]
        end = self.first + (self.length if waiting <= ahead else self.taken + ahead)
        if self.untold and self.untold.min() < end:
            places = takewhile(lambda place: place < end, self.untold)
            near += [self._at(place - self.first).ticket for place in islice(places, most - len(near))]
        return near

    def told(self, tickets: Sequence[str]) -> None:
        """These know. Nobody in the buffer stands before them who does not."""
        for ticket in tickets:
            packed = _packed(ticket)
            if packed in self.overlooked:
                self.overlooked.discard(packed)
                continue
            place = self.untold.min()
            self.untold.discard(place)
            if self._at(place - self.first).ticket != ticket:
                raise ValueError(f"{ticket} was told that its turn is near, and another one stands before it")

    def gone(self, shard: int, numbers: BitMap) -> None:
        """Nobody has to be told what is over for them."""
        if numbers and (self.untold or self.overlooked):
            over = np.asarray(numbers.to_array(), np.uint32) | np.uint32(shard << _NUMBER_BITS)
            self.overlooked -= BitMap(over)
            places = np.asarray(self.untold.to_array(), np.int64)
            tickets = np.frombuffer(self.tickets, "<u4")[places - self.first]
            self.untold -= BitMap(places[np.isin(tickets, over)])

    def _may_go(self, shards: Sequence[Shard], place: Place) -> bool:
        if _stands(shards, place.ticket):
            return True
        shard, number = place_of(place.ticket)
        if number not in shards[shard].gone:
            self.passed_over[place.ticket] = place
            if place.place in self.untold:
                self.overlooked.add(_packed(place.ticket))
        return False

    def _trim(self) -> None:
        if self.untold:
            self.untold.remove_range(0, self.first + self.taken)
        if self.taken >= _TAKEN_MIN and 2 * self.taken >= self.length:
            del self.tickets[: self.taken * _TICKET_BYTES]
            del self.tags[: self.taken * _TAG_BYTES]
            self.first += self.taken
            self.taken = 0

    def put_back(self, place: Place) -> None:
        """At the head, by their place."""
        heapq.heappush(self.head, place)

    def returned(self, tickets: Iterator[str]) -> None:
        if self.passed_over:
            for ticket in tickets:
                place = self.passed_over.pop(ticket, None)
                if place is not None:
                    self.put_back(place)

    def dropped(self, tickets: Iterator[str]) -> None:
        if self.passed_over:
            for ticket in tickets:
                self.passed_over.pop(ticket, None)


def _packed(ticket: str) -> int:
    shard, number = place_of(ticket)
    return shard << _NUMBER_BITS | number


def _unpacked(packed: int) -> str:
    return f"{packed >> _NUMBER_BITS}.{packed & _NUMBER_MASK}"


def _stands(shards: Sequence[Shard], ticket: str) -> bool:
    """Whether they wait and are there."""
    index, number = place_of(ticket)
    shard = shards[index]
    return number not in shard.gone and number not in shard.absent


def next_in_turn(
    queues: Mapping[str, Queue],
    shards: Sequence[Shard],
    waiting: Mapping[str, int],
    lanes: Sequence[str],
    owed: int,
    share: int,
    wanted: int,
) -> tuple[list[tuple[str, Place]], int]:
    """Whom to call, in order, each with their lane; and what is owed to the last lane afterwards, in hundredths.

    Lanes go in their order. The last one, the ordinary lane, is owed its share of every call while somebody waits
    there; when a whole call is owed, it is given. How many wait is known, so nobody is looked for who is not called.
    """
    left = {lane: waiting.get(lane, 0) for lane in lanes}
    upcoming = {lane: queues[lane].upcoming(shards) for lane in lanes if left[lane] > 0}
    ordinary = lanes[-1]
    called: list[tuple[str, Place]] = []
    while len(called) < wanted:
        if left[ordinary] > 0:
            owed += share
        lane = next((one for one in lanes if left[one] > 0), None)
        if lane is None:
            break
        if owed >= 100 and left[ordinary] > 0:
            lane = ordinary
        if lane == ordinary:
            owed = max(owed - 100, 0)
        called.append((lane, next(upcoming[lane])))
        left[lane] -= 1
    return called, owed
