"""The log as a protocol: append one, append several together, read an actor, read from a sequence, follow.

Two adapters pass one contract suite (`tests/contracts`): JetStream (`events.nats.log`) and its twin in memory
(`events.memory.log`). A third adapter imports the suite and passes it too.

The fence is the expectation: an append names the sequence of the actor's last commit, and is stored only if
that is still the last. Whoever believes to own an actor, the log has the last word (law 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from events.clock import Instant


class ExpectAt(msgspec.Struct, frozen=True, gc=False):
    """The append is stored only if the actor's last commit stands at this sequence."""

    sequence: int


EXPECT_NEW: Final = ExpectAt(0)
"""The append is stored only if the actor has no commit yet."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A commit that is to be stored. `id` is its hash; `headers` travel with it (trace context, the actor's next
    wake)."""

    actor: str
    body: bytes
    expect: ExpectAt
    id: str
    headers: Mapping[str, str] = {}


class BatchMark(msgspec.Struct, frozen=True):
    """Where a recorded commit stands in the atomic batch that it was stored with; `index` counts from 1."""

    id: str
    index: int
    last: bool


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A commit as the log holds it. `previous` is where the actor's commit before it stands; 0 for its first."""

    sequence: int
    actor: str
    body: bytes
    stored_at: Instant
    headers: Mapping[str, str] = {}
    batch: BatchMark | None = None
    previous: int = 0


Step: TypeAlias = tuple[Recorded, ...]
"""What became true at once: one commit, or all commits of an atomic batch."""


class LogHead(msgspec.Struct, frozen=True):
    """`identity` changes when the log is created anew; `first` and `last` are sequences, 0 and 0 when it is empty."""

    identity: str
    first: int
    last: int
    bytes: int


class Batch:
    """An atomic append that began before all of it was known. Who never stores it has stored nothing."""

    def __init__(
        self,
        first: Entry,
        append: Callable[[Sequence[Entry]], Awaitable[list[int]]],
        prepared: asyncio.Future[None] | None = None,
    ) -> None:
        """Without `prepared`, nothing is: it begins when it is stored."""
        if prepared is None:
            prepared = asyncio.get_running_loop().create_future()
            prepared.set_result(None)
        self._first: Final = first
        self.prepared: Final = prepared
        """Done as soon as to wait for more would make `store` no quicker, for whatever reason. Nothing else follows."""
        self._append: Final = append
        self._stored = False

    async def store(self, rest: Sequence[Entry]) -> list[int]:
        """Store what it began with and these behind it, as `append_together` does. Once."""
        assert not self._stored, "a batch is stored once"
        self._stored = True
        return await self._append((self._first, *rest))


class EventLog(Protocol):
    """Sequences are positive, grow by at least one per commit, and are shared by all actors of the log."""

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        """Store every entry on its own, pipelined. One outcome per entry, in order: its sequence, or what it failed
        with: `Conflict`, `UnknownOutcome`, `LogUnavailable`, `LogFull`, `LogHalted`, or `UnsafeLog`. Entries of one
        call are of different actors."""
        ...

    async def append_together(self, entries: Sequence[Entry]) -> list[int]:
        """Store all entries or none, with consecutive sequences in the order given. Entries are of different actors,
        at most `limits.BATCH_ENTRIES_MAX`. Raises `Conflict` (with the actor if the log says which), `UnknownOutcome`,
        `LogUnavailable` or `LogFull`."""
        ...

    def begin(self, first: Entry) -> Batch:
        """Begin an atomic append with this entry while the others are not known yet: what a log has to prepare for one,
        it prepares meanwhile. Nothing fails before all of it is stored."""
        ...

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        """The last commit of each actor that has one. Never older than any acknowledged append."""
        ...

    async def at(self, sequence: int) -> Recorded | None:
        """The commit at exactly this sequence."""
        ...

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        """The commits at exactly these sequences, asked for together."""
        ...

    def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        """The actor's commits behind sequence `after` in order, up to the last one at the time of the call."""
        ...

    def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        """All commits behind `after` in order, up to the last one at the time of the call."""
        ...

    async def actors_under(self, name: str) -> list[str]:
        """The actors that have commits and whose names go on behind `name`, in order: `demo.day.studio` leads to
        `demo.day.studio.2026-12-07`."""
        ...

    async def orgs_with(self, kind: str) -> list[str]:
        """The organisations that have commits of an actor `<org>.<kind>`, in order."""
        ...

    def follow(self, after: int = 0, under: str = "") -> AsyncIterator[Step]:
        """All steps behind `after`, then those to come, without end. A batch is shown whole or not yet.
        Ends with a `LogHalted` when the log was created anew or ends before `after`.

        `under` a name, only commits of the actors whose names go on behind it, each of them a step of its own: whoever
        follows a few actors sees what these say in order, and does not know what else a batch holds."""
        ...

    async def head(self) -> LogHead: ...
