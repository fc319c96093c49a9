"""Turns from end to end: joins over HTTP, the courier, and a real mail server; and what their letters say."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import msgspec
import pytest

from gateway.mail.carrying import ByScheme
from gateway.mail.letters import From
from gateway.mail.limits import ASKED_WITHIN_MS
from gateway.mail.messages import message_of
from gateway.mail.turns import TURNS, is_true_turn, turn_letter
from projections.answering import ask
from projections.estimates import Estimate
from projections.questions import TicketAnswer, TurnAnswer, TurnOf
from tests.gateway.mail.post_office import SENDER, WritingRoom, writing_room
from tests.gateway.webhooks.office import hurried
from tests.support.gateway import refused, told
from tests.support.waiting import until

NOW = 1_796_644_800_000
"""2026-12-07T12:00:00Z."""
BY = From("tickets@tidegate.example", "Nord Studios", "https://nord.example")
STANDS = TicketAnswer(
    "launch.0.7", "called", "", 7, 0, 7, None, None, None, NOW + 60_000, None, NOW - 600_000, 17
)  # fmt: skip
CALLED = TurnAnswer("ann@example.org", "The launch", STANDS)
UNTIL = "2026-12-07T12:01:00.000Z"


def waiting(ahead: int | None = 12, state: Any = "waiting", seconds: int | None = 240) -> TurnAnswer:
    estimate = Estimate(seconds, seconds, seconds, "")
    stands = msgspec.structs.replace(STANDS, state=state, ahead=ahead, estimate=estimate, until=None)
    return msgspec.structs.replace(CALLED, stands=stands)


class TestWhatIsWritten:
    def test_now_says_until_when(self) -> None:
        """And how long that is, and where to go; in text and in HTML, and with nothing for a calendar."""
        letter = turn_letter("turn.now", "demo", CALLED, BY, "ann@example.org", NOW)
        assert letter.subject == "It is your turn: The launch"
        for said in (letter.text, letter.html):
            assert "until 12:01:00 (UTC)" in said and "60 seconds from now" in said
            assert "https://nord.example/demo/rooms/launch" in said
            assert "Nord Studios" in said and "Ticket launch.0.7" in said and "$" not in said
        message = read(turn_letter("turn.now", "demo", CALLED, BY, "ann@example.org", NOW))
        assert [part.get_content_type() for part in message.walk()] == [
            "multipart/alternative", "text/plain", "text/html",
        ]  # fmt: skip
        assert (message["To"], message["Auto-Submitted"]) == ("ann@example.org", "auto-generated")

    def test_near_says_how_many_are_ahead(self) -> None:
        """And about how long it will take, where that is known."""
        letter = turn_letter("turn.near", "demo", waiting(), BY, "ann@example.org", NOW)
        assert letter.subject == "Nearly your turn: The launch"
        assert "12 are ahead of you" in letter.text and "about 4 minutes" in letter.html
        for ahead, words in ((0, "nobody is ahead of you"), (1, "one is ahead of you")):
            assert words in turn_letter("turn.near", "demo", waiting(ahead), BY, "ann@example.org", NOW).text
        unknown = turn_letter(
            "turn.near", "demo", waiting(seconds=None), BY._replace(base_url=""), "a@example.org", NOW
        )
        assert "about" not in unknown.text and "https://" not in unknown.text + unknown.html
        assert not any(line.endswith(" ") for line in unknown.text.splitlines())

    def test_a_title_adds_no_header_and_no_mark_up(self) -> None:
        """However a room is called; and a room that has no title goes by its name."""
        evil = msgspec.structs.replace(CALLED, title="<b>Sale</b>\r\nBcc: everybody@example.org")
        message = read(turn_letter("turn.now", "demo", evil, BY, "ann@example.org", NOW))
        assert message["Bcc"] is None and "<b>" not in str(message.get_body(("html",)))
        plain = turn_letter("turn.now", "demo", msgspec.structs.replace(CALLED, title=""), BY, "ann@example.org", NOW)
        assert plain.subject == "It is your turn: launch"

    @pytest.mark.parametrize("state", ["drawing", "waiting", "absent", "called", "claim_waits", "active", "missed"])
    def test_what_is_true_no_more_is_not_written(self, state: Any) -> None:
        """Near, while they stand in line; now, while the call stands that it tells of."""
        assert is_true_turn("turn.near", waiting(state=state), None, NOW) == (state in {"waiting", "absent"})
        called = msgspec.structs.replace(CALLED, stands=msgspec.structs.replace(STANDS, state=state))
        assert is_true_turn("turn.now", called, UNTIL, NOW) == (state == "called")
        assert not is_true_turn("turn.now", called, "2026-12-07T11:58:00.000Z", NOW)
        assert not is_true_turn("turn.now", called, UNTIL, NOW + 60_000)
        assert set(TURNS) == {"turn.near", "turn.now"}


def read(letter: Any) -> EmailMessage:
    raw = message_of(letter, BY, "7-0.log.demo", "thread", NOW)
    return BytesParser(policy=email.policy.default).parsebytes(raw)


# From end to end


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


async def letters(room: WritingRoom, count: int) -> None:
    await until(lambda: len(room.post.letters) >= count, look_every_s=0.005)


async def delivered(room: WritingRoom, count: int) -> None:
    await room.shows(lambda shown: shown["delivered"] == count)


class Line:
    """A room with one seat, and those who stand before it; of two places that are next, people are told."""

    def __init__(self, room: WritingRoom) -> None:
        self.gate = room.gate
        self.sessions: dict[str, str] = {}
        self.tickets: dict[str, str] = {}

    async def open(self) -> None:
        wanted = {"capacity": 1, "near_ahead": 2, "title": "The sale", "claim_s": 600}
        made = await self.gate.put("/v1/demo/rooms/sale", wanted, as_=self.gate.owner)
        assert made.status_code in {200, 201}, told(made)
        opened = await self.gate.post("/v1/demo/rooms/sale/open", as_=self.gate.owner)
        assert opened.status_code == 200, told(opened)

    async def join(self, name: str, **about: str) -> dict[str, Any]:
        self.sessions[name] = await self.gate.session()
        joined = await self.gate.post("/v1/demo/rooms/sale/tickets", about, as_=self.sessions[name])
        assert joined.status_code == 201, told(joined)
        said: dict[str, Any] = joined.json()
        self.tickets[name] = said["ticket"]
        await self.gate.told()
        return said

    async def done(self, name: str, what: str = "claim") -> None:
        path = f"/v1/demo/rooms/sale/tickets/{self.tickets[name]}/{what}"
        done = await self.gate.post(path, as_=self.sessions[name])
        assert done.status_code == 200, told(done)


async def test_whoever_left_an_address_is_written_to() -> None:
    """That it is soon, once, and that it is now, with the way in; nobody else is, and no other has their address."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord%20Studios", "turn.*")
        await room.courier(sending=ByScheme(room.http, room.mail(base_url="https://nord.example/")))
        line = Line(room)
        await line.open()
        await line.join("nobody")
        joined = await line.join("ann", email="ann@example.org")
        assert "ann@" not in str(joined)
        await letters(room, 1)
        await line.done("nobody")
        await line.done("nobody", "leave")
        await letters(room, 2)
        near, now = room.post.letters
        assert {(letter.sender, *letter.to) for letter in (near, now)} == {(SENDER, "ann@example.org")}
        assert room.post.subjects == ["Nearly your turn: The sale", "It is your turn: The sale"]
        assert "nobody is ahead of you" in near.text and "minutes from now" in now.text
        assert "https://nord.example/demo/rooms/sale" in now.text + now.html
        assert len({str(letter.message["References"]) for letter in (near, now)}) == 1 and near.id != now.id
        shown = await room.shows(lambda shown: shown["delivered"] == 2)
        assert "ann@" not in str(shown)


