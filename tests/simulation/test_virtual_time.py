"""The loop that never waits, the clock that is told the time, and machines that freeze and die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from actors.simulation import loop as virtual
from actors.simulation.clock import START, VirtualClock
from actors.simulation.loop import Livelock, Stuck, Timeline, VirtualLoop


def test_time_passes_at_once_and_exactly() -> None:
    """An hour of sleep takes no time, and is an hour."""

    async def sleep_for_an_hour() -> float:
        await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    assert virtual.run(sleep_for_an_hour()) == 3_600


def test_what_is_due_at_one_instant_runs_in_the_order_in_which_it_was_asked_for() -> None:
    """Ties are broken by who came first, not by chance."""
    order: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(50):
            loop.call_at(1.0, order.append, number)
        await asyncio.sleep(2.0)

    virtual.run(main())
    assert order == list(range(50))


def test_time_outs_fire() -> None:
    """`asyncio.timeout` and `wait_for` count virtual time."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 2.5)
        return asyncio.get_running_loop().time()

    assert virtual.run(main()) == 2.5


def test_waiting_for_what_can_never_come_is_an_error() -> None:
    """A deadlock is told, not slept through."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        virtual.run(main())


def test_work_without_end_at_one_instant_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that feeds itself is told too."""
    monkeypatch.setattr(virtual, "STEPS_AT_ONE_INSTANT_MAX", 1_000)

    async def main() -> None:
        for _ in range(1_000_000):
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        virtual.run(main())


def test_what_main_left_running_is_cancelled() -> None:
    """As under `asyncio.run`."""
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(1_000_000)
        finally:
            ended.append("cancelled")

    async def main() -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(forever())
        await asyncio.sleep(1)
        return task

    assert virtual.run(main()).cancelled()
    assert ended == ["cancelled"]


def test_a_cancelled_timer_is_never_run() -> None:
    """However many there are, and though most of them are swept."""
    ran: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        handles = [loop.call_later(1 + number / 1_000, ran.append, number) for number in range(2_000)]
        for handle in handles[:-3]:
            handle.cancel()
        await asyncio.sleep(10)

    virtual.run(main())
    assert ran == [1_997, 1_998, 1_999]


class _Ticking:
    """A machine that notes its own time every second."""

    def __init__(self, timeline: Timeline, name: str = "machine", rate: float = 1.0) -> None:
        self.loop = VirtualLoop(timeline, name, rate=rate)
        self.seen: list[float] = []
        self.cleaned_up = False
        self.loop.create_task(self._tick())

    async def _tick(self) -> None:
        try:
            while True:
                await asyncio.sleep(1)
                self.seen.append(round(self.loop.time(), 6))
        finally:
            self.cleaned_up = True

    def close(self) -> None:
        self.loop.kill()
        self.loop.close()


@pytest.fixture
def ticking(request: pytest.FixtureRequest) -> Callable[..., _Ticking]:
    def make(timeline: Timeline, **options: float) -> _Ticking:
        machine = _Ticking(timeline, **options)  # type: ignore[arg-type]
        request.addfinalizer(machine.close)
        return machine

    return make


def test_a_frozen_machine_does_nothing_and_then_everything_late(ticking: Callable[..., _Ticking]) -> None:
    """Nothing of it runs meanwhile; its clock has gone on when it thaws."""
    timeline = Timeline()
    machine = ticking(timeline)
    timeline.run_until(2.5)
    machine.loop.freeze()
    machine.loop.call_soon(machine.seen.append, -1.0)
    timeline.run_until(7.2)
    assert machine.seen == [1, 2]
    machine.loop.thaw()
    timeline.run_until(9.0)
    assert machine.seen == [1, 2, -1.0, 7.2, 8.2]


def test_a_killed_machine_never_runs_again_not_even_to_clean_up(ticking: Callable[..., _Ticking]) -> None:
    """As under SIGKILL: no `finally`, no cancellation, nothing."""
    timeline = Timeline()
    machine, other = ticking(timeline), ticking(timeline)
    timeline.run_until(2.5)
    machine.loop.kill()
    machine.loop.call_soon(machine.seen.append, -1.0)
    timeline.run_until(5.5)
    assert machine.seen == [1, 2]
    assert not machine.cleaned_up
    assert other.seen == [1, 2, 3, 4, 5]


def test_clocks_of_machines_may_run_at_different_rates(ticking: Callable[..., _Ticking]) -> None:
    """A second is a second of one's own."""
    timeline = Timeline()
    slow, fast = ticking(timeline, rate=0.5), ticking(timeline, rate=2.0)
    timeline.run_until(2.1)
    assert (slow.seen, fast.seen) == ([1], [1, 2, 3, 4])


def test_a_clock_stands_still_until_it_is_moved() -> None:
    """On its own, a virtual clock is the test's to set."""
    clock = VirtualClock()
    assert clock() == START
    clock.advance(1_500)
    assert clock() == START + 1_500
    clock.jump(-2_000)
    assert clock() == START - 500
    clock.correct()
    assert clock() == START


def test_a_clock_runs_with_what_it_is_given() -> None:
    """With a loop's time behind it, it shows that time, and what it was set wrong by."""
    seconds = [0.0]
    clock = VirtualClock(lambda: seconds[0], start=10_000)
    seconds[0] = 2.5
    assert clock() == 12_500
    clock.jump(40_000)
    assert clock() == 52_500
