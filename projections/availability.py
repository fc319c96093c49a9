"""Availability: what is taken and blocked of every resource's days, and apart from it what is held.

They are two read models, because they live differently: bookings are few and stay, holds come and go every few
seconds. So a day has two topics, `day/<resource>/<date>` and `holds/<resource>/<date>`, and whoever shows it adds them
up. A heartbeat is no fact, so it changes neither. What a day changes of its month is told there too (`months`).

What a fact says of a booking, a hold or a block is kept beside the counts, because the fact that ends it names it by
its id alone. The counts follow from these claims, and a snapshot has only the claims.

Days that lie `PAST_DAYS` behind the last commit are forgotten, and what is said of them later is not taken in: however
many bookings there were, what is asked of a day costs what lies on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from events.calendar.quantum import DAY_MS, SLOTS, date_of_day, day_number, is_date
from events.catalog import Catalog, RationLifted, Resource, ResourcePut, ResourceRationed, ResourceRetired, take_in
from events.clock import Instant
from events.commit import Commit
from events.day import (
    Blocked,
    HoldExpired,
    HoldReleased,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    Unblocked,
)
from events.log import Recorded
from projections.columns import Columns, Units, bits, same
from projections.folding import Bits, Change, Delta
from projections.limits import PAST_DAYS
from projections.months import NOTHING_FLIPPED, DayBusy, Flipped, MonthChanged, flipped, flipped_flags, month_delta
from projections.saved_days import SavedDays, pack, unpack

Runs: TypeAlias = tuple[Slots, ...]
"""Slots with the same number of units, in order; those of an empty day, or of no change, are not among them."""


class DayChanged(Delta, frozen=True, tag="day"):
    """Topic `day/<resource>/<date>`. `busy` are slots taken at capacity or blocked; `taken` has the units of the slots
    where they are others than before."""

    capacity: int
    busy_set: Bits
    busy_cleared: Bits
    blocked_set: Bits
    blocked_cleared: Bits
    taken: Runs


class UnitsChanged(Delta, frozen=True, tag="units"):
    """Topic `units/<resource>`: how many there are. It changes all of the resource's days and months. Those that
    something happened on are told by deltas of their own too; who shows one that nothing happened on follows this."""

    capacity: int


class HoldsChanged(Delta, frozen=True, tag="holds"):
    """Topic `holds/<resource>/<date>`. The bits are slots of which anything is held."""

    held_set: Bits
    held_cleared: Bits
    held: Runs


class Hold(msgspec.Struct, frozen=True):
    session: str
    slots: Slots


class Claims:
    """Who has what of one day."""

    __slots__ = ("blocks", "holds", "taken")

    def __init__(self) -> None:
        self.taken: dict[str, Slots] = {}
        self.holds: dict[str, Hold] = {}
        self.blocks: dict[str, Slots] = {}


_NOBODY: Final = Claims()


class _Was:
    """A day's columns, each of which is copied before the first change to it: most commits change one."""

    __slots__ = ("_blocked_now", "_held_now", "_taken_now", "blocked", "held", "taken")

    def __init__(self, taken: Units, held: Units, blocked: Units) -> None:
        self._taken_now, self._held_now, self._blocked_now = taken, held, blocked
        self.taken: Units | None = None
        self.held: Units | None = None
        self.blocked: Units | None = None

    def in_taken(self) -> Units:
        if self.taken is None:
            self.taken = self._taken_now.copy()
        return self._taken_now

    def in_held(self) -> Units:
        if self.held is None:
            self.held = self._held_now.copy()
        return self._held_now

    def in_blocked(self) -> Units:
        if self.blocked is None:
            self.blocked = self._blocked_now.copy()
        return self._blocked_now


def runs(units: Units, at: np.ndarray[Any, np.dtype[np.bool_]]) -> Runs:
    """The slots at which `at` is set, with their units."""
    found: list[Slots] = []
    for slot in at.nonzero()[0].tolist():
        many = int(units[slot])
        if found and found[-1].end == slot and found[-1].units == many:
            found[-1] = Slots(found[-1].first, slot + 1, many)
        else:
            found.append(Slots(slot, slot + 1, many))
    return tuple(found)


