"""A client at a socket: what it follows, what it has asked for, and how far it has fallen behind.

A reader that does not keep up is told no deltas while more than `UNSENT_BYTES_MAX` wait for it. When they have left,
the topics that it missed something of are shown to it anew. If that takes too long, it is told to come back where it
stands, and goodbye. Nobody else waits for it: what it is sent is in its own transport's buffer, and that is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from events.waiting.sessions import Ticket
from gateway.problems import RETRY_MS, Problem
from gateway.streams import frames
from gateway.streams.frames import text_frame
from gateway.streams.limits import (
    CALLS_PER_SOCKET_MAX,
    MARKS_PER_SOCKET_MAX,
    MESSAGES_BURST,
    MESSAGES_PER_S,
    STALLED_S,
    TOPICS_PER_SOCKET_MAX,
    UNREAD_BYTES_MAX,
    UNSENT_BYTES_MAX,
)
from gateway.streams.live import Live, Step
from gateway.streams.messages import (
    NO_ID,
    SAID,
    Begun,
    CallFor,
    Subscribe,
    Sync,
    Unsubscribe,
    problem_told,
    written,
)
from gateway.streams.topics import Topic

if TYPE_CHECKING:
    from gateway.identity.callers import Caller
    from gateway.streams.entrance import Entrance
    from gateway.streams.socket import Socket
    from gateway.streams.staying import Still

SLOW: Final = 4_001
"""Closed for reading too slowly."""
NOT_ANY_MORE: Final = 4_003
"""Closed because what was shown does not let anybody in any more."""
LEAVING: Final = 1_012


class Client:
    """A `Listener` of its socket, and a `Follower` of topics."""

    __slots__ = (
        "_allowance", "_allowed_at", "_behind", "_calls", "_deaf_since", "_entrance", "_opened", "_socket", "_tickets",
        "_trying", "address", "caller", "marks", "still", "topics",
    )  # fmt: skip

    def __init__(self, entrance: Entrance, caller: Caller, address: str, still: Still) -> None:
        self.caller = caller
        self.still = still
        self.address = address
        self.topics: dict[str, Live] = {}
        self.marks: set[object] = set()
        """Positions that it waits for."""
        self._entrance = entrance
        self._socket: Socket | None = None
        self._calls: dict[asyncio.Task[None], set[str]] | None = None
        """What is under way, each with the topics that it is still to begin."""
        self._tickets: dict[str, Ticket] | None = None
        self._opened: set[str] | None = None
        """Topics that it follows by a booking's own token."""
        self._trying: dict[str, asyncio.Task[None]] | None = None
        """To keep tickets of which nobody could say yet whose they are."""
        self._behind: dict[Live, None] | None = None
        """Topics of which it was not told everything."""
        self._deaf_since = 0.0
        self._allowance = float(MESSAGES_BURST)
        self._allowed_at = 0.0

    # Its socket

    def opened(self, socket: Socket) -> None:
        self._socket = socket
        self._allowed_at = asyncio.get_running_loop().time()
        self._entrance.come(self)
        self.say(written("hello", NO_ID, epoch=self._entrance.hub.epoch, session=self.caller.session))

    def heard(self, text: bytes) -> None:
        if not self._may_speak():
            self.close(frames.POLICY, "too many messages")
            return
        if self.unsent > UNREAD_BYTES_MAX:  # whoever asks and does not read the answers would have us keep them all
            self._is_slow()
            return
        try:
            said = SAID.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            self.refuse(NO_ID, Problem("malformed", str(error)))
            return
        match said:
            case Subscribe():
                wanted = set(said.names)
                self._start(self._entrance.subscribe(self, said, wanted), said.id, wanted)
            case Unsubscribe():
                self._entrance.unsubscribe(self, said)
            case CallFor():
                self._start(self._entrance.call(self, said), said.id)
            case Sync():
                self._entrance.sync(self, said)

    def drained(self) -> None:
        behind, self._behind = self._behind, None
        for live in behind or ():
            if self.topics.get(live.topic.name) is live:
                live.leave(self)
                live.follow(self, NO_ID, None, "slow")

    def leaving(self) -> None:
        self.say(written("goaway", NO_ID, why="stopping", after_ms=self._entrance.jitter_ms()))
        self.close(LEAVING, "stopping")

    def closed(self) -> None:
        self._entrance.go(self)
        for task in self._calls or ():
            task.cancel()
        self._socket = None

    def stays(self, caller: Caller) -> None:
        """What it may not follow any more ends, but for what a booking's own token has opened."""
        self.caller = caller
        for name, live in list(self.topics.items()):
            if live.topic.needs in caller.permits or name in (self._opened or ()) or self not in live.followers:
                continue  # what has yet to begin is told its end when it has: somebody waits for its beginning
            try:
                caller.needs(live.topic.needs)
            except Problem as problem:
                live.leave(self)
                self.fails(live, NO_ID, problem)

    def sent_away(self, problem: Problem) -> None:
        self.refuse(NO_ID, problem)
        self.close(NOT_ANY_MORE, problem.code)

    def close(self, code: int, reason: str) -> None:
        if self._socket is not None:
            self._socket.close(code, reason)

    def say(self, message: bytes) -> None:
        if self._socket is not None:
            self._socket.send(text_frame(message))

    def refuse(self, id: bytes, problem: Problem, topic: str = "") -> None:
        self._entrance.hub.counts.problem(problem.code)
        self.say(problem_told(id, problem, topic))

    @property
    def unsent(self) -> int:
        return 0 if self._socket is None else self._socket.unsent

    # Its topics

    @property
    def has_heard_all(self) -> bool:
        """All that was told of its topics: nothing was left out that it is still to be shown."""
        return self._behind is None and all(live.has_told(self) for live in self.topics.values())

    def follows(self, live: Live, *, by_token: bool) -> None:
        name = live.topic.name
        if (before := self.topics.get(name)) is not None:
            before.leave(self)
        self.topics[name] = live
        if by_token:
            self._opened = (self._opened or set()) | {name}
        elif self._opened is not None:
            self._opened.discard(name)

    def follows_no_more(self, name: str) -> Live | None:
        """What it followed under that name, and may still have to leave."""
        if self._opened is not None:
            self._opened.discard(name)
        self._entrance.not_here(self, name)
        return self.topics.pop(name, None)

    def begins(self, live: Live, kind: Begun, id: bytes, rest: bytes) -> None:
        self.say(b'{"type":"%b","id":%b,%b}' % (kind.encode(), id, rest))

    def hears(self, live: Live, frames: bytes, steps: Sequence[Step]) -> None:
        socket = self._socket
        if socket is None:
            return
        if self._behind is None and socket.unsent <= UNSENT_BYTES_MAX:
            socket.send(frames)
            return
        self._fall_behind(live)

    def fails(self, live: Live, id: bytes, problem: Problem) -> None:
        self.follows_no_more(live.topic.name)
        self.refuse(id, problem, live.topic.name)

    def _fall_behind(self, live: Live) -> None:
        now = asyncio.get_running_loop().time()
        if self._behind is None:
            self._behind, self._deaf_since = {}, now
            self._entrance.hub.counts.conflated += 1
        self._behind[live] = None
        if now > self._deaf_since + STALLED_S:
            self._is_slow()

    def _is_slow(self) -> None:
        self._entrance.hub.counts.closed_slow += 1
        self.say(written("goaway", NO_ID, why="slow", after_ms=self._entrance.jitter_ms()))
        self.close(SLOW, "slow")

    # What it asks for

    def keeps(self, name: str, ticket: Ticket) -> Ticket | None:
        """It is by this stream that the ticket's holder is there; the ticket, if it was so before."""
        if self._tickets is None:
            self._tickets = {}
        before = self._tickets.get(name)
        self._tickets[name] = ticket
        return before

    def tries(self, name: str, work: asyncio.Task[None]) -> None:
        """To keep that ticket, for as long as it is followed."""
        if self._trying is None:
            self._trying = {}
        if (before := self._trying.get(name)) is not None:
            before.cancel()
        self._trying[name] = work
        work.add_done_callback(lambda done: self._tried(name, done))

    def _tried(self, name: str, work: asyncio.Task[None]) -> None:
        if self._trying is not None and self._trying.get(name) is work:
            del self._trying[name]
            self._trying = self._trying or None

    def lets_go(self, name: str) -> Ticket | None:
        if self._trying is not None and (trying := self._trying.pop(name, None)) is not None:
            trying.cancel()
        return None if self._tickets is None else self._tickets.pop(name, None)

    def needs_room_for(self, topics: Sequence[Topic]) -> None:
        if len(self.topics) + sum(topic.name not in self.topics for topic in topics) > TOPICS_PER_SOCKET_MAX:
            raise Problem("too_many_topics", "a socket follows no more topics than that: unsubscribe some")

    def needs_room_for_mark(self) -> None:
        if len(self.marks) >= MARKS_PER_SOCKET_MAX:
            detail = f"a socket waits for at most {MARKS_PER_SOCKET_MAX} positions at a time"
            raise Problem("too_many_requests", detail, retry_after_ms=RETRY_MS)

    def wants_no_more(self, name: str) -> None:
        """What is under way is not to begin it."""
        for wanted in (self._calls or {}).values():
            wanted.discard(name)

    def _start(self, work: Any, id: int, wanted: set[str] | None = None) -> None:
        if self._calls is None:
            self._calls = {}
        if len(self._calls) >= CALLS_PER_SOCKET_MAX:
            work.close()
            detail = f"at most {CALLS_PER_SOCKET_MAX} requests of a socket are under way at a time"
            self.refuse(b"%d" % id, Problem("too_many_requests", detail, retry_after_ms=RETRY_MS))
            return
        task = asyncio.get_running_loop().create_task(work)
        self._calls[task] = set() if wanted is None else wanted
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._calls is not None:
            self._calls.pop(task, None)
            if not self._calls:
                self._calls = None

    def _may_speak(self) -> bool:
        """A token bucket of its own."""
        now = asyncio.get_running_loop().time()
        self._allowance = min(MESSAGES_BURST, self._allowance + (now - self._allowed_at) * MESSAGES_PER_S)
        self._allowed_at = now
        self._allowance -= 1
        return self._allowance >= 0
