"""The audit: what the log says happened, for whoever has to know.

It is read from the log itself, which is never older than what was acknowledged: the history of a booking, the commits
of an actor, and whether their chain holds. What the log does not say is not told: a command that was refused left
nothing there, and which actor decided a command is not to be found by its id alone.

An actor is named without its organisation, which the path names: `day.studio-north.2026-12-07`, `line.launch.0`,
`catalog`. So there is no name by which one organisation could ask for another's.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from actors.kinds import KINDS
from actors.runtime.memory import unsealed
from events import day
from events.calendar.moments import moment_of
from events.calendar.zones import zone
from events.catalog import Catalog
from events.clock import Instant, iso
from events.commit import GENESIS, Commit, hash_of
from events.facts import REDACTED
from events.log import Recorded
from events.names import is_actor, kind_of
from gateway.auditing import (
    TAKES,
    At,
    By,
    FactName,
    Hash,
    Position,
    Says,
    Sequence,
    beside,
    in_time,
    reading,
    said_by,
    sees_persons,
    who,
)
from gateway.calls import Call
from gateway.limits import AUDIT_BYTES_MAX, AUDIT_FACTS_MAX, CHAIN_COMMITS_MAX, PAGE_ROWS_MAX
from gateway.operations.bookings import BookingShown, shown
from gateway.problems import Problem
from projections.bookings import after
from projections.folding import position
from projections.questions import Happened, History

_DAY_FACTS: Final[Any] = msgspec.json.Decoder(day.DayFact)
_CURSOR: Final = re.compile(r"[1-9]\d{0,14}", re.ASCII)
_STANDING: Final = re.compile(r"([1-9]\d{0,14})-([1-9]\d{0,14})-([0-9a-f]{64})", re.ASCII)
Actor: TypeAlias = Annotated[str, Meta(examples=["day.studio-north.2026-12-07"])]


# What is told


class BookingStep(msgspec.Struct, frozen=True):
    """One thing that happened to a booking. `status` is how it stood when all of the commit had happened; none, before
    it was made."""

    sequence: Sequence
    position: Position
    at: At
    by: By
    fact: FactName
    says: Says
    status: day.Status | None


class BookingHistory(msgspec.Struct, frozen=True):
    """`booking` is as it was when the last of `history` had happened. `at` is the instant that was asked for, if any.
    Whoever may not see bookings sees that there is a name, an answer or a reason, and no more."""

    at: str | None
    booking: BookingShown
    history: tuple[BookingStep, ...]


class FactShown(msgspec.Struct, frozen=True):
    """Something that became true."""

    fact: FactName
    says: Says


class DecidedShown(msgspec.Struct, frozen=True):
    """One command that was accepted, and what became true by it. What it was answered is not shown."""

    command: Annotated[str, Meta(description="The command's id.", examples=["0b7e…-5d1c22aa"])]
    by: By
    asked_at: At
    facts: tuple[FactShown, ...]


class CommitShown(msgspec.Struct, frozen=True):
    """`previous` is the hash of the actor's commit before this one, sixty-four zeros for the first. `together` are all
    actors that committed with it, in one step, if it was not alone. A commit that cannot be read says why in `trouble`;
    `at` is when it was stored then."""

    sequence: Sequence
    position: Position
    at: At
    hash: Hash
    previous: str
    together: tuple[str, ...]
    decided: tuple[DecidedShown, ...]
    trouble: str


class Commits(msgspec.Struct, frozen=True):
    """In order. A page may be shorter than asked for; without a `cursor` it is the last one for now."""

    actor: Actor
    commits: tuple[CommitShown, ...]
    cursor: str


class Link(msgspec.Struct, frozen=True):
    """A commit, and what the next one of its actor has to name."""

    sequence: Annotated[int, Meta(description="0 before the first.", examples=[4711])]
    hash: Hash


class Break(msgspec.Struct, frozen=True):
    """Where the chain does not hold, and why: the commit cannot be read, is another actor's, or does not stand on the
    one before it; or the log ends before what the cursor had seen."""

    sequence: Sequence
    code: Literal["unreadable", "misplaced", "chain_broken", "cut_off"]
    detail: str


class ChainProof(msgspec.Struct, frozen=True):
    """Whether each of the actor's commits stands on the one before it, from the first on.

    `checked` counts those that do, `through` is the last of them, `head` the actor's last of all. `complete` says that
    nothing is left to check; the `cursor` goes on, now or after more has happened. Where it breaks, nothing behind is
    looked at, and there is no cursor.

    A chain says that nothing before the head was changed, left out or put elsewhere. That the head is what it was and
    that nothing behind it was cut off is known to whoever has kept a proof from before, and goes on from its cursor."""

    actor: Actor
    holds: bool
    checked: int
    through: Link
    head: Link
    complete: bool
    broken: Break | None
    cursor: str


# Bookings


async def booking(call: Call, id: str, at: str = "", tz: str = "") -> BookingHistory:
    """What happened to it, in order; up to an instant, if one is said."""
    call.caller.needs("audit.read")
    owner = day.owner_of(call.org, id)
    if id.count(".") != 2 or not is_actor(owner):
        raise Problem("unknown_booking", f"{id[:200]!r} is no booking: <resource>.<date>.<name>")
    catalog, _ = await call.edge.catalogs.of(call)
    until = _instant(call, at, tz or _zone(catalog, id)) if at else None
    told: tuple[Happened, ...] = await call.look(History(org=call.org, id=id))
    if not told:
        raise Problem("unknown_booking", f"there is no booking {id!r}")
    facts = [(one, _DAY_FACTS.decode(msgspec.json.encode({"fact": one.fact, **one.says}))) for one in told]
    if until is not None:
        facts = [(one, fact) for one, fact in facts if one.at <= until]
    found: day.Booking | None = None
    statuses: dict[int, day.Status] = {}
    for one, fact in facts:
        if isinstance(fact, day.BookingMade):
            found = fact.booking
        elif found is not None:
            found = after(found, fact)
        if found is not None:
            statuses[one.sequence] = found.status
    if found is None:
        raise Problem("unknown_then", f"there was no booking {id!r} yet, at {at}")
    steps = tuple(
        BookingStep(
            one.sequence, position(call.edge.epoch, one.sequence), iso(one.at), who(call, one.by),
            *said_by(call, fact), statuses.get(one.sequence),
        )
        for one, fact in facts
    )  # fmt: skip
    return BookingHistory(None if until is None else iso(until), shown(_redacted(call, found), catalog, tz), steps)


def _zone(catalog: Catalog, booking: str) -> str:
    resource = booking.partition(".")[0]
    found = catalog.active.get(resource) or catalog.retired.get(resource)
    return found.time_zone if found is not None else "UTC"


def _instant(call: Call, text: str, tz: str) -> Instant:
    instant = moment_of(text, zone(tz))
    if instant > call.edge.clock():
        raise Problem("not_yet", "how it will stand nobody knows: ask for an instant that has been")
    return instant


def _redacted(call: Call, one: day.Booking) -> day.Booking:
    if sees_persons(call):
        return one
    booker = day.Booker(*(REDACTED if said else "" for said in msgspec.structs.astuple(one.booker)))
    answers = dict.fromkeys(one.answers, REDACTED)
    return msgspec.structs.replace(one, booker=booker, answers=answers, reason=REDACTED if one.reason else "")


# Actors


async def commits(call: Call, name: str, cursor: str = "", limit: int = PAGE_ROWS_MAX) -> Commits:
    """What an actor has decided, from its first commit on, or from behind the cursor."""
    actor = _actor(call, name)
    if cursor and _CURSOR.fullmatch(cursor) is None:
        raise _bad_cursor()
    head = await _head(call, actor)
    found: list[CommitShown] = []
    read = facts = 0
    async with reading(call, actor, int(cursor or 0)) as recorded:
        async for one in recorded:
            read += len(one.body)
            if found and read > AUDIT_BYTES_MAX:
                break
            commit = _commit(call, one)
            facts += sum(len(decided.facts) for decided in commit.decided)
            if found and facts > AUDIT_FACTS_MAX:
                break
            found.append(commit)
            if len(found) == min(limit, PAGE_ROWS_MAX):
                break
    last = found[-1].sequence if found else head.sequence
    return Commits(name, tuple(found), str(last) if last < head.sequence else "")


async def proof(call: Call, name: str, cursor: str = "", limit: int = CHAIN_COMMITS_MAX) -> ChainProof:
    """Whether the actor's chain holds, from its first commit on, or from where the cursor stands."""
    actor = _actor(call, name)
    standing = _STANDING.fullmatch(cursor)
    if cursor and standing is None:
        raise _bad_cursor()
    recorded_head = await _head(call, actor)
    head = Link(recorded_head.sequence, hash_of(recorded_head.body))
    through, checked = Link(0, GENESIS), 0
    if standing is not None:
        checked, through = int(standing[1]), Link(int(standing[2]), standing[3])
    broken = _against(through, head)
    read, before = 0, checked
    async with reading(call, actor, through.sequence) as recorded:
        async for one in recorded:
            read += len(one.body)
            most = checked - before == min(limit, CHAIN_COMMITS_MAX) or (checked > before and read > AUDIT_BYTES_MAX)
            if broken is not None or most or one.sequence > head.sequence:
                break
            broken = _fits(actor, through, one)
            if broken is None:
                through, checked = Link(one.sequence, hash_of(one.body)), checked + 1
    follows = "" if broken is not None else f"{checked}-{through.sequence}-{through.hash}"
    complete = broken is None and through.sequence == head.sequence
    return ChainProof(name, broken is None, checked, through, head, complete, broken, follows)


