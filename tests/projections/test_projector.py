"""The projector shows whole steps, waits for what an asker knows of, and comes back from anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events.catalog import Resource
from events.commit import hash_of
from events.day import Blocked, Slots, SlotsFreed, day_actor
from events.log import Entry, ExpectAt, Recorded
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections import checkpoint
from projections.folding import Change
from projections.models import ReadModels
from projections.projector import Behind
from projections.questions import Bookings, Unanswered
from tests.projections.story import DATE, NOW, ORG, Story, append, slot
from tests.support.waiting import until


def told_story() -> Story:
    story = Story()
    story.open(Resource("studio", "Studio", "Europe/Berlin"), Resource("room", "Room", "UTC", capacity=3))
    ids = [story.book(f"b{number}", slot(4 * number)) for number in range(6)]
    story.tell(day_actor(ORG, "studio", DATE), SlotsFreed(ids[2]), Blocked("b", Slots(90, 96), ""))
    story.together(
        (day_actor(ORG, "room", DATE), [Blocked("x", Slots(0, 4), "")]),
        (day_actor(ORG, "studio", "2026-12-08"), [Blocked("x", Slots(0, 4), "")]),
    )
    return story


@asynccontextmanager
async def running(log: MemoryLog, shelf: MemoryShelf, told: list[Change] | None = None) -> AsyncIterator[ReadModels]:
    models = ReadModels(log, shelf, lambda: NOW, None if told is None else told.extend)
    await models.projector.start()
    task = asyncio.ensure_future(models.projector.run())
    try:
        yield models
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def saved(models: ReadModels) -> tuple[bytes, ...]:
    folds = (models.catalogs, models.availability, models.bookings, models.quotas, models.rooms)
    return tuple(fold.save() for fold in folds)


async def test_from_nothing_and_from_a_snapshot_come_the_same_bytes() -> None:
    """Wherever the snapshot stands, and if that of one projection is lost (law 8)."""
    story = told_story()
    for end in range(len(story.steps) + 1):
        log, shelf = MemoryLog(lambda: NOW), MemoryShelf()
        await append(log, story.steps[:end])
        async with running(log, shelf) as models:
            await models.projector.reached(models.projector.caught_up_at, 1_000)
            await models.projector.save()
        if end % 2:
            shelf._items.pop("projections.bookings.0")
        await append(log, story.steps[end:])
        async with running(log, shelf) as models:
            assert models.projector.sequence == (0 if end % 2 else models.projector.caught_up_at and end)
            await models.projector.reached(models.projector.caught_up_at, 1_000)
            assert saved(models) == saved(story.models)


async def test_a_batch_is_shown_whole() -> None:
    """Its parts become visible at once, and a snapshot never stands within it."""
    story = told_story()
    log, told = MemoryLog(lambda: NOW), list[Change]()
    await append(log, story.steps[:-1])
    async with running(log, MemoryShelf(), told) as models:
        await models.projector.reached(models.projector.caught_up_at, 1_000)
        told.clear()
        await append(log, story.steps[-1:])
        await models.projector.reached(story.steps[-1][0].sequence, 1_000)
        assert models.projector.sequence == story.steps[-1][-1].sequence
        assert list(dict.fromkeys(change.after for change in told)) == [one.sequence for one in story.steps[-1]]


async def test_what_was_there_before_is_not_told() -> None:
    """A replay is no news; what comes behind it is."""
    story = told_story()
    log, told = MemoryLog(lambda: NOW), list[Change]()
    await append(log, story.steps[:3])
    async with running(log, MemoryShelf(), told) as models:
        await models.projector.reached(3, 1_000)
        assert told == []
        await append(log, story.steps[3:])
        await until(lambda: models.projector.sequence == story.steps[-1][-1].sequence)
        assert told == [change for change in story.changes if change.after > 3]


async def test_an_answer_waits_for_what_the_asker_knows_of() -> None:
    """As long as it is bounded to; then it says how far it has come."""
    story = told_story()
    log = MemoryLog(lambda: NOW)
    async with running(log, MemoryShelf()) as models:
        waiting = asyncio.ensure_future(models.projector.reached(3, 10_000))
        await append(log, story.steps[:2])
        await until(lambda: models.projector.sequence == 2)
        assert not waiting.done()
        await append(log, story.steps[2:3])
        await waiting
        with pytest.raises(Behind, match="come as far as 3"):
            await models.projector.reached(4, 1)
        assert models.projector._waiting == {}


@pytest.mark.parametrize(
    "spoilt", ["another log", "another commit", "a later sequence", "a version", "bytes", "rubbish"]
)
async def test_a_snapshot_that_does_not_fit_is_as_good_as_none(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is that does not fit."""
    story = told_story()
    log, shelf = MemoryLog(lambda: NOW), MemoryShelf()
    await append(log, story.steps)
    last = story.steps[-1][-1]
    wrong = Story()
    wrong.open(Resource("wrong", "Wrong", "UTC"))
    for projection in wrong.models.projector._projections:
        identity = "elsewhere" if spoilt == "another log" else "memory"
        commit = hash_of(b"other" if spoilt == "another commit" else last.body)
        sequence = last.sequence + (spoilt == "a later sequence")
        if spoilt == "a version":
            monkeypatch.setattr(projection, "version", projection.version + 1)
        await checkpoint.put(shelf, projection, projection.save(), identity, sequence, commit)
    for name, item in shelf._items.items():
        if spoilt == "bytes":
            shelf._items[name] = item[:-1] + bytes([item[-1] ^ 1])
        elif spoilt == "rubbish":
            shelf._items[name] = b"\xff" + item
    async with running(log, shelf) as models:
        assert models.projector.sequence == 0
        await models.projector.reached(last.sequence, 1_000)
        assert saved(models) == saved(story.models)


