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

from events.bus import Handler, Message
from events.errors import BusError, BusTimeout, NoResponders
from events.nats.client import QuickClient
from events.nats.connection import Connection, heeding
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
        """What waits for an answer. One to a question from before the connection was lost will hardly come."""
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
        try:
            async with asyncio.timeout(None) as waiting:
                self._waiting.add(waiting)
                try:
                    answer = await self._client.request(
                        subject, data, timeout=timeout_ms / 1000, headers=dict(headers) if headers else None
                    )
                finally:
                    self._waiting.discard(waiting)
        except nats.errors.NoRespondersError as error:
            raise NoResponders(f"nobody listens on {subject}") from error
        except nats.errors.Error as error:
            raise BusTimeout(f"no answer from {subject} within {timeout_ms} ms: {error!r}") from error
        except TimeoutError as error:
            raise BusTimeout(f"no answer from {subject} before the connection was lost") from error
        return _message(answer)

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
