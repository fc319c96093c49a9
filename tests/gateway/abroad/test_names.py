"""Names whose look-up does not end: what waits for them, and what does not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.abroad.names import THREADS, looking_up
from gateway.webhooks.limits import NAMES_AT_ONCE_MAX
from gateway.webhooks.sending import NotSent, posting
from tests.support.waiting import until

WITHIN_S = 20


class SlowNames:
    """Of hosts that are called slow; all of them end, with no answer, when they are `released`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()
        self._look_up = socket.getaddrinfo

    def __call__(self, host: Any, *args: Any, **about: Any) -> Any:
        if "slow" not in str(host):
            return self._look_up(host, *args, **about)
        self.asked[host] += 1
        self.released.wait(60)
        raise socket.gaierror("nobody knows")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    yield names
    names.released.set()


async def why_not(http: Any, host: str) -> str:
    with pytest.raises(NotSent) as error:
        await http.post(f"https://{host}/", {}, b"{}")
    return error.value.code


async def test_nothing_else_waits_for_slow_names(slow: SlowNames) -> None:
    """However many there are: so many are looked up at a time, in threads that the rest of the process does not use."""
    hosts = [f"slow-{number}.test" for number in range(3 * NAMES_AT_ONCE_MAX)]
    async with posting(timeout_ms=500) as http:
        sent = [asyncio.ensure_future(why_not(http, host)) for host in hosts]
        await until(lambda: len(slow.asked) >= NAMES_AT_ONCE_MAX)
        async with asyncio.timeout(WITHIN_S):
            assert await asyncio.to_thread(int) == 0
            assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 1)
        assert set(await asyncio.gather(*sent)) == {"timeout"}
        assert len(slow.asked) == NAMES_AT_ONCE_MAX


async def test_a_name_is_looked_up_once_at_a_time(slow: SlowNames) -> None:
    """Also when those who asked have gone: one endpoint takes one thread, and the others are looked up beside it."""
    async with posting(timeout_ms=1_000) as http:
        for _ in range(2):
            assert set(await asyncio.gather(*(why_not(http, "slow.test") for _ in range(8)))) == {"timeout"}
        assert slow.asked == {"slow.test": 1}
        assert await why_not(http, "localhost") == "address_loopback"


async def test_all_who_asked_get_the_answer(slow: SlowNames) -> None:
    """And who comes later has it looked up anew."""
    with looking_up(2) as resolve:
        asked = [asyncio.ensure_future(resolve("slow.test")) for _ in range(3)]
        await until(lambda: slow.asked["slow.test"])
        slow.released.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [socket.gaierror] * 3
        with pytest.raises(socket.gaierror):
            await resolve("slow.test")
        assert slow.asked == {"slow.test": 2}
        assert await resolve("127.0.0.1") == ["127.0.0.1"]


async def test_no_thread_is_left_behind(slow: SlowNames) -> None:
    """They end when they have nothing to wait for any more."""
    with looking_up(2) as resolve:
        asked = asyncio.ensure_future(resolve("slow.test"))
        await until(lambda: slow.asked["slow.test"])
        asked.cancel()
    slow.released.set()
    await until(lambda: not any(thread.name.startswith(THREADS) for thread in threading.enumerate()))
