"""Sockets on a real server, with a client of somebody else's, and with one that does what no client should.

The module is whole: coming in, saying, lasting and ending are one connection's life, and are told to one listener.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from gateway.streams.frames import text_frame
from gateway.streams.handshake import Refused, Request
from gateway.streams.limits import CONTROLS_PER_TURN_MAX, EARLY_BYTES_MAX, SocketLimits
from gateway.streams.socket import House, Socket
from tests.gateway.streams.serving import HANDSHAKE, Heard, Porter, Site, masked, site_of, until

SHORT = SocketLimits(handshake_within_s=0.4, close_within_s=0.3, leave_within_s=0.5)
HURRIED = SocketLimits(ping_every_s=0.1, close_within_s=0.3)


@pytest.fixture
def porter() -> Porter:
    return Porter()


@pytest.fixture
def site(runner: asyncio.Runner, porter: Porter) -> Iterator[Site]:
    with site_of(runner, porter, SHORT) as site:
        yield site


@pytest.fixture
def hurried(runner: asyncio.Runner, porter: Porter) -> Iterator[Site]:
    """A site that pings ten times a second."""
    with site_of(runner, porter, HURRIED) as site:
        yield site


async def closing(client: ClientConnection) -> tuple[int, str]:
    """What the server closes with, after whatever else."""
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


# ---------------------------------------------------------------------------------------------------- coming in


async def test_a_door_sees_who_asks(site: Site, porter: Porter) -> None:
    """Path, query, headers, offered protocols and address; the client learns which protocol was taken."""
    protocols = ["tidegate.v1", "bearer.abc"]
    async with site.client("/v1/demo/stream?a=1", subprotocols=protocols, origin="https://example.com") as client:
        assert client.subprotocol == "tidegate.v1"
        request = porter.last.request
        assert (request.path, request.query) == ("/v1/demo/stream", b"a=1")
        assert request.subprotocols == ("tidegate.v1", "bearer.abc")
        assert request.header(b"origin") == b"https://example.com"
        assert request.peer == client.local_address[:2]


async def test_compression_is_offered_and_not_taken(site: Site) -> None:
    """A client that would deflate goes on without."""
    async with site.client(compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        await client.send("x" * 1_000)
        assert await client.recv() == "x" * 1_000


async def test_a_door_that_stays_closed(runner: asyncio.Runner, site: Site, porter: Porter) -> None:
    """The client gets what the door says, as a problem, and no listener is told anything."""

    async def opens(request: Request) -> Refused:
        return Refused(403, "not_yours", "this is somebody else's", retry_after_ms=10)

    porter.opens = opens  # type: ignore[method-assign]
    with pytest.raises(InvalidStatus) as refused:
        await site.client()
    response = refused.value.response
    assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(response.body)["code"] == "not_yours"
    await until(lambda: site.connections == 0)


async def test_a_door_that_breaks(site: Site, porter: Porter) -> None:
    """Is our fault, says so, and nothing of what broke."""

    async def opens(request: Request) -> Refused:
        raise ZeroDivisionError("secret")

    porter.opens = opens  # type: ignore[method-assign]
    async with site.raw(HANDSHAKE) as raw:
        answer = await raw.rest()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b'"fault":"ours"' in answer
    assert b"secret" not in answer


async def test_a_door_that_is_slow(site: Site, porter: Porter) -> None:
    """Is not waited for: the client is told to come back, and the door's work is cancelled."""
    ended = list[str]()

    async def opens(request: Request) -> Refused:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        raise AssertionError

    porter.opens = opens  # type: ignore[method-assign]
    async with site.raw(HANDSHAKE) as raw:
        answer = await raw.rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"fault":"busy"' in answer
    await until(lambda: ended == ["cancelled"])


@pytest.mark.parametrize("persistent", [False, True], ids=["is cancelled", "goes on"])
async def test_a_client_that_goes_while_the_door_thinks(site: Site, porter: Porter, persistent: bool) -> None:
    """The door's work is cancelled; a listener that comes out of it all the same is told that it is over, once."""
    asked, gone = asyncio.Event(), list[bool]()
    listeners = list[Heard]()

    async def opens(request: Request) -> Heard | Refused:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gone.append(True)
            if not persistent:
                raise
        listeners.append(Heard(request))
        return listeners[-1]

    porter.opens = opens  # type: ignore[method-assign]
    async with site.raw(HANDSHAKE):
        await asked.wait()
    await until(lambda: gone and site.connections == 0)
    await until(lambda: [one.told for one in listeners] == ([["closed"]] if persistent else []))


