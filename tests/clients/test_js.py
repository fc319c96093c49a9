"""The JavaScript client: its own tests, its tour, and real gateways that stop and die."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from events.calendar.zones import local_day_span
from tests.clients.javascript import CLIENT, run
from tests.clients.stand import Stand
from tests.support.stack import environment

pytestmark = pytest.mark.xdist_group("clients")

FOLLOWER: Final = Path(__file__).parent / "follower.mjs"
HEARD_WITHIN_S: Final = 30
ZONES: Final = (
    "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Africa/Cairo", "Asia/Kathmandu",
    "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham",
)  # fmt: skip
LOCAL_DAYS: Final = """
import { localDay } from "./src/index.js";
let asked = "";
for await (const chunk of process.stdin) asked += chunk;
console.log(JSON.stringify(JSON.parse(asked).map(([tz, date]) => Object.values(localDay(date, tz)))));
"""


@pytest.mark.usefixtures("node")
def test_its_types_hold() -> None:
    """As strictly as they can be checked, and what is published of them is made from the code."""
    run("npm", "run", "--silent", "check")


@pytest.mark.usefixtures("node")
def test_its_own_tests_pass() -> None:
    """Retries, streams, guesses, views and React hooks, without a gateway."""
    run("npm", "test", "--silent")


def test_its_readme_is_true(node: str, stand: Stand) -> None:
    """The tour works as it is written, from top to bottom, in any Node that it is for."""
    blocks = re.findall(r"```js\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)
    tour = "\n".join(blocks).replace("http://127.0.0.1:8080", stand.url)
    told = run(node, "--input-type=module", "-e", tour)
    assert "taken late 409" in told.stdout and "called active true" in told.stdout, told.stdout


def test_local_days_are_the_servers(node: str) -> None:
    """In every kind of zone, also where clocks go forward at midnight or a date was skipped."""
    first = dt.date(2026, 1, 1)
    dates = [(first + dt.timedelta(days=days)).isoformat() for days in range(365)] + ["2011-12-29", "2011-12-30"]
    asked = [(tz, date) for tz in ZONES for date in dates]
    expected = [[span.start, span.end] for tz, date in asked for span in [local_day_span(date, tz)]]
    assert json.loads(run(node, "--input-type=module", "-e", LOCAL_DAYS, said=json.dumps(asked)).stdout) == expected


class Following:
    """What a client in Node is told, line by line."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines: Final = lines
        self._told: Final[list[dict[str, Any]]] = []

    async def heard(self, **about: Any) -> dict[str, Any]:
        """The next line that says so."""
        try:
            async with asyncio.timeout(HEARD_WITHIN_S):
                while True:
                    self._told.append(json.loads(await self._lines.readline()))
                    if all(self._told[-1].get(name) == value for name, value in about.items()):
                        return self._told[-1]
        except TimeoutError as error:
            raise AssertionError(f"{about} was not told: {self._told}") from error


@asynccontextmanager
async def following(node: str, topic: str, *urls: str) -> AsyncIterator[Following]:
    process = await asyncio.create_subprocess_exec(
        node, str(FOLLOWER), topic, *urls, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Following(process.stdout)
    finally:
        process.kill()
        await process.wait()


async def say(stand: Stand, room: str, announcement: str) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {stand.key}"}) as client:
        body = {"title": "Followed", "capacity": 1, "announcement": announcement}
        put = await client.put(f"{stand.url}/v1/demo/rooms/{room}", json=body)
        assert put.is_success, put.text


def announced(told: dict[str, Any]) -> str:
    announcement: str = told["state"]["about"]["announcement"]
    return announcement


async def test_a_stream_goes_on_at_another_gateway(node: str, stand: Stand) -> None:
    """Where it stood, when its own was killed without a word; what happened meanwhile is not missed."""
    await say(stand, "followed-js", "one")
    with stand.gateway() as first:
        async with following(node, "room/followed-js", first.url, stand.url) as told:
            assert announced(await told.heard(why="snapshot")) == "one"
            await say(stand, "followed-js", "two")
            second = await told.heard(why="delta")
            first.kill()
            await told.heard(connection="waiting")
            assert (await told.heard(why="resumed"))["position"] == second["position"]
            await say(stand, "followed-js", "three")
            assert announced(await told.heard(why="delta")) == "three"


async def test_what_happened_while_nobody_followed_is_told(node: str, stand: Stand) -> None:
    """Be it as what changed since, or as the topic as it is now: never by beginning as if nothing had been there."""
    await say(stand, "away-js", "one")
    with stand.gateway() as first:
        async with following(node, "room/away-js", first.url, stand.url) as told:
            await told.heard(why="snapshot")
            first.kill()
            await say(stand, "away-js", "two")
            await told.heard(connection="waiting")
            again = await told.heard(topic="room/away-js")
            assert again["why"] in {"resumed", "reset"}
            assert announced(again if again["why"] == "reset" else await told.heard(why="delta")) == "two"


async def test_a_gateway_that_says_goodbye_is_left_for_another(node: str, stand: Stand) -> None:
    """As late as it asks for."""
    await say(stand, "left-js", "one")
    with stand.gateway() as first:
        async with following(node, "room/left-js", first.url, stand.url) as told:
            await told.heard(why="snapshot")
            first.ask_to_stop()
            await told.heard(connection="waiting")
            await told.heard(why="resumed")
            await say(stand, "left-js", "two")
            assert announced(await told.heard(why="delta")) == "two"