async def test_a_large_snapshot_stands_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one snapshot: pieces of another do not fit."""
    monkeypatch.setattr(checkpoint, "PIECE_BYTES_MAX", 100)
    story = told_story()
    log, shelf = MemoryLog(lambda: NOW), MemoryShelf()
    await append(log, story.steps[:-1])
    async with running(log, shelf) as models:
        await models.projector.reached(models.projector.caught_up_at, 1_000)
        await models.projector.save()
    early = dict(shelf._items)
    assert len(early) > 10
    async with running(log, shelf) as models:
        assert models.projector.sequence == models.projector.caught_up_at
        await append(log, story.steps[-1:])
        await models.projector.reached(story.steps[-1][-1].sequence, 1_000)
        await models.projector.save()
    shelf._items["projections.availability.1"] = early["projections.availability.1"]
    async with running(log, shelf) as models:
        assert models.projector.sequence == 0
        await models.projector.reached(models.projector.caught_up_at, 1_000)
        assert saved(models) == saved(story.models)


async def test_other_kinds_of_actors_are_passed_by() -> None:
    """Their commits count, and are not read."""
    story = told_story()
    other = Recorded(99, "demo.other.room.1", b"not even read", NOW)
    story.models.projector.take((other,))
    assert story.models.projector.sequence == 99


@pytest.mark.parametrize("what", ["cannot be read", "cannot be folded"])
async def test_what_goes_wrong_concerns_its_organisation_only(what: str) -> None:
    """It is told no more of and says so when it is asked; all others go on; nothing half taken in is saved."""
    story = told_story()
    log, shelf, told = MemoryLog(lambda: NOW), MemoryShelf(), list[Change]()
    broken = Story()
    if what == "cannot be folded":
        broken.tell("other.day.studio.2026-12-07", SlotsFreed("nobody"))
        [[recorded]] = broken.steps
        entry = Entry(recorded.actor, recorded.body, ExpectAt(0), "x")
    else:
        entry = Entry("other.catalog", b"{}", ExpectAt(0), "x")
    async with running(log, shelf, told) as models:
        await append(log, story.steps[:-1])
        await log.append_each([entry])
        await append(log, story.steps[-1:])
        await until(lambda: models.projector.sequence == story.steps[-1][-1].sequence + 1)
        assert [change.topic for change in told] == [change.topic for change in story.changes]
        with pytest.raises(Unanswered, match="cannot be folded") as refused:
            await models.answer(Bookings(org="other"))
        assert refused.value.problem.fault == "ours"
        assert len((await models.answer(Bookings(org=ORG))).rows) == 6
        await models.projector.save()
        assert shelf._items == {}
