"""Planted bugs. Each takes one precaution of the runtime, or of the rules of booking or waiting, away, from outside,
while its runs last.

A simulation that finds nothing proves nothing by that: these say what it would find. It is whole in one module because
it is a list, of which each is read by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import msgspec
from pyroaring import BitMap

from actors.booking import changing, holding, part, quota, series, space, taking
from actors.booking import day as day_module
from actors.booking.claims import Day, Hold, Taken
from actors.booking.part import Answer
from actors.decider import Decision, News, Refusal
from actors.runtime import host as host_module
from actors.runtime import memory as memory_module
from actors.runtime.cell import Cell, Draft, Phase, Turn
from actors.runtime.following import _Feed
from actors.runtime.host import Host
from actors.runtime.loading import Loading
from actors.runtime.memory import Memory
from actors.runtime.timers import Timers
from actors.runtime.transactions import Transactions
from actors.simulation.storage import MachineLog
from actors.waiting import admission, hearing, standing
from actors.waiting import room as room_module
from actors.waiting.queue import Place, Queue, Shard, next_in_turn
from actors.waiting.standing import Room
from events.clock import Instant
from events.day import DayFact, SlotsFreed
from events.log import Entry, Recorded
from events.memory.log import MemoryLog
from events.room import Heard
from events.waiting.sessions import place_of
from tests.simulation.runs import Damage


class Mutant(NamedTuple):
    """`finds` are the laws that may tell it from the real thing; `focus` the faults that it takes, where only a few
    do."""

    damage: Damage
    finds: tuple[str, ...]
    focus: tuple[str, ...] = ()
    traffic: str = "bank"


def _replacing(*changes: tuple[object, str, Any]) -> Damage:
    @contextmanager
    def damaged() -> Iterator[None]:
        patches = [patch.object(where, what, new) for where, what, new in changes]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()

    return damaged


def _no_fence() -> AbstractContextManager[None]:
    """The log stores whatever comes, whoever has committed meanwhile."""
    return _replacing((MemoryLog, "_stale", lambda _log, _entry: None))()


def _no_dedupe() -> AbstractContextManager[None]:
    """Actors don't remember which commands they have done."""
    stand = Memory.stand

    def forgetful(memory: Memory, sequence: int, head: str, at: Instant, decided: list[Any]) -> None:
        stand(memory, sequence, head, at, decided)
        memory.young, memory.old = {}, {}

    return _replacing((Memory, "stand", forgetful))()


def _no_batch() -> AbstractContextManager[None]:
    """What should be stored together is stored one after the other."""

    async def one_by_one(log: MachineLog, entries: Sequence[Entry]) -> list[int]:
        sequences = []
        for entry in entries:
            (outcome,) = await log.append_each((entry,))
            if isinstance(outcome, Exception):
                raise outcome
            sequences.append(outcome)
        return sequences

    return _replacing((MachineLog, "append_together", one_by_one))()


def _answers_first() -> AbstractContextManager[None]:
    """Whoever asks is told before the log has stored it."""
    take_turns = Host._take_turns

    def hasty(host: Host, drafts: list[Draft], at_most: int) -> None:
        known = len(drafts)
        take_turns(host, drafts, at_most)
        for draft in drafts[known:]:
            host.outbox.add_all(draft.answers, host.horizon.log_end + 1)

    return _replacing((Host, "_take_turns", hasty))()


def _questions_first() -> AbstractContextManager[None]:
    """Questions are answered from a state that is not stored yet."""
    take_turn = Cell.take_turn

    def hasty(cell: Cell, clock_now: Instant, loop_now: float) -> Turn:
        turn = take_turn(cell, clock_now, loop_now)
        if turn.draft is not None:
            decided = {one.id for one in turn.draft.decided}
            early = [answer for answer in turn.draft.answers if answer[0].envelope.id not in decided]
            turn.draft.answers = [answer for answer in turn.draft.answers if answer not in early]
            turn.answers.extend(early)
        return turn

    return _replacing((Cell, "take_turn", hasty))()


def _lease_trusted() -> AbstractContextManager[None]:
    """A participant whose lease has run out goes on as if nothing had been stored."""
    reopen = Host.reopen

    def trusting(host: Host, draft: Draft, *, in_doubt: bool) -> None:
        reopen(host, draft, in_doubt=False)

    return _replacing((Host, "reopen", trusting))()


def _lease_endless() -> AbstractContextManager[None]:
    """A participant waits for its coordinator for ever."""
    return _replacing((Transactions, "_lease_ran_out", lambda *_: None))()


