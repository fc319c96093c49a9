"""The shelf over JetStream: a stream that keeps one message per name and writes them when it pleases.

It never fails. What cannot be put or got is as good as vanished, which the protocol allows at any time; it is logged,
and whoever asked goes on without. That begins with opening it: there is one copy of the stream, and while the server
that holds it is down, the others can neither say what it is nor make it anew. Until they can it is an empty shelf.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog

from events import limits
from events.errors import LogUnavailable
from events.nats import wire
from events.nats.connection import Connection
from events.nats.direct import Attempt, DirectGet
from events.nats.replies import Replies, open_replies
from events.nats.stream import NAME_IN_USE, Stream
from events.nats.wire import ApiError

_log = structlog.get_logger(__name__)

_PREFIX: Final = "shelf."
_TIMEOUT_MS: Final = 2_000
"""How long a cache may keep anyone waiting."""
_MAKE_AGAIN_MS: Final = 1_000
"""Between two tries to open what could not be opened, as long as somebody asks for it."""


class JetStreamShelf:
    """A `Shelf`. Made by `open`; lasts as long as its connection."""

    def __init__(self, replies: Replies, name: str = "shelf", bytes_max: int | None = None) -> None:
        self._replies: Final = replies
        self._client: Final = replies.connection.client
        self._direct: Final = DirectGet(replies, name)
        self._stream: Final = Stream(replies, name)
        self._bytes_max: Final = bytes_max
        self._stands = False
        self._making: asyncio.Task[None] | None = None
        self._make_again_at = 0.0
        self._why_not = ""

    @classmethod
    async def open(cls, connection: Connection, *, name: str = "shelf", bytes_max: int | None = None) -> JetStreamShelf:
        """The shelf in the stream `name`. One that was made with other settings is thrown away, with all it has."""
        shelf = cls(await open_replies(connection), name, bytes_max)
        await shelf._make()
        return shelf

    async def _make(self) -> None:
        """See to it that the stream is there, or say why it is not."""
        settings: dict[str, Any] = {
            "name": self._stream.name,
            "subjects": [f"{_PREFIX}>"],
            "storage": "file",
            "persist_mode": "async",
            "retention": "limits",
            "discard": "old",
            "max_msgs_per_subject": 1,
            "max_bytes": -1 if self._bytes_max is None else self._bytes_max,
            "num_replicas": 1,
            "allow_direct": True,
        }
        why_not: object
        try:
            why_not = await self._stream.create(settings)
            if isinstance(why_not, ApiError) and why_not.err_code == NAME_IN_USE:
                await self._stream.delete()
                why_not = await self._stream.create(settings)
        except LogUnavailable as error:
            why_not = error
        self._make_again_at = asyncio.get_running_loop().time() + _MAKE_AGAIN_MS / 1000
        self._stands = why_not is None
        if self._stands and self._why_not:
            _log.info("shelf_there_again", stream=self._stream.name)
        elif why_not is not None and str(why_not) != self._why_not:
            _log.warning("no_shelf", stream=self._stream.name, error=str(why_not))
        self._why_not = str(why_not or "")

    def _usable(self) -> bool:
        """If it is not, somebody sees to it, and nobody waits for that."""
        if self._stands:
            return True
        loop = asyncio.get_running_loop()
        if (self._making is None or self._making.done()) and loop.time() >= self._make_again_at:
            self._making = loop.create_task(self._make())
        return False

    async def put(self, name: str, data: bytes) -> bool:
        if len(data) > min(limits.SHELF_ITEM_BYTES_MAX, self._client.max_payload):
            _log.info("too_large_for_the_shelf", name=name, bytes=len(data))
            return False
        if not self._usable():
            return False
        answer = await self._replies.ask(_PREFIX + name, data, _TIMEOUT_MS)
        if answer is not None and not answer.data:
            self._stands = False  # nobody listens for it: the stream is gone
        error = wire.read_ack(answer.data).error if answer is not None and answer.data else "nobody answers"
        if error is not None:
            _log.warning("not_put_on_the_shelf", name=name, error=str(error))
        return error is None

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        if not self._usable():
            return found
        subjects = [_PREFIX + name for name in dict.fromkeys(names)]
        for start in range(0, len(subjects), limits.LOOKUP_ACTORS_MAX):
            some = subjects[start : start + limits.LOOKUP_ACTORS_MAX]
            try:
                messages = await self._direct.last_of(some, Attempt("the shelf", _TIMEOUT_MS, patient=False))
            except LogUnavailable as error:
                _log.warning("not_got_from_the_shelf", names=len(some), error=str(error))
                break
            for message in messages:
                found[(message.headers or {})[wire.SUBJECT][len(_PREFIX) :]] = message.data
        return found
