"""Direct get: many stored messages for one request, answered by any server that holds the stream.

The answer is a run of messages, each of which names the one before it, and one without a body that ends the run and
says whether there is more. A run that is cut, or that nobody answers, is asked for again until its time is up.

That there is nothing is said in one way only, and at the beginning. The server ends a run with a 404 as well when it
cannot read a message that it knows of: it has been replaced in between, as happens on a shelf, or the disk does not
give it back. Such a run says nothing about what stands in the log, not even by what has come of it. It is asked for
again a few times, and then the log is unavailable: an actor that is taken for new would be decided on as if it were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.msg import Msg

from events import limits
from events.errors import LogUnavailable
from events.nats import wire
from events.nats.connection import Connection
from events.nats.replies import Replies

_RETRY_MS: Final = 20
"""Between two tries to read what is not there yet: a leader, a replica that lags, a server that starts."""
_TRY_MS: Final = 1_500
"""While a stream has no leader, what is asked of it is lost without a word: this long, and it is asked again."""
_BROKEN_RUNS_MAX: Final = 5
"""What the server could not read so many times, it will not read while anyone waits."""

# How it is said that there is nothing: none of several subjects has a message, or none follows.
_NONE_OF_THEM: Final = "No Results"
_NONE_FOLLOWS: Final = "Message Not Found"


class Attempt:
    """One read, tried until it succeeds or its time is up; only once if it is not `patient`."""

    def __init__(self, what: str, timeout_ms: int | None = None, *, patient: bool = True) -> None:
        self.what: Final = what
        self._timeout_ms: Final = timeout_ms or limits.READ_TIMEOUT_MS
        self._patient: Final = patient
        self._loop: Final = asyncio.get_running_loop()
        self._deadline: Final = self._loop.time() + self._timeout_ms / 1000

    def left_ms(self) -> float:
        left = (self._deadline - self._loop.time()) * 1000
        if left <= 0:
            raise LogUnavailable(f"no answer within {self._timeout_ms} ms: {self.what}")
        return left

    def try_ms(self) -> float:
        return min(self.left_ms(), _TRY_MS) if self._patient else self.left_ms()

    async def connected(self, connection: Connection) -> None:
        if connection.connected:
            return
        if not self._patient:
            raise LogUnavailable(f"the connection is lost: {self.what}")
        try:
            async with asyncio.timeout(self.left_ms() / 1000):
                await connection.wait()
        except TimeoutError as error:
            raise LogUnavailable(f"the connection was not found again in time: {self.what}") from error

    async def pause(self) -> None:
        """Before it is asked again what nobody has answered."""
        if not self._patient:
            raise LogUnavailable(f"nobody answers: {self.what}")
        await self.breathe()

    async def breathe(self) -> None:
        self.left_ms()
        await asyncio.sleep(_RETRY_MS / 1000)


class DirectGet:
    """Direct gets from one stream."""

    def __init__(self, replies: Replies, stream: str) -> None:
        self._replies: Final = replies
        self._subject: Final = f"$JS.API.DIRECT.GET.{stream}"

    async def page(self, subject: str, after: int, attempt: Attempt) -> list[Msg]:
        """The next messages under `subject` behind `after`; none if there are none, or if the first cannot be read: the
        server says the same of both."""
        request = {
            "seq": after + 1,
            "next_by_subj": subject,
            "batch": limits.READ_PAGE_ENTRIES,
            "max_bytes": limits.READ_PAGE_BYTES,
        }
        return (await self._run(request, attempt, _NONE_FOLLOWS))[0]

    async def last_of(self, subjects: Sequence[str], attempt: Attempt) -> list[Msg]:
        """The last message of each of at most `limits.LOOKUP_ACTORS_MAX` subjects that has one, all as of one moment,
        in as many runs as their size asks for."""
        request: dict[str, Any] = {
            "multi_last": subjects,
            "batch": limits.LOOKUP_ACTORS_MAX,
            "max_bytes": limits.READ_PAGE_BYTES,
        }
        found, end = await self._run(request, attempt, _NONE_OF_THEM)
        while end.get(wire.PENDING, "0") != "0":
            request |= {"seq": int(end[wire.PREVIOUS_SEQUENCE]) + 1, "up_to_seq": int(end[wire.UP_TO_SEQUENCE])}
            more, end = await self._run(request, attempt)
            found += more
        return found

    async def _run(
        self, request: dict[str, Any], attempt: Attempt, nothing: str | None = None
    ) -> tuple[list[Msg], dict[str, str]]:
        """One whole run, and the headers of its end; no messages only when the server says so in the word `nothing`."""
        data = orjson.dumps(request)
        broken = 0
        while True:
            await attempt.connected(self._replies.connection)
            call = self._replies.call()
            try:
                self._replies.connection.client.post(self._subject, data, call.reply_to())
            except nats.errors.Error as error:
                call.end()
                raise LogUnavailable(f"a request cannot be sent: {error!r}") from error
            if await call.gathered(attempt.try_ms()):
                end = call.parts.pop().headers or {}
                status, word = end.get(wire.STATUS), end.get(wire.DESCRIPTION)
                if status == wire.END_OF_BATCH and _unbroken(call.parts):
                    return call.parts, end
                if status == wire.NOT_FOUND and word == nothing and not call.parts:
                    return [], {}
                if status != wire.NO_RESPONDERS:
                    broken += 1
                    if broken == _BROKEN_RUNS_MAX:
                        raise LogUnavailable(f"the server cannot read what it has: {status} {word}, {attempt.what}")
                    await attempt.breathe()
                    continue
            await attempt.pause()


def _unbroken(messages: Sequence[Msg]) -> bool:
    return all(
        (later.headers or {}).get(wire.PREVIOUS_SEQUENCE) == (earlier.headers or {}).get(wire.SEQUENCE)
        for earlier, later in pairwise(messages)
    )
