"""Everything dies at once, as in a power cut, in the middle of traffic. `tidegate up` recovers within its start
time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.conftest import Measured
from tests.faults.judging import judge
from tests.faults.traffic import traffic
from tests.support.stack import clean, launch, up

pytestmark = pytest.mark.xdist_group("faults")

SERVED_S_MAX = 5.0
"""From *ready* to the last actor's first answer."""


async def test_everything_killed_in_the_middle_of_traffic_is_recovered(tmp_path: Path, measured: Measured) -> None:
    """The clients live on: they find the system again at its old address, and ask again what they were not told."""
    began = asyncio.get_running_loop().time()
    async with up(tmp_path, "--runtime", "process") as stack, traffic(stack.reach) as clients:
        started_s = clients.calls[0].asked_at - began
        await clients.flow(300)
        stack.kill_all()
        await stack.ended()
        moment = clients.now()
        again = await launch(tmp_path, "--runtime", "process")
        try:
            await again.ready()
            ready_s = clients.now() - moment
            await clients.served_since(moment)
            served_s = clients.now() - moment
            measured("first start", started_s)
            measured("start after everything was killed, ready", ready_s)
            measured("start after everything was killed, all actors served", served_s)
            assert ready_s < 2 * started_s + 2
            assert served_s < ready_s + SERVED_S_MAX
            await clients.flow(300)
            await judge(clients, again.reach)
        finally:
            await clean(again)
