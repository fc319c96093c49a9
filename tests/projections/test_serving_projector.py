"""A projector on real servers answers what was written, tells what changes, and comes back from its snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from events.bus import Message
from events.catalog import Resource
from events.day import BookingCancelled, owner_of
from events.errors import UnsafeLog
from events.nats.ground import reached
from events.nats.reach import Reach
from events.nats.server import NatsServer
from projections.answering import ask
from projections.models import ReadModels
from projections.publishing import Told
from projections.questions import Booking, Bookings
from projections.serving import serve
from tests.projections.story import DATE, NOW, ORG, Story, append, slot
from tests.support.jetstream import Site, delete_stream
from tests.support.waiting import until

WAIT_MS = 10_000


@pytest.fixture
def site(runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Site]:
    site = Site(nats_server)
    yield site
    runner.run(site.clear())
    runner.run(delete_stream(nats_server, "shelf"))


async def test_it_serves_from_start_to_snapshot_and_on(site: Site) -> None:
    """What it is asked and what it tells go over the bus; the second one goes on where the first one left."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    id = story.book("b", slot(40))
    reach = Reach(servers=(site.server.url,), monitors=(site.server.monitor,), stream=site.stream)
    async with reached(reach, name="test") as ground:
        with pytest.raises(UnsafeLog):
            await serve(reach, asyncio.Event(), clock=lambda: NOW)
        log = await ground.log(create=True)
        await append(log, story.steps)
        heard: list[Message] = []
        await ground.bus.subscribe(f"deltas.{ORG}.>", heard.append)
        for turn in range(2):
            until_then, models = asyncio.Event(), list[ReadModels]()
            serving = asyncio.ensure_future(serve(reach, until_then, clock=lambda: NOW, started=models.append))
            await until(lambda seen=models: seen)  # type: ignore[misc]
            assert (await ask(ground.bus, Bookings(org=ORG), WAIT_MS)).rows[0].id == id
            sequence = story.tell(owner_of(ORG, id), BookingCancelled(id, f"turn {turn}"))
            await append(log, story.steps[-1:])
            row = await ask(ground.bus, Booking(org=ORG, id=id, at_least=sequence), WAIT_MS)
            assert (row.status, row.reason) == ("cancelled", f"turn {turn}")
            await until(lambda turn=turn: len(heard) == 2 * turn + 2)  # type: ignore[misc]
            assert models[0].bookings.save() == story.models.bookings.save()
            until_then.set()
            await serving
        told = [msgspec.json.decode(one.data, type=Told) for one in heard]
        assert [one.before for one in told[2:]] == [one.after for one in told[:2]]
        shelf = await ground.shelf()
        names = [f"projections.{name}.0" for name in ("catalogs", "availability", "bookings")]
        assert len(await shelf.get(names)) == 3
        assert id.startswith(f"studio.{DATE}.")
