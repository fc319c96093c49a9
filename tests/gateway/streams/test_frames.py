"""Frames are read as the protocol says, however they are cut, and as somebody else's implementation reads them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close as TheirClose
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from gateway.streams.frames import (
    BAD_UTF8,
    NO_CODE,
    NOT_TEXT,
    POLICY,
    PROTOCOL_ERROR,
    TOO_BIG,
    Close,
    Event,
    Message,
    Parser,
    Ping,
    Pong,
    Violation,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)
from gateway.streams.limits import CONTROL_BYTES_MAX, FRAGMENTS_MAX, REASON_BYTES_MAX

MAX = 70_000
SMALL = 1_000
MASK = b"\x37\xfa\x21\x3d"
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")
"""The masked `Hello` of RFC 6455, 5.7."""


def masked(first: int, payload: bytes, mask: bytes = MASK) -> bytes:
    """A frame with this first byte, by the letter of the standard."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read(chunks: Iterable[bytes], message_bytes_max: int = MAX) -> tuple[list[Event], int | None]:
    """What they say, and what they are refused for."""
    parser, heard = Parser(message_bytes_max), list[Event]()
    try:
        for chunk in chunks:
            heard.extend(parser.feed(chunk))
    except Violation as violation:
        return heard, violation.code
    return heard, None


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("cut", [lambda data: [data], one_by_one], ids=["whole", "in bytes"])
@pytest.mark.parametrize(
    ("data", "events"),
    [
        (HELLO, [Message(b"Hello")]),
        (HELLO * 3, [Message(b"Hello")] * 3),
        (masked(0x81, b""), [Message(b"")]),
        (masked(0x81, b"x" * 125), [Message(b"x" * 125)]),
        (masked(0x81, b"x" * 126), [Message(b"x" * 126)]),
        (masked(0x81, b"x" * 65_535), [Message(b"x" * 65_535)]),
        (masked(0x81, b"x" * 65_536), [Message(b"x" * 65_536)]),
        (masked(0x01, b"Hel") + masked(0x80, b"lo"), [Message(b"Hello")]),
        (masked(0x01, b"") + masked(0x00, b"a") + masked(0x00, b"") + masked(0x80, b""), [Message(b"a")]),
        (
            masked(0x01, b"Hel") + masked(0x89, b"p") + masked(0x8A, b"q") + masked(0x80, b"lo"),
            [Ping(b"p"), Pong(b"q"), Message(b"Hello")],
        ),
        (masked(0x01, b"\xe2\x82") + masked(0x80, b"\xac"), [Message("€".encode())]),
        (masked(0x89, b"x" * 125), [Ping(b"x" * 125)]),
        (masked(0x88, b""), [Close(NO_CODE, "")]),
        (masked(0x88, b"\x03\xe8bye") + HELLO, [Close(1000, "bye")]),
        (masked(0x01, b"Hel") + masked(0x88, b"\x0f\xa0"), [Close(4000, "")]),
    ],
)
def test_what_is_said(data: bytes, events: list[Event], cut: Callable[[bytes], list[bytes]]) -> None:
    """Lengths in all three forms, fragments with control frames in between, and nothing behind a close."""
    assert read(cut(data)) == (events, None)


@pytest.mark.parametrize("cut", [lambda data: [data], one_by_one], ids=["whole", "in bytes"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05Hello", PROTOCOL_ERROR),
        (b"\x89\x00", PROTOCOL_ERROR),
        (masked(0xC1, b"x"), PROTOCOL_ERROR),
        (masked(0xA1, b"x"), PROTOCOL_ERROR),
        (masked(0x91, b"x"), PROTOCOL_ERROR),
        (masked(0x83, b"x"), PROTOCOL_ERROR),
        (masked(0x87, b"x"), PROTOCOL_ERROR),
        (masked(0x8B, b"x"), PROTOCOL_ERROR),
        (masked(0x8F, b"x"), PROTOCOL_ERROR),
        (masked(0x09, b"x"), PROTOCOL_ERROR),
        (masked(0x89, b"x" * 126), PROTOCOL_ERROR),
        (masked(0x88, b"\x03\xe8" + b"x" * 124), PROTOCOL_ERROR),
        (masked(0x80, b"x"), PROTOCOL_ERROR),
        (masked(0x00, b"x"), PROTOCOL_ERROR),
        (masked(0x01, b"x") + masked(0x81, b"x"), PROTOCOL_ERROR),
        (masked(0x01, b"x") + masked(0x82, b"x"), PROTOCOL_ERROR),
        (b"\x81\xfe\x00\x7d" + MASK, PROTOCOL_ERROR),
        (b"\x81\xff" + (65_535).to_bytes(8, "big") + MASK, PROTOCOL_ERROR),
        (b"\x81\xff" + b"\xff" * 8 + MASK, PROTOCOL_ERROR),
        (masked(0x82, b"x"), NOT_TEXT),
        (masked(0x02, b"x"), NOT_TEXT),
        (masked(0x81, b"\xff"), BAD_UTF8),
        (masked(0x81, b"\xed\xa0\x80"), BAD_UTF8),
        (masked(0x81, b"\xc0\xaf"), BAD_UTF8),
        (masked(0x01, b"\xe2\x82") + masked(0x80, b""), BAD_UTF8),
        (masked(0x88, b"\x03"), PROTOCOL_ERROR),
        (masked(0x88, b"\x03\xe8\xff"), BAD_UTF8),
    ],
)
def test_what_is_refused(data: bytes, code: int, cut: Callable[[bytes], list[bytes]]) -> None:
    """Each with the code that the standard has for it; what was said before it was said."""
    assert read(cut(data)) == ([], code)
    assert read(cut(HELLO + masked(0x89, b"p") + data)) == ([Message(b"Hello"), Ping(b"p")], code)


