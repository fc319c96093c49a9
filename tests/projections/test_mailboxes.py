"""However often somebody joins with an address, what stands behind it gets a few letters a day from one room."""

from __future__ import annotations

import pytest

from events.catalog import Resource
from events.line import Joined, Left
from events.room import RoomSettings
from projections import mailboxes
from projections.limits import MAILBOX_TICKETS_MAX
from projections.mailboxes import Mailboxes
from projections.questions import TurnOf
from projections.rooms import Rooms
from tests.projections.launch import ROOM, Launch, opened
from tests.projections.story import NOW, ORG

DAY_S = 86_400
ANN = "ann.lee@example.org"


class Addressed:
    """An open room that people join one by one."""

    def __init__(self) -> None:
        self.launch: Launch = opened()
        self.count = 0

    def join(self, email: str) -> bool:
        """Whether anybody is to be written to about that ticket."""
        number, self.count = self.count, self.count + 1
        self.launch.line(0, Joined(number, "5" * 32, 1, email=email))
        turn = self.launch.ask(TurnOf(org=ORG, ticket=f"{ROOM}.0.{number}"))
        assert turn is None or turn.email == email
        assert self.launch.ticket(f"0.{number}").state == "waiting"
        return turn is not None

    def leave(self) -> None:
        self.launch.line(0, Left(self.count - 1))


def test_a_stranger_is_written_to_about_a_few_tickets() -> None:
    """Whoever comes with the same address after that stands in line as any other, and nobody is told."""
    room = Addressed()
    assert [room.join(ANN) for _ in range(500)] == [True] * MAILBOX_TICKETS_MAX + [False] * (500 - MAILBOX_TICKETS_MAX)
    assert room.join("bob@example.org")
    assert len(room.launch.room.addresses) == MAILBOX_TICKETS_MAX + 1
    assert room.launch.room.waiting() == [501]


def test_leaving_and_joining_again_is_counted() -> None:
    """And so is what came in one commit; loaded in between from what was saved, it goes on as it was."""
    room = Addressed()
    models = room.launch.story.models.rooms
    told = []
    for _ in range(MAILBOX_TICKETS_MAX + 2):
        told.append(room.join(ANN))
        room.leave()
        saved = models.save()
        models.load(saved)
        assert models.save() == saved
    assert told == [True] * MAILBOX_TICKETS_MAX + [False] * 2
    together = Addressed()
    together.launch.line(0, *(Joined(number, "5" * 32, 1, email=ANN) for number in range(9)))
    assert list(together.launch.room.addresses) == list(range(MAILBOX_TICKETS_MAX))


def test_another_day_is_counted_anew() -> None:
    """A room that is always open writes to whoever comes every day. The day is that of the commits, and a commit of the
    day before that comes late makes no new one."""
    room = Addressed()
    for _ in range(MAILBOX_TICKETS_MAX):
        assert room.join(ANN)
    room.launch.later(DAY_S)
    assert room.join(ANN)
    room.launch.later(-1)
    assert [room.join(ANN) for _ in range(MAILBOX_TICKETS_MAX)] == [True] * (MAILBOX_TICKETS_MAX - 1) + [False]
    room.launch.later(1)
    assert not room.join(ANN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ANN, "Ann.Lee@Example.ORG"),
        (ANN, "annlee@example.org"),
        (ANN, "ann.lee+news@example.org"),
        (ANN, "ann.lee@\uff45xample.org"),
        (ANN, "ann.lee@exam\u00adple\u3002org"),
        ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
        ("ann@b\u00fccher.example", "ann@B\u00dcCHER.example"),
    ],
)
def test_other_spellings_lead_to_the_same_mailbox(one: str, other: str) -> None:
    """As those who run mailboxes read them, and as letters are addressed."""
    found = Mailboxes()
    assert [found.admits(one, NOW) for _ in range(MAILBOX_TICKETS_MAX)] == [True] * MAILBOX_TICKETS_MAX
    assert not found.admits(other, NOW)


@pytest.mark.parametrize("other", ["ann.lea@example.org", "ann.lee@example.com", "ann.lee@mail.example.org", "@", "a@"])
def test_others_are_counted_by_themselves(other: str) -> None:
    """Whatever may stand in a log is counted as something."""
    found = Mailboxes(NOW // (DAY_S * 1_000))
    while found.admits(ANN, NOW):
        pass
    assert found.admits(other, NOW)
    assert found.admits(f"ann@{'x' * 64}\u00fc.example", NOW)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number for each mailbox, which does not say whose it is; with too many of them counting begins anew. Where a
    room is closed nobody is written to, and nothing is kept."""
    monkeypatch.setattr(mailboxes, "MAILBOXES_COUNTED_MAX", 10)
    room = Addressed()
    for number in range(34):
        assert room.join(f"{number}@example.org")
        assert len(room.launch.room.mailboxes.named) == number % 10 + 1
    assert all(type(one) is int and 0 <= one < 1 << 64 for one in room.launch.room.mailboxes.named)
    room.launch.enter("closed")
    room.launch.line(0, Joined(room.count, "5" * 32, 1, email=ANN))
    assert not room.launch.room.mailboxes.named and not room.launch.room.addresses


def test_nothing_is_kept_of_another_day() -> None:
    """Also where nobody comes any more: the log goes on elsewhere."""
    room = Addressed()
    assert room.join(ANN)
    room.leave()
    story = room.launch.story
    story.now += DAY_S * 1_000
    story.open(Resource("studio", "Studio", "UTC"))
    assert not room.launch.room.mailboxes.named
    saved = story.models.rooms.save()
    behind = Rooms()
    behind.load(saved)
    assert behind.save() == saved


def test_rooms_count_by_themselves() -> None:
    """What somebody does before one is nothing to another."""
    one, other = Addressed(), Launch(RoomSettings())
    assert [one.join(ANN) for _ in range(4)][-1] is False
    other.line(0, Joined(0, "5" * 32, 1, email=ANN))
    assert other.room.addresses == {0: ANN}