def _snapshot_trusted() -> AbstractContextManager[None]:
    """A snapshot is taken for true, whatever chain it stands on."""

    def base(loading: Loading, cell: Cell, newest: Recorded | None, snapshot: Memory | None) -> Memory:
        return cell.memory or snapshot or Memory(cell.decider, cell.actor, loading._limits.remembered_commands_max)

    return _replacing((Loading, "_base", base))()


def _absence_forgotten() -> AbstractContextManager[None]:
    """A host that stood still doesn't ask what others have done in its place meanwhile."""
    return _replacing((Host, "heard_again", lambda *_: None))()


def _no_takeover_timers() -> AbstractContextManager[None]:
    """Whoever takes a partition over learns nothing of its timers."""

    async def nothing(_timers: Timers, *_: Any) -> int:
        await asyncio.sleep(0)
        return 0

    return _replacing((Timers, "learn", nothing), (Timers, "scan", nothing))()


def _unknown_is_failed() -> AbstractContextManager[None]:
    """A commit whose outcome is unknown is taken for not stored: the same state, as if nothing had happened."""
    failed = Host._failed

    def careless(host: Host, draft: Draft, error: Exception) -> None:
        cell = draft.cell
        before = cell.memory
        failed(host, draft, error)  # type: ignore[arg-type]
        if cell.phase is Phase.COLD and before is not None:
            cell.memory = before
            cell.phase = Phase.READY

    return _replacing((Host, "_failed", careless))()


def _fresh_answers() -> AbstractContextManager[None]:
    """A command that was done is answered with what is true now, not with its first answer."""

    def anew(decider: Any, recorded: Recorded, ids: Iterable[str]) -> list[tuple[bool, msgspec.Raw]]:
        return [(True, msgspec.Raw(b'{"facts":0}')) for _ in memory_module.first_answers(decider, recorded, ids)]

    return _replacing((host_module, "first_answers", anew))()


def _forgetting_forgotten() -> AbstractContextManager[None]:
    """Commands from before what is remembered are taken for new ones."""
    stand = Memory.stand

    def careless(memory: Memory, sequence: int, head: str, at: Instant, decided: list[Any]) -> None:
        stand(memory, sequence, head, at, decided)
        memory.forgotten_through = 0

    return _replacing((Memory, "stand", careless))()


# Of booking


def _making_room(careless: Callable[[str, str], bool]) -> Damage:
    """Slots are free for whoever converts this hold, or moves this booking, when the one who looks is careless."""
    make_room = space.make_room

    def careful_or_not(*given: Any, converted: str = "", moving: str = "") -> list[DayFact] | Refusal:
        made = make_room(*given, converted=converted, moving=moving)
        is_full = isinstance(made, Refusal) and made.code == "taken"
        return [] if is_full and careless(converted, moving) else made

    return _replacing((taking, "make_room", careful_or_not))


def _moved_unchecked() -> AbstractContextManager[None]:
    """A booking is moved whether there is room for it or not."""
    return _making_room(lambda _converted, moving: bool(moving))()


def _converted_unchecked() -> AbstractContextManager[None]:
    """Whoever has a hold, of whatever slots, gets the booking."""
    return _making_room(lambda converted, _moving: bool(converted))()


def _freed_twice() -> AbstractContextManager[None]:
    """Whoever cancels again is given the slots back again."""
    end, free = changing.end, Day.free

    def generous(day: Day, id: str, *rest: Any) -> Answer:
        answer = end(day, id, *rest)
        if isinstance(answer, Refusal) or answer.facts or id not in day.bookings:
            return answer
        return Decision((SlotsFreed(id),), answer.reply)

    def careless(day: Day, booking: str) -> None:
        if booking in day.taken:
            free(day, booking)

    return _replacing((day_module, "end", generous), (Day, "free", careless))()


def _converted_expires() -> AbstractContextManager[None]:
    """A hold that has turned into a booking, or given way to one, is still on the agenda: it expires all the same."""
    drop_hold, take = Day.drop_hold, Day.take
    dropped: list[tuple[Day, str, Hold]] = []

    def noticed(day: Day, id: str) -> None:
        dropped[:] = [(day, id, day.holds[id])]
        drop_hold(day, id)

    def haunted(day: Day, booking: str, taken: Taken) -> None:
        take(day, booking, taken)
        for of, id, hold in dropped:
            if of is day:
                nothing = msgspec.structs.replace(hold.slots, units=0)
                day.hold(id, msgspec.structs.replace(hold, slots=nothing))
        dropped.clear()

    return _replacing((Day, "drop_hold", noticed), (Day, "take", haunted))()


