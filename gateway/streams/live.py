"""A topic that somebody follows here: what it was a moment ago, what has changed since, and who is told.

Whoever begins gets exactly one of three: what changed since they were here (*resumed*); the topic as it is
(*snapshot*); or that, with why they could not go on (*reset*). Then deltas, each with the positions before and after
it. Everything is written once, however many follow, and what comes within a moment goes out together: it is the number
of writes that costs, not their size.

A new follower is given the snapshot that is at hand and all that changed since; when that has become more than a new
one, the read models are asked for one, once, for all who wait.

Considered instead: folding the topic here, to have a snapshot always. It would take the rules of every topic into the
gateway, and a fold for each topic in each gateway, for what is asked a few times a minute.

It is whole in one module because whoever begins, what is heard and what is in doubt move the same position.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from gateway.problems import Problem, problem_from
from gateway.streams.frames import text_frame
from gateway.streams.limits import ASK_WITHIN_MS, BEHIND_SNAPSHOT_MAX, CATCH_UP_S, STEPS_KEPT_MAX
from gateway.streams.messages import Begun
from gateway.streams.topics import Topic
from projections.folding import position

if TYPE_CHECKING:
    from gateway.streams.hub import Hub

log = structlog.get_logger(__name__)

_AHEAD_MAX: Final = 64
"""Positions ahead of a topic that are looked out for at a time. Anybody can make some up; one is usual."""

_LOOK_WITHIN_S: Final = 20.0
"""For a topic in doubt to be looked at again, its turn included. Nobody is left longer with what may not be all."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """A delta: the sequences before and after it, and the message as JSON."""

    before: int
    after: int
    message: bytes


class Follower(Protocol):
    """Somebody who follows topics. Its methods must not raise, and must not follow or leave anything."""

    def begins(self, live: Live, kind: Begun, id: bytes, rest: bytes) -> None:
        """What stands at the beginning: `rest` are the members of the message behind its type and its id."""

    def hears(self, live: Live, frames: bytes, steps: Sequence[Step]) -> None:
        """What has changed, in order: as frames of a socket, and one by one."""

    def fails(self, live: Live, id: bytes, problem: Problem) -> None:
        """It cannot be followed, or not any more."""


class _Waiting(msgspec.Struct, frozen=True):
    follower: Follower
    id: bytes
    since: int | None
    why: str


class Live:
    def __init__(self, hub: Hub, org: str, topic: Topic) -> None:
        self._hub: Final = hub
        self.org: Final = org
        self.topic: Final = topic
        self.position = -1
        """The sequence that has been told to everybody; -1 while nothing is known."""
        self.followers: Final[dict[Follower, None]] = {}
        self._kept: Final[deque[Step]] = deque()
        """The last steps, each going on from the one before."""
        self.base = -1
        """Where the snapshot that is at hand stands."""
        self._snapshot = b""
        self._waiting: list[_Waiting] = []
        self._asking: asyncio.Task[None] | None = None
        self._not_known: Final[set[int]] = set()
        """Where somebody stood, and nobody knows any more what came next."""
        self._ahead: Final[dict[int, tuple[asyncio.Task[None], list[_Waiting]]]] = {}
        """Where nobody here has come yet: who says that they stand there, and what looks out for it."""
        self._looking = False
        self._doubts = 0
        self._told_of = -1
        """How far somebody has told of it, whether or not we heard what leads there."""
        self._moved = asyncio.Event()
        self._unheard: list[Step] = []
        """What came while nothing was known, or goes on from what is only just being looked at."""
        self._going_out: list[Step] = []
        self.idle_since = asyncio.get_running_loop().time()

    @property
    def is_idle(self) -> bool:
        return not (self.followers or self._waiting or self._asking or self._ahead)

    # Following

    def follow(self, follower: Follower, id: bytes, since: int | None, why: str = "") -> None:
        """`since` is where the follower stands, if anywhere. `why` says what became of that, if it cannot go on."""
        self._waiting.append(_Waiting(follower, id, since, why))
        if self.topic.moves_untold and not self._asking:
            self.base = -1  # what is at hand may be old, and nothing that is told would say so
        self._let_begin()
        if self._waiting and self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    def has_told(self, follower: Follower) -> bool:
        """Whether it has begun, and what it was told is all, as far as anybody knows."""
        return follower in self.followers and not self._looking

    async def begun(self, follower: Follower) -> None:
        """Until it has been told where it begins, or that it cannot."""
        while (under_way := self._under_way_for(follower)) is not None:
            await asyncio.wait((under_way,))

    def _under_way_for(self, follower: Follower) -> asyncio.Task[None] | None:
        for looking_out, waiting in self._ahead.values():
            if any(one.follower is follower for one in waiting):
                return looking_out
        return self._asking if any(one.follower is follower for one in self._waiting) else None

    def leave(self, follower: Follower) -> None:
        self.followers.pop(follower, None)
        self._waiting = [one for one in self._waiting if one.follower is not follower]
        for _, waiting in self._ahead.values():
            waiting[:] = [one for one in waiting if one.follower is not follower]
        self.idle_since = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Nobody follows it any more."""
        if self._asking is not None:
            self._asking.cancel()
        for looking_out, _ in self._ahead.values():
            looking_out.cancel()

    def _let_begin(self) -> None:
        """All who can."""
        if self.position < 0:
            return
        self.go_out()  # so that whoever begins hears nothing twice
        waiting, self._waiting = self._waiting, []
        self._waiting = [one for one in waiting if not (self._looks_out_for(one) or self._begins(one))]

    def _begins(self, one: _Waiting) -> bool:
        """Whether it could be told where it begins."""
        if (missed := self._missed_by(one)) is not None:
            assert one.since is not None
            self._hub.counts.resumed += 1
            self._tell(one, "resumed", one.since, b"")
            self._catch_up(one.follower, missed)
            return True
        steps = self._after(self.base)
        if self.base < 0 or steps is None or len(steps) > BEHIND_SNAPSHOT_MAX:
            return False
        if one.since is not None and not one.why and not self._was_looked_for(one.since):
            return False
        self._show(one.follower, one.id, one.why or ("" if one.since is None else "too_old"))
        self._catch_up(one.follower, steps)
        return True

    def _missed_by(self, one: _Waiting) -> list[Step] | None:
        if one.since is None or one.why or (self.topic.moves_untold and self.base < 0):
            return None
        return self._after(one.since)

    def _after(self, since: int) -> list[Step] | None:
        """The steps that lead on from there, if they are all known."""
        if since == self.position:
            return []
        steps = [step for step in self._kept if step.after > since]
        if not steps or since > self.position:
            return None
        first = steps[0].before
        return steps if first == since or (first < since and self.topic.gathered) else None

    def _was_looked_for(self, since: int) -> bool:
        return since > self.position or since in self._not_known

    def _show(self, follower: Follower, id: bytes, why: str) -> None:
        if why:
            self._hub.counts.resets[why] += 1
        else:
            self._hub.counts.snapshots += 1
        rest = b',"why":"%b"' % why.encode() if why else b""
        one = _Waiting(follower, id, None, why)
        self._tell(one, "reset" if why else "snapshot", self.base, rest + b',"state":' + self._snapshot)

    def _tell(self, one: _Waiting, kind: Begun, at: int, rest: bytes) -> None:
        where = position(self._hub.epoch, at).encode()
        about = b'"topic":"%b","position":"%b"' % (self.topic.name.encode(), where)
        one.follower.begins(self, kind, one.id, about + rest)

    def _catch_up(self, follower: Follower, steps: list[Step]) -> None:
        self.followers[follower] = None
        if steps:
            follower.hears(self, b"".join(text_frame(step.message) for step in steps), steps)

    # Asking

    async def _ask(self) -> None:
        """For what those who wait need, until they have all begun."""
        try:
            while self._waiting:
                if self.position < 0 or any(self._is_to_be_shown(one) for one in self._waiting):
                    await self._ask_shown()  # none of them waits for what others have missed
                else:
                    await self._ask_since()
                self._let_begin()
        except Exception as error:  # noqa: BLE001  # they wait for it, and our log is told of a bug
            problem = problem_from(error)
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.follower.fails(self, one.id, problem)
        finally:
            self._asking = None
            if not self._looking:
                self._unheard.clear()
            self._not_known.clear()
            self.idle_since = asyncio.get_running_loop().time()

    def _is_to_be_shown(self, one: _Waiting) -> bool:
        """Whether it needs the topic as it is, and not what changed."""
        if one.since is None or one.why or (self.topic.moves_untold and self.base < 0):
            return True
        return self._was_looked_for(one.since)

    async def _ask_since(self) -> None:
        """What was told before it was followed here, so that whoever stood there can go on. The oldest leads all others
        on; where nobody knows any more what came next, or it is made up, the next one is asked for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ASK_WITHIN_MS / 1000  # many can be made up, and all wait together
        for since in sorted({one.since for one in self._waiting if one.since is not None}):
            if self.position < 0 or self._after(since) is not None:
                continue
            missed = await self._hub.since(self.org, self.topic, since) if loop.time() < until else None
            first = self._kept[0].before if self._kept else self.position
            earlier = [step for step in missed or () if step.after <= first]
            if earlier and earlier[-1].after == first:
                self._kept.extendleft(reversed(earlier))
                self._trim()
            if self._after(since) is None:
                self._not_known.add(since)

    async def _ask_shown(self) -> None:
        steps = self._after(self.base)
        if self.base >= 0 and steps is not None and len(steps) <= BEHIND_SNAPSHOT_MAX:
            return
        was_known = self.position >= 0
        at, state = await self._hub.shown(self.org, self.topic, max(self.position, 0))
        if self.position < 0:
            if not was_known:  # else what came meanwhile was forgotten: it is asked for anew
                self._stand(at, state)
            return
        if self.topic.moves_untold and self.position < at:
            self._start_over("missed", at, state)
            return
        if not await self._comes_to(at):
            if self.position >= 0:
                self._start_over("missed", at, state)
            return
        self.base, self._snapshot = at, state

    async def _comes_to(self, at: int) -> bool:
        """Whether what leads there arrives: it should be on its way."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                while self.position < at:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    # Looking out for those who are ahead of us

    def _looks_out_for(self, one: _Waiting) -> bool:
        """Whoever comes from a gateway that had heard more than this one is not sent back to what was before."""
        if one.since is None or one.why or one.since <= self.position:
            return False
        if one.since not in self._ahead:
            if len(self._ahead) >= _AHEAD_MAX:
                return False
            task = asyncio.get_running_loop().create_task(self._look_out(one.since))
            self._ahead[one.since] = task, []
        self._ahead[one.since][1].append(one)
        return True

    async def _look_out(self, since: int) -> None:
        """Until what leads there has come, or nobody knows of it. It may be made up: only who says so waits."""
        try:
            at, _ = await self._hub.shown(self.org, self.topic, since)
            if at >= since and (self.topic.moves_untold or not await self._comes_to(since)):
                self.doubt()  # it was lost on the way
                await self._comes_to(since)
        except Problem:
            pass  # if it is the same for what they begin with then, they are told
        except Exception:
            log.exception("not_looked_out_for", topic=self.topic.name)
        _, waiting = self._ahead.pop(since)
        for one in waiting:
            if self.position >= since:
                self.follow(one.follower, one.id, since)
            else:
                self.follow(one.follower, one.id, None, "too_old")
        self.idle_since = asyncio.get_running_loop().time()

    def _stand(self, at: int, state: bytes) -> None:
        """From here on it is known."""
        self.position = self.base = at
        self._snapshot = state
        self._moved.set()
        self._hear_again()

    def _hear_again(self) -> None:
        unheard, self._unheard = self._unheard, []
        for step in unheard:
            self.hear(step)

    def _start_over(self, why: str, at: int, state: bytes) -> None:
        """Something was missed: everybody begins anew."""
        self._going_out.clear()
        self._kept.clear()
        self._stand(at, state)
        for follower in list(self.followers):
            self._show(follower, b"null", why)

    # Hearing

    def hear(self, step: Step) -> None:
        """What was published of it."""
        if self.position < 0:
            if self._asking is not None:
                self._unheard.append(step)
            return
        if step.after <= self.position:
            return
        if step.before != self.position and not (self.topic.gathered and step.before < self.position):
            self._unheard.append(step)
            del self._unheard[:-STEPS_KEPT_MAX]
            self.doubt(step.after)
            return
        self.position = step.after
        self._kept.append(step)
        self._trim()
        self._moved.set()
        if self.followers:
            if not self._going_out:
                self._hub.goes_out(self)
            self._going_out.append(step)

    def _trim(self) -> None:
        while len(self._kept) > STEPS_KEPT_MAX:
            self._kept.popleft()

    def doubt(self, told_of: int = -1) -> None:
        """What was heard may not be all; somebody has told of what came until there."""
        if self.position < 0:
            return
        self._doubts += told_of < 0
        self._told_of = max(self._told_of, told_of)
        if self._looking:
            return
        if self.is_idle:
            self._forget()
            return
        self._looking = True
        self._hub.start_task(self._look_again())

    async def _look_again(self) -> None:
        """Go on with what was missed, if that can still be had; else everybody begins anew; and then with what came
        meanwhile. Until nobody has come to doubt it since it was looked at, and all that was told of is here."""
        try:
            async with asyncio.timeout(_LOOK_WITHIN_S), self._hub.looks:
                while True:
                    for step in await self._hub.since(self.org, self.topic, self.position) or ():
                        self.hear(step)
                    self._hear_again()
                    doubts = self._doubts
                    at_least = max(self.position, self._told_of)
                    at, state = await self._hub.shown(self.org, self.topic, at_least)
                    if at > self.position:
                        self._start_over("missed", at, state)
                    if doubts == self._doubts and self._told_of <= max(self.position, at_least):
                        break
        except Exception as error:  # noqa: BLE001  # nobody is left with what may not be all
            late = Problem("not_answered", "the read models do not answer in time", "busy")
            problem = late if isinstance(error, TimeoutError) else problem_from(error)
            self._forget()
            followers = list(self.followers)
            self.followers.clear()
            for follower in followers:
                follower.fails(self, b"null", problem)
        finally:
            self._looking = False
            self._unheard.clear()

    def _forget(self) -> None:
        """Nothing is known of it any more; what was kept leads to nothing that will be known later."""
        self.position = self.base = -1
        self._snapshot = b""
        self._kept.clear()
        self._going_out.clear()
        self._unheard.clear()

    def go_out(self) -> None:
        """Tell everybody what has come since they were told last."""
        steps, self._going_out = self._going_out, []
        if not steps:
            return
        frames = text_frame(steps[0].message) if len(steps) == 1 else b"".join(text_frame(one.message) for one in steps)
        for follower in list(self.followers):
            follower.hears(self, frames, steps)
