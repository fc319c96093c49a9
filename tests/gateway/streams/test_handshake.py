"""The request for a socket is read strictly, and refused with the status and the code that say what is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request as TheirRequest
from websockets.server import ServerProtocol

from gateway.streams.handshake import Refused, Request, accept_key, read, refusal, switching
from gateway.streams.limits import HEAD_BYTES_MAX, HEADERS_MAX

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
SOUND = {
    "Host": "example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(line: str = "GET /v1/demo/stream HTTP/1.1", headers: dict[str, str] | None = None, /, **changed: str) -> bytes:
    """A sound request; headers that are named `like_this` are changed, and left out where they are empty."""
    named = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    kept = {name: value for name, value in SOUND.items() if name.lower() not in named}
    lines = [line] + [f"{name}: {value}" for name, value in (kept | named | (headers or {})).items() if value]
    return "".join(f"{one}\r\n" for one in lines).encode("latin-1") + b"\r\n"


def asked(data: bytes) -> Request:
    request = read(data, ("192.0.2.7", 4711))
    assert isinstance(request, Request)
    return request


def test_the_key_of_the_standard() -> None:
    """The example of RFC 6455, 1.3."""
    assert accept_key(KEY.encode()) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_sound_request() -> None:
    """Path and query as they were sent, every header with its name in lower case, and where it comes from."""
    request = asked(head("GET /v1/a%2Fb/stream?x=%20&y HTTP/1.1", {"Cookie": "a=1", "X-Two": " b  c\t"}))
    assert (request.path, request.query, request.peer) == ("/v1/a%2Fb/stream", b"x=%20&y", ("192.0.2.7", 4711))
    assert request.header(b"cookie") == b"a=1"
    assert request.header(b"x-two") == b"b  c"
    assert request.header(b"x-three") is None
    assert switching(request).endswith(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


@pytest.mark.parametrize(
    "changed",
    [
        {"connection": "keep-alive, upgrade"},
        {"upgrade": "WebSocket"},
        {"upgrade": "h2c, websocket"},
        {"content_length": "0"},
        {"sec_websocket_extensions": "permessage-deflate; client_max_window_bits"},
        {"host": "[::1]:8080"},
    ],
)
def test_other_ways_to_say_it(changed: dict[str, str]) -> None:
    """What the standard allows beside the usual is taken; no extension is agreed on."""
    assert b"Sec-WebSocket-Extensions" not in switching(asked(head(**changed)))


def test_what_came_twice_is_put_together() -> None:
    """As the standard of HTTP has it, and cookies as cookies."""
    data = head()[:-2] + b"X: a\r\nx: b\r\nCookie: c=1\r\nCookie: d=2\r\n\r\n"
    assert asked(data).header(b"x") == b"a, b"
    assert asked(data).header(b"cookie") == b"c=1; d=2"


def test_subprotocols() -> None:
    """All that is offered is shown to the door; ours alone is chosen, and only when it was offered."""
    both = asked(head(sec_websocket_protocol="tidegate.v1, bearer.abc-1._~"))
    assert both.subprotocols == ("tidegate.v1", "bearer.abc-1._~")
    assert b"\r\nSec-WebSocket-Protocol: tidegate.v1\r\n" in switching(both)
    other = asked(head(sec_websocket_protocol="bearer.abc"))
    assert b"Sec-WebSocket-Protocol" not in switching(other)


def test_tokens_are_not_shown() -> None:
    """A request that is written into a log says where it went, and nothing that it came with."""
    request = asked(head("GET /a?token=s3cret HTTP/1.1", authorization="Bearer s3cret", cookie="s=s3cret"))
    assert repr(request) == "Request('/a')"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (head("POST /a HTTP/1.1"), 405, "bad_method"),
        (head("HEAD /a HTTP/1.1"), 405, "bad_method"),
        (head("GET /a HTTP/1.0"), 505, "bad_http_version"),
        (head("GET /a HTTP/2.0"), 505, "bad_http_version"),
        (head("GET /a"), 400, "bad_request"),
        (head("GET  /a HTTP/1.1"), 400, "bad_request"),
        (head("GET /a b HTTP/1.1"), 400, "bad_request"),
        (head("GET http://example.com/a HTTP/1.1"), 400, "bad_request"),
        (head("GET * HTTP/1.1"), 400, "bad_request"),
        (head("GET /a#b HTTP/1.1"), 400, "bad_request"),
        (head("GET /\xe9 HTTP/1.1"), 400, "bad_request"),
        (head(host=""), 400, "bad_request"),
        (head()[:-2] + b"host: other\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b" folded\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b"no colon\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b"space : x\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b": x\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b"x: a\nb: c\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b"x: a\rb\r\n\r\n", 400, "bad_request"),
        (head()[:-2] + b"x: \x00\r\n\r\n", 400, "bad_request"),
        (head(content_length="3"), 400, "bad_request"),
        (head(transfer_encoding="chunked"), 400, "bad_request"),
        (head(upgrade=""), 426, "upgrade_required"),
        (head(upgrade="websockets"), 426, "upgrade_required"),
        (head(connection="keep-alive"), 426, "upgrade_required"),
        (head(sec_websocket_version=""), 426, "upgrade_required"),
        (head(sec_websocket_version="8"), 426, "upgrade_required"),
        (head(sec_websocket_version="13, 8"), 426, "upgrade_required"),
        (head(sec_websocket_key=""), 400, "bad_request"),
        (head(sec_websocket_key="c2hvcnQ="), 400, "bad_request"),
        (head(sec_websocket_key=KEY + "!"), 400, "bad_request"),
        (head()[:-2] + f"Sec-WebSocket-Key: {KEY}\r\n\r\n".encode(), 400, "bad_request"),
        (head(sec_websocket_protocol="a b"), 400, "bad_request"),
        (head(sec_websocket_protocol=",".join("abcdefghi")), 400, "bad_request"),
        (head(cookie="x" * HEAD_BYTES_MAX), 431, "head_too_long"),
        (head("GET /a HTTP/1.1", {f"x{n}": "y" for n in range(HEADERS_MAX)}), 431, "too_many_headers"),
        (b"\r\n\r\n", 400, "bad_request"),
    ],
)
def test_what_is_refused(data: bytes, status: int, code: str) -> None:
    """Each with the status that HTTP has for it, and a code that stays the same."""
    refused = read(data)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code, refused.fault) == (status, code, "caller")


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=200), st.integers(min_value=0, max_value=200))
def test_any_bytes(garbage: bytes, start: int, length: int) -> None:
    """Whatever stands in a request, it is read or refused; and a header that was read holds no line's end."""
    sound = head()[:-4]
    request = read(sound[:start] + garbage + sound[start + length :] + b"\r\n\r\n")
    if isinstance(request, Request):
        assert not any(end in part for header in request.headers for part in header for end in b"\r\n\0")
    else:
        assert refusal(request).startswith(b"HTTP/1.1 4") or request.status == 505


