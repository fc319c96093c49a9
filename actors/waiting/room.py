"""The room: it hears its lines, and alone decides who is called, who is in, and who has to go.

What is due is done one thing at a time, each on what the one before has led to: the clock opens and closes; what the
lines said is taken in; whose time has passed has to go; who waits for a seat gets it; and then as many are called as
may be. All of it is done before a command is decided, and again behind it, in the same commit. So whoever asks is
answered by a room in which nothing is overdue, and a seat that is given up is offered in the moment in which it is
free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any, Final, TypeAlias

from actors.decider import CONSULTED_BY_ALL_AFTER_MS, Decider, Decision, Followed, Refusal, Tick
from actors.waiting import limits
from actors.waiting.admission import callable_now, entries_now, next_call_at, next_entry_at
from actors.waiting.commands import (
    Claim,
    CloseRoom,
    DrainRoom,
    Draw,
    Exit,
    OpenRoom,
    PauseRoom,
    Prolong,
    PutRoom,
    ResumeRoom,
    Revoke,
    ShowRoom,
    ShowTicket,
    StartPreQueue,
)
from actors.waiting.hearing import hear
from actors.waiting.lifecycle import LISTENS, ROOM, Step
from actors.waiting.queue import next_in_turn
from actors.waiting.settings import unfit, unfit_change
from actors.waiting.showing import shown, shown_ticket, status_of
from actors.waiting.standing import Call, Room, Seat, ends, evolve, may_go_again
from actors.waiting.turns import call_of, nearing, reachable_in
from events.clock import Instant
from events.commit import GENESIS
from events.room import (
    FACTS,
    ClaimWaits,
    Drawn,
    LinesHeard,
    PassesExpired,
    PassProlonged,
    PhaseEntered,
    RoomFact,
    RoomPut,
    SecretCommitted,
    TicketClaimed,
    TicketExited,
    TicketsMissed,
)
from events.waiting.draw import commitment_of, seed_of
from events.waiting.sessions import session_of, tag_of, ticket_of

RoomCommand: TypeAlias = (
    PutRoom
    | StartPreQueue
    | OpenRoom
    | PauseRoom
    | ResumeRoom
    | DrainRoom
    | CloseRoom
    | Draw
    | Claim
    | Prolong
    | Exit
    | Revoke
    | ShowRoom
    | ShowTicket
)
Answer: TypeAlias = Decision[RoomFact] | Refusal

STEPS: Final[Mapping[type[RoomCommand], Step]] = {
    StartPreQueue: "start",
    OpenRoom: "open",
    PauseRoom: "pause",
    ResumeRoom: "resume",
    DrainRoom: "drain",
    CloseRoom: "close",
}
ALWAYS: Final[Instant] = 253_402_300_799_000
"""The end of the year 9999: when a room wants a Tick that has nothing to wait for but news."""
DIGITS: Final = frozenset("0123456789abcdef")


def decide(room: Room, command: RoomCommand | Tick, at: Instant, by: Followed) -> Answer:
    if isinstance(command, Tick):
        return Decision(_due(room, at, by))
    if isinstance(command, PutRoom):
        return _put(room, command, at)
    if not room.exists:
        return Refusal("unknown_room", f"there is no room {room.id!r}")
    match command:
        case Draw():
            return _draw(room, command, by)
        case Claim(ticket, key):
            return _claim(room, ticket, key, at)
        case Prolong(ticket, key):
            return _prolong(room, ticket, key, at)
        case Exit(ticket, key):
            found = _theirs(room, ticket, key, at)
            if isinstance(found, Refusal):
                return found
            return Decision((TicketExited(found[0]),), {"ticket": ticket, "status": "exited"})
        case Revoke(ticket):
            name = _name(room, ticket)
            if isinstance(name, Refusal):
                return name
            if name not in room.called and name not in room.active:
                return Refusal("not_in", f"{ticket!r} is neither called nor in")
            return Decision((TicketExited(name, revoked=True),), {"ticket": ticket, "status": "exited"})
        case ShowRoom():
            return Decision(reply=shown(room))
        case ShowTicket(ticket):
            name = _name(room, ticket)
            return name if isinstance(name, Refusal) else Decision(reply=shown_ticket(room, name))
        case _:
            return _step(room, STEPS[type(command)])


# What an operator sets


def _put(room: Room, command: PutRoom, at: Instant) -> Answer:
    settings, commitment = command.settings, command.commitment
    refusal = unfit(settings, at) or unfit_change(room, settings)
    if refusal is not None:
        return refusal
    if commitment and not (len(commitment) == 64 and DIGITS.issuperset(commitment)):
        return Refusal("bad_commitment", "the commitment is a SHA-256 in 64 hexadecimal digits")
    if settings.draw and not (commitment or room.commitment):
        return Refusal("commitment_needed", "a draw needs the hash of its secret before anybody joins")
    facts: list[RoomFact] = [] if settings == room.settings and room.exists else [RoomPut(settings)]
    if commitment and commitment != room.commitment:
        if room.phase != "scheduled":
            return Refusal("draw_fixed", "the secret was committed before anybody joined, and stays", "late")
        facts.append(SecretCommitted(commitment))
    return Decision(tuple(facts), {"room": room.id})


def _step(room: Room, step: Step) -> Answer:
    phase = ROOM[room.phase].get(step)
    if phase is None:
        return Refusal("wrong_phase", f"a room that is {room.phase} cannot {step}")
    if step == "open" and _awaits_draw(room):
        return Refusal("not_drawn", "those who have joined are to be drawn first: tell the secret")
    return Decision((PhaseEntered(phase),), {"room": room.id, "phase": phase})


def _awaits_draw(room: Room) -> bool:
    return room.settings.draw and room.phase == "pre_queue" and not room.drawn


def _draw(room: Room, command: Draw, by: Followed) -> Answer:
    secret, beacon = command.secret, command.beacon
    most = limits.SECRET_CHARACTERS_MAX
    if not limits.SECRET_CHARACTERS_MIN <= len(secret) <= most or len(beacon) > most:
        return Refusal("bad_secret", f"a secret has {limits.SECRET_CHARACTERS_MIN} to {most} characters")
    if not room.settings.draw or room.phase != "pre_queue":
        return Refusal("nothing_to_draw", "a draw is made of a pre-queue, where the room is set to draw")
    if room.drawn:
        return Refusal("drawn_already", "the draw was made, and stays", "late")
    heads = tuple(shard.head or GENESIS for shard in room.shards)
    try:
        commitment, seed = commitment_of(secret), seed_of(secret, beacon, heads)
    except UnicodeEncodeError:
        return Refusal("bad_secret", "the secret or the beacon cannot be written in UTF-8")
    if commitment != room.commitment:
        return Refusal("wrong_secret", "that is not the secret whose hash was committed")
    if not by.caught_up or (by.news and by.news[-1].sequence > room.heard):
        return Refusal("still_hearing", "not everybody who has joined was heard of yet", "busy", 50)
    counts = {lane: queue.length for lane, queue in room.queues.items()}
    return Decision((Drawn(secret, beacon, seed, heads, room.heard, counts),), {"seed": seed, "drawn": counts})


# What is due


def _due(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    """The next thing that is to be done, if there is any."""
    return next((facts for step in _STEPS if (facts := step(room, at, by))), ())


def _hear(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    if not _listens(room) or not by.news or by.news[-1].sequence <= room.heard:
        return ()
    heard = hear(by.news, room.heard, heads=room.settings.draw and not room.drawn)
    return (LinesHeard(heard, reachable_in(by.news, heard)),)


def _listens(room: Room) -> bool:
    """A room that is closed still hears who of those inside has left."""
    return room.phase in LISTENS or (room.phase == "closed" and bool(room.active))


def _by_the_clock(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    settings = room.settings
    if room.phase == "closed" or not room.exists:
        return ()
    if settings.closes_at is not None and settings.closes_at <= at:
        return (PhaseEntered("closed"),)
    opens = settings.opens_at is not None and settings.opens_at <= at
    if room.phase in ("scheduled", "pre_queue") and opens and not _awaits_draw(room):
        return (PhaseEntered("open"),)
    begins = settings.pre_queue_at is not None and settings.pre_queue_at <= at
    if room.phase == "scheduled" and begins:
        return (PhaseEntered("pre_queue"),)
    return ()


def _drained(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    """Nobody is left, and nobody can have joined of whom this room has not heard."""
    if room.phase == "draining" and room.is_empty and by.caught_up and at >= _drained_at(room):
        return (PhaseEntered("closed"),)
    return ()


def _drained_at(room: Room) -> Instant:
    """From then on no line lets anybody join by what was before."""
    return room.entered_at + CONSULTED_BY_ALL_AFTER_MS


def _over(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    end = room.next_end()
    if end is None or end >= at:
        return ()
    over = list(ends(room, at, limits.ENDED_AT_ONCE_MAX))
    expired = tuple(ticket for ticket in over if ticket in room.active)
    missed = [ticket for ticket in over if ticket in room.called]
    once_more = room.settings.missed == "again"
    again = tuple(ticket for ticket in missed if once_more and may_go_again(room, ticket))
    out = tuple(ticket for ticket in missed if not once_more or not may_go_again(room, ticket))
    facts: list[RoomFact] = [PassesExpired(expired)] if expired else []
    return (*facts, TicketsMissed(again, out)) if missed else tuple(facts)


def _let_in(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    """Those who were called, are there, and wait for a seat."""
    free = min(entries_now(room, at), limits.ENTERED_AT_ONCE_MAX)
    return tuple(_pass(room, ticket, at) for ticket in room.claiming[:free])


def _call(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    wanted = min(callable_now(room, at), sum(room.waiting.values()))
    if wanted <= 0:
        return ()
    share = room.settings.ordinary_share
    called, owed = next_in_turn(room.queues, room.shards, room.waiting, room.lanes, room.owed, share, wanted)
    until = at + room.settings.claim_s * 1_000
    by_lane = groupby(sorted(called, key=lambda one: one[0]), key=lambda one: one[0])
    return tuple(call_of(room, lane, [place.ticket for _, place in some], until, owed) for lane, some in by_lane)


def _near(room: Room, at: Instant, by: Followed) -> tuple[RoomFact, ...]:
    """Behind the calls: nobody is told that it is soon who is called at once."""
    return () if (near := nearing(room)) is None else (near,)


_STEPS: Final[tuple[Callable[[Room, Instant, Followed], tuple[RoomFact, ...]], ...]] = (
    _by_the_clock,
    _hear,
    _over,
    _let_in,
    _call,
    _near,
    _drained,
)


# What visitors want


def _name(room: Room, id: str) -> str | Refusal:
    """What the ticket of that id is called here."""
    ticket = ticket_of(id)
    if ticket is None or ticket.room != room.id or ticket.shard >= len(room.shards):
        return Refusal("unknown_ticket", f"there is no ticket {id!r} here")
    if ticket.number >= room.shards[ticket.shard].count:
        return Refusal("unknown_ticket", f"nobody has heard of a ticket {id!r} here", "late")
    return ticket.local


def _theirs(room: Room, id: str, key: str, at: Instant) -> tuple[str, Call | Seat] | Refusal:
    """Who is called or in, for whoever has the key. More may be due than is done at a time: what has passed its end is
    over, whether that was recorded yet or not."""
    name = _name(room, id)
    if isinstance(name, Refusal):
        return name
    found: Call | Seat | None = room.active.get(name) or room.called.get(name)
    if found is None:
        if status_of(room, name) in {"waiting", "absent"}:
            return Refusal("not_called", f"{id!r} has not been called yet", "late")
        return Refusal("ticket_over", f"{id!r} is over", "late")
    tag = found.tag if isinstance(found, Seat) else found.place.tag
    if tag_of(session_of(key)) != tag:
        return Refusal("not_your_ticket", f"{id!r} is somebody else's")
    if found.until < at and not (isinstance(found, Call) and found.claiming):
        return Refusal("ticket_over", f"{id!r} is over", "late")
    return name, found


def _claim(room: Room, id: str, key: str, at: Instant) -> Answer:
    theirs = _theirs(room, id, key, at)
    if isinstance(theirs, Refusal):
        return theirs
    name, found = theirs
    if isinstance(found, Seat):
        return Decision(reply=_pass_of(room, id, key, found.since, found.until, found.until_max))
    if found.claiming:
        return Decision(reply={"ticket": id, "status": "claiming"})
    if room.claiming or not entries_now(room, at):
        return Decision((ClaimWaits(name),), {"ticket": id, "status": "claiming"})
    claimed = _pass(room, name, at)
    return Decision((claimed,), _pass_of(room, id, key, at, claimed.until, claimed.until_max))


def _pass(room: Room, name: str, at: Instant) -> TicketClaimed:
    settings = room.settings
    return TicketClaimed(name, at + settings.active_s * 1_000, at + settings.active_max_s * 1_000)


def _prolong(room: Room, id: str, key: str, at: Instant) -> Answer:
    theirs = _theirs(room, id, key, at)
    if isinstance(theirs, Refusal):
        return theirs
    name, seat = theirs
    if isinstance(seat, Call):
        return Refusal("not_in", f"{id!r} was called, and is not in yet")
    life_ms = room.settings.active_s * 1_000
    until = min(at + life_ms, seat.until_max)
    if until - seat.until < min(life_ms // limits.PROLONGED_BY_MIN, seat.until_max - seat.until) or until <= seat.until:
        return Decision(reply=_pass_of(room, id, key, seat.since, seat.until, seat.until_max))
    return Decision((PassProlonged(name, until),), _pass_of(room, id, key, seat.since, until, seat.until_max))


def _pass_of(room: Room, id: str, key: str, since: Instant, until: Instant, until_max: Instant) -> dict[str, Any]:
    """What a pass says, for whoever signs it."""
    return {
        "ticket": id, "status": "active", "room": room.id, "session": session_of(key),
        "since": since, "until": until, "until_max": until_max,
    }  # fmt: skip


# When to look again


def wake(room: Room) -> Instant | None:
    settings, phase = room.settings, room.phase
    end = room.next_end()
    wanted = [None if end is None else end + 1, next_entry_at(room), next_call_at(room)]
    if room.exists and phase != "closed":
        wanted.append(settings.closes_at)
        if phase == "scheduled" and settings.pre_queue_at is not None:
            wanted.append(settings.pre_queue_at)
        if phase in ("scheduled", "pre_queue") and not _awaits_draw(room):
            wanted.append(settings.opens_at)
        if phase == "draining" and room.is_empty:
            wanted.append(_drained_at(room))
    if nearing(room) is not None:
        wanted.append(room.entered_at)  # at once: more was due than is done in one commit
    if _listens(room):
        wanted.append(ALWAYS)
    return min((instant for instant in wanted if instant is not None), default=None)


def _heard(room: Room) -> int:
    return room.heard


def _initial(actor: str) -> Room:
    return Room(actor.split(".")[2])


def _lines_of(actor: str) -> str:
    org, _, room = actor.split(".")[:3]
    return f"{org}.line.{room}"


ROOM_KIND: Final[Decider[Room, RoomCommand, RoomFact, Followed]] = Decider(
    kind="room",
    parts=("room",),
    commands=(*STEPS, PutRoom, Draw, Claim, Prolong, Exit, Revoke, ShowRoom, ShowTicket),
    facts=FACTS,
    state=Room,
    initial=_initial,
    decide=decide,
    evolve=evolve,
    wake=wake,
    policy=Followed(),
    follows=_lines_of,
    heard=_heard,
    state_version=2,
)
