"""Requests and their answers, below nats-py's own: one inbox, one subscription, one entry per call.

A call is one or many requests that are sent together and waited for together, with one timer and one future for all
of them. Its answers come to `<inbox>.<call>.<part>`: the part says which request an answer belongs to. `js.publish`
instead takes a future, a timer and two tasks for every message, and reaches half the rate.

When the connection is lost, every call under way ends at once with the answers that it has. What was asked may still
have been done: that is for the caller to find out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from events.nats.connection import Connection


class Call:
    """The answers to requests that were sent together. Use it once."""

    __slots__ = ("_complete", "_inbox", "_left", "_loop", "_number", "_registry", "answers", "ended", "parts")

    def __init__(self, registry: dict[str, Call], inbox: str, number: int, requests: int) -> None:
        self.answers: Final[list[Msg | None]] = [None] * requests
        """One per request, in order; None while there is none. Empty for a request with many answers."""
        self.parts: Final[list[Msg]] = []
        """The answers to a request with many, in order of arrival, without the message that ends them."""
        self._registry: Final = registry
        self._inbox: Final = inbox
        self._number: Final = str(number)
        self._left = requests
        self._complete = False
        self._loop: Final = asyncio.get_running_loop()
        self.ended: Final[asyncio.Future[None]] = self._loop.create_future()
        registry[self._number] = self

    @property
    def over(self) -> bool:
        """True when nothing that still comes will be looked at."""
        return self.ended.done()

    def reply_to(self, part: int = 0) -> str:
        return f"{self._inbox}.{self._number}.{part}"

    def take(self, part: str, answer: Msg) -> None:
        if self.answers:
            index = int(part)
            if self.answers[index] is None:
                self.answers[index] = answer
                self._left -= 1
                if not self._left:
                    self.end(complete=True)
        else:
            self.parts.append(answer)
            # Every answer but the last has a body or says how many are left behind it; the last has a status.
            if not answer.data and answer.headers and "Status" in answer.headers:
                self.end(complete=True)

    def skip(self) -> None:
        """One request less: it was not sent."""
        self._left -= 1
        if not self._left:
            self.end(complete=True)

    def end(self, *, complete: bool = False) -> None:
        self._registry.pop(self._number, None)
        if not self.ended.done():
            self._complete = complete
            self.ended.set_result(None)

    async def gathered(self, timeout_ms: float) -> bool:
        """Wait for the answers; False when the time or the connection ended first. Later answers are dropped."""
        if not self.ended.done():
            timer = self._loop.call_later(timeout_ms / 1000, self.end)
            try:
                await self.ended
            finally:
                timer.cancel()
                self.end()
        return self._complete


class Replies:
    """Made by `open_replies`; shared by whatever asks over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection: Final = connection
        self._inbox: Final = connection.client.new_inbox()
        self._calls: Final[dict[str, Call]] = {}
        self._count = 0

    async def start(self) -> None:
        await self.connection.client.listen(f"{self._inbox}.>", self._on_answer)
        self.connection.lost.append(self._on_lost)

    def call(self, requests: int = 0) -> Call:
        """A call of so many requests with one answer each; of one request with many answers when 0."""
        self._count += 1
        return Call(self._calls, self._inbox, self._count, requests)

    async def ask(
        self, subject: str, data: bytes, timeout_ms: float, headers: Mapping[str, str] | None = None
    ) -> Msg | None:
        """One request, one answer; None when the time or the connection ended first, or it could not be sent."""
        call = self.call(1)
        try:
            self.connection.client.post(subject, data, call.reply_to(), headers)
        except nats.errors.Error:
            call.end()
        await call.gathered(timeout_ms)
        return call.answers[0]

    def _on_answer(self, answer: Msg) -> None:
        _, number, part = answer.subject.rsplit(".", 2)
        call = self._calls.get(number)
        if call is not None:
            call.take(part, answer)

    def _on_lost(self) -> None:
        for call in tuple(self._calls.values()):
            call.end()


async def open_replies(connection: Connection) -> Replies:
    replies = Replies(connection)
    await replies.start()
    return replies
