"""What nobody should send, on a real port: it gets an answer that is not our fault, or none, and always an end.

The module is whole: all of it is one table of bytes, by what is wrong with them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.http import port
from gateway.http.methods import Methods
from gateway.limiting.addresses import Addresses
from gateway.limiting.guard import App, Guard, Receive, Send
from gateway.streams.handshake import Refused, Request
from gateway.streams.limits import RequestLimits
from gateway.streams.socket import sockets
from tests.support.gateway import Gate, open_gateway

WITHIN_S = 20
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z]")
QUICK = RequestLimits(
    head_bytes_max=port.REQUESTS.head_bytes_max, request_bytes_max=port.REQUESTS.request_bytes_max,
    request_within_s=0.5, read_within_s=0.5, close_within_s=0.5,
)  # fmt: skip
NONE, MALFORMED, NOT_JSON = (), (400,), (415,)
LAST = b"Host: gate\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"


class Closed:
    """A door that opens to nobody."""

    async def opens(self, request: Request) -> Refused:
        return Refused(404, "unknown_path", "there are no sockets here")


class Port:
    def __init__(self, gate: Gate, number: int) -> None:
        self.gate = gate
        self.number = number

    async def heard(self, said: bytes | Sequence[bytes], *, half_close: bool = False) -> bytes:
        """All that is answered to these bytes, up to the end of the connection. They may come in several packets."""
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
            try:
                for packet in [said] if isinstance(said, bytes) else said:
                    writer.write(packet)
                    await writer.drain()
                if half_close:
                    writer.write_eof()
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.transport.abort()

    async def says(self, said: bytes | Sequence[bytes], *, half_close: bool = False) -> list[int]:
        """The statuses of all answers."""
        return statuses(await self.heard(said, half_close=half_close))


def statuses(heard: bytes) -> list[int]:
    found = [int(status) for status in STATUS.findall(heard)]
    assert all(status < 500 for status in found), heard
    assert not heard or found, heard
    return found


@asynccontextmanager
async def open_port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Port]:
    """With everything before the application that stands there in earnest. At the end it still answers, and has
    nothing in its log."""
    monkeypatch.setattr(port, "REQUESTS", QUICK)
    monkeypatch.setattr(port, "IDLE_S", 1)
    taken = port.taken("127.0.0.1", 0)
    until = asyncio.Event()
    with capture_logs() as logs:
        async with open_gateway() as gate:
            visited = from_a_visitor(Methods(gate.app), await gate.session())
            app = Guard(visited, gate.front.rates, Addresses())
            serving = asyncio.ensure_future(port.serve(app, taken, sockets(Closed()), until))
            try:
                opened = Port(gate, taken.getsockname()[1])
                await until_it_listens(opened)
                yield opened
                assert await opened.says(b"GET /v1/demo/resources HTTP/1.1\r\n" + LAST + b"\r\n") == [200]
            finally:
                until.set()
                await serving
                taken.close()
    assert [line for line in logs if line["log_level"] in {"error", "critical", "warning"}] == []


def from_a_visitor(app: App, token: str) -> App:
    """Whoever does not say who they are is somebody who may hold and book."""

    async def shown(scope: Any, receive: Receive, send: Send) -> None:
        if not {b"authorization", b"cookie"} & dict(scope["headers"]).keys():
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", b"Bearer " + token.encode())]}
        await app(scope, receive, send)

    return shown


async def until_it_listens(opened: Port) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", opened.number)
            except ConnectionRefusedError:
                await asyncio.sleep(0.005)
            else:
                writer.transport.abort()
                return


async def judged(opened: Port, cases: Sequence[tuple[Any, Any]], *, half_close: bool = False) -> None:
    """Each case is what is said, and the statuses that it may get: one list, or a set of lists that would do."""
    answers = await asyncio.gather(*(opened.says(said, half_close=half_close) for said, _ in cases))
    wrong = {
        str(said)[:100]: (got, wanted)
        for (said, wanted), got in zip(cases, answers, strict=True)
        if (tuple(got) not in wanted if isinstance(wanted, set) else got != wanted)
    }
    assert not wrong


def get(path: bytes, *headers: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n" % path + LAST + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


def post(body: bytes, *headers: bytes, path: bytes = b"/v1/demo/holds") -> bytes:
    return b"POST %b HTTP/1.1\r\n" % path + LAST + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def staying(request: bytes) -> bytes:
    """Without the wish that the connection ends. It does: we don't read all of what is too large."""
    return request.replace(b"Connection: close\r\n", b"")


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# ---------------------------------------------------------------------------------------------------- heads


