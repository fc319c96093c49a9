"""Waiting rooms as they are shown: what tickets are, what is told of them and of their room, and what can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from events.codec import spelled
from events.line import Expired, Left, Returned, WentAbsent
from events.memory.log import MemoryLog
from events.memory.shelf import MemoryShelf
from events.room import (
    ClaimWaits,
    PassesExpired,
    PassProlonged,
    RoomSettings,
    TicketClaimed,
    TicketExited,
    TicketsCalled,
    TicketsMissed,
)
from projections.folding import Change
from projections.questions import NumbersOf, RoomOf
from projections.room_topics import BlockCount, RoomChanged, TicketChanged
from projections.standing import BECOMES, OVER, Move, State
from tests.projections.launch import PRESS, ROOM, Launch, joined, opened
from tests.projections.story import NOW, ORG, append
from tests.projections.test_projector import running, saved


def told(launch: Launch, topic: str) -> list[Change]:
    found = [change for change in launch.changes if change.topic == topic]
    launch.changes.clear()
    return found


class TestTickets:
    def test_it_is_what_became_of_it(self) -> None:
        """From joining to the end, with the instant through which it stands, told to it alone, position by position."""
        launch = opened()
        [one] = launch.join(0, "")
        topic = f"ticket/{ROOM}.{one.id}"
        position = launch.shown(topic).position
        for fact, state, until in (
            (TicketsCalled("", (one.id,), NOW + 60_000), "called", NOW + 60_000),
            (TicketsMissed((one.id,), ()), "waiting", None),
            (TicketsCalled("", (one.id,), NOW + 90_000), "called", NOW + 90_000),
            (ClaimWaits(one.id), "claim_waits", None),
            (TicketClaimed(one.id, NOW + 600_000, NOW + 900_000), "active", NOW + 600_000),
            (PassProlonged(one.id, NOW + 700_000), "active", NOW + 700_000),
            (TicketExited(one.id), "exited", None),
        ):
            sequence = launch.tell(fact)
            found = launch.ticket(one.id)
            assert (found.state, found.until, found.sequence) == (state, until, sequence)
            [change] = told(launch, topic)
            assert change.delta == TicketChanged(found.state, until)
            assert f"memory:{change.before}".rpartition(":")[2] == position.rpartition(":")[2]
            position = launch.shown(topic).position
            assert launch.shown(topic).state.state == state

    def test_who_left_has_left(self) -> None:
        """Whatever the room says of them before it has heard; and that ends a call and a pass too."""
        launch = opened()
        called, active, waiting = launch.join(0, "", "", "")
        launch.call([called, active])
        launch.claim([active])
        for one in (called, active, waiting):
            launch.leave(one)
        until = NOW + 60_000
        launch.tell(
            TicketsCalled("", (waiting.id,), until),
            TicketsMissed((called.id,), ()),
            TicketClaimed(waiting.id, until, until),
            PassProlonged(active.id, until),
            PassesExpired((active.id,)),
        )
        assert {launch.ticket(one.id).state for one in (called, active, waiting)} == {"left"}
        assert launch.ask(NumbersOf(org=ORG, room=ROOM)).all.active == 0

    def test_who_is_called_is_no_longer_the_lines_to_judge(self) -> None:
        """What a line finds of somebody who is called, in or over changes nothing; and the room may call whom a line
        gives up at the same time."""
        launch = opened()
        called, active, crossed = launch.join(0, "", "", "")
        launch.call([called, active])
        launch.claim([active])
        numbers = spelled([0, 1])
        launch.line(0, WentAbsent(numbers, NOW + 1), Returned(numbers), Expired(numbers))
        assert (launch.ticket(called.id).state, launch.ticket(active.id).state) == ("called", "active")
        launch.line(0, WentAbsent(spelled([2]), NOW + 1), Expired(spelled([2])))
        launch.call([crossed])
        assert launch.ticket(crossed.id).state == "called"

    def test_a_missed_call_waits_at_its_old_place(self) -> None:
        """Ahead of everybody who was behind; or it is over."""
        launch = opened()
        first, second, third = launch.join(0, "", "", "")
        launch.call([first, second])
        launch.miss(again=[first], out=[second])
        assert [launch.ticket(one.id).ahead for one in (first, third)] == [0, 1]
        assert launch.ticket(second.id).state == "missed"
        launch.call([first])
        [lane] = launch.shown(f"room/{ROOM}").state.lanes
        assert (lane.called_through, lane.waiting) == (2, 1)

    def test_closing_ends_everybody_who_is_not_in(self) -> None:
        """Passes go on until they end; and who joined while it closed has not got in any more."""
        launch = opened()
        waiting, absent, called, claiming, active = launch.join(0, *[""] * 5)
        launch.silent([absent])
        launch.call([called, claiming, active])
        launch.tell(ClaimWaits(claiming.id))
        launch.claim([active])
        launch.enter("closed")
        late = launch.join(0, "")[0]
        states = [launch.ticket(one.id).state for one in (waiting, absent, called, claiming, late)]
        assert states == ["closed"] * 5
        assert launch.ticket(active.id).state == "active"
        launch.end([active])
        assert launch.ticket(active.id).state == "pass_expired"

    def test_an_absence_has_a_beginning_and_an_end(self) -> None:
        """While it lasts the place is kept, and how many are ahead is still known."""
        launch = opened()
        first, second = launch.join(0, "", "")
        launch.later(90)
        launch.silent([second])
        found = launch.ticket(second.id)
        assert (found.state, found.absent_since, found.until) == ("absent", NOW + 90_000, launch.now + 600_000)
        assert (found.place, found.ahead, launch.ticket(first.id).absent_since) == (1, 1, None)
        launch.back([second])
        assert (launch.ticket(second.id).state, launch.ticket(second.id).absent_since) == ("waiting", None)

    def test_nobody_stands_up_again(self) -> None:
        """A ticket that is over stays over, but for one that a line gave up and a room has called."""
        for move, (allowed, _) in BECOMES.items():
            assert allowed & OVER == ({State.EXPIRED} if move == Move.CALLED else set())


class TestLines:
    def test_the_order_is_that_of_the_log(self) -> None:
        """Across shards, commit by commit, and within a commit."""
        launch = opened(lanes=(PRESS,))
        tickets = [*launch.join(2, "", "press"), *launch.join(0, "press", "", ""), *launch.join(2, "")]
        places = {one.id: (launch.ticket(one.id).lane, launch.ticket(one.id).place) for one in tickets}
        assert places == {
            "2.0": ("", 0), "2.1": ("press", 0), "0.0": ("press", 1), "0.1": ("", 1), "0.2": ("", 2), "2.2": ("", 3),
        }  # fmt: skip

    def test_before_the_draw_nobody_has_a_place(self) -> None:
        """Then those have one that follows from the seed, and who came too late for it stands behind."""
        launch = Launch(RoomSettings(draw=True))
        launch.enter("pre_queue")
        early = launch.join(0, *[""] * 50)
        through = early[0].joined
        late = launch.join(1, "", "")
        found = launch.ticket(early[0].id)
        assert (found.state, found.place, found.block, found.ahead, found.position) == ("drawing", *[None] * 4)
        launch.silent([early[3]])
        launch.leave(early[4])
        launch.draw(through)
        later = launch.join(0, "")
        order = [one.id for one in launch.lanes[""]]
        assert sorted(order[:50]) == sorted(one.id for one in early) != order[:50]
        assert order[50:] == [one.id for one in (*late, *later)]
        for place, id in enumerate(order):
            assert launch.ticket(id).place == place
        assert launch.ticket(early[3].id).state == "absent"
        assert launch.ask(RoomOf(org=ORG, room=ROOM)).seed

    def test_a_room_that_opens_without_a_draw_takes_them_as_they_came(self) -> None:
        """Nobody waits for a place for ever."""
        launch = Launch(RoomSettings(draw=True))
        launch.enter("pre_queue")
        tickets = launch.join(0, "", "")
        launch.enter("open")
        assert [launch.ticket(one.id).place for one in tickets] == [0, 1]

    @pytest.mark.parametrize("facts", [joined([1], [""]), [*joined([0], [""]), *joined([2], [""])], [Left(3)]])
    def test_what_no_line_says_is_not_folded(self, facts: list[Any]) -> None:
        """Tickets are numbered without a gap, and who never joined cannot leave."""
        launch = opened()
        launch.line(0, *facts)
        assert launch.story.models.projector.broken


class TestTelling:
    def test_the_room_tells_what_changed_and_no_more(self) -> None:
        """However many wait: the lane and the blocks of those who joined, left or were called."""
        launch = opened(announcement="soon")
        launch.join(0, *[""] * 1_000)
        [first] = told(launch, f"room/{ROOM}")
        assert isinstance(first.delta, RoomChanged)
        assert [(one.block, one.lane) for one in first.delta.added] == [(0, "")]
        queued = launch.join(0, *[""] * 2_000)
        launch.changes.clear()
        launch.call(queued[:3])
        [change] = told(launch, f"room/{ROOM}")
        delta = change.delta
        assert isinstance(delta, RoomChanged)
        assert (delta.phase, delta.about, delta.added) == (None, None, ())
        assert delta.blocks == (BlockCount(0, 1_021),)
        assert [(one.lane, one.called_through, one.waiting) for one in delta.lanes] == [("", 1_003, 2_997)]

    def test_what_is_announced_is_told(self) -> None:
        """With all that everybody may know of the settings, and without the codes."""
        launch = opened(announcement="soon", lanes=(PRESS,))
        launch.put(RoomSettings(announcement="now", lanes=(PRESS,)))
        launch.enter("paused")
        put, entered = (change.delta for change in told(launch, f"room/{ROOM}"))
        assert isinstance(put, RoomChanged)
        assert isinstance(entered, RoomChanged)
        assert put.about is not None
        assert (put.about.announcement, entered.phase) == ("now", "paused")
        assert "c" * 32 not in repr(launch.ask(RoomOf(org=ORG, room=ROOM)))

    def test_a_crowd_is_not_told_one_by_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """But who is called is, however many they are; and who listens still starts over."""
        monkeypatch.setattr("projections.rooms.TICKETS_TOLD_MAX", 3)
        launch = opened()
        queued = launch.join(0, *[""] * 20)
        launch.changes.clear()
        launch.silent(queued[:3])
        assert len([change for change in launch.changes if change.topic.startswith("ticket/")]) == 3
        launch.changes.clear()
        launch.silent(queued[3:9])
        assert not [change for change in launch.changes if change.topic.startswith("ticket/")]
        launch.back(queued[3:9])
        at = launch.ticket(queued[3].id).sequence
        launch.changes.clear()
        launch.call(queued[3:])
        changes = [change for change in launch.changes if change.topic.startswith("ticket/")]
        assert len(changes) == 17
        assert changes[0].before == at > queued[3].joined

    def test_a_ticket_is_told_once_of_a_commit(self) -> None:
        """As it stands in the end; so its positions chain."""
        launch = opened()
        [one] = launch.join(0, "")
        launch.changes.clear()
        until = NOW + 600_000
        launch.tell(TicketsCalled("", (one.id,), NOW), TicketClaimed(one.id, until, until))
        [change] = told(launch, f"ticket/{ROOM}.{one.id}")
        assert (change.before, change.delta) == (one.joined, TicketChanged("active", until))

    def test_untold_is_the_same_state(self) -> None:
        """Whether anybody listens makes no difference to what is kept (law 8)."""
        launch = opened(draw=False)
        queued = launch.join(0, *[""] * 30)
        launch.silent(queued[:9])
        launch.call(queued[9:20])
        launch.claim(queued[9:12])
        silent = launch.story.fresh()
        for step in launch.story.steps:
            silent.projector.take(step)
        assert silent.rooms.save() == launch.story.models.rooms.save()


async def test_rooms_come_back_from_a_snapshot() -> None:
    """Along with all other read models, to the same bytes."""
    launch = Launch(RoomSettings(draw=True, lanes=(PRESS,)))
    launch.enter("pre_queue")
    queued = launch.join(0, "", "press", "")
    launch.draw(queued[0].joined)
    launch.enter("open")
    launch.call(queued[:1])
    steps = launch.story.steps
    for end in range(len(steps) + 1):
        log, shelf = MemoryLog(lambda: NOW), MemoryShelf()
        await append(log, steps[:end])
        async with running(log, shelf) as models:
            await models.projector.reached(end, 1_000)
            await models.projector.save()
        await append(log, steps[end:])
        async with running(log, shelf) as models:
            await models.projector.reached(len(steps), 1_000)
            assert saved(models) == saved(launch.story.models)
