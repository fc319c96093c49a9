"""Many that come at once begin in groups, in the order in which they came, and each of them begins."""

from __future__ import annotations

import asyncio

from gateway.http.groups import Groups
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]


class Desk:
    """What those who have begun ask for, a group in one: it is sent a pass of the loop later, as a sender does it, and
    written one more later, as a connection does it."""

    def __init__(self, groups: Groups) -> None:
        self.written: list[list[int]] = []
        self._groups = groups
        self._waiting: list[int] = []

    async def ask(self, number: int) -> None:
        await self._groups.begin()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append(number)

    def _send(self) -> None:
        sent, self._waiting = self._waiting, []
        asyncio.get_running_loop().call_soon(self.written.append, sent)


async def test_what_a_group_asks_for_is_written_before_the_next_group_begins() -> None:
    """In order, and the last group is what is left."""
    desk = Desk(Groups(4))
    await asyncio.gather(*(desk.ask(number) for number in range(10)))
    await asyncio.sleep(0.1)
    assert desk.written == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_a_few_wait_for_nobody() -> None:
    """Neither at first nor later."""
    desk = Desk(Groups(4))
    for _ in range(3):
        await asyncio.gather(*(desk.ask(number) for number in range(4)))
        await asyncio.sleep(0.1)
    assert desk.written == [[0, 1, 2, 3]] * 3


async def test_whoever_goes_while_they_wait_takes_nobodys_turn() -> None:
    """The others begin all the same."""
    desk = Desk(Groups(2))
    asked = [asyncio.ensure_future(desk.ask(number)) for number in range(6)]
    await asyncio.sleep(0)
    for one in asked[2:5]:
        one.cancel()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert [isinstance(one, asyncio.CancelledError) for one in ended] == [False, False, True, True, True, False]
    assert desk.written == [[0, 1], [5]]
