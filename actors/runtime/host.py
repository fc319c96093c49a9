"""A host: the live actors of one process, and everything that happens to them.

    commands ─▶ mailboxes ─▶ turns ─▶ rounds ─▶ the log ─▶ answers

The host is one event loop and has no locks: what must not interleave does not wait in between. Everything that
waits is handed out: reading actors in (`loading`), storing commits (`rounds`), snapshots (`shelving`), wakes
(`timers`), several actors at once (`transactions`), who owns what (`membership`). What remains here is the flow. It is
whole in one module because its order is what has to be right: what may happen between two steps is nowhere else.

It does nothing that it is not sure of. While it cannot be sure that it still owns its partitions, no turn is
taken; and an actor that was remembered from before such a gap is checked against the log before its next turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import NamedTuple, NoReturn

import msgspec
import structlog

from actors.decider import TICK, AnyDecider, never
from actors.runtime import limits as bounds
from actors.runtime.cell import Cell, Draft, Letter, Phase, Request
from actors.runtime.consulting import Consulting
from actors.runtime.following import Following
from actors.runtime.horizon import Horizon, insist
from actors.runtime.limits import HostLimits
from actors.runtime.loading import Loading
from actors.runtime.membership import Roll
from actors.runtime.memory import first_answers
from actors.runtime.outbox import Outbox
from actors.runtime.presence import Presence
from actors.runtime.rounds import Stored, store
from actors.runtime.shelving import Shelving
from actors.runtime.tasks import Tasks
from actors.runtime.timers import Timers
from actors.runtime.transactions import Transactions
from actors.runtime.vitals import CommitTimes
from actors.runtime.wire import (
    ENVELOPES,
    TRACE_HEADER,
    UNKNOWN,
    WAKE_HEADER,
    Envelope,
    encode_command,
    encode_refusal,
    malformed,
    split_traces,
)
from events import limits as ground
from events.bus import Bus, Message
from events.clock import Clock, Instant
from events.errors import Conflict, LogError, LogFull, LogHalted, LogUnavailable, UnknownOutcome
from events.log import Batch, Entry, EventLog, Recorded
from events.names import is_actor, kind_of, partition_of
from events.shelf import Shelf

log = structlog.get_logger(__name__)


class Bundle(NamedTuple):
    """A transaction's entries, which wait for a round to be stored together; and since when."""

    entries: Sequence[Entry]
    stored: asyncio.Future[Stored]
    since: float


