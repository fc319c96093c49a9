"""Transactions: commands to several actors that take effect together or not at all (law 2).

The host that owns the first actor coordinates. In the order of the actors' names, so that two transactions
cannot wait for each other in a circle, it asks each actor to *prepare*: decide its part, say what it would commit
and on which sequence, and close its mailbox. All of these go to the log as one atomic batch, each with its own
fence. Then everybody is told, and opens again.

An actor on another host closes under a lease. When the lease runs out, or its coordinator is lost before, it forgets
what it promised and asks the log: the batch is in it or not, and if it comes later still, the fence refuses one of
the two. So a coordinator may die at any point, and nothing has to be cleaned up.

Both sides are one whole: each is right only by what the other does at every moment.

A repeated transaction finds its id in every actor (they committed together) and is answered from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import structlog

from actors.runtime.cell import VIEWS_DIFFER, Cell, Draft, Letter, Repeat, Request
from actors.runtime.memory import first_answers
from actors.runtime.wire import REFUSALS, TRACE_HEADER, UNKNOWN, Envelope, encode_refusal, passes
from events.clock import Instant
from events.codec import canonical
from events.errors import BusError, Conflict, LogError, LogFull, LogUnavailable
from events.log import Entry, ExpectAt
from events.names import actor_name, kind_of, org_of, partition_of

if TYPE_CHECKING:
    from actors.runtime.host import Host

log = structlog.get_logger(__name__)

ATTEMPTS_MAX: Final = 8
"""How often a transaction is tried anew after a lost fence, before it is answered *busy*."""


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Coordinator to participant: decide this part, and close on it.

    `attempt` is this try and no other: a transaction that is sent again is carried through twice at a time, and is
    tried anew after a lost fence, so its id does not say which promise somebody speaks of.
    """

    attempt: str
    actor: str
    id: str
    by: str
    asked_at: Instant
    within_ms: int
    body: msgspec.Raw
    together: tuple[str, ...]
    alike: tuple[str, ...] = ()
    """Those of them who are asked the very same."""
    view: int | None = None
    """For a kind that consults: the sequence of what the others have decided by, and this part is to be."""


class Landed(msgspec.Struct, frozen=True, tag=True):
    """Coordinator to participant: what you promised, whose hash is `head`, stands at `sequence`."""

    attempt: str
    actor: str
    head: str
    sequence: int


class Released(msgspec.Struct, frozen=True, tag=True):
    """Coordinator to participant: nothing was stored; or, `in_doubt`, ask the log."""

    attempt: str
    actor: str
    in_doubt: bool


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """Participant to coordinator: what I would commit, and the sequence that it stands on."""

    body: str
    expect: int
    head: str
    headers: dict[str, str]
    reply: msgspec.Raw
    view: int = 0


class Repeated(msgspec.Struct, frozen=True, tag=True):
    """Participant to coordinator: this was done before, and answered so."""

    sequence: int
    reply: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Participant to coordinator: no, and why."""

    refusal: msgspec.Raw


ToParticipant: TypeAlias = Prepare | Landed | Released
FromParticipant: TypeAlias = Prepared | Repeated | Refused

_TO_PARTICIPANT: Final = msgspec.json.Decoder(ToParticipant)
_FROM_PARTICIPANT: Final = msgspec.json.Decoder(FromParticipant)


def _encode(message: ToParticipant | FromParticipant) -> bytes:
    return canonical(message)


def parts_subject(host: str, incarnation: str) -> str:
    return f"host.{host}.{incarnation}.parts"


@dataclass(frozen=True)
class Promise:
    """A part that its actor has closed on, here or on another host. Exactly one of the two calls ends it."""

    entry: Entry
    reply: msgspec.Raw
    view: int
    """The sequence of what it was decided by, for a kind that consults."""
    landed: Callable[[int], Awaitable[None]]
    """It is stored at this sequence."""
    released: Callable[[bool], Awaitable[None]]
    """It isn't stored; or, when in doubt, the log must be asked."""


