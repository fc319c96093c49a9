"""What runs aside of the port takes the gateway with it when it fails, and is not stopped by what somebody can mend."""

from __future__ import annotations

import asyncio

import pytest

from gateway import serving
from gateway.aside import Aside
from gateway.keys import BadKeyFolder, Keys
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]


async def fails() -> None:
    await asyncio.sleep(1)
    raise ZeroDivisionError


async def ends() -> None:
    await asyncio.sleep(1)


async def test_a_bug_ends_the_whole() -> None:
    """And it is what the whole ends with."""
    ending = asyncio.Event()
    aside = Aside(ending)
    aside.run(asyncio.sleep(1_000))
    aside.run(fails())
    async with asyncio.timeout(2):
        await ending.wait()
    with pytest.raises(ZeroDivisionError):
        aside.failed()
    await aside.stop()


async def test_what_ends_in_order_ends_nothing_else() -> None:
    """Nor does what is stopped."""
    ending = asyncio.Event()
    aside = Aside(ending)
    aside.run(asyncio.sleep(1_000))
    aside.run(ends())
    await asyncio.sleep(2)
    aside.failed()
    await aside.stop()
    aside.failed()
    assert not ending.is_set()


async def test_keys_are_read_again_after_they_could_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is damaged for a while does not leave a gateway with the keys of that day for good."""
    said = iter([None, BadKeyFolder("a file is half written"), None, None])
    read: list[bool] = []

    def reread(_: Keys) -> None:
        problem = next(said)
        read.append(problem is None)
        if problem is not None:
            raise problem

    monkeypatch.setattr(Keys, "reread", reread)
    monkeypatch.setattr(serving, "REREAD_KEYS_S", 1.0)
    reading = asyncio.ensure_future(serving._reread(Keys.__new__(Keys)))
    await asyncio.sleep(4.5)
    reading.cancel()
    assert read == [True, False, True, True]
