"""Waiting rooms: who stands where, who is called and who is in.

Tickets come from the facts of the lines, in the order of the log, so places are exact at every sequence, whether the
room has heard of them yet or not. Who is absent is what the room was heard to take in (`LinesHeard`), and what becomes
of tickets is in its other facts. It is whole in one module because the facts of both move the same tickets.

What is told, and how it stays small, is in `room_topics`; who is where, in `places`; how fast it goes, in `paces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from events import line, room
from events.calendar.quantum import DAY_MS
from events.clock import Instant
from events.codec import numbers_of
from events.commit import Commit
from events.log import Recorded
from events.room import Phase, RoomSettings
from projections.estimates import Forecast
from projections.folding import Change
from projections.limits import BLOCKS_TOLD_MAX, TICKETS_TOLD_MAX
from projections.mailboxes import Mailboxes
from projections.numbers import RoomNumbers, Waits, room_numbers
from projections.paces import Pace
from projections.places import Moved, Places, Rows
from projections.room_topics import (
    About,
    BlockAdded,
    BlockChanged,
    BlockCount,
    LaneNow,
    NumbersChanged,
    RoomChanged,
    TicketChanged,
    about_of,
)
from projections.saved_rooms import SavedRoom, lanes_of, pack, places_of, unpack
from projections.standing import BECOMES, IN_LINE, NAMES, Move, State

_BEFORE_OPENING: Final = ("scheduled", "pre_queue")
_OPEN: Final = ("open", "draining")
"""The phases in which people are called."""
_FULL: Final = 0.97
"""Of all seats: with so many taken or promised, it is the seats that people wait for."""
_CROWD: Final = frozenset({Move.LEFT, Move.WENT_ABSENT, Move.RETURNED, Move.EXPIRED, Move.CLOSED})
"""Moves that befall many at once."""
_GOES: Final = frozenset({Move.LEFT, Move.WENT_ABSENT, Move.EXPIRED})
_ENDS: Final = frozenset({Move.LEFT, Move.PASS_EXPIRED, Move.EXITED})
_PACE_FIELDS: Final = {Move.CALLED: "calls", Move.AGAIN: "again", Move.OUT: "out", Move.CLAIMED: "claims"}


class Room:
    """One room as the log has it. A room of which lines speak before it has spoken itself is closed to all purposes:
    scheduled, with nothing set."""

    def __init__(self) -> None:
        self.settings = RoomSettings()
        self.about = About()
        self.phase: Phase = "scheduled"
        self.seed = ""
        """Of the draw, when there was one."""
        self.places = Places()
        self.pace = Pace()
        self.waits = Waits()
        self.addresses: dict[int, str] = {}
        """By row, of those who left one, are to be written to, and are not in yet."""
        self.mailboxes = Mailboxes()
        self.first_in_at: Instant = 0
        """When the first pass was given."""
        self.changed_at = 0
        self.numbers_at = 0
        self.forecast: tuple[Any, Forecast] | None = None
        """Kept for a second by whoever answers (`waiting`); no part of the state."""

    @property
    def is_open(self) -> bool:
        return self.phase in _OPEN

    @property
    def taken(self) -> int:
        """Seats that somebody has, or may claim."""
        return self.places.count(State.ACTIVE, State.CALLED, State.CLAIM_WAITS)

    def is_full(self) -> bool:
        return 0 < self.settings.capacity * _FULL <= self.taken

    def waiting(self) -> list[int]:
        """How many wait in each lane."""
        return [lane.states[State.WAITING] for lane in self.places.lanes]

    def numbers(self, at: Instant) -> RoomNumbers:
        return room_numbers(max(at, self.pace.at), self.phase, self.settings, self.places, self.pace, self.waits)


class _Taking:
    """One commit being taken into one room."""

    def __init__(self, room: Room, org: str, id: str, sequence: int, at: Instant, *, tell: bool) -> None:
        self._room: Final = room
        self._org: Final = org
        self._id: Final = id
        self._sequence: Final = sequence
        self._at: Final = at
        self._tell: Final = tell
        self._full: Final = room.is_full()
        room.pace.advance(
            at,
            open_=room.is_open,
            full=self._full,
            active=room.places.count(State.ACTIVE),
            waiting=room.waiting(),
        )
        self._was: Final = (room.phase, room.about, room.seed, self._lanes())
        self._blocks: Final = len(room.places.block_lane)
        self._told: Final[list[tuple[Moved, Instant | NDArray[np.int64]]]] = []
        self._counted = False

    def _lanes(self) -> list[tuple[int, int]]:
        return [(lane.called_through, lane.states[State.WAITING]) for lane in self._room.places.lanes]

    # -- what lines say -----------------------------------------------------------------------------------------

    def take_line(self, shard: int, facts: Iterable[Any]) -> None:
        places = self._room.places
        for kind, group in groupby(facts, type):
            if kind is line.Joined:
                self._joined(shard, list(group))
            elif kind is line.Left:
                numbers = np.array([fact.number for fact in group], np.int64)
                self._move(places.rows_of(shard, numbers), Move.LEFT)
            elif kind is line.WentAbsent:
                for fact in group:
                    silent = np.asarray(numbers_of(fact.numbers).to_array())
                    self._will_be_absent(places.rows_of(shard, silent), fact.until)
        # That they are, that they are back, or expired, is told by the room, in `LinesHeard`: whether it was before a
        # call or behind it, the room alone can say.

    def _will_be_absent(self, rows: Rows, until: Instant) -> None:
        """Through when they keep their places, which only the line says."""
        places = self._room.places
        states = places.state[rows]
        places.until[rows[(states == State.WAITING) | (states == State.DRAWING)]] = until

    def _joined(self, shard: int, facts: Sequence[Any]) -> None:
        room, names = self._room, [fact.lane for fact in facts]
        if facts[-1].number != facts[0].number + len(facts) - 1:
            raise IndexError(f"the tickets of shard {shard} are not numbered without a gap")
        rows = room.places.join(shard, facts[0].number, names, self._at // 1_000, self._sequence)
        for row, fact in zip(rows.tolist(), facts, strict=True):
            if fact.email and room.phase != "closed" and room.mailboxes.admits(fact.email, self._at):
                room.addresses[row] = fact.email
        for lane, mine in room.places.by_lane(rows):
            room.pace.add(lane, "joined", len(rows[mine]))
        if room.phase in _BEFORE_OPENING and not room.seed:
            room.places.arrive(self._sequence)
        self._counted = True
        if room.phase == "closed":  # while they joined, and their line had not heard of it
            self._move(rows, Move.CLOSED)

    # -- what the room says -------------------------------------------------------------------------------------

    def take_room(self, facts: Iterable[Any]) -> None:
        for kind, group in groupby(facts, type):
            if kind is room.TicketClaimed:
                claimed = list(group)
                rows = self._room.places.rows_named([fact.ticket for fact in claimed])
                self._move(rows, Move.CLAIMED, np.array([fact.until for fact in claimed], np.int64))
            elif (fold := _OF_ROOM.get(kind)) is not None:
                for fact in group:
                    fold(self, fact)

    def heard(self, fact: room.LinesHeard) -> None:
        places = self._room.places
        for one in fact.heard:
            for text, move in (
                (one.absent, Move.WENT_ABSENT),
                (one.returned, Move.RETURNED),
                (one.expired, Move.EXPIRED),
            ):
                if text and one.shard >= 0:  # otherwise it is no shard of the room
                    rows = places.rows_of(one.shard, np.asarray(numbers_of(text).to_array()))
                    self._move(rows, move, places.until[rows] if move == Move.WENT_ABSENT else 0)

    def put(self, fact: room.RoomPut) -> None:
        self._room.settings, self._room.about = fact.settings, about_of(fact.settings)
        self._counted = True
        self._look_at_places()

    def entered(self, fact: room.PhaseEntered) -> None:
        self._room.phase = fact.phase
        self._counted = True
        self._look_at_places()
        if fact.phase == "closed":
            self._room.mailboxes = Mailboxes()  # nobody is written to any more
            self._move(self._room.places.standing(*IN_LINE, State.CALLED, State.CLAIM_WAITS), Move.CLOSED)

    def _look_at_places(self) -> None:
        """With a draw to come, nobody has a place."""
        room = self._room
        drawing = room.settings.draw and not room.seed and room.phase in _BEFORE_OPENING
        if drawing and not room.places.drawing:
            room.places.unsettle()
        elif room.places.drawing and not drawing:
            room.places.settle()

    def drawn(self, fact: room.Drawn) -> None:
        self._room.seed = fact.seed
        self._room.places.draw(fact.seed, fact.through, self._sequence)
        self._room.places.forget_arrivals()
        self._counted = True

    def called(self, fact: room.TicketsCalled) -> None:
        room = self._room
        room.places.forget_arrivals()
        moved = self._move(room.places.rows_named(fact.tickets), Move.CALLED, fact.until)
        joined = np.minimum(room.places.joined_s[moved.rows], self._at // 1_000)
        room.waits.add((self._at // 1_000 - joined).astype(np.uint32))

    def missed(self, fact: room.TicketsMissed) -> None:
        self._named(fact.again, Move.AGAIN)
        self._named(fact.out, Move.OUT)

    def claim_waits(self, fact: room.ClaimWaits) -> None:
        self._named((fact.ticket,), Move.CLAIM_WAITS)

    def prolonged(self, fact: room.PassProlonged) -> None:
        """No move: it stands as before, for longer."""
        places = self._room.places
        rows = places.rows_named((fact.ticket,))
        if places.state[rows[0]] == State.ACTIVE:
            before_at = places.changed_at[rows]
            places.until[rows], places.changed_at[rows] = fact.until, self._sequence
            self._told.append((Moved(rows, places.state[rows], before_at), fact.until))

    def expired(self, fact: room.PassesExpired) -> None:
        self._named(fact.tickets, Move.PASS_EXPIRED)

    def exited(self, fact: room.TicketExited) -> None:
        self._named((fact.ticket,), Move.EXITED)

    def _named(self, tickets: Sequence[str], move: Move) -> None:
        if tickets:
            self._move(self._room.places.rows_named(tickets), move)

    # -- moving -------------------------------------------------------------------------------------------------

    def _move(self, rows: Rows, move: Move, until: Instant | NDArray[np.int64] = 0) -> Moved:
        room = self._room
        moved = room.places.move(rows, move, self._at // 1_000, self._sequence, until)
        if not len(moved.rows):
            return moved
        self._counted = True
        if room.addresses and BECOMES[move][1] >= State.ACTIVE:  # nobody writes to them any more
            for row in moved.rows.tolist():
                room.addresses.pop(row, None)
        if move == Move.CLAIMED:
            room.first_in_at = room.first_in_at or self._at
        for lane, mine in room.places.by_lane(moved.rows):
            before = moved.before[mine]
            if (field := _PACE_FIELDS.get(move)) is not None:
                room.pace.add(lane, field, len(before))
            if self._full and move in {Move.CALLED, Move.AGAIN}:
                room.pace.add(lane, "full_net", len(before) if move == Move.CALLED else -len(before))
            if move in _ENDS:
                room.pace.add(lane, "ended", int(np.count_nonzero(before == State.ACTIVE)))
            if move in _GOES and room.is_open:
                room.pace.add(lane, "gone", int(np.count_nonzero(before == State.WAITING)))
            if move == Move.RETURNED and room.is_open:
                room.pace.add(lane, "gone", -len(before))
        if move not in _CROWD or len(moved.rows) <= TICKETS_TOLD_MAX:
            self._told.append((moved, until))
        return moved

    # -- telling ------------------------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """What is not as it was before; and that it changed here."""
        found = [*self._room_changes(), *(self._ticket_changes() if self._tell else ())]
        if self._counted:
            if self._tell:
                numbers = NumbersChanged(self._room.numbers(self._at))
                found.append(self._change(f"numbers/{self._id}", self._room.numbers_at, numbers))
            self._room.numbers_at = self._sequence
        return found

    def _change(self, topic: str, before: int, delta: Any) -> Change:
        return Change(self._org, topic, before, self._sequence, delta)

    def _room_changes(self) -> Iterator[Change]:
        room, places = self._room, self._room.places
        phase, about, seed, lanes = self._was
        touched, places.touched = sorted(places.touched), set()
        now = self._lanes()
        if not touched and (phase, about, seed, lanes) == (room.phase, room.about, room.seed, now):
            return
        if self._tell:
            before, counts, added = room.changed_at, tuple[BlockCount, ...](), tuple[BlockAdded, ...]()
            if len(touched) > BLOCKS_TOLD_MAX:
                before = self._sequence  # more than is told: whoever listens starts over
            else:
                of = [(block, places.lanes[places.block_lane[block]], places.block_index[block]) for block in touched]
                counts = tuple(BlockCount(block, lane.tally.counts[index]) for block, lane, index in of)
                added = tuple(BlockAdded(block, lane.name) for block, lane, _ in of if block >= self._blocks)
            delta = RoomChanged(
                room.phase if room.phase != phase else None,
                room.about if room.about != about else None,
                room.seed if room.seed != seed else "",
                tuple(
                    LaneNow(lane.name, *now[number])
                    for number, lane in enumerate(places.lanes)
                    if number >= len(lanes) or now[number] != lanes[number]
                ),
                counts,
                added,
            )
            yield self._change(f"room/{self._id}", before, delta)
            for block in touched:
                bits = places.lanes[places.block_lane[block]].bits(places.block_index[block])
                yield self._change(f"block/{self._id}/{block}", places.block_at[block], BlockChanged(bits))
        room.changed_at = self._sequence
        for block in touched:
            places.block_at[block] = self._sequence

    def _ticket_changes(self) -> list[Change]:
        """Each ticket once, as it stands in the end."""
        places = self._room.places
        first: dict[int, int] = {}
        for moved, _ in self._told:
            for row, before_at in zip(moved.rows.tolist(), moved.before_at.tolist(), strict=True):
                first.setdefault(row, before_at)
        if not first:
            return []
        rows = np.fromiter(first, np.int64, len(first))
        stands = zip(places.state[rows].tolist(), places.until[rows].tolist(), strict=True)
        deltas: dict[tuple[int, int], TicketChanged] = {}
        for stand in stands if len(first) == 1 else set(stands):
            deltas[stand] = TicketChanged(NAMES[stand[0]], stand[1] or None)
        org, prefix, sequence = self._org, f"ticket/{self._id}.", self._sequence
        return [
            Change(org, prefix + id, before_at, sequence, deltas[stand])
            for id, before_at, stand in zip(
                places.ids_of(rows),
                first.values(),
                zip(places.state[rows].tolist(), places.until[rows].tolist(), strict=True),
                strict=True,
            )
        ]


_OF_ROOM: Final[dict[type, Callable[[_Taking, Any], None]]] = {
    room.RoomPut: _Taking.put,
    room.LinesHeard: _Taking.heard,
    room.PhaseEntered: _Taking.entered,
    room.Drawn: _Taking.drawn,
    room.TicketsCalled: _Taking.called,
    room.TicketsMissed: _Taking.missed,
    room.ClaimWaits: _Taking.claim_waits,
    room.PassProlonged: _Taking.prolonged,
    room.PassesExpired: _Taking.expired,
    room.TicketExited: _Taking.exited,
}


class Rooms:
    """A projection."""

    name = "rooms"
    version = 2

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Room]] = {}
        self._today = 0
        """The UTC day of the last commit, whosever it was."""

    def of(self, org: str) -> dict[str, Room]:
        return self._rooms.get(org, {})

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        self._advance(commit.at // DAY_MS)
        org, kind, *parts = recorded.actor.split(".")
        if (kind, len(parts)) not in {("line", 2), ("room", 1)}:
            return []
        found = self._rooms.setdefault(org, {}).setdefault(parts[0], Room())
        taking = _Taking(found, org, parts[0], recorded.sequence, commit.at, tell=tell)
        facts = (fact for decided in commit.decided for fact in decided.facts)
        if kind == "line":
            taking.take_line(int(parts[1]), facts)
        else:
            taking.take_room(facts)
        return taking.changes()

    def _advance(self, day: int) -> None:
        if day <= self._today:
            return
        self._today = day
        for one in chain.from_iterable(found.values() for found in self._rooms.values()):
            if one.mailboxes.day < day:
                one.mailboxes = Mailboxes()

    def save(self) -> bytes:
        rooms = ((org, id, one) for org, found in sorted(self._rooms.items()) for id, one in sorted(found.items()))
        return pack([(_saved(org, id, one), one.places, one.pace.rows()) for org, id, one in rooms])

    def load(self, data: bytes) -> None:
        self._rooms = {}
        for saved, columns, pace in unpack(data):
            one = self._rooms.setdefault(saved.org, {})[saved.id] = Room()
            one.settings, one.about, one.phase, one.seed = (
                saved.settings, about_of(saved.settings), saved.phase, saved.seed
            )  # fmt: skip
            one.first_in_at, one.changed_at, one.numbers_at = saved.first_in_at, saved.changed_at, saved.numbers_at
            one.places, one.addresses = places_of(saved, columns), dict(saved.addresses)
            one.mailboxes = Mailboxes(saved.mailboxes_day, saved.mailboxes)
            one.pace.load(saved.pace_at, pace)
            one.waits.load(saved.waits, saved.ring)


def _saved(org: str, id: str, one: Room) -> SavedRoom:
    places = one.places
    return SavedRoom(
        org, id, one.settings, one.phase, one.seed, one.first_in_at, one.changed_at, one.numbers_at, places.drawing,
        lanes_of(places), places.block_lane, places.block_at, one.waits.count, one.waits.kept(), one.pace.at,
        list(one.addresses.items()), one.mailboxes.day, list(one.mailboxes.named.items()),
    )  # fmt: skip
