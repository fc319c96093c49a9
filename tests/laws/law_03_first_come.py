"""Law 3. First come, first served: within a lane, tickets are called in the order of the log, or of the published draw.

Read from the log alone. What the lines said is folded here anew, and a room is held to it twice: what it records as
heard is exactly what they said, commit by commit in the order of the log, none left out and none twice; and by what it
had heard, nobody of the same lane who waits and is there stands before anybody who is called. A missed call goes back
to its old place, once. A draw is made again from its secret: the commitment was there before anybody could join, and
the places follow from it.

With it goes what makes an order worth having. Every shard numbers from 0 without a gap. Nobody has two tickets that
live. Nobody is called who has gone, or is called or in already; nobody comes in who was not called, or whose window has
passed, unless they came in time and had to wait for a seat; and of those, the first is the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256, shake_256
from typing import Any, Final, Literal

from events.clock import Instant
from events.codec import numbers_of
from events.commit import Commit
from events.line import Expired, Forgotten, Joined, Left, Returned, WentAbsent
from events.log import Recorded
from events.room import (
    ClaimWaits,
    Drawn,
    Heard,
    LinesHeard,
    PassesExpired,
    PassProlonged,
    PhaseEntered,
    RoomPut,
    RoomSettings,
    SecretCommitted,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from tests.laws.history import History

State = Literal["waiting", "called", "claiming", "in", "over"]
_TAG_DIGITS: Final = 16
_NO_HASH: Final = "0" * 64


class Ticket:
    """One ticket, as its room has to see it."""

    __slots__ = ("absent", "gone", "lane", "missed", "name", "place", "state", "until")

    def __init__(self, name: str, lane: str, place: int) -> None:
        self.name = name
        self.lane = lane
        self.place = place
        self.state: State = "waiting"
        self.absent = self.gone = self.missed = False
        self.until: Instant = 0
        """Through when it is called."""

    @property
    def stands(self) -> bool:
        return self.state == "waiting" and not self.absent and not self.gone


class _Shard:
    """One shard of a line, by its own word."""

    def __init__(self) -> None:
        self.next = 0
        self.living: set[int] = set()
        self.away: dict[int, Instant] = {}
        """Who is absent, and through when they keep their places."""


class Said:
    """What one commit of a line comes to."""

    def __init__(self, recorded: Recorded, commit: Commit[Any]) -> None:
        self.sequence: Final = recorded.sequence
        self.stored_at: Final = recorded.stored_at
        named = commit.actor.rpartition(".")[2]
        self.shard: Final = int(named) if named.isdigit() and str(int(named)) == named else -1
        """-1 for a line that is none of its room's."""
        self.facts: Final = [fact for one in commit.decided for fact in one.facts]
        self.hash: Final = sha256(recorded.body).hexdigest()

    def differs_from(self, heard: Heard) -> str:
        """In what, if in anything."""
        joined = [fact for fact in self.facts if isinstance(fact, Joined)]
        lanes: list[list[Any]] = []
        for fact in joined:
            if not lanes or lanes[-1][0] != fact.lane:
                lanes.append([fact.lane, 0])
            lanes[-1][1] += 1
        last: dict[int, type[Any]] = {}
        left, expired = set[int](), set[int]()
        for fact in self.facts:
            match fact:
                case WentAbsent(numbers) | Returned(numbers):
                    last.update(dict.fromkeys(numbers_of(numbers), type(fact)))
                case Left(number):
                    left.add(number)
                case Expired(numbers):
                    expired |= set(numbers_of(numbers))
                case _:
                    pass
        said: dict[str, Any] = {
            "first": joined[0].number if joined else heard.first,
            "tags": "".join(fact.session[:_TAG_DIGITS] for fact in joined),
            "lanes": tuple((lane, count) for lane, count in lanes),
            "left": left,
            "absent": {number for number, fact in last.items() if fact is WentAbsent},
            "returned": {number for number, fact in last.items() if fact is Returned},
            "expired": expired,
        }
        for name, what in said.items():
            told = getattr(heard, name)
            if what != (set(numbers_of(told)) if isinstance(what, set) else told):
                return f"{name} {what}, and was heard to say {told!r}"
        return "" if heard.head in ("", self.hash) else f"what hashes to {self.hash[:12]}, not to {heard.head[:12]}"


