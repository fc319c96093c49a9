"""A room that calls thousands at once: each of them gets the letter, once, from the courier that carries mail."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from events.bus import Bus, Message
from events.room import TurnsNear
from gateway.mail import carrying
from gateway.mail.carrying import Mail
from gateway.mail.letters import Letter
from gateway.mail.submitting import MailServer, Submitting
from projections.answering import PREFIX, Reply
from projections.questions import KIND_OF, TicketAnswer, TurnAnswer, TurnOf
from tests.gateway.mail.post_office import SENDER
from tests.gateway.webhooks.office import ROOM, START, hurried, office
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

PEOPLE = 6_000


class Taking(Submitting):
    """A server that takes every letter, and its time: eight at a time are a hundred a second."""

    def __init__(self) -> None:
        super().__init__(MailServer(host="post.example", port=25), SENDER)
        self.taken: Counter[str] = Counter()

    async def submit(self, to: str, message: bytes) -> int:
        assert message == b"Nearly your turn: The launch"
        await asyncio.sleep(0.08)
        self.taken[to] += 1
        return 250


class Standing:
    """Answers for the read models: whoever is asked about waits, and left an address of their own."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, message: Message) -> None:
        ticket = msgspec.json.decode(message.data, type=TurnOf).ticket
        stands = TicketAnswer(ticket, "waiting", "", 7, 0, 7, None, None, None, None, None, START, 17)
        turn = TurnAnswer(f"{ticket}@example.org", "The launch", stands)
        reply = msgspec.json.encode(Reply(17, msgspec.Raw(msgspec.json.encode(turn))))
        task = asyncio.get_running_loop().create_task(self._bus.publish(message.reply, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def subject_of(letter: Letter, *_about: object) -> bytes:
    return letter.subject.encode()


async def test_each_of_thousands_gets_one_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of whom one commit names: many more than may be late at a time."""
    hurried(monkeypatch)
    monkeypatch.setattr(carrying, "message_of", subject_of)  # MIME takes longer than all the rest
    async with office() as there:
        bus, server = there.house.bus, Taking()
        answering = await bus.subscribe(PREFIX + KIND_OF[TurnOf], Standing(bus).hear)
        await there.put("mail", "mail:Nord", "turn.*")
        await there.courier(http=Mail(bus, there.house.clock, server))
        await there.attended(id="mail")
        tickets = tuple(f"0.{number}" for number in range(PEOPLE))
        await there.happens(TurnsNear("", tickets[:3_000]), TurnsNear("", tickets[3_000:]), actor=ROOM)
        await asyncio.sleep(PEOPLE / 100 + 5)
        shown = await there.shown("mail")
        await answering.stop()
    assert (shown["late_count"], shown["delivered"]) == (0, PEOPLE)
    assert (len(server.taken), server.taken.total()) == (PEOPLE, PEOPLE)