class Host:
    """Construct, `await start()`, and `await stop()` to leave in order. A killed host needs nothing: others take
    over."""

    def __init__(
        self,
        name: str,
        *,
        events: EventLog,
        bus: Bus,
        shelf: Shelf,
        clock: Clock,
        kinds: Mapping[str, AnyDecider],
        incarnation: str,
        limits: HostLimits | None = None,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.events = events
        self.bus = bus
        self.clock = clock
        self.kinds = kinds
        self.limits = limits or HostLimits()
        self.cells: dict[str, Cell] = {}
        self.owned: frozenset[int] = frozenset()
        self.era = 0
        """Grows whenever ownership was in doubt: what was remembered before must be checked against the log."""
        self.horizon = Horizon()
        self.tasks = Tasks()
        self.outbox = Outbox(bus, self.tasks)
        self._loading = Loading(events, shelf, self.limits, self.tasks, self._loaded, self._halt)
        self._shelving = Shelving(shelf, self.limits)
        self._consulting = Consulting(events, shelf, bus, kinds, self.tasks, self._go_on)
        self._following = Following(
            events, kinds, self.tasks, self.limits.retry_log_ms, self._news_for, self._halt_following
        )
        self._timed = any(decider.wake is not never for decider in kinds.values())
        """Whether there are actors that want to be woken at all; without any, nothing is read for their sake."""
        listening = frozenset(kind for kind, decider in kinds.items() if decider.follows is not None)
        self._timers = Timers(events, shelf, clock, self._tick, self.horizon, self.limits.retry_log_ms, listening)
        self.transactions = Transactions(self)
        self._presence = Presence(self, incarnation)
        self._ready: deque[Cell] = deque()
        self._units: deque[Bundle] = deque()
        self._rounds = 0
        self._gathering = False
        """Whether a round takes whoever gets ready, since its batch has begun and is being prepared."""
        self._joined = asyncio.Event()
        """That round has something to do: somebody got ready, or its batch is prepared."""
        self._ticks = 0
        self._promises: dict[Cell, int] = {}
        """The actors that are closed on a transaction: each may have been stored any time, and holds the horizon."""
        self._starting = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._let_go_of = asyncio.Event()
        self.commands = self.commits = self.conflicts = self.unknown = self.busy = self.halts = 0
        self.commit_times = CommitTimes()

    @property
    def roll(self) -> Roll:
        return self._presence.roll

    @property
    def superseded(self) -> bool:
        """Whether another process runs a host of this name that started later. This one owns nothing any more."""
        return self._presence.superseded

    # Life

    async def start(self) -> None:
        """Join the others: from here on commands for our share of the partitions are ours."""
        await self._consulting.start()
        await self._presence.join()
        self.tasks.keep(self._shelving.sweep(self.cells, self._drop))
        self.tasks.keep(self._timers.keep_pages(self._presence.sure))
        self.tasks.keep(self._attend())
        log.info("host_started", host=self.name, partitions=len(self.owned))

    async def stop(self) -> None:
        """Leave in order: every actor is put on the shelf, what was begun is finished, and others take over at once."""
        await self._shelving.save_all(list(self.cells.values()))
        if self._presence.sure():
            await self._timers.save(self.horizon.known_through())
        self._presence.retire()
        with suppress(TimeoutError):  # a commit that lands later will be found: see `_check_again`
            async with asyncio.timeout(_HAND_OVER_WITHIN_MS / 1000):
                await self._emptied()
        await self._presence.leave()
        await self._idle.wait()
        await self._presence.close()
        await self._consulting.stop()
        self._following.stop()
        self._timers.stop()
        await self.tasks.finish(_FINISH_WITHIN_MS)
        log.info("host_stopped", host=self.name, actors=len(self.cells))

    async def _emptied(self) -> None:
        """Until nothing is under way for any actor. Each that is let go of is the last one, or not."""
        while self.cells:
            self._let_go_of.clear()
            await self._let_go_of.wait()

    # Commands in

    def receive(self, message: Message) -> None:
        """A message of commands. Every one of them gets an answer of its own. Who wants none is not heard: what has no
        reply is the host's own."""
        if not message.reply:
            log.warning("nobody_to_answer", subject=message.subject, bytes=len(message.data))
            return
        try:
            envelopes = ENVELOPES.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("malformed_message", detail=str(error), bytes=len(message.data))
            self.outbox.add_to(message.reply, -1, False, 0, encode_refusal("malformed_message", str(error)))
            return
        traces = split_traces(message.headers.get(TRACE_HEADER, ""), len(envelopes))
        now = asyncio.get_running_loop().time()
        for envelope, trace in zip(envelopes, traces, strict=True):
            self._deliver(Letter(envelope, message.reply, now + envelope.within_ms / 1000, trace))

    def _deliver(self, letter: Letter) -> None:
        envelope = letter.envelope
        self.commands += 1
        problem = malformed(envelope)
        if problem is not None:
            self.outbox.add(letter, False, 0, encode_refusal("malformed_command", problem))
            return
        cell = self.cell_for(envelope.actor)
        if isinstance(cell, msgspec.Raw):
            self.outbox.add(letter, False, 0, cell)
            return
        if len(cell.mailbox) >= self.limits.mailbox_commands_max or (
            envelope.also and self.transactions.running >= self.limits.transactions_max
        ):
            self.busy += 1
            self.outbox.add(letter, False, 0, self._busy)
            return
        if envelope.also:
            self.transactions.start(letter)
        else:
            self.queue(cell, letter)

    def cell_for(self, actor: str) -> Cell | msgspec.Raw:
        """The live actor of that name, made live if need be; or the bytes of why it can't be."""
        cell = self.cells.get(actor)
        if cell is None:
            refusal = self.unfit(actor)
            if refusal is not None:
                return refusal
            partition = partition_of(actor)
            if partition not in self.owned:
                return _MOVED
            if len(self.cells) >= self.limits.cells_max:
                self.busy += 1
                return self._busy
            cell = Cell(actor, self.kinds[kind_of(actor)], partition, self.limits.turn_commands_max)
            if cell.decider.follows is not None:
                cell.tick = partial(self._tick_for, actor)
            self.cells[actor] = cell
        elif cell.partition not in self.owned:
            return _MOVED
        elif cell.phase is Phase.HALTED:
            return encode_refusal("log_halted", cell.halted_by, "ours")
        return cell

    def unfit(self, actor: str) -> msgspec.Raw | None:
        """Why there can be no actor of that name, if so."""
        if not is_actor(actor):
            return encode_refusal("bad_name", f"{actor!r} is not the name of an actor: <org>.<kind>[.<part>…]")
        decider = self.kinds.get(kind_of(actor))
        if decider is None:
            return encode_refusal("unknown_kind", f"there are no actors of the kind {kind_of(actor)!r}")
        if not decider.names(actor):
            return encode_refusal("bad_name", f"{actor!r} is not the name of an actor: {decider.spelling}")
        return None

    def owns(self, partition: int) -> bool:
        return partition in self.owned

    def queue(self, cell: Cell, letter: Letter | Request) -> None:
        cell.mailbox.append(letter)
        self._go_on(cell)

    def _tick(self, actor: str, wake: Instant) -> None:
        """The actor's time has come, as far as its commits' headers tell. One Tick at a time waits in its mailbox."""
        cell, now = self.cell_for(actor), self.clock()
        if not isinstance(cell, Cell) or (cell.mailbox and cell.mailbox[-1].envelope.body is _TICK):
            return
        if cell.phase is Phase.READY and cell.memory is not None:
            wanted = cell.wake()
            if cell.decider.leased is not None and wanted is not None and wanted > now:
                self._note_wake(cell)  # heartbeats have kept it alive
                return
            if wanted is None or wanted > now:
                cell.era = _NO_ERA  # its state says otherwise: one of the two is behind, and the log says which
        self.queue(cell, self._tick_for(actor))

    def _tick_for(self, actor: str) -> Letter:
        deadline = asyncio.get_running_loop().time() + bounds.COMMAND_WITHIN_MS_MAX / 1000
        self._ticks += 1
        id = f"tick-{self.incarnation}-{self._ticks}"
        envelope = Envelope(0, actor, id, "timer", self.clock(), bounds.COMMAND_WITHIN_MS_MAX, _TICK)
        return Letter(envelope, "", deadline)

    def _news_for(self, cell: Cell) -> None:
        """Somebody whom it follows has committed."""
        if self.cells.get(cell.actor) is cell and not cell.mailbox:
            self.queue(cell, self._tick_for(cell.actor))

    def _halt_following(self, cell: Cell, error: Exception) -> None:
        """What it has to hear cannot be heard: to go on without would be to guess. What is on its way lands first."""
        if self.cells.get(cell.actor) is not cell or cell.phase is Phase.HALTED:
            return
        if cell.phase in (Phase.COMMITTING, Phase.LOADING):
            asyncio.get_running_loop().call_later(0.02, self._halt_following, cell, error)
        else:
            self._halt(cell, error)

    async def _attend(self) -> NoReturn:
        """Those who have to listen are live, whether anybody asks them anything or not; and what they could not take in
        when it came, because the log took nothing, they take in later."""
        while True:
            await asyncio.sleep(bounds.ATTEND_EVERY_MS / 1000)
            for actor in self._timers.listening():
                live = self.cells.get(actor)
                if live is None or (not live.mailbox and self._following.has_news(live)):
                    cell = self.cell_for(actor)
                    if isinstance(cell, Cell):
                        self.queue(cell, self._tick_for(actor))

    # Turns and rounds

    def _go_on(self, cell: Cell) -> None:
        """Something changed for this cell: see that what it needs next happens."""
        if cell.phase is Phase.COLD:
            if cell.mailbox:
                self._loading.want(cell, self.era)
        elif cell.phase is Phase.READY and cell.mailbox and not cell.queued:
            cell.queued = True
            self._ready.append(cell)
            if self._gathering:
                self._joined.set()
            else:
                self._commit_soon()

    def _commit_soon(self) -> None:
        """See that rounds run while there is something to commit, as many at a time as may."""
        if not self._starting and self._rounds < self.limits.rounds_in_flight_max:
            self._starting = True
            self.tasks.start(self._run_rounds())

    async def _run_rounds(self) -> None:
        self._starting = False
        self._rounds += 1
        self._idle.clear()
        try:
            while self._presence.sure():  # otherwise the next beat that comes back goes on here
                began = perf_counter()  # finer than the time of the loop, and nothing is decided by it
                drafts, batch = await self._gather()
                units = self._take_units(ground.BATCH_ENTRIES_MAX - len(drafts))
                if not drafts and not units:
                    break
                if self._ready or self._units:
                    self._commit_soon()
                await self._round(drafts, units, batch, began)
        except Exception:
            self._commit_soon()  # the bug is this task's to report; the others' letters go on
            raise
        finally:
            self._rounds -= 1
            if not self._rounds:
                self._idle.set()

    async def _gather(self) -> tuple[list[Draft], Batch | None]:
        """What is decided for a round. Once there is more than goes each by itself, its batch begins with the first of
        it; while the log prepares that, the others are decided, and whoever gets ready joins them."""
        drafts: list[Draft] = []
        if self._gathering:
            return drafts, None  # that round takes whoever is ready
        at_most, few = self.limits.round_actors_max, self.limits.singles_max
        try:
            self._take_turns(drafts, min(few + 1, at_most))
            if len(drafts) <= few:
                self._take_turns(drafts, at_most)
                return drafts, None
            batch = self.events.begin(drafts[0].entry)
            batch.prepared.add_done_callback(lambda _: self._joined.set())
            self._gathering = True
            while self._presence.sure():
                self._take_turns(drafts, at_most)
                if batch.prepared.done() or len(drafts) == at_most:
                    break
                self._joined.clear()
                await self._joined.wait()
        except Exception:  # a bug of ours or the adapter's: as in `_round`
            for draft in drafts:
                self._failed(draft, UnknownOutcome("the round ended in a bug"))
            raise
        finally:
            self._gathering = False
        return drafts, batch

    def _take_units(self, entries_max: int) -> list[Bundle]:
        taken = []
        now = asyncio.get_running_loop().time()
        while self._units and len(self._units[0].entries) <= entries_max:
            unit = self._units.popleft()
            if now - unit.since > self.limits.lease_ms / 1000:  # what it was decided by may have changed meanwhile
                unit.stored.set_result(LogUnavailable("the log did not take it in time"))
                continue
            entries_max -= len(unit.entries)
            taken.append(unit)
        return taken

    def _take_turns(self, drafts: list[Draft], at_most: int) -> None:
        """Of those who are ready, until there are so many drafts."""
        clock_now, loop_now = self.clock(), asyncio.get_running_loop().time()
        while self._ready and len(drafts) < at_most:
            cell = self._ready.popleft()
            cell.queued = False
            if cell.phase is not Phase.READY:
                continue
            if cell.era != self.era:
                self._loading.want(cell, self.era)
                continue
            if cell.decider.consults:
                view = self._consulting.view(cell)
                if view is None:
                    continue  # it goes on when there is one
                cell.policy = view
            elif cell.decider.follows is not None:
                cell.policy = self._following.heard(cell)
            cell.used_at = loop_now
            turn = cell.take_turn(clock_now, loop_now)
            self.outbox.add_all(turn.answers, 0)
            if turn.repeats:
                self.tasks.start(self._answer_again(cell, turn.repeats))
            if turn.draft is not None:
                drafts.append(turn.draft)
            elif turn.failed is not None:
                self._stumbled(cell, turn.failed)
            else:
                self._go_on(cell)

    async def _round(self, drafts: list[Draft], units: list[Bundle], batch: Batch | None, began: float) -> None:
        number = self.horizon.hold()
        unknown: list[str] = []
        try:
            outcomes = await store(
                self.events,
                [[draft.entry] for draft in drafts] + [unit.entries for unit in units],
                self.limits.singles_max,
                batch,
            )
        except Exception:  # a bug of ours or the adapter's: nobody may be left waiting, and the task says it aloud
            for draft in drafts:
                self._failed(draft, UnknownOutcome("the append ended in a bug"))
            for unit in units:
                if not unit.stored.done():
                    unit.stored.set_result(UnknownOutcome("the append ended in a bug"))
            raise
        else:
            self.commit_times.note(perf_counter() - began, len(outcomes))
            for draft, outcome in zip(drafts, outcomes, strict=False):
                if isinstance(outcome, UnknownOutcome):
                    unknown.append(draft.entry.actor)
                self._ended(draft, outcome)
            for unit, outcome in zip(units, outcomes[len(drafts) :], strict=True):
                if isinstance(outcome, UnknownOutcome):
                    unknown.extend(entry.actor for entry in unit.entries)
                elif not isinstance(outcome, LogError):
                    self.horizon.saw(max(outcome))
                if not unit.stored.done():
                    unit.stored.set_result(outcome)
        finally:
            if unknown:
                self.tasks.start(self._ask_later(unknown, number), lasting=True)
            else:
                self.horizon.release(number)

    def _ended(self, draft: Draft, outcome: Stored) -> None:
        try:
            if isinstance(outcome, LogError):
                self._failed(draft, outcome)
            else:
                self.landed(draft, outcome[0])
        except Exception:  # a bug of ours, which must not keep the rest of the round from its answers
            self.tasks.failed += 1
            log.exception("outcome_not_heeded", actor=draft.entry.actor)
            draft.cell.doubt()
            self._settled(draft.cell)

    async def _ask_later(self, actors: Sequence[str], held: int) -> None:
        """Commits to these actors were on their way, and nobody knows what became of them: ask when that is decided."""
        await asyncio.sleep(ground.APPEND_TIMEOUT_MS / 1000)
        for recorded in (await insist(lambda: self.events.last_of(actors), self.limits.retry_log_ms) or {}).values():
            wake = recorded.headers.get(WAKE_HEADER)
            self.look_again(recorded.actor, recorded.sequence, None if wake is None else int(wake))
        self.horizon.release(held)

    async def store_unit(self, entries: Sequence[Entry]) -> Stored:
        """Store entries together, in a round with whatever else is ready."""
        loop = asyncio.get_running_loop()
        unit = Bundle(entries, loop.create_future(), loop.time())
        self._units.append(unit)
        self._commit_soon()
        return await unit.stored

    def landed(self, draft: Draft, sequence: int) -> None:
        """A draft of ours is stored: it is true now, and whoever waits for it is told."""
        cell = draft.cell
        self._promise_ended(cell)
        self.commits += 1
        self.horizon.saw(sequence)
        self._consulting.tell(cell.actor, cell.decider.kind, sequence)
        try:
            cell.landed(draft, sequence)
            self._following.landed(cell)
            self._note_wake(cell)
        except Exception:  # a bug in a decider; what is stored is stored, and reading it again will show the bug
            log.exception("evolve_failed", actor=cell.actor, sequence=sequence)
            cell.doubt()
            self._settled(cell)
            return
        self.outbox.add_all(draft.answers, sequence)
        self._shelving.changed(cell, asyncio.get_running_loop().time())
        if self._shelving.outgrown(cell):
            self._shelve(cell)
        if not cell.mailbox and cell.has_more_to_hear:
            cell.mailbox.append(self._tick_for(cell.actor))
        self._settled(cell)

    def _failed(self, draft: Draft, error: LogError) -> None:
        """A draft is not known to be stored: decide again on what the log says, or say why that is in vain."""
        cell = draft.cell
        if isinstance(error, LogHalted):
            cell.put_back(draft)
            self._halt(cell, error)
            return
        if isinstance(error, LogFull):
            refusal = encode_refusal(error.code, str(error), "ours", self.limits.busy_retry_ms)
            for letter, _, _ in draft.answers:
                self.outbox.add(letter, False, 0, UNKNOWN if letter.envelope.id in cell.doubtful else refusal)
            cell.doubt()
        elif isinstance(error, Conflict):
            self.conflicts += 1
            cell.put_back(draft)
        else:
            self.unknown += 1
            log.warning("commit_outcome_unknown", actor=cell.actor, code=error.code, detail=str(error))
            cell.put_back(draft)
            if isinstance(error, UnknownOutcome):
                self._doubt(cell, draft)
            else:
                self._rest(cell)
                return
        self._settled(cell)

    def _stumbled(self, cell: Cell, bug: Exception) -> None:
        """What it has to do before anything else cannot be done: not again at once, and not for ever."""
        cell.failures += 1
        if cell.failures < bounds.STUMBLES_MAX:
            self._rest(cell)
        else:
            self._halt(cell, bug)

    def _doubt(self, cell: Cell, draft: Draft) -> None:
        cell.doubts(draft, asyncio.get_running_loop().time() + ground.APPEND_TIMEOUT_MS / 1000)

    def _rest(self, cell: Cell) -> None:
        """The log stored nothing, and said so at once: asking at once again would keep it from coming round."""
        cell.phase = Phase.RESTING
        asyncio.get_running_loop().call_later(self.limits.retry_log_ms / 1000, self._rested, cell)

    def _rested(self, cell: Cell) -> None:
        if cell.phase is Phase.RESTING:
            cell.phase = Phase.COLD
            self._settled(cell)

    def _settled(self, cell: Cell) -> None:
        """Nothing of the cell is in flight: go on, or let go of it if it isn't ours any more."""
        if cell.partition in self.owned:
            self._go_on(cell)
        else:
            self._let_go(cell)

    def promised(self, cell: Cell) -> None:
        """The cell has closed on a transaction: what it says may be stored any time, and we are told of it later."""
        self._promises[cell] = self.horizon.hold()

    def _promise_ended(self, cell: Cell) -> None:
        held = self._promises.pop(cell, None)
        if held is not None:
            self.horizon.release(held)

    def reopen(self, draft: Draft, *, in_doubt: bool) -> None:
        """A transaction's part was not stored; or, when in doubt, the log must say."""
        cell = draft.cell
        if cell.phase is Phase.CLOSED:
            if in_doubt:
                held = self._promises.pop(cell, None)
                self.tasks.start(
                    self._ask_later([cell.actor], self.horizon.hold() if held is None else held), lasting=True
                )
                cell.doubt()
                self._doubt(cell, draft)
                if self._timed and cell.partition in self.owned:
                    self._loading.want(cell, self.era)  # asked for or not: if it landed, its wake is news
            else:
                self._promise_ended(cell)
                cell.phase = Phase.READY
            self._settled(cell)

    def look_again(self, actor: str, sequence: int, wake: Instant | None) -> None:
        """The actor has a commit at that sequence, made by somebody else, and wants that wake. If it is news, look."""
        cell = self.cells.get(actor)
        if cell is not None and cell.memory is not None and cell.memory.sequence >= sequence:
            return
        self._timers.note(actor, partition_of(actor), sequence, wake)
        if cell is None:
            return
        if cell.phase in (Phase.READY, Phase.COLD):
            self._loading.want(cell, self.era)
        else:
            cell.era = _NO_ERA

    # What the parts report

    def _loaded(self, cell: Cell) -> None:
        cell.used_at = asyncio.get_running_loop().time()
        if cell.decider.leased is not None and cell.leases_era != self.era:
            cell.leases.since, cell.leases_era = self.clock(), self.era
        if cell.era == _NO_ERA and cell.partition in self.owned:
            self._loading.want(cell, self.era)  # there was news of it while it was read
            return
        self._note_wake(cell)
        self._settled(cell)

    def _halt(self, cell: Cell, error: Exception) -> None:
        """Stop this actor: the log contradicts itself, and guessing would make it worse."""
        self.halts += 1
        cell.phase = Phase.HALTED
        cell.memory = None
        cell.halted_by = f"{getattr(error, 'code', 'internal')}: {error}"
        log.error("actor_halted", actor=cell.actor, reason=cell.halted_by)
        refusal = encode_refusal("log_halted", cell.halted_by, "ours")
        while cell.mailbox:
            self._turn_away(cell.mailbox.popleft(), refusal)
        if cell.partition not in self.owned:
            self._drop(cell)

    def _note_wake(self, cell: Cell) -> None:
        memory = cell.memory
        if memory is not None:
            self._timers.note(cell.actor, cell.partition, memory.sequence, cell.wake())

    def own(self, partitions: frozenset[int]) -> None:
        """Our share has changed: let go of what is no longer ours, and learn the timers of what now is."""
        gained, lost = partitions - self.owned, self.owned - partitions
        self.owned = partitions
        new = self._timers.keep(partitions if self._timed else ())
        if lost:
            for number, cell in enumerate([cell for cell in self.cells.values() if cell.partition in lost]):
                cell.era = _NO_ERA  # should it be ours again before it is let go: others have acted in our place
                if cell.phase in (Phase.READY, Phase.COLD, Phase.HALTED):
                    self._let_go(cell, shelve=number < _HANDED_OVER_MAX)
        if gained:
            self.tasks.start(self._check_again(gained, ground.APPEND_TIMEOUT_MS), lasting=True)
        if new:
            self.tasks.start(self._timers.learn_for_sure(new), lasting=True)
        log.info("partitions_changed", host=self.name, owned=len(partitions), gained=len(gained), lost=len(lost))

    def doubt_all(self) -> None:
        """Others may have acted in our place: every actor is checked against the log before its next turn."""
        self.era += 1

    def resume(self) -> None:
        if self._ready or self._units:
            self._commit_soon()

    async def _check_again(self, partitions: frozenset[int], delay_ms: int) -> None:
        """Commits of the one before us may have landed after we read an actor in: look once more when that is over."""
        await asyncio.sleep(delay_ms / 1000)
        for cell in self.cells.values():
            if cell.partition in partitions:
                cell.era = _NO_ERA

    def heard_again(self, after: int) -> None:
        """We, or a host that was lost, were away from that sequence on: others may have committed to actors of ours."""
        self.doubt_all()
        self.tasks.start(self._check_again(self.owned, ground.APPEND_TIMEOUT_MS), lasting=True)
        if self._timed:
            self.tasks.start(self._timers.scan_for_sure(after, self.owned), lasting=True)

    def _let_go(self, cell: Cell, *, shelve: bool = True) -> None:
        """The cell's partition is not ours any more: whoever waits must ask its new owner."""
        while cell.mailbox:
            self._turn_away(cell.mailbox.popleft(), _MOVED)
        if shelve:
            self._shelve(cell)
        self._drop(cell)

    def _shelve(self, cell: Cell) -> None:
        data = self._shelving.take(cell)
        if data is not None:
            self.tasks.start(self._shelving.put(cell.actor, data))

    def _drop(self, cell: Cell) -> None:
        if self.cells.get(cell.actor) is cell:  # otherwise it was let go of before, and another has taken its place
            del self.cells[cell.actor]
            self._following.forget(cell.actor)
            self._shelving.forget(cell)
            self._let_go_of.set()

    def _turn_away(self, letter: Letter | Request, refusal: msgspec.Raw) -> None:
        if isinstance(letter, Letter):
            self.outbox.add(letter, False, 0, refusal)
        elif not letter.outcome.done():
            letter.outcome.set_result(refusal)

    # Answers out

    @property
    def _busy(self) -> msgspec.Raw:
        retry = self.limits.busy_retry_ms
        return encode_refusal("busy", "more is waiting here than can be answered soon", "busy", retry)

    async def _answer_again(self, cell: Cell, repeats: list[tuple[Letter, int]]) -> None:
        """Commands that were decided before: their first answers, as the log has them. Any other would be a lie, so
        without the log there is none."""
        letters: dict[int, list[Letter]] = {}
        for letter, sequence in repeats:
            letters.setdefault(sequence, []).append(letter)
        sequences = list(letters)
        for start in range(0, len(sequences), _COMMITS_AT_A_TIME):
            page = sequences[start : start + _COMMITS_AT_A_TIME]
            try:
                found = await self._read_again(page, max(letter.deadline for letter, _ in repeats))
                for recorded in found:
                    asking = letters[recorded.sequence]
                    first = first_answers(cell.decider, recorded, (letter.envelope.id for letter in asking))
                    for letter, (same, reply) in zip(asking, first, strict=True):
                        self.outbox.add(letter, same, recorded.sequence if same else 0, reply)
            except LogHalted as halt:
                refusal = encode_refusal("log_halted", str(halt), "ours")
                for sequence in page:
                    for letter in letters[sequence]:
                        self.outbox.add(letter, False, 0, refusal)

    async def _read_again(self, sequences: Sequence[int], until: float) -> list[Recorded]:
        """These commits, or nothing when the log does not answer while anybody waits."""
        while asyncio.get_running_loop().time() < until:
            try:
                found = [recorded for recorded in await self.events.at_each(sequences) if recorded is not None]
            except LogHalted:
                raise
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error))
                await asyncio.sleep(self.limits.retry_log_ms / 1000)
            else:
                assert len(found) == len(sequences), "a commit that was acknowledged can be read"
                return found
        return []

    def counts(self) -> dict[str, int]:
        """What a beat tells of this host."""
        return {
            "actors": len(self.cells),
            "busy": self.busy,
            "commands": self.commands,
            "commits": self.commits,
            "conflicts": self.conflicts,
            "failed_tasks": self.tasks.failed,
            "halts": self.halts,
            "snapshots": self._shelving.saved,
            "snapshots_too_large": self._shelving.too_large,
            "transactions": self.transactions.landed,
            "unknown": self.unknown,
            **self._timers.counts(),
        }


_NO_ERA = -1
_HAND_OVER_WITHIN_MS = 500
_FINISH_WITHIN_MS = 3_000
_HANDED_OVER_MAX = 2_000
"""So many actors get a snapshot when others take them over, made while nobody else has a turn; the rest are read from
the log."""
_COMMITS_AT_A_TIME = 16
"""How many commits are read at once for those who ask again: a large one may hold a megabyte."""
_TICK = msgspec.Raw(encode_command(TICK))
_MOVED = encode_refusal("moved", "another host owns this actor now", "busy", 0)