def test_a_refusal() -> None:
    """It is the JSON that every error of the gateway is, complete, and the last thing on its connection."""
    refused = Refused(429, "too_many_sockets", 'say "when"', "late", 1_500, ((b"x-a", b"b"),))
    top, _, body = refusal(refused).partition(b"\r\n\r\n")
    lines = top.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 429 Too Many Requests"
    assert {b"x-a: b", b"retry-after: 2", b"connection: close", b"content-length: %d" % len(body)} < set(lines)
    assert b"content-type: application/problem+json" in lines
    assert json.loads(body) == {
        "type": "urn:tidegate:problem:too_many_sockets",
        "title": "Too Many Requests",
        "status": 429,
        "code": "too_many_sockets",
        "detail": 'say "when"',
        "fault": "late",
        "retry_after_ms": 1_500,
    }


def test_what_must_be_said_along() -> None:
    """Which methods and which version there are is said with the refusal of others."""
    wrong_method, wrong_version = read(head("PUT /a HTTP/1.1")), read(head(sec_websocket_version="12"))
    assert isinstance(wrong_method, Refused)
    assert isinstance(wrong_version, Refused)
    assert b"\r\nallow: GET\r\n" in refusal(wrong_method)
    assert b"\r\nsec-websocket-version: 13\r\n" in refusal(wrong_version)


def test_others_agree() -> None:
    """What we take, `websockets` takes and answers with the same key."""
    theirs = ServerProtocol()
    theirs.receive_data(head())
    (event,) = theirs.events_received()
    assert isinstance(event, TheirRequest)
    answer = theirs.accept(event)
    assert f"Sec-WebSocket-Accept: {answer.headers['Sec-WebSocket-Accept']}".encode() in switching(asked(head()))
