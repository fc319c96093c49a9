"""Delivering to one endpoint: reading the log, sending, trying again, and reporting.

A `Delivery` first has to attend: of all couriers that would, one may. From the answer it takes up where things stand,
and from there on four things go on beside each other until it is stopped or another one has taken its place: the log is
read as far ahead as the backlog wants, for each source; what may go is sent, a few at a time; and once a second what
has come of it is reported. Whoever has not been answered for a while sends nothing more: another may be about to.

A report is sent again as it is until it is answered, so that it is counted once.

It is whole because those four share one state, which nothing else sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Final, cast

import msgspec
import structlog

from actors.decider import Command, Refusal
from actors.runtime.sender import Sender
from actors.webhooks.commands import Attend, Attended, DisableEndpoint, Report
from events.clock import Clock, Instant
from events.errors import BusError, LogError, LogRecreated, SequenceRanBackwards, UnknownOutcome
from events.log import EventLog, Recorded, Step
from events.names import actor_name
from events.webhooks import SOURCES, TEST, Attempt, Late, wants
from gateway.measuring.counts import WebhookCounts
from gateway.secret import Secret
from gateway.webhooks import limits
from gateway.webhooks.backlog import NOT_IN_THE_LOG, Backlog, Open
from gateway.webhooks.directory import Known
from gateway.webhooks.happenings import Happening, happenings, sequence_of, trial
from gateway.webhooks.retrying import next_attempt
from gateway.webhooks.sending import REFUSED_FOR_GOOD, NotSent, Sending
from gateway.webhooks.signing import key_of, signature

log = structlog.get_logger(__name__)

GONE: Final = 410
OUR_FAULT: Final = "our_fault"
"""Of an attempt: it came to nothing by a bug of ours, and our own log says which."""


class CourierSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Unlike that of any other courier, and of any before: reports are known by it."""
    user_agent: str = "Tidegate"
    backoff_ms: tuple[int, ...] = limits.BACKOFF_MS
    tried_for_ms: int = limits.TRIED_FOR_MS
    failing_max_ms: int = limits.FAILING_MAX_MS
    at_once_per_endpoint: int = limits.AT_ONCE_PER_ENDPOINT_MAX
    at_once: int = limits.AT_ONCE_MAX


@dataclass(frozen=True)
class Desk:
    """What all deliveries of a courier share."""

    events: EventLog
    sender: Sender
    clock: Clock
    secret: Secret
    http: Sending
    settings: CourierSettings
    random: Callable[[], float]
    epoch: str
    slots: asyncio.Semaphore
    counts: WebhookCounts
    numbers: count[int] = field(default_factory=lambda: count(1))
    """What makes ids of reports unlike each other."""


