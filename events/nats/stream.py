"""The log's stream: how it is made, and what the server says about it.

Limits retention without limits, nothing deleted, purged or rolled up, new writes refused when the room is used up
(`discard: new`), and never `persist_mode: async`: then what is acknowledged stays. `max_bytes` is the one setting
that may differ between two starts, so that a full log can be given more room.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from events import limits, names
from events.errors import LogFull, LogUnavailable
from events.nats.replies import Replies
from events.nats.wire import ApiError, StreamAnswer, read_stream

NAME_IN_USE: Final = 10058
STREAM_NOT_FOUND: Final = 10059
_TRY_MS: Final = 500
"""While a cluster has no leader, requests to it are lost without a word: this long, and it is asked again."""
_RETRY_MS: Final = 50


def log_settings(name: str, replicas: int, bytes_max: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": [names.LOG_SUBJECTS],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": replicas,
        "max_bytes": -1 if bytes_max is None else bytes_max,
        "duplicate_window": limits.DUPLICATE_WINDOW_MS * 1_000_000,
        "deny_delete": True,
        "deny_purge": True,
        "allow_atomic": True,
        "allow_direct": True,
    }


class Stream:
    """One stream, by name."""

    def __init__(self, replies: Replies, name: str) -> None:
        self.name: Final = name
        self._replies: Final = replies

    async def describe(self) -> StreamAnswer | None:
        """What its leader says about it; None when there is no such stream."""
        answer = await self._ask("INFO")
        if answer.error is not None:
            if answer.error.err_code == STREAM_NOT_FOUND:
                return None
            raise LogUnavailable(f"stream {self.name}: {answer.error}")
        return answer

    async def subjects(self, pattern: str) -> list[str]:
        """Every subject of that pattern that has a message, in as many answers as it takes."""
        found: list[str] = []
        while True:
            answer = await self._ask("INFO", {"subjects_filter": pattern, "offset": len(found)})
            if answer.error is not None:
                raise LogUnavailable(f"stream {self.name}: {answer.error}")
            found += answer.state.subjects
            if not answer.state.subjects or len(found) >= answer.total:
                return found

    async def create(self, settings: dict[str, Any]) -> ApiError | None:
        return (await self._ask("CREATE", settings)).error

    async def delete(self) -> None:
        await self._request("DELETE")

    async def set_room(self, bytes_max: int) -> None:
        """Give the stream another `max_bytes`, and leave everything else as it is."""
        settings = msgspec.json.decode(await self._request("INFO"))["config"]
        if settings["max_bytes"] != bytes_max:
            answer = await self._ask("UPDATE", settings | {"max_bytes": bytes_max})
            if answer.error is not None:
                raise LogFull(f"stream {self.name}: max_bytes cannot become {bytes_max}: {answer.error}")

    async def _ask(self, verb: str, settings: dict[str, Any] | None = None) -> StreamAnswer:
        return read_stream(await self._request(verb, settings))

    async def _request(self, verb: str, settings: dict[str, Any] | None = None) -> bytes:
        """Ask until somebody answers: a cluster that has just started has nobody who could."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.READ_TIMEOUT_MS / 1000
        data = b"" if settings is None else msgspec.json.encode(settings)
        while (left_ms := (deadline - loop.time()) * 1000) > 0:
            answer = await self._replies.ask(f"$JS.API.STREAM.{verb}.{self.name}", data, min(left_ms, _TRY_MS))
            if answer is not None and answer.data:
                return answer.data
            await asyncio.sleep(_RETRY_MS / 1000)
        raise LogUnavailable(f"stream {self.name}: JetStream does not answer within {limits.READ_TIMEOUT_MS} ms")
