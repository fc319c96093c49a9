"""Verification of a draw: was everybody's place drawn as it was promised, and were they called in that order?

It looks at nothing but the log, and follows the text in `events.waiting.draw` step by step with `hashlib` alone: that
text is the promise, and this is what a stranger who reads it would write. Nothing that draws or calls is used here.

- commitment: the hash of the secret was in the log before anybody could join, and never changed;
- secret: what was told at the draw has that hash;
- heads: those named in the draw are the hashes of each shard's last commit up to it;
- seed: it is the hash of secret, beacon and heads;
- counts: as many were shuffled in each lane as had joined it;
- chains: each commit of the room and of its line stands on the one before it;
- heard: the room took in what its line says, all of it, in order;
- calls: whoever was called stood before everybody else who waited in their lane and was there.

The last two follow the room from its first commit on: nobody is called before a draw that is still to come. Who was
gone or absent is passed over, who comes back or missed a call stands where they stood: of all who wait and are there,
the one with the smallest place is the next.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from hashlib import sha256, shake_256
from typing import Any, Final

import msgspec

from actors.decider import Refusal
from events import line, room
from events.codec import numbers_of
from events.commit import GENESIS, Commit
from events.log import EventLog, Recorded
from events.waiting.sessions import line_actor, room_actor, tag_of
from tidegate.refused import Refused

NAMED_MAX: Final = 3
"""Of what does not fit, so many are named; the others are counted."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    sound: bool
    detail: str


class Report(msgspec.Struct, frozen=True):
    room: str
    drawn_at: int
    """The sequence of the draw."""
    seed: str
    checks: tuple[Check, ...]
    counts: dict[str, int]
    """By lane, how many were shuffled."""
    later: dict[str, int]
    """By lane, how many joined behind them."""
    called: int
    places: dict[str, tuple[str, ...]]
    """By lane, the tickets that were shuffled, as they stand now by this reckoning."""

    @property
    def sound(self) -> bool:
        return all(check.sound for check in self.checks)


class _Told(msgspec.Struct, frozen=True):
    """A commit as it is stored, and what it says."""

    recorded: Recorded
    commit: Commit[Any] | None

    @property
    def sequence(self) -> int:
        return self.recorded.sequence

    @property
    def facts(self) -> list[Any]:
        return [] if self.commit is None else [fact for one in self.commit.decided for fact in one.facts]


async def verify_draw(log: EventLog, org: str, id: str) -> Report:
    """Read everything that the room and its line have said, and look at it. `Refused` when there was no draw."""
    own = room_actor(org, id)
    told = [_read(recorded, room.FACTS) async for recorded in log.read_actor(own)]
    if not told:
        raise Refused(Refusal("unknown_room", f"there is no room {id!r}"))
    last = told[-1].sequence
    lines: dict[int, list[_Told]] = {}
    for actor in await log.actors_under(line_actor(org, id, 0).rpartition(".")[0]):
        said = [_read(one, line.FACTS) async for one in log.read_actor(actor)]
        lines[int(actor.rpartition(".")[2])] = [one for one in said if one.sequence <= last]
    return verified(id, told, lines)


def verified(id: str, told: Sequence[_Told], lines: dict[int, list[_Told]]) -> Report:
    drawn = next(((one, fact) for one in told for fact in one.facts if isinstance(fact, room.Drawn)), None)
    if drawn is None:
        raise Refused(Refusal("no_draw_yet", f"there was no draw in the room {id!r} so far"))
    at, draw = drawn
    before = [one for one in told if one.sequence < at.sequence]
    seed = _seed(draw.secret, draw.beacon, draw.heads)
    arrived = _arrived(lines, 0, draw.through)
    later = _arrived(lines, draw.through, told[-1].sequence)
    places = {lane: _shuffled(seed, lane, tickets) for lane, tickets in arrived.items()}
    calls, called = _check_calls(told, lines, draw, {lane: [*of] for lane, of in places.items()}, later)
    checks = (
        _check_chains(told, lines),
        _check_commitment(before),
        _check_secret(before, draw.secret),
        _check_heads(lines, draw, _shards(before)),
        Check(
            "seed", seed == draw.seed, f"{seed[:12]}…" + ("" if seed == draw.seed else f"; told is {draw.seed[:12]}…")
        ),
        _check_counts(arrived, draw.counts),
        _check_heard(told, lines),
        calls,
    )
    counts = {lane: len(tickets) for lane, tickets in arrived.items()}
    behind = {lane: len(tickets) for lane, tickets in later.items()}
    return Report(
        id, at.sequence, seed, checks, counts, behind, called, {lane: tuple(of) for lane, of in places.items()}
    )


