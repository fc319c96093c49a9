"""A stream for programs that do not await: the one that does, in a thread with a loop of its own.

Considered instead: the same once more upon blocking sockets. Resuming, starting over and guessing would then be done
in two places, and a ticket would be kept alive only while its holder happens to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final, Generic, Self, TypeVar

from tidegate_client.answers import Ticket as TicketShown
from tidegate_client.asking import Ask, AsksNow
from tidegate_client.commands import Commands
from tidegate_client.exchange import Gateways, Manner, Seen
from tidegate_client.problems import Problem, closed
from tidegate_client.streams.conversation import Change
from tidegate_client.streams.following import Following
from tidegate_client.streams.states import Run
from tidegate_client.streams.stream import Stream
from tidegate_client.streams.views import BlockView, DayView, MonthView, PlaceView, RoomView, TicketView, View

T = TypeVar("T")
V = TypeVar("V", bound=View)


class _Elsewhere:
    """Somebody who blocks, asked from a loop."""

    def __init__(self, one: AsksNow) -> None:
        self._one: Final = one

    async def do_later(self, ask: Ask[T]) -> T:
        return await asyncio.to_thread(self._one.do, ask)


class BlockingStream(Commands):
    """To be used by `with`. Threads that wait for something when the block is left are told that it is `closed`."""

    def __init__(self, manner: Manner, gateways: Gateways, seen: Seen, look: AsksNow) -> None:
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = Thread(target=self._loop.run_forever, name="tidegate stream", daemon=True)
        self._lock: Final = Lock()
        self._is_open = False
        """While it is, the loop does what it is given. Guarded by the lock: what is given later would wait for ever."""
        self.stream: Final = Stream(manner, gateways, seen, _Elsewhere(look))
        """The one that awaits, to be used within its own loop."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_open = True
        self._run(self.stream.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_open = False
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, ask: Ask[T]) -> T:
        return self._run(self.stream.do_later(ask))

    def reached(self, position: str, *, within_s: float | None = None) -> None:
        """Come back when everything that is followed has been told through there."""
        self._run(self.stream.reached(position, within_s=within_s))

    def wait(self, ticket: str) -> TicketShown:
        """Until it is called; it is kept alive meanwhile."""
        return self._run(self.stream.wait(ticket))

    def follow(self, *topics: str, token: str = "") -> BlockingFollowing:
        """What changes of these topics, each beginning with how it is."""

        async def follow() -> Following:
            return self.stream.follow(*topics, token=token)

        return BlockingFollowing(self._run, self._run(follow()))

    def day(self, resource: str, date: str) -> BlockingDay:
        return BlockingDay(self._run, lambda: self.stream.day(resource, date))

    def month(self, resource: str, month: str) -> BlockingView[MonthView]:
        return BlockingView(self._run, lambda: self.stream.month(resource, month))

    def room(self, room: str) -> BlockingView[RoomView]:
        return BlockingView(self._run, lambda: self.stream.room(room))

    def block(self, room: str, block: int) -> BlockingView[BlockView]:
        return BlockingView(self._run, lambda: self.stream.block(room, block))

    def ticket(self, ticket: str) -> BlockingView[TicketView]:
        return BlockingView(self._run, lambda: self.stream.ticket(ticket))

    def place(self, ticket: TicketShown) -> BlockingView[PlaceView]:
        return BlockingView(self._run, lambda: self.stream.place(ticket))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if not self._is_open:
                work.close()
                raise closed()
            done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result()
        except CancelledError:
            raise closed() from None

    async def _end(self) -> None:
        await self.stream.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class BlockingFollowing:
    """Changes of topics, in order. Left by `with`; else it ends with its stream."""

    def __init__(self, run: Any, following: Following) -> None:
        self._run: Final = run
        self._following: Final = following

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def __iter__(self) -> Iterator[Change]:
        return self

    def __next__(self) -> Change:
        try:
            change: Change | None = self._run(_next(self._following))
        except Problem:
            if not self._following.has_ended:
                raise
            change = None
        if change is None:
            raise StopIteration
        return change

    def leave(self) -> None:
        with suppress(Problem):  # a stream that was closed has left it already
            self._run(_leave(self._following))


class BlockingView(Generic[V]):
    """A view, `now`, as it is at any moment. Going through it waits for the next change."""

    def __init__(self, run: Any, make: Callable[[], V]) -> None:
        self._run: Final = run
        self.now: Final[V] = run(_made(make))

    def __enter__(self) -> Self:
        self._run(self.now.begun())
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Problem):  # a stream that was closed has left it already
            self._run(_leave(self.now))

    def __iter__(self) -> Iterator[V]:
        try:
            self._run(self.now.begun())
            while True:
                yield self.now
                self._run(self.now.changed())
        except Problem:
            if not self.now.has_ended:
                raise


class BlockingDay(BlockingView[DayView]):
    def attempt(self, ask: Ask[T], *, holds: Run | None = None, takes: Run | None = None) -> T:
        """Have it done over the stream, and show these slots as held, or as taken, from now on."""
        answer: T = self._run(self.now.attempt(ask, holds=holds, takes=takes))
        return answer


async def _next(following: Following) -> Change | None:
    return await anext(following, None)


async def _made(make: Callable[[], V]) -> V:
    return make()


async def _leave(one: Following | View) -> None:
    one.leave()
