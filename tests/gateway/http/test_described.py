"""What the documentation says in words is what is done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from actors.waiting.lifecycle import ROOM
from events.waiting.draw import commitment_of
from gateway.streams.limits import CALLS_PER_SOCKET_MAX, MESSAGES_BURST, MESSAGES_PER_S, TOPICS_PER_SOCKET_MAX
from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]


async def described(gate: Gate, path: str, method: str) -> str:
    paths: Any = (await gate.get("/docs/openapi.json")).json()["paths"]
    return " ".join(paths[path][method]["description"].split())


def printed(line: str, secret: str) -> str:
    about = {"SECRET": secret, "PATH": os.environ["PATH"]}
    return subprocess.run(["sh", "-c", line], env=about, capture_output=True, text=True, check=True).stdout.strip()


async def test_a_draw_is_committed_to_as_it_is_described() -> None:
    """The line that the route's description gives makes the commitment, of which the room then takes the secret."""
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum here")
    secret = "four words and an ä"
    async with open_gateway() as gate:
        said = await described(gate, "/v1/{org}/rooms/{room}", "put")
        line = next(one for one in re.findall(r"`([^`]+)`", said) if one.startswith("printf"))
        commitment = printed(line, secret)
        assert commitment == commitment_of(secret)
        room = "/v1/demo/rooms/drawn"
        put = await gate.put(room, {"draw": True, "capacity": 1, "commitment": commitment}, as_=gate.owner)
        assert put.status_code == 200, told(put)
        assert (await gate.post(f"{room}/start", as_=gate.owner)).status_code == 200
        with_line_feed = await gate.post(f"{room}/draw", {"secret": f"{secret}\n"}, as_=gate.owner)
        assert refused(with_line_feed)[1] == "wrong_secret"
        drawn = await gate.post(f"{room}/draw", {"secret": secret}, as_=gate.owner)
        assert drawn.status_code == 200, told(drawn)


async def test_the_steps_of_a_room_are_described() -> None:
    """Every phase with each of its steps, and none beside."""
    async with open_gateway(demo=False) as gate:
        said = await described(gate, "/v1/{org}/rooms/{room}/open", "post")
    table = re.split(r"; ", said.partition(": ")[2].partition(" A room that is `closed`")[0])
    for (phase, steps), words in zip(ROOM.items(), table, strict=False):
        assert f"`{phase}`" in words
        assert set(re.findall(r"\b(start|open|pause|resume|drain|close)\b(?!`)", words)) == set(steps), words
    assert len(table) == len(ROOM) - 1


async def test_the_bounds_of_sockets_are_described() -> None:
    """The page of streams has the figures that are kept."""
    async with open_gateway(demo=False) as gate:
        page = (await gate.get("/assets/streams.js")).text
    for words in (
        f"At most {CALLS_PER_SOCKET_MAX} of a socket, `call` and `subscribe`",
        f"At most {TOPICS_PER_SOCKET_MAX} of a socket.",
        f"At most {MESSAGES_PER_S} a second, and {MESSAGES_BURST} in a burst.",
    ):
        assert words in page, words