async def test_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """That are too large, or none, are refused as problems; and what may be meant is answered."""
    async with open_port(monkeypatch) as opened:
        await judged(
            opened,
            [
                (get(b"/v1/demo/resources"), [200]),
                (get(b"/v1/demo/resources", b"X: " + b"y" * 20_000), [431]),
                (get(b"/v1/demo/resources", *[b"X: y"] * 200), [431]),
                (get(b"/v1/demo/resources?" + b"x" * 9_000), [414]),
                (get(b"/v1/demo/" + b"x" * 9_000), [414]),
                (b"GET /" + b"x" * 100_000, {(408,), (431,)}),
                (b"GET /v1/demo/resources HTTP/1.1\r\nno colon\r\n\r\n", [400]),
                (b"GET /v1/demo/resources HTTP/1.1\r\nBad Name: x\r\n\r\n", [400]),
                (b"GET /v1/demo/resources HTTP/1.1\r\nX: a\0b\r\n\r\n", [400]),
                (b"GET /v1/demo/resources HTTP/1.1\r\nX: a\r\n folded: b\r\n\r\n", [400]),
                (b"GET /v1/demo/resources HTTP/1.1\r\nX: a\rY: b\r\n\r\n", [400]),
                (b"GET /v1/demo/resources\r\n\r\n", [400]),
                (b"GET /v1/demo/resources HTTP/9.9\r\n\r\n", [400]),
                (b"BREW /v1/demo/resources HTTP/1.1\r\n" + LAST + b"\r\n", [400]),
                (b"TRACE /v1/demo/resources HTTP/1.1\r\n" + LAST + b"\r\n", [405]),
                (b"CONNECT gate:80 HTTP/1.1\r\n" + LAST + b"\r\n", [400]),
                (b"OPTIONS * HTTP/1.1\r\n" + LAST + b"\r\n", {(400,), (404,)}),
                (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), [400]),
                (get(b"http://gate/v1/demo/resources"), [200]),
                (get(b"http://["), [400]),
                (get(b"/v1/demo/resources\xff"), [400]),
                (get(b"/v1/demo/resources", b"Authorization: Bearer \xff\xfe"), [401]),
                (get(b"/v1/demo/resources", b"Authorization: Basic YTpi"), [401]),
                (get(b"/v1/demo/resources", b"Cookie: ;;=;tidegate_session=;\xe9=\xe9"), [200]),
                (get(b"/v1/demo/resources", b"Cookie: tidegate_session=\xe9"), [401]),
                (get(b"/v1/demo/resources", b"Authorization: Bearer " + b"x" * 9_000), [401]),
                (get(b"/v1/demo/resources", b"Tidegate-Timeout-Ms: 9e9"), [400]),
                (get(b"/v1/demo/resources", b"Tidegate-Timeout-Ms: -1"), [400]),
                (get(b"/v1/demo/resources", b"Tidegate-Position: x:y"), [400]),
                (get(b"/v1/demo/resources", b"Tidegate-Position: " + b"0" * 12 + b":1"), [412]),
                (get(b"/v1/demo/resources", b"Traceparent: 00-zz-zz-zz"), [200]),
                (get(b"/v1/demo/resources", b'If-None-Match: """,,,W/W/"'), [200]),
                (get(b"/v1/demo/resources", b"Expect: the worst"), [200]),
                (get(b"/v1/demo/resources", b"Upgrade: websocket", b"Connection: upgrade"), {(400,), (426,)}),
                (get(b"/v1/demo/resources", b"Range: bytes=0-99999999999999"), [200]),
            ],
        )


