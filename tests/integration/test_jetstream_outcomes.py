"""What became of an append whose acknowledgement never came: found out from the log, and never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest

from events import limits
from events.errors import Conflict, LogFull, LogUnavailable, UnknownOutcome
from events.log import EXPECT_NEW, Entry, ExpectAt
from events.nats.connection import connect
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import ALICE, BOB, CAROL, append, bodies, collect, entry, take
from tests.support.jetstream import Site, connected, opened_log
from tests.support.proxy import Proxy
from tests.support.waiting import until


@pytest.fixture
def site(runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Site]:
    site = Site(nats_server)
    yield site
    runner.run(site.clear())


@asynccontextmanager
async def near_and_far(site: Site) -> AsyncIterator[tuple[JetStreamLog, JetStreamLog, Proxy]]:
    """A log that is reached directly, the same one through a proxy, and the proxy."""
    async with (
        Proxy("127.0.0.1", site.server.port) as proxy,
        opened_log(site) as near,
        opened_log(site, proxy.url) as far,
    ):
        yield near, far, proxy


async def append_unheard(far: JetStreamLog, near: JetStreamLog, proxy: Proxy, entries: Sequence[Entry]) -> object:
    """Append, hear no acknowledgement, lose the connection when all is stored, and say how that ended."""
    before = (await near.head()).last
    proxy.swallow_answers()
    appending = asyncio.ensure_future(far.append_each(entries))
    await take(near.follow(before), len(entries))
    await proxy.heal()
    return await appending


async def test_an_append_that_landed_unheard_succeeds(site: Site) -> None:
    """The connection is lost after the commits were stored and before anyone said so: their sequences are found."""
    async with near_and_far(site) as (near, far, proxy):
        outcomes = await append_unheard(far, near, proxy, [entry(ALICE, "a"), entry(BOB, "b")])
        assert outcomes == [1, 2]


async def test_it_succeeds_even_if_others_have_built_on_it(site: Site) -> None:
    """Another's commit behind ours does not make ours a conflict: ours took the place that it wanted."""
    async with near_and_far(site) as (near, far, proxy):
        before = (await near.head()).last
        proxy.swallow_answers()
        appending = asyncio.ensure_future(far.append_each([entry(ALICE, "ours")]))
        [[ours]] = await take(near.follow(before), 1)
        await append(near, entry(ALICE, "theirs", ExpectAt(ours.sequence)))
        await proxy.heal()
        assert await appending == [ours.sequence]


async def test_an_append_whose_place_was_taken_is_a_conflict(site: Site) -> None:
    """The append never arrived, and another's commit stands where it wanted to: it can never land."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_requests()
        appending = asyncio.ensure_future(far.append_each([entry(ALICE, "lost")]))
        await append(near, entry(ALICE, "theirs"))
        await proxy.heal()
        [outcome] = await appending
        assert isinstance(outcome, Conflict)
        assert outcome.actor == ALICE
        assert await bodies(near.read()) == [b"theirs"]


async def test_an_append_that_left_no_trace_is_unknown(site: Site) -> None:
    """Neither ours nor another's stands there: it may still be on its way, so nothing is claimed."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_requests()
        appending = asyncio.ensure_future(far.append_each([entry(ALICE, "lost")]))
        await until(lambda: proxy.bytes_swallowed > 0)
        await proxy.heal()
        [outcome] = await appending
        assert isinstance(outcome, UnknownOutcome)
        assert await bodies(near.read()) == []


