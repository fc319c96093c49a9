"""The short way through nats-py: the same messages, however they arrive, and nothing smuggled in."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from urllib.parse import urlparse

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg

from events.nats.client import CROWDED_BYTES, QuickClient, _frame
from tests.support.waiting import until

OURS, THEIRS = 1, 2
STREAM = (
    b"MSG a.b 1 5\r\nhello\r\n"
    b"MSG a.c 1 reply.to 0\r\n\r\n"
    b"PING\r\n"
    b"HMSG a.d 1 28 32\r\nNATS/1.0\r\nName: va: lue \r\n\r\nbody\r\n"
    b"+OK\r\n"
    b"MSG x.y 2 7\r\nMSG 1 5\r\n"
    b"HMSG in.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
    b"MSG a.e 1 7\r\nPING\r\n!\r\n"
    b"HMSG in.3 1 54 54\r\nNATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 9\r\n\r\n\r\n"
    b"HMSG in.2 1 r.s 20 20\r\nNATS/1.0 204 EOB\r\n\r\n\r\n"
)
WANTED = [
    ("a.b", "", b"hello", None),
    ("a.c", "reply.to", b"", None),
    ("a.d", "", b"body", {"Name": "va: lue"}),
    ("in.1", "", b"", {"Status": "503", "Description": ""}),
    ("a.e", "", b"PING\r\n!", None),
    ("in.3", "", b"", {"Status": "100", "Description": "Idle Heartbeat", "Nats-Last-Consumer": "9"}),
    ("in.2", "r.s", b"", {"Status": "204", "Description": "EOB"}),
]


class Listening(QuickClient):
    """A client without a server, that keeps what it is brought."""

    def __init__(self) -> None:
        super().__init__()
        self._flush_queue = asyncio.Queue()
        self.ours: list[tuple[str, str, bytes, dict[str, str] | None]] = []
        self.theirs: list[bytes] = []
        self.handlers[OURS] = self._take

    def _take(self, message: Msg) -> None:
        self.ours.append((message.subject, message.reply, message.data, message.headers))

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if sid == THEIRS:
            self.theirs.append(data)
        else:
            await super()._process_msg(sid, subject, reply, data, headers)

    async def hear(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self._ps.parse(piece)


async def _heard(*pieces: bytes) -> Listening:
    client = Listening()
    await client.hear(*pieces)
    return client


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_messages_are_the_same_however_they_arrive(cuts: list[int]) -> None:
    """Wherever the network cuts the stream, each message is handed over once, whole and in order."""
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(places)]
    client = asyncio.run(_heard(*pieces))
    assert client.ours == WANTED
    assert client.theirs == [b"MSG 1 5"]


def test_byte_by_byte() -> None:
    """The worst cut of all."""
    client = asyncio.run(_heard(*(STREAM[at : at + 1] for at in range(len(STREAM)))))
    assert client.ours == WANTED


@pytest.mark.parametrize("line", [b"MSG a 1 five\r\n", b"MSG a\r\n", b"HMSG a 1 3\r\nabc\r\n"])
def test_what_is_no_message_is_an_error(line: bytes) -> None:
    """A line that begins like a message and is none ends the connection; it is not waited for."""
    with pytest.raises(nats.errors.ProtocolError):
        asyncio.run(_heard(line))


async def test_a_handler_that_raises_loses_its_own_message_only() -> None:
    """Its bug is reported as any callback's, and the next message comes."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    client = Listening()
    seen: list[bytes] = []

    def stumbles(message: Msg) -> None:
        seen.append(message.data)
        if message.data == b"1":
            raise RuntimeError("a bug")

    client.handlers[OURS] = stumbles
    await client.hear(b"MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n")
    assert seen == [b"1", b"2"]
    assert [type(one["exception"]) for one in reported] == [RuntimeError]


@pytest.mark.parametrize("header", [("Name", "a\r\nNats-Rollup: all"), ("Na\nme", "a"), ("Name", "a\n")])
async def test_a_header_cannot_bring_another_one(header: tuple[str, str]) -> None:
    """A line break in a header's name or value would be a header that nobody meant, so it is refused before it is
    sent."""
    client = Listening()
    client._max_payload = 1 << 20
    with pytest.raises(ValueError, match="line break"):
        client.post("a", b"", headers=dict([header]))
    assert client._pending_data_size == 0


class Pipe:
    """A stream writer whose other end takes nothing until it is let."""

    def __init__(self) -> None:
        self.transport = self
        self.written: list[int] = []
        self.taken = asyncio.Event()

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0 if self.taken.is_set() else CROWDED_BYTES + 1

    def write(self, data: bytes) -> None:
        self.written.append(len(data))

    async def drain(self) -> None:
        await self.taken.wait()


async def test_what_is_hurried_is_written_at_once_and_not_into_a_full_socket() -> None:
    """What comes behind a write that fills the socket waits until that was taken, hurried or not."""
    client, pipe = Listening(), Pipe()
    client._max_payload = client._max_pending_size = 1 << 20
    client._status = Client.CONNECTED
    client._transport = type("Transport", (), {"_io_writer": pipe})()
    client.post("a", b"first")
    client.hurry()
    assert len(pipe.written) == 1
    client.post("a", b"second")
    client.hurry()
    await asyncio.sleep(0.01)
    assert len(pipe.written) == 1
    pipe.taken.set()
    await until(lambda: len(pipe.written) == 2)


def test_frames_are_written_as_the_protocol_says() -> None:
    """With and without headers, with and without a reply subject."""
    assert _frame("a.b", b"xy", "", None) == b"PUB a.b 2\r\nxy\r\n"
    assert _frame("a.b", b"xy", "c", {}) == b"PUB a.b c 2\r\nxy\r\n"
    assert _frame("a.b", b"xy", "c", {"N": "v"}) == b"HPUB a.b c 18 20\r\nNATS/1.0\r\nN: v\r\n\r\nxy\r\n"


async def test_an_attempt_that_failed_halfway_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """nats-py puts the next connection in its place without closing it."""

    class Socket:
        closed = False

        def close(self) -> None:
            self.closed = True

    async def connect(client: Client, _server: Any) -> None:
        client._transport = None

    monkeypatch.setattr(Client, "_connect_to_server", connect)
    client, socket = Listening(), Socket()
    client._transport = socket  # type: ignore[assignment]
    await client._connect_to_server(Srv(urlparse("nats://127.0.0.1:4222")))
    assert socket.closed
