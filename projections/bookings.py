"""Bookings: what became of each, and where to find it by its booker, its resources, its time and its words.

Only the day that owns a booking says what becomes of it, so the fold takes in the facts of owners and nothing of the
other days that a booking spans. `BookingsChanged` is on the topic `bookings`, and on one of each booking,
`booking/<id>`.

A booking that was over `BOOKINGS_PAST_DAYS` before the last commit is forgotten; what happened to it stays in the log,
where `History` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final, Literal, TypeAlias

import msgspec
import pyarrow as pa

from events import day as facts
from events.calendar.quantum import DAY_MS
from events.clock import Instant
from events.codec import canonical
from events.commit import Commit
from events.day import Booker, Booking, Status
from events.log import Recorded
from projections.folding import Change, Delta
from projections.limits import BOOKINGS_PAST_DAYS, ROWS_TOLD_TOGETHER_MAX
from projections.listing import Key, Order
from projections.questions import Row
from projections.words import Index, folded, words_of

Place: TypeAlias = tuple[int, Instant]
"""From which sequence on a booking lay at which start."""
_BOOKINGS: Final = msgspec.json.Decoder(Booking)
By: TypeAlias = Literal["all", "email", "resource", "event_type", "status"]
NOTHING: Final = Order()
_NO_BOOKER: Final = Booker()


class BookingsChanged(Delta, frozen=True, tag="bookings"):
    """These rows are put in the place of those with their ids, in this order. Booker, answers and reason are left out:
    whoever may see them asks for them."""

    rows: tuple[Row, ...]

    def then(self, later: Delta) -> Delta | None:
        if isinstance(later, BookingsChanged) and len(self.rows) + len(later.rows) <= ROWS_TOLD_TOGETHER_MAX:
            return BookingsChanged(self.rows + later.rows)
        return None


class Kept(msgspec.Struct):
    """`body` spells the booking: so it takes half of the memory, looking for garbage passes it by, and a snapshot has
    it as it is."""

    body: bytes
    sequence: int
    """Where it changed last."""
    places: list[Place]
    """Where it lay in the order, and since when."""

    @property
    def booking(self) -> Booking:
        return _BOOKINGS.decode(self.body)

    def place(self, as_of: int) -> Instant:
        """Its start at that sequence; the first one, for what was made later."""
        found = self.places[0][1]
        for since, start in self.places:
            if since <= as_of:
                found = start
        return found

    def row(self) -> Row:
        one = self.booking
        return Row(
            one.id, one.wish, one.span, one.status, one.booker, one.answers, one.created_at, one.until, one.version,
            one.reason, self.sequence,
        )  # fmt: skip

    def told_row(self) -> Row:
        """The row as everyone who listens may have it."""
        return _told_row(self.booking, self.sequence)


class OfOrg:
    """The bookings of one organisation, and the orders that they are found in."""

    def __init__(self) -> None:
        self.kept: Final[dict[str, Kept]] = {}
        self.words: Final[Index[str]] = Index()
        self.sequence = 0
        self._orders: Final[dict[str, Order]] = {}

    def order(self, by: By, name: str = "") -> Order:
        """All of them, or those with this address, resource, event type or status."""
        return self._orders.get(f"{by}/{name}", NOTHING)

    def add(self, kept: Kept, booking: Booking) -> None:
        self.kept[booking.id] = kept
        self.words.add(words_of_booker(booking.booker), booking.id)
        self._put(booking.id, kept, [*_orders_of(booking), f"status/{booking.status}"])

    def change(self, kept: Kept, old: Booking, booking: Booking) -> None:
        """The booking goes on as this one. Where it lay before, it stays to be found by who began to read then."""
        kept.body = canonical(booking)
        if booking.status != old.status:
            self._take_out(booking.id, kept, [f"status/{old.status}"])
        if booking.wish.start != old.wish.start:
            kept.places.append((kept.sequence, booking.wish.start))
            self._put(booking.id, kept, _orders_of(booking))
        self._put(booking.id, kept, [f"status/{booking.status}"])

    def remove(self, id: str) -> None:
        kept = self.kept.pop(id)
        booking = kept.booking
        self.words.remove(words_of_booker(booking.booker), id)
        self._take_out(id, kept, [*_orders_of(booking), f"status/{booking.status}"])

    def _put(self, id: str, kept: Kept, names: Iterable[str]) -> None:
        keys = [Key(start, id) for _, start in kept.places]
        for name in names:
            order = self._orders.get(name)
            if order is None:
                order = self._orders[name] = Order()
            for key in keys:
                order.add(key)

    def _take_out(self, id: str, kept: Kept, names: Iterable[str]) -> None:
        for name in names:
            order = self._orders[name]
            for _, start in kept.places:
                order.remove(Key(start, id))
            if not order.count:
                del self._orders[name]


def _orders_of(booking: Booking) -> list[str]:
    found = ["all/", f"event_type/{booking.wish.event_type}"]
    found += (f"resource/{item.resource}" for item in booking.wish.items)
    if booking.booker.email:
        found.append(f"email/{folded(booking.booker.email)}")
    return found


def words_of_booker(booker: Booker) -> tuple[str, ...]:
    return words_of(booker.name, booker.email)


_STATUS: Final[dict[type[facts.DayFact], Status]] = {
    facts.BookingPending: "pending",
    facts.BookingConfirmed: "confirmed",
    facts.BookingDeclined: "declined",
    facts.BookingCancelled: "cancelled",
    facts.BookingLapsed: "lapsed",
    facts.BookingCompleted: "completed",
    facts.BookingMissed: "no_show",
}


_CHANGING: Final = frozenset({*_STATUS, facts.BookingMoved})


class Bookings:
    """A projection."""

    name = "bookings"
    version = 1

    def __init__(self) -> None:
        self.today = -(1 << 31)
        self._orgs: dict[str, OfOrg] = {}
        self._over: dict[int, set[tuple[str, str]]] = {}
        """By the day on which they end: whom to look at when it is long past."""

    def of(self, org: str) -> OfOrg:
        """An organisation without bookings has an empty list."""
        return self._orgs.get(org) or OfOrg()

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        self._advance(commit.at // DAY_MS)
        org, kind, _ = recorded.actor.split(".", 2) if recorded.actor.count(".") > 1 else ("", "", "")
        if kind != "day":
            return []
        changed = self._fold(org, commit, recorded.sequence)
        if not changed:
            return []
        of = self._orgs[org]
        before, of.sequence = of.sequence, recorded.sequence
        if not tell:
            return []
        rows = [(_told_row(booking, recorded.sequence), since) for booking, since in changed.values()]
        changes = [
            Change(org, f"booking/{row.id}", since, recorded.sequence, BookingsChanged((row,))) for row, since in rows
        ]
        told = changes[0].delta if len(rows) == 1 else BookingsChanged(tuple([row for row, _ in rows]))
        return [*changes, Change(org, "bookings", before, recorded.sequence, told)]

    def _fold(self, org: str, commit: Commit[Any], sequence: int) -> dict[str, tuple[Booking, int]]:
        """Which bookings changed, as they are now, and where they did before."""
        changed: dict[str, tuple[Booking, int]] = {}
        for decided in commit.decided:
            for fact in decided.facts:
                if type(fact) is facts.BookingMade:
                    booking = fact.booking
                    if booking.span.end // DAY_MS >= self.today - BOOKINGS_PAST_DAYS:
                        kept = Kept(canonical(booking), sequence, [(sequence, booking.wish.start)])
                        self._orgs.setdefault(org, OfOrg()).add(kept, booking)
                        self._watch(org, booking)
                        changed[booking.id] = booking, 0
                elif type(fact) in _CHANGING:
                    self._change(org, fact, sequence, changed)
        return changed

    def _change(self, org: str, fact: Any, sequence: int, changed: dict[str, tuple[Booking, int]]) -> None:
        of = self._orgs.get(org)
        found = of.kept.get(fact.booking) if of is not None else None
        if of is None or found is None:
            return
        old = found.booking
        booking = after(old, fact)
        since = changed[booking.id][1] if booking.id in changed else found.sequence
        changed[booking.id] = booking, since
        found.sequence = sequence
        of.change(found, old, booking)
        self._watch(org, booking)

    def _watch(self, org: str, booking: Booking) -> None:
        self._over.setdefault(booking.span.end // DAY_MS, set()).add((org, booking.id))

    def _advance(self, day: int) -> None:
        if day <= self.today:
            return
        self.today = day
        for over in sorted(each for each in self._over if each < day - BOOKINGS_PAST_DAYS):
            for org, id in sorted(self._over.pop(over)):
                of = self._orgs[org]
                if id in of.kept and of.kept[id].booking.span.end // DAY_MS == over:
                    of.remove(id)

    def save(self) -> bytes:
        orgs = sorted(self._orgs)
        rows = [(place, kept) for place, org in enumerate(orgs) for _, kept in sorted(self._orgs[org].kept.items())]
        places = [each for _, kept in rows for each in kept.places]
        ends = pa.array([0, *accumulate(len(kept.places) for _, kept in rows)], pa.int32())
        table = pa.record_batch(
            [
                pa.array([place for place, _ in rows], pa.int32()),
                pa.array([kept.sequence for _, kept in rows], pa.int64()),
                pa.ListArray.from_arrays(ends, pa.array([since for since, _ in places], pa.int64())),
                pa.ListArray.from_arrays(ends, pa.array([start for _, start in places], pa.int64())),
                pa.array([kept.body for _, kept in rows], pa.binary()),
            ],
            names=["org", "sequence", "since", "start", "booking"],
        )
        meta = canonical({"today": self.today, "orgs": [(org, self._orgs[org].sequence) for org in orgs]})
        table = table.replace_schema_metadata({"bookings": meta})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(table)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def load(self, data: bytes) -> None:
        table = pa.ipc.open_stream(pa.BufferReader(data)).read_all()
        meta = msgspec.json.decode(table.schema.metadata[b"bookings"], type=_Meta)
        self.today, self._orgs, self._over = meta.today, {}, {}
        for org, sequence in meta.orgs:
            self._orgs[org] = OfOrg()
            self._orgs[org].sequence = sequence
        for place, sequence, since, start, body in zip(*(column.to_pylist() for column in table.columns), strict=True):
            org, kept = meta.orgs[place][0], Kept(body, sequence, list(zip(since, start, strict=True)))
            booking = kept.booking
            self._orgs[org].add(kept, booking)
            self._watch(org, booking)


class _Meta(msgspec.Struct):
    today: int
    orgs: list[tuple[str, int]]


def after(booking: Booking, fact: facts.DayFact) -> Booking:
    """The booking after a fact about it; most change nothing."""
    if type(fact) not in _CHANGING:
        return booking
    if isinstance(fact, facts.BookingMoved):
        return msgspec.structs.replace(booking, wish=fact.wish, span=fact.span, version=fact.version)
    status = _STATUS[type(fact)]
    until = fact.until if isinstance(fact, facts.BookingPending) else None
    reason = fact.reason if isinstance(fact, facts.BookingDeclined | facts.BookingCancelled) else booking.reason
    if status in {"completed", "no_show"}:
        until = booking.until
    return msgspec.structs.replace(booking, status=status, until=until, reason=reason)


def _told_row(one: Booking, sequence: int) -> Row:
    return Row(
        one.id, one.wish, one.span, one.status, _NO_BOOKER, {}, one.created_at, one.until, one.version, "", sequence
    )
