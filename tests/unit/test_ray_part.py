"""What the stack does when Ray is slow, and about a host that Ray says stays down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from actors.runtime.serving import HostAbout, HostSuperseded
from events.errors import ChainBroken, TidegateError
from events.nats.reach import Reach
from tidegate import ray_driver
from tidegate.keeping import StackHalted, StackSuperseded
from tidegate.listening import Listening
from tidegate.ray_driver import Errand, RayErrandFailed, RayErrandLate, StartHosts
from tidegate.ray_part import Cluster, RayHosts


@pytest.mark.parametrize(
    ("code", "ends_with"), [(HostSuperseded.code, StackSuperseded), (ChainBroken.code, StackHalted)]
)
async def test_a_host_that_must_not_be_started_again_ends_the_stack(
    monkeypatch: pytest.MonkeyPatch, code: str, ends_with: type[TidegateError]
) -> None:
    """By what the host itself said: its name was taken, or the log contradicts itself."""

    async def told(*_: Any) -> tuple[HostAbout, ...]:
        return (HostAbout("host-1", True, failure=f"{code}: so it is"),)

    monkeypatch.setattr(ray_driver, "run", told)
    hosts = _hosts()
    with pytest.raises(ends_with, match=f"host-1 stays down: {code}: so it is"):
        async with asyncio.timeout(10):
            await hosts.watch(Listening(), lambda: True)


async def test_a_ray_that_does_not_answer_in_time_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Errand] = []

    async def late_at_first(errand: Errand, *_: Any) -> tuple[HostAbout, ...]:
        asked.append(errand)
        if len(asked) == 1:
            raise RayErrandLate("Ray did not do it within 30 s")
        return (HostAbout("host-1", True),)

    monkeypatch.setattr(ray_driver, "run", late_at_first)
    await _hosts().start()
    assert len(asked) == 2
    assert isinstance(asked[0], StartHosts)
    assert asked[1] == asked[0]


async def test_a_ray_that_says_no_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Errand] = []

    async def refused(errand: Errand, *_: Any) -> tuple[HostAbout, ...]:
        asked.append(errand)
        raise RayErrandFailed("ray_unreachable: no Ray cluster at a:1")

    monkeypatch.setattr(ray_driver, "run", refused)
    with pytest.raises(RayErrandFailed, match="no Ray cluster"):
        await _hosts().start()
    assert len(asked) == 1


def _hosts() -> RayHosts:
    environment: Mapping[str, str] = {}
    reach = Reach(servers=("nats://a",), stream="log")
    return RayHosts(
        Cluster("a:1", "tidegate", environment), ("host-1",), reach, lambda *_, **__: None, level="info", data_dir=None
    )
