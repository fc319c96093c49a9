"""Whoever was away for a moment is given all that was told meanwhile, or nothing at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import Resource
from events.day import BookingCancelled, Slots, SlotsFreed, day_actor, owner_of
from events.memory.bus import MemoryBus
from projections import rooms
from projections.answering import ask
from projections.catalog import CatalogChanged
from projections.deriving import Following
from projections.folding import Change, epoch_of, sequence_at
from projections.publishing import Told
from projections.questions import Shown, Since, SinceAnswer, Unanswered
from projections.recent import Missed, Recent
from projections.topics import DayShown
from tests.projections.launch import ROOM, opened
from tests.projections.story import DATE, ORG, Story, slot
from tests.projections.subscriber import day_after
from tests.projections.test_answering import answered
from tests.projections.test_availability import taken
from tests.projections.test_publishing import listening, runner
from tests.support.waiting import until

__all__ = ["runner"]  # in virtual time

DAY = f"day/studio/{DATE}"


def change(topic: str, before: int, after: int) -> Change:
    return Change(ORG, topic, before, after, CatalogChanged())


def keep(recent: Recent, topic: str, before: int, after: int) -> bytes:
    data = b'"%d to %d"' % (before, after)
    recent.keep(change(topic, before, after), data)
    return data


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=40), st.integers(1, 20))
def test_it_is_all_that_was_told_or_nothing(told: list[tuple[int, int]], kept: int) -> None:
    """As much as is kept of all topics together, from any position that anybody stood at; and no less than that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.recent.RECENT_MAX", kept)
        recent, published, stands = Recent(), list[tuple[int, int, bytes]](), [0, 0, 0]
        sequence = 0
        for topic, step in told:
            sequence += step
            published.append((topic, stands[topic], keep(recent, f"t{topic}", stands[topic], sequence)))
            stands[topic] = sequence
        forgotten = published[: max(len(published) - kept, 0)]
        for topic, at in ((topic, at) for topic in range(3) for at in range(sequence + 2)):
            answer = recent.since(ORG, f"t{topic}", at, stands[topic])
            behind = [data for of, before, data in published if of == topic and before >= at]
            known = any(of == topic and before == at for of, before, _ in published) or at == stands[topic]
            all_kept = not any(data in behind for of, _, data in forgotten if of == topic)
            any_kept = any(of == topic for of, *_ in published[len(forgotten) :])
            if known and all_kept and any_kept:
                assert answer == Missed(tuple(map(msgspec.Raw, behind)), stands[topic])
            else:
                assert answer is None
    assert len(recent) == min(len(published), kept)


def test_so_many_bytes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few deltas that is."""
    monkeypatch.setattr("projections.recent.RECENT_BYTES_MAX", 100)
    recent = Recent()
    for number in range(9):
        recent.keep(change("t", number, number + 1), b"x" * 40)
    assert (len(recent), recent._bytes) == (2, 80)
    assert recent.since(ORG, "t", 7, 9) is not None
    assert recent.since(ORG, "t", 6, 9) is None
    recent.keep(change("t", 9, 10), b"x" * 101)
    assert (len(recent), recent._bytes, recent._last) == (0, 0, {})


@pytest.mark.parametrize(("limit", "value"), [("SINCE_DELTAS_MAX", 3), ("SINCE_BYTES_MAX", 30)])
def test_who_missed_much_starts_over(limit: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is less work for everybody."""
    monkeypatch.setattr(f"projections.recent.{limit}", value)
    recent = Recent()
    for number in range(9):
        keep(recent, "t", number, number + 1)
    assert len((recent.since(ORG, "t", 6, 9) or Missed((), 0)).deltas) == 3
    assert recent.since(ORG, "t", 5, 9) is None


