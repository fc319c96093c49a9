"""The request that makes a connection a WebSocket (RFC 6455, 4.2), the answers to it, and no I/O.

`read` is strict: whatever two servers in a row could understand in two ways is refused (bare line feeds, folded
headers, two hosts, a body). What is wrong is said with the status that the RFC has for it, and as every error of this
gateway: `application/problem+json` with a stable `code`, a `detail`, and whose fault it is.

Of extensions nothing is read, so none is agreed on (`frames` says why). Of the sub-protocols that a client offers
`tidegate.v1` is taken and the others are left to whoever opens the door: a browser has no other header to send a token
in, and offers it as `bearer.<token>` beside.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Sequence
from hashlib import sha1
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.problems import TYPE_PREFIX
from gateway.streams.limits import HEAD_BYTES_MAX, HEADERS_MAX, SUBPROTOCOLS_MAX

SUBPROTOCOL: Final = "tidegate.v1"
END_OF_HEAD: Final = b"\r\n\r\n"

Address: TypeAlias = tuple[str, int]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rb"(%b) ([!-~]+) HTTP/(\d)\.(\d)" % _TOKEN)
_HEADER: Final = re.compile(rb"(%b):[ \t]*((?:[\x21-\x7e\x80-\xff]+(?:[ \t]+[\x21-\x7e\x80-\xff]+)*)?)[ \t]*" % _TOKEN)
_TARGET: Final = re.compile(rb"(/[^?#]*)(?:\?([^#]*))?")
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES: Final = 16


class Refused(msgspec.Struct, frozen=True):
    """No socket, and why."""

    status: int
    code: str
    detail: str
    fault: Literal["caller", "late", "busy", "ours"] = "caller"
    retry_after_ms: int | None = None
    headers: Headers = ()


class Request(msgspec.Struct, frozen=True):
    """Who asks for a socket, and where. `path` and `query` are as they were sent: what is looked at decoded by one and
    not by another is how paths are smuggled, and no path of ours needs it."""

    path: str
    query: bytes
    headers: Headers
    """Names in lower case, in the order in which they came."""
    subprotocols: tuple[str, ...] = ()
    peer: Address | None = None
    """Of the connection, so perhaps of a proxy."""

    def header(self, name: bytes) -> bytes | None:
        """Its value; of several, all of them, as RFC 9110 (5.3) puts them together."""
        values = [value for found, value in self.headers if found == name]
        return (b"; " if name == b"cookie" else b", ").join(values) if values else None

    def __repr__(self) -> str:
        return f"Request({self.path!r})"  # the rest has tokens in it


def read(head: bytes, peer: Address | None = None) -> Request | Refused:
    """What a whole head asks for: everything up to `END_OF_HEAD`, and that too."""
    if len(head) > HEAD_BYTES_MAX:
        return TOO_LONG
    lines = head[: -len(END_OF_HEAD)].split(b"\r\n")
    asked = _REQUEST_LINE.fullmatch(lines[0])
    if asked is None:
        return _malformed("the first line is no request line")
    if asked[3] != b"1" or asked[4] == b"0":
        return Refused(505, "bad_http_version", "a socket is asked for with HTTP/1.1")
    if asked[1] != b"GET":
        return Refused(405, "bad_method", "a socket is asked for with GET", headers=((b"allow", b"GET"),))
    target = _TARGET.fullmatch(asked[2])
    if target is None:
        return _malformed("the target is no path")
    if len(lines) > HEADERS_MAX + 1:
        return Refused(431, "too_many_headers", f"a request has at most {HEADERS_MAX} headers")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        header = _HEADER.fullmatch(line)
        if header is None:
            return _malformed("a line is no header")
        headers.append((header[1].lower(), header[2]))
    return _upgrading(Request(target[1].decode(), target[2] or b"", tuple(headers), peer=peer))


def _upgrading(request: Request) -> Request | Refused:
    names = [name for name, _ in request.headers]
    if names.count(b"host") != 1:
        return _malformed("a request has one host")
    if request.header(b"content-length") not in {None, b"0"} or b"transfer-encoding" in names:
        return _malformed("whoever asks for a socket sends no body")
    if b"websocket" not in _tokens(request, b"upgrade", any_case=True) or b"upgrade" not in _tokens(
        request, b"connection", any_case=True
    ):
        return _upgrade_required("this is a WebSocket: connect with `Upgrade: websocket`")
    if request.header(b"sec-websocket-version") != b"13":
        return _upgrade_required("the version that is spoken here is 13")
    if not _is_key(request.header(b"sec-websocket-key") or b""):
        return _malformed("Sec-WebSocket-Key is no 16 bytes in base64")
    offered = _tokens(request, b"sec-websocket-protocol")
    if len(offered) > SUBPROTOCOLS_MAX or not all(re.fullmatch(_TOKEN, one) for one in offered):
        return _malformed(f"Sec-WebSocket-Protocol is no list of at most {SUBPROTOCOLS_MAX} names")
    return msgspec.structs.replace(request, subprotocols=tuple(one.decode() for one in offered))


def accept_key(key: bytes) -> bytes:
    """What shows a client that its request was understood. It is no secret and protects nothing."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def switching(request: Request) -> bytes:
    """The answer to whom the door is opened."""
    chosen = b"Sec-WebSocket-Protocol: %b\r\n" % SUBPROTOCOL.encode() if SUBPROTOCOL in request.subprotocols else b""
    key = request.header(b"sec-websocket-key")
    assert key is not None, "or it would have been refused"
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (accept_key(key), chosen)
    )


def refusal(refused: Refused) -> bytes:
    """The answer to whom it is not. The connection ends with it."""
    phrase = HTTPStatus(refused.status).phrase
    problem: dict[str, str | int] = {
        "type": TYPE_PREFIX + refused.code,
        "title": phrase,
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
        "fault": refused.fault,
    }
    headers = list(refused.headers)
    assert not any(end in part for header in headers for part in header for end in (b"\r", b"\n"))
    if refused.retry_after_ms is not None:
        problem["retry_after_ms"] = refused.retry_after_ms
        headers.append((b"retry-after", b"%d" % max(1, -(-refused.retry_after_ms // 1_000))))
    body = msgspec.json.encode(problem)
    headers += (
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    )
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (refused.status, phrase.encode(), lines, body)


TOO_LONG: Final = Refused(431, "head_too_long", f"a request's head has at most {HEAD_BYTES_MAX} bytes")
TOO_SLOW: Final = Refused(408, "request_too_slow", "the request did not arrive in time", "late")


def _malformed(detail: str) -> Refused:
    return Refused(400, "bad_request", detail)


def _upgrade_required(detail: str) -> Refused:
    headers = ((b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))
    return Refused(426, "upgrade_required", detail, headers=headers)


def _is_key(key: bytes) -> bool:
    try:
        return len(a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except Error:
        return False


def _tokens(request: Request, name: bytes, *, any_case: bool = False) -> Sequence[bytes]:
    """Of a header that is a list."""
    value = request.header(name) or b""
    return [one for part in (value.lower() if any_case else value).split(b",") if (one := part.strip(b" \t"))]
