"""Reading the log: from any replica where that is safe, from the leader where it is not.

Direct get is cheap because any replica answers it; so on a replicated stream it may be late. There, what must not be
late is asked of the leader, message by message: `last_of`, `at`, and what a writer asks to learn its outcome. Pages
are read by direct get all the same: their end is known from the leader first, and a page that stops short of it is
asked for again. A leader that was deposed and has not noticed yet can still answer late: that is what the expected
sequence is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
import nats.errors
import orjson
from nats.aio.msg import Msg

from events import limits, names
from events.errors import LogUnavailable
from events.log import Recorded
from events.nats import wire
from events.nats.direct import Attempt, DirectGet
from events.nats.replies import Replies

_NO_MESSAGE: Final = 10037


class Found(msgspec.Struct, frozen=True):
    """A stored commit and the id that it was appended with."""

    recorded: Recorded
    id: str


class Reader:
    """Reads one stream. Each request ends within `limits.READ_TIMEOUT_MS`, if need be with `LogUnavailable`."""

    def __init__(self, replies: Replies, stream: str, *, replicated: bool) -> None:
        self._replies: Final = replies
        self._direct: Final = DirectGet(replies, stream)
        self._leader: Final = f"$JS.API.STREAM.MSG.GET.{stream}"
        self._replicated: Final = replicated

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        subjects = [names.subject_of(actor) for actor in dict.fromkeys(actors)]
        found: dict[str, Recorded] = {}
        for start in range(0, len(subjects), limits.LOOKUP_ACTORS_MAX):
            for recorded in await self._last_of(subjects[start : start + limits.LOOKUP_ACTORS_MAX]):
                found[recorded.actor] = recorded
        return found

    async def _last_of(self, subjects: Sequence[str]) -> list[Recorded]:
        if self._replicated:
            answers = await self._from_leader([{"last_by_subj": subject} for subject in subjects])
            return [found.recorded for found in answers if found is not None]
        attempt = Attempt(f"the last commits of {len(subjects)} actors")
        return [wire.from_direct_read(message) for message in await self._direct.last_of(subjects, attempt)]

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        answers = iter(await self._from_leader([{"seq": sequence} for sequence in sequences if sequence > 0]))
        found = [next(answers) if sequence > 0 else None for sequence in sequences]
        return [one.recorded if one is not None else None for one in found]

    async def behind(self, places: Sequence[tuple[str, int]]) -> list[Found | None]:
        """The first commit of each actor behind a sequence: the one that took the place that an append wanted."""
        return await self._from_leader(
            [{"seq": sequence + 1, "next_by_subj": names.subject_of(actor)} for actor, sequence in places]
        )

    async def pages(self, subject: str, after: int, end: int) -> AsyncIterator[Recorded]:
        """What stands under `subject` behind `after` up to `end`, where something is known to stand. While one page is
        read, the next one is on its way."""
        coming = asyncio.ensure_future(self._page(subject, after))
        try:
            while after < end:
                page = await coming
                after = int((page[-1].headers or {})[wire.SEQUENCE])
                if after < end:
                    coming = asyncio.ensure_future(self._page(subject, after))
                for message in page:
                    recorded = wire.from_direct_read(message)
                    if recorded.sequence > end:
                        return
                    yield recorded
        finally:
            coming.cancel()

    async def _page(self, subject: str, after: int) -> list[Msg]:
        """At least one message: a replica that has none yet is late."""
        attempt = Attempt(f"{subject} behind {after}")
        while True:
            page = await self._direct.page(subject, after, attempt)
            if page:
                return page
            await attempt.pause()

    async def _from_leader(self, requests: Sequence[dict[str, Any]]) -> list[Found | None]:
        """One message or none for each request, by the leader's word; asked together."""
        found: list[Found | None] = [None] * len(requests)
        missing = list(range(len(requests)))
        attempt = Attempt(f"{len(requests)} single commits")
        while missing:
            await attempt.connected(self._replies.connection)
            call = self._replies.call(len(missing))
            try:
                for part, index in enumerate(missing):
                    data = orjson.dumps(requests[index])
                    self._replies.connection.client.post(self._leader, data, call.reply_to(part))
            except nats.errors.Error as error:
                call.end()
                raise LogUnavailable(f"a request cannot be sent: {error!r}") from error
            await call.gathered(attempt.try_ms())
            unanswered: list[int] = []
            for index, answer in zip(missing, call.answers, strict=True):
                read = wire.read_message(answer.data) if answer is not None and answer.data else None
                if read is not None and read.message is not None:
                    found[index] = Found(wire.from_leader(read.message), wire.id_of(read.message))
                elif read is None or read.error is None or read.error.err_code != _NO_MESSAGE:
                    unanswered.append(index)
            missing = unanswered
            if missing:
                await attempt.pause()
        return found
