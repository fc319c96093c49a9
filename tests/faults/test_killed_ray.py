"""The same on Ray, which is the default: its workers die, and then everything does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.conftest import Measured
from tests.faults.judging import judge
from tests.faults.traffic import traffic
from tests.support.stack import clean, kill, launch, up

pytestmark = pytest.mark.xdist_group("faults")

GAP_S_MAX = 4.0
BACK_WITHIN_S = 20
SERVED_S_MAX = 5.0


async def test_ray_starts_a_killed_worker_again_and_everything_else_is_recovered(
    tmp_path: Path, measured: Measured
) -> None:
    """`kill -9` of a host's Ray actor process, of one and then of the other: Ray starts it again, and it takes its
    share.
    Then of every process there is: the next start recovers."""
    began = asyncio.get_running_loop().time()
    async with up(tmp_path) as stack, traffic(stack.reach) as clients:
        started_s = clients.calls[0].asked_at - began
        for victim in ("host-1", "host-2"):
            worker = await stack.ray_pid_of(victim)
            await clients.flow(200)
            moment, told = clients.now(), len(stack.events)
            kill(worker)
            await clients.served_since(moment)
            gap_s = max(clients.gaps_s(moment).values())
            await stack.until("host_back", since=told, host=victim, within_s=BACK_WITHIN_S)
            back_s = clients.now() - moment
            await clients.served_since(clients.now())
            measured(f"Ray's worker of {victim} killed, longest gap", max(clients.gaps_s(moment).values()))
            measured(f"Ray's worker of {victim} killed, back", back_s)
            assert gap_s < GAP_S_MAX
            assert await stack.ray_pid_of(victim) != worker
        stack.kill_all()
        await stack.ended()
        moment = clients.now()
        again = await launch(tmp_path)
        try:
            await again.ready()
            ready_s = clients.now() - moment
            await clients.served_since(moment)
            served_s = clients.now() - moment
            measured("first start with Ray", started_s)
            measured("start with Ray after everything was killed, ready", ready_s)
            measured("start with Ray after everything was killed, all actors served", served_s)
            assert ready_s < 2 * started_s + 2
            assert served_s < ready_s + SERVED_S_MAX
            await clients.flow(200)
            await judge(clients, again.reach)
        finally:
            await clean(again)
