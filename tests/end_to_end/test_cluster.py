"""A cluster on this machine's loopback: three JetStream servers that replicate the log, two Ray nodes, hosts on both.

The servers run the configuration that is in the repository, and the command line is the same as on one machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with Ray

from events import limits
from events.nats import binary
from tests.support.ports import own_port
from tests.support.stack import environment, gone, kill, tidegate
from tests.support.waiting import until
from tidegate import ray_driver
from tidegate.config import load
from tidegate.ray_head import OFF

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(sys.platform != "linux", reason="two Ray nodes need two loopback addresses"),
]

REPOSITORY = Path(__file__).parents[2]
NAMES = ("nats-1", "nats-2", "nats-3")


@dataclass
class Server:
    """One NATS server of the cluster."""

    process: asyncio.subprocess.Process
    url: str
    monitor: str


@asynccontextmanager
async def process(*words: str, cwd: Path, says: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that does not outlive the block. What it says goes into the file."""
    with says.open("wb") as file:
        started = await asyncio.create_subprocess_exec(
            *words,
            cwd=cwd,
            env=environment(**more),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
            try:
                async with asyncio.timeout(15):
                    await started.wait()
            except TimeoutError:
                started.kill()
                await started.wait()


async def three_servers(folder: Path, stops: AsyncExitStack) -> list[Server]:
    """As `deploy/nats/server.conf` says, one set of variables for each."""
    routes = {name: f"127.0.0.1:{own_port()}" for name in NAMES}
    servers = []
    for name in NAMES:
        client, monitor = f"127.0.0.1:{own_port()}", f"127.0.0.1:{own_port()}"
        started = await stops.enter_async_context(
            process(
                str(binary.find()),
                "--config",
                str(REPOSITORY / "deploy" / "nats" / "server.conf"),
                cwd=folder,
                says=folder / f"{name}.log",
                NATS_NAME=name,
                NATS_LISTEN=client,
                NATS_MONITOR=monitor,
                NATS_CLUSTER=routes[name],
                NATS_ROUTES=f"[{', '.join(f'nats://{route}' for route in routes.values())}]",
                NATS_STORE=str(folder / name),
                NATS_USER="tidegate",
                NATS_PASSWORD="secret",
            )
        )
        servers.append(Server(started, f"nats://tidegate:secret@{client}", f"http://{monitor}"))
    return servers


def new_key(folder: Path) -> Path:
    """What lets in whoever has it."""
    key = folder / "key"
    key.write_text(token_hex(32))
    return key


async def two_ray_nodes(folder: Path, stops: AsyncExitStack) -> dict[str, str]:
    """A head and another node; what a driver needs to come in."""
    place = Path(stops.enter_context(tempfile.TemporaryDirectory(prefix="tg-", ignore_cleanup_errors=True)))
    key = new_key(folder)
    port = own_port()
    login = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(key)}
    lean = ["--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=83886080", "--num-cpus=1", "--block"]
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *lean]
    head = ["--head", f"--port={port}", "--node-ip-address=127.0.0.2", f"--temp-dir={place / 'h'}"]
    quiet = ["--include-dashboard=false", "--disable-usage-stats", "--dashboard-agent-listen-port=0"]
    node = [f"--address=127.0.0.2:{port}", "--node-ip-address=127.0.0.3", "--dashboard-agent-listen-port=0"]
    for words, says in (([*head, *quiet], folder / "head.log"), (node, folder / "node.log")):
        await stops.enter_async_context(process(*ray, *words, cwd=folder, says=says, **OFF, **login))
        await until(lambda says=says: "Ray runtime started" in says.read_text(), look_every_s=0.05)  # type: ignore[misc]
    return login | {"RAY_ADDRESS": f"127.0.0.2:{port}"}


def describe(folder: Path, servers: list[Server], address: str) -> None:
    """The settings of a cluster, in the folder where commands are typed."""
    (folder / "tidegate.toml").write_text(
        f"""
        [nats]
        urls = {json.dumps([server.url for server in servers])}
        monitor_urls = {json.dumps([server.monitor for server in servers])}
        replicas = 3
        [ray]
        address = "{address}"
        [hosts]
        count = 3
        """
    )


async def test_the_same_commands_work_on_a_cluster(tmp_path: Path) -> None:
    """Hosts are on both nodes, stay when `up` has ended, lose nothing when a server dies, and go with `down`."""
    async with AsyncExitStack() as stops:
        servers = await three_servers(tmp_path, stops)
        login = await two_ray_nodes(tmp_path, stops)
        address = login.pop("RAY_ADDRESS")
        describe(tmp_path, servers, address)

        async def command(*words: str) -> Any:
            return await tidegate(tmp_path, *words, "--json", within_s=60, **login)

        started = await command("up")
        assert started.code == 0, started.err
        assert started.data["event"] == "ready"
        known = await ray_driver.run(ray_driver.ListHosts(address), os.environ | login)
        assert {about.node for about in known} == {"127.0.0.2", "127.0.0.3"}
        assert len(known) == 3

        again = await command("up")
        assert again.code == 0
        assert [about.pid for about in await ray_driver.run(ray_driver.ListHosts(address), os.environ | login)] == [
            about.pid for about in known
        ]

        project = process(
            sys.executable, "-m", "tidegate", "projector", cwd=tmp_path, says=tmp_path / "projector.log", **login
        )  # fmt: skip
        await stops.enter_async_context(project)
        assert (await command("booking", "list")).data == []  # nobody has put a demo into a log that others keep

        put = ("send", "put_resource", "id=room-1", "time_zone=UTC", "--id", "first")
        first = await command(*put)
        assert first.data["accepted"]
        kill(servers[0].process.pid)
        again = await command(*put, "--within", "20")  # three servers take up to nine seconds to agree on a new leader
        assert again.data["sequence"] == first.data["sequence"]
        second = await command("send", "put_resource", "id=room-2", "time_zone=UTC", "--within", "20")
        assert second.data["accepted"]
        assert (await command("log", "verify")).data["sound"]

        down = await command("down")
        assert down.data["hosts"] == ["host-1", "host-2", "host-3"]
        await gone(*(about.pid for about in known))
        assert (await command("status", "--once")).data["hosts"] == []


def test_the_servers_configuration_fits_the_program() -> None:
    """The largest message is what the shelf needs, and every write is synced."""
    text = (REPOSITORY / "deploy" / "nats" / "server.conf").read_text()
    assert f"max_payload: {limits.SERVER_PAYLOAD_BYTES_MAX}\n" in text
    assert "sync_interval: always\n" in text


def test_the_clusters_settings_are_settings() -> None:
    """The file that is to be copied is read without complaint."""
    loaded = load(REPOSITORY / "deploy" / "tidegate.toml", {}).settings
    assert loaded.nats.replicas == len(loaded.nats.urls) == len(loaded.nats.monitor_urls) == 3
    assert loaded.ray.address == "auto"


def test_ray_takes_the_clusters_description_for_one() -> None:
    """By Ray's own schema, after Ray's own filling in."""
    from ray.autoscaler._private.util import prepare_config, validate_config  # noqa: PLC0415  # Ray is slow to import

    described = yaml.safe_load((REPOSITORY / "cluster.yaml").read_text())
    validate_config(prepare_config(described))
