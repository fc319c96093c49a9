"""Following: how an actor hears what others commit.

A waiting room decides by what its lines say, and the order in which they said it is the order of the log. So the
room's host follows the log for it, only what stands under one name, from behind the last commit that the room's state
has taken in. What came and was not taken in yet is its *news*: complete and in order, or there is none. It is thrown
away when the state that stands in the log has it, and not before: if a commit of the room's is refused, the same news
are there again.

Considered instead: telling the room by a command from each line (who resends it when a host dies? in which order do
they arrive?), and folding the lines into a view that no commit of the room speaks of (then nobody could tell
afterwards what the room knew).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final, cast

import msgspec
import structlog

from actors.decider import AnyDecider, Followed, News
from actors.runtime.cell import Cell
from actors.runtime.tasks import Tasks
from events.commit import hash_of
from events.errors import ChainBroken, LogError, LogHalted
from events.log import EventLog, Recorded, Step
from events.names import kind_of

log = structlog.get_logger(__name__)

NEWS_FACTS_MAX: Final = 50_000
"""How many facts may wait for one actor to take them in; then no more is read."""
NEWS_EVERY_MS: Final = 20
"""Who has just been told of news is told of more after so long: meanwhile they gather."""

_NO_NEWS: Final = Followed()
_NOTHING_YET: Final = Followed(caught_up=False)


class _Feed:
    """What one actor hears."""

    def __init__(self, cell: Cell, after: int) -> None:
        self.cell: Final = cell
        self.after: Final = after
        """Everything from behind here is in `news`, or was taken in."""
        self.through = after
        self.end_at_first: int | None = None
        """Where those who are followed stood when this feed began; None while nobody knows."""
        self.news: Final[deque[News]] = deque()
        self.facts = 0
        self.room = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.telling: asyncio.TimerHandle | None = None
        self.told_at = float("-inf")

    def taken_in(self, through: int) -> None:
        while self.news and self.news[0].sequence <= through:
            self.facts -= len(self.news.popleft().facts)
        if self.facts < NEWS_FACTS_MAX:
            self.room.set()

    @property
    def caught_up(self) -> bool:
        return self.end_at_first is not None and self.through >= self.end_at_first

    def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if self.telling is not None:
            self.telling.cancel()


class Following:
    """`told` is called when there is something new for a cell, `halted` when what it follows cannot be."""

    def __init__(
        self,
        events: EventLog,
        kinds: Mapping[str, AnyDecider],
        tasks: Tasks,
        retry_log_ms: int,
        told: Callable[[Cell], None],
        halted: Callable[[Cell, Exception], None],
    ) -> None:
        self._events = events
        self._kinds = kinds
        self._tasks = tasks
        self._retry_s = retry_log_ms / 1000
        self._told = told
        self._halted = halted
        self._feeds: dict[str, _Feed] = {}

    def heard(self, cell: Cell) -> Followed:
        """The news of a cell whose state is the one that stands in the log. From here on it is told of more."""
        memory, decider = cell.memory, cell.decider
        assert memory is not None
        assert decider.heard is not None
        through = decider.heard(memory.state)
        feed = self._feeds.get(cell.actor)
        if feed is None or feed.cell is not cell or through < feed.after:
            self.forget(cell.actor)
            feed = self._feeds[cell.actor] = _Feed(cell, through)
            feed.task = self._tasks.start(self._run(feed))
        feed.taken_in(through)
        if not feed.news:
            return _NO_NEWS if feed.caught_up else _NOTHING_YET
        return Followed(tuple(feed.news), feed.caught_up)

    def landed(self, cell: Cell) -> None:
        """A commit of the cell stands: what it took in is not kept any longer."""
        feed, heard = self._feeds.get(cell.actor), cell.decider.heard
        if feed is not None and feed.cell is cell and cell.memory is not None and heard is not None:
            feed.taken_in(heard(cell.memory.state))

    def has_news(self, cell: Cell) -> bool:
        """Whether something has come that the cell's state, as far as it is known, has not taken in."""
        feed, memory, heard = self._feeds.get(cell.actor), cell.memory, cell.decider.heard
        if feed is None or feed.cell is not cell or not feed.news or heard is None:
            return False
        return memory is None or feed.news[-1].sequence > heard(memory.state)

    def forget(self, actor: str) -> None:
        feed = self._feeds.pop(actor, None)
        if feed is not None:
            feed.end()

    def stop(self) -> None:
        for actor in list(self._feeds):
            self.forget(actor)

    async def _run(self, feed: _Feed) -> None:
        cell = feed.cell
        assert cell.decider.follows is not None
        under = cell.decider.follows(cell.actor)
        while True:
            try:
                if feed.end_at_first is None:
                    feed.end_at_first = await self._end_of(under)
                    self._tell_soon(feed)
            except LogHalted as halt:
                self._halted(cell, halt)
                return
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error), follower=cell.actor)
                await asyncio.sleep(self._retry_s)
                continue
            steps = cast("AsyncGenerator[Step, None]", self._events.follow(feed.through, under))
            try:
                async for step in steps:
                    for recorded in step:
                        await self._take(feed, recorded)
            except LogHalted as halt:
                self._halted(cell, halt)
                return
            except LogError as error:
                log.warning("log_out_of_reach", code=error.code, detail=str(error), follower=cell.actor)
            finally:
                await steps.aclose()
            await asyncio.sleep(self._retry_s)

    async def _end_of(self, under: str) -> int:
        """Where the last commit of those stands who are followed."""
        last = await self._events.last_of(await self._events.actors_under(under))
        return max((recorded.sequence for recorded in last.values()), default=0)

    async def _take(self, feed: _Feed, recorded: Recorded) -> None:
        try:
            commit = self._kinds[kind_of(recorded.actor)].facts.read(recorded.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ChainBroken(f"the commit at sequence {recorded.sequence} cannot be read: {error}") from error
        facts = tuple(fact for one in commit.decided for fact in one.facts)
        feed.news.append(News(recorded.sequence, recorded.actor, hash_of(recorded.body), facts))
        feed.facts += len(facts)
        feed.through = recorded.sequence
        self._tell_soon(feed)
        while feed.facts >= NEWS_FACTS_MAX:
            feed.room.clear()
            await feed.room.wait()

    def _tell_soon(self, feed: _Feed) -> None:
        if feed.telling is not None:
            return
        loop = asyncio.get_running_loop()
        wait_s = feed.told_at + NEWS_EVERY_MS / 1000 - loop.time()
        if wait_s <= 0:
            self._tell(feed)
        else:
            feed.telling = loop.call_later(wait_s, self._tell, feed)

    def _tell(self, feed: _Feed) -> None:
        feed.telling = None
        feed.told_at = asyncio.get_running_loop().time()
        self._told(feed.cell)
