"""Mail from end to end: bookings over HTTP, the courier, and a real mail server; what arrives, how often, and when."""

from __future__ import annotations

import datetime as dt

import pytest

from actors.webhooks.commands import SendTest
from events.day import ReminderDue, owner_of
from events.names import actor_name
from gateway.mail.carrying import ByScheme
from tests.gateway.mail.post_office import SENDER, WritingRoom, post_office, writing_room
from tests.gateway.webhooks.office import hurried
from tests.gateway.webhooks.receiver import receiving
from tests.support.gateway import TOMORROW
from tests.support.ports import own_port
from tests.support.waiting import until

MOVED = f"{TOMORROW}T15:00"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


async def letters(room: WritingRoom, count: int) -> None:
    """Come back when so many have arrived."""
    await until(lambda: len(room.post.letters) >= count, look_every_s=0.005)


async def test_a_booking_is_written_about() -> None:
    """Who booked gets one letter, from the organisation, with what puts the visit into their calendar."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        booking, _ = await room.book()
        await letters(room, 1)
        await room.shows(lambda shown: shown["delivered"] == 2)  # that it was made was nothing to write about
        (letter,) = room.post.letters
        assert (letter.sender, letter.to) == (SENDER, ["ann@example.org"])
        assert str(letter.message["From"]) == f"Nord Studios <{SENDER}>"
        assert str(letter.message["Subject"]) == "Confirmed: Recording session, Tuesday, 2 June 2026"
        assert "Tuesday, 2 June 2026, 10:00 to 11:00 (Europe/Berlin)" in letter.text
        assert (letter.method, letter.event["uid"]) == ("REQUEST", f"{booking}@demo")
        assert letter.event.decoded("dtstart") == dt.datetime(2026, 6, 2, 8, tzinfo=dt.UTC)


async def test_what_becomes_of_it_is_written_too() -> None:
    """Moved, and cancelled: the same event in the calendar, later on, and out of it again."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        booking, token = await room.book()
        await letters(room, 1)
        await room.change(booking, "reschedule", start=MOVED, manage_token="")
        await letters(room, 2)
        await room.change(booking, "cancel", manage_token="", reason="The roof leaks.")
        await letters(room, 3)
        assert [subject.partition(":")[0] for subject in room.post.subjects] == ["Confirmed", "Moved", "Cancelled"]
        confirmed, moved, cancelled = room.post.letters
        assert [letter.method for letter in room.post.letters] == ["REQUEST", "REQUEST", "CANCEL"]
        assert [str(letter.event["sequence"]) for letter in room.post.letters] == ["0", "1", "2"]
        assert {str(letter.event["uid"]) for letter in room.post.letters} == {f"{booking}@demo"}
        assert moved.event.decoded("dtstart") - confirmed.event.decoded("dtstart") == dt.timedelta(hours=5)
        assert cancelled.event["status"] == "CANCELLED" and "The roof leaks." in cancelled.text
        assert len({str(letter.message["References"]) for letter in room.post.letters}) == 1
        assert not any(token in letter.text + letter.html for letter in room.post.letters)


async def test_a_request_is_kept_then_answered() -> None:
    """Pending is said, and so is a no, with its reason."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        about = {"event_type": "production", "resource": "studio-south", "start": "2026-06-05T00:00", "duration": 2_880}
        booking, _ = await room.book(**about)
        await letters(room, 1)
        await room.change(booking, "decline", reason="We are closed then.")
        await letters(room, 2)
        pending, declined = room.post.letters
        assert (pending.method, pending.event["status"]) == ("REQUEST", "TENTATIVE")
        assert (declined.method, declined.event["status"]) == ("CANCEL", "CANCELLED")
        assert room.post.subjects[1].startswith("Declined") and "We are closed then." in declined.text


async def test_people_are_reminded_when_it_is_due() -> None:
    """A day before, by the clock; and not of what was cancelled meanwhile."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord", "booking.reminder")
        await room.courier()
        kept, _ = await room.book(start="2026-06-04T10:00")
        gone, _ = await room.book(start="2026-06-04T12:00")
        await room.change(gone, "cancel")
        room.gate.clock.advance(46 * 3_600_000 + 60_000)
        await letters(room, 1)
        await room.gate.house.commit(owner_of("demo", gone), ReminderDue(gone, 60), command_id="late")
        await room.shows(lambda shown: shown["delivered"] >= 2)
        (letter,) = room.post.letters
        assert room.post.subjects == ["Reminder: Recording session, Thursday, 4 June 2026"]
        assert letter.event["uid"] == f"{kept}@demo"