async def test_who_says_much_before_the_door_opens(site: Site, porter: Porter) -> None:
    """A little is kept for the listener, more is refused: nothing should come before the answer."""
    opening, asked = asyncio.Event(), list[Request]()

    async def opens(request: Request) -> Heard:
        asked.append(request)
        await opening.wait()
        return Heard(request)

    porter.opens = opens  # type: ignore[method-assign]
    little, much = masked(Opcode.TEXT, b"x" * (EARLY_BYTES_MAX - 100)), b"x" * (EARLY_BYTES_MAX + 1)
    async with (
        site.raw(HANDSHAKE + little) as patient,
        site.raw(HANDSHAKE + much) as pushy,
        site.raw(HANDSHAKE) as late,
    ):
        await until(lambda: len(asked) >= 2)
        late.say(much)
        for refused in (pushy, late):
            assert (await refused.rest()).startswith(b"HTTP/1.1 400 ")
        opening.set()
        assert (await patient.head()).startswith(b"HTTP/1.1 101 ")
        assert len((await patient.frame()).data) == EARLY_BYTES_MAX - 100


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 426),
        (HANDSHAKE.replace(b"GET ", b"POST "), 405),
        (HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
        (HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
        (HANDSHAKE.replace(b"\r\n\r\n", b"\r\nCookie: " + b"x" * (16 << 10) + b"\r\n\r\n"), 431),
        (HANDSHAKE.replace(b"/stream", b"http://localhost/stream"), 400),
    ],
)
async def test_requests_that_are_wrong(site: Site, porter: Porter, said: bytes, status: int) -> None:
    """Each is answered with its status and a problem, before any door is asked; then the connection ends."""
    async with site.raw(said) as raw:
        answer = await raw.rest()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in answer
    assert porter.listeners == []


# ---------------------------------------------------------------------------------------------------- saying


@pytest.mark.parametrize("size", [0, 1, 125, 126, 200, 65_535, 65_536])
async def test_texts_of_any_length(site: Site, size: int) -> None:
    """Up to the limit, they come as they were sent, and go as they are."""
    async with site.client() as client:
        await client.send("x" * size)
        assert await client.recv() == "x" * size


@pytest.mark.parametrize("size", [65_537, 5_000_000])
async def test_texts_beyond_the_limit(site: Site, porter: Porter, size: int) -> None:
    """Are refused, and not heard; the client learns why, however much of it still was under way."""
    async with site.client() as client:
        with suppress(ConnectionClosed):
            await client.send("x" * size)
        assert (await closing(client))[0] == 1009
    assert porter.last.texts == []


async def test_a_length_is_refused_when_it_is_claimed(site: Site) -> None:
    """Ten megabytes that are announced are refused before the first of them has come."""
    async with site.raw_socket(b"\x81\xff" + (10 << 20).to_bytes(8, "big")) as raw:
        assert await raw.closed_with() == 1009


async def test_fragments(site: Site, porter: Porter) -> None:
    """A message in pieces is heard once and whole, with a ping in between that is answered first."""
    pieces = masked(Opcode.TEXT, b"a", fin=False) + masked(Opcode.PING, b"p") + masked(Opcode.CONT, b"b")
    async with site.raw_socket(pieces) as raw:
        assert await raw.frame() == Frame(Opcode.PONG, b"p")
        assert await raw.frame() == Frame(Opcode.TEXT, b"ab")
    async with site.client() as client:
        await client.send(["Zür", "ich", " €"])
        assert await client.recv() == "Zürich €"
    assert [one.texts for one in porter.listeners] == [[b"ab"], ["Zürich €".encode()]]


async def test_packets_are_not_frames(site: Site, porter: Porter) -> None:
    """Two frames in one packet are two, one frame in many packets is one, and what stands behind the handshake in its
    packet is heard as well."""
    two = masked(Opcode.TEXT, b"one") + masked(Opcode.TEXT, b"two")
    async with site.raw(HANDSHAKE + two) as raw:
        await raw.head()
        raw.say(two)
        for at, _ in enumerate(two):
            raw.say(two[at : at + 1])
            await raw.writer.drain()
            await asyncio.sleep(0)
        texts = [bytes((await raw.frame()).data) for _ in range(6)]
    assert texts == [b"one", b"two"] * 3
    assert porter.last.texts == texts