class Line:
    """The line before one room, and the room, folded side by side in the order of the log."""

    def __init__(self) -> None:
        self.settings = RoomSettings()
        self.phase = "scheduled"
        self.tickets: Final[dict[str, Ticket]] = {}
        """As far as the room has heard of them."""
        self.claiming: Final[list[Ticket]] = []
        self.calls: Final[list[Instant]] = []
        self.claims: Final[list[Instant]] = []
        self.passes: Final[dict[str, Instant]] = {}
        """Who is in, and through when at the least."""
        self.said: Final[list[Said]] = []
        self.heard = 0
        """So many of what was said."""
        self.stored_at: Instant = 0
        """When the room committed last, …"""
        self.at: Instant = 0
        """… and by its own clock."""
        self._lanes: Final[dict[str, int]] = {}
        self._heads: Final[dict[int, str]] = {}
        self._shards: Final[dict[int, _Shard]] = {}
        self._sessions: Final[dict[str, str]] = {}
        self._commitment = ""
        self._bound = ""
        """The commitment that was there when the pre-queue began."""
        self._drawn = False

    # What the lines say

    def say(self, said: Said, at: Instant) -> Iterator[str]:
        self.said.append(said)
        shard = self._shards.setdefault(said.shard, _Shard())
        for fact in said.facts:
            match fact:
                case Joined():
                    yield from self._joined(said.shard, shard, fact)
                case Left(number):
                    yield from _ended(shard, [number], "has left")
                case WentAbsent(numbers, until):
                    for number in numbers_of(numbers):
                        if number not in shard.living or number in shard.away:
                            yield f"{number} went absent, and was not there"
                        shard.away[number] = until
                case Returned(numbers):
                    for number in numbers_of(numbers):
                        if shard.away.pop(number, None) is None:
                            yield f"{number} came back, and was not absent"
                case Expired(numbers):
                    for number in numbers_of(numbers):
                        if at <= shard.away.get(number, at):
                            yield f"{number} expired at {at}, and kept their place until {shard.away.get(number)}"
                    yield from _ended(shard, numbers_of(numbers), "expired")
                case Forgotten(numbers):
                    for number in numbers_of(numbers):
                        ticket = self.tickets.get(f"{said.shard}.{number}")
                        over = ticket is not None and ticket.state == "over"
                        if not over and not (self.phase == "closed" and (ticket is None or ticket.state == "waiting")):
                            yield f"{number} was forgotten, and the room is not done with it"
                    yield from _ended(shard, numbers_of(numbers), "was forgotten")
                case _:
                    pass

    def _joined(self, index: int, shard: _Shard, fact: Joined) -> Iterator[str]:
        if fact.number != shard.next:
            yield f"{fact.number} was given out, and {shard.next} was next"
        # Who is known by an identity stands in the shard of that identity; elsewhere each shard knows its own sessions.
        known_as = [f"{index}/{fact.session}", f"identity {fact.identity}"] if fact.identity else [fact.session]
        for whose in known_as:
            before = self._sessions.get(whose)
            if before is not None:
                other, _, number = before.partition(".")
                if int(number) in self._shards[int(other)].living:
                    yield f"{index}.{fact.number} was given to {whose}, who has {before}"
            self._sessions[whose] = f"{index}.{fact.number}"
        shard.next = fact.number + 1
        shard.living.add(fact.number)

    # What the room makes of it

    def decide(self, fact: Any, at: Instant, sequence: int) -> Iterator[str]:
        match fact:
            case RoomPut(settings):
                self.settings = settings
            case SecretCommitted(commitment):
                if self.phase != "scheduled":
                    yield "a secret was committed after people may have joined"
                self._commitment = commitment
            case PhaseEntered(phase):
                self.phase = phase
                if phase == "pre_queue":
                    self._bound = self._commitment
                if phase == "closed":
                    self._close()
            case LinesHeard(heard):
                for one in heard:
                    yield from self._hear(one, sequence)
            case Drawn():
                yield from self._draw(fact)
            case TicketsCalled(lane, tickets, until):
                for name in tickets:
                    yield from self._call(lane, name, until, at)
            case TicketsMissed(again, out):
                for name in again:
                    ticket = self.tickets[name]
                    if ticket.missed or ticket.gone or self.settings.missed != "again":
                        yield f"{name} goes again, and may not"
                    ticket.missed, ticket.state = True, "waiting"
                for name in out:
                    ticket = self.tickets[name]
                    if not ticket.missed and not ticket.gone and self.settings.missed != "out":
                        yield f"{name} is out, and may go again"
                    ticket.state = "over"
            case ClaimWaits(name):
                ticket = self.tickets[name]
                if ticket.state != "called" or at > ticket.until:
                    yield f"{name} waits for a seat at {at}, and is {ticket.state} until {ticket.until}"
                ticket.state = "claiming"
                self.claiming.append(ticket)
            case TicketClaimed(name, until):
                yield from self._claim(name, until, at)
            case TicketExited(name):
                self._end(self.tickets[name])
            case PassesExpired(names):
                for name in names:
                    self._end(self.tickets[name])
            case PassProlonged(name, until):
                self.passes[name] = until
            case _:
                pass

    def _hear(self, heard: Heard, sequence: int) -> Iterator[str]:
        if self.heard == len(self.said) or heard.sequence != (due := self.said[self.heard]).sequence:
            expected = self.said[self.heard].sequence if self.heard < len(self.said) else "nothing"
            yield f"{heard.sequence} was heard, and {expected} was next"
            raise Lost
        if due.shard != heard.shard or due.sequence >= sequence:
            yield f"{heard.sequence} was heard at {sequence} as of shard {heard.shard}, and is of {due.shard}"
        if difference := due.differs_from(heard):
            yield f"shard {due.shard} said in {due.sequence} {difference}"
        self.heard += 1
        self._heads[due.shard] = due.hash
        for fact in due.facts:
            match fact:
                case Joined(number, lane=lane):
                    place = self._lanes[lane] = self._lanes.get(lane, -1) + 1
                    name = f"{due.shard}.{number}"
                    self.tickets[name] = Ticket(name, lane, place)
                case WentAbsent(numbers) | Returned(numbers):
                    for number in numbers_of(numbers):
                        self.tickets[f"{due.shard}.{number}"].absent = isinstance(fact, WentAbsent)
                case Expired(numbers):
                    for number in numbers_of(numbers):
                        self.tickets[f"{due.shard}.{number}"].gone = True
                case Left(number):
                    ticket = self.tickets[f"{due.shard}.{number}"]
                    ticket.gone = True
                    if ticket.state != "waiting":
                        self._end(ticket)
                case _:
                    pass

    def _draw(self, drawn: Drawn) -> Iterator[str]:
        if sha256(drawn.secret.encode()).hexdigest() != self._bound or self._drawn or self.phase != "pre_queue":
            yield "the draw was made with another secret than was committed, or twice, or at another time"
        heads = [self._heads.get(shard, _NO_HASH) for shard in range(self.settings.shards)]
        lines = "\n".join(("tidegate draw 1", drawn.secret, drawn.beacon, *heads))
        seed = sha256(lines.encode()).hexdigest()
        if list(drawn.heads) != heads or drawn.seed != seed:
            yield f"the draw stands on {drawn.heads} and {drawn.seed}, and these come to {heads} and {seed}"
        if drawn.through != (self.said[self.heard - 1].sequence if self.heard else 0):
            yield f"the draw says that it goes through {drawn.through}"
        counts = {lane: last + 1 for lane, last in self._lanes.items()}
        if drawn.counts != counts:
            yield f"{drawn.counts} were drawn, of {counts}"
        self._drawn = True
        for lane, count in counts.items():
            stream = shake_256(bytes.fromhex(seed) + lane.encode()).digest(8 * count)
            lots = [int.from_bytes(stream[8 * number : 8 * number + 8], "big") for number in range(count)]
            order = {number: place for place, number in enumerate(sorted(range(count), key=lots.__getitem__))}
            for ticket in self.tickets.values():
                if ticket.lane == lane:
                    ticket.place = order[ticket.place]

    def _call(self, lane: str, name: str, until: Instant, at: Instant) -> Iterator[str]:
        ticket = self.tickets.get(name)
        if ticket is None:
            yield f"{name} was called, and nobody had heard of it"
            raise Lost
        if ticket.state != "waiting" or ticket.gone or ticket.lane != lane:
            gone = ", and has left or expired" if ticket.gone else ""
            yield f"{name} of the lane {ticket.lane!r} was called in {lane!r}, and is {ticket.state}{gone}"
        before = [one for one in self.tickets.values() if one.lane == lane and one.place < ticket.place and one.stands]
        if before:
            first = min(before, key=lambda one: one.place)
            yield f"{name} was called from place {ticket.place}, and {first.name} waits at {first.place}"
        if self.claiming:
            yield f"{name} was called, and {self.claiming[0].name} waits for a seat"
        if self.phase not in ("open", "draining"):
            yield f"{name} was called when the room was {self.phase}"
        ticket.state, ticket.until = "called", until
        self.calls.append(at)

    def _claim(self, name: str, until: Instant, at: Instant) -> Iterator[str]:
        ticket = self.tickets[name]
        if ticket.state == "claiming" or self.claiming:
            if ticket is not self.claiming[0]:
                yield f"{name} came in, and {self.claiming[0].name} has waited for longer"
        elif ticket.state != "called":
            yield f"{name} came in, and was not called: it is {ticket.state}"
        elif at > ticket.until:
            yield f"{name} came in at {at}, and was called until {ticket.until}"
        self._end(ticket)
        ticket.state = "in"
        self.passes[name] = until
        self.claims.append(at)

    def _end(self, ticket: Ticket) -> None:
        ticket.state = "over"
        self.passes.pop(ticket.name, None)
        if ticket in self.claiming:
            self.claiming.remove(ticket)

    def _close(self) -> None:
        for ticket in self.tickets.values():
            if ticket.state in ("called", "claiming"):
                self._end(ticket)