class Availability:
    """A projection."""

    name = "availability"
    version = 3

    def __init__(self) -> None:
        self.columns = Columns()
        self.today = -(1 << 31)
        """The UTC date of the last commit, in days since 1970-01-01."""
        self._claims: dict[int, Claims] = {}
        self._sizes: dict[str, Catalog] = {}
        """By organisation: the part of its catalog that says how many units are given out of what."""

    @property
    def first_day(self) -> int:
        """Days before this one are forgotten."""
        return self.today - PAST_DAYS

    def claims(self, row: int) -> Claims:
        return self._claims.get(row, _NOBODY)

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        self._advance(commit.at // DAY_MS)
        org, kind, *parts = recorded.actor.split(".")
        facts = (fact for decided in commit.decided for fact in decided.facts)
        if kind == "catalog":
            changes = list(self._resize(org, facts, commit.at, recorded.sequence))
            return changes if tell else []
        if kind != "day" or len(parts) != 2 or not is_date(parts[1]):
            return []
        resource, date = parts
        day = day_number(date)
        if day < self.first_day:
            return []
        columns = self.columns
        row = columns.make_row(columns.resource(org, resource), day)
        was = self._fold(row, facts)
        return self._changes((org, resource, date), row, was, recorded.sequence, tell=tell)

    def _advance(self, day: int) -> None:
        if day > self.today:
            self.today = day
            for row in self.columns.drop_before(self.first_day):
                self._claims.pop(row, None)

    def _fold(self, row: int, facts: Iterable[Any]) -> _Was:
        """What of the day was something else before."""
        claims = self._claims.get(row)
        if claims is None:
            claims = self._claims[row] = Claims()
        was = _Was(self.columns.taken[row], self.columns.held[row], self.columns.blocked[row])
        for fact in facts:
            match fact:
                case SlotsTaken():
                    if fact.hold:
                        _drop_hold(claims, fact.hold, was.in_held())
                    claims.taken[fact.booking] = fact.slots
                    was.in_taken()[fact.slots.first : fact.slots.end] += fact.slots.units
                case SlotsHeld():
                    claims.holds[fact.hold] = Hold(fact.session, fact.slots)
                    was.in_held()[fact.slots.first : fact.slots.end] += fact.slots.units
                case HoldReleased() | HoldExpired():
                    _drop_hold(claims, fact.hold, was.in_held())
                case SlotsFreed():
                    slots = claims.taken.pop(fact.booking)
                    was.in_taken()[slots.first : slots.end] -= slots.units
                case Blocked():
                    claims.blocks[fact.block] = fact.slots
                    was.in_blocked()[fact.slots.first : fact.slots.end] += 1
                case Unblocked():
                    slots = claims.blocks.pop(fact.block)
                    was.in_blocked()[slots.first : slots.end] -= 1
                case _:
                    pass  # what becomes of a booking without its slots
        return was

    def _changes(self, day: tuple[str, str, str], row: int, was: _Was, sequence: int, *, tell: bool) -> list[Change]:
        """What is not as it was before; and that it changed here."""
        columns, (org, resource, date) = self.columns, day
        taken, held = columns.taken[row], columns.held[row]
        was_taken = taken if was.taken is None or same(taken, was.taken) else was.taken
        holds_differ = was.held is not None and not same(held, was.held)
        blocked = was_blocked = columns.blocked[row] > 0
        if was.blocked is not None and not same(blocked, was.blocked > 0):
            was_blocked = was.blocked > 0
        found: list[Change] = []
        if day_differs := was_taken is not taken or was_blocked is not blocked:
            number = int(columns.resource_of[row])
            capacity = int(columns.capacity[number])
            busy = flipped(bits((was_taken >= capacity) | was_blocked), bits((taken >= capacity) | blocked))
            if tell:
                blocks = NOTHING_FLIPPED if was_blocked is blocked else flipped_flags(was_blocked, blocked)
                differ = () if was_taken is taken else runs(taken, taken != was_taken)
                delta = DayChanged(capacity, *busy, *blocks, differ)
                at = columns.changed_at(number, row)
                found.append(Change(org, f"day/{resource}/{date}", at, sequence, delta))
            found += self._month_changes(day, number, capacity, busy, sequence, tell=tell)
            columns.taken_at[row] = sequence
        if tell and was.held is not None and holds_differ:
            holds = HoldsChanged(*flipped_flags(was.held > 0, held > 0), runs(held, held != was.held))
            found.append(Change(org, f"holds/{resource}/{date}", int(columns.held_at[row]), sequence, holds))
        if holds_differ:
            columns.held_at[row] = sequence
        if day_differs or holds_differ:
            columns.changed(row)
        return found

    def _month_changes(
        self, day: tuple[str, str, str], number: int, capacity: int, busy: Flipped, sequence: int, *, tell: bool
    ) -> list[Change]:
        """What the day changes of its month: what is busy, or that there is something in it at all."""
        columns, (org, resource, date) = self.columns, day
        month, differs = date[:7], busy != NOTHING_FLIPPED
        if not differs and (number, month) in columns.busy_at:
            return []
        before = columns.month_changed_at(number, month)
        columns.busy_at[number, month] = sequence
        if not tell:
            return []
        delta = MonthChanged(capacity, (DayBusy(date, *busy),) if differs else ())
        return [Change(org, f"month/{resource}/{month}", before, sequence, delta)]

    def _resize(self, org: str, facts: Iterable[Any], at: Instant, sequence: int) -> Iterator[Change]:
        """What is full follows how many units there are."""
        columns, sizes = self.columns, self._sizes.setdefault(org, Catalog())
        was: dict[str, int] = {}
        for fact in facts:
            if isinstance(fact, ResourcePut):
                one = fact.resource
                number = columns.resource(org, one.id)
                was.setdefault(one.id, int(columns.capacity[number]))
                take_in(sizes, ResourcePut(Resource(one.id, "", one.time_zone, one.capacity)), at)
            elif isinstance(fact, ResourceRetired | ResourceRationed | RationLifted):
                number = columns.resource(org, fact.id)
                was.setdefault(fact.id, int(columns.capacity[number]))
                take_in(sizes, fact, at)
        for id, old in was.items():
            number = columns.resources[org, id]
            units = columns.capacity[number] = _units_of(sizes, id)
            if units == old:
                continue
            for row in columns.days_of(number):
                taken, blocked = columns.taken[row], columns.blocked[row] > 0
                busy = flipped_flags((taken >= old) | blocked, (taken >= units) | blocked)
                delta = DayChanged(units, *busy, *NOTHING_FLIPPED, ())
                date = date_of_day(int(columns.day_of[row]))
                yield Change(org, f"day/{id}/{date}", columns.changed_at(number, row), sequence, delta)
                columns.changed(row)
            for month in sorted(month for place, month in columns.busy_at if place == number):
                before = columns.month_changed_at(number, month)
                yield Change(org, f"month/{id}/{month}", before, sequence, month_delta(columns, number, month, old))
            yield Change(org, f"units/{id}", int(columns.resized_at[number]), sequence, UnitsChanged(units))
            columns.resized_at[number] = sequence

    def save(self) -> bytes:
        columns = self.columns
        names = {number: name for name, number in columns.resources.items()}
        saved = SavedDays(self.today, self._sizes)
        for (org, id), number in sorted(columns.resources.items()):
            if at := int(columns.resized_at[number]):
                saved.resized.setdefault(org, {})[id] = at
        order = sorted(
            (*names[int(columns.resource_of[row])], int(columns.day_of[row]), row) for row in columns.every_row()
        )
        for place, (org, id, day, row) in enumerate(order):
            saved.days.append((org, id, day, int(columns.taken_at[row]), int(columns.held_at[row])))
            claims = self.claims(row)
            saved.claims += ((place, "taken", id, "", slots) for id, slots in sorted(claims.taken.items()))
            saved.claims += ((place, "hold", id, one.session, one.slots) for id, one in sorted(claims.holds.items()))
            saved.claims += ((place, "block", id, "", slots) for id, slots in sorted(claims.blocks.items()))
        saved.months = sorted((*names[number], month, at) for (number, month), at in columns.busy_at.items())
        return pack(saved)

    def load(self, data: bytes) -> None:
        saved = unpack(data)
        columns = self.columns = Columns()
        self.today, self._sizes, self._claims = saved.today, saved.sizes, {}
        for org, sizes in saved.sizes.items():
            for id in sorted({*sizes.active, *sizes.retired}):
                number = columns.resource(org, id)
                columns.capacity[number] = _units_of(sizes, id)
        for org, resized in saved.resized.items():
            for id, at in resized.items():
                columns.resized_at[columns.resource(org, id)] = at
        columns.busy_at = {(columns.resource(org, id), month): at for org, id, month, at in saved.months}
        rows = [columns.make_row(columns.resource(org, id), day) for org, id, day, _, _ in saved.days]
        columns.taken_at[rows] = [taken_at for *_, taken_at, _ in saved.days]
        columns.held_at[rows] = [held_at for *_, held_at in saved.days]
        kept = [self._claims.setdefault(row, Claims()) for row in rows]
        for place, kind, id, session, slots in saved.claims:
            if kind == "taken":
                kept[place].taken[id] = slots
            elif kind == "hold":
                kept[place].holds[id] = Hold(session, slots)
            else:
                kept[place].blocks[id] = slots
        for column, kind in ((columns.taken, "taken"), (columns.held, "hold"), (columns.blocked, "block")):
            column[rows] = _counted(saved, kind, len(rows))
        columns.changed(*rows)


def _units_of(sizes: Catalog, id: str) -> int:
    resource = sizes.active.get(id) or sizes.retired.get(id)
    return 1 if resource is None else sizes.units_of(resource)


def _drop_hold(claims: Claims, id: str, held: Units) -> None:
    slots = claims.holds.pop(id).slots
    held[slots.first : slots.end] -= slots.units


def _counted(saved: SavedDays, kind: str, days: int) -> Units:
    """Units per slot, of all claims of a kind at once: what begins adds, what ends takes away again."""
    found = [(place, slots) for place, what, _, _, slots in saved.claims if what == kind]
    steps = np.zeros((days, SLOTS + 1), np.int32)
    places = [place for place, _ in found]
    units = [1 if kind == "block" else slots.units for _, slots in found]
    np.add.at(steps, (places, [slots.first for _, slots in found]), units)
    np.subtract.at(steps, (places, [slots.end for _, slots in found]), units)
    counts: Units = np.cumsum(steps, axis=1, dtype=np.int32)[:, :SLOTS]
    return counts