class Transactions:
    """Both sides of transactions, for one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._promised: dict[Cell, tuple[str, Draft, asyncio.TimerHandle]] = {}
        """Cells of ours that are closed on a transaction, by which attempt at it, and the lease."""
        self._deciding: dict[asyncio.Future[Any], tuple[str, str]] = {}
        """Parts that wait for their actors' turns: which attempt asked which actor."""
        self._forgone: set[asyncio.Future[Any]] = set()
        """Those of them that were decided in the very moment in which nobody waited for them any more."""
        self._asking: dict[asyncio.Timeout, tuple[str, str]] = {}
        """The questions to other hosts that have no answer yet; each host by its name and incarnation."""
        self._attempts = 0
        self.running = 0
        self.landed = 0

    # The coordinator's side

    def start(self, letter: Letter) -> None:
        """Carry a transaction through, and answer it."""
        self.running += 1
        self._host.tasks.start(self._run(letter))

    async def _run(self, letter: Letter) -> None:
        host = self._host
        envelope = letter.envelope
        try:
            parts = {envelope.actor: envelope.body} | {part.actor: part.body for part in envelope.also}
            problem = self._malformed(envelope, parts)
            if problem is not None:
                host.outbox.add(letter, False, 0, problem)
                return
            in_vain = _CONTENDED
            for _ in range(ATTEMPTS_MAX):
                if asyncio.get_running_loop().time() >= letter.deadline:
                    break
                answer = await self._attempt(letter, parts, in_doubt=in_vain is UNKNOWN)
                if isinstance(answer, msgspec.Raw):
                    in_vain = answer if in_vain is not UNKNOWN else UNKNOWN
                    continue
                accepted, sequence, body = answer
                if not accepted and in_vain is UNKNOWN and passes(REFUSALS.decode(body)):
                    continue  # it says nothing of the try that is in doubt
                host.outbox.add(letter, accepted, sequence, body)
                return
            host.outbox.add(letter, False, 0, in_vain)
        finally:
            self.running -= 1

    def _malformed(self, envelope: Envelope, parts: dict[str, msgspec.Raw]) -> msgspec.Raw | None:
        if len(parts) != len(envelope.also) + 1:
            return encode_refusal("actor_named_twice", "a transaction asks one thing of each actor")
        for actor in parts:
            refusal = self._host.unfit(actor)
            if refusal is not None:
                return refusal
        return None

    async def _attempt(
        self, letter: Letter, parts: dict[str, msgspec.Raw], *, in_doubt: bool
    ) -> tuple[bool, int, msgspec.Raw] | msgspec.Raw:
        """One try: an answer; or, when it is worth another, what to say if there is no time for one.

        When an earlier try is in doubt, or one of the actors has done its part already, that somebody can't be asked
        just now is no answer: it would say that nothing was done.
        """
        together = tuple(sorted(parts))
        self._attempts += 1
        attempt = f"{self._host.name}.{self._host.incarnation}.{self._attempts}"
        began = asyncio.get_running_loop().time()
        promises: dict[str, Promise] = {}
        repeats: dict[str, Repeated] = {}
        views: dict[str, int] = {}
        """By whom parts consult: all of them decide by the same, or they might not mean the same."""
        settled = False
        try:
            for actor in together:
                alike = tuple(other for other in together if parts[other] == parts[actor])
                consulted = self._consulted_by(actor)
                outcome = await self._prepare(
                    attempt, letter, actor, parts[actor], together, alike, views.get(consulted)
                )
                if isinstance(outcome, Promise):
                    promises[actor] = outcome
                    if consulted:
                        views[consulted] = outcome.view
                elif isinstance(outcome, Repeated):
                    repeats[actor] = outcome
                elif outcome.refusal == VIEWS_DIFFER and not (repeats or in_doubt):
                    await asyncio.sleep(self._host.limits.busy_retry_ms / 1000)
                    return _CONTENDED
                elif (repeats or in_doubt) and passes(REFUSALS.decode(outcome.refusal)):
                    await asyncio.sleep(self._host.limits.busy_retry_ms / 1000)
                    return UNKNOWN
                elif repeats:
                    return _PARTLY_FORGOTTEN
                else:
                    return False, 0, _with_actor(outcome.refusal, actor)
            if repeats:
                if promises:  # forgotten by some; or stored only just now, and those who promised have yet to see it
                    settled = True
                    for promise in promises.values():
                        await promise.released(True)
                    return _PARTLY_FORGOTTEN
                lead = repeats[letter.envelope.actor]
                return True, lead.sequence, _replies({actor: repeats[actor].reply for actor in parts})
            if asyncio.get_running_loop().time() - began > self._host.limits.lease_ms / 1000:
                return _CONTENDED  # the first promises are as old as that: what they were decided by may have changed
            stored = await self._host.store_unit([_traced(promises[actor].entry, letter.trace) for actor in together])
            settled = True
            if isinstance(stored, LogError):
                certain = isinstance(stored, (LogFull, LogUnavailable))
                for promise in promises.values():
                    await promise.released(not certain)
                return await self._answer_for(stored)
            sequences = dict(zip(together, stored, strict=True))
            for actor, promise in promises.items():
                await promise.landed(sequences[actor])
            self.landed += 1
            return True, sequences[letter.envelope.actor], _replies({actor: promises[actor].reply for actor in parts})
        finally:
            if not settled:
                for promise in promises.values():
                    await promise.released(False)

    def _consulted_by(self, actor: str) -> str:
        """Whom an actor decides by; nobody, for most kinds."""
        consults = self._host.kinds[kind_of(actor)].consults
        return actor_name(org_of(actor), consults) if consults else ""

    async def _answer_for(self, error: LogError) -> tuple[bool, int, msgspec.Raw] | msgspec.Raw:
        if isinstance(error, LogFull):
            return False, 0, encode_refusal(error.code, str(error), "ours", self._host.limits.busy_retry_ms)
        if isinstance(error, Conflict):
            return _CONTENDED
        log.warning("transaction_not_stored", code=error.code, detail=str(error))
        if isinstance(error, LogUnavailable):
            await asyncio.sleep(self._host.limits.retry_log_ms / 1000)
            return _NO_LOG
        return UNKNOWN

    async def _prepare(
        self,
        attempt: str,
        letter: Letter,
        actor: str,
        body: msgspec.Raw,
        together: tuple[str, ...],
        alike: tuple[str, ...],
        view: int | None,
    ) -> Promise | Repeated | Refused:
        envelope = letter.envelope
        left_ms = int((letter.deadline - asyncio.get_running_loop().time()) * 1000)
        if left_ms <= 0:
            return Refused(_NO_TIME)
        ask = Prepare(attempt, actor, envelope.id, envelope.by, envelope.asked_at, left_ms, body, together, alike, view)
        if self._host.owns(partition_of(actor)):
            return await self._prepare_here(ask)
        return await self._prepare_there(ask)

    async def _prepare_here(self, ask: Prepare) -> Promise | Repeated | Refused:
        outcome = await self._decide(ask)
        if not isinstance(outcome, Draft):
            return outcome
        draft = outcome

        async def landed(sequence: int) -> None:
            self._host.landed(draft, sequence)

        async def released(in_doubt: bool) -> None:
            self._host.reopen(draft, in_doubt=in_doubt)

        return Promise(draft.entry, draft.decided[0].reply, draft.view, landed, released)

    async def _prepare_there(self, ask: Prepare) -> Promise | Repeated | Refused:
        host = self._host
        owner = host.roll.owner_of(partition_of(ask.actor))
        if owner is None:
            return Refused(_NO_OWNER)
        subject = parts_subject(owner.host, owner.incarnation)
        wait_ms = min(ask.within_ms, host.limits.lease_ms)
        try:
            async with asyncio.timeout(None) as asking:
                self._asking[asking] = (owner.host, owner.incarnation)
                try:
                    message = await host.bus.request(subject, _encode(ask), wait_ms)
                finally:
                    self._asking.pop(asking, None)
        except (BusError, TimeoutError) as error:
            await self._tell(subject, Released(ask.attempt, ask.actor, in_doubt=False))
            why = str(error) or "it is gone"
            return Refused(
                encode_refusal(
                    "busy", f"the host of {ask.actor} did not answer: {why}", "busy", host.limits.busy_retry_ms
                )
            )
        answer: FromParticipant = _FROM_PARTICIPANT.decode(message.data)
        if not isinstance(answer, Prepared):
            return answer

        async def landed(sequence: int) -> None:
            await self._tell(subject, Landed(ask.attempt, ask.actor, answer.head, sequence))

        async def released(in_doubt: bool) -> None:
            await self._tell(subject, Released(ask.attempt, ask.actor, in_doubt))

        entry = Entry(ask.actor, answer.body.encode(), ExpectAt(answer.expect), answer.head, answer.headers)
        return Promise(entry, answer.reply, answer.view, landed, released)

    async def _tell(self, subject: str, news: Landed | Released | FromParticipant) -> None:
        try:
            await self._host.bus.publish(subject, _encode(news))
        except BusError as error:  # leases and time-outs run out, and the log tells what became of it
            log.warning("part_not_told", subject=subject, code=error.code, detail=str(error))

    # The participant's side

    async def hear(self, data: bytes, reply: str) -> None:
        """A coordinator on another host wants something."""
        try:
            news = _TO_PARTICIPANT.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("malformed_part", detail=str(error), bytes=len(data))
            return
        if isinstance(news, Prepare):
            outcome = await self._decide(news)
            if isinstance(outcome, Draft):
                cell = outcome.cell
                lease = asyncio.get_running_loop().call_later(
                    self._host.limits.lease_ms / 1000, self._lease_ran_out, cell, news.attempt
                )
                self._promised[cell] = (news.attempt, outcome, lease)
                entry = outcome.entry
                answer: FromParticipant = Prepared(
                    entry.body.decode(),
                    entry.expect.sequence,
                    entry.id,
                    dict(entry.headers),
                    outcome.decided[0].reply,
                    outcome.view,
                )
            else:
                answer = outcome
            await self._tell(reply, answer)
            return
        cell_of = self._host.cells.get(news.actor)
        promised = self._promised.get(cell_of) if cell_of is not None else None
        if cell_of is None or promised is None or promised[0] != news.attempt:
            if isinstance(news, Landed):  # the lease ran out before
                self._host.look_again(news.actor, news.sequence, 0)
            else:  # it has not even promised: then it need not any more
                self._forgo(lambda attempt, actor: (attempt, actor) == (news.attempt, news.actor))
            return
        _, draft, lease = self._promised.pop(cell_of)
        lease.cancel()
        if isinstance(news, Released):
            self._host.reopen(draft, in_doubt=news.in_doubt)
        elif news.head == draft.head:
            self._host.landed(draft, news.sequence)
        else:  # the request came twice, and this is the second promise: what landed is the first
            self._host.reopen(draft, in_doubt=True)

    def gone(self, host: str, incarnation: str) -> None:
        """That host is lost, or another has its name now. Whoever waits for it, whether as its participant or for its
        promise, need not wait for the lease: actors of ours must not be closed for longer than its own are away."""
        now = asyncio.get_running_loop().time()
        for asking in [asking for asking, whom in self._asking.items() if whom == (host, incarnation)]:
            del self._asking[asking]
            asking.reschedule(now)
        its_attempts = f"{host}.{incarnation}."
        # First those that wait for their turn, or the next would close again what the last leaves open.
        self._forgo(lambda attempt, _: attempt.startswith(its_attempts))
        for cell, (attempt, _, lease) in list(self._promised.items()):
            if attempt.startswith(its_attempts):
                lease.cancel()
                self._lease_ran_out(cell, attempt)

    def _forgo(self, whose: Callable[[str, str], bool]) -> None:
        """Nobody waits any more for these parts, by their attempt and actor: they are not decided."""
        for outcome, part in self._deciding.items():
            if whose(*part) and not outcome.cancel():
                self._forgone.add(outcome)

    def _lease_ran_out(self, cell: Cell, attempt: str) -> None:
        promised = self._promised.get(cell)
        if promised is not None and promised[0] == attempt:
            del self._promised[cell]
            log.warning("lease_ran_out", actor=cell.actor, attempt=attempt)
            self._host.reopen(promised[1], in_doubt=True)

    async def _decide(self, ask: Prepare) -> Draft | Repeated | Refused:
        """Have one of our own actors decide its part. Until it is settled, that actor's mailbox is closed."""
        host = self._host
        loop = asyncio.get_running_loop()
        refusal = host.unfit(ask.actor)
        if refusal is not None:
            return Refused(refusal)
        cell = host.cell_for(ask.actor)
        if isinstance(cell, msgspec.Raw):
            return Refused(cell)
        if len(cell.mailbox) >= host.limits.mailbox_commands_max:
            host.busy += 1
            return Refused(_NO_TIME)
        deadline = loop.time() + min(ask.within_ms, host.limits.lease_ms) / 1000
        outcome: asyncio.Future[Draft | Repeat | msgspec.Raw] = loop.create_future()
        envelope = Envelope(0, ask.actor, ask.id, ask.by, ask.asked_at, ask.within_ms, ask.body)
        host.queue(cell, Request(envelope, ask.body, ask.together, ask.alike, ask.view, deadline, outcome))
        self._deciding[outcome] = (ask.attempt, ask.actor)
        try:
            await asyncio.wait((outcome,), timeout=max(deadline - loop.time(), 0))
        finally:
            del self._deciding[outcome]
        if not outcome.done() or outcome.cancelled():
            outcome.cancel()  # the cell then passes it over
            return Refused(_NO_TIME)
        decided = outcome.result()
        if outcome in self._forgone:
            self._forgone.remove(outcome)
            if isinstance(decided, Draft):
                host.reopen(decided, in_doubt=False)
            return Refused(_NO_TIME)
        if isinstance(decided, Draft):
            host.promised(decided.cell)
            return decided
        if isinstance(decided, Repeat):
            try:
                recorded = await host.events.at(decided.sequence)
                assert recorded is not None, "a commit that was acknowledged can be read"
                ((same, reply),) = first_answers(cell.decider, recorded, (ask.id,))
                return Repeated(decided.sequence, reply) if same else Refused(reply)
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error), actor=ask.actor)
                return Refused(_NO_TIME)
        return Refused(decided)


def _traced(entry: Entry, trace: str) -> Entry:
    return msgspec.structs.replace(entry, headers={**entry.headers, TRACE_HEADER: trace}) if trace else entry


def _with_actor(refusal: msgspec.Raw, actor: str) -> msgspec.Raw:
    """The participant's refusal, saying whose it is."""
    said = REFUSALS.decode(refusal)
    return msgspec.Raw(canonical(msgspec.structs.replace(said, detail=f"{actor}: {said.detail}")))


def _replies(replies: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(canonical(replies))


_NO_TIME: Final = encode_refusal("busy", "the actor did not get to it in time", "busy", 50)
_NO_OWNER: Final = encode_refusal("busy", "no host owns the actor at the moment", "busy", 200)
_CONTENDED: Final = encode_refusal("busy", "other commits came first each time", "busy", 50)
_NO_LOG: Final = encode_refusal("busy", "the log cannot be reached", "busy", 200)
_PARTLY_FORGOTTEN: Final = encode_refusal(
    "too_old_to_repeat", "some of the actors no longer remember whether this was done: the log says", "late"
)