def test_nobody_goes_on_across_a_gap() -> None:
    """A delta that goes on from where nobody stands makes everybody start over, whoever stands behind it goes on."""
    recent = Recent()
    keep(recent, "t", 0, 5)
    keep(recent, "t", 9, 9)
    last = keep(recent, "t", 9, 12)
    assert [recent.since(ORG, "t", at, 12) for at in (0, 5)] == [None, None]
    assert recent.since(ORG, "t", 9, 12) == Missed((msgspec.Raw(last),), 12)
    assert recent.since(ORG, "t", 12, 12) == Missed((), 12)


def test_a_position_that_moved_unseen_is_behind() -> None:
    """Unless what moved it is known to come: then it will be heard."""
    recent = Recent()
    first = keep(recent, "t", 0, 5)
    assert recent.since(ORG, "t", 5, 8) is None
    recent.coming([change("t", 5, 7), change("t", 7, 8)])
    assert recent.since(ORG, "t", 5, 8) == Missed((), 5)
    assert recent.since(ORG, "t", 0, 8) == Missed((msgspec.Raw(first),), 5)
    gathered = keep(recent, "t", 5, 8)
    assert recent.since(ORG, "t", 0, 8) == Missed((msgspec.Raw(first), msgspec.Raw(gathered)), 8)
    assert recent._coming == {}


def busy_story() -> Story:
    story = Story()
    story.open(Resource("studio", "Studio", "UTC", capacity=3))
    for number in range(4):
        story.tell(day_actor(ORG, "studio", DATE), taken(f"b{number}", Slots(4 * number, 4 * number + 8)))
    story.tell(day_actor(ORG, "studio", DATE), SlotsFreed("b1"))
    return story


async def test_who_comes_back_is_given_what_was_published() -> None:
    """Byte for byte; and shows what is, wherever they stood."""
    story = busy_story()
    async with listening() as heard:
        heard.take(story.steps[0])
        shown = heard.models.answer_now(Shown(org=ORG, topic=DAY))
        stands = [(shown.position, shown.state)]
        for step in story.steps[1:]:
            heard.take(step)
            shown = heard.models.answer_now(Shown(org=ORG, topic=DAY))
            stands.append((shown.position, shown.state))
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        bodies = [body for (_, told), body in zip(heard.told, heard.bodies, strict=True) if told.topic == DAY]
        assert len(bodies) == 5
        for number, (position, state) in enumerate(stands):
            answer = heard.models.answer_now(Since(org=ORG, topic=DAY, position=position))
            assert isinstance(answer, SinceAnswer)
            assert list(map(bytes, answer.deltas)) == bodies[number:]
            after: Any = state
            for raw in answer.deltas:
                after = day_after(after, msgspec.json.decode(raw, type=Told).delta)  # type: ignore[arg-type]  # it is
            assert isinstance(after, DayShown)
            assert (answer.position, after) == stands[-1]


@pytest.mark.parametrize("position", ["", ":", "4", "x:4", "{}:", "{}:3.0", "{}:-1", "{}:+4", "{}:99", "{}:²", "{}:04"])
async def test_a_position_that_is_none_of_this_log_is_not_known(position: str) -> None:
    """Neither is one of another log, nor one that is further than this projector; nobody is given anything for it."""
    story = busy_story()
    async with listening() as heard:
        heard.take(*story.steps)
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        epoch = heard.models.projector.epoch
        answer = heard.models.answer_now(Since(org=ORG, topic=DAY, position=position.format(epoch)))
        assert answer is None
    assert sequence_at("e", "e:0") == 0


async def test_a_topic_that_stood_still_goes_on() -> None:
    """Though nothing of it is kept, as after a start; whatever moved before that is not known."""
    story = busy_story()
    bus = MemoryBus()
    async with answered(story, bus) as (models, log):
        del log
        await models.projector.reached(story.steps[-1][-1].sequence, 1_000)
        models._recent.clear()
        for topic in (DAY, "bookings", "catalog", "month/studio/2026-12", f"holds/studio/{DATE}", "units/studio"):
            now = (await ask(bus, Shown(org=ORG, topic=topic), 1_000)).position
            found = await ask(bus, Since(org=ORG, topic=topic, position=now), 1_000)
            assert found == SinceAnswer((), now)
        asked = Since(org=ORG, topic=DAY, position=f"{epoch_of('memory')}:2")
        assert await ask(bus, asked, 1_000) is None
        with pytest.raises(Unanswered, match="no topic"):
            await ask(bus, Since(org=ORG, topic="none", position=asked.position), 1_000)