async def test_a_server_that_is_away_is_tried_again() -> None:
    """Refused for now, or with nobody at the door: the letter comes when it can, once, under the same name."""
    async with writing_room(port=own_port()) as room:
        await room.opt_in()
        await room.courier()
        room.post.answers = lambda letter: "451 later" if letter.attempt < 3 else "250 taken"
        await room.book()
        await letters(room, 1)
        assert [letter.attempt for letter in room.post.tried] == [1, 2, 3]
        assert len({letter.id for letter in room.post.tried}) == 1
        port = room.post.port
        room.post.close()
        await room.book(start=MOVED)
        await room.shows(lambda shown: shown["failed"] >= 3)
        async with post_office(port=port) as again:
            await until(lambda: again.letters, look_every_s=0.005)
        shown = await room.shows(lambda shown: shown["late_count"] == 0)
        assert shown["dead"] == []


async def test_who_is_killed_loses_no_letter() -> None:
    """The next courier writes what the one before had not reported, under the same name."""
    async with writing_room() as room:
        await room.opt_in()
        one = await room.courier("one")
        room.post.answers = lambda letter: None if letter.attempt == 1 and "15:00" in letter.text else "250 taken"
        await room.book()
        await room.book(start=MOVED)
        await until(lambda: len(room.post.tried) == 2, look_every_s=0.005)
        await room.shows(lambda shown: shown["delivered"] == 3)
        await one.kill()
        await room.book(start=f"{TOMORROW}T18:00")
        await room.courier("two")
        await letters(room, 3)
        assert len({letter.id for letter in room.post.letters}) == 3
        assert [letter.attempt for letter in room.post.tried if "15:00" in letter.text] == [1, 2]


async def test_an_address_that_nobody_has_is_given_up() -> None:
    """At once, as a dead letter that somebody can look at; the next one is written all the same."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        room.post.recipient = lambda address: "550 nobody" if address.startswith("nobody") else "250 there they are"
        await room.book(booker={"email": "nobody@example.org"})
        await room.book(start=MOVED)
        await letters(room, 1)
        shown = await room.shows(lambda shown: shown["dead"])
        ((dead,), (letter,)) = shown["dead"], room.post.letters
        assert (dead["event"], dead["attempts"], dead["why"]) == ("booking.confirmed", 1, "refused_for_good")
        assert letter.to == ["ann@example.org"]


async def test_what_cannot_be_written_to_is_let_be() -> None:
    """No address, or one that would end a command and begin another: nothing is sent, and nothing waits for it."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        await room.book(booker={"name": "Nobody"})
        await room.book(start=MOVED, booker={"email": "a>,<b@example.org"})
        await room.shows(lambda shown: shown["delivered"] == 4)
        assert room.post.connections == 0


async def test_what_others_typed_adds_nothing_to_a_letter() -> None:
    """A name with a link in it is left out, wherever a letter has names."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        await room.book(booker={"name": "Win at https://evil.example", "email": "victim@example.org"})
        await letters(room, 1)
        (letter,) = room.post.letters
        assert letter.to == ["victim@example.org"] and letter.text.startswith("Hello,")
        assert b"evil" not in letter.raw and "evil" not in letter.text + letter.html + str(letter.event)


async def test_without_configuration_no_letter_is_written() -> None:
    """What an organisation wants written waits, and is written as soon as there is somebody to hand it to."""
    async with writing_room() as room:
        await room.opt_in()
        one = await room.courier("one", ByScheme(room.http, None))
        await room.book()
        shown = await room.shows(lambda shown: shown["failed"])
        assert shown["attempts"][-1]["why"] == "mail_not_set_up" and room.post.connections == 0
        await one.stop()
        await room.courier("two")
        await letters(room, 1)


async def test_an_organisation_that_has_not_asked_is_not_written_for() -> None:
    """Webhooks of its own go where they went, and nobody gets a letter."""
    async with writing_room() as room, receiving() as receiver:
        await room.opt_in(receiver.url)
        await room.courier("one", ByScheme(room.http, room.mail()))
        await room.book()
        await until(lambda: len(receiver.got) == 2, look_every_s=0.005)
        assert room.post.connections == 0


async def test_mail_is_tried_out_without_a_letter() -> None:
    """The test of the endpoint says whether the server takes us for who we are."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        await room.shows(lambda shown: shown["courier"] == "one")
        await room.gate.have(actor_name("demo", "webhook", "mail"), SendTest())
        shown = await room.shows(lambda shown: shown["attempts"])
        assert [attempt["status"] for attempt in shown["attempts"]] == [250]
        assert room.post.connections == 1 and room.post.letters == []


async def test_nobody_is_named_in_our_own_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither when a server repeats the address, nor when no letter can go there; in the delivery log neither."""
    async with writing_room() as room:
        await room.opt_in()
        await room.courier()
        room.post.recipient = lambda address: f"451 <{address}> is busy"
        await room.book()
        await room.book(start=MOVED, booker={"name": "Ann Lee", "email": "ann@localhost"})
        shown = await room.shows(lambda shown: shown["failed"] >= 2 and shown["delivered"] >= 3)
    printed = "".join(capsys.readouterr())
    assert "letter_not_written" in printed
    assert not any(word in printed + str(shown) for word in ("ann@", "Ann Lee"))
