"""Following the log: a push consumer of our own, thrown away and made anew whenever anything is missing.

The server pushes to a subject of its own (a wildcard inbox that is already subscribed to does not count as interest
in a consumer), numbers what it pushes without a gap, says once a second that it is there, and stops when a window of
bytes is full until the reader has come to its question and answered it: so what waits in memory is bounded by that
window, however slow the reader. Nothing is acknowledged and nothing survives on the server: where to go on is known
here alone, it is the end of the last whole step.

A batch is stored as a run of messages, of which a reader can see the first before the last is there. They are held back
until the last has come; unless only the commits under a name are followed, which stand for themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import nats.errors
import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from events import limits, names
from events.errors import LogHalted, LogUnavailable
from events.log import Recorded, Step
from events.nats import wire
from events.nats.continuity import Continuity
from events.nats.replies import Replies

_log = structlog.get_logger(__name__)

_HEARTBEATS_MISSED_MAX: Final = 3
_ABANDONED_AFTER_MS: Final = 10_000
"""How long the server keeps a consumer that nobody listens to."""
_RETRY_MS: Final = 100

_CONTROL: Final = "100"
_STALLED: Final = "Nats-Consumer-Stalled"
_LAST_PUSHED: Final = "Nats-Last-Consumer"


class _Interrupted(Exception):
    """This consumer is of no use any more; the next one goes on from the last whole step."""


class _Consumer:
    """One push consumer, from its creation to the first thing that is wrong with it."""

    def __init__(self, replies: Replies, stream: str, subjects: str) -> None:
        self._replies: Final = replies
        self._subjects: Final = subjects
        self._client: Final = replies.connection.client
        self._deliver: Final = self._client.new_inbox()
        self._stream: Final = stream
        self._name: Final = f"follow-{self._deliver.rpartition('.')[2]}"
        self._waiting: Final[deque[Msg]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._subscription: Subscription | None = None
        self._lost = False
        self._pushed = 0
        replies.connection.lost.append(self._on_lost)

    async def start(self, after: int) -> None:
        self._subscription = await self._client.listen(self._deliver, self._on_message)
        config = {
            "name": self._name,
            "deliver_subject": self._deliver,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "filter_subject": self._subjects,
            "ack_policy": "none",
            "max_deliver": 1,
            "flow_control": True,
            "idle_heartbeat": limits.FOLLOW_HEARTBEAT_MS * 1_000_000,
            "inactive_threshold": _ABANDONED_AFTER_MS * 1_000_000,
            "mem_storage": True,
            "num_replicas": 1,
        }
        request = orjson.dumps({"stream_name": self._stream, "config": config, "action": "create"})
        subject = f"$JS.API.CONSUMER.CREATE.{self._stream}.{self._name}.{self._subjects}"
        answer = await self._replies.ask(subject, request, limits.READ_TIMEOUT_MS)
        if answer is None or not answer.data:
            raise _Interrupted("nobody answers")
        if (error := wire.read_plain(answer.data).error) is not None:
            raise _Interrupted(str(error))

    async def stop(self) -> None:
        self._replies.connection.lost.remove(self._on_lost)
        if self._subscription is None:
            return
        self._client.unlisten(self._subscription)
        try:
            await self._subscription.unsubscribe()
            self._client.post(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"")
        except nats.errors.Error as error:
            _log.debug("consumer_left_behind", consumer=self._name, error=repr(error))

    async def take(self) -> list[Recorded]:
        """What has come, at least one, in order and without a gap. `_Interrupted` when that cannot be said."""
        recorded: list[Recorded] = []
        while not recorded:
            if not self._waiting:
                await self._more()
            while self._waiting:
                message = self._waiting.popleft()
                if message.headers and message.headers.get(wire.STATUS) == _CONTROL:
                    self._control(message)
                    continue
                sequence, pushed, stored_at = wire.delivered(message)
                if pushed != self._pushed + 1:
                    raise _Interrupted(f"pushed {pushed} after {self._pushed}")
                self._pushed = pushed
                recorded.append(wire.from_delivery(message, sequence, stored_at))
        return recorded

    async def _more(self) -> None:
        if self._lost:
            raise _Interrupted("the connection was lost")
        self._wake = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_HEARTBEATS_MISSED_MAX * limits.FOLLOW_HEARTBEAT_MS / 1000):
                await self._wake
        except TimeoutError:
            raise _Interrupted(f"{_HEARTBEATS_MISSED_MAX} heartbeats missed") from None
        finally:
            self._wake = None

    def _control(self, message: Msg) -> None:
        """Everything that was pushed before this has been taken."""
        headers = message.headers or {}
        question = message.reply or headers.get(_STALLED)
        if question:
            self._client.post(question, b"")
        if int(headers.get(_LAST_PUSHED, self._pushed)) > self._pushed:
            raise _Interrupted(f"pushed up to {headers[_LAST_PUSHED]}, but {self._pushed} is the last that came")

    def _on_message(self, message: Msg) -> None:
        # A heartbeat behind something else says nothing: a slow reader shall not collect them.
        if self._waiting and not message.data and not message.reply:
            return
        self._waiting.append(message)
        self._awake()

    def _on_lost(self) -> None:
        self._lost = True
        self._awake()

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


async def follow(
    replies: Replies,
    stream: str,
    after: int,
    under: str,
    continuity: Continuity,
    verify: Callable[[int], Awaitable[object]],
) -> AsyncIterator[Step]:
    """All steps behind `after`, without end; or the commits under a name. `verify` raises when the log is not the one
    it was or ends before a sequence."""
    subjects = f"{names.subject_of(under)}.>" if under else names.LOG_SUBJECTS
    position = after
    while True:
        consumer = _Consumer(replies, stream, subjects)
        try:
            await replies.connection.wait()
            await verify(position)
            await consumer.start(position)
            held: list[Recorded] = []
            while True:
                for recorded in await consumer.take():
                    step = (recorded,) if under else _step(held, recorded)
                    if step:
                        position = recorded.sequence
                        continuity.saw(position)
                        yield step
        except (_Interrupted, LogUnavailable, nats.errors.Error) as error:
            _log.info("follow_interrupted", stream=stream, after=position, reason=str(error))
        finally:
            await consumer.stop()
        await asyncio.sleep(_RETRY_MS / 1000)


def _step(held: list[Recorded], recorded: Recorded) -> Step:
    """The whole step that `recorded` completes, or nothing yet."""
    if held and (recorded.batch is None or held[0].batch is None or recorded.batch.id != held[0].batch.id):
        raise LogHalted(f"the batch that begins at {held[0].sequence} is cut off by {recorded.sequence}")
    if recorded.batch is None:
        return (recorded,)
    held.append(recorded)
    if not recorded.batch.last:
        return ()
    step = tuple(held)
    held.clear()
    return step