async def test_a_handshake_in_pieces(site: Site) -> None:
    """With frames behind it, wherever it is cut."""
    whole = HANDSHAKE + masked(Opcode.TEXT, b"one")
    for cut in (1, 20, len(HANDSHAKE) - 2, len(HANDSHAKE), len(HANDSHAKE) + 3):
        async with site.raw(whole[:cut]) as raw:
            await asyncio.sleep(0.01)
            raw.say(whole[cut:])
            await raw.head()
            assert await raw.frame() == Frame(Opcode.TEXT, b"one")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x81\x05Hello", 1002),
        (b"\xf1\x80aaaa", 1002),
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (b"\x00" * 1_000, 1002),
        (masked(Opcode.CONT, b"x"), 1002),
        (masked(Opcode.BINARY, b"x"), 1003),
        (masked(Opcode.TEXT, b"\xff"), 1007),
    ],
    ids=("unmasked", "reserved", "http", "zeros", "nothing-to-go-on-with", "binary", "no-text"),
)
async def test_garbage(site: Site, porter: Porter, said: bytes, code: int) -> None:
    """Is answered with the code that says what is wrong with it; what comes behind it is not heard, and the connection
    ends even if the other side goes on talking. It isn't reset for that: some would lose the code with it."""
    async with site.raw_socket(masked(Opcode.TEXT, b"before") + said + masked(Opcode.TEXT, b"behind")) as raw:
        assert await raw.frame() == Frame(Opcode.TEXT, b"before")
        assert await raw.closed_with() == code
        raw.say(b"x" * 100_000)
        await asyncio.sleep(0.02)
        assert site.connections == 1
        assert await raw.reader.read() == b""
        await until(lambda: site.connections == 0)
    assert porter.last.texts == [b"before"]
    assert porter.last.told == ["opened", "closed"]


async def test_pings_are_answered(site: Site) -> None:
    """With what they carried."""
    async with site.client() as client:
        async with asyncio.timeout(10):
            await (await client.ping(b"are you there"))


async def test_a_flood_of_pings(site: Site) -> None:
    """A client that does nothing but ping is closed for it."""
    async with site.raw_socket(masked(Opcode.PING, b"") * CONTROLS_PER_TURN_MAX) as raw:
        for _ in range(CONTROLS_PER_TURN_MAX):
            assert (await raw.frame()).opcode is Opcode.PONG
        raw.say(masked(Opcode.PONG, b""))
        assert await raw.closed_with() == 1008


async def test_nobody_waits_for_a_slow_reader(site: Site, porter: Porter) -> None:
    """What one doesn't read piles up here, and is counted; the others get theirs meanwhile. Of its pings the last one
    is answered when it reads again, its listener hears that, and nothing was lost or mixed up."""
    frame = text_frame(b"x" * 100_000)
    async with site.client(max_size=None) as quick, site.raw(HANDSHAKE) as slow:
        await slow.head()
        await until(lambda: len(porter.listeners) == 2)
        for_quick, for_slow = (one.socket for one in porter.listeners)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            for_slow.send(frame)
            for_quick.send(frame)
            assert len(await quick.recv()) == 100_000
        await until(lambda: for_quick.unsent == 0)
        waiting = for_slow.unsent
        assert waiting > 1_000_000
        for n in range(50):
            slow.say(masked(Opcode.PING, b"%d" % n))
        slow.say(masked(Opcode.TEXT, b"still there?"))
        await until(lambda: porter.last.texts)
        assert for_slow.unsent < waiting + 100
        assert "drained" not in porter.last.told

        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            assert len((await slow.frame()).data) == 100_000
        assert (await slow.frame()).data == b"still there?"
        assert await slow.frame() == Frame(Opcode.PONG, b"49")
        assert porter.last.told == ["opened", "drained"]
        assert porter.listeners[0].told == ["opened"]


# ---------------------------------------------------------------------------------------------------- lasting


async def test_who_answers_pings_stays(hurried: Site, porter: Porter) -> None:
    """For many periods, without a word from either side; and who talks needn't answer."""
    async with hurried.client() as client, hurried.raw_socket() as talker:
        pinged = 0
        for _ in range(10):
            while (await talker.frame()).opcode is not Opcode.PING:
                pass
            pinged += 1
            talker.say(masked(Opcode.TEXT, b"no time"))
        assert pinged == 10
        assert [one.socket.is_open for one in porter.listeners] == [True, True]
        await client.send("still there")
        assert await client.recv() == "still there"