async def test_it_is_asked_over_the_bus() -> None:
    """And the deltas come as they were heard."""
    story = Story()
    story.open(Resource("studio", "Studio", "UTC"))
    id = story.book("b", slot(40))
    bus = MemoryBus()
    async with answered(story, bus) as (models, _):
        bodies: list[bytes] = []
        await bus.subscribe("deltas.demo.bookings", lambda message: bodies.append(message.data))
        await models.projector.reached(2, 1_000)
        story.tell(owner_of(ORG, id), BookingCancelled(id, ""))
        models.projector.take(story.steps[-1])
        await until(lambda: len(bodies) == 2)
        asked = Since(org=ORG, topic="bookings", position=f"{models.projector.epoch}:0")
        answer = await ask(bus, asked, 1_000)
        assert list(map(bytes, answer.deltas)) == bodies
        assert answer.position == (await ask(bus, Shown(org=ORG, topic="bookings"), 1_000)).position


async def test_a_room_goes_on_while_some_of_it_is_being_gathered() -> None:
    """From where something was published, to where something was; the rest is heard as it comes."""
    launch, topic = opened(), f"room/{ROOM}"
    shown = launch.shown(topic)
    following: Following[Any] = Following(shown.state, launch.room.changed_at)
    known = len(launch.story.steps)
    async with listening() as heard:
        heard.take(*launch.story.steps)
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        epoch = heard.models.projector.epoch
        for _ in range(3):
            launch.join(0, "", "")
            launch.join(1, "")
            heard.take(*launch.story.steps[known:])
            known = len(launch.story.steps)
            await until(lambda: heard.beats[-1][1].prompt == heard.models.projector.sequence)
            answer = heard.models.answer_now(Since(org=ORG, topic=topic, position=f"{epoch}:{following.position}"))
            assert answer is not None
            for raw in answer.deltas:
                told = msgspec.json.decode(raw, type=Told)
                before, after = (sequence_at(epoch, text) or 0 for text in (told.before, told.after))
                following.hear(Change(ORG, topic, before, after, told.delta))
            assert answer.position == f"{epoch}:{following.position}"
        assert heard.beats[-1][1].sequence < heard.models.projector.sequence
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        answer = heard.models.answer_now(Since(org=ORG, topic=topic, position=f"{epoch}:{following.position}"))
        [raw] = answer.deltas
        told = msgspec.json.decode(raw, type=Told)
        following.hear(Change(ORG, topic, following.position, sequence_at(epoch, told.after) or 0, told.delta))
        assert following.state == launch.shown(topic).state


async def test_a_ticket_that_moved_with_a_crowd_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was told, so nobody is taken to know."""
    monkeypatch.setattr(rooms, "TICKETS_TOLD_MAX", 1)
    launch = opened()
    crowd = launch.join(0, "", "", "")
    launch.silent(crowd[:1])
    async with listening() as heard:
        heard.take(*launch.story.steps)
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        topic = f"ticket/{ROOM}.{crowd[0].id}"
        asked = Since(
            org=ORG, topic=topic, position=heard.models.answer_now(Shown(org=ORG, topic=topic)).position
        )  # fmt: skip
        assert heard.models.answer_now(asked).deltas == ()
        launch.back(crowd[:1])
        launch.silent(crowd)
        heard.take(*launch.story.steps[-4:])
        await until(lambda: heard.beats[-1][1].sequence == heard.models.projector.sequence)
        assert heard.models.answer_now(asked) is None
