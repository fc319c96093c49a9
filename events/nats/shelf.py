"""The shelf over JetStream: a stream that keeps one message per name and writes them when it pleases.

It never fails. What cannot be put or got is as good as vanished, which the protocol allows at any time; it is logged,
and whoever asked goes on without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import structlog

from events import limits
from events.errors import LogUnavailable, UnsafeLog
from events.nats import wire
from events.nats.connection import Connection
from events.nats.direct import Attempt, DirectGet
from events.nats.replies import Replies, open_replies
from events.nats.stream import NAME_IN_USE, Stream

_log = structlog.get_logger(__name__)

_PREFIX: Final = "shelf."
_TIMEOUT_MS: Final = 2_000
"""How long a cache may keep anyone waiting."""


class JetStreamShelf:
    """A `Shelf`. Made by `open`; lasts as long as its connection."""

    def __init__(self, replies: Replies, stream: str) -> None:
        self._replies: Final = replies
        self._client: Final = replies.connection.client
        self._direct: Final = DirectGet(replies, stream)

    @classmethod
    async def open(cls, connection: Connection, *, name: str = "shelf", bytes_max: int | None = None) -> JetStreamShelf:
        """The shelf in the stream `name`. One that was made with other settings is thrown away, with all it has."""
        replies = await open_replies(connection)
        stream = Stream(replies, name)
        settings: dict[str, Any] = {
            "name": name,
            "subjects": [f"{_PREFIX}>"],
            "storage": "file",
            "persist_mode": "async",
            "retention": "limits",
            "discard": "old",
            "max_msgs_per_subject": 1,
            "max_bytes": -1 if bytes_max is None else bytes_max,
            "num_replicas": 1,
            "allow_direct": True,
        }
        error = await stream.create(settings)
        if error is not None and error.err_code == NAME_IN_USE:
            await stream.delete()
            error = await stream.create(settings)
        if error is not None:
            raise UnsafeLog(f"stream {name} cannot be created: {error}")
        return cls(replies, name)

    async def put(self, name: str, data: bytes) -> None:
        if len(data) > min(limits.SHELF_ITEM_BYTES_MAX, self._client.max_payload):
            _log.info("too_large_for_the_shelf", name=name, bytes=len(data))
            return
        answer = await self._replies.ask(_PREFIX + name, data, _TIMEOUT_MS)
        error = wire.read_ack(answer.data).error if answer is not None and answer.data else "nobody answers"
        if error is not None:
            _log.warning("not_put_on_the_shelf", name=name, error=str(error))

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
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
