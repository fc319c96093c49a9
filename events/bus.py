"""The bus as a protocol: messages without memory. Commands, answers and heartbeats travel on it; facts never do.

It may lose, double, delay and reorder messages: whatever is built on it must be right all the same, and the
simulation makes it do all four. Over NATS it is `events.nats.bus`; its twin is `events.memory.bus`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

import msgspec

from events.errors import BusTimeout, NoResponders

NO_RESPONDERS: Final = 503


class Message(msgspec.Struct, frozen=True):
    """`status` is 0, or `NO_RESPONDERS` for the empty notice that nobody listens, sent to the reply subject."""

    subject: str
    data: bytes
    reply: str = ""
    headers: Mapping[str, str] = {}
    status: int = 0


Handler: TypeAlias = Callable[[Message], None]
"""Called in order of arrival; must not block and must not raise: an exception is a bug, logged and not retried."""


class Subscription(Protocol):
    async def stop(self) -> None:
        """No message is handled after this returns."""
        ...


class Bus(Protocol):
    async def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Hand the message over; says nothing about its arrival. With `reply` set and nobody listening,
        a `NO_RESPONDERS` notice comes to that subject."""
        ...

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Active when this returns. Subscribers that share a `queue` share the messages, each going to one of them."""
        ...

    async def request(
        self, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
    ) -> Message:
        """The first answer. `NoResponders` or `BusTimeout` otherwise."""
        ...

    def new_inbox(self) -> str:
        """A subject nobody else uses; `<inbox>.*` may be subscribed to."""
        ...


async def ask(
    bus: Bus, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
) -> Message:
    """`Bus.request` by way of an inbox, for a bus that has no shorter one."""
    answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def keep_first(message: Message) -> None:
        if not answer.done():
            answer.set_result(message)

    inbox = bus.new_inbox()
    subscription = await bus.subscribe(inbox, keep_first)
    try:
        await bus.publish(subject, data, inbox, headers)
        async with asyncio.timeout(timeout_ms / 1000):
            message = await answer
    except TimeoutError as error:
        raise BusTimeout(f"no answer from {subject} within {timeout_ms} ms") from error
    finally:
        await subscription.stop()
    if message.status == NO_RESPONDERS:
        raise NoResponders(f"nobody listens on {subject}")
    return message
