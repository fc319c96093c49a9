"""Questions come over the bus and are answered, or it is said why not; what changes is told there too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from events.bus import Message
from events.catalog import Resource, Schedule, SchedulePut, Window
from events.day import Booker, BookingCancelled, owner_of
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections import answering, models
from projections.answering import Answering, Reply, ask
from projections.folding import epoch_of
from projections.models import ReadModels
from projections.publishing import Beat, Publishing, Told
from projections.questions import (
    KINDS,
    Booking,
    Bookings,
    CatalogAnswer,
    CatalogOf,
    DaySlots,
    History,
    Month,
    Page,
    Row,
    Slot,
    Unanswered,
)
from tests.projections.story import DATE, NOW, ORG, Story, append, slot
from tests.support.waiting import until


def told_story() -> Story:
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    story.book("b", slot(40))
    return story


@asynccontextmanager
async def answered(story: Story, bus: MemoryBus) -> AsyncIterator[tuple[ReadModels, MemoryLog]]:
    log = MemoryLog(lambda: NOW)
    publishing = Publishing("p", bus)
    read = ReadModels(log, MemoryShelf(), lambda: NOW, publishing.told, publishing.recent)
    await read.projector.start()
    tasks = [asyncio.ensure_future(read.projector.run()), asyncio.ensure_future(publishing.run(read.projector))]
    answers = Answering(bus, read)
    await answers.start()
    await append(log, story.steps)
    try:
        yield read, log
    finally:
        await answers.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_answer_comes_back_as_it_was_given() -> None:
    """Each by its own type, and not older than asked for."""
    bus = MemoryBus()
    async with answered(told_story(), bus) as (read, _):
        slots = await ask(
            bus,
            DaySlots(org=ORG, event_type="visit", resource="studio", date=DATE, minutes=60, at_least=2),
            1_000,
        )
        assert all(isinstance(one, Slot) for one in slots)
        assert next(one for one in slots if one.start == slot(40)).state == "full"
        page = await ask(bus, Bookings(org=ORG), 1_000)
        assert isinstance(page, Page)
        row = await ask(bus, Booking(org=ORG, id=page.rows[0].id), 1_000)
        assert isinstance(row, Row)
        assert row == page.rows[0]
        assert await ask(bus, Booking(org=ORG, id="none"), 1_000) is None
        catalog = await ask(bus, CatalogOf(org=ORG), 1_000)
        assert catalog == CatalogAnswer(read.catalogs.of(ORG), 1)
        assert len(await ask(bus, History(org=ORG, id=row.id), 1_000)) == 2


@pytest.mark.parametrize(
    ("subject", "data", "code", "fault"),
    [
        ("day_slots", b"{", "malformed", "caller"),
        ("day_slots", b"{}", "malformed", "caller"),
        ("day_slots", b'{"org":"demo","more":1}', "malformed", "caller"),
        ("day_slots", b'"\xff"', "malformed", "caller"),
        ("day_slots", b" " * 300_000, "question_too_large", "caller"),
        ("no_such", b"{}", "unknown_question", "caller"),
        ("bookings", b'{"org":"demo","at_least":99}', "behind", "busy"),
        (
            "month",
            b'{"org":"demo","event_type":"visit","resource":"studio","month":"x","minutes":60}',
            "bad_date",
            "caller",
        ),
        (
            "which_days",
            b'{"org":"demo","month":"2026-12","minutes":60,"tz":"Mars/Base"}',
            "unknown_time_zone",
            "caller",
        ),
        ("bookings", b'{"org":"demo","statuses":["lost"]}', "malformed", "caller"),
    ],
)
async def test_what_cannot_be_answered_is_said(
    subject: str, data: bytes, code: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code, a sentence, and whose fault it is; the next one is answered."""
    monkeypatch.setattr(models, "AT_LEAST_WAIT_MS", 5)
    bus = MemoryBus()
    async with answered(told_story(), bus):
        message = await bus.request(f"questions.{subject}", data, 1_000)
        error = msgspec.json.decode(message.data)["error"]
        assert (error["code"], error["fault"]) == (code, fault)
        assert error["detail"]
        assert await ask(bus, Bookings(org=ORG, at_least=2), 1_000)


async def test_a_bug_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked learns that it was not them, and nothing of what it was."""

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(ReadModels, "answer_now", fail)
    bus = MemoryBus()
    async with answered(told_story(), bus):
        with pytest.raises(Unanswered) as refused:
            await ask(bus, Bookings(org=ORG), 1_000)
        assert (refused.value.problem.code, refused.value.problem.fault) == ("bug", "ours")
        assert "secret" not in str(refused.value)


async def test_too_many_at_once_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that wait are answered all the same."""
    monkeypatch.setattr(answering, "QUESTIONS_AT_ONCE_MAX", 1)
    bus = MemoryBus()
    story = told_story()
    async with answered(story, bus) as (_, log):
        sequence = story.tell(owner_of(ORG, "studio.2026-12-07.b"), BookingCancelled("studio.2026-12-07.b", ""))
        waits = asyncio.ensure_future(ask(bus, Bookings(org=ORG, at_least=sequence), 5_000))
        await asyncio.sleep(0)
        with pytest.raises(Unanswered) as refused:
            await ask(bus, Bookings(org=ORG), 1_000)
        assert refused.value.problem.fault == "busy"
        await append(log, story.steps[-1:])
        assert (await waits).rows[0].status == "cancelled"


