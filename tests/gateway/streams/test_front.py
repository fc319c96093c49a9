"""No connection takes long, or much, before it has said what it wants; and handing one over leaves nothing lying."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from gateway.limiting.addresses import Addresses
from gateway.limiting.crowd import Crowd
from gateway.streams.front import Requests
from gateway.streams.limits import RequestLimits, SocketLimits
from tests.gateway.streams.serving import HANDSHAKE, LARGE_BYTES, Porter, Site, masked, site_of, until

TIGHT = RequestLimits(
    head_bytes_max=2_000, request_bytes_max=400_000, request_within_s=0.4, read_within_s=0.5, close_within_s=0.5
)
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def porter() -> Porter:
    return Porter()


@pytest.fixture
def site(runner: asyncio.Runner, porter: Porter) -> Iterator[Site]:
    with site_of(runner, porter, SocketLimits(close_within_s=0.3), TIGHT) as site:
        yield site


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"G", b"HTTP/1.1 408 "),
        (GET[:-2], b"HTTP/1.1 408 "),
        (HANDSHAKE[:-2], b"HTTP/1.1 408 "),
    ],
)
async def test_requests_that_do_not_arrive(site: Site, said: bytes, answer: bytes) -> None:
    """End with the connection, be there nothing of them or nearly all, of a socket's or another one."""
    async with site.raw(said) as raw:
        assert (await raw.rest()).startswith(answer)
    await until(lambda: site.connections == 0)


@pytest.mark.parametrize("drop", [b"\r\n", b"X: y\r\n"])
async def test_requests_that_arrive_by_drops(site: Site, drop: bytes) -> None:
    """Get no more time by every drop; not on a connection that had a sound request before, either."""
    async with site.raw(GET) as raw:
        await raw.head()
        if drop != b"\r\n":
            raw.say(GET[:-2])
        ended = asyncio.create_task(raw.rest())
        while not ended.done():
            raw.say(drop)
            await asyncio.sleep(0.02)
        assert (b"HTTP/1.1 408 " in await ended) == (drop != b"\r\n")
    await until(lambda: site.connections == 0)


async def test_bodies_that_do_not_arrive(site: Site) -> None:
    """Are not waited for either."""
    async with site.raw(POST % 100 + b"x" * 50) as raw:
        assert (await raw.rest()).startswith(b"HTTP/1.1 408 ")
    await until(lambda: site.connections == 0)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"GET /" + b"x" * 300_000, b"HTTP/1.1 431 "),
        (GET[:-2] + b"X: " + b"y" * 300_000, b"HTTP/1.1 431 "),
        (GET[:-2] + b"X: y\r\n" * 50_000, b"HTTP/1.1 431 "),
        (HANDSHAKE[:-2] + b"X: y\r\n" * 50_000, b"HTTP/1.1 431 "),
        (POST % 2_000_000 + b"x" * 1_000_000, b"HTTP/1.1 413 "),
    ],
)
async def test_requests_that_are_too_long(site: Site, said: bytes, answer: bytes) -> None:
    """End before they have arrived: lines, headers and bodies."""
    async with site.raw() as raw:
        for at in range(0, len(said), 1_000):
            raw.say(said[at : at + 1_000])
            await asyncio.sleep(0)
        assert (await raw.rest()).startswith(answer)
    await until(lambda: site.connections == 0)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (GET[:-2] + b"X: " + b"y" * 3_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
        (GET[:-2] + b"X: y\r\n" * 101 + b"\r\n", b"HTTP/1.1 431 "),
        (HANDSHAKE[:-2] + b"X: " + b"y" * 3_000 + b"\r\n\r\n", b"HTTP/1.1 431 "),
        (GET.replace(b"/", b"/" + b"x" * 9_000, 1), b"HTTP/1.1 414 "),
        (b"garbage\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /\r\n\r\n", b"HTTP/1.1 400 "),
        (GET.replace(b"/", b"http://[", 1), b"HTTP/1.1 400 "),
        (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 400 "),
        (POST.replace(b"%d", b"-1"), b"HTTP/1.1 400 "),
        (POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"x\r\n", b"HTTP/1.1 400 "),
    ],
)
async def test_requests_in_one_packet(site: Site, said: bytes, answer: bytes) -> None:
    """Are measured as those that come by and by; and what is none is told so, as a problem."""
    async with site.raw(said) as raw:
        head = await raw.head()
        assert head.startswith(answer) and b"application/problem+json" in head
        assert (await raw.rest()).endswith(b"}")
    await until(lambda: site.connections == 0)


