"""A log that is not the one it was halts, for good, whatever is asked of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from events.errors import LogHalted, LogRecreated, SequenceRanBackwards, UnsafeLog
from events.log import ExpectAt
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, BOB, CAROL, append, collect, entry, take
from tests.support.jetstream import connected, delete_stream, opened_log


async def assert_halted(log: JetStreamLog, how: type[LogHalted]) -> None:
    """Every operation raises it, and the log says so."""
    [outcome] = await log.append_each([entry(CAROL)])
    assert isinstance(outcome, how)
    with pytest.raises(how):
        await log.append_together([entry(CAROL)])
    with pytest.raises(how):
        await log.last_of([ALICE])
    with pytest.raises(how):
        await log.at(1)
    with pytest.raises(how):
        await collect(log.read())
    with pytest.raises(how):
        await collect(log.read_actor(ALICE))
    with pytest.raises(how):
        await take(log.follow(), 1)
    with pytest.raises(how):
        await log.head()
    assert isinstance(log.halted, how)


async def recreate(server: NatsServer) -> None:
    await delete_stream(server)
    async with opened_log(server) as anew:
        assert (await anew.head()).last == 0


async def test_a_log_created_anew_halts_an_append(own_server: NatsServer) -> None:
    """A commit that is stored at a sequence that the log had passed is not believed."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE), entry(BOB))
        await recreate(own_server)
        [outcome] = await log.append_each([entry(CAROL)])
        assert isinstance(outcome, LogHalted)
        await assert_halted(log, LogHalted)


async def test_a_log_created_anew_halts_an_actor_that_was_in_the_old_one(own_server: NatsServer) -> None:
    """An actor whose commits are gone is no ordinary conflict."""
    async with opened_log(own_server) as log:
        [first, _] = await append(log, entry(ALICE), entry(BOB))
        await recreate(own_server)
        [outcome] = await log.append_each([entry(ALICE, "next", ExpectAt(first))])
        assert isinstance(outcome, LogRecreated)
        await assert_halted(log, LogRecreated)


async def test_a_log_created_anew_halts_its_followers(own_server: NatsServer) -> None:
    """A follower does not go on with another log as if it were the same."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE))
        following = asyncio.ensure_future(take(log.follow(), 2))
        await recreate(own_server)
        with pytest.raises(LogRecreated):
            await following
        await assert_halted(log, LogRecreated)


async def test_after_a_reconnect_the_log_is_checked_before_it_is_used(own_server: NatsServer) -> None:
    """While the connection was away the log was created anew: the first thing asked for is refused."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE))
        await own_server.stop()
        shutil.rmtree(own_server.directory / "store")
        await own_server.start()
        async with opened_log(own_server):
            await connected(log)
            await assert_halted(log, LogRecreated)


async def test_a_log_restored_from_an_old_copy_halts(own_server: NatsServer, tmp_path: Path) -> None:
    """A log that ends before what it acknowledged has lost something, even if it is the same log."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE))
        await own_server.stop()
        shutil.copytree(own_server.directory / "store", tmp_path / "copy")
        await own_server.start()
        await connected(log)
        await append(log, entry(BOB))
        following = asyncio.ensure_future(take(log.follow(), 3))
        await own_server.stop()
        shutil.rmtree(own_server.directory / "store")
        shutil.copytree(tmp_path / "copy", own_server.directory / "store")
        await own_server.start()
        with pytest.raises(SequenceRanBackwards):
            await following
        await connected(log)
        await assert_halted(log, SequenceRanBackwards)


async def test_a_log_is_known_by_its_identity(own_server: NatsServer) -> None:
    """Who kept the identity of a log opens that log or none, and never makes a new one in its place."""
    async with opened_log(own_server) as log:
        identity = log.identity
    async with opened_log(own_server, identity=identity) as log:
        assert (await log.head()).identity == identity
    await recreate(own_server)
    with pytest.raises(LogRecreated):
        async with opened_log(own_server, identity=identity):
            pass
    await delete_stream(own_server)
    with pytest.raises(LogRecreated):
        async with opened_log(own_server, identity=identity):
            pass
    with pytest.raises(UnsafeLog, match="no stream"):
        async with opened_log(own_server, create=False):
            pass


async def test_a_follower_with_a_wrong_claim_halts_alone(own_server: NatsServer) -> None:
    """Who claims to have seen more than there is, is halted; the log, which knows better, goes on."""
    async with opened_log(own_server) as log:
        await append(log, entry(ALICE))
        with pytest.raises(SequenceRanBackwards):
            await take(log.follow(1_000), 1)
        assert log.halted is None
        await append(log, entry(BOB))
