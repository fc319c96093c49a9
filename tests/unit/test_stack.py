"""What a stack takes for its gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.ports import own_port
from tidegate.stack import is_gateway

LOOPBACK = "127.0.0.1"
EPOCH = "0123456789ab"
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(said: bytes | None) -> Answering:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if said is None:
            await reader.read()  # until whoever asks has had enough
        else:
            writer.write(said)
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        (b"HTTP/1.1 200 OK\r\ntidegate-log: 0123456789ab\r\nX: y\r\n\r\nit runs\n", True),
        (b"HTTP/1.1 200 OK\r\nTidegate-Log: ba9876543210\r\n\r\nit runs\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\nit runs\n", False),
        (b"HTTP/1.1 200 OK\r\nTidegate-Log: 0123456789ab\r\n\r\nit does not run\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\nTidegate-Log: 0123456789ab\r\n\r\nit runs\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"INFO {}\r\n", False),
        (b"", False),
        (None, False),
        (b"x" * 200_000, False),
    ],
)
async def test_somebody_else_at_its_port_is_not_taken_for_it(said: bytes | None, *, is_one: bool) -> None:
    """Whoever hangs up, says something else, or nothing, or says no end of it; and another stack's gateway."""
    async with await asyncio.start_server(says(said), LOOPBACK, 0) as server:
        assert await is_gateway(LOOPBACK, server.sockets[0].getsockname()[1], EPOCH) == is_one


async def test_nobody_is_none() -> None:
    """It may only not be there yet."""
    assert not await is_gateway(LOOPBACK, own_port(), EPOCH)
