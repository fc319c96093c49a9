"""What cannot even be read, by a bug of ours: it is waited for, nothing of it is skipped, and somebody is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from gateway.webhooks import delivering, limits
from gateway.webhooks.happenings import happenings
from tests.gateway.webhooks.office import booked, hurried, office
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]


class Taking:
    """Takes whatever it is sent."""

    async def post(self, _url: str, _headers: Mapping[str, str], _body: bytes) -> int:
        return 200


class Planted:
    """A bug in reading, while it is there; and when somebody came upon it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there = True
        self.met: list[float] = []
        monkeypatch.setattr(delivering, "happenings", self.reads)

    def reads(self, *about: Any, **how: Any) -> Any:
        if not self.there:
            return happenings(*about, **how)
        self.met.append(asyncio.get_running_loop().time())
        raise RuntimeError("a planted bug")

    async def is_met(self, times: int) -> list[float]:
        """The pauses between them."""
        while len(self.met) < times:  # noqa: ASYNC110  # time is virtual here
            await asyncio.sleep(0.1)
        return [round(after - before) for before, after in pairwise(self.met)]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    monkeypatch.setattr(limits, "MEND_AFTER_MS", 1_000)
    monkeypatch.setattr(limits, "MEND_AFTER_MAX_MS", 6_000)


async def test_each_next_attempt_comes_later_and_once_mended_everything_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to a bound, and not for what was long ago: after a while that went well, pauses are short again."""
    bug = Planted(monkeypatch)
    async with office(Taking()) as there:
        await there.put("shop", "https://shop.example/")
        await there.happens(booked("b-1"))
        await there.courier()
        assert await bug.is_met(6) == [1, 2, 4, 6, 6]
        bug.there = False
        assert there.counts.broken == 6
        await asyncio.sleep(20)
        await there.shows(lambda shown: shown["delivered"] == 1)
        bug.met.clear()
        bug.there = True
        await there.happens(booked("b-2"))
        assert await bug.is_met(3) == [1, 2]
        bug.there = False
        await there.shows(lambda shown: shown["delivered"] == 2)
