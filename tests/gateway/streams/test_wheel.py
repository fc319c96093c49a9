"""One timer calls everybody when they are due."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from gateway.streams import wheel as wheels
from gateway.streams.wheel import OFF, Wheel

TICK_S = 0.001


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "TICK_S", TICK_S)


class Called:
    """Counts how often it was due, and then does what it is told to."""

    def __init__(self, then: Callable[[Called], None] = lambda _: None) -> None:
        self.spoke = OFF
        self.times = 0
        self.then = then

    def due(self) -> None:
        self.times += 1
        self.then(self)


async def emptied(wheel: Wheel) -> None:
    while len(wheel):  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(TICK_S)


async def test_each_is_called_once_and_in_order() -> None:
    """By when it is due, whatever the order in which it was hung on."""
    wheel, order = Wheel(0.02), list[int]()
    for ticks in (7, 1, 20, 3):
        wheel.hang(Called(lambda _, ticks=ticks: order.append(ticks)), ticks * TICK_S)  # type: ignore[misc]
    await emptied(wheel)
    assert order == [1, 3, 7, 20]


async def test_hanging_on_again_moves() -> None:
    """Who is hung on twice is called once, at the later time; who is taken off, never; taking off twice is no harm."""
    wheel, order = Wheel(0.02), list[str]()
    moved, taken = Called(lambda _: order.append("moved")), Called()
    wheel.hang(moved, TICK_S)
    wheel.hang(taken, TICK_S)
    wheel.hang(Called(lambda _: order.append("other")), 5 * TICK_S)
    wheel.hang(moved, 10 * TICK_S)
    wheel.take(taken)
    wheel.take(taken)
    assert len(wheel) == 2
    await emptied(wheel)
    assert (order, taken.times) == (["other", "moved"], 0)


async def test_whoever_is_due_may_hang_itself_on_again() -> None:
    """And is called again and again, without anybody else's doing."""
    wheel = Wheel(0.02)

    def again(one: Called) -> None:
        if one.times < 5:
            wheel.hang(one, 2 * TICK_S)

    one = Called(again)
    wheel.hang(one, TICK_S)
    await emptied(wheel)
    assert one.times == 5


async def test_one_that_fails_is_alone_with_that() -> None:
    """The others that are due are called, and the wheel goes on turning."""

    def fails(_: Called) -> None:
        raise ZeroDivisionError

    wheel, others = Wheel(0.02), [Called() for _ in range(10)]
    for one in others[:5]:
        wheel.hang(one, TICK_S)
    wheel.hang(Called(fails), TICK_S)
    for one in others[5:]:
        wheel.hang(one, 2 * TICK_S)
    await emptied(wheel)
    assert [one.times for one in others] == [1] * 10


async def test_those_that_came_together_are_spread() -> None:
    """Over the whole period, evenly: no tick has more than its share of them."""
    wheel = Wheel(0.1)
    crowd = [Called() for _ in range(1_000)]
    for one in crowd:
        wheel.spread(one, 100 * TICK_S)
    shares = Counter(one.spoke for one in crowd)
    assert set(shares.values()) == {10}
    assert len(shares) == 100


async def test_a_pause_makes_nobody_late() -> None:
    """After a loop that hung for many turns, nobody is due who has not been given their time."""
    wheel, one = Wheel(0.02), Called()
    wheel.hang(one, 10 * TICK_S)
    hung_until = asyncio.get_running_loop().time() + 0.1
    while asyncio.get_running_loop().time() < hung_until:
        pass
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert one.times == 0
    await emptied(wheel)
    assert one.times == 1
