"""A server that cannot write any more does not say so to who writes. It is found out all the same, what it has not
acknowledged is not believed, and a restart mends it."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events import limits
from events.errors import LogFull, LogUnavailable, UnknownOutcome
from events.nats.bus import NatsBus
from events.nats.connection import connect
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, BOB, CAROL, append, bodies, entry
from tests.support.jetstream import api, connected, opened_log
from tests.support.proxy import Proxy

LARGE = b"x" * 100_000
ROOM = (400_000, resource.RLIM_INFINITY)
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of a running process")


async def test_a_failed_write_is_unknown_and_the_next_ones_are_refused(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write that fails has an unknown outcome; those behind it are refused at once; after a restart with room
    again, everything acknowledged is there and writes succeed."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)
    async with opened_log(own_server) as log:
        await append(log, *(entry(f"demo.line.{number}", LARGE) for number in range(3)))
        assert own_server.pid is not None
        resource.prlimit(own_server.pid, resource.RLIMIT_FSIZE, ROOM)
        [failed] = await log.append_each([entry(ALICE, LARGE)])
        assert isinstance(failed, UnknownOutcome)
        [refused] = await log.append_each([entry(BOB, LARGE)])
        assert isinstance(refused, LogFull)
        with pytest.raises(LogFull):
            await log.append_together([entry(BOB, LARGE), entry(CAROL, LARGE)])
        assert "write error" in await own_server.complaint()
        assert len(await bodies(log.read())) == 3, "what was acknowledged before is read as ever"
        await own_server.stop()
        await own_server.start()
        await connected(log)
        assert await own_server.complaint() == ""
        [later] = await append(log, entry(BOB, LARGE))
        assert later > 3


async def test_a_batch_that_was_cut_by_a_failed_write_is_never_seen_in_part(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of which the server could write only the beginning has an unknown outcome, and nobody reads what is there
    of it; the server completes it when it is restarted, and a follower that was there sees all of it at once."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)
    batch = [entry(f"demo.line.b{number}", LARGE) for number in range(4)]
    async with opened_log(own_server) as log:
        *_, first = await append(log, *(entry(f"demo.line.{number}", LARGE) for number in range(3)))
        assert own_server.pid is not None
        resource.prlimit(own_server.pid, resource.RLIMIT_FSIZE, (550_000, resource.RLIM_INFINITY))
        with pytest.raises(UnknownOutcome):
            await log.append_together(batch)
        half = asyncio.ensure_future(anext(aiter(log.follow(first))))
        assert 0 < await last_shown(own_server) - first < len(batch)
        await assert_unread(log, first, batch[0].actor)
        assert [*await log.last_of(["demo.line.0"])] == ["demo.line.0"]
        await own_server.stop()
        await own_server.start()
        await connected(log)
        stored = await bodies(log.read(first))
        assert len(stored) == len(batch)
        assert len(await half) == len(batch)


async def test_what_is_not_believed_is_not_believed_after_a_reconnect(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a new connection nor a new reader makes the server's disk any better: a restart does."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)
    batch = [entry(f"demo.line.b{number}", LARGE) for number in range(4)]
    async with Proxy("127.0.0.1", own_server.port) as proxy, opened_log(own_server, proxy.url) as log:
        *_, first = await append(log, *(entry(f"demo.line.{number}", LARGE) for number in range(3)))
        assert own_server.pid is not None
        resource.prlimit(own_server.pid, resource.RLIMIT_FSIZE, (550_000, resource.RLIM_INFINITY))
        with pytest.raises(UnknownOutcome):
            await log.append_together(batch)
        await reconnect(log, proxy)
        await assert_unread(log, first, batch[0].actor)
        [refused] = await log.append_each([entry(BOB)])
        assert isinstance(refused, LogFull)
        async with opened_log(own_server) as other:
            await assert_unread(other, first, batch[0].actor)
        await own_server.stop()
        await own_server.start()
        await connected(log)
        assert [*await log.last_of([batch[0].actor])] == [batch[0].actor]


async def test_what_failed_and_is_there_all_the_same_is_not_read(own_server: NatsServer) -> None:
    """The server says that it could not store a commit, and shows it: nobody reads it before a later one is
    acknowledged, or the server was away."""
    async with Proxy("127.0.0.1", own_server.port) as proxy, opened_log(own_server, proxy.url) as log:
        [before] = await append(log, entry(BOB))
        async with failing(own_server, proxy, ALICE):
            [outcome] = await log.append_each([entry(ALICE)])
        assert isinstance(outcome, UnknownOutcome)
        await assert_unread(log, before, ALICE)
        assert [*await log.last_of([BOB])] == [BOB]
        await append(log, entry(CAROL))
        assert [*await log.last_of([ALICE])] == [ALICE]
        async with failing(own_server, proxy, "demo.line.next"):
            await log.append_each([entry("demo.line.next")])
        await assert_unread(log, before + 2, "demo.line.next")
        await reconnect(log, proxy)
        assert [*await log.last_of(["demo.line.next"])] == ["demo.line.next"]


async def test_an_append_that_a_failed_disk_shows_is_unknown(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No acknowledgement came, and the commit is there, but the server has given up writing: it may not be on disk."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)
    given_up: list[str] = []

    async def says(*_: object) -> str:
        return "".join(given_up)

    monkeypatch.setattr("events.nats.disk.write_error", says)
    async with Proxy("127.0.0.1", own_server.port) as proxy, opened_log(own_server, proxy.url) as log:
        proxy.delay(1_000, lambda said: b'"seq":' in said and b'"message"' not in said)
        assert await log.append_each([entry(ALICE)]) == [1]
        given_up.append("write error: no space left on device")
        [outcome] = await log.append_each([entry(BOB)])
        assert isinstance(outcome, UnknownOutcome)


async def test_a_monitor_that_does_not_answer_says_nothing_good(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in doubt stays in doubt, also when the connection comes back; what is found is not believed."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)

    async def silent(*_: object) -> None:
        return None

    async with Proxy("127.0.0.1", own_server.port) as proxy, opened_log(own_server, proxy.url) as log:
        [before] = await append(log, entry(BOB))
        monkeypatch.setattr("events.nats.disk.write_error", silent)
        async with failing(own_server, proxy, ALICE):
            await log.append_each([entry(ALICE)])
        await reconnect(log, proxy)
        await assert_unread(log, before, ALICE)
        proxy.delay(1_000, lambda said: b'"seq":' in said and b'"message"' not in said)
        [outcome] = await log.append_each([entry(CAROL)])
        assert isinstance(outcome, UnknownOutcome)


async def reconnect(log: JetStreamLog, proxy: Proxy) -> None:
    await proxy.refuse()
    proxy.cut()
    await connected(log, be=False)
    await proxy.heal()
    await connected(log)


@asynccontextmanager
async def failing(server: NatsServer, proxy: Proxy, actor: str) -> AsyncIterator[None]:
    """Whoever appends to the actor is told that it could not be stored, before the server says that it is. It is there
    when the block is left."""
    connection = await connect(server.url)
    before = await last_shown(server)
    error = b'{"error":{"code":503,"err_code":10077,"description":"input/output error"},"stream":"log","seq":0}'
    await NatsBus(connection).subscribe(f"log.{actor}", lambda message: connection.client.post(message.reply, error))
    proxy.delay(300, lambda said: b'"stream":"log","seq":' in said and b"10077" not in said)
    try:
        yield
        while await last_shown(server) == before:
            pass
    finally:
        proxy.delay(0)
        await connection.close()


async def assert_unread(log: JetStreamLog, first: int, actor: str) -> None:
    """What stands behind `first` is there, and is not given to anyone."""
    with pytest.raises(LogUnavailable, match="may not be on the server's disk"):
        await log.head()
    with pytest.raises(LogUnavailable):
        await log.last_of([actor])
    with pytest.raises(LogUnavailable):
        await log.at(first + 1)
    with pytest.raises(LogUnavailable):
        await bodies(log.read_actor(actor))
    with pytest.raises(LogUnavailable):
        await bodies(log.read(first))


async def last_shown(server: NatsServer) -> int:
    connection = await connect(server.url)
    last: int = (await api(connection, "STREAM.INFO.log"))["state"]["last_seq"]
    await connection.close()
    return last