class _Standing(msgspec.Struct, frozen=True):
    actor: str
    previous: str


_standing = msgspec.json.Decoder(_Standing).decode


def _against(through: Link, head: Link) -> Break | None:
    """Whether the actor can have come from where the cursor stands to where it stands now."""
    if through.sequence > head.sequence:
        detail = f"a commit was seen at sequence {through.sequence}, but the actor's last one is at {head.sequence}"
        return Break(head.sequence, "cut_off", detail)
    if through.sequence == head.sequence and through.hash != head.hash:
        detail = f"the commit hashes to {head.hash[:12]}…, and hashed to {through.hash[:12]}… when it was seen before"
        return Break(head.sequence, "chain_broken", detail)
    return None


def _fits(actor: str, through: Link, recorded: Recorded) -> Break | None:
    try:
        commit = _standing(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Break(recorded.sequence, "unreadable", f"the commit cannot be read: {error}")
    if commit.actor != actor:
        return Break(recorded.sequence, "misplaced", "the commit is another actor's")
    if commit.previous != through.hash:
        before = f"the one before it, at {through.sequence}, hashes to" if through.sequence else "the first stands on"
        detail = f"the commit stands on {commit.previous[:12]}…, and {before} {through.hash[:12]}…"
        return Break(recorded.sequence, "chain_broken", detail)
    return None


def _actor(call: Call, name: str) -> str:
    """The actor of that name in the organisation that is asked, whoever may be shown it."""
    call.caller.needs("audit.read")
    actor = f"{call.org}.{name}"
    if not is_actor(actor) or (kind := KINDS.get(kind_of(actor))) is None or not kind.names(actor):
        known = ", ".join(kind.spelling.partition(".")[2] for kind in KINDS.values())
        raise Problem("unknown_actor", f"{name[:200]!r} is no actor: {known}")
    if (takes := TAKES.get(kind.kind)) is not None:
        call.caller.needs(takes)
    return actor


async def _head(call: Call, actor: str) -> Recorded:
    async with in_time(call):
        last = (await call.edge.events.last_of((actor,))).get(actor)
    if last is None:
        raise Problem("unknown_actor", "there is nothing in the log of this actor")
    return last


def _commit(call: Call, recorded: Recorded) -> CommitShown:
    where, link = position(call.edge.epoch, recorded.sequence), hash_of(recorded.body)
    try:
        commit: Commit[Any] = KINDS[kind_of(recorded.actor)].facts.read(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        trouble = f"the commit cannot be read: {error}"
        return CommitShown(recorded.sequence, where, iso(recorded.stored_at), link, "", (), (), trouble)
    decided = tuple(
        DecidedShown(
            unsealed(one.id),
            who(call, one.by),
            iso(one.asked_at),
            tuple(FactShown(*said_by(call, fact)) for fact in one.facts),
        )
        for one in commit.decided
    )
    together = tuple(beside(call, one) for one in commit.together)
    return CommitShown(recorded.sequence, where, iso(commit.at), link, commit.previous, together, decided, "")


def _bad_cursor() -> Problem:
    return Problem("bad_cursor", "a cursor is sent back as it was told")
