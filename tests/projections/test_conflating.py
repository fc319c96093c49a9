"""What changes faster than anybody reads is gathered: fewer deltas, none of them missing, and all of one moment."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.bus import Message
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.room import RoomSettings
from projections import conflating
from projections.catalog import CatalogChanged
from projections.conflating import Conflating
from projections.deriving import Following
from projections.folding import Change
from projections.limits import GATHER_MS
from projections.models import ReadModels
from projections.publishing import Beat, Publishing, Told
from projections.room_topics import BlockChanged, BlockCount, RoomChanged, RoomShown, TicketChanged
from tests.projections.launch import ROOM, Launch
from tests.projections.story import NOW, ORG, append
from tests.support.waiting import until


def room(before: int, after: int, *blocks: int) -> Change:
    return Change(ORG, "room/r", before, after, RoomChanged(blocks=tuple(BlockCount(one, after) for one in blocks)))


def test_a_quiet_room_is_told_at_once() -> None:
    """And only what follows within a quarter of a second waits for its end."""
    gathering = Conflating()
    assert gathering.gather(room(0, 1), 1_000)
    assert gathering.next_ms() == 1_000
    assert gathering.due(1_000) == [room(0, 1)]
    gathering.gather(room(1, 2, 7), 1_001)
    gathering.gather(room(2, 3, 8), 1_100)
    assert gathering.due(1_249) == []
    assert (gathering.next_ms(), gathering.count) == (1_250, 1)
    [one] = gathering.due(1_250)
    assert (one.before, one.after) == (1, 3)
    assert isinstance(one.delta, RoomChanged)
    assert one.delta.blocks == (BlockCount(7, 2), BlockCount(8, 3))
    assert (gathering.due(9_000), gathering.next_ms(), gathering.count) == ([], float("inf"), 0)


def test_a_room_and_its_blocks_are_told_of_the_same_moment() -> None:
    """They are added up, so they go out together, and other rooms by themselves."""
    gathering = Conflating()
    gathering.gather(room(0, 1), 0)
    gathering.due(0)
    block = Change(ORG, "block/r/3", 0, 2, BlockChanged("x"))
    other = Change("other", "room/r", 0, 2, RoomChanged(phase="open"))
    gathering.gather(block, 200)
    gathering.gather(other, 200)
    gathering.gather(room(1, 3), 240)
    assert gathering.due(240) == [other]
    assert gathering.due(250) == [block, room(1, 3)]


def test_what_is_for_one_alone_never_waits() -> None:
    """Somebody who is called hears of it at once; bookings know nothing of gathering."""
    gathering = Conflating()
    assert not gathering.gather(Change(ORG, "ticket/r.0.1", 0, 1, TicketChanged("called")), 0)
    assert not gathering.gather(Change(ORG, "catalog", 0, 1, CatalogChanged()), 0)
    assert gathering.count == 0


def test_what_does_not_go_on_is_not_joined() -> None:
    """What everybody starts over at is not hidden in what was told before; and too many blocks are several deltas."""
    gathering = Conflating()
    changes = [room(0, 1, 1), room(1, 2, 2), room(3, 3), room(3, 4, *range(300)), room(4, 5, *range(300, 600))]
    for change in changes:
        gathering.gather(change, 0)
    assert gathering.count == 3
    assert [(one.before, one.after) for one in gathering.due(0)] == [(0, 2), (3, 4), (4, 5)]


def test_nothing_is_said_to_be_told_that_still_waits() -> None:
    """How far everything has been told is what a beat says."""
    gathering = Conflating()
    assert gathering.told_through(9) == 9
    gathering.gather(room(2, 7), 0)
    gathering.gather(room(7, 9), 0)
    assert gathering.told_through(9) == 6
    gathering.due(0)
    assert gathering.told_through(9) == 9
    gathering.gather(room(9, 10), 1)
    gathering.clear()
    assert (gathering.told_through(10), gathering.count) == (10, 0)


@given(st.integers(0, 1 << 32), st.lists(st.integers(0, 400), min_size=5, max_size=25))
def test_gathered_deltas_lead_where_single_ones_do(seed: int, pauses: list[int]) -> None:
    """At most four times a second; each goes on from the one before, and in the end the same is shown (law 9), also to
    those who began while some were being gathered."""
    dice, gathering = random.Random(seed), Conflating()
    launch = Launch(RoomSettings(), lanes={})
    launch.enter("open")
    launch.join(0, *[""] * 1_500)
    shown: RoomShown = launch.shown(f"room/{ROOM}").state
    following = Following(shown, launch.room.changed_at)
    launch.changes.clear()
    now, left = 0.0, list[tuple[float, Change]]()
    late = list[tuple[int, Following[RoomShown]]]()
    for pause in pauses:
        one = dice.choice(launch.tickets("waiting"))
        match dice.randrange(4):
            case 0:
                launch.leave(one)
            case 1:
                launch.silent([one])
            case 2:
                launch.call([one])
            case _:
                launch.join(1, "", "press")
        for change in launch.changes:
            gathering.gather(change, now)
        launch.changes.clear()
        late.append((len(left), Following(launch.shown(f"room/{ROOM}").state, launch.room.changed_at)))
        for _ in range(pause // 10):
            left += [(now, change) for change in gathering.due(now)]
            now += 10
    left += [(now + GATHER_MS, change) for change in gathering.due(now + GATHER_MS)]
    of_room = [(at, change) for at, change in left if change.topic == f"room/{ROOM}"]
    for _, change in of_room:
        assert change.before == following.position
        following.hear(change)
    assert following.state == launch.shown(f"room/{ROOM}").state
    for begun, late_one in late:
        for _, change in left[begun:]:
            if change.topic == f"room/{ROOM}":
                late_one.hear(change)
        assert late_one.state == following.state
    times = [at for at, _ in of_room]
    assert all(later - earlier >= GATHER_MS for earlier, later in pairwise(times))


async def test_it_is_published_so(monkeypatch: Any) -> None:
    """Over the bus: what was told is all there, in fewer messages than commits, and beats run no further."""
    monkeypatch.setattr(conflating, "GATHER_MS", 40)
    launch = Launch()
    launch.enter("open")
    for _ in range(40):
        launch.join(0, "")
    bus, log, heard, beats = MemoryBus(), MemoryLog(lambda: NOW), list[Message](), list[Message]()
    await bus.subscribe(f"deltas.{ORG}.room.{ROOM}", heard.append)
    await bus.subscribe("deltas", beats.append)
    publishing = Publishing("p", bus)
    models = ReadModels(log, MemoryShelf(), lambda: NOW, publishing.told)
    await models.projector.start()
    tasks = [asyncio.ensure_future(models.projector.run()), asyncio.ensure_future(publishing.run(models.projector))]
    try:
        for step in launch.story.steps:
            await append(log, [step])
            await asyncio.sleep(0.002)
        last = launch.story.steps[-1][-1].sequence

        def all_told() -> bool:
            return bool(heard) and msgspec.json.decode(heard[-1].data, type=Told).after.endswith(f":{last}")

        await until(all_told)
        told = [msgspec.json.decode(one.data, type=Told) for one in heard]
        assert told[0].before.endswith(":0")
        assert all(one.after == after.before for one, after in pairwise(told))
        assert len(told) < 20
        assert msgspec.json.decode(beats[-1].data, type=Beat).sequence <= last
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