async def test_a_restart_neither_doubles_nor_loses_a_letter() -> None:
    """The next courier writes what the one before had not reported, under the same name, and nothing else again."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord%20Studios", "turn.*")
        one = await room.courier("one")
        line = Line(room)
        await line.open()
        await line.join("ann", email="ann@example.org")
        await letters(room, 1)
        await room.shows(lambda shown: shown["delivered"] == 1)
        room.post.answers = lambda letter: None if letter.attempt == 1 else "250 taken"
        await line.join("bob", email="bob@example.org")
        await until(lambda: len(room.post.tried) == 2, look_every_s=0.005)
        await one.kill()
        await line.join("cem", email="cem@example.org")
        await room.courier("two")
        room.post.answers = lambda _letter: "250 taken"
        await letters(room, 3)
        await room.shows(lambda shown: shown["delivered"] >= 3 and shown["late_count"] == 0)
        assert [(letter.to, letter.attempt) for letter in room.post.letters] == [
            (["ann@example.org"], 1), (["bob@example.org"], 2), (["cem@example.org"], 1),
        ]  # fmt: skip


async def test_a_letter_that_has_to_wait_holds_up_nobody_elses() -> None:
    """And when it may go, and is true no more, it is let be."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord%20Studios", "turn.*")
        await room.courier()
        line = Line(room)
        await line.open()
        await line.join("nobody")
        room.post.recipient = lambda address: "451 later" if address.startswith("ann") else "250 there they are"
        await line.join("ann", email="ann@example.org")
        await room.shows(lambda shown: shown["failed"] >= 2)
        await line.join("bob", email="bob@example.org")
        await letters(room, 1)
        await line.done("ann", "leave")
        await room.shows(lambda shown: shown["late_count"] == 0 and shown["delivered"] == 2)
        assert [letter.to for letter in room.post.letters] == [["bob@example.org"]]