async def test_requests_far_ahead_of_their_answers(site: Site) -> None:
    """End the connection: each of them would be kept here."""
    async with site.raw(GET.replace(b" / ", b" /slow ") + GET * 1_000) as raw:
        assert await raw.rest() == b""
    await until(lambda: site.connections == 0)


async def test_requests_that_were_answered_before_they_had_come(site: Site) -> None:
    """Have no other answer, however they go on."""
    async with site.raw(POST.replace(b" / ", b" /early ") % 2_000_000) as raw:
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        raw.say(b"x" * 1_000_000)
        assert await raw.rest() == b"0"
    await until(lambda: site.connections == 0)


async def test_an_upgrade_to_something_else_with_more_behind_it(site: Site) -> None:
    """What stands behind is the next request."""
    async with site.raw(HANDSHAKE.replace(b"websocket", b"h2c") + GET) as raw:
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        assert (await raw.head()).startswith(b"0HTTP/1.1 200 ")


async def test_readers_that_take_nothing(site: Site) -> None:
    """Are cut off; those that take something are not, however slowly."""
    async with site.raw(GET.replace(b" / ", b" /large ")) as idle, site.raw(GET.replace(b" / ", b" /large ")) as slow:
        await slow.head()
        size = 0
        while size < LARGE_BYTES and (read := await slow.reader.read(1 << 18)):
            size += len(read)
            await asyncio.sleep(0.02)
        assert size == LARGE_BYTES
        await until(lambda: site.connections == 1)
        with pytest.raises(asyncio.IncompleteReadError):
            await idle.reader.readexactly(LARGE_BYTES)


async def test_readers_that_take_nothing_of_the_last_answer(site: Site) -> None:
    """Are cut off as well, be the connection about to end or quiet."""
    last = GET.replace(b" / ", b" /large ").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with site.raw(last):
        await until(lambda: site.connections == 1)
        await until(lambda: site.connections == 0)


def test_too_many_connections(runner: asyncio.Runner, porter: Porter) -> None:
    """From one address are refused, be they for requests or for sockets, until others end."""
    crowd = Crowd(2, Addresses())

    async def come_and_go(site: Site) -> None:
        async with site.raw_socket(), site.raw(GET) as request:
            await request.head()
            async with site.raw() as raw:
                assert (await raw.head()).startswith(b"HTTP/1.1 429 ")
                assert b'"too_many_connections"' in await raw.rest()
            request.writer.transport.abort()
            await until(lambda: site.connections == 1)
            async with site.raw_socket():
                pass
            await until(lambda: site.connections == 1)
        await until(lambda: not crowd)

    with site_of(runner, porter, SocketLimits(close_within_s=0.3), TIGHT, crowd) as site:
        runner.run(come_and_go(site))
    assert len(crowd) == 0


async def test_requests_that_are_sound(site: Site) -> None:
    """Are answered, one after another, large ones and many in one packet, and later than a request may take to arrive:
    its time begins with it."""
    async with site.raw() as raw:
        for said in (
            GET,
            POST % 5 + b"hello",
            POST % 350_000 + b"x" * 350_000,
            GET * 3 + POST % 2_500 + b"x" * 2_500 + GET,
        ):
            await asyncio.sleep(0.3)
            raw.say(said)
            for _ in range(5 if said.startswith(GET * 3) else 1):
                answer = await raw.head()
                assert answer.startswith(b"HTTP/1.1 200 ")
                size = int(answer.partition(b"content-length: ")[2].split(b"\r\n")[0])
                await raw.reader.readexactly(size)


