"""The hub: every topic that somebody follows in this process, and the bus that tells of them.

Deltas come on the bus, each on the subject of its topic; a topic is listened to while somebody follows it, and for a
while after. What the bus may have lost is noticed where it matters: a delta that does not go on from where a topic
stands, a projector that says it has told less than everything since, a connection that was away. Then the topics are
looked at again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from events.bus import Bus, Message, Subscription
from events.errors import BusError
from gateway.measuring.counts import StreamCounts
from gateway.problems import Problem, unanswered
from gateway.streams.limits import ASK_WITHIN_MS, FLUSH_S, SYNC_WITHIN_S, TOPIC_IDLE_S
from gateway.streams.live import Live, Step
from gateway.streams.shares import Shares
from gateway.streams.topics import STATUS, Topic
from projections import answering
from projections.folding import position
from projections.publishing import BEATS, Beat, subject_of
from projections.questions import Shown, ShownAnswer, Since, SinceAnswer, Unanswered

T = TypeVar("T")
State: TypeAlias = Literal["ok", "late"]
"""Whether what is told is of now, or the read models have not been heard of for a while."""
SILENT_S: Final = 3.0
_LOOKS_AT_ONCE_MAX: Final = 64
"""Topics whose missed deltas are asked for at a time. All of them may be in doubt at once, in every gateway."""
_LOOK_FOR_BEATS_S: Final = 0.5
_LOOK_FOR_IDLE_S: Final = 5.0


class _Told(msgspec.Struct, frozen=True):
    """A delta as it is published; what it says is spliced into messages unread, where nobody here has to know."""

    topic: str
    before: str
    after: str
    delta: msgspec.Raw


_TOLD: Final = msgspec.json.Decoder(_Told)
_BEATS: Final = msgspec.json.Decoder(Beat)
_ENCODER: Final = msgspec.json.Encoder()


class _Mark(NamedTuple):
    sequence: int
    then: Callable[[], bool]
    too_late: Callable[[], None] | None
    until: float


class _Source:
    """What is told on one subject, and the topics that are told by it."""

    def __init__(self) -> None:
        self.lives: Final[dict[Live, None]] = {}
        self.listening: asyncio.Future[Subscription] | None = None

    def listen(self, work: Coroutine[Any, Any, Subscription]) -> asyncio.Future[Subscription]:
        self.listening = listening = asyncio.ensure_future(work)
        listening.add_done_callback(self._listens)
        return listening

    def _listens(self, listening: asyncio.Future[Subscription]) -> None:
        if listening.cancelled() or listening.exception() is not None:
            self.listening = None  # whoever waited for it is told why, and whoever comes next tries again

    async def stop(self) -> None:
        if (listening := self.listening) is not None:
            await asyncio.wait((listening,))
            if not listening.cancelled() and listening.exception() is None:
                with suppress(BusError):
                    await listening.result().stop()


class Hub:
    def __init__(self, bus: Bus, epoch: str) -> None:
        self.epoch: Final = epoch
        self.counts = StreamCounts()
        self._bus: Final = bus
        self._topics: Final[dict[tuple[str, str], Live]] = {}
        self._sources: Final[dict[tuple[str, str], _Source]] = {}
        self._shares: Final = Shares()
        self.looks: Final = asyncio.Semaphore(_LOOKS_AT_ONCE_MAX)
        """Who looks again takes a turn."""
        self._outgoing: Final[dict[Live, None]] = {}
        self._flushed_at = 0.0
        self._flushing: asyncio.Handle | None = None
        self._tasks: Final[set[asyncio.Task[Any]]] = set()
        self._beats: Subscription | None = None
        self._through: Final[dict[str, int]] = {}
        """By projector, how far it has told all that it tells at once."""
        self._marks: Final[dict[object, _Mark]] = {}
        self._state: State = "ok"
        self._state_number = 0
        self._beat_at = 0.0

    async def start(self) -> None:
        self._beats = await self._bus.subscribe(BEATS, self._hear_beat)
        self._beat_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Let go of what nobody follows, and notice when nobody tells any more, for ever."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._let_go())
            both.create_task(self._watch())

    async def stop(self) -> None:
        if self._beats is not None:
            await self._beats.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for live in self._topics.values():
            live.close()
        for source in self._sources.values():
            await source.stop()

    def start_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:  # a bug: told as any callback's is
            told = {"message": "a task of the hub failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(told)

    @property
    def topics(self) -> int:
        return len(self._topics)

    @property
    def subscriptions(self) -> int:
        return sum(len(live.followers) for live in self._topics.values())

    # Following

    async def live(self, org: str, topic: Topic, address: bytes | None = None) -> Live:
        """The topic, listened to, for somebody who is counted by that address."""
        found = self._topics.get((org, topic.name))
        if found is None:
            self._shares.take(org, topic.name, address)
            found = self._topics[org, topic.name] = Live(self, org, topic)
            for name in topic.sources:
                self._source(org, name).lives[found] = None
        found.idle_since = asyncio.get_running_loop().time()  # somebody is about to follow it
        for name in topic.sources:
            await self._listen(org, name)
        return found

    def _source(self, org: str, name: str) -> _Source:
        source = self._sources.get((org, name))
        if source is None:
            source = self._sources[org, name] = _Source()
        return source

    async def _listen(self, org: str, name: str) -> None:
        source = self._sources[org, name]
        listening = source.listening
        if listening is None:
            work = self._bus.subscribe(subject_of(org, name), lambda told: self._hear(source, told))
            listening = source.listen(work)
        try:
            await asyncio.shield(listening)
        except BusError as error:
            raise Problem("not_answered", "nothing can be followed at the moment", "busy") from error

    async def _let_go(self) -> None:
        """Of what nobody has followed for a while."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_FOR_IDLE_S)
            for key, live in list(self._topics.items()):
                if live.is_idle and live.idle_since + TOPIC_IDLE_S < loop.time():
                    del self._topics[key]
                    self._shares.give_back(*key)
                    for name in live.topic.sources:
                        await self._unlisten(live, name)

    async def _unlisten(self, live: Live, name: str) -> None:
        source = self._sources.get((live.org, name))
        if source is None:
            return
        source.lives.pop(live, None)
        if not source.lives:
            del self._sources[live.org, name]
            await source.stop()

    # Asking

    async def shown(self, org: str, topic: Topic, at_least: int) -> tuple[int, bytes]:
        """Where the topic changed last, and what it is, as JSON."""
        if topic.kind == STATUS:
            return self._state_number, _ENCODER.encode({"state": self._state})
        asked = Shown(org=org, topic=topic.name, at_least=at_least)
        try:
            answer: ShownAnswer = await answering.ask(self._bus, asked, ASK_WITHIN_MS)
        except Unanswered as error:
            raise unanswered(error) from error
        except BusError as error:
            raise Problem("not_answered", "the read models do not answer at the moment", "busy") from error
        return _sequence(answer.position), _ENCODER.encode(answer.state)

    async def since(self, org: str, topic: Topic, since: int) -> list[Step] | None:
        """What was told of it to whom stood there; none when nobody knows that any more."""
        if topic.name not in topic.sources:
            return None
        asked = Since(org=org, topic=topic.name, position=position(self.epoch, since))
        try:
            answer: SinceAnswer | None = await answering.ask(self._bus, asked, ASK_WITHIN_MS)
        except (Unanswered, BusError):
            return None  # it begins anew, then
        return None if answer is None else [_step(_TOLD.decode(one)) for one in answer.deltas]

    # Hearing

    def _hear(self, source: _Source, message: Message) -> None:
        told = _TOLD.decode(message.data)
        step = _step(told)
        for live in list(source.lives):
            if told.topic == live.topic.name:
                live.hear(step)
            elif step.before == live.position:  # how many units there are, of a day or a month on which nothing lies
                live.hear(_step(msgspec.structs.replace(told, topic=live.topic.name)))
            elif step.before > live.position >= 0:
                live.doubt(step.after)

    def doubt(self) -> None:
        """The bus was away: whatever was told meanwhile was told to nobody here. Those that somebody follows are looked
        at first."""
        self._through.clear()
        for live in sorted(self._topics.values(), key=lambda live: not live.followers):
            live.doubt()

    def _hear_beat(self, message: Message) -> None:
        beat = _BEATS.decode(message.data)
        if beat.epoch != self.epoch:
            return
        known = self._through.get(beat.projector)
        if known is not None and beat.since > known:
            self.doubt()  # it has dropped what it should have told
        self._through[beat.projector] = beat.prompt
        self._beat_at = asyncio.get_running_loop().time()
        self._be("ok")
        self._pass_marks()

    def spelled(self, sequence: int) -> str:
        return position(self.epoch, sequence)

    # The status

    async def _watch(self) -> None:
        """Whether somebody still tells what happens, and what is waited for in vain."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_FOR_BEATS_S)
            self._end_marks()
            self._be("late" if loop.time() - self._beat_at > SILENT_S else "ok")

    def _be(self, state: State) -> None:
        if state == self._state:
            return
        self._state, self._state_number = state, self._state_number + 1
        before, after = self.spelled(self._state_number - 1), self.spelled(self._state_number)
        delta = msgspec.Raw(_ENCODER.encode({"delta": "status", "state": state}))
        step = _step(_Told(STATUS, before, after, delta))
        for live in self._topics.values():
            if live.topic.kind == STATUS:
                live.hear(step)

    # Marks

    @property
    def through(self) -> int:
        """All that is told at once has been heard through this sequence."""
        return max(self._through.values(), default=-1)

    def when_through(
        self, sequence: int, then: Callable[[], bool], too_late: Callable[[], None] | None = None
    ) -> object | None:
        """Call it once everything through that sequence was told to everybody, and with each beat from then on until it
        says that this was the time. Until then it may be taken back by what is returned; and after `SYNC_WITHIN_S` it
        is, if it can be `too_late`."""
        if self.through >= sequence and not self._outgoing and then():
            return None
        mark = object()
        self._marks[mark] = _Mark(sequence, then, too_late, asyncio.get_running_loop().time() + SYNC_WITHIN_S)
        return mark

    def take_back(self, mark: object) -> None:
        self._marks.pop(mark, None)

    def _pass_marks(self) -> None:
        if not self._marks:
            return
        self._flush()
        through = self.through
        for mark, one in [known for known in self._marks.items() if known[1].sequence <= through]:
            if mark in self._marks and one.then():  # else it was taken back by one before it
                self._marks.pop(mark, None)

    def _end_marks(self) -> None:
        """Of those that nobody has written, above all."""
        now = asyncio.get_running_loop().time()
        for mark, one in list(self._marks.items()):
            if one.too_late is not None and one.until < now:
                self._marks.pop(mark, None)
                one.too_late()

    # Telling

    def goes_out(self, live: Live) -> None:
        """Something of it is to be told: at once, or with what else comes in a moment when much is told."""
        self._outgoing[live] = None
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            due = self._flushed_at + FLUSH_S
            self._flushing = loop.call_soon(self._flush) if due <= loop.time() else loop.call_at(due, self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        outgoing = list(self._outgoing)
        self._outgoing.clear()
        for live in outgoing:
            live.go_out()
        self._flushed_at = asyncio.get_running_loop().time()


def _sequence(text: str) -> int:
    return int(text.rpartition(":")[2])


def _step(told: _Told) -> Step:
    message = _ENCODER.encode(
        {"type": "delta", "topic": told.topic, "before": told.before, "after": told.after, "delta": told.delta}
    )
    return Step(_sequence(told.before), _sequence(told.after), message)
