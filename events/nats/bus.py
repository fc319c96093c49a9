"""The bus over NATS. What cannot be sent is lost, as the protocol allows; while the connection is away, messages wait
for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from events.bus import NO_RESPONDERS, Handler, Message
from events.errors import BusError, BusTimeout, NoResponders
from events.nats.client import QuickClient
from events.nats.connection import Connection, heeding
from events.nats.replies import Replies, open_replies
from events.nats.wire import STATUS

_log = structlog.get_logger(__name__)


class _Subscription:
    def __init__(self, client: QuickClient, handler: Handler) -> None:
        self._client: Final = client
        self._handler: Final = handler
        self._live = True
        self.nats: NatsSubscription | None = None

    def deliver(self, message: Msg) -> None:
        if self._live:
            self._handler(_message(message))

    async def stop(self) -> None:
        if self._live:
            self._live = False
            try:
                if self.nats is not None:
                    self._client.unlisten(self.nats)
                    await self.nats.unsubscribe()
            except nats.errors.Error as error:
                _log.debug("unsubscribe_failed", error=repr(error))


class NatsBus:
    """A `Bus` for whoever reaches the same servers."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection
        self._client: Final = connection.client
        self._waiting: Final[set[asyncio.Timeout]] = set()
        """What waits for the server to have heard something. When the connection is lost, it will not say so."""
        self._replies: asyncio.Future[Replies] | None = None
        connection.lost.append(self._on_lost)

    async def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        try:
            self._client.post(subject, data, reply, headers)
        except nats.errors.Error as error:
            _log.warning("bus_message_dropped", subject=subject, bytes=len(data), error=repr(error))

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> _Subscription:
        subscription = _Subscription(self._client, handler)
        try:
            subscription.nats = await self._client.listen(subject, subscription.deliver, queue)
        except nats.errors.ConnectionClosedError as error:
            raise BusError(f"{subject} cannot be subscribed to: the connection is closed") from error
        if self._connection.connected:
            await self._flush()
        if self._client.is_closed:
            await subscription.stop()
            raise BusError(f"{subject} cannot be subscribed to: the connection was closed meanwhile")
        return subscription

    async def _flush(self) -> None:
        """Wait until the server has heard what was said, or the connection is lost. What it has not heard of
        subscriptions, nats-py tells it when it is back."""
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    await heeding(self._client.flush())
                finally:
                    self._waiting.discard(waiting)
        except (nats.errors.Error, OSError) as error:  # a TimeoutError is an OSError
            _log.debug("nats_not_flushed", error=repr(error))

    async def request(
        self, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
    ) -> Message:
        """Below nats-py's own, which writes to its socket for each request by itself."""
        if self._replies is None:
            self._replies = asyncio.ensure_future(open_replies(self._connection))
        try:
            replies = await asyncio.shield(self._replies)
        except nats.errors.Error as error:
            self._replies = None
            raise BusTimeout(f"no answer from {subject}: {error!r}") from error
        answer = await replies.ask(subject, data, timeout_ms, headers)
        if answer is None:
            raise BusTimeout(f"no answer from {subject} within {timeout_ms} ms, or before the connection was lost")
        message = _message(answer)
        if message.status == NO_RESPONDERS:
            raise NoResponders(f"nobody listens on {subject}")
        return message

    def _on_lost(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting:
            self._waiting.pop().reschedule(now)

    def new_inbox(self) -> str:
        return self._client.new_inbox()


def _message(message: Msg) -> Message:
    headers = message.headers
    if not headers:
        return Message(message.subject, message.data, message.reply)
    status = int(headers.pop(STATUS, "0"))
    return Message(message.subject, message.data, message.reply, headers if not status else {}, status)