async def test_several_projectors_share_the_questions() -> None:
    """Each is answered once."""
    bus, story = MemoryBus(), told_story()
    async with answered(story, bus), answered(story, bus):
        inbox, replies = bus.new_inbox(), list[Message]()
        await bus.subscribe(inbox, replies.append)
        for _ in range(6):
            await bus.publish("questions.bookings", b'{"org":"demo","at_least":2}', inbox)
        await until(lambda: len(replies) == 6)
        await asyncio.sleep(0.01)
        assert len(replies) == 6
        assert {msgspec.json.decode(one.data, type=Reply).sequence for one in replies} == {2}


async def test_changes_are_told_with_where_they_stand() -> None:
    """On a subject made of the organisation and the topic, with a position before and after, in order."""
    bus, story = MemoryBus(), told_story()
    heard: list[Message] = []
    await bus.subscribe("deltas.demo.>", heard.append)
    beats: list[Message] = []
    await bus.subscribe("deltas", beats.append)
    epoch = epoch_of("memory")
    async with answered(story, bus) as (read, log):
        id = "studio.2026-12-07.b"
        story.tell(owner_of(ORG, id), BookingCancelled(id, ""))
        await append(log, story.steps[-1:])
        await until(lambda: len(heard) == 7)
        await until(lambda: beats)
        assert [one.subject for one in heard] == [
            "deltas.demo.catalog",
            f"deltas.demo.day.studio.{DATE}",
            "deltas.demo.month.studio.2026-12",
            f"deltas.demo.booking.{id}",
            "deltas.demo.bookings",
            f"deltas.demo.booking.{id}",
            "deltas.demo.bookings",
        ]
        told = [msgspec.json.decode(one.data, type=Told) for one in heard]
        assert [(one.before, one.after) for one in told[3::2]] == [
            (f"{epoch}:0", f"{epoch}:2"),
            (f"{epoch}:2", f"{epoch}:3"),
        ]
        assert [change.delta for change in story.changes] == [one.delta for one in told]
        beat = msgspec.json.decode(beats[-1].data, type=Beat)
        assert (beat.epoch, beat.projector, beat.since) == (epoch, "p", 0)
        assert read.projector.sequence == 3


async def test_what_cannot_be_told_in_time_is_dropped_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector that tells slower than it folds keeps a bounded number waiting."""
    monkeypatch.setattr("projections.publishing.CHANGES_WAITING_MAX", 5)
    bus, story = MemoryBus(), told_story()
    publishing = Publishing("p", bus)
    publishing.told(story.changes)
    publishing.told(story.changes)
    assert len(publishing._waiting) == 0
    assert publishing._dropped_at == 2


def test_every_question_has_a_kind_of_its_own() -> None:
    """And is written as it is read."""
    assert len({question for question, _ in KINDS.values()}) == len(KINDS)
    asked = Month(org=ORG, event_type="visit", resource="studio", month="2026-12", minutes=60)
    assert answering.read_question("month", msgspec.json.encode(asked)) == asked


async def test_a_part_of_the_catalog_is_that_of_the_whole() -> None:
    """With what it goes by; nothing else is sent along."""
    bus, story = MemoryBus(), told_story()
    hours = Schedule("hours", "Hours", "UTC", {"mon": (Window(600, 840),)})
    story.tell(f"{ORG}.catalog", SchedulePut(hours))
    story.open(Resource("room", "Room", "UTC", schedule="hours"), Resource("other", "Other", "UTC"))
    async with answered(story, bus):
        asked = CatalogOf(org=ORG, event_types=("visit", "none"), resources=("room", "none"), at_least=4)
        part = (await ask(bus, asked, 1_000)).catalog
        whole = (await ask(bus, CatalogOf(org=ORG, at_least=4), 1_000)).catalog
    assert (list(part.active), list(part.schedules), part.links) == (["room"], ["hours"], {"visit": ["room"]})
    assert part.event_types == {"visit": whole.event_types["visit"]}
    assert set(whole.active) == {"studio", "room", "other"}


async def test_an_answer_that_no_message_carries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked is told so, and does not wait in vain."""
    monkeypatch.setattr("projections.answering.ANSWER_BYTES_MAX", 100)
    bus = MemoryBus()
    async with answered(told_story(), bus):
        with pytest.raises(Unanswered) as refused:
            await ask(bus, CatalogOf(org=ORG), 1_000)
        assert refused.value.problem.code == "answer_too_large"


def test_a_page_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is short then, and the next one goes on; none is without any row."""
    monkeypatch.setattr("projections.finding.PAGE_BYTES_MAX", 1_000)
    story = told_story()
    for number in range(9):
        story.book(f"b{number}", slot(44 + 4 * number), booker=Booker("x" * 300))
    seen, cursor, pages = list[str](), "", 0
    while True:
        page = story.models.answer_now(Bookings(org=ORG, cursor=cursor))
        assert page.rows
        seen += (row.id for row in page.rows)
        cursor, pages = page.cursor, pages + 1
        if not cursor:
            break
    assert pages > 2 and len(seen) == len(set(seen)) == 10
