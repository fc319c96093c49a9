"""The log has no room left: commands are refused and change nothing. With room again, service returns by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.nats.connection import connect
from tests.faults.conftest import Measured
from tests.faults.judging import judge
from tests.faults.traffic import Traffic, traffic
from tests.support.jetstream import api
from tests.support.stack import up
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("faults")

STREAM_BYTES = 1 << 20
DISK_BYTES = 64 << 20
REFUSALS = 100
RETURNS_WITHIN_S = 10.0


async def test_a_log_that_has_reached_its_limit_refuses(tmp_path: Path, measured: Measured) -> None:
    """The limit that an operator has set. Raised while everything runs, it lets commands through again."""
    limit = ("--set", f"nats.max_bytes={STREAM_BYTES}")
    async with up(tmp_path, "--runtime", "process", *limit) as stack, traffic(stack.reach, size=180) as clients:
        await refused(clients)
        listed = len(clients.listings)
        await until(lambda: sum(one.outcome == "accepted" for one in clients.listings[listed:]) > 10, look_every_s=0.01)
        connection = await connect(stack.reach.servers)
        settings = (await api(connection, "STREAM.INFO.log"))["config"]
        moment = clients.now()
        assert "error" not in await api(connection, "STREAM.UPDATE.log", settings | {"max_bytes": 64 * STREAM_BYTES})
        await connection.close()
        await returns(clients, moment, measured, "the limit was raised")
        await judge(clients, stack.reach)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tidegate-test", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a disk to fill cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_refuses_until_there_is_room(small_disk: Path, measured: Measured) -> None:
    """nats-server gives up on the first write that fails, and takes none until it is started anew: the stack sees to
    that as soon as there is room."""
    async with up(small_disk, "--runtime", "process") as stack, traffic(stack.reach, size=180) as clients:
        await clients.flow(200)
        ballast = small_disk / "ballast"
        fill(ballast)
        await stack.until("no_room")
        await refused(clients)
        moment = clients.now()
        ballast.unlink()
        await stack.until("part_back", part="nats-server")
        await returns(clients, moment, measured, "the disk had room")
        await judge(clients, stack.reach)


async def refused(clients: Traffic) -> None:
    """Wait until the log has refused many."""
    await until(lambda: clients.outcomes()["log_full"] >= REFUSALS, look_every_s=0.05)


async def returns(clients: Traffic, moment: float, measured: Measured, what: str) -> None:
    await clients.served_since(moment)
    returned_s = clients.now() - moment
    measured(f"served after {what}", returned_s)
    assert returned_s < RETURNS_WITHIN_S
    await clients.flow(300)


def fill(path: Path) -> None:
    """Use up the disk that the file is on."""
    with path.open("wb", buffering=0) as file:
        for bytes_ in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(bytes_))
            except OSError:
                continue