async def test_silence_is_looked_into(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is up and the connection stands, the log is asked: what landed succeeds."""
    monkeypatch.setattr(limits, "APPEND_TIMEOUT_MS", 200)
    async with near_and_far(site) as (near, far, proxy):
        proxy.delay(500)
        assert await far.append_each([entry(ALICE, "slow")]) == [1]
        assert await far.append_together([entry(BOB, "slow"), entry(CAROL, "slow")]) == [2, 3]
        assert await bodies(near.read()) == [b"slow"] * 3


async def test_a_batch_that_landed_unheard_succeeds(site: Site) -> None:
    """All of a batch whose acknowledgement was lost is found, with its sequences in order."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_answers()
        appending = asyncio.ensure_future(far.append_together([entry(actor) for actor in (CAROL, ALICE, BOB)]))
        await take(near.follow(), 3)
        await proxy.heal()
        assert await appending == [1, 2, 3]


async def test_a_batch_whose_place_was_taken_is_a_conflict(site: Site) -> None:
    """A batch that never arrived cannot land once another's commit stands in one of its places."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_requests()
        appending = asyncio.ensure_future(far.append_together([entry(ALICE), entry(BOB)]))
        await append(near, entry(BOB, "theirs"))
        await proxy.heal()
        with pytest.raises(Conflict) as caught:
            await appending
        assert caught.value.actor == BOB


async def test_a_batch_that_left_no_trace_is_unknown(site: Site) -> None:
    """A batch of which nothing is found may still be on its way."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_requests()
        appending = asyncio.ensure_future(far.append_together([entry(ALICE), entry(BOB)]))
        await until(lambda: proxy.bytes_swallowed > 0)
        await proxy.heal()
        with pytest.raises(UnknownOutcome):
            await appending
        assert await bodies(near.read()) == []


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins a batch waits until the server says that it is prepared."""
    monkeypatch.setattr(limits, "PREPARED_WITHIN_MS", 600_000)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("prepared", [True, False])
async def test_a_batch_that_began_before_the_connection_went_is_stored_all_the_same(site: Site, prepared: bool) -> None:
    """Once, whether the server knows how it began or not."""
    async with near_and_far(site) as (near, far, proxy):
        if not prepared:
            proxy.swallow_requests()
        batch = far.begin(entry(ALICE, "a"))
        if prepared:
            await batch.prepared
        else:
            await until(lambda: proxy.bytes_swallowed > 0)
        proxy.cut()
        await batch.prepared
        await connected(far, be=False)
        await proxy.heal()
        await connected(far)
        assert await batch.store([entry(BOB, "b")]) == [1, 2]
        assert await bodies(near.read()) == [b"a", b"b"]


async def test_a_server_that_does_not_say_so_is_waited_for_a_while_only(site: Site) -> None:
    """It may have begun all the same, and is sent the rest."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_answers()
        batch = far.begin(entry(ALICE, "a"))
        async with asyncio.timeout(20):
            await batch.prepared
        assert far.connected
        await until(lambda: proxy.bytes_swallowed > 0)
        await proxy.heal()
        await connected(far, be=False)
        await connected(far)
        assert await batch.store([entry(BOB, "b")]) == [1, 2]
        assert await batch_ids(near) == ["1", "1"]


async def test_a_late_server_is_not_left_with_batches_that_nobody_ends(site: Site) -> None:
    """It keeps no more than 50 open, for everybody, and forgets one after seconds."""
    async with near_and_far(site) as (near, far, proxy):
        proxy.delay(limits.PREPARED_WITHIN_MS + 5)
        for number in range(60):
            batch = far.begin(entry(f"demo.line.a{number}"))
            await batch.prepared
            await batch.store([entry(f"demo.line.b{number}")])
        assert await batch_ids(near) == [str(number + 1) for number in range(60) for _ in range(2)]


async def batch_ids(log: JetStreamLog) -> list[str]:
    """Of each commit, which one of its writer's batches it came with."""
    marks = [one.batch for one in await collect(log.read())]
    return [mark.id.rpartition("-")[2] for mark in marks if mark is not None]


async def test_a_begun_batch_that_landed_unheard_succeeds(site: Site) -> None:
    """As any other whose acknowledgement was lost."""
    async with near_and_far(site) as (near, far, proxy):
        batch = far.begin(entry(CAROL))
        await batch.prepared
        proxy.swallow_answers()
        storing = asyncio.ensure_future(batch.store([entry(ALICE), entry(BOB)]))
        await take(near.follow(), 3)
        await proxy.heal()
        assert await storing == [1, 2, 3]


@pytest.mark.usefixtures("patient")
async def test_a_server_that_forgot_how_a_batch_began_stores_nothing(own_server: NatsServer) -> None:
    """It has started anew since, and says that the batch is incomplete: a refusal of all of it."""
    async with opened_log(own_server) as log:
        batch = log.begin(entry(ALICE))
        await batch.prepared
        await own_server.kill()
        await connected(log, be=False)
        await own_server.start()
        await connected(log)
        with pytest.raises(LogUnavailable):
            await batch.store([entry(BOB)])
        assert (await log.head()).last == 0


@pytest.mark.usefixtures("patient")
async def test_the_server_says_when_it_has_prepared_a_batch(site: Site) -> None:
    """It is not guessed by the time. What stays alone has begun in vain: its batch needs a message to end with."""
    async with opened_log(site) as log:
        batch = log.begin(entry(ALICE))
        other = log.begin(entry(CAROL))
        async with asyncio.timeout(20):
            await asyncio.gather(batch.prepared, other.prepared)
        await batch.store([entry(BOB)])
        await other.store([])
        assert await batch_ids(log) == ["1", "1", "3"]


async def test_a_lost_connection_ends_the_wait_at_once(site: Site) -> None:
    """Who waits for an acknowledgement hears of the loss long before the time is up, also while nobody answers."""
    async with near_and_far(site) as (_, far, proxy):
        proxy.swallow_requests()
        appending = asyncio.ensure_future(far.append_each([entry(ALICE)]))
        await until(lambda: proxy.bytes_swallowed > 0)
        started = asyncio.get_running_loop().time()
        await proxy.heal()
        await appending
        assert (asyncio.get_running_loop().time() - started) * 1000 < limits.APPEND_TIMEOUT_MS / 2


async def test_what_cannot_be_looked_up_is_unknown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the log cannot be reached to find out, the outcome stays unknown."""
    monkeypatch.setattr(limits, "READ_TIMEOUT_MS", 300)
    async with near_and_far(site) as (near, far, proxy):
        proxy.swallow_answers()
        appending = asyncio.ensure_future(far.append_each([entry(ALICE, "unheard")]))
        await take(near.follow(), 1)
        await proxy.refuse()
        proxy.cut()
        [outcome] = await appending
        assert isinstance(outcome, UnknownOutcome)


async def test_nothing_is_sent_without_a_connection(site: Site) -> None:
    """While the connection is lost an append fails at once, and it is certain that nothing will be stored."""
    async with near_and_far(site) as (near, far, proxy):
        await proxy.refuse()
        proxy.cut()
        await connected(far, be=False)
        [outcome] = await far.append_each([entry(ALICE, "lost")])
        assert isinstance(outcome, LogUnavailable)
        with pytest.raises(LogUnavailable):
            await far.append_together([entry(ALICE, "lost"), entry(BOB, "lost")])
        await proxy.heal()
        [first] = await append_until_available(far, entry(ALICE, "later"))
        assert await bodies(near.read()) == [b"later"]
        assert first == 1


async def test_what_had_not_left_when_the_connection_went_never_lands(site: Site) -> None:
    """Its caller was told that nobody knows; it must not come true long afterwards, when the server is back."""
    async with near_and_far(site) as (near, far, proxy):
        client = far._connection.client
        client._writing_soon = True  # as if something before it were still on its way out
        appending = asyncio.ensure_future(far.append_each([entry(ALICE, "stranded")]))
        await until(lambda: client._pending_data_size > 0)
        await proxy.refuse()
        proxy.cut()
        await connected(far, be=False)
        client._writing_soon = False
        await proxy.heal()
        [outcome] = await appending
        assert isinstance(outcome, UnknownOutcome)
        assert await append_until_available(far, entry(BOB, "later")) == [1]
        assert await bodies(near.read()) == [b"later"]


async def append_until_available(log: JetStreamLog, *entries: Entry) -> list[int]:
    while True:
        outcomes = await log.append_each(entries)
        if not any(isinstance(outcome, LogUnavailable) for outcome in outcomes):
            return [outcome for outcome in outcomes if isinstance(outcome, int)]
        await asyncio.sleep(0.01)


async def test_a_log_without_its_stream_is_unavailable(site: Site) -> None:
    """When nobody holds the stream, appends fail and nothing is stored."""
    async with opened_log(site) as log:
        await site.clear()
        [outcome] = await log.append_each([entry(ALICE)])
        assert isinstance(outcome, LogUnavailable)
        with pytest.raises(LogUnavailable):
            await log.append_together([entry(ALICE), entry(BOB)])


async def test_a_full_log_refuses_and_goes_on_when_it_gets_room(site: Site) -> None:
    """What does not fit is refused whole, single or together; given more room, the same append succeeds."""
    large = b"x" * 100_000
    async with opened_log(site, bytes_max=250_000) as log:
        await append(log, entry(ALICE, large), entry(BOB, large))
        late = entry(CAROL, large)
        [outcome] = await log.append_each([late])
        assert isinstance(outcome, LogFull)
        with pytest.raises(LogFull):
            await log.append_together([entry(f"demo.line.{number}", large) for number in range(2)])
        assert (await log.head()).last == 2
        async with opened_log(site, bytes_max=1_000_000):
            pass
        assert await append(log, late) == [3]


async def test_two_logs_on_one_connection_do_not_mix_their_answers(site: Site) -> None:
    """Several handles may share a connection."""
    connection = await connect(site.server.url)
    one, other = [
        await JetStreamLog.open(connection, monitors=[site.server.monitor], name=site.stream) for _ in range(2)
    ]
    await asyncio.gather(append(one, entry(ALICE, expect=EXPECT_NEW)), append(other, entry(BOB)))
    assert sorted(await one.last_of([ALICE, BOB])) == sorted(await other.last_of([ALICE, BOB]))
    await connection.close()
