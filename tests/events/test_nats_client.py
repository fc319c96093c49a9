"""The short way through nats-py's client reads what a server writes, however it arrives in pieces, and writes what a
server reads."""

from __future__ import annotations

import asyncio

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from events.nats.client import QuickClient, _frame

TOKENS = st.text("abcXYZ0123456789_-$", min_size=1, max_size=12)
SUBJECTS = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
HEADERS = st.dictionaries(TOKENS, st.text("abc XYZ:/-_äö", max_size=20).map(str.strip), max_size=4)
MESSAGES = st.tuples(SUBJECTS, st.one_of(st.just(""), SUBJECTS), st.binary(max_size=60), HEADERS)
LISTENED, NOT_LISTENED = 7, 8


def written(sid: int, subject: str, reply: str, data: bytes, headers: dict[str, str]) -> bytes:
    """A message as a server writes it to a subscriber."""
    to = f"{subject} {sid} {reply}" if reply else f"{subject} {sid}"
    if not headers:
        return f"MSG {to} {len(data)}\r\n".encode() + data + b"\r\n"
    head = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    raw = head.encode()
    return f"HMSG {to} {len(raw)} {len(raw) + len(data)}\r\n".encode() + raw + data + b"\r\n"


async def parsed(stream: bytes, cuts: list[int]) -> list[Msg]:
    """What a listener is given when the stream arrives in these pieces."""
    client, heard = QuickClient(), list[Msg]()
    client.handlers[LISTENED] = heard.append
    at = 0
    for cut in [*sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]:
        await client._ps.parse(stream[at:cut])
        at = cut
    assert not client._ps.buf
    return heard


@given(messages=st.lists(MESSAGES, max_size=8), cuts=st.lists(st.integers(0, 10_000), max_size=12), data=st.data())
def test_messages_are_read_however_they_are_cut(
    messages: list[tuple[str, str, bytes, dict[str, str]]], cuts: list[int], data: st.DataObject
) -> None:
    """Every message arrives once, whole and in order, among other lines, in whatever pieces the network makes of it."""
    stream = b""
    for message in messages:
        stream += data.draw(st.sampled_from([b"", b"+OK\r\n", b"PONG\r\n", written(NOT_LISTENED, "x", "", b"MSG", {})]))
        stream += written(LISTENED, *message)
    heard = asyncio.run(parsed(stream, cuts))
    assert [(one.subject, one.reply, one.data, one.headers or {}) for one in heard] == messages


@pytest.mark.parametrize(
    ("first_line", "status", "description"),
    [
        ("NATS/1.0 503", "503", ""),
        ("NATS/1.0 100 Idle Heartbeat", "100", "Idle Heartbeat"),
        ("NATS/1.0 204 EOB", "204", "EOB"),
    ],
)
def test_a_status_is_read(first_line: str, status: str, description: str) -> None:
    """What the server says about a request stands in the first line, headers may follow."""
    raw = f"{first_line}\r\nNats-Last-Consumer: 9\r\n\r\n".encode()
    stream = b"HMSG in.box %d %d %d\r\n" % (LISTENED, len(raw), len(raw)) + raw + b"\r\n"
    [heard] = asyncio.run(parsed(stream, [3, 20]))
    assert heard.headers == {"Status": status, "Description": description, "Nats-Last-Consumer": "9"}


def test_nonsense_is_a_protocol_error() -> None:
    """A message whose first line cannot be read ends the connection, rather than being skipped."""
    with pytest.raises(nats.errors.ProtocolError):
        asyncio.run(parsed(b"MSG a b c d e\r\n", []))


def test_a_line_break_in_a_header_is_the_callers_bug() -> None:
    """A header can't smuggle in another one."""
    with pytest.raises(ValueError, match="line break"):
        _frame("a", b"", "", {"name": "value\r\nNats-Rollup: all"})


def test_frames_are_written_as_the_protocol_says() -> None:
    """With and without headers, with and without a reply subject."""
    assert _frame("a.b", b"xy", "", None) == b"PUB a.b 2\r\nxy\r\n"
    assert _frame("a.b", b"xy", "c", {}) == b"PUB a.b c 2\r\nxy\r\n"
    assert _frame("a.b", b"xy", "c", {"N": "v"}) == b"HPUB a.b c 18 20\r\nNATS/1.0\r\nN: v\r\n\r\nxy\r\n"
