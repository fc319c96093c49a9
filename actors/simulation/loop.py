"""Virtual time: asyncio loops that never wait.

A `Timeline` is one line of time that any number of loops share. When nothing is left to run at the present instant,
it moves to the next instant at which something is due, at once. So an hour of time-outs takes a moment, and the same
work in the same order leads to the same run.

Every simulated machine has a `VirtualLoop` of its own on the shared line, and that is what makes it a machine: it can
be *frozen* (nothing of it runs, and what comes in piles up, as under SIGSTOP) and *killed* (nothing of it ever runs
again, not even a `finally`, as under SIGKILL), and its own clock may run at a slightly different rate.

    answer = run(main())        # one loop, one task, virtual time: for tests of anything that waits

What is due at the same instant runs in the order in which it was asked for. There are no threads, no files, and no
sockets here. When all wait for what can never come, `Stuck` says so instead of hanging.
"""

from __future__ import annotations

import asyncio
from asyncio.events import _get_running_loop, _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_AT_ONE_INSTANT_MAX: Final = 500_000
"""More than this without time moving is a loop that feeds itself."""
_TIMERS_SWEPT_FROM: Final = 256
"""Below this many, cancelled timers may lie until their time comes."""


class Stuck(Exception):
    """Somebody waits, but nothing is running and nothing is due: it would be for ever."""


class Livelock(Exception):
    """Work without end at one instant."""


class _Soon(asyncio.Handle):
    """A callback that is ready to run; `home` is the loop that it belongs to."""

    __slots__ = ("home",)

    home: VirtualLoop

    def run(self) -> None:
        try:
            self._context.run(self._callback, *self._args)  # type: ignore[attr-defined]  # asyncio's own
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  # as asyncio does: it is the loop's to report
            self.home.call_exception_handler({"message": "a callback raised", "exception": error, "handle": self})


class _Later(asyncio.TimerHandle):
    """A callback that is due at an instant of the timeline; `when()` is that instant on its own loop's clock."""

    __slots__ = ("home",)

    home: VirtualLoop

    def run(self) -> None:
        try:
            self._context.run(self._callback, *self._args)  # type: ignore[attr-defined]  # asyncio's own
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  # as asyncio does: it is the loop's to report
            self.home.call_exception_handler({"message": "a timer raised", "exception": error, "handle": self})


class Timeline:
    """Time, in seconds since the simulation began, and everything that is to happen in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        """Callbacks that have been run."""
        self.troubles: list[tuple[VirtualLoop, dict[str, Any]]] = []
        """What asyncio would have complained about on standard error."""
        self._ready: Final[deque[_Soon | _Later]] = deque()
        self._later: list[tuple[float, int, _Later]] = []
        self._count = 0
        self._cancelled = 0
        self._stood_still = 0
        """Callbacks since time last moved: a timer that is due at once, again and again, moves nothing."""

    def soon(self, handle: _Soon | _Later) -> None:
        self._ready.append(handle)

    def later(self, at: float, handle: _Later) -> None:
        self._count += 1
        heappush(self._later, (at, self._count, handle))

    def timer_cancelled(self) -> None:
        """Most timers are time-outs that don't come to pass: drop the cancelled ones when they are the majority."""
        self._cancelled += 1
        if self._cancelled > _TIMERS_SWEPT_FROM and self._cancelled * 2 > len(self._later):
            self._later = [due for due in self._later if not due[2].cancelled()]
            self._later.sort()  # a sorted list is a heap
            self._cancelled = 0

    def run_until(self, end: float, *, stop: Callable[[], bool] | None = None) -> None:
        """Let time pass until `end`, or until `stop` says so, which is asked after every instant."""
        before = _get_running_loop()
        try:
            while True:
                self._run_instant()
                if stop is not None and stop():
                    return
                while self._later and self._later[0][2].cancelled():
                    heappop(self._later)
                if not self._later or self._later[0][0] > end:
                    self.now = max(self.now, end)
                    return
                self._move_on()
        finally:
            _set_running_loop(before)

    def run_until_done(self, future: asyncio.Future[T]) -> T:
        """Let time pass until the future is done. `Stuck` when it can't be any more."""
        self.run_until(float("inf"), stop=future.done)
        if not future.done():
            raise Stuck(f"nothing is left to happen, and {future!r} still waits")
        return future.result()

    def end(self) -> None:
        """Forget whatever was still to come."""
        self._ready.clear()
        self._later.clear()
        self.troubles.clear()

    def _move_on(self) -> None:
        later, ready = self._later, self._ready
        now = max(self.now, later[0][0])
        if now > self.now:
            self.now, self._stood_still = now, 0
        while later and later[0][0] <= now:
            ready.append(heappop(later)[2])

    def _run_instant(self) -> None:
        ready = self._ready
        steps = 0
        running: VirtualLoop | None = None
        while ready:
            handle = ready.popleft()
            if handle.cancelled():
                continue
            home = handle.home
            if home.held is not None:
                home.held.append(handle)
                continue
            if home is not running:
                _set_running_loop(home)
                running = home
            steps += 1
            handle.run()
            if self._stood_still + steps > STEPS_AT_ONE_INSTANT_MAX:
                raise Livelock(f"{self._stood_still + steps} callbacks at {self.now}; the last was {handle!r}")
        self.steps += steps
        self._stood_still += steps


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one machine. `since` and `rate` are those of its monotonic clock."""

    def __init__(
        self, timeline: Timeline | None = None, name: str = "loop", *, since: float = 0.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        self.timeline: Final = timeline or Timeline()
        self.name: Final = name
        self.dead = False
        self.held: list[_Soon | _Later] | None = None
        """What has become ready while the machine is frozen, or since it is dead; None while it runs."""
        self._since = since
        self._rate = rate
        self._tasks_begun = 0

    # The machine

    def freeze(self) -> None:
        """Nothing of this loop runs until it thaws."""
        if self.held is None:
            self.held = []

    def thaw(self) -> None:
        """Everything that came in or was due meanwhile happens now, in that order."""
        if self.held is not None and not self.dead:
            held, self.held = self.held, None
            for handle in held:
                self.timeline.soon(handle)

    def kill(self) -> None:
        """Nothing of this loop ever runs again. What it had begun is kept as it stands: nothing is cleaned up."""
        self.dead = True
        self.freeze()

    # What asyncio asks of a loop

    def time(self) -> float:
        return self._since + self.timeline.now * self._rate

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Soon(callback, args, self, context)
        handle.home = self
        self.timeline.soon(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _Later(when, callback, args, self, context)
        handle.home = self
        self.timeline.later((when - self._since) / self._rate, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timeline.timer_cancelled()

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], *, name: object = None, **options: Any
    ) -> asyncio.Task[T]:
        if name is None:  # asyncio counts tasks per process, which would differ between two runs
            self._tasks_begun += 1
            name = f"{self.name}-{self._tasks_begun}"
        return super().create_task(coro, name=str(name), **options)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead:
            self.timeline.troubles.append((self, context))

    def run_forever(self) -> None:
        raise NotImplementedError("virtual time has no end to wait for: run_until_complete, or the timeline")

    def run_until_complete(self, future: Any) -> Any:
        return self.timeline.run_until_done(asyncio.ensure_future(future, loop=self))

    def is_running(self) -> bool:
        return _get_running_loop() is self

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        raise NotImplementedError("there are no threads in virtual time")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time; what it left running is cancelled. As `asyncio.run`, without waiting."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)  # type: ignore[no-any-return]  # what the task returned
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
