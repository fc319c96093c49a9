"""A server that cannot write any more does not say so to who writes. It is found out all the same, and mended by a
restart."""

from __future__ import annotations

import asyncio
import resource
import sys

import pytest

from events import limits
from events.errors import LogFull, UnknownOutcome
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, BOB, CAROL, append, bodies, entry
from tests.support.jetstream import connected, opened_log

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
        assert len(await bodies(log.read())) == 3
        await own_server.stop()
        await own_server.start()
        await connected(log)
        assert await own_server.complaint() == ""
        [later] = await append(log, entry(BOB, LARGE))
        assert later > 3


async def test_a_batch_that_was_cut_by_a_failed_write_is_never_seen_in_part(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of which the server could write only the beginning has an unknown outcome; the server completes it when
    it is restarted, and a follower that was there sees all of it at once."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 300)
    batch = [entry(f"demo.line.b{number}", LARGE) for number in range(4)]
    async with opened_log(own_server) as log:
        *_, first = await append(log, *(entry(f"demo.line.{number}", LARGE) for number in range(3)))
        assert own_server.pid is not None
        resource.prlimit(own_server.pid, resource.RLIMIT_FSIZE, (550_000, resource.RLIM_INFINITY))
        with pytest.raises(UnknownOutcome):
            await log.append_together(batch)
        half = asyncio.ensure_future(anext(aiter(log.follow(first))))
        assert 0 < (await log.head()).last - first < len(batch)
        await own_server.stop()
        await own_server.start()
        await connected(log)
        stored = await bodies(log.read(first))
        assert len(stored) == len(batch)
        assert len(await half) == len(batch)