async def test_what_is_refused_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every problem, whoever of us refuses it."""
    async with open_port(monkeypatch) as opened:
        for said, code in (
            (get(b"/v1/demo/resources", b"X: " + b"y" * 20_000), b"head_too_long"),
            (get(b"/" + b"x" * 9_000), b"target_too_long"),
            (b"nonsense\r\n\r\n", b"bad_request"),
            (get(b"/v1//demo"), b"bad_path"),
            (post(b"x" * 100, b"Content-Length: 70000"), b"too_large"),
            (post(b"", b"Content-Length: 0", b"Content-Encoding: gzip"), b"compressed"),
            (get(b"/v1/demo/nothing"), b"unknown_path"),
        ):
            heard = await opened.heard(said)
            assert b'"code":"%b"' % code in heard and b"application/problem+json" in heard, heard


# ---------------------------------------------------------------------------------------------------- bodies


async def test_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """That are too large, too short, compressed, in pieces or nonsense."""
    large, wish = b'"' + b"x" * 70_000 + b'"', b'{"event_type": "session"'
    async with open_port(monkeypatch) as opened:
        as_visitor = b"Authorization: Bearer " + (await opened.gate.session()).encode()
        await judged(
            opened,
            [
                (post(large, JSON, b"Content-Length: %d" % len(large)), [413]),
                (post(chunked(large, 1_000), JSON, CHUNKED), [413]),
                (post(b"", JSON, b"Content-Length: 99999999999"), [413]),
                (staying(post(b"x" * 2_000_000, JSON, b"Content-Length: 2000000")), [413]),
                (staying(post(chunked(b" " * 2_000_000, 8_000), JSON, CHUNKED)), [413]),
                (post(chunked(b" " * 60_000 + b"{}", 1), JSON, CHUNKED), [400]),
                (post(wish, JSON, b"Content-Length: 500"), [408]),
                (post(b"", JSON, b"Content-Length: 0"), [400]),
                (post(wish, JSON, b"Content-Length: %d" % len(wish), as_visitor), [400]),
                (post(b"\x1f\x8b\x08" + bytes(99), b"Content-Encoding: gzip", b"Content-Length: 102"), [415]),
                (post(b"{}", b"Content-Encoding: identity", JSON, b"Content-Length: 2"), [400]),
                (post(b"{}", b"Content-Encoding: br, gzip", b"Content-Length: 2"), [415]),
                (post(b"{}", JSON, b"Expect: 100-continue", b"Content-Length: 2"), [100, 400]),
                (post(b"", JSON, b"Expect: 100-continue", b"Content-Length: 70000"), [413]),
            ],
        )


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json", b"application/json; charset=utf-16", b"text/plain", b"application/x-msgpack", b"x",
        b"application/x-www-form-urlencoded", b"multipart/form-data", b"multipart/form-data; boundary=x",
    ],
)  # fmt: skip
async def test_bodies_that_say_nothing(monkeypatch: pytest.MonkeyPatch, kind: bytes) -> None:
    """Whatever they are called: brackets without an end, numbers without measure, text in no encoding."""
    refusals = {MALFORMED, NOT_JSON}
    wish = b'{"event_type": "session", "resource": "studio-north", "start": "x", "units": %b}'
    async with open_port(monkeypatch) as opened:
        as_visitor = b"Authorization: Bearer " + (await opened.gate.session()).encode()
        await judged(
            opened,
            [
                (post(body, b"Content-Type: " + kind, b"Content-Length: %d" % len(body), as_visitor), refusals)
                for body in (
                    b"[" * 30_000, b'{"a":' * 10_000, b"\xff\xfe{}", b'{"event\xc2_type": 1}', b"null", b"1e999999",
                    b"9" * 60_000, b'"\\ud800"', b'{"event_type": "\\u0000", "resource": "a", "start": "b"}',
                    wish % b"1e300", wish % (b"9" * 5_000), b"a=b", b"--x\r\n\r\n--x--", b"\x81", b"\0",
                )
            ],
        )  # fmt: skip


async def test_lengths_that_two_servers_would_read_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are refused, and what stands behind them is never taken for a request."""
    smuggled = get(b"/v1/demo/resources")
    async with open_port(monkeypatch) as opened:
        await judged(
            opened,
            [
                (post(b"0\r\n\r\n" + smuggled, b"Content-Length: 5", CHUNKED), [400]),
                (post(b"0\r\n\r\n" + smuggled, CHUNKED, b"Content-Length: 5"), [400]),
                (post(b"0\r\n\r\n" + smuggled, b"Transfer-Encoding: xchunked"), [400]),
                (post(b"0\r\n\r\n" + smuggled, b"Transfer-Encoding: chunked, identity"), [400]),
                (post(b"0\r\n\r\n" + smuggled, b"Transfer-Encoding : chunked"), [400]),
                (post(b"0\r\n\r\n" + smuggled, b"Transfer-Encoding:\x0bchunked"), [400]),
                (post(b"0\r\n\r\n" + smuggled, CHUNKED, b"Transfer-Encoding: x"), [400]),
                (post(b"x" + smuggled, b"Content-Length: 1", b"Content-Length: 9"), [400]),
                (post(b"x" + smuggled, b"Content-Length: 1, 1"), [400]),
                (post(b"x" + smuggled, b"Content-Length: +1"), [400]),
                (post(b"x" + smuggled, b"Content-Length: 0x1"), [400]),
                (post(b"x" + smuggled, b"Content-Length: 1e0"), [400]),
                (post(b"x" + smuggled, b"Content-Length: -1"), [400]),
                (post(b"x" + smuggled, b"Content-Length: 18446744073709551617"), [400]),
                *(
                    (post(body + smuggled, CHUNKED), [400])
                    for body in (
                        b"x\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"+1\r\nx\r\n", b"0x1\r\nx\r\n", b"1\r\nxy\r\n",
                        b"1\nx\n0\n\n", b"10000000000000001\r\nx\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"1 \r\nx\r\n",
                        b"1;\0\r\nx\r\n", b"\r\n\r\n",
                    )
                ),
            ],
        )  # fmt: skip