class Delivery:
    """`known` may be replaced while it runs, as long as it begins where it did."""

    def __init__(self, desk: Desk, org: str, id: str, known: Known) -> None:
        self.known = known
        self._desk: Final = desk
        self._org: Final = org
        self._id: Final = id
        self._actor: Final = actor_name(org, "webhook", id)
        self._backlog = Backlog({})
        self._sends: Final[set[asyncio.Task[None]]] = set()
        self._news: Final = asyncio.Event()
        """Something may be sent that could not be before."""
        self._room: Final = asyncio.Event()
        """Something may be read that could not be before."""
        self._sure_until = float("-inf")
        self._posting = 0
        """Attempts that have one of the places which all endpoints share."""
        self._failing = False
        """Whether the last attempt failed."""
        self._gone = False
        """It was said that nobody is there any more."""
        self._unanswered: tuple[str, Instant, Report] | None = None
        """A report of which nobody knows whether it stands."""

    async def run(self, until: asyncio.Event) -> None:
        """Deliver until told to stop, whenever no other courier does. Raises a `LogHalted` when the log is another."""
        loop, mend_after_ms = asyncio.get_running_loop(), limits.MEND_AFTER_MS
        while not until.is_set():
            pause_ms, began = limits.ASK_AGAIN_MS, loop.time()
            try:
                attended = await self._attend(all_of_it=True)
                if isinstance(attended, Attended):
                    await self._deliver(attended, until)
            except (LogRecreated, SequenceRanBackwards):
                raise
            except LogError as error:  # a commit that cannot be read among them: it is this organisation's alone
                log.warning("not_delivered", endpoint=self._actor, code=error.code, detail=str(error))
                pause_ms = limits.MEND_AFTER_MS
            except Exception:  # whatever it is, the other endpoints go on; and nothing is skipped, or it would be lost
                log.exception("delivery_failed", endpoint=self._actor)
                self._desk.counts.broken += 1
                if (loop.time() - began) * 1_000 > mend_after_ms:  # it had gone well meanwhile
                    mend_after_ms = limits.MEND_AFTER_MS
                pause_ms, mend_after_ms = mend_after_ms, min(2 * mend_after_ms, limits.MEND_AFTER_MAX_MS)
            await either(until, pause_ms)

    async def _deliver(self, attended: Attended, until: asyncio.Event) -> None:
        self._backlog = Backlog(attended.through, attended.within)
        self._unanswered, self._gone = None, False
        self._failing = attended.failing_since > 0
        loop = asyncio.get_running_loop()
        keeping = loop.create_task(self._keep())
        ending = loop.create_task(until.wait())
        working: list[asyncio.Task[None]] = []
        try:
            await self._restore(attended.late)
            working = [loop.create_task(self._read(source)) for source in SOURCES]
            working.append(loop.create_task(self._send()))
            done, _ = await asyncio.wait([keeping, ending, *working], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (keeping, ending, *working):
                task.cancel()
            await asyncio.gather(keeping, ending, *working, return_exceptions=True)
            await self._leave()

    async def _leave(self) -> None:
        """Let what is under way come to its end, for a while; give the rest back, and say how things stand."""
        if self._sends:
            await asyncio.wait(self._sends, timeout=limits.FINISH_WITHIN_MS / 1000)
        for task in list(self._sends):
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)
        courier = self._desk.settings.name
        while self._is_sure:
            left = self._unanswered is not None or self._backlog.report(courier) is not None
            answer = await (self._report() if left else self._tell(Report(courier, leaving=True)))
            if answer is None or isinstance(answer, Refusal) or not left:
                break
        self._sure_until = float("-inf")

    @property
    def _is_sure(self) -> bool:
        """Whether nobody can have taken our place."""
        return asyncio.get_running_loop().time() < self._sure_until

    @property
    def _may_send(self) -> bool:
        return self._is_sure and not self._gone

    @property
    def _at_once(self) -> int:
        return limits.AT_ONCE_WHEN_FAILING_MAX if self._failing else self._desk.settings.at_once_per_endpoint

    # Attending

    async def _keep(self) -> None:
        """Say that we are here, and what has come of it; ends when we are not wanted any more."""
        loop = asyncio.get_running_loop()
        attend_at = loop.time() + limits.ATTEND_EVERY_MS / 1000
        move_at = loop.time() + limits.MOVED_EVERY_MS / 1000
        refused = ""
        while True:
            await asyncio.sleep(limits.REPORT_EVERY_MS / 1000)
            if self._gone:
                return
            report = self._backlog.report(self._desk.settings.name)
            answer: Attended | Refusal | None
            if self._unanswered or (report and (loop.time() >= move_at or not Backlog.moves_only(report))):
                answer = await self._report()
                move_at = loop.time() + limits.MOVED_EVERY_MS / 1000
                said = answer.code if isinstance(answer, Refusal) else ""
                if said and said != refused:
                    log.warning("report_refused", endpoint=self._actor, code=said)
                refused = said
                if isinstance(answer, Refusal) and answer.fault in {"busy", "ours"}:  # the place is ours all the same
                    answer = await self._attend()
            elif loop.time() >= attend_at:
                answer = await self._attend()
            else:
                continue
            attend_at = loop.time() + limits.ATTEND_EVERY_MS / 1000
            if isinstance(answer, Attended):
                await self._restore(answer.late)
                await self._judge(answer)
            elif answer is not None and answer.fault not in {"busy", "ours"}:
                log.info("delivery_ended", endpoint=self._actor, code=answer.code)
                return
            elif answer is not None and answer.code == "attended":
                return
            self._news.set()

    async def _attend(self, *, all_of_it: bool = False) -> Attended | Refusal | None:
        known = self.known
        return await self._tell(Attend(self._desk.settings.name, known.born, known.began, all_of_it))

    async def _report(self) -> Attended | Refusal | None:
        """Send the report that has had no answer, or the next one."""
        if self._unanswered is None:
            report = self._backlog.report(self._desk.settings.name)
            assert report is not None
            self._unanswered = (self._new_id(), self._desk.clock(), report)
        id, asked_at, report = self._unanswered
        answer = await self._tell(report, id=id, asked_at=asked_at)
        if isinstance(answer, Attended):
            self._backlog.taken(report)
            self._room.set()
        if answer is not None:
            self._unanswered = None
        return answer

    async def _tell(
        self, command: Command, *, id: str | None = None, asked_at: Instant | None = None
    ) -> Attended | Refusal | None:
        """The answer of the endpoint's actor; None when there is none."""
        began = asyncio.get_running_loop().time()
        try:
            answer = await self._desk.sender.send(
                self._actor, command, id=id or self._new_id(), asked_at=asked_at, within_ms=limits.ANSWERED_WITHIN_MS
            )
        except (UnknownOutcome, BusError) as error:
            log.debug("courier_not_answered", endpoint=self._actor, code=error.code)
            return None
        if isinstance(answer, Refusal):
            return answer
        self._sure_until = began + limits.SURE_FOR_MS / 1000
        return msgspec.convert(answer.reply, Attended)

    def _new_id(self) -> str:
        return f"{self._desk.settings.name}-{next(self._desk.numbers)}"

    async def _judge(self, seen: Attended) -> None:
        """Whether it has gone badly for too long."""
        settings = self._desk.settings
        failing_ms = self._desk.clock() - seen.failing_since if seen.failing_since else 0
        if failing_ms > settings.failing_max_ms:
            await self._disable(f"nothing was delivered for {failing_ms // 3_600_000} hours")
        elif seen.dead_in_a_row >= limits.DEAD_IN_A_ROW_MAX:
            await self._disable(f"{seen.dead_in_a_row} in a row were given up")

    async def _disable(self, why: str) -> None:
        command = DisableEndpoint(self._id, why, self.known.endpoint.version)
        try:
            answer = await self._desk.sender.send(actor_name(self._org, "webhooks"), command)
        except (UnknownOutcome, BusError) as error:  # it will be judged again
            log.warning("endpoint_not_disabled", endpoint=self._actor, code=error.code)
            return
        refused = answer.code if isinstance(answer, Refusal) else ""
        self._desk.counts.disabled += 1
        log.warning("endpoint_disabled", endpoint=self._actor, why=why, refused=refused)

    # Reading

    async def _read(self, source: str) -> None:
        backlog = self._backlog
        followed = self._desk.events.follow(backlog.through(source), actor_name(self._org, source))
        steps = cast("AsyncGenerator[Step, None]", followed)
        steps_taken = 0
        async with aclosing(steps):
            async for step in steps:
                for recorded in step:
                    await self._take(source, recorded)
                steps_taken += 1
                if steps_taken % limits.STEPS_AT_A_TIME == 0:
                    await asyncio.sleep(0)

    async def _take(self, source: str, recorded: Recorded) -> None:
        """All that a commit tells: each as soon as there is room for it, since it may be more than ever is at once."""
        backlog = self._backlog
        for happening in happenings(recorded, self._desk.epoch, self._wants):
            if backlog.has_read(source, happening):
                continue
            while not backlog.wants_more:
                self._room.clear()
                await either(self._room, limits.LOOK_EVERY_MS)
            backlog.take(source, happening)
            self._news.set()
        backlog.read(source, recorded.sequence)

    def _wants(self, event: str) -> bool:
        return wants(self.known.endpoint.events, event)

    async def _restore(self, late: tuple[Late, ...]) -> None:
        """Take up what was late before us, and what somebody asked for."""
        late = tuple(one for one in late if one.id not in self._backlog)
        for start in range(0, len(late), limits.STEPS_AT_A_TIME):
            some = late[start : start + limits.STEPS_AT_A_TIME]
            for one, happening in zip(some, await self._found([each.id for each in some]), strict=True):
                if happening is None:
                    self._backlog.lose(one, self._desk.clock())
                else:
                    self._backlog.restore(one, happening)
        self._news.set()

    async def _found(self, ids: list[str]) -> list[Happening | None]:
        """The happenings of these names; None for what the log does not tell."""
        sequences = sorted({sequence for id in ids if (sequence := sequence_of(id))})
        read = await self._desk.events.at_each(sequences) if sequences else []
        told = {
            one.id: one
            for recorded in read
            if recorded is not None
            for one in happenings(recorded, self._desk.epoch, among=frozenset(ids))
        }
        return [told.get(id) or trial(id, self._org, self._id, self._desk.epoch) for id in ids]

    # Sending

    async def _send(self) -> None:
        backlog, clock = self._backlog, self._desk.clock
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            free = self._may_send and len(self._sends) < self._at_once
            one = backlog.next(clock()) if free else None
            if one is None:
                next_at = backlog.next_at()
                wait_ms = limits.LOOK_EVERY_MS
                if free and next_at is not None:
                    wait_ms = max(1, min(wait_ms, next_at - clock()))
                await either(self._news, wait_ms)
                continue
            self._room.set()
            task = loop.create_task(self._try(backlog, one))
            self._sends.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sends.discard(task)
        self._news.set()
        self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("attempt_failed", endpoint=self._actor, exc_info=error)

    async def _try(self, backlog: Backlog, one: Open) -> None:
        """One attempt, and what follows from it."""
        clock = self._desk.clock
        try:
            async with self._desk.slots:
                if not self._may_send or self._posting >= self._at_once:  # it began to fail while this one waited
                    backlog.give_back(one)
                    return
                made = await self._attempt(one)
                if made is None:
                    backlog.give_up(one, clock(), NOT_IN_THE_LOG)
                    return
                attempt = made
        except LogError as error:
            log.warning("body_not_read", endpoint=self._actor, code=error.code, detail=str(error))
            backlog.again_at(one, clock() + limits.READ_AGAIN_MS)
            return
        except Exception:  # a bug: it may lie in this one alone, which is to be given up some day like any other
            log.exception("attempt_failed", endpoint=self._actor, happening=one.id)
            attempt = Attempt(one.id, one.event, clock(), 0, 0, OUR_FAULT)
        except BaseException:  # cancelled: nobody knows whether it arrived, so it is sent again
            backlog.again_at(one, clock() + limits.READ_AGAIN_MS)
            raise
        delivered = 200 <= attempt.status < 300
        self._failing = not delivered
        backlog.tried(one, attempt, delivered=delivered)
        if delivered:
            self._desk.counts.delivered += 1
            backlog.done(one)
            return
        self._desk.counts.failed += 1
        self._after_failure(backlog, one, attempt)
        if attempt.status == GONE and one.event != TEST and not self._gone:
            self._gone = True
            await self._disable(f"it answered {GONE}: gone")

    async def _attempt(self, one: Open) -> Attempt | None:
        """None when the log does not tell what it is."""
        self._posting += 1
        try:
            body = one.body if one.body is not None else await self._body_of(one)
            return None if body is None else await self._post(one, body)
        finally:
            self._posting -= 1

    async def _body_of(self, one: Open) -> bytes | None:
        (found,) = await self._found([one.id])
        return None if found is None else found.body

    async def _post(self, one: Open, body: bytes) -> Attempt:
        desk, endpoint = self._desk, self.known.endpoint
        at, began = desk.clock(), asyncio.get_running_loop().time()
        keys = [key_of(desk.secret, self._org, self._id, number) for number in endpoint.generations(at)]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": desk.settings.user_agent,
            "Webhook-Id": one.id,
            "Webhook-Timestamp": str(at // 1_000),
            "Webhook-Signature": signature(keys, one.id, at // 1_000, body),
        }
        status, why = 0, ""
        try:
            status = await desk.http.post(endpoint.url, headers, body)
        except NotSent as error:
            why = error.code
        took_ms = int((asyncio.get_running_loop().time() - began) * 1_000)
        return Attempt(one.id, one.event, at, took_ms, status, why)

    def _after_failure(self, backlog: Backlog, one: Open, attempt: Attempt) -> None:
        settings = self._desk.settings
        if one.event == TEST:  # whoever tries it out sees what came of it, and tries again
            backlog.done(one)
            return
        at, chance = attempt.at + attempt.took_ms, self._desk.random()
        next_at = next_attempt(
            one.attempts, one.first_at, at, chance,
            backoff_ms=settings.backoff_ms, tried_for_ms=settings.tried_for_ms,
        )  # fmt: skip
        if next_at is None or attempt.why == REFUSED_FOR_GOOD:
            self._desk.counts.dead += 1
            backlog.give_up(one, at, attempt.why or f"status_{attempt.status}")
        else:
            backlog.again_at(one, next_at)


async def either(event: asyncio.Event, timeout_ms: int) -> None:
    """Wait until the event is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await event.wait()
    except TimeoutError:
        return
