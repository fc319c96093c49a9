"""What is told of each fact, how it is spelled, and what is never in it."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from events import day, room
from events.codec import canonical, spelled
from events.commit import GENESIS, Decided, encode
from events.errors import ChainBroken
from events.facts import Fact
from events.log import Recorded
from events.room import Lane, RoomSettings
from events.webhooks import EVENTS, TEST
from gateway.webhooks.happenings import Happening, happenings, sequence_of, trial
from gateway.webhooks.limits import TICKETS_PER_BODY_MAX
from tests.gateway.webhooks.office import DAY, ROOM, START, booked, booking, id_of

AT = START - 86_400_000
ISO = "2026-12-07T12:00:00.000Z"
WISH, SPAN = booking("b").wish, booking("b").span
WISHED = {"event_type": "visit", "start": ISO, "minutes": 60, "items": [{"resource": "studio", "units": 1}]}
BOOKER = {"name": "Ann", "email": "ann@example.org", "phone": ""}


def recorded(actor: str, *facts: Fact, sequence: int = 17) -> Recorded:
    decided: Decided[Any] = Decided("c", "them", AT, facts, msgspec.Raw(b"null"))
    return Recorded(sequence, actor, encode(actor, AT, GENESIS, [decided]), AT)


def told(actor: str, *facts: Fact) -> list[Happening]:
    return list(happenings(recorded(actor, *facts), "e"))


def of_booking(data: dict[str, Any]) -> dict[str, Any]:
    return {"booking": id_of("b"), **data}


def of_standby(data: dict[str, Any]) -> dict[str, Any]:
    return {"standby": "s-1", **data}


def of_room(data: dict[str, Any]) -> dict[str, Any]:
    return {"room": "launch", **data}


ID = id_of("b")
JOINED = day.StandbyJoined("s-1", "session", day.Booker("Ann", "ann@example.org"), WISH, day.Slots(0, 4), 1)
PUT = RoomSettings(title="A sale", capacity=5, per_minute=60, lanes=(Lane("vip", ("code-hash",)),))
DRAWN = room.Drawn("the secret", "beacon", "seed", ("head",), 12, {"": 40})
TELLING: list[tuple[str, Fact, str, dict[str, Any]]] = [
    (DAY, day.BookingPending(ID, START), "booking.pending", of_booking({"until": ISO})),
    (DAY, day.BookingPending(ID, None), "booking.pending", of_booking({"until": None})),
    (DAY, day.BookingConfirmed(ID), "booking.confirmed", of_booking({})),
    (DAY, day.BookingDeclined(ID, "no"), "booking.declined", of_booking({"reason": "no"})),
    (DAY, day.BookingCancelled(ID, "rain"), "booking.cancelled", of_booking({"reason": "rain"})),
    (DAY, day.BookingMoved(ID, WISH, SPAN, 2), "booking.rescheduled", of_booking({**WISHED, "version": 2})),
    (DAY, day.BookingCompleted(ID), "booking.completed", of_booking({})),
    (DAY, day.BookingMissed(ID), "booking.no_show", of_booking({})),
    (DAY, day.BookingLapsed(ID), "booking.lapsed", of_booking({})),
    (DAY, day.ReminderDue(ID, 60), "booking.reminder", of_booking({"minutes": 60})),
    (DAY, JOINED, "standby.joined", of_standby({**WISHED, "booker": BOOKER})),
    (DAY, day.OfferMade("s-1", START), "standby.offered", of_standby({"until": ISO})),
    (DAY, day.OfferTaken("s-1", ID), "standby.taken", of_standby({"booking": ID})),
    (DAY, day.OfferLapsed("s-1"), "standby.lapsed", of_standby({})),
    (DAY, day.StandbyLeft("s-1"), "standby.left", of_standby({})),
    (ROOM, room.PhaseEntered("open"), "room.phase", of_room({"phase": "open"})),
    (
        ROOM, room.RoomPut(PUT), "room.put",
        of_room({"title": "A sale", "announcement": "", "capacity": 5, "per_minute": 60}),
    ),
    (ROOM, DRAWN, "room.drawn", of_room({"seed": "seed", "counts": {"": 40}})),
    (
        ROOM, room.TicketsCalled("vip", ("0.7",), START), "ticket.called",
        of_room({"tickets": [{"ticket": "launch.0.7", "lane": "vip", "until": ISO}]}),
    ),
    (
        ROOM, room.TicketClaimed("0.7", START, START), "ticket.claimed",
        of_room({"tickets": [{"ticket": "launch.0.7", "until": ISO, "until_max": ISO}]}),
    ),
    (
        ROOM, room.TicketsMissed(("0.1",), ("0.2",)), "ticket.missed",
        of_room({"tickets": [{"ticket": "launch.0.1", "again": True}, {"ticket": "launch.0.2", "again": False}]}),
    ),
    (
        ROOM, room.TicketExited("0.7", revoked=True), "ticket.exited",
        of_room({"tickets": [{"ticket": "launch.0.7", "revoked": True}]}),
    ),
    (ROOM, room.PassesExpired(("0.7",)), "ticket.expired", of_room({"tickets": [{"ticket": "launch.0.7"}]})),
    (ROOM, room.TurnsNear("vip", ("0.7",)), "turn.near", of_room({"ticket": "launch.0.7", "lane": "vip"})),
]  # fmt: skip


@pytest.mark.parametrize(("actor", "fact", "event", "data"), TELLING, ids=lambda value: str(value)[:30])
def test_each_fact_is_told_so(actor: str, fact: Fact, event: str, data: dict[str, Any]) -> None:
    """One fact, one happening: what the fact says, and whom it is about."""
    (happening,) = told(actor, fact)
    assert orjson.loads(happening.body) == {
        "id": "17-0",
        "type": event,
        "org": "demo",
        "at": "2026-12-06T12:00:00.000Z",
        "position": "e:17",
        "entity": happening.entity,
        "data": data,
    }
    assert (happening.id, happening.event, happening.order) == ("17-0", event, (17, 0, 0))
    whose = {"booking": f"booking/{ID}", "standby": "standby/s-1", "turn": "ticket/launch.0.7"}
    expected = whose.get(event.partition(".")[0], "room/launch")
    assert happening.entity == expected


def test_a_booking_that_is_made_is_told_whole() -> None:
    """With what came of it at once, as a happening of its own."""
    created, confirmed = told(DAY, booked("b", "confirmed"))
    assert orjson.loads(created.body)["data"] == of_booking(
        {"status": "confirmed", **WISHED, "booker": BOOKER, "answers": {"why": "because"}, "until": None}
    )
    assert [(one.event, one.id, one.entity) for one in (created, confirmed)] == [
        ("booking.created", "17-0", f"booking/{ID}"),
        ("booking.confirmed", "17-0-1", f"booking/{ID}"),
    ]
    assert [one.event for one in told(DAY, booked("b", "pending"))] == ["booking.created", "booking.pending"]
    assert [one.event for one in told(DAY, booked("b"))] == ["booking.created"]


def test_every_event_that_can_be_asked_for_is_told() -> None:
    """And none that cannot."""
    events = {event for _, _, event, _ in TELLING} | {"booking.created", "turn.now"}
    assert events == set(EVENTS)


def test_what_is_secret_is_in_no_body() -> None:
    """Sessions, hashes of tokens and codes, and what a draw was made with."""
    facts = [fact for actor, fact, *_ in TELLING if actor == DAY]
    bodies = b"".join(one.body for one in told(DAY, booked("b"), *facts))
    bodies += b"".join(one.body for one in told(ROOM, *(fact for actor, fact, *_ in TELLING if actor == ROOM)))
    for secret in (b"session", b"ffff", b"code-hash", b"the secret"):
        assert secret not in bodies


def test_what_is_nobodys_business_is_not_told() -> None:
    """Holds, slots and what a room hears of its lines; nor what other kinds of actors record."""
    slots = day.Slots(0, 4)
    assert told(DAY, day.HoldReleased("h"), day.SlotsFreed("b"), day.Blocked("x", slots, "why")) == []
    assert told(ROOM, room.LinesHeard(()), room.ClaimWaits("0.1"), room.PassProlonged("0.1", START)) == []
    assert list(happenings(Recorded(1, "demo.catalog", b"not even read", AT), "e")) == []


def test_a_rush_is_told_together() -> None:
    """Facts of one kind that follow each other are one happening; another kind between them keeps the order."""
    claims = [room.TicketClaimed(f"0.{number}", START, START) for number in range(3)]
    called = room.TicketsCalled("", ("0.9",), START)
    found = told(ROOM, *claims[:2], called, claims[2])
    assert [(one.id, one.event) for one in found] == [
        ("17-0", "ticket.claimed"),
        ("17-2", "ticket.called"),
        ("17-3", "ticket.claimed"),
    ]
    assert len(orjson.loads(found[0].body)["data"]["tickets"]) == 2


def test_a_body_holds_so_many_tickets() -> None:
    """More are several happenings, in order, each with a name of its own."""
    tickets = tuple(f"0.{number}" for number in range(2 * TICKETS_PER_BODY_MAX + 1))
    found = told(ROOM, room.TicketsCalled("", tickets, START))
    assert [one.id for one in found] == ["17-0", "17-0-1", "17-0-2"]
    every = [each["ticket"] for one in found for each in orjson.loads(one.body)["data"]["tickets"]]
    assert every == [f"launch.{ticket}" for ticket in tickets]
    assert sorted(found, key=lambda one: one.order) == found


def test_a_turn_is_told_to_each_by_itself() -> None:
    """Of those alone who left an address, behind the call of all of them; nobody waits for another's letter."""
    tickets = tuple(f"0.{number}" for number in range(TICKETS_PER_BODY_MAX + 1))
    calls = room.TicketsCalled("vip", tickets, START, reachable=spelled([3, 500])), room.TicketsCalled("", ("1.0",), 1)
    found = told(ROOM, *calls, room.TicketsCalled("", ("1.1",), START, reachable=spelled([0])))
    assert [(one.id, one.event, one.entity) for one in found] == [
        ("17-0", "ticket.called", "room/launch"),
        ("17-0-1", "ticket.called", "room/launch"),
        ("17-0-2", "turn.now", "ticket/launch.0.3"),
        ("17-0-3", "turn.now", "ticket/launch.0.500"),
        ("17-0-4", "turn.now", "ticket/launch.1.1"),
    ]
    assert orjson.loads(found[2].body)["data"] == of_room({"ticket": "launch.0.3", "lane": "vip", "until": ISO})
    assert sorted(found, key=lambda one: one.order) == found
    both = told(ROOM, room.TurnsNear("", ("0.1", "0.2")))
    assert [(one.id, one.entity) for one in both] == [("17-0", "ticket/launch.0.1"), ("17-0-1", "ticket/launch.0.2")]