async def test_requests_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are given up, be they silent, slow, or half closed."""
    halves: list[tuple[Any, Any]] = [
        (b"", []),
        (b"GET /v1/demo", {NONE, MALFORMED}),
        (get(b"/v1/demo/resources")[:-2], {NONE, MALFORMED}),
        (post(b"{", b"Content-Length: 10"), {NONE, MALFORMED}),
        (post(b"5\r\nab", CHUNKED), {NONE, MALFORMED}),
    ]
    async with open_port(monkeypatch) as opened:
        await judged(opened, halves, half_close=True)
        await judged(
            opened,
            [
                (b"", []),
                (b"\r\n\r\n\r\n", []),
                (b"GET /v1/demo", [408]),
                (get(b"/v1/demo/resources")[:-2], [408]),
                (post(b"{", b"Content-Length: 10"), [408]),
                (post(b"5\r\nab", CHUNKED), [408]),
                (post(b"0\r\nX: y\r\n", CHUNKED), [408]),
            ],
        )


async def test_requests_that_come_by_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have as long as all others, head or body."""
    async with open_port(monkeypatch) as opened:

        async def drip(first: bytes, drop: bytes) -> list[int]:
            reader, writer = await asyncio.open_connection("127.0.0.1", opened.number)
            writer.write(first)
            heard = asyncio.ensure_future(reader.read())
            while not heard.done():
                if not writer.transport.is_closing():
                    writer.write(drop)
                await asyncio.wait((heard,), timeout=0.02)
            writer.transport.abort()
            return statuses(heard.result())

        async with asyncio.timeout(WITHIN_S):
            ends = await asyncio.gather(
                drip(b"GET /", b"x"),
                drip(get(b"/v1/demo/resources")[:-2], b"X: y\r\n"),
                drip(post(b"", b"Content-Length: 60000"), b"x"),
                drip(post(b"", CHUNKED), b"1\r\nx\r\n"),
            )
        assert list(ends) == [[408]] * 4


