"""Appending to JetStream, and finding out what became of an append.

Single appends are plain publishes with an expected sequence, all of one call on the wire together. Several together are
one atomic batch: the server stages it and decides at its last message, against what stood before the batch. It says
when it has prepared one, if its first message asks; what it has prepared and never hears the end of, it forgets.

An append ends in one of four ways. The server acknowledges it. Or it refuses it because the actor stands elsewhere.
Or it says that it cannot store now, and then nothing was stored. Or nothing is heard: the time is up, or the
connection went. After a refusal and after silence the log itself is asked *which commit stands directly behind the
one that was expected*. The fence lets only one ever stand there. Is it ours, the append succeeded, however long ago,
and whoever has built on it since. Is it another's, ours can never land. Is there none, then after a refusal it is a
conflict all the same, and after silence the outcome is unknown: the message may still be on its way. It is unknown as
well while the server has failed to write: then what it shows may not be on its disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from events import limits, names
from events.entries import check_each, check_together, too_large
from events.errors import Conflict, LogError, LogFull, LogRecreated, LogUnavailable, UnknownOutcome
from events.log import Entry
from events.nats import wire
from events.nats.continuity import Continuity
from events.nats.disk import Disk
from events.nats.reader import Reader
from events.nats.replies import Call, Replies
from events.nats.wire import ApiError

# The server's error codes (`server/errors.json` in its source). Of each of these it is certain that nothing was stored.
_REFUSED: Final = {
    10071,  # wrong last sequence, and which it is
    10164,  # wrong last sequence
    10201,  # the batch contains a message id that is already stored
}
_FULL: Final = {
    10002,  # resource limits exceeded for account
    10023,  # insufficient resources
    10028,  # insufficient memory resources available
    10047,  # insufficient storage resources available
    10054,  # message size exceeds maximum allowed
    10097,  # header size exceeds maximum allowed
    10109,  # invalid operation on sealed stream
}
_UNAVAILABLE: Final = {
    10008,  # JetStream system temporarily unavailable
    10009,  # JetStream cluster can not handle request
    10039,  # JetStream not enabled for account
    10076,  # JetStream not enabled
    10118,  # stream is offline
    10194,  # stream is offline, and why
    10163,  # expected last sequence per subject temporarily unavailable
    10167,  # too many requests
    10174,  # atomic publish is disabled
    10176,  # atomic publish batch is incomplete: a part was lost, or the batch was abandoned
    10210,  # atomic publish too many inflight
}
_STORE_FAILED: Final = 10077
_NO_ROOM: Final = "maximum bytes exceeded"
"""Of the ways in which storing can fail, the one that is noticed before anything is written."""


_DOUBTFUL: Final = (Conflict, UnknownOutcome)
"""What the log itself is asked about."""


class _StoreFailed(UnknownOutcome):
    """Not asked about: what could not be written may be visible and yet not be on disk (see `disk`)."""


class Begun:
    """A batch whose first message is sent, which asked for an answer."""

    __slots__ = ("_call", "_id", "_late", "_timer")

    def __init__(self, id: str, call: Call) -> None:
        self._id: Final = id
        self._call: Final = call
        self._late = False
        loop = asyncio.get_running_loop()
        self._timer: Final = loop.call_later(limits.PREPARED_WITHIN_MS / 1000, self._waited_long_enough)

    @property
    def prepared(self) -> asyncio.Future[None]:
        return self._call.ended

    def _waited_long_enough(self) -> None:
        self._late = True
        self._call.end()

    def go_on(self) -> str | None:
        """The id of the batch, unless the server refused to begin it, or the connection was lost meanwhile. Who is only
        late is not given up: the server keeps what was begun for seconds, and only so many of them."""
        self._timer.cancel()
        answer = self._call.answers[0]
        lost = self._call.over and answer is None and not self._late
        refused = answer is not None and (answer.data or answer.headers)  # it says yes by an empty message
        self._call.end()
        return None if lost or refused else self._id


class Writer:
    """Appends to one stream. `verify` finds out whether the log is still the one it was, and raises if not."""

    def __init__(
        self,
        replies: Replies,
        stream: str,
        reader: Reader,
        continuity: Continuity,
        disk: Disk,
        verify: Callable[[], Awaitable[object]],
    ) -> None:
        self._replies: Final = replies
        self._connection: Final = replies.connection
        self._stream: Final = stream
        self._reader: Final = reader
        self._continuity: Final = continuity
        self._disk: Final = disk
        self._verify: Final = verify
        self._batch_prefix: Final = replies.connection.client.new_inbox().rpartition(".")[2]
        self._batches = 0
        self._batch_slots: Final = asyncio.Semaphore(limits.BATCHES_IN_FLIGHT_MAX)

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        check_each(entries)
        if not entries:
            return []
        floor = self._continuity.highest
        call = self._replies.call(len(entries))
        try:
            unsent = await self._send_each(entries, call)
            await call.gathered(limits.APPEND_TIMEOUT_MS)
        finally:
            call.end()
        outcomes: list[int | Exception] = []
        doubtful: list[int] = []
        for index, answer in enumerate(call.answers):
            outcome = unsent.get(index) or self._outcome(answer, floor, entries[index].actor)
            if type(outcome) in _DOUBTFUL:
                doubtful.append(index)
            outcomes.append(outcome)
        if doubtful:
            resolved = await self._resolve([(entries[index], outcomes[index]) for index in doubtful])
            for index, outcome in zip(doubtful, resolved, strict=True):
                outcomes[index] = outcome
        return outcomes

    def begin(self, first: Entry) -> Begun | None:
        """Send the first message of a batch at once; None when it cannot be."""
        client = self._connection.client
        if too_large(first) or not self._connection.connected or client.crowded:
            return None
        call = self._replies.call(1)
        id = self._new_batch()
        try:
            client.post(names.subject_of(first.actor), first.body, call.reply_to(), _batch_headers(first, id, 1))
        except nats.errors.Error:
            call.end()
            return None
        client.hurry()
        return Begun(id, call)

    async def append_together(self, entries: Sequence[Entry], begun: Begun | None = None) -> list[int]:
        """`begun` with the first of them, if at all."""
        check_together(entries)
        if not entries:
            return []
        async with self._batch_slots:
            floor = self._continuity.highest
            call = self._replies.call(1)
            try:
                await self._send_together(entries, call, begun)
                await call.gathered(limits.APPEND_TIMEOUT_MS)
            finally:
                call.end()
        outcome = self._outcome(call.answers[0], floor, count=len(entries))
        if isinstance(outcome, int):
            return list(range(outcome - len(entries) + 1, outcome + 1))
        if type(outcome) not in _DOUBTFUL:
            raise outcome
        resolved = await self._resolve([(entry, outcome) for entry in entries])
        sequences = [one for one in resolved if isinstance(one, int)]
        if len(sequences) == len(entries):
            return sequences
        raise next((one for one in resolved if isinstance(one, Conflict) and one.actor), outcome)

    async def _send_each(self, entries: Sequence[Entry], call: Call) -> dict[int, Exception]:
        """What could not be sent, by its place in the call, and why."""
        unsent: dict[int, Exception] = {}
        client = self._connection.client
        interrupted = self._interrupted(call)
        for index, entry in enumerate(entries):
            if client.crowded:
                await client.room(limits.APPEND_TIMEOUT_MS)
                interrupted = self._interrupted(call)
            failure: Exception | None = too_large(entry) or interrupted
            if failure is None:
                headers = {wire.EXPECTED_SEQUENCE: str(entry.expect.sequence), wire.MESSAGE_ID: entry.id}
                if entry.headers:
                    headers.update(entry.headers)
                try:
                    client.post(names.subject_of(entry.actor), entry.body, call.reply_to(index), headers)
                except nats.errors.Error as error:
                    failure = LogUnavailable(f"the append cannot be sent: {error!r}")
            if failure is not None:
                unsent[index] = failure
                call.skip()
        return unsent

    async def _send_together(self, entries: Sequence[Entry], call: Call, begun: Begun | None) -> None:
        """Raises when the last message cannot be sent: without it, the server forgets the batch."""
        going_on = None if begun is None or len(entries) == 1 else begun.go_on()
        batch, sent = (self._new_batch(), 0) if going_on is None else (going_on, 1)
        last = len(entries)
        client = self._connection.client
        interrupted = self._interrupted(call)
        try:
            for index, entry in enumerate(entries[sent:], sent + 1):
                if client.crowded:
                    await client.room(limits.APPEND_TIMEOUT_MS)
                    interrupted = self._interrupted(call)
                if interrupted is not None:
                    raise interrupted
                headers = _batch_headers(entry, batch, index)
                if index == last:
                    headers[wire.BATCH_COMMIT] = "1"
                reply = call.reply_to() if index == last else ""
                client.post(names.subject_of(entry.actor), entry.body, reply, headers)
        except nats.errors.Error as error:
            raise LogUnavailable(f"the append cannot be sent: {error!r}") from error

    def _new_batch(self) -> str:
        self._batches += 1
        return f"{self._batch_prefix}-{self._batches}"

    def _interrupted(self, call: Call) -> LogUnavailable | None:
        if not self._connection.connected or call.over:
            return LogUnavailable("the connection to the log is lost")
        if self._connection.client.crowded:
            return LogUnavailable("the log's server does not take what is sent")
        return None

    def _outcome(self, answer: Msg | None, floor: int, actor: str = "", count: int = 1) -> int | LogError:
        """What the server says: the (last) sequence, or how it ended."""
        if answer is None:
            return UnknownOutcome(
                f"no acknowledgement within {limits.APPEND_TIMEOUT_MS} ms, or the connection was lost"
            )
        if not answer.data:
            return LogUnavailable(f"nobody answers for stream {self._stream}")
        ack = wire.read_ack(answer.data)
        if ack.error is not None:
            failure = _failure(ack.error, actor)
            if isinstance(failure, _StoreFailed):
                self._disk.failed(str(failure))
            return failure
        if ack.stream != self._stream:
            raise self._continuity.halt(LogRecreated(f"stored in stream {ack.stream}, not in {self._stream}"))
        if ack.duplicate:
            return Conflict(actor, "the server has seen this message id before")
        self._continuity.acknowledged(ack.seq - count + 1, floor)
        self._continuity.saw(ack.seq)
        self._disk.acknowledged(ack.seq)
        return ack.seq

    async def _resolve(self, doubtful: Sequence[tuple[Entry, Exception | int]]) -> list[int | Exception]:
        """What the log says about each: its sequence if it is there, else how it ended."""
        try:
            found = await self._reader.behind([(entry.actor, entry.expect.sequence) for entry, _ in doubtful])
            ours = [
                commit.recorded.sequence
                for (entry, _), commit in zip(doubtful, found, strict=True)
                if commit is not None and commit.id == entry.id
            ]
            if ours:  # a server that cannot write is silent too, and what it shows then is not what it has stored
                if not await self._disk.ask():
                    return [outcome for _, outcome in doubtful]
                self._disk.vouch(ours)
        except LogUnavailable:
            return [outcome for _, outcome in doubtful]
        resolved: list[int | Exception] = []
        for (entry, outcome), commit in zip(doubtful, found, strict=True):
            if commit is None:
                if isinstance(outcome, Conflict) and 0 < entry.expect.sequence <= self._continuity.highest:
                    await self._verify()
                resolved.append(outcome)
            elif commit.id == entry.id:
                self._continuity.saw(commit.recorded.sequence)
                resolved.append(commit.recorded.sequence)
            else:
                place = f"{commit.recorded.sequence} stands behind {entry.expect.sequence}"
                resolved.append(Conflict(entry.actor, f"{entry.actor}: another commit came first, {place}"))
        return resolved


def _batch_headers(entry: Entry, batch: str, index: int) -> dict[str, str]:
    return {
        wire.EXPECTED_SEQUENCE: str(entry.expect.sequence),
        wire.MESSAGE_ID: entry.id,
        wire.BATCH_ID: batch,
        wire.BATCH_SEQUENCE: str(index),
        **entry.headers,
    }


def _failure(error: ApiError, actor: str) -> LogError:
    code = error.err_code
    if code in _REFUSED:
        return Conflict(actor, f"{actor or 'one of the actors'}: {error}")
    if code in _FULL or (code == _STORE_FAILED and _NO_ROOM in error.description):
        return LogFull(str(error))
    if code in _UNAVAILABLE:
        return LogUnavailable(str(error))
    if code == _STORE_FAILED:
        return _StoreFailed(str(error))
    return UnknownOutcome(str(error))