def test_a_name_does_not_depend_on_who_asks() -> None:
    """Whatever an endpoint wants of a commit, what it gets is called and spelled the same."""
    commit = recorded(DAY, booked("b", "confirmed"), day.ReminderDue(ID, 60))
    everything = list(happenings(commit, "e"))
    some = happenings(commit, "e", lambda event: event == "booking.reminder")
    assert list(some) == [everything[-1]]
    assert list(happenings(commit, "e", among={everything[0].id, "18-0"})) == everything[:1]


def test_a_test_says_when_it_was_asked_for() -> None:
    """The same at every look, though it is nowhere in the log."""
    happening = trial(f"test-{START}", "demo", "shop", "e")
    assert happening == trial(f"test-{START}", "demo", "shop", "e")
    assert happening is not None
    said = orjson.loads(happening.body)
    assert (said["type"], said["at"], said["position"], said["data"]) == (TEST, ISO, "e:0", {"endpoint": "shop"})


@pytest.mark.parametrize("id", ["17-0", "test-", "test-1\r\nEvil: yes", "test-٣", "test-1-1", "test-123456789012345"])
def test_what_is_no_test_is_none(id: str) -> None:
    """Nobody gets a header of their own by an id that they made up."""
    assert trial(id, "demo", "shop", "e") is None


@pytest.mark.parametrize(("id", "sequence"), [("17-0", 17), ("17-0-1", 17), ("test-5", 0), ("", 0), ("x-1", 0)])
def test_a_name_says_where_it_is(id: str, sequence: int) -> None:
    """In which commit."""
    assert sequence_of(id) == sequence


def test_a_commit_that_cannot_be_read_is_no_happening() -> None:
    """It is said so, and nothing is guessed."""
    with pytest.raises(ChainBroken, match="17"):
        list(happenings(Recorded(17, DAY, canonical({"what": "ever"}), AT), "e"))