def test_codes_to_close_with() -> None:
    """Those that may be sent are taken, all others are none."""
    allowed = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    taken = {code for code in range(1 << 16) if read([masked(0x88, code.to_bytes(2, "big"))])[1] is None}
    assert taken == allowed


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        (b"\x81\xfe\x03\xe9", 1_000),
        (b"\x01\xfe\x03\xe9", 1_000),
        (b"\x81\xff" + (10 << 20).to_bytes(8, "big"), 64 << 10),
        (b"\x81\xff" + ((1 << 63) - 1).to_bytes(8, "big"), 64 << 10),
        (masked(0x01, b"x" * 900) + b"\x80\xe5", 1_000),
        (masked(0x01, b"x" * 900) + masked(0x00, b"x" * 100) + b"\x80\x81", 1_000),
    ],
)
def test_too_much_is_refused_when_it_is_announced(said: bytes, limit: int) -> None:
    """By a length alone, of a frame or of its message so far: not one byte of it has to come."""
    assert read([said], limit) == ([], TOO_BIG)


def test_as_much_as_is_allowed_is_taken() -> None:
    """The limit itself is within it, in one frame and in several; control frames don't count."""
    whole = Message(b"x" * 1_000)
    assert read([masked(0x81, whole.text)], 1_000) == ([whole], None)
    parts = masked(0x01, b"x" * 999) + masked(0x89, b"p" * 100) + masked(0x80, b"x")
    assert read([parts], 1_000) == ([Ping(b"p" * 100), whole], None)


def test_a_message_is_not_cut_without_end() -> None:
    """Fragments that say nothing are counted, since nobody hears of them."""
    beginning = masked(0x01, b"") + masked(0x00, b"") * (FRAGMENTS_MAX - 2)
    assert read([beginning + masked(0x80, b"x")]) == ([Message(b"x")], None)
    assert read([beginning + masked(0x00, b"")]) == ([], POLICY)


def test_between_messages_nothing_is_kept() -> None:
    """A parser that waits holds no buffer, whatever it has read."""
    parser = Parser(MAX)
    assert len(list(parser.feed(masked(0x01, b"x" * 60_000) + masked(0x80, b"y") + HELLO[:5]))) == 1
    assert len(list(parser.feed(HELLO[5:]))) == 1
    assert parser._unread is None
    assert parser._message is None


# ---------------------------------------------------------------------------------------------------- any bytes

payloads = st.one_of(
    st.binary(max_size=130),
    st.text(max_size=60).map(str.encode),
    st.sampled_from((126, 200, 512, 513, 1_001)).map(bytes),
)
codes = st.sampled_from((999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000))
closes = st.builds(lambda code, reason: code.to_bytes(2, "big") + reason, codes, st.binary(max_size=10))
any_frame = st.builds(
    Frame,
    st.sampled_from(Opcode),
    st.one_of(payloads, closes),
    st.booleans(),
    rsv1=st.sampled_from((False,) * 20 + (True,)),
)
sound_frame = st.one_of(
    st.builds(Frame, st.just(Opcode.TEXT), st.text(max_size=300).map(str.encode), st.booleans()),
    st.builds(Frame, st.just(Opcode.CONT), st.text(max_size=300).map(str.encode), st.booleans()),
    st.builds(Frame, st.sampled_from((Opcode.PING, Opcode.PONG)), st.binary(max_size=125)),
)


def as_sent(frame: Frame, mask: bytes = MASK) -> bytes:
    first = frame.fin << 7 | frame.rsv1 << 6 | frame.opcode
    return masked(first, bytes(frame.data), mask)


def cut_at(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(
    st.lists(any_frame, max_size=8), st.lists(st.integers(min_value=0), max_size=20), st.binary(min_size=4, max_size=4)
)
def test_cuts_make_no_difference(sent: list[Frame], cuts: list[int], mask: bytes) -> None:
    """Any sequence of frames, sound or not, says the same in any packets."""
    data = b"".join(as_sent(frame, mask) for frame in sent)
    assert read(cut_at(data, cuts), SMALL) == read([data], SMALL)


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=6))
@example(b"\x81\xfe", [])
def test_any_bytes(data: bytes, cuts: list[int]) -> None:
    """Whatever comes, it is read or refused with a code that may be sent; nothing else is raised."""
    events, code = read(cut_at(data, cuts), SMALL)
    assert code in {None, PROTOCOL_ERROR, NOT_TEXT, BAD_UTF8, TOO_BIG}
    assert code is None or close_frame(code)
    assert all(isinstance(event, Message | Ping | Pong | Close) for event in events)