async def test_without_an_address_or_a_wish_nobody_is_written_to() -> None:
    """Nor where no letter can go; and whoever is in is asked of no more."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord%20Studios", "turn.*", "ticket.*")
        await room.courier()
        line = Line(room)
        await line.open()
        await line.join("nobody")
        await line.join("here", email="ann@localhost")
        await room.shows(lambda shown: shown["delivered"] == 2)
        assert room.post.connections == 0
        await line.done("here", "leave")
        bus = room.gate.house.bus
        for name in line.tickets:
            assert await ask(bus, TurnOf(org="demo", ticket=line.tickets[name]), ASKED_WITHIN_MS) is None


async def test_one_mailbox_is_not_filled() -> None:
    """However many join with its address, one after the other, three of them are written about; the others are called
    as anybody is."""
    async with writing_room() as room:
        await room.opt_in("mail:Nord%20Studios", "turn.*")
        await room.courier()
        line = Line(room)
        await line.open()
        emails = ["ann@example.org", "Ann@example.org"] * 3 + ["bob@example.org"]
        for number, email in enumerate(emails, 1):
            await line.join(f"{number}", email=email)
            await delivered(room, number)
            await line.done(f"{number}", "leave")
        assert [letter.to for letter in room.post.letters] == [[email] for email in (*emails[:3], emails[-1])]


async def test_a_bad_address_is_refused_over_http() -> None:
    """Too long for the wire, or no address to the line: nobody has joined."""
    async with writing_room() as room:
        line = Line(room)
        await line.open()
        session = await room.gate.session()
        path = "/v1/demo/rooms/sale/tickets"
        for wrong, code in (("ann", "bad_email"), ("a" * 400, "malformed")):
            answer = await room.gate.post(path, {"email": wrong}, as_=session)
            assert refused(answer)[1] == code and wrong not in answer.text
        await line.join("ann")
        assert line.tickets["ann"] == "sale.0.0"


async def test_an_address_is_shown_to_who_may_see_persons_and_to_nobody_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not by the ticket, not by the room, not in our own log; in an audit, by who may see the bookings of everybody."""
    async with writing_room() as room:
        line = Line(room)
        await line.open()
        await line.join("ann", email="ann@example.org")
        ticket, gate = line.tickets["ann"], room.gate
        auditor = await gate.key("viewer", "audit.read")
        audits = {}
        for key in (gate.owner, auditor):
            found = await gate.get("/v1/demo/audit/actors/line.sale.0", as_=key)
            assert found.status_code == 200, told(found)
            audits[key] = found.text
        assert "ann@example.org" in audits[gate.owner] and "ann@" not in audits[auditor]
        for path in (f"rooms/sale/tickets/{ticket}", "rooms/sale", "rooms"):
            shown = await gate.get(f"/v1/demo/{path}", as_=gate.owner)
            assert shown.status_code == 200 and "ann@" not in shown.text
    assert "ann@" not in "".join(capsys.readouterr())