def _read(recorded: Recorded, facts: Any) -> _Told:
    try:
        return _Told(recorded, facts.read(recorded.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Told(recorded, None)


# The steps of the text


def _seed(secret: str, beacon: str, heads: Sequence[str]) -> str:
    lines = ["tidegate draw 1", secret, beacon, *heads]
    return sha256("\n".join(lines).encode("utf-8")).hexdigest()


def _shuffled(seed: str, lane: str, tickets: Sequence[str]) -> list[str]:
    """Tickets in the order of the log, put into that of the draw."""
    stream = shake_256(bytes.fromhex(seed) + lane.encode("utf-8")).digest(8 * len(tickets))
    drawn = [int.from_bytes(stream[8 * number : 8 * number + 8], "big") for number in range(len(tickets))]
    return [tickets[number] for number in sorted(range(len(tickets)), key=lambda number: (drawn[number], number))]


def _arrived(lines: dict[int, list[_Told]], after: int, through: int) -> dict[str, list[str]]:
    """By lane, who joined between two sequences, in the order of the log."""
    found: dict[str, list[str]] = {}
    said = sorted(((one.sequence, shard, one) for shard, of in lines.items() for one in of), key=lambda one: one[0])
    for sequence, shard, one in said:
        if after < sequence <= through:
            for fact in one.facts:
                if isinstance(fact, line.Joined):
                    found.setdefault(fact.lane, []).append(f"{shard}.{fact.number}")
    return found


def _check_commitment(before: Sequence[_Told]) -> Check:
    """In one list of facts in the order in which they became true: the commitment, and what let people join."""
    facts = [(one.sequence, fact) for one in before for fact in one.facts]
    committed = [(place, at) for place, (at, fact) in enumerate(facts) if isinstance(fact, room.SecretCommitted)]
    opened = next((place for place, (_, fact) in enumerate(facts) if isinstance(fact, room.PhaseEntered)), len(facts))
    if not committed:
        return Check("commitment", False, "no hash of a secret is in the log")
    if committed[-1][0] > opened:
        late = f"the hash at sequence {committed[-1][1]} stands behind the beginning of the pre-queue"
        return Check("commitment", False, late)
    begun = f"the pre-queue began at {facts[opened][0]}" if opened < len(facts) else "nobody could join yet"
    return Check("commitment", True, f"in the log at sequence {committed[-1][1]}; {begun}")


def _check_secret(before: Sequence[_Told], secret: str) -> Check:
    committed = [fact.commitment for one in before for fact in one.facts if isinstance(fact, room.SecretCommitted)]
    found = sha256(secret.encode("utf-8")).hexdigest()
    sound = committed[-1:] == [found]
    return Check("secret", sound, f"its hash is {found[:12]}…" + ("" if sound else ", which nobody committed to"))


def _shards(before: Sequence[_Told]) -> int:
    """As many as the line was set to have when the draw was made."""
    puts = [fact.settings.shards for one in before for fact in one.facts if isinstance(fact, room.RoomPut)]
    return puts[-1] if puts else 0


def _check_heads(lines: dict[int, list[_Told]], draw: room.Drawn, shards: int) -> Check:
    found = []
    for shard in range(shards):
        bodies = [one.recorded.body for one in lines.get(shard, ()) if one.sequence <= draw.through]
        found.append(sha256(bodies[-1]).hexdigest() if bodies else "0" * 64)
    wrong = [str(shard) for shard, head in enumerate(found) if draw.heads[shard : shard + 1] != (head,)]
    if wrong or len(draw.heads) != shards:
        many = f"those of {', '.join(wrong[:NAMED_MAX])} are not" if wrong else f"{len(draw.heads)} are named"
        return Check("heads", False, f"of {shards} shards, up to sequence {draw.through}: {many}")
    return Check("heads", True, f"the last commits of {shards} shard{'s'[: shards != 1]} up to {draw.through}")


def _check_counts(arrived: dict[str, list[str]], counts: dict[str, int]) -> Check:
    found = {lane: len(tickets) for lane, tickets in arrived.items()}
    shown = ", ".join(f"{count} {_lane(lane)}" for lane, count in sorted(found.items())) or "nobody"
    if found != {lane: count for lane, count in counts.items() if count}:
        return Check("counts", False, f"{shown} had joined; the room says {counts}")
    return Check("counts", True, f"{shown}")


def _lane(lane: str) -> str:
    return f"in the lane {lane}" if lane else "in the ordinary lane"


# What happened around it


def _check_chains(told: Sequence[_Told], lines: dict[int, list[_Told]]) -> Check:
    broken: list[int] = []
    for of in (told, *lines.values()):
        head = GENESIS
        for one in of:
            if one.commit is None or (one.commit.previous, one.commit.actor) != (head, one.recorded.actor):
                broken.append(one.sequence)
            head = sha256(one.recorded.body).hexdigest()
    commits = len(told) + sum(map(len, lines.values()))
    where = ", ".join(map(str, broken[:NAMED_MAX]))
    bad = f"broken at sequence {where}; {len(broken)} in all"
    return Check("chains", not broken, bad if broken else f"{commits:,} commits")


class _News(msgspec.Struct):
    """What one commit of a shard comes to, by its own facts."""

    tags: str = ""
    first: int = 0
    lanes: list[str] = []
    left: set[int] = set()
    absent: set[int] = set()
    returned: set[int] = set()
    expired: set[int] = set()


def _news(facts: Iterable[Any]) -> _News:
    found = _News()
    for fact in facts:
        match fact:
            case line.Joined(number, session, lane=lane):
                found.first = number if not found.lanes else found.first
                found.tags += tag_of(session)
                found.lanes.append(lane)
            case line.Left(number):
                found.left.add(number)
            case line.WentAbsent(numbers):
                found.absent |= set(numbers_of(numbers))
                found.returned -= set(numbers_of(numbers))
            case line.Returned(numbers):
                found.returned |= set(numbers_of(numbers))
                found.absent -= set(numbers_of(numbers))
            case line.Expired(numbers):
                found.expired |= set(numbers_of(numbers))
            case _:
                pass
    return found


def _as_heard(heard: room.Heard) -> _News:
    lanes = [lane for lane, count in heard.lanes for _ in range(count)]
    sets = (set(numbers_of(text)) for text in (heard.left, heard.absent, heard.returned, heard.expired))
    return _News(heard.tags, heard.first, lanes, *sets)


def _check_heard(told: Sequence[_Told], lines: dict[int, list[_Told]]) -> Check:
    heard = [one for at in told for fact in at.facts if isinstance(fact, room.LinesHeard) for one in fact.heard]
    said = {one.sequence: (shard, one) for shard, of in lines.items() for one in of}
    wrong: list[int] = []
    for one in heard:
        shard, commit = said.get(one.sequence, (-1, None))
        if commit is None or shard != one.shard or _news(commit.facts) != _as_heard(one):
            wrong.append(one.sequence)
    through = heard[-1].sequence if heard else 0
    passed_over = sorted({sequence for sequence in said if sequence <= through} - {one.sequence for one in heard})
    in_order = [one.sequence for one in heard] == sorted({one.sequence for one in heard})
    if wrong or passed_over or not in_order:
        named = ", ".join(map(str, [*wrong, *passed_over][:NAMED_MAX])) or "out of order"
        return Check("heard", False, f"what the room took in is not what the line says: {named}")
    return Check("heard", True, f"{len(heard):,} commits of the line, up to sequence {through}")


class _Lane:
    """Who waits in one lane, by their places."""

    def __init__(self, places: list[str]) -> None:
        self.place: Final = {ticket: place for place, ticket in enumerate(places)}
        self.waiting: Final = set[str]()
        self._heap: Final[list[tuple[int, str]]] = []

    def add(self, ticket: str) -> None:
        place = self.place.setdefault(ticket, len(self.place))
        self.waiting.add(ticket)
        heapq.heappush(self._heap, (place, ticket))

    def first(self) -> str | None:
        while self._heap and self._heap[0][1] not in self.waiting:
            heapq.heappop(self._heap)
        return self._heap[0][1] if self._heap else None


def _check_calls(
    told: Sequence[_Told],
    lines: dict[int, list[_Told]],
    draw: room.Drawn,
    places: dict[str, list[str]],
    later: dict[str, list[str]],
) -> tuple[Check, int]:
    """Whether each call went to the first who waited and was there; and how many there were."""
    waiting = _Waiting({lane: [*places.get(lane, ()), *later.get(lane, ())] for lane in {*places, *later}})
    wrong: list[str] = []
    called, drawn = 0, False
    for one in told:
        for fact in one.facts:
            match fact:
                case room.LinesHeard(heard):
                    for news in heard:
                        waiting.hear(news)
                case room.Drawn():
                    drawn = True
                case room.TicketsCalled(lane, tickets):
                    called += len(tickets)
                    for ticket in tickets:
                        first = waiting.lanes[lane].first() if lane in waiting.lanes else None
                        if first != ticket or not drawn:
                            stood = f"while {first} stood first" if first is not None else "and did not wait there"
                            wrong.append(f"{ticket} at {one.sequence}, {stood if drawn else 'before the draw'}")
                        waiting.call(lane, ticket)
                case room.TicketsMissed(again):
                    for ticket in again:
                        waiting.again(ticket)
                case room.PhaseEntered("closed"):
                    waiting.close()
                case _:
                    pass
    if wrong:
        more = f", and {len(wrong) - NAMED_MAX} more" if len(wrong) > NAMED_MAX else ""
        return Check("calls", False, f"{'; '.join(wrong[:NAMED_MAX])}{more}"), called
    return Check("calls", True, f"{called:,} so far, each to the first who waited and was there"), called


class _Waiting:
    """Who waits and is there, as far as the room has heard."""

    def __init__(self, places: dict[str, list[str]]) -> None:
        self.lanes: Final = {lane: _Lane(tickets) for lane, tickets in places.items()}
        self._lane_of: Final[dict[str, str]] = {}
        self._absent: Final = set[str]()
        self._served: Final[dict[str, str]] = {}
        """Who was called and not sent back, and from which lane."""
        self._gone: Final = set[str]()

    def hear(self, heard: room.Heard) -> None:
        number = heard.first
        for lane, count in heard.lanes:
            for _ in range(count):
                ticket = f"{heard.shard}.{number}"
                self._lane_of[ticket] = lane
                self.lanes.setdefault(lane, _Lane([])).add(ticket)
                number += 1
        for ticket in _tickets(heard.shard, heard.absent):
            if self._waits(ticket):
                self._absent.add(ticket)
                self.lanes[self._lane_of[ticket]].waiting.discard(ticket)
        for ticket in _tickets(heard.shard, heard.returned):
            if ticket in self._absent:
                self._absent.discard(ticket)
                self.lanes[self._lane_of[ticket]].add(ticket)
        for ticket in (*_tickets(heard.shard, heard.expired), *_tickets(heard.shard, heard.left)):
            if ticket not in self._served and ticket in self._lane_of:
                self._gone.add(ticket)
                self._absent.discard(ticket)
                self.lanes[self._lane_of[ticket]].waiting.discard(ticket)

    def _waits(self, ticket: str) -> bool:
        return ticket in self._lane_of and ticket not in self._served and ticket not in self._gone

    def call(self, lane: str, ticket: str) -> None:
        self._served[ticket] = lane
        self._absent.discard(ticket)
        if lane in self.lanes:
            self.lanes[lane].waiting.discard(ticket)

    def again(self, ticket: str) -> None:
        lane = self._served.pop(ticket, None)
        if lane in self.lanes:
            self.lanes[lane].add(ticket)

    def close(self) -> None:
        for lane in self.lanes.values():
            lane.waiting.clear()


def _tickets(shard: int, numbers: str) -> Iterable[str]:
    return (f"{shard}.{number}" for number in numbers_of(numbers)) if numbers else ()
