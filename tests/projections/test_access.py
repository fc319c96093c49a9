"""Who may ask is shown as the judge knows it, and whoever has to know is told what changed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from actors.access import ACCESS
from actors.specification import given
from events.access import (
    Access,
    AccessFact,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    Ended,
    Issuer,
    IssuerPut,
    IssuerRemoved,
    access_actor,
)
from events.bus import Message
from events.codec import canonical
from events.identity import hash_of_secret
from events.memory.bus import MemoryBus
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from projections.access import AccessChanged, Accesses
from projections.answering import Answering, ask
from projections.folding import Change, position
from projections.models import ReadModels
from projections.publishing import Publishing, Told
from projections.questions import AccessAnswer, AccessOf, Shown, Unanswered
from tests.projections.story import NOW, ORG, Story, append
from tests.support.waiting import until

ACTOR = access_actor(ORG)
ONE, TWO = hash_of_secret("one"), hash_of_secret("two")
DESK = ApiKeyIssued("desk", "The desk", "service", ("bookings.read",), ONE, None)
BRIEF = ApiKeyIssued("brief", "brief", "viewer", (), TWO, NOW + 1_000)
STAFF = Issuer("staff", "https://a.example", "tidegate", "https://a.example/jwks", roles={"admin": "owner"})
GUESTS = Issuer("guests", "https://b.example", "tidegate", "https://b.example/jwks", default_role="session")
PAST: tuple[tuple[AccessFact, ...], ...] = (
    (DESK, IssuerPut(STAFF)),
    (BRIEF, ApiKeyRotated("desk", TWO, NOW + 9)),
    (IssuerPut(GUESTS), IssuerRemoved("staff")),
    (ApiKeyRevoked("desk"),),
    (IssuerPut(STAFF),),
)


def told() -> Story:
    story = Story()
    for facts in PAST:
        story.tell(ACTOR, *facts)
    return story


def answer(story: Story, org: str = ORG) -> AccessAnswer:
    found = story.models.answer_now(AccessOf(org=org))
    assert isinstance(found, AccessAnswer)
    return found


def test_it_is_what_the_judge_knows() -> None:
    """After each commit the same keys, the same issuers, the same that are over."""
    story, judge = Story(), given(ACCESS)
    for facts in PAST:
        story.tell(ACTOR, *facts)
        judge = judge.given(*facts, at=NOW)
        assert canonical(story.models.accesses.of(ORG)) == canonical(judge.state())
    assert story.models.accesses.of(ORG).ended == {"desk": Ended(NOW, "revoked")}


def test_an_answer_has_what_keys_and_tokens_are_checked_by() -> None:
    """In order, with the sequence that it stands on, and nothing of another organisation."""
    story = told()
    found = answer(story)
    assert [key.id for key in found.keys] == ["brief"]
    assert (found.issuers, found.sequence) == ((GUESTS, STAFF), 5)
    assert found.keys[0].opened_by(TWO, NOW + 1_000) and not found.keys[0].opened_by(TWO, NOW + 1_001)
    assert answer(story, "other") == AccessAnswer((), (), 0)
    story.tell(access_actor("other"), DESK)
    assert answer(story) == found
    assert [key.hash for key in answer(story, "other").keys] == [ONE]


def test_each_change_names_what_it_is_about() -> None:
    """By ids alone, between the positions before and after; a commit of many facts is one change."""
    story = told()
    assert story.changes == [
        Change(ORG, "access", 0, 1, AccessChanged(("desk",), ("staff",))),
        Change(ORG, "access", 1, 2, AccessChanged(("brief", "desk"))),
        Change(ORG, "access", 2, 3, AccessChanged((), ("guests", "staff"))),
        Change(ORG, "access", 3, 4, AccessChanged(("desk",))),
        Change(ORG, "access", 4, 5, AccessChanged((), ("staff",))),
    ]


def test_the_topic_stands_where_it_changed_last() -> None:
    """Its state is asked for by a question of its own."""
    story = told()
    shown = story.models.answer_now(Shown(org=ORG, topic="access"))
    assert (shown.position, shown.state) == (position(story.models.projector.epoch, 5), None)
    other = story.models.answer_now(Shown(org="other", topic="access"))
    assert other.position == position(story.models.projector.epoch, 0)
    with pytest.raises(Unanswered):
        story.models.answer_now(Shown(org=ORG, topic="access/desk"))


def test_a_snapshot_is_as_good_as_the_log() -> None:
    """Folded from the beginning or from anywhere, it is the same, byte for byte (law 8)."""
    story = told()
    whole = story.models.accesses.save()
    for cut in range(len(story.steps) + 1):
        first = story.fresh()
        for step in story.steps[:cut]:
            first.projector.take(step)
        second = story.fresh()
        second.accesses.load(first.accesses.save())
        for step in story.steps[cut:]:
            second.projector.take(step)
        assert second.accesses.save() == whole


def test_what_expired_goes_when_the_next_key_is_issued() -> None:
    """As in the judge's memory: no clock is read."""
    story = told()
    story.now = NOW + 5_000
    story.tell(ACTOR, IssuerPut(STAFF))
    assert [key.id for key in answer(story).keys] == ["brief"]
    story.tell(ACTOR, ApiKeyIssued("new", "new", "owner", (), ONE, None))
    assert [key.id for key in answer(story).keys] == ["new"]
    assert story.models.accesses.of(ORG).ended["brief"] == Ended(NOW + 1_000, "expired")


def test_nothing_is_known_of_whoever_was_given_nothing() -> None:
    """An empty organisation is one that only tokens of nobody open."""
    fresh = Accesses()
    assert (fresh.of(ORG), fresh.sequence_of(ORG)) == (Access(), 0)
    assert fresh.save() == b"{}"


async def test_gateways_ask_and_are_told_over_the_bus() -> None:
    """Each by its own type; no delta has a hash."""
    story, bus, heard = told(), MemoryBus(), list[Message]()
    await bus.subscribe(f"deltas.{ORG}.access", heard.append)
    publishing, log = Publishing("p", bus), MemoryLog(lambda: NOW)
    read = ReadModels(log, MemoryShelf(), lambda: NOW, publishing.told)
    await read.projector.start()
    tasks = [asyncio.ensure_future(read.projector.run()), asyncio.ensure_future(publishing.run(read.projector))]
    answers = Answering(bus, read)
    await answers.start()
    await append(log, story.steps)
    try:
        assert await ask(bus, AccessOf(org=ORG, at_least=5), 1_000) == answer(story)
        await until(lambda: len(heard) == len(PAST))
    finally:
        await answers.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    deltas = [msgspec.json.decode(message.data, type=Told).delta for message in heard]
    assert deltas == [change.delta for change in story.changes]
    assert not any(one.encode() in message.data for message in heard for one in (ONE, TWO))