async def test_what_get_answers_has_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same headers, and no body behind them; a stream has none, since its answer has no end."""
    async with open_port(monkeypatch) as opened:

        async def headers(method: bytes, path: bytes) -> tuple[list[bytes], bytes]:
            asked = get(path).replace(b"GET", method, 1)
            head, _, body = (await opened.heard(asked)).partition(b"\r\n\r\n")
            return [line for line in head.split(b"\r\n") if not line.startswith(b"date:")], body

        for path in (b"/v1/demo/resources", b"/", b"/v1/demo/nothing"):
            (asked, body), (wanted, whole) = await headers(b"HEAD", path), await headers(b"GET", path)
            assert (asked, body) == (wanted, b"")
            assert whole
        assert await opened.says(get(b"/v1/demo/events?topic=status").replace(b"GET", b"HEAD", 1)) == [405]


async def test_a_head_is_counted_by_its_route() -> None:
    """Whoever stands before the application reads it there."""
    async with open_gateway() as gate:
        app, seen = Methods(gate.app), []

        async def watched(scope: Any, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            seen.append((scope["method"], scope["path_template"]))

        async with httpx.AsyncClient(transport=httpx.ASGITransport(watched), base_url="http://gate") as client:
            assert (await client.head("/v1/demo/resources")).status_code == 200
        assert seen == [("HEAD", "/v1/{org}/resources")]


async def test_a_path_says_all_of_its_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are asked for, or another one was refused."""
    async with open_port(monkeypatch) as opened:
        for path, methods in (
            (b"/v1/demo/bookings", b"GET, HEAD, OPTIONS, POST"),
            (b"/v1/demo/webhooks/x", b"DELETE, GET, HEAD, OPTIONS, PUT"),
            (b"/v1/demo/events", b"GET, OPTIONS"),
        ):
            for method, status in ((b"OPTIONS", b" 204 "), (b"PATCH", b" 405 ")):
                heard = await opened.heard(get(path).replace(b"GET", method, 1))
                assert status in heard and b"\r\nallow: %b\r\n" % methods in heard, heard


async def test_requests_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are answered in their order; and the first that is none ends them."""
    one = b"GET /v1/demo/resources HTTP/1.1\r\nHost: gate\r\n\r\n"
    body = b"POST /v1/demo/holds HTTP/1.1\r\nHost: gate\r\nContent-Length: 2\r\n\r\n{}"
    async with open_port(monkeypatch) as opened:
        last = get(b"/v1/demo/rooms")
        assert await opened.says(one * 5 + last) == [200] * 6
        assert await opened.says(one + body + one + last) == [200, 400, 200, 200]
        assert await opened.says([one, one[:10], one[10:] + last]) == [200, 200, 200]
        assert await opened.says(last + one + b"garbage") == [200]
        assert len(await opened.says(one + b"garbage\r\n\r\n")) <= 1
        assert await opened.says(one * 1_000) == []


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/demo/../demo/resources", b"/v1/demo/./resources", b"/v1/demo/resources/..", b"/v1/demo//resources",
        b"//v1/demo/resources", b"/v1/demo/%2e%2e/demo/resources", b"/v1/demo/%2E/resources", b"/v1/demo%2Fresources",
        b"/v1/demo%2fresources", b"/v1/demo%5cresources", b"/v1/demo/resources%00", b"/v1/%00/resources",
        b"/v1/demo/resources/a%0d%0aX-Injected:%20yes", b"/v1/demo%0aSet-Cookie:%20a=b/resources", b"/..;/v1/demo",
    ],
)  # fmt: skip
async def test_paths_have_one_spelling(monkeypatch: pytest.MonkeyPatch, path: bytes) -> None:
    """A proxy and we see the same one, or we see none."""
    async with open_port(monkeypatch) as opened:
        heard = await opened.heard(get(path))
        assert statuses(heard) in ([400], [404]), heard
        assert b"injected" not in heard.lower().partition(b"\r\n\r\n")[0]


async def test_names_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of organisations, rooms, holds, bookings and tickets: none of them reaches a subject, a header or a file."""
    names = [
        b"*", b">", b"%2a", b"%3e", b"demo.catalog", b"demo%20", b"%20demo", b"DEMO", b"d%C3%A9mo", b"%EF%BC%84",
        b"%ff%fe", b"$SYS", b"_INBOX", b"a" * 65, b"-demo", b"demo%0Dx", b"d%7Fo", b"%u0064emo", b"%", b"%zz",
        b"demo;a=b", b"demo%3Bx", b"studio.2026-99-99.b-x", b"studio.2026-06-02.b-x~*.2026-06-02", b"a.b.c~" * 60,
        b"launch.0.99999999999999999999", b"launch.-1.0", b"launch.0.0.0", b"{org}", b"__proto__", b"'%20or%201=1--",
        b"%F0%9F%8C%8A",
    ]  # fmt: skip
    shapes = [
        b"/v1/%b/resources", b"/v1/demo/resources/%b", b"/v1/demo/event-types/%b", b"/v1/demo/bookings/%b",
        b"/v1/demo/rooms/%b", b"/v1/demo/rooms/%b/check", b"/v1/demo/rooms/launch/tickets/%b", b"/v1/demo/keys/%b",
        b"/v1/demo/slots?event_type=%b&resource=studio-north&date=2026-06-02", b"/v1/demo/events?topic=room/%b",
        b"/v1/demo/slots?event_type=session&resource=studio-north&date=2026-06-02&tz=%b",
        b"/v1/demo/months?event_type=session&resource=%b&month=2026-06", b"/v1/demo/bookings?cursor=%b",
        b"/v1/demo/bookings?resource=%b&limit=5", b"/v1/demo/bookings?start=%b",
    ]  # fmt: skip
    async with open_port(monkeypatch) as opened:
        owner = b"Authorization: Bearer " + opened.gate.owner.encode()
        for shape in shapes:
            heard = await asyncio.gather(*(opened.heard(get(shape % name, owner)) for name in names))
            for name, one in zip(names, heard, strict=True):
                found = statuses(one)
                assert len(found) == 1 and (found[0] >= 400 or b"bookings?" in shape), (shape % name, one)
                assert b"\nx-" not in one.lower().partition(b"\r\n\r\n")[0], one


