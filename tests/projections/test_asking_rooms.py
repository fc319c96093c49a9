"""What can be asked of waiting rooms, and how it is answered; and what is not there is said not to be."""

from __future__ import annotations

from typing import Any

import pytest

from events.line import Joined, Left
from events.memory.bus import MemoryBus
from events.room import Lane, PhaseEntered, RoomSettings, TicketClaimed, TicketsCalled
from projections.answering import ask
from projections.questions import NumbersOf, Question, RoomOf, Rooms, Shown, TicketOf, Tickets, TurnOf, Unanswered
from projections.room_topics import NumbersChanged
from tests.projections.launch import PRESS, ROOM, Launch, opened
from tests.projections.story import NOW, ORG
from tests.projections.test_answering import answered


def test_a_room_is_shown_without_what_is_secret() -> None:
    """Lanes in their order, the ordinary one last, with how many wait in each."""
    launch = opened(title="Launch", lanes=(PRESS, Lane("crew", ("d" * 32,))), per_minute=60)
    launch.join(0, "", "", "crew")
    found = launch.ask(RoomOf(org=ORG, room=ROOM))
    assert [(lane.id, lane.title, lane.waiting) for lane in found.lanes] == [
        ("press", "For the press", 0), ("crew", "", 1), ("", "", 2),
    ]  # fmt: skip
    assert (found.phase, found.about.title, found.about.opens_at) == ("open", "Launch", None)
    assert found.newcomer.low_s <= found.newcomer.middle_s <= found.newcomer.high_s
    [line] = launch.ask(Rooms(org=ORG))
    assert (line.id, line.title, line.phase, line.waiting, line.active) == (ROOM, "Launch", "open", 3, 0)
    assert launch.ask(Rooms(org="other")) == ()


def test_a_ticket_knows_its_block() -> None:
    """And where in it its place is."""
    launch = opened()
    queued = launch.join(0, *[""] * 1_030)
    launch.join(1, "press")
    found = launch.ticket(queued[-1].id)
    assert (found.place, found.block, found.index, found.ahead, found.position) == (1_029, 1, 5, 1_029, 1_030)
    assert launch.ticket("1.0").block == 2
    assert launch.shown(f"block/{ROOM}/2").state.lane == "press"


def test_many_tickets_are_asked_for_at_once() -> None:
    """Each as if it were asked for alone, in the order of the asking, and none for one that is not there."""
    launch = opened(per_minute=60, capacity=9, lanes=(PRESS,))
    queued = launch.join(0, *[""] * 30, "press", "press")
    launch.later(30)
    launch.call(queued[:3])
    launch.leave(queued[5])
    launch.silent([queued[7]])
    ids = [f"{ROOM}.{one.id}" for one in (*reversed(queued), queued[0])]
    asked = (*ids, f"{ROOM}.0.99", "none.0.0", "launch.00.0", "")
    found = launch.ask(Tickets(org=ORG, tickets=asked))
    assert found[:-4] == tuple(launch.ask(TicketOf(org=ORG, ticket=id)) for id in ids)
    assert found[-4:] == (None, None, None, None)
    assert launch.ask(Tickets(org="other", tickets=(ids[0],))) == (None,)
    with pytest.raises(Unanswered, match="at most 256"):
        launch.ask(Tickets(org=ORG, tickets=("launch.0.0",) * 257))


def test_many_who_wait_for_the_draw_are_told_the_same() -> None:
    """Whoever is one of so many may be the first or the last of them."""
    launch = Launch(RoomSettings(draw=True, per_minute=60, opens_at=NOW + 600_000))
    launch.enter("pre_queue")
    ids = tuple(f"{ROOM}.{one.id}" for one in launch.join(0, *[""] * 50))
    found = launch.ask(Tickets(org=ORG, tickets=ids))
    assert found == tuple(launch.ask(TicketOf(org=ORG, ticket=id)) for id in ids)
    assert len({one.estimate for one in found}) == 1


