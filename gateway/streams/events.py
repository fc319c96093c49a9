"""Server-sent events: the same topics over plain HTTP, for whoever only listens.

Each event's id says where all of the stream's topics stand, in the order in which they were asked for, as in
`<epoch>:<sequence>.<sequence>`. A browser sends the last one back by itself when it comes again, and each topic goes on
from there. What a reader has not taken yet waits here, and is bounded: past that the topics are begun anew.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from events.waiting.sessions import Ticket, ticket_of
from gateway.calls import Call
from gateway.edge import Edge
from gateway.identity.callers import Caller
from gateway.problems import Problem
from gateway.streams import theirs
from gateway.streams.limits import TOPICS_PER_EVENTS_MAX, UNSENT_BYTES_MAX
from gateway.streams.live import Live, Step
from gateway.streams.messages import NO_ID, Begun, problem_told
from gateway.streams.staying import Still
from gateway.streams.topics import STATUS, Topic, topic_of

COMMENT_EVERY_S: Final = 15.0
RETRY_MS: Final = 2_000
_LAST: Final = re.compile(r"([0-9a-f]{12}):(\d{0,15}(?:\.\d{0,15})*)", re.ASCII)


class _Stands(msgspec.Struct, frozen=True):
    """Of a `resumed`: where the reader stands, with all that was missed still to be told."""

    position: str

    @property
    def sequence(self) -> int:
        return int(self.position.rpartition(":")[2])


_STANDS: Final = msgspec.json.Decoder(_Stands)


class Events:
    """One stream: a `Follower` whose messages are taken out by `run`."""

    def __init__(self, edge: Edge, topics: Sequence[Topic], still: Still) -> None:
        self.still: Final = still
        self._edge: Final = edge
        self._hub: Final = edge.hub
        self._names: Final = [topic.name for topic in topics]
        self._topics: Final = topics
        self._at: Final[dict[str, int]] = {}
        self._unread: Final[deque[bytes]] = deque()
        self._unread_bytes = 0
        self._behind: dict[Live, None] = {}
        self._news: Final = asyncio.Event()
        self._lives: Final[list[Live]] = []
        self._here: Final[dict[str, asyncio.Task[None]]] = {}
        """By topic, what keeps its ticket alive."""
        self._broken = False
        """Whether a topic failed that can be followed again later: its listener comes back with where it stood."""
        self.ended = False

    async def start(self, caller: Caller, last_id: str, address: bytes | None = None) -> None:
        """Follow all of them, or none, for somebody who is counted by that address."""
        org = caller.org
        since = _since(self._hub.epoch, last_id, len(self._topics))
        lives = [await self._hub.live(org, topic, address) for topic in self._topics]
        for topic, live, at in zip(self._topics, lives, since, strict=True):
            self._lives.append(live)
            if at is not None and at < 0:
                live.follow(self, NO_ID, None, "other_log")
            else:
                live.follow(self, NO_ID, None if topic.kind == STATUS else at)
            ticket = ticket_of(topic.name.partition("/")[2]) if topic.kind == "ticket" and caller.session else None
            if ticket is not None:
                self._here[topic.name] = self._hub.start_task(self._is_here(caller, ticket))

    async def _is_here(self, caller: Caller, ticket: Ticket) -> None:
        """If the ticket is theirs, it is kept alive by this stream."""
        try:
            beat_s = await theirs.beat_s(self._edge, caller, ticket)
        except theirs.Unsettled:
            beat_s = await theirs.beat_s_later(self._edge, caller, ticket)
        if beat_s is None:
            return
        self._edge.living.come(caller.org, ticket, beat_s)
        try:
            await asyncio.Future()  # until it is cancelled
        finally:
            self._edge.living.go(caller.org, ticket)

    def stays(self, caller: Caller) -> None:
        """All of its topics may still be followed, or it ends."""
        try:
            for topic in self._topics:
                caller.needs(topic.needs)
        except Problem as problem:
            self.sent_away(problem)

    def sent_away(self, problem: Problem) -> None:
        """Who comes back is told why."""
        self.stop()

    def stop(self) -> None:
        self.ended = True
        self._news.set()
        for live in self._lives:
            live.leave(self)
        for here in self._here.values():
            here.cancel()

    async def run(self) -> AsyncIterator[bytes]:
        """The bytes of the stream, until it is stopped, or a topic fails for now: a browser comes back by itself."""
        yield b"retry: %d\n\n" % RETRY_MS
        while not self.ended:
            if not self._unread:
                self._catch_up()
            self._news.clear()
            if not self._unread:
                try:
                    async with asyncio.timeout(COMMENT_EVERY_S):
                        await self._news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                continue
            said, broken = b"".join(self._unread), self._broken
            self._unread.clear()
            self._unread_bytes = 0
            yield said
            if broken:
                return

    def _catch_up(self) -> None:
        behind, self._behind = self._behind, {}
        for live in behind:
            live.leave(self)
            live.follow(self, NO_ID, None, "slow")

    # A follower

    def begins(self, live: Live, kind: Begun, id: bytes, rest: bytes) -> None:
        self._at[live.topic.name] = _STANDS.decode(b"{%b}" % rest).sequence if kind == "resumed" else live.base
        self._say(kind, b'{"type":"%b",%b}' % (kind.encode(), rest))

    def hears(self, live: Live, frames: bytes, steps: Sequence[Step]) -> None:
        if self._unread_bytes > UNSENT_BYTES_MAX or live in self._behind:
            self._hub.counts.conflated += live not in self._behind
            self._behind[live] = None
            return
        for step in steps:
            self._at[live.topic.name] = step.after
            self._say("delta", step.message)

    def fails(self, live: Live, id: bytes, problem: Problem) -> None:
        self._hub.counts.problem(problem.code)
        self._say("problem", problem_told(id, problem, live.topic.name))
        if (here := self._here.pop(live.topic.name, None)) is not None:
            here.cancel()
        if problem.fault != "caller":
            self._broken = True

    def _say(self, kind: str, message: bytes) -> None:
        where = ".".join(str(self._at.get(name, "")) for name in self._names)
        event = b"id: %b:%b\nevent: %b\ndata: %b\n\n" % (
            self._hub.epoch.encode(), where.encode(), kind.encode(), message,
        )  # fmt: skip
        self._unread.append(event)
        self._unread_bytes += len(event)
        self._news.set()


def wanted(call: Call, names: Sequence[str]) -> list[Topic]:
    """The topics of those names, if the caller may follow them."""
    if not 1 <= len(set(names)) <= TOPICS_PER_EVENTS_MAX:
        raise Problem("bad_topics", f"a stream has 1 to {TOPICS_PER_EVENTS_MAX} topics: ?topic=…&topic=…")
    topics = [topic_of(name) for name in dict.fromkeys(names)]
    for topic in topics:
        call.caller.needs(topic.needs)
    return topics


def _since(epoch: str, last_id: str, count: int) -> list[int | None]:
    """Where each topic stood; -1 where that was in another log."""
    if not last_id:
        return [None] * count
    found = _LAST.fullmatch(last_id)
    if found is None:
        return [None] * count
    at = found[2].split(".")
    if found[1] != epoch or len(at) != count:
        return [-1] * count
    return [int(one) if one else None for one in at]
