"""The embedded stack on Ray, as `make up` starts it: the same promises, and Ray's own processes are looked after."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.end_to_end.test_stack import send_first, still_has_first
from tests.support.stack import gone, kill, tidegate, up
from tidegate import parts
from tidegate.ray_head import folder_of

pytestmark = pytest.mark.xdist_group("ray")


async def test_hosts_under_ray_take_commands_and_stop_in_order(tmp_path: Path) -> None:
    """Hosts, then Ray, then the log's server; afterwards no process, no note and no file of Ray's is left."""
    async with up(tmp_path) as stack:
        status = await tidegate(tmp_path, "status", "--once", "--json")
        assert status.data["healthy"]
        await send_first(stack)
        running = stack.processes()
        assert await stack.interrupt() == 0
        stopped = [told["part"] for told in stack.events if told["event"] == "stopped"]
        assert stopped == ["projector", "hosts", "ray", "nats-server"]
        await gone(*running, within_s=1)
        assert list(parts.noted(stack.data_dir)) == []
        assert not folder_of(stack.data_dir).exists()
        assert sorted(path.name for path in (stack.data_dir / "logs").iterdir()) == [
            "host-1.log",
            "host-2.log",
            "projector.log",
            "ray.log",
        ]
        assert "host_stopped" in (stack.data_dir / "logs" / "host-1.log").read_text()


async def test_ray_starts_a_killed_host_again(tmp_path: Path) -> None:
    """Under a new number, which `status` knows, with the same name; what was acknowledged is still there."""
    async with up(tmp_path) as stack:
        sequence = await send_first(stack)
        killed = await stack.ray_pid_of("host-1")
        assert (await pids(tmp_path))["host-1"] == killed
        kill(killed)
        await still_has_first(stack, sequence)
        await stack.until("host_back", host="host-1")
        assert (await pids(tmp_path))["host-1"] == await stack.ray_pid_of("host-1") != killed


async def pids(folder: Path) -> dict[str, int]:
    """The process of each host, as people are told."""
    status = await tidegate(folder, "status", "--once", "--json")
    return {host["host"]: host["pid"] for host in status.data["hosts"]}


async def test_a_killed_ray_is_started_again_with_its_hosts(tmp_path: Path) -> None:
    """Ray is where hosts run, and nothing else: no fact is in it."""
    async with up(tmp_path) as stack:
        sequence = await send_first(stack)
        kill(stack.pid_of("ray"))
        await stack.until("part_back", part="ray")
        await still_has_first(stack, sequence)
        assert await stack.interrupt() == 0


async def test_everything_killed_at_once_is_recovered_by_the_next_start(tmp_path: Path) -> None:
    """Ray leaves processes behind when it is killed; the next start finds and ends them."""
    async with up(tmp_path, "--hosts", "1") as stack:
        sequence = await send_first(stack)
        running = stack.processes()
        kill(stack.process.pid)
        await stack.ended()
        left = [pid for pid in running if _is_agent(pid)]
    async with up(tmp_path, "--hosts", "1") as stack:
        await gone(*left, within_s=1)
        await still_has_first(stack, sequence)


def _is_agent(pid: int) -> bool:
    """One of those that Ray starts beside each node, and that outlive it for a minute."""
    try:
        return b"Agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="only there the system tells it")
async def test_ray_lets_in_nobody_without_the_key_and_hosts_have_normal_priority(tmp_path: Path) -> None:
    """Ray listens on all interfaces, and whoever is let in may run anything."""
    async with up(tmp_path, "--hosts", "1") as stack:
        key = stack.data_dir / "ray-key"
        assert key.stat().st_mode & 0o777 == 0o600
        assert folder_of(stack.data_dir).stat().st_mode & 0o777 == 0o700
        assert os.getpriority(os.PRIO_PROCESS, await stack.ray_pid_of("host-1")) == os.getpriority(os.PRIO_PROCESS, 0)
        environment = dict(line.split("=", 1) for line in _environment(stack.pid_of("ray")) if "=" in line)
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN_PATH"] == str(key)


def _environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text("utf-8").split("\0")
