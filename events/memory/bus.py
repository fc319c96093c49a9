"""The bus in memory: every message is handed to its subscribers by the loop, in the order of publishing.

Subjects are tokens between dots; in a subscription `*` stands for one token and `>` for all that follow, at least
one. Of a queue group, the member that was served longest ago gets the message: a round robin without chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from events.bus import NO_RESPONDERS, Handler, Message, ask


class _Subscription:
    def __init__(self, bus: MemoryBus, subject: str, handler: Handler, queue: str, number: int) -> None:
        self.subject: Final = subject
        self.queue: Final = queue
        self.number: Final = number
        self.served_at = number
        self._bus: Final = bus
        self._handler: Final = handler
        self._tokens: Final = subject.split(".")
        self._live = True

    def matches(self, tokens: list[str]) -> bool:
        mine = self._tokens
        if mine[-1] == ">":
            return len(tokens) >= len(mine) and _same(mine[:-1], tokens)
        return len(tokens) == len(mine) and _same(mine, tokens)

    def deliver(self, message: Message) -> None:
        if self._live:
            self._handler(message)

    async def stop(self) -> None:
        self._live = False
        self._bus.forget(self)


def _same(pattern: list[str], tokens: list[str]) -> bool:
    return all(mine in ("*", theirs) for mine, theirs in zip(pattern, tokens, strict=False))


class MemoryBus:
    """A `Bus` for all that share the object and run on one loop."""

    def __init__(self) -> None:
        self._exact: Final[dict[str, list[_Subscription]]] = {}
        self._patterns: Final[list[_Subscription]] = []
        self._count = 0
        self._inboxes = 0

    async def publish(
        self, subject: str, data: bytes, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        receivers = self._receivers(subject)
        message = Message(subject, data, reply, dict(headers) if headers else {})
        if not receivers and reply:
            receivers = self._receivers(reply)
            message = Message(reply, b"", status=NO_RESPONDERS)
        loop = asyncio.get_running_loop()
        for receiver in receivers:
            loop.call_soon(receiver.deliver, message)

    def _receivers(self, subject: str) -> list[_Subscription]:
        tokens = subject.split(".")
        found = [*self._exact.get(subject, ()), *(one for one in self._patterns if one.matches(tokens))]
        found.sort(key=lambda one: one.number)
        chosen: list[_Subscription] = []
        groups: dict[str, list[_Subscription]] = {}
        for one in found:
            if one.queue:
                groups.setdefault(one.queue, []).append(one)
            else:
                chosen.append(one)
        for members in groups.values():
            next_one = min(members, key=lambda one: one.served_at)
            next_one.served_at = self._next_number()
            chosen.append(next_one)
        return chosen

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> _Subscription:
        subscription = _Subscription(self, subject, handler, queue, self._next_number())
        self._among(subject).append(subscription)
        return subscription

    def forget(self, subscription: _Subscription) -> None:
        """Stop handing messages to this one; again is harmless."""
        among = self._among(subscription.subject)
        if subscription in among:
            among.remove(subscription)
        if not among:
            self._exact.pop(subscription.subject, None)

    def _among(self, subject: str) -> list[_Subscription]:
        if "*" in subject or ">" in subject:
            return self._patterns
        return self._exact.setdefault(subject, [])

    def _next_number(self) -> int:
        self._count += 1
        return self._count

    async def request(
        self, subject: str, data: bytes, timeout_ms: int, headers: Mapping[str, str] | None = None
    ) -> Message:
        return await ask(self, subject, data, timeout_ms, headers)

    def new_inbox(self) -> str:
        self._inboxes += 1
        return f"_INBOX.{self._inboxes}"
