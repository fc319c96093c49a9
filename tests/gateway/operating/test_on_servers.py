"""Real processes on a real log are watched, and leave in order."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx

from tests.support.ports import own_port
from tests.support.stack import environment, up

WITHIN_S = 40


async def test_two_workers_are_watched_and_leave_in_order(tmp_path: Path) -> None:
    """Each at its own port, hosts and their commits included; and each says that it leaves before it does."""
    port, aside = own_port(), own_port(following=1)
    async with up(tmp_path, "--runtime", "process", "--hosts", "1"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tidegate", "gateway", "--json", "--port", str(port), "--workers", "2",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment(
                TIDEGATE_GATEWAY_METRICS_PORT=str(aside), TIDEGATE_GATEWAY_DRAIN_S="2", TIDEGATE_LOG_FORMAT="json"
            ),
        )  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        written = asyncio.ensure_future(process.stderr.read())
        try:
            async with httpx.AsyncClient() as client, asyncio.timeout(WITHIN_S):
                assert json.loads(await process.stdout.readline())["event"] == "listening"
                assert (await client.get(f"http://127.0.0.1:{port}/livez")).status_code == 200
                for each in (aside, aside + 1):
                    await _answers(client, f"http://127.0.0.1:{each}/readyz", 200)
                shared = await client.get(f"http://127.0.0.1:{port}/metrics")
                assert shared.json()["code"] == "ask_each_worker"
                for each in (aside, aside + 1):
                    await _says(client, f"http://127.0.0.1:{each}/metrics", 'tidegate_host_commit_seconds_count{host="')
                process.send_signal(signal.SIGTERM)
                await _answers(client, f"http://127.0.0.1:{aside}/readyz", 503)
                resources = await client.get(f"http://127.0.0.1:{port}/v1/demo/resources")
                assert resources.status_code == 200, "whoever is still sent here is answered"
            assert await asyncio.wait_for(process.wait(), WITHIN_S) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            lines = [json.loads(line) for line in (await written).splitlines() if line.startswith(b"{")]
    assert any(line.get("route") == "/v1/{org}/resources" and line["status"] == 200 for line in lines)
    assert sum(line["event"] == "gateway_leaving" for line in lines) == 2


async def _answers(client: httpx.AsyncClient, url: str, status: int) -> None:
    while True:
        try:
            if (await client.get(url)).status_code == status:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        await asyncio.sleep(0.1)


async def _says(client: httpx.AsyncClient, url: str, words: str) -> None:
    while words not in (await client.get(url)).text:  # noqa: ASYNC110  # it is found by asking
        await asyncio.sleep(0.2)