def _nobody_missing() -> AbstractContextManager[None]:
    """No day looks who else takes part."""
    modules = (changing, part, taking)
    return _replacing(*((module, "complete", lambda *_: None) for module in modules))()


def _heartbeats_unheard() -> AbstractContextManager[None]:
    """A heartbeat is answered, and keeps nothing alive."""
    keep_hold = holding.keep_hold

    def deaf(*given: Any) -> Answer:
        answer = keep_hold(*given)
        return answer if isinstance(answer, Refusal) else Decision(answer.facts, answer.reply)

    return _replacing((day_module, "keep_hold", deaf))()


def _visits_unaware() -> AbstractContextManager[None]:
    """Each visit of a series is taken as if the ones before it were not there."""
    return _replacing((series, "imagined", lambda day, *_: day))()


def _limits_unheeded() -> AbstractContextManager[None]:
    """A quota counts, and is never full."""
    return _replacing((quota, "_full", lambda *_, **__: None))()


# Of waiting rooms


def _shard_order() -> AbstractContextManager[None]:
    """A lane goes shard by shard, each in the order of its own commits."""
    append = Queue.append

    def sorted_in(lane: Queue, shard: int, first: int, count: int, tags: str, reachable: BitMap | None = None) -> None:
        append(lane, shard, first, count, tags, reachable)
        waiting = [lane._at(index) for index in range(lane.taken, lane.length)]
        del lane.tickets[4 * lane.taken :], lane.tags[8 * lane.taken :]
        for place in sorted(waiting, key=lambda one: place_of(one.ticket)):
            append(lane, *place_of(place.ticket), 1, place.tag)

    return _replacing((Queue, "append", sorted_in))()


def _exit_keeps_seat() -> AbstractContextManager[None]:
    """A seat is free when its pass expires, and not when its bearer goes."""

    class Never:
        __match_args__ = ("ticket",)

    return _replacing((standing, "TicketExited", Never))()


def _missed_active_for_ever() -> AbstractContextManager[None]:
    """Whoever was called counts as being in, though they never came."""
    miss = standing._miss

    def generous(room: Room, ticket: str, *, again: bool) -> None:
        miss(room, ticket, again=again)
        room.active[f"{ticket}, missed"] = standing.Seat(0, room_module.ALWAYS, room_module.ALWAYS, "")

    return _replacing((standing, "_miss", generous))()


def _newcomers_first() -> AbstractContextManager[None]:
    """When there are more seats than before, those who came last are called first."""
    callable_now, in_turn, call = admission.callable_now, next_in_turn, standing._call
    seats: dict[str, int] = {}
    grown: list[bool] = []

    def noticing(room: Room, at: Instant) -> int:
        grown[:] = [room.seats > seats.get(room.id, room.seats)]
        seats[room.id] = room.seats
        return callable_now(room, at)

    def newest(queues: Mapping[str, Queue], shards: Sequence[Shard], *rest: Any) -> tuple[list[Any], int]:
        called, owed = in_turn(queues, shards, *rest)
        if any(grown):
            last = {lane: list(one.upcoming(shards))[::-1] for lane, one in queues.items()}
            called = [(lane, last[lane].pop(0)) for lane, _ in called]
        return called, owed

    def anybody(room: Room, lane: str, tickets: tuple[str, ...], until: Instant, at: Instant) -> None:
        for ticket in tickets:
            one, passed = room.queues[lane], list[Place]()
            while (place := one.take(room.shards)).ticket != ticket:
                passed.append(place)
            for again in (*passed, msgspec.structs.replace(place, place=-1)):
                one.put_back(again)
            call(room, lane, (ticket,), until, at)

    return _replacing(
        (room_module, "callable_now", noticing), (room_module, "next_in_turn", newest), (standing, "_call", anybody)
    )()