async def test_who_does_not_answer_is_cut(hurried: Site, porter: Porter) -> None:
    """A connection whose other end is silent is found by pings, after two of them."""
    async with hurried.raw_socket() as silent:
        await until(lambda: porter.listeners and porter.last.told == ["opened", "closed"])
        assert await silent.rest() == b"\x89\x00" * 2
    assert hurried.connections == 0


async def test_who_reads_is_there(site: Site, porter: Porter) -> None:
    """A slow reader, before whom so much has piled up that no ping has reached it, is not cut while that grows less."""
    async with site.raw_socket():
        await until(lambda: porter.listeners)
        socket = porter.last.socket
        for _ in range(10):
            socket.due()
            socket.due()
            socket.resume_writing()
        assert socket.is_open
        for _ in range(3):
            socket.due()
        assert not socket.is_open


async def test_who_pings_now_and_then_is_no_flood(site: Site, porter: Porter) -> None:
    """Pings are counted from one look of ours to the next."""
    async with site.raw_socket() as raw:
        await until(lambda: porter.listeners)
        for _ in range(3):
            raw.say(masked(Opcode.PING, b"") * CONTROLS_PER_TURN_MAX)
            for _ in range(CONTROLS_PER_TURN_MAX):
                assert (await raw.frame()).opcode is Opcode.PONG
            porter.last.socket.due()
            assert (await raw.frame()).opcode is Opcode.PING


async def test_a_socket_that_waits_is_small(site: Site, porter: Porter) -> None:
    """No task, no buffer, no dictionary: two small objects, and a place on the wheel."""
    tasks = len(asyncio.all_tasks())
    async with site.raw_socket() as raw:
        raw.say(masked(Opcode.TEXT, b"x" * 50_000))
        await raw.frame()
        socket = porter.last.socket
        assert len(asyncio.all_tasks()) == tasks
        assert not hasattr(socket, "__dict__")
        assert (socket._early, socket._asking, socket._owed) == (None, None, None)
        assert sys.getsizeof(socket) + sys.getsizeof(socket._parser) < 400


# ---------------------------------------------------------------------------------------------------- ending


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4001, "€" * 20)])
async def test_a_client_that_says_goodbye(site: Site, porter: Porter, code: int, reason: str) -> None:
    """Gets its own code back, and the listener is told once that it is over."""
    client = await site.client()
    await client.close(code, reason)
    assert (client.close_code, client.protocol.close_rcvd_then_sent) == (code, False)
    await until(lambda: site.connections == 0)
    assert porter.last.told == ["opened", "closed"]


async def test_a_goodbye_without_a_code(site: Site) -> None:
    """Is answered with one."""
    async with site.raw_socket(masked(Opcode.CLOSE, b"")) as raw:
        assert await raw.frame() == Frame(Opcode.CLOSE, b"")
        assert await raw.rest() == b""


async def test_a_listener_that_says_goodbye(site: Site, porter: Porter) -> None:
    """The client reads what was sent before, then the code and the reason; nothing is sent after, and nothing heard."""
    async with site.client() as client:
        await client.send("first")
        assert await client.recv() == "first"
        socket = porter.last.socket
        socket.send(text_frame(b"last"))
        socket.close(4000, "come back later")
        socket.send(text_frame(b"too late"))
        socket.close(4001)
        assert not socket.is_open
        assert await client.recv() == "last"
        assert await closing(client) == (4000, "come back later")
    await until(lambda: site.connections == 0)
    socket.send(text_frame(b"too late"))
    socket.close()
    socket.abort()
    assert socket.unsent == 0
    assert porter.last.told == ["opened", "closed"]


@pytest.mark.parametrize("flood", [b"", masked(Opcode.TEXT, b"x") * 5_000], ids=["silent", "talking"])
async def test_a_goodbye_that_is_not_answered(site: Site, porter: Porter, flood: bytes) -> None:
    """Is waited for, and not for long, whatever comes instead."""
    async with site.raw_socket() as raw:
        await until(lambda: porter.listeners)
        porter.last.socket.close(4000)
        raw.say(flood)
        assert await raw.closed_with() == 4000
        await until(lambda: site.connections == 0)
    assert porter.last.texts == []


async def test_who_talks_on_is_not_listened_to(site: Site, porter: Porter) -> None:
    """After a goodbye a few messages may have been under way; more of them are not even parsed."""
    async with site.raw_socket():
        await until(lambda: porter.listeners)
        socket = porter.last.socket
        socket.close()
        socket.data_received(masked(Opcode.TEXT, b"x") * CONTROLS_PER_TURN_MAX)
        assert socket._parser is not None
        socket.data_received(masked(Opcode.TEXT, b"x"))
        assert socket._parser is None


