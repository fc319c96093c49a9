"""The sender: the other end of the command path.

It follows the hosts' beats, so it knows who owns what, and keeps one *lane* per host. A lane sends at once when it
is idle; while its messages are under way, the next calls gather into one: an idle system adds no wait, a loaded
one carries hundreds of commands per message. Every call keeps its own id, deadline and answer.

A call whose answer is missing (lost, late, its host dead or moved on) is sent again with the same id, which is
harmless by law 7, until its time is up. Then, and only then, its outcome is unknown.

It is whole in one module because sending, answering, sending again and giving up all act on the same few tables.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, Final

import msgspec
import orjson
import structlog

from actors.decider import Command, Refusal
from actors.runtime import limits as bounds
from actors.runtime.limits import SenderLimits
from actors.runtime.membership import BEAT_DECODER, BEATS, HELLO, Roll, subject_of
from actors.runtime.wire import (
    ANSWERS,
    REFUSALS,
    Accepted,
    encode_command,
    is_trace,
    join_traces,
    oversized,
    partition_subject,
    passes,
)
from events.bus import NO_RESPONDERS, Bus, Message, Subscription
from events.clock import Clock, Instant
from events.errors import BusError, UnknownOutcome
from events.limits import PARTITIONS
from events.names import partition_of

log = structlog.get_logger(__name__)

DOUBLED_MAX: Final = 4
"""A call in doubt to which everybody is busy asks again after twice as long each time, up to sixteen times as long."""
RESENT_LATER_MAX: Final = 1
"""A call that stays without an answer is sent again after twice as long: an overloaded host is not helped by copies."""
MOVED_PER_TRY: Final = 8
"""That many answers *moved* count as one try. When a host is lost, we may know it a moment before the others do."""


class _Call:
    """A command on its way, until it is answered."""

    __slots__ = (
        "actor",
        "apart",
        "asked_at",
        "body",
        "by",
        "deadline",
        "future",
        "id",
        "in_doubt",
        "moved",
        "number",
        "partition",
        "parts",
        "put_off",
        "trace",
        "tries",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        actor: str,
        body: bytes,
        id: str,
        by: str,
        asked_at: int,
        deadline: float,
        trace: str,
        parts: list[tuple[str, bytes]],
        future: asyncio.Future[Accepted | Refusal],
    ) -> None:
        self.number = number
        self.actor = actor
        self.partition = partition_of(actor)
        self.body = body
        self.id = id
        self.by = by
        self.asked_at = asked_at
        self.deadline = deadline
        self.trace = trace
        self.parts = parts
        self.future = future
        self.tries = 0
        self.moved = 0
        self.put_off = 0
        """How often it was told, while it was in doubt, that nobody could see to it."""
        self.in_doubt = False
        """A copy of it may have been done, or may yet be: that somebody is busy now is no answer any more."""
        self.apart = False
        """It travels alone, because something in a message that it was part of could not be read."""


class _Sent:
    """A message under way: its calls that have no answer yet, and when they are sent again."""

    __slots__ = ("again_at", "calls", "lane", "silent")

    def __init__(self, lane: _Lane, calls: dict[int, _Call], again_at: float) -> None:
        self.lane = lane
        self.calls = calls
        self.again_at = again_at
        self.silent = True


class _Lane:
    """What waits for one subject, and how many messages to it have had no answer at all yet."""

    __slots__ = ("scheduled", "subject", "under_way", "waiting")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.waiting: deque[_Call] = deque()
        self.under_way = 0
        self.scheduled = False


class Sender:
    """`await start()`, then `send` and `transact` from any number of tasks, then `await stop()`."""

    def __init__(self, bus: Bus, clock: Clock, *, by: str = "anonymous", limits: SenderLimits | None = None) -> None:
        self._bus = bus
        self._clock = clock
        self._by = by
        self.limits = limits or SenderLimits()
        self.roll = Roll()
        self._inbox = ""
        self._name = token_hex(10)
        """What makes the ids that this sender gives unlike any other's."""
        self._routes: list[str] = [""] * PARTITIONS
        """The subject of each partition's owner; empty where none is known."""
        self._subscriptions: list[Subscription] = []
        self._lanes: dict[str, _Lane] = {}
        self._calls: dict[int, _Call] = {}
        self._sent: dict[int, _Sent] = {}
        self._next_call = 0
        self._next_message = 0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._watch: asyncio.Task[None] | None = None
        self.resent = 0

    async def start(self) -> None:
        self._inbox = self._bus.new_inbox()
        self._subscriptions = [
            await self._bus.subscribe(f"{self._inbox}.*", self._receive),
            await self._bus.subscribe(BEATS, self._hear),
        ]
        await self._bus.publish(HELLO, b"")
        self._watch = asyncio.get_running_loop().create_task(self._watch_over())

    @property
    def waiting(self) -> int:
        """Calls that have no answer yet."""
        return len(self._calls)

    async def stop(self) -> None:
        """Calls that still wait end as unknown."""
        if self._watch is not None:
            self._watch.cancel()
        for subscription in self._subscriptions:
            await subscription.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in list(self._calls.values()):
            self._give_up(call)

    async def send(
        self,
        actor: str,
        command: Command,
        *,
        id: str | None = None,
        by: str | None = None,
        within_ms: int = 5_000,
        asked_at: Instant | None = None,
        trace: str = "",
    ) -> Accepted | Refusal:
        """The actor's answer. `UnknownOutcome` when none came in time: send again with the same `id` to learn it.

        `asked_at` is when this command was first asked, for whoever sends it again: an actor that has forgotten the
        commands of that time then says so, instead of taking this one for a new one.
        """
        body = encode_command(command)
        return await self.post(actor, body, id=id, by=by, within_ms=within_ms, asked_at=asked_at, trace=trace)

    async def transact(
        self,
        parts: Sequence[tuple[str, Command]],
        *,
        id: str | None = None,
        by: str | None = None,
        within_ms: int = 10_000,
        asked_at: Instant | None = None,
        trace: str = "",
    ) -> Accepted | Refusal:
        """All parts take effect or none; the reply has one per actor. The first actor's host coordinates."""
        (lead, command), *also = parts
        rest = [(actor, encode_command(part)) for actor, part in also]
        body = encode_command(command)
        answer = await self.post(
            lead, body, id=id, by=by, within_ms=within_ms, asked_at=asked_at, trace=trace, also=rest
        )
        if rest or isinstance(answer, Refusal):
            return answer
        return Accepted({lead: answer.reply}, answer.sequence)  # one part alone is a command like any other

    def post(
        self,
        actor: str,
        body: bytes,
        *,
        id: str | None = None,
        by: str | None = None,
        within_ms: int = 5_000,
        asked_at: Instant | None = None,
        trace: str = "",
        also: list[tuple[str, bytes]] | None = None,
    ) -> asyncio.Future[Accepted | Refusal]:
        """As `send`, with the command already encoded."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Accepted | Refusal] = loop.create_future()
        if len(self._calls) >= self.limits.calls_max:
            future.set_result(Refusal("busy", "too many calls are waiting for their answers", "busy", 50))
            return future
        if not 0 < within_ms <= bounds.COMMAND_WITHIN_MS_MAX:
            raise ValueError(f"within_ms is between 1 and {bounds.COMMAND_WITHIN_MS_MAX}, not {within_ms}")
        if trace and not is_trace(trace):
            raise ValueError(f"a trace context is 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, not {trace!r}")
        f"{actor}{id}{by}".encode()  # surrogates are told to their caller, before they share a message
        self._next_call += 1
        if id is None:
            id = f"{self._name}-{self._next_call}"
        by, also = self._by if by is None else by, also or []
        largest = max(len(body), *(len(part) for _, part in also)) if also else len(body)
        problem = oversized(id, by, 1 + len(also), largest)
        if problem is not None:
            future.set_result(Refusal("malformed_command", problem))
            return future
        call = _Call(
            self._next_call, actor, body, id, by,
            self._clock() if asked_at is None else asked_at, loop.time() + within_ms / 1000, trace, also, future,
        )  # fmt: skip
        self._calls[call.number] = call
        self._line_up(call)
        return future

    # Lanes

    def _line_up(self, call: _Call) -> None:
        subject = self._routes[call.partition]
        if not subject or call.tries % 3 == 2:
            # Each third try goes where whoever owns it listens, in case we are wrong. So does a host that stands still:
            # what it is given there is lost until it is sent again.
            subject = partition_subject(call.partition)
        lane = self._lanes.get(subject)
        if lane is None:
            lane = self._lanes[subject] = _Lane(subject)
        lane.waiting.append(call)
        self._run_soon(lane)

    def _run_soon(self, lane: _Lane) -> None:
        if lane.waiting and not lane.scheduled and lane.under_way < self.limits.messages_in_flight_max:
            lane.scheduled = True
            task = asyncio.get_running_loop().create_task(self._run(lane))
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)

    async def _run(self, lane: _Lane) -> None:
        """Send what has gathered, until enough is under way."""
        lane.scheduled = False
        while lane.waiting and lane.under_way < self.limits.messages_in_flight_max:
            calls = self._gather(lane)
            if not calls:
                return
            self._next_message += 1
            number = self._next_message
            tries = min(call.tries for call in calls.values())
            pause_ms = self.limits.resend_after_ms << min(max(tries, 0), RESENT_LATER_MAX)
            again_at = asyncio.get_running_loop().time() + pause_ms / 1000
            sent = self._sent[number] = _Sent(lane, calls, again_at)
            lane.under_way += 1
            await self._publish(sent, f"{self._inbox}.{number}")

    def _gather(self, lane: _Lane) -> dict[int, _Call]:
        calls: dict[int, _Call] = {}
        size = 0
        while lane.waiting and len(calls) < self.limits.message_calls_max:
            call = lane.waiting[0]
            adds = len(call.body) + 120
            if call.parts:
                adds += sum(len(body) for _, body in call.parts)
            if calls and (call.apart or size + adds > self.limits.message_bytes_max):
                break
            lane.waiting.popleft()
            if self._wanted(call):
                calls[call.number] = call
                size += adds
                if call.apart:
                    break
        return calls

    async def _publish(self, sent: _Sent, reply: str) -> None:
        now = asyncio.get_running_loop().time()
        envelopes = []
        traces = []
        for call in sent.calls.values():
            call.tries += 1
            within_ms = max(1, int((call.deadline - now) * 1000))
            envelope: list[Any] = [
                call.number,
                call.actor,
                call.id,
                call.by,
                call.asked_at,
                within_ms,
                orjson.Fragment(call.body),
            ]
            if call.parts:
                envelope.append([(actor, orjson.Fragment(body)) for actor, body in call.parts])
            envelopes.append(envelope)
            traces.append(call.trace)
        try:
            await self._bus.publish(sent.lane.subject, orjson.dumps(envelopes), reply, join_traces(traces))
        except BusError as error:  # the watch sends them again
            log.warning("commands_not_sent", code=error.code, detail=str(error), calls=len(envelopes))

    # Answers

    def _receive(self, message: Message) -> None:
        try:
            number = int(message.subject.rsplit(".", 1)[1])
            answers = ANSWERS.decode(message.data) if message.status != NO_RESPONDERS else []
        except (ValueError, UnicodeDecodeError) as error:
            log.warning("malformed_answers", detail=str(error), bytes=len(message.data))
            return
        sent = self._sent.get(number)
        if message.status == NO_RESPONDERS:
            if sent is not None:
                self._forget(number, sent)
                self._again_later(list(sent.calls.values()))
            return
        if sent is not None and sent.silent:
            sent.silent = False
            sent.lane.under_way -= 1
            self._run_soon(sent.lane)
        for answer in answers:
            if sent is not None:
                sent.calls.pop(answer.number, None)
            if answer.number < 0:
                if sent is not None:
                    self._unread(list(sent.calls.values()), REFUSALS.decode(answer.body))
                    sent.calls.clear()
                continue
            call = self._calls.get(answer.number)
            if call is None:
                continue  # the answer to a call that was sent twice, or given up
            if answer.accepted:
                self._settle(call, Accepted(msgspec.json.decode(answer.body), answer.sequence))
                continue
            refusal = REFUSALS.decode(answer.body)
            if refusal.code == "unknown_outcome":
                call.in_doubt = True
            if refusal.code == "moved":
                call.moved += 1
                call.tries -= call.moved % MOVED_PER_TRY != 0
            if refusal.code == "moved":
                self._again_later([call], refusal.retry_after_ms)  # somebody else will know
            elif call.in_doubt and passes(refusal):
                pause_ms = refusal.retry_after_ms or self.limits.retry_after_ms
                self._again_later([call], pause_ms << min(call.put_off, DOUBLED_MAX))
                call.put_off += 1
            else:
                self._settle(call, refusal)
        if sent is not None and not sent.calls:
            self._sent.pop(number, None)

    def _unread(self, calls: list[_Call], refusal: Refusal) -> None:
        """The message could not be read. Whoever shared it is not to blame for what one of its calls brought."""
        if len(calls) == 1:
            self._settle(calls[0], refusal)
            return
        for call in calls:
            call.apart = True
        self._again(calls)

    def _settle(self, call: _Call, answer: Accepted | Refusal) -> None:
        if self._calls.pop(call.number, None) is not None and not call.future.done():
            call.future.set_result(answer)

    def _give_up(self, call: _Call) -> None:
        if self._calls.pop(call.number, None) is not None and not call.future.done():
            call.future.set_exception(UnknownOutcome(f"{call.actor} did not answer command {call.id} in time"))

    def _forget(self, number: int, sent: _Sent) -> None:
        self._sent.pop(number, None)
        if sent.silent:
            sent.silent = False
            sent.lane.under_way -= 1
            self._run_soon(sent.lane)

    def _doubted(self, sent: _Sent) -> list[_Call]:
        """The calls of a message that was sent and not answered: what becomes of that copy is not known any more."""
        for call in sent.calls.values():
            call.in_doubt = True
        return list(sent.calls.values())

    def _again_later(self, calls: list[_Call], after_ms: int | None = None) -> None:
        """Nobody has an answer to these at the moment: ask again shortly."""
        self.resent += len(calls)
        asyncio.get_running_loop().call_later((after_ms or self.limits.retry_after_ms) / 1000, self._again, calls)

    def _again(self, calls: list[_Call]) -> None:
        for call in calls:
            if self._wanted(call):
                self._line_up(call)

    def _wanted(self, call: _Call) -> bool:
        """Whether it has not been answered or given up, and its caller still waits."""
        if call.future.cancelled():
            self._calls.pop(call.number, None)
        return call.number in self._calls

    # Watching over

    def _hear(self, message: Message) -> None:
        try:
            beat = BEAT_DECODER.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("malformed_beat", detail=str(error))
            return
        if self.roll.hear(beat, asyncio.get_running_loop().time()):
            self._reroute()

    def _reroute(self) -> None:
        """Owners have changed: what waits, or is under way to a host that is gone, goes to the new ones."""
        living = {subject_of(beat) for beat in self.roll.beats.values()}
        owners = [self.roll.owner_of(partition) for partition in range(PARTITIONS)]
        self._routes = ["" if owner is None else subject_of(owner) for owner in owners]
        stranded: list[_Call] = []
        for number, sent in list(self._sent.items()):
            if sent.lane.subject not in living and sent.lane.subject.startswith("host."):
                self._forget(number, sent)
                stranded.extend(self._doubted(sent))
        for subject, lane in list(self._lanes.items()):
            if subject not in living:  # and the lanes of partitions, whose owners we may know now
                stranded.extend(lane.waiting)
                lane.waiting.clear()
                del self._lanes[subject]
        self.resent += len(stranded)
        self._again(stranded)

    async def _watch_over(self) -> None:
        """Send again what has been silent for too long, give up what is out of time, and notice dead hosts."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.limits.resend_after_ms / 4000)
            now = loop.time()
            if self.roll.sweep(now):
                self._reroute()
            silent: list[_Call] = []
            for number, sent in list(self._sent.items()):
                if now >= sent.again_at:
                    self._forget(number, sent)
                    silent.extend(self._doubted(sent))
            for call in [call for call in self._calls.values() if call.deadline <= now]:
                self._give_up(call)
            self.resent += len(silent)
            self._again(silent)