def _heard_twice() -> AbstractContextManager[None]:
    """What a line said last is delivered once more along with the next, and nobody looks whether it is known."""
    hear, take_in = hearing.hear, standing._hear

    def again(feed: _Feed, through: int) -> None:
        while len(feed.news) > 1 and feed.news[1].sequence <= through:
            feed.facts -= len(feed.news.popleft().facts)
        feed.room.set()

    def all_of_it(news: Sequence[News], after: int, *, heads: bool) -> tuple[Heard, ...]:
        return hear(news, 0, heads=heads)

    def careless(room: Room, heard: Heard) -> None:
        shard = room.shards[heard.shard]
        shard.heard = min(shard.heard, heard.sequence - 1)
        take_in(room, msgspec.structs.replace(heard, first=shard.count) if heard.tags else heard)

    return _replacing(
        (_Feed, "taken_in", again), (room_module, "hear", all_of_it), (standing, "_hear", careless)
    )()  # fmt: skip


def _claims_unbounded() -> AbstractContextManager[None]:
    """Whoever was called comes in, whether there is a seat or not."""
    entries_now = admission.entries_now

    def generous(room: Room, at: Instant) -> int:
        settings = msgspec.structs.replace(room.settings, capacity=0)
        return entries_now(msgspec.structs.replace(room, settings=settings), at)

    return _replacing((room_module, "entries_now", generous))()


def _rate_forgotten() -> AbstractContextManager[None]:
    """Whoever was called comes in as soon as there is a seat, however many came within the minute."""
    return _replacing((room_module, "entries_now", lambda room, _at: room.seats - len(room.active)))()


_ONE_WRITER: Final = ("law 6, one writer wins", "law 10, chained")
_ONCE: Final = ("law 7, once",)
_NO_DOUBLE: Final = ("law 1, no double booking",)
_FIRST_COME: Final = ("law 3, first come",)
_NOT_OVER: Final = ("law 4, never over-admitted",)

MUTANTS: Final[Mapping[str, Mutant]] = {
    "no-fence": Mutant(_no_fence, _ONE_WRITER),
    "no-dedupe": Mutant(_no_dedupe, _ONCE),
    "no-batch": Mutant(_no_batch, ("law 2, all or nothing",)),
    "answers-first": Mutant(_answers_first, ("law 5, acknowledged means durable",)),
    "questions-first": Mutant(_questions_first, ("answers are true",)),
    "lease-trusted": Mutant(
        _lease_trusted, ("law 8, the log is the truth", "answers are true", "progress"), ("part_lost",)
    ),
    "lease-endless": Mutant(_lease_endless, ("progress",)),
    "snapshot-trusted": Mutant(_snapshot_trusted, ("law 10, chained",)),
    "absence-forgotten": Mutant(
        _absence_forgotten, ("progress", "law 8, the log is the truth", "answers are true"), ("host_frozen",)
    ),
    "no-takeover-timers": Mutant(_no_takeover_timers, ("progress",)),
    "unknown-is-failed": Mutant(_unknown_is_failed, ("law 7, once", "law 8, the log is the truth", "progress")),
    "fresh-answers": Mutant(_fresh_answers, ("law 5, acknowledged means durable", "law 7, once")),
    "forgetting-forgotten": Mutant(_forgetting_forgotten, _ONCE),
    "moved-unchecked": Mutant(_moved_unchecked, _NO_DOUBLE, traffic="booking"),
    "converted-unchecked": Mutant(_converted_unchecked, _NO_DOUBLE, traffic="booking"),
    "freed-twice": Mutant(_freed_twice, _NO_DOUBLE, traffic="booking"),
    "converted-expires": Mutant(_converted_expires, _NO_DOUBLE, traffic="booking"),
    "visits-unaware": Mutant(_visits_unaware, _NO_DOUBLE, traffic="booking"),
    "limits-unheeded": Mutant(_limits_unheeded, ("limits hold",), traffic="booking"),
    "nobody-missing": Mutant(_nobody_missing, ("law 2, bookings are whole",), traffic="booking"),
    "heartbeats-unheard": Mutant(_heartbeats_unheard, ("holds stand",), ("read_slow",), traffic="booking"),
    "shard-order": Mutant(_shard_order, _FIRST_COME, traffic="launch"),
    "newcomers-first": Mutant(_newcomers_first, _FIRST_COME, traffic="launch"),
    "heard-twice": Mutant(_heard_twice, _FIRST_COME, traffic="launch"),
    "claims-unbounded": Mutant(_claims_unbounded, _NOT_OVER, traffic="launch"),
    "rate-forgotten": Mutant(_rate_forgotten, _NOT_OVER, traffic="launch"),
    "exit-keeps-seat": Mutant(_exit_keeps_seat, (*_NOT_OVER, "the line moves"), traffic="launch"),
    "missed-active-for-ever": Mutant(_missed_active_for_ever, ("the line moves",), traffic="launch"),
}
