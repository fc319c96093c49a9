"""What the stack does about a host that Ray says stays down."""

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
    environment: Mapping[str, str] = {}
    reach = Reach(servers=("nats://a",), stream="log")
    hosts = RayHosts(
        Cluster("a:1", environment), ("host-1",), reach, lambda *_, **__: None, level="info", data_dir=None
    )
    with pytest.raises(ends_with, match=f"host-1 stays down: {code}: so it is"):
        async with asyncio.timeout(10):
            await hosts.watch(Listening(), lambda: True)