@pytest.mark.parametrize(
    "said",
    [
        GET + GET,
        GET[:-2] + b"Connection: close\r\n\r\n",
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"GET", b"HEAD") + GET,
        POST % 3 + b"abc" + GET,
        POST % 1 + b"x" + POST % 2 + b"yz",
    ],
)
async def test_answers_in_one(site: Site, said: bytes) -> None:
    """Are what they would be in two."""

    async def told(path: bytes) -> bytes:
        last = b"" if b"close" in said or b"1.0" in said else GET[:-2] + b"Connection: close\r\n\r\n"
        async with site.raw((said + last).replace(b" / ", b" %b " % path)) as raw:
            return b"\r\n".join(
                line for line in (await raw.rest()).split(b"\r\n") if not line.startswith((b"date", b"said"))
            )

    assert await told(b"/whole") == await told(b"/")


async def test_answers_in_one_that_cannot_be(site: Site) -> None:
    """A header that ends its line is an error of ours, and nothing of it is said; so is a second answer."""
    for bad in (b"bad", b"half", b"null"):
        async with site.raw(GET.replace(b"/", b"/whole?" + bad, 1)) as raw:
            said = await raw.rest()
        assert said.startswith(b"HTTP/1.1 500 ") and b"y: z" not in said
    async with site.raw(GET.replace(b"/", b"/whole?twice", 1)) as raw:
        assert (await raw.rest()).count(b"HTTP/1.1 200") == 1


async def test_readers_that_take_nothing_of_an_answer_in_one(site: Site) -> None:
    """Are waited for as others are."""
    async with site.raw(GET.replace(b"/", b"/whole/large", 1)):
        await until(lambda: site.connections == 1)
        await until(lambda: site.connections == 0)


async def test_who_waits_for_an_answer_may_begin_the_next_request(site: Site) -> None:
    """A request whose turn has not come is not late because of the one before it."""
    async with site.raw(GET.replace(b" / ", b" /slow ") + GET[:-2]) as raw:
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        raw.say(b"\r\n")
        assert (await raw.head()).startswith(b"0HTTP/1.1 200 ")


async def test_a_socket_behind_a_request(site: Site) -> None:
    """A connection that was used may become a socket, when it has its answers."""
    async with site.raw(GET) as raw:
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        await raw.reader.readexactly(1)
        raw.say(HANDSHAKE + masked(Opcode.TEXT, b"one"))
        assert (await raw.head()).startswith(b"HTTP/1.1 101 ")
        assert await raw.frame() == Frame(Opcode.TEXT, b"one")


async def test_a_socket_in_front_of_an_answer(site: Site, porter: Porter) -> None:
    """Is not to be had: the answer would end up among its frames."""
    async with site.raw(GET.replace(b" / ", b" /slow ") + HANDSHAKE) as raw:
        assert await raw.rest() == b""
    assert porter.listeners == []


async def test_an_upgrade_to_something_else(site: Site) -> None:
    """Is passed over, as HTTP has it: the request is answered as if it had not been asked."""
    async with site.raw(HANDSHAKE.replace(b"websocket", b"h2c")) as raw:
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_left_of_the_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a socket was handed over, what took its request is gone, without the garbage collector's doing."""
    made = list[weakref.ref[Requests]]()
    begin = Requests.__init__

    def noted(self: Requests, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        made.append(weakref.ref(self))

    monkeypatch.setattr(Requests, "__init__", noted)
    gc.disable()
    try:
        async with site.raw_socket() as raw:
            raw.say(masked(Opcode.TEXT, b"x"))
            await raw.frame()
            assert [one() for one in made] == [None]
    finally:
        gc.enable()