def test_much_garbage() -> None:
    """A hundred thousand packets of damaged frames later, no parser has raised anything or kept more than a message."""
    chance = random.Random(6455)
    sound = [
        HELLO,
        masked(0x01, b"a" * 300),
        masked(0x80, b"b"),
        masked(0x89, b"p"),
        masked(0x8A, b""),
        masked(0x81, b"x" * 700),
    ]
    refused = 0
    parser = Parser(2_000)
    for _ in range(100_000):
        data = bytearray(chance.choice(sound))
        if chance.random() < 0.2:
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.1:
            del data[chance.randrange(len(data)) :]
        try:
            for _event in parser.feed(bytes(data)):
                pass
        except Violation:
            refused += 1
            parser = Parser(2_000)
        if parser._over:
            parser = Parser(2_000)
        kept = len(parser._unread or b"") + len(parser._message or b"")
        assert kept <= 2 * 2_000 + 14
    assert refused > 1_000


def theirs(data: bytes) -> tuple[list[Event], int | None]:
    """What `websockets` says of the same bytes, in our words."""
    protocol = ServerProtocol(state=State.OPEN, max_size=SMALL)
    protocol.receive_data(data)
    heard, message = list[Event](), b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        body = bytes(frame.data)
        if frame.opcode is Opcode.PING:
            heard.append(Ping(body))
        elif frame.opcode is Opcode.PONG:
            heard.append(Pong(body))
        elif frame.opcode is Opcode.CLOSE:
            close = TheirClose.parse(body)
            heard.append(Close(close.code, close.reason))
        else:
            message += body
            if frame.fin:
                heard.append(Message(message))
                message = b""
    if protocol.parser_exc is None or isinstance(protocol.parser_exc, EOFError):
        return heard, None
    if isinstance(protocol.parser_exc, UnicodeDecodeError):
        return heard, BAD_UTF8
    if isinstance(protocol.parser_exc, PayloadTooBig):
        return heard, TOO_BIG
    assert isinstance(protocol.parser_exc, ProtocolError)
    return heard, PROTOCOL_ERROR


@given(st.lists(st.one_of(sound_frame, any_frame), max_size=8))
@example([Frame(Opcode.TEXT, b"", fin=False), Frame(Opcode.CLOSE, b"")])
def test_we_read_what_others_read(sent: list[Frame]) -> None:
    """`websockets` hears the same and refuses the same; what is wrong in two ways, each of us for one of them. It takes
    binary messages and leaves UTF-8 to who uses it, and it refuses a goodbye in the middle of a message."""
    data = b"".join(as_sent(frame) for frame in sent)
    ours, code = read([data], SMALL)
    heard, their_code = theirs(data)
    if code in {NOT_TEXT, BAD_UTF8}:
        assert heard[: len(ours)] == ours
    elif code is None and their_code == PROTOCOL_ERROR:
        assert ours[:-1] == heard
        assert isinstance(ours[-1], Close)
        assert any(frame.opcode is Opcode.TEXT and not frame.fin for frame in sent)
    elif code == PROTOCOL_ERROR and their_code == TOO_BIG:
        assert ours == heard
        assert any(len(frame.data) > SMALL for frame in sent)
    else:
        assert (ours, code) == (heard, their_code)


# ---------------------------------------------------------------------------------------------------- what we send


def heard_by_a_client(data: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    return [event for event in client.events_received() if isinstance(event, Frame)]


@given(st.one_of(st.text(), st.sampled_from((125, 126, 65_535, 65_536)).map(lambda size: "x" * size)))
def test_texts_that_we_send(text: str) -> None:
    """A client reads them as they are, of any length."""
    assert heard_by_a_client(text_frame(text.encode())) == [Frame(Opcode.TEXT, text.encode())]


@given(st.binary(max_size=CONTROL_BYTES_MAX))
def test_pings_and_pongs_that_we_send(payload: bytes) -> None:
    """A client reads them as they are."""
    sent = ping_frame(payload) + pong_frame(payload)
    assert heard_by_a_client(sent) == [Frame(Opcode.PING, payload), Frame(Opcode.PONG, payload)]


@given(st.sampled_from((1000, 1001, 1002, 1009, 1013, 3000, 4999)), st.text(max_size=200))
def test_closes_that_we_send(code: int, reason: str) -> None:
    """A client reads the code, and as much of the reason as there is room for; no character is cut in two."""
    (frame,) = heard_by_a_client(close_frame(code, reason))
    close = TheirClose.parse(bytes(frame.data))
    assert close.code == code
    assert reason.startswith(close.reason)
    assert close.reason == reason or len(close.reason.encode()) > REASON_BYTES_MAX - 4
    assert heard_by_a_client(close_frame(NO_CODE)) == [Frame(Opcode.CLOSE, b"")]
