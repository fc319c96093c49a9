"""The log over JetStream: one stream, one message per commit, one subject per actor.

It is opened by checking that it is safe (`safety`), and remembers what it is (`continuity`). After every reconnect both
are checked again before anything else is done: the server that is back may have other settings, or another stream.
The first contradiction halts the log for good; `halted` says so, and every operation raises it. A server that has
failed to write is believed up to what it had acknowledged (`disk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from events import limits, names
from events.errors import (
    LogError,
    LogFull,
    LogHalted,
    LogRecreated,
    LogUnavailable,
    SequenceRanBackwards,
    UnknownOutcome,
    UnsafeLog,
)
from events.log import Batch, Entry, LogHead, Recorded, Step
from events.nats.connection import Connection
from events.nats.continuity import Continuity
from events.nats.disk import Disk
from events.nats.follow import follow
from events.nats.reader import Reader
from events.nats.replies import Replies, open_replies
from events.nats.safety import check_payload, check_servers, check_stream, recheck_servers
from events.nats.stream import NAME_IN_USE, Stream, log_settings
from events.nats.wire import StreamAnswer
from events.nats.writer import Begun, Writer

_LATE_MS: Final = 200
_LATE_TIMES_MAX: Final = 15
"""A leader that was just elected may be this late before a sequence that runs backwards is believed."""


class JetStreamLog:
    """An `EventLog`. Made by `open`; lasts as long as its connection."""

    def __init__(self, replies: Replies, stream: Stream, described: StreamAnswer, monitors: Sequence[str]) -> None:
        self._replicated: Final = described.config is not None and described.config.num_replicas > 1
        self._connection: Final = replies.connection
        self._replies: Final = replies
        self._stream: Final = stream
        self._monitors: Final = tuple(monitors)
        self._late_times_max: Final = _LATE_TIMES_MAX if self._replicated else 0
        self._continuity: Final = Continuity(described.created, described.state.last_seq)
        self._reader: Final = Reader(replies, stream.name, replicated=self._replicated)
        self._disk: Final = Disk(monitors, stream.name, replicated=self._replicated)
        self._writer: Final = Writer(replies, stream.name, self._reader, self._continuity, self._disk, self._verify)
        self._unverified = False
        self._verifying: Final = asyncio.Lock()
        self._connection.back.append(self._on_back)

    @classmethod
    async def open(
        cls,
        connection: Connection,
        *,
        monitors: Sequence[str],
        name: str = "log",
        replicas: int = 1,
        bytes_max: int | None = None,
        identity: str | None = None,
        create: bool = True,
    ) -> JetStreamLog:
        """The log in the stream `name`, which is created if there is none, unless `identity` says that there was one.

        `monitors` are the URLs by which every server that holds the stream can be asked about itself (see `monitor`).
        `bytes_max` bounds the stream; None leaves it as it is. `UnsafeLog` says which setting of the stream or of
        a server could lose what is acknowledged, `LogRecreated` that this is not the log that `identity` names.
        """
        replies = await open_replies(connection)
        stream = Stream(replies, name)
        described = await stream.describe()
        if described is None:
            if identity is not None:
                raise LogRecreated(f"there is no stream {name}; the log was created at {identity}")
            if not create:
                raise UnsafeLog(f"there is no stream {name}")
            error = await stream.create(log_settings(name, replicas, bytes_max))
            if error is not None and error.err_code != NAME_IN_USE:
                raise UnsafeLog(f"stream {name} cannot be created: {error}")
            described = await stream.describe()
        if described is None or described.config is None:
            raise LogUnavailable(f"stream {name} does not say what it is")
        if identity is not None and described.created != identity:
            raise LogRecreated(f"stream {name} was created at {described.created}; the log was created at {identity}")
        check_stream(described.config, replicas)
        check_payload(connection.client.max_payload)
        await check_servers(monitors, _holders(described))
        if bytes_max is not None:
            await stream.set_room(bytes_max)
        log = cls(replies, stream, described, monitors)
        await log._disk.back(described.state.last_seq)
        return log

    @property
    def identity(self) -> str:
        """When the stream was created. Keep it, and give it to `open` the next time."""
        return self._continuity.identity

    @property
    def connected(self) -> bool:
        """False while the connection is lost: then appends fail at once and nothing of them is stored."""
        return self._connection.connected

    @property
    def halted(self) -> LogHalted | None:
        """The contradiction that ended this log, if there was one."""
        return self._continuity.halted

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        try:
            await self._ready_to_write()
            outcomes = await self._writer.append_each(entries)
        except LogError as error:  # what ends all of them is the outcome of each
            return [error] * len(entries)
        if any(isinstance(outcome, UnknownOutcome) for outcome in outcomes):
            await self._disk.ask_again()
        return outcomes

    async def append_together(self, entries: Sequence[Entry]) -> list[int]:
        return await self._append_together(entries, None)

    def begin(self, first: Entry) -> Batch:
        begun = None if self.halted or self._unverified or self._disk.refuses else self._writer.begin(first)
        if begun is not None:
            return Batch(first, lambda entries: self._append_together(entries, begun), begun.prepared)
        return Batch(first, self.append_together)

    async def _append_together(self, entries: Sequence[Entry], begun: Begun | None) -> list[int]:
        await self._ready_to_write()
        try:
            return await self._writer.append_together(entries, begun)
        except UnknownOutcome:
            await self._disk.ask_again()
            raise

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        await self._ready()
        found = await self._reader.last_of(actors)
        self._disk.vouch(recorded.sequence for recorded in found.values())
        return found

    async def at(self, sequence: int) -> Recorded | None:
        return (await self.at_each((sequence,)))[0]

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        await self._ready()
        found = await self._reader.at_each(sequences)
        self._disk.vouch(recorded.sequence for recorded in found if recorded is not None)
        return found

    async def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        last = (await self.last_of((actor,))).get(actor)
        if last is not None and last.sequence > after:
            async for recorded in self._reader.pages(names.subject_of(actor), after, last.sequence):
                yield recorded

    async def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        last = (await self.head()).last
        if last > after:
            async for recorded in self._reader.pages(names.LOG_SUBJECTS, after, last):
                yield recorded

    async def actors_under(self, name: str) -> list[str]:
        await self._ready()
        return sorted(names.actor_of(subject) for subject in await self._stream.subjects(f"{names.subject_of(name)}.>"))

    async def orgs_with(self, kind: str) -> list[str]:
        await self._ready()
        found = await self._stream.subjects(names.subject_of(f"*.{kind}"))
        return sorted(names.org_of(names.actor_of(subject)) for subject in found)

    async def follow(self, after: int = 0, under: str = "") -> AsyncIterator[Step]:
        async for step in follow(self._replies, self._stream.name, after, under, self._continuity, self._verify):
            yield step

    async def head(self) -> LogHead:
        await self._ready()
        state = (await self._verify()).state
        self._disk.vouch((state.last_seq,))
        return LogHead(self.identity, state.first_seq if state.last_seq else 0, state.last_seq, state.bytes)

    async def _ready(self) -> None:
        if self._continuity.halted is not None:
            raise self._continuity.halted
        if self._unverified:
            async with self._verifying:
                if self._unverified:
                    await self._reverify()

    async def _ready_to_write(self) -> None:
        if not self._connection.connected:
            await asyncio.sleep(0)  # who tries again and again shall not keep the connection from coming back
            raise LogUnavailable("the connection to the log is lost")
        began = asyncio.get_running_loop().time()
        await self._ready()
        if asyncio.get_running_loop().time() - began > limits.READY_WITHIN_MS / 1000:
            raise LogUnavailable("the log was away: what was to be stored was decided too long ago")
        if self._disk.refuses:
            await self._disk.ask_again()
            if self._disk.refuses:
                raise LogFull(self._disk.refuses)

    async def _reverify(self) -> None:
        self._unverified = False
        try:
            described = await self._verify()
            await recheck_servers(self._monitors)
            await self._disk.back(described.state.last_seq)
        except BaseException:
            self._unverified = True
            raise

    async def _verify(self, claimed: int = 0) -> StreamAnswer:
        """What the stream says of itself, if it is the one it was, goes as far as it did, and as far as is `claimed`.

        The first two are known here, and their contradiction halts the log. The last is someone's word: theirs alone to
        halt by.
        """
        if self._continuity.halted is not None:
            raise self._continuity.halted
        floor = self._continuity.highest
        late = 0
        while True:
            described = await self._stream.describe()
            if described is None:
                raise LogUnavailable(f"there is no stream {self._stream.name}")
            if described.created != self._continuity.identity:
                raise self._continuity.recreated(described.created)
            last = described.state.last_seq
            if last >= max(floor, claimed):
                self._continuity.saw(last)
                return described
            if late >= self._late_times_max:
                if last < floor:
                    raise self._continuity.ran_backwards(last, floor)
                raise SequenceRanBackwards(f"asked for what comes after {claimed}, but the log ends at {last}")
            late += 1
            await asyncio.sleep(_LATE_MS / 1000)

    def _on_back(self) -> None:
        self._unverified = True


def _holders(described: StreamAnswer) -> list[str]:
    cluster = described.cluster
    return [name for name in (cluster.leader, *(peer.name for peer in cluster.replicas)) if name]
