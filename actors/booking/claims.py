"""What a resource-day remembers: who has which of its slots, and until when.

Units in use are counted per slot, so a question about room is a look at a few numbers, whatever the history. The
counts follow from the claims; they are kept beside them because every decision asks.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, TypeAlias

import msgspec

from actors.booking.limits import LIMITS
from events.calendar.quantum import MINUTE_MS, SLOTS
from events.clock import Instant
from events.day import Booker, Booking, Slots, Status, Wish

OFFER: Final = "offer"
Due: TypeAlias = tuple[Instant, str, str]
"""When something is to be looked at, what about it, and its id."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    session: str
    wish: Wish
    slots: Slots
    until: Instant
    until_max: Instant
    period_ms: int


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A booking's part of this day. It knows enough to go the booking's way by itself."""

    slots: Slots
    event_type: str
    status: Status
    until: Instant | None


class Block(msgspec.Struct, frozen=True):
    slots: Slots
    reason: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """Somebody in line; `offered` while there is a hold for them."""

    id: str
    session: str
    booker: Booker
    wish: Wish
    slots: Slots
    offered: bool = False


def _none() -> list[int]:
    return [0] * SLOTS


class Day(msgspec.Struct):
    """One resource's UTC date."""

    org: str
    resource: str
    date: str
    used: list[int] = msgspec.field(default_factory=_none)
    """Units held and taken, per slot."""
    blocked: list[int] = msgspec.field(default_factory=_none)
    """Blocks that lie on it, per slot."""
    holds: dict[str, Hold] = {}
    taken: dict[str, Taken] = {}
    blocks: dict[str, Block] = {}
    bookings: dict[str, Booking] = {}
    standby: list[Waiting] = []
    """In order of coming."""
    capacity: int = 0
    """As it was last heard of by those in line."""
    agenda: list[Due] = []
    """In order of time."""
    offer_at: Instant | None = None
    """When somebody in line is to be made an offer, if so; it stands on the agenda too."""
    ended: list[str] = []
    """Bookings that have ended, in the order in which they did."""

    def copied(self) -> Day:
        """Another that can be changed without this one; all that it holds is frozen."""
        return msgspec.structs.replace(
            self,
            used=self.used.copy(),
            blocked=self.blocked.copy(),
            holds=self.holds.copy(),
            taken=self.taken.copy(),
            blocks=self.blocks.copy(),
            bookings=self.bookings.copy(),
            standby=self.standby.copy(),
            agenda=self.agenda.copy(),
            ended=self.ended.copy(),
        )

    def has_room(self, slots: Slots, capacity: int) -> bool:
        return max(self.used[slots.first : slots.end]) + slots.units <= capacity and not self.is_blocked(slots)

    def is_blocked(self, slots: Slots) -> bool:
        return any(self.blocked[slots.first : slots.end])

    def hold(self, id: str, hold: Hold) -> None:
        self.holds[id] = hold
        self._use(hold.slots, hold.slots.units)
        self.remind(hold.until, "hold", id)

    def drop_hold(self, id: str) -> None:
        hold = self.holds.pop(id)
        self._use(hold.slots, -hold.slots.units)
        self.forget(hold.until, "hold", id)

    def take(self, booking: str, taken: Taken) -> None:
        self.taken[booking] = taken
        self._use(taken.slots, taken.slots.units)
        if taken.until is not None:
            self.remind(taken.until, "lapse", booking)

    def free(self, booking: str) -> None:
        taken = self.taken.pop(booking)
        self._use(taken.slots, -taken.slots.units)
        if taken.until is not None:
            self.forget(taken.until, "lapse", booking)

    def keep(self, booking: str, status: Status, until: Instant | None) -> None:
        taken = self.taken[booking]
        if taken.until is not None:
            self.forget(taken.until, "lapse", booking)
        if until is not None:
            self.remind(until, "lapse", booking)
        self.taken[booking] = Taken(taken.slots, taken.event_type, status, until)

    def block(self, id: str, block: Block) -> None:
        self.blocks[id] = block
        self._count(self.blocked, block.slots, 1)

    def unblock(self, id: str) -> None:
        self._count(self.blocked, self.blocks.pop(id).slots, -1)

    def waiting(self, standby: str) -> Waiting | None:
        return next((one for one in self.standby if one.id == standby), None)

    def wait(self, waiting: Waiting) -> None:
        """Stand in line; or, who does already, change there."""
        for place, one in enumerate(self.standby):
            if one.id == waiting.id:
                self.standby[place] = waiting
                return
        self.standby.append(waiting)

    def leave(self, standby: str) -> None:
        self.standby = [one for one in self.standby if one.id != standby]

    def look(self, at: Instant) -> None:
        """See that an offer is made soon if there is room for anybody in line, and that nobody looks in vain."""
        fits = any(not one.offered and self.has_room(one.slots, self.capacity) for one in self.standby)
        if fits and self.offer_at is None:
            self.offer_at = at
            self.remind(at, OFFER, "")
        elif not fits and self.offer_at is not None:
            self.forget(self.offer_at, OFFER, "")
            self.offer_at = None

    def plan(self, booking: Booking, at: Instant) -> None:
        """What is to happen by itself to a confirmed booking, as far as it is still to come."""
        for minutes in booking.reminders:
            due = booking.wish.start - minutes * MINUTE_MS
            if due > at:
                self.remind(due, str(minutes), booking.id)
        if booking.complete_after is not None:
            self.remind(_completed_at(booking, booking.complete_after), "complete", booking.id)

    def unplan(self, booking: Booking) -> None:
        """Nothing of that happens any more."""
        for minutes in booking.reminders:
            self.forget(booking.wish.start - minutes * MINUTE_MS, str(minutes), booking.id)
        if booking.complete_after is not None:
            self.forget(_completed_at(booking, booking.complete_after), "complete", booking.id)

    def end(self, booking: Booking) -> None:
        """It has ended, and is known for a while yet."""
        self.unplan(booking)
        self.ended.append(booking.id)
        if len(self.ended) > LIMITS.ended_kept:
            del self.bookings[self.ended.pop(0)]

    def remind(self, at: Instant, what: str, id: str) -> None:
        due = (at, what, id)
        index = bisect_left(self.agenda, due)
        if self.agenda[index : index + 1] != [due]:
            self.agenda.insert(index, due)

    def forget(self, at: Instant, what: str, id: str) -> None:
        index = bisect_left(self.agenda, (at, what, id))
        if index < len(self.agenda) and self.agenda[index] == (at, what, id):
            del self.agenda[index]

    def _use(self, slots: Slots, units: int) -> None:
        self._count(self.used, slots, units)

    @staticmethod
    def _count(counts: list[int], slots: Slots, by: int) -> None:
        for slot in range(slots.first, slots.end):
            counts[slot] += by


def _completed_at(booking: Booking, minutes_after: int) -> Instant:
    return booking.wish.start + (booking.wish.minutes + minutes_after) * MINUTE_MS