def test_numbers_are_counted_lane_by_lane() -> None:
    """Now, so far, and in the last minute; and how long those had waited who were called lately."""
    launch = opened(per_minute=60, capacity=9, lanes=(PRESS,))
    queued = launch.join(0, *[""] * 10, "press")
    launch.later(30)
    launch.call([*queued[:5], queued[10]])
    launch.claim(queued[:3])
    launch.later(61)
    launch.miss(again=[queued[3]], out=[queued[4]])
    launch.exit(queued[0])
    launch.silent([queued[7]])
    launch.leave(queued[8])
    found = launch.ask(NumbersOf(org=ORG, room=ROOM))
    ordinary, press = found.lanes
    assert (ordinary.joined, ordinary.waiting, ordinary.absent, ordinary.called, ordinary.active) == (
        10,
        4,
        1,
        0,
        2,
    )
    assert (ordinary.calls, ordinary.claims, ordinary.misses, ordinary.left, ordinary.ended) == (5, 3, 2, 1, 1)
    assert (press.joined, press.called, press.calls) == (1, 1, 1)
    assert (found.all.joined, found.all.calls, found.all.active) == (11, 6, 2)
    assert (found.waits.count, found.waits.p50_s, found.waits.p99_s) == (6, 30, 30)
    assert (found.calls_last_minute, found.claims_last_minute, found.per_minute, found.capacity) == (0, 0, 60, 9)
    launch.call(queued[5:7])
    assert launch.ask(NumbersOf(org=ORG, room=ROOM)).calls_last_minute == 2
    last = [change for change in launch.changes if change.topic == f"numbers/{ROOM}"][-1]
    assert isinstance(last.delta, NumbersChanged)
    assert last.delta.numbers == launch.shown(f"numbers/{ROOM}").state


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (RoomOf(org=ORG, room="none"), "unknown_room"),
        (RoomOf(org="other", room=ROOM), "unknown_room"),
        (NumbersOf(org=ORG, room="none"), "unknown_room"),
        (TicketOf(org=ORG, ticket="launch.0.9"), "unknown_ticket"),
        (TicketOf(org=ORG, ticket="launch.1.0"), "unknown_ticket"),
        (TicketOf(org=ORG, ticket="none.0.0"), "unknown_ticket"),
        (TicketOf(org=ORG, ticket="launch.00.0"), "unknown_ticket"),
        (TicketOf(org=ORG, ticket="launch"), "unknown_ticket"),
        (TicketOf(org="other", ticket="launch.0.0"), "unknown_ticket"),
        (Shown(org=ORG, topic="room/none"), "unknown_room"),
        (Shown(org=ORG, topic="room/launch/1"), "unknown_topic"),
        (Shown(org=ORG, topic="block/launch/1"), "unknown_topic"),
        (Shown(org=ORG, topic="block/launch/x"), "unknown_topic"),
        (Shown(org=ORG, topic="ticket/launch.0.9"), "unknown_ticket"),
        (Shown(org=ORG, topic="numbers"), "unknown_room"),
    ],
)
def test_what_is_not_there_is_said(asked: Question, code: str) -> None:
    """By a code, whatever was wrong with its name."""
    launch = opened()
    launch.join(0, "")
    with pytest.raises(Unanswered) as refused:
        launch.ask(asked)
    assert refused.value.problem.code == code


@pytest.mark.parametrize(
    ("phase", "reason"), [("scheduled", "not_open_yet"), ("paused", "paused"), ("closed", "closed")]
)
def test_it_is_said_why_nothing_is_known(phase: Any, reason: str) -> None:
    """With no numbers that nobody could stand by."""
    launch = Launch(RoomSettings(per_minute=60))
    launch.tell(PhaseEntered(phase))
    newcomer = launch.ask(RoomOf(org=ORG, room=ROOM)).newcomer
    assert (newcomer.low_s, newcomer.middle_s, newcomer.high_s, newcomer.reason) == (None, None, None, reason)


def test_before_the_draw_the_range_is_from_the_first_to_the_last() -> None:
    """From the opening on, since nobody is called before."""
    launch = Launch(RoomSettings(draw=True, per_minute=60, opens_at=NOW + 600_000))
    launch.enter("pre_queue")
    [one, *_] = launch.join(0, *[""] * 600)
    estimate = launch.ticket(one.id).estimate
    assert estimate is not None
    assert estimate.low_s is not None
    assert estimate.middle_s is not None
    assert estimate.high_s is not None
    assert 590 <= estimate.low_s <= 605
    assert 880 <= estimate.middle_s <= 920
    assert 1_180 <= estimate.high_s <= 1_400
    assert estimate.reason == "not_open_yet"


async def test_all_of_it_is_answered_over_the_bus() -> None:
    """Each by its own type."""
    launch = opened(lanes=(PRESS,), per_minute=60, opens_at=NOW)
    [one, *_] = launch.join(0, "", "press")
    bus = MemoryBus()
    async with answered(launch.story, bus) as (models, _):
        await models.projector.reached(launch.story.steps[-1][-1].sequence, 1_000)
        for asked in (
            Rooms(org=ORG),
            RoomOf(org=ORG, room=ROOM),
            TicketOf(org=ORG, ticket=f"{ROOM}.{one.id}"),
            Tickets(org=ORG, tickets=(f"{ROOM}.{one.id}", f"{ROOM}.9.9")),
            NumbersOf(org=ORG, room=ROOM),
        ):
            assert await ask(bus, asked, 1_000) == models.answer_now(asked)


def test_an_address_is_known_until_somebody_is_in_or_gone() -> None:
    """To whoever asks whom to write to, and in no other answer; saved and loaded meanwhile, it is the same."""
    launch = opened(title="Launch")
    sequence = launch.line(0, *(Joined(number, "5" * 32, 1, email=f"{number}@example.org") for number in range(3)))
    launch.line(0, Joined(3, "5" * 32, 1))
    models = launch.story.models.rooms
    saved = models.save()
    assert len(models.of(ORG)[ROOM].addresses) == 3
    models.load(saved)
    assert models.save() == saved

    def email(number: int) -> str | None:
        answer = launch.ask(TurnOf(org=ORG, ticket=f"{ROOM}.0.{number}"))
        return None if answer is None else str(answer.email)

    assert [email(number) for number in range(5)] == [*(f"{number}@example.org" for number in range(3)), None, None]
    turn = launch.ask(TurnOf(org=ORG, ticket=f"{ROOM}.0.1"))
    assert (turn.title, turn.stands.ahead, turn.stands.sequence) == ("Launch", 1, sequence)
    launch.tell(TicketsCalled("", ("0.0", "0.1"), NOW + 60_000))
    launch.tell(TicketClaimed("0.0", NOW, NOW))
    launch.line(0, Left(2))
    assert [email(number) for number in range(3)] == [None, "1@example.org", None]
    for topic in (f"room/{ROOM}", f"ticket/{ROOM}.0.1", f"numbers/{ROOM}", f"block/{ROOM}/0"):
        assert "@" not in str(launch.shown(topic))
    assert not any("@" in str(change) for change in launch.changes)