@pytest.mark.parametrize("whose", ["ours", "theirs"])
async def test_a_goodbye_behind_what_is_not_read(site: Site, porter: Porter, whose: str) -> None:
    """Has the same deadline: what a reader leaves lying keeps no connection open."""
    async with site.raw(HANDSHAKE) as slow:
        await slow.head()
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        porter.last.socket.send(text_frame(b"x" * 20_000_000))
        if whose == "ours":
            porter.last.socket.close()
        else:
            slow.writer.write_eof()
        await until(lambda: site.connections == 0)
        assert porter.last.told == ["opened", "closed"]


async def test_cutting(site: Site, porter: Porter) -> None:
    """Ends the connection without a word, and tells the listener when the loop comes to it."""
    async with site.raw_socket() as raw:
        await until(lambda: porter.listeners)
        porter.last.socket.abort()
        assert porter.last.told == ["opened"]
        assert await raw.rest() == b""
    assert porter.last.told == ["opened", "closed"]


async def test_a_client_that_just_goes(site: Site, porter: Porter) -> None:
    """Is gone at once, be it by a reset or by ending its half."""
    async with site.raw_socket():
        pass
    async with site.raw_socket() as raw:
        raw.writer.write_eof()
        assert await raw.rest() == b""
    await until(lambda: site.connections == 0)
    assert [one.told for one in porter.listeners] == [["opened", "closed"]] * 2


@pytest.mark.parametrize("broken", ["opened", "heard", "leaving", "closed"])
async def test_a_listener_that_breaks(runner: asyncio.Runner, site: Site, porter: Porter, broken: str) -> None:
    """Is alone with it: its own socket is closed, as our fault, and others don't notice."""

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    async with site.client() as other:
        porter.makes = lambda request: _breaking(request, broken, breaks)
        client = await site.client()
        if broken == "heard":
            await client.send("x")
        if broken == "leaving":
            porter.last.socket.shutdown()
        if broken == "closed":
            await client.close()
        else:
            assert (await closing(client))[0] == 1011
        await other.send("still there")
        assert await other.recv() == "still there"


def _breaking(request: Request, told: str, breaks: Callable[..., None]) -> Heard:
    listener = Heard(request)
    setattr(listener, told, breaks)
    return listener


# ---------------------------------------------------------------------------------------------------- stopping


async def test_a_server_that_stops(site: Site, porter: Porter) -> None:
    """Tells every listener; those that say goodbye themselves end with their own word, the others with `going away`,
    and with whoever doesn't answer that it isn't stuck."""
    async with site.client() as polite, site.client() as forgotten, site.raw_socket() as silent:
        await until(lambda: len(porter.listeners) == 3)
        porter.listeners[0].leaving = lambda: porter.listeners[0].socket.close(4010, "moved")  # type: ignore[method-assign]
        stopping = asyncio.create_task(site.stop())
        assert await closing(polite) == (4010, "moved")
        assert (await closing(forgotten))[0] == 1001
        assert await silent.closed_with() == 1001
        await stopping
    assert [one.told for one in porter.listeners] == [
        ["opened", "closed"],
        ["opened", "leaving", "closed"],
        ["opened", "leaving", "closed"],
    ]


async def test_a_server_that_stops_while_the_door_thinks(site: Site, porter: Porter) -> None:
    """Sends the client to another one."""
    asked = asyncio.Event()

    async def opens(request: Request) -> Refused:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    porter.opens = opens  # type: ignore[method-assign]
    async with site.raw(HANDSHAKE) as raw:
        await asked.wait()
        stopping = asyncio.create_task(site.stop())
        assert (await raw.rest()).startswith(b"HTTP/1.1 503 ")
        await stopping


# ---------------------------------------------------------------------------------------------------- without uvicorn


async def test_a_request_that_never_ends() -> None:
    """A socket keeps its own time too, whoever hands it over: what isn't asked for in time, or at too great a length,
    is refused."""
    house, connections = House(Porter(), SHORT), set[Socket]()
    server = await asyncio.get_running_loop().create_server(lambda: Socket(house, connections), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for said, status in ((HANDSHAKE[:50], 408), (b"", 408), (b"GET /" + b"x" * (17 << 10), 431)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            async with asyncio.timeout(10):
                assert (await reader.read()).startswith(b"HTTP/1.1 %d " % status)
            writer.close()
            await writer.wait_closed()
        await until(lambda: not connections)