async def test_values_that_go_into_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client says comes back in no header, but for an ETag that is ours."""
    async with open_port(monkeypatch) as opened:
        visitor = await opened.gate.session()
        as_visitor = b"Authorization: Bearer " + visitor.encode()
        for header in (b"Idempotency-Key", b"Origin", b"If-None-Match", b"X-Forwarded-For", b"Forwarded", b"Via"):
            for value in (b"\xe9vil", b"a" * 300, b"a\tb", b"<script>", b'for="', b"1.2.3.4, ,,"):
                said = post(b"{}", JSON, b"Content-Length: 2", header + b": " + value, as_visitor)
                heard = await opened.heard(said)
                assert statuses(heard) == [400], heard
                assert value not in heard.partition(b"\r\n\r\n")[0]


async def test_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand requests with a few bytes wrong: each ends, and none is our fault."""
    dice = Random(20)
    async with open_port(monkeypatch) as opened:
        token = (await opened.gate.session()).encode()
        wish = b'{"event_type":"session","resource":"studio-north","start":"2026-06-02T10:00","duration":60}'
        sound = (
            post(wish, JSON, b"Content-Length: %d" % len(wish), b"Authorization: Bearer " + token),
            post(chunked(wish, 9), JSON, CHUNKED, b"Tidegate-Session: " + token),
            get(b"/v1/demo/slots?event_type=session&resource=studio-north&date=2026-06-02&tz=Europe/Berlin&units=1"),
            get(b"/v1/demo/bookings/studio-north.2026-06-02.b-abc", b"Tidegate-Manage-Token: abc"),
            post(b"{}", JSON, b"Content-Length: 2", b"Idempotency-Key: a", path=b"/v1/demo/rooms/launch/tickets"),
        )
        for _ in range(5):
            broken = []
            for _ in range(200):
                bent = bytearray(dice.choice(sound))
                for _ in range(dice.randint(1, 4)):
                    at = dice.randrange(len(bent))
                    match dice.randrange(4):
                        case 0:
                            bent[at] = dice.randrange(256)
                        case 1:
                            del bent[at : at + dice.randrange(8)]
                        case 2:
                            bent[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(8)))
                        case _:
                            bent[at:at] = bent[at : at + dice.randrange(40)]
                broken.append(bytes(bent) or b"x")
            await asyncio.gather(*map(opened.says, broken))
