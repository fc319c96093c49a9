"""A host dies, or stands still, in the middle of traffic. The others take over within two seconds; what it had begun is
finished once or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import Measured
from tests.faults.judging import judge
from tests.faults.traffic import traffic
from tests.support.stack import kill, up

pytestmark = pytest.mark.xdist_group("faults")

THREE_HOSTS = ("--runtime", "process", "--hosts", "3")
GAP_S_MAX = 4.0
"""It is to be under two seconds, and is on a machine with nothing else to do; the figure is in the summary."""
PAUSED_S = 10


async def test_a_killed_host_is_replaced(tmp_path: Path, measured: Measured) -> None:
    """`kill -9`, of one and then of another. Each comes back by itself and takes its share again."""
    async with up(tmp_path, *THREE_HOSTS) as stack, traffic(stack.reach) as clients:
        for victim in ("host-1", "host-2"):
            await clients.flow(300)
            moment, told = clients.now(), len(stack.events)
            kill(stack.pid_of(victim))
            await clients.served_since(moment)
            await stack.until("host_back", since=told, host=victim)
            await clients.served_since(clients.now())
            gap_s = max(clients.gaps_s(moment).values())
            measured(f"{victim} killed, longest gap", gap_s)
            assert gap_s < GAP_S_MAX
        await judge(clients, stack.reach)


async def test_a_paused_host_that_comes_back_changes_nothing(tmp_path: Path, measured: Measured) -> None:
    """SIGSTOP for ten seconds. It comes back believing that it owns what others have long taken over, with commits of
    its own unfinished: none of them gets past the others'."""
    async with up(tmp_path, *THREE_HOSTS) as stack, traffic(stack.reach) as clients:
        await clients.flow(300)
        moment, told = clients.now(), len(stack.events)
        os.kill(stack.pid_of("host-1"), signal.SIGSTOP)
        try:
            await clients.served_since(moment)
            await stack.until("host_lost", since=told, host="host-1")
            await asyncio.sleep(moment + PAUSED_S - clients.now())
        finally:
            os.kill(stack.pid_of("host-1"), signal.SIGCONT)
        taken_over_s = max(clients.gaps_s(moment).values())
        back = clients.now()
        await stack.until("host_back", since=told, host="host-1")
        await clients.served_since(clients.now())
        await clients.flow(300)
        returned_s = max(clients.gaps_s(back).values())
        measured("host paused, longest gap", taken_over_s)
        measured("host resumed, longest gap", returned_s)
        assert taken_over_s < GAP_S_MAX
        assert returned_s < GAP_S_MAX
        await judge(clients, stack.reach)