def _ended(shard: _Shard, numbers: Iterable[int], how: str) -> Iterator[str]:
    for number in numbers:
        if number not in shard.living:
            yield f"{number} {how}, and was not there any more"
        shard.living.discard(number)
        shard.away.pop(number, None)


class Lost(Exception):
    """What follows cannot be judged: it stands on something else."""


def folded(history: History, through: int | None = None) -> Iterator[tuple[str, Line, str]]:
    """Every room's name and line, as they are in the end, with what was wrong with them on the way; nothing at last."""
    lines: dict[str, Line] = {}
    lost: set[str] = set()
    for recorded, commit in history.lines:
        org, kind, *parts = commit.actor.split(".")
        if kind not in ("line", "room") or (through is not None and recorded.sequence > through):
            continue
        room = f"{org}.room.{parts[0]}"
        line = lines.setdefault(room, Line())
        if room in lost:
            continue
        try:
            if kind == "line":
                for what in line.say(Said(recorded, commit), commit.at):
                    yield room, line, f"{commit.actor} at {recorded.sequence}: {what}"
                continue
            for one in commit.decided:
                for fact in one.facts:
                    for what in line.decide(fact, commit.at, recorded.sequence):
                        yield room, line, f"{commit.actor} at {recorded.sequence}: {what}"
            line.stored_at, line.at = recorded.stored_at, commit.at
        except Lost:
            lost.add(room)
    for room, line in lines.items():
        yield room, line, ""


def breaches(history: History) -> Iterator[str]:
    return (what for _, _, what in folded(history) if what)
