"""What every bus must do while nothing goes wrong. An adapter passes by subclassing `BusContract` and giving it a
`bus`.

`other` is a second handle on the same bus, if there can be two. A bus may lose and double messages when something goes
wrong; in these tests nothing does, and it may do neither.
"""

from __future__ import annotations

import asyncio

import pytest

from events.bus import NO_RESPONDERS, Bus, Message
from events.errors import BusTimeout, NoResponders
from tests.support.mailbox import Mailbox
from tests.support.waiting import until

TIMEOUT_MS = 5_000


class BusContract:
    @pytest.fixture
    def bus(self) -> Bus:
        raise NotImplementedError("a subclass says which bus")

    @pytest.fixture
    def other(self, bus: Bus) -> Bus:
        return bus

    async def test_messages_arrive_as_they_were_sent(self, bus: Bus, other: Bus) -> None:
        """Subject, body, reply and headers arrive unchanged, and nothing is added to them."""
        box = Mailbox()
        await bus.subscribe("cmd.1", box)
        headers = {"traceparent": "00-4bf92f3577b34da6-01"}
        await other.publish("cmd.1", bytes(range(256)), reply="back.here", headers=headers)
        await other.publish("cmd.1", b"")
        assert await box.take(2) == [
            Message("cmd.1", bytes(range(256)), "back.here", headers),
            Message("cmd.1", b""),
        ]

    async def test_messages_of_one_sender_arrive_in_order(self, bus: Bus, other: Bus) -> None:
        """What one sender publishes to one subject arrives in the order of publishing."""
        box = Mailbox()
        await bus.subscribe("beat", box)
        sent = [str(number).encode() for number in range(500)]
        for body in sent:
            await other.publish("beat", body)
        assert await box.bodies(500) == sent

    async def test_a_large_message(self, bus: Bus, other: Bus) -> None:
        """A message of a mebibyte passes."""
        box = Mailbox()
        await bus.subscribe("large", box)
        await other.publish("large", b"x" * (1 << 20))
        assert [len(body) for body in await box.bodies(1)] == [1 << 20]

    async def test_everyone_who_listens_hears(self, bus: Bus, other: Bus) -> None:
        """Without a queue, each subscriber gets each message once."""
        boxes = [Mailbox() for _ in range(3)]
        for number, box in enumerate(boxes):
            await (bus if number else other).subscribe("news", box)
        await bus.publish("news", b"1")
        await bus.publish("news", b"2")
        assert [await box.bodies(2) for box in boxes] == [[b"1", b"2"]] * 3

    async def test_a_queue_shares_the_messages(self, bus: Bus, other: Bus) -> None:
        """Each message goes to one member of a queue, and every member gets some; who is in no queue gets all."""
        shared, apart, all_of_it = Mailbox(), Mailbox(), Mailbox()
        await bus.subscribe("work", shared, queue="hosts")
        await other.subscribe("work", shared, queue="hosts")
        await bus.subscribe("work", apart, queue="watchers")
        await bus.subscribe("work", all_of_it)
        sent = [str(number).encode() for number in range(100)]
        for body in sent:
            await bus.publish("work", body)
        assert sorted(await shared.bodies(100)) == sorted(sent)
        assert await apart.bodies(100) == sent
        assert await all_of_it.bodies(100) == sent
        assert not shared.messages

    async def test_every_member_of_a_queue_gets_some(self, bus: Bus, other: Bus) -> None:
        """No member of a queue is left out for long."""
        one, two = Mailbox(), Mailbox()
        await bus.subscribe("work", one, queue="hosts")
        await other.subscribe("work", two, queue="hosts")
        for _ in range(200):
            await bus.publish("work", b"")
        await until(lambda: len(one.messages) + len(two.messages) == 200)
        assert one.messages
        assert two.messages

    @pytest.mark.parametrize(
        ("pattern", "heard"),
        [
            ("a.*", [b"a.b", b"a.c"]),
            ("a.*.c", [b"a.b.c"]),
            ("a.>", [b"a.b", b"a.b.c", b"a.c"]),
            ("*.b", [b"a.b"]),
            (">", [b"a", b"a.b", b"a.b.c", b"ab.c.d", b"a.c"]),
            ("a", [b"a"]),
        ],
    )
    async def test_wildcards(self, bus: Bus, pattern: str, heard: list[bytes]) -> None:
        """`*` stands for one token, `>` for one or more at the end."""
        box = Mailbox()
        await bus.subscribe(f"w.{pattern}", box)
        for subject in ("a", "a.b", "a.b.c", "ab.c.d", "a.c"):
            await bus.publish(f"w.{subject}", subject.encode())
        await bus.publish(f"w.{pattern}".replace("*", "b").replace(">", "end"), b"end")
        assert await box.bodies(len(heard) + 1) == [*heard, b"end"]

    async def test_a_request_is_answered(self, bus: Bus, other: Bus) -> None:
        """A request brings back the first answer."""
        requests: list[asyncio.Task[None]] = []

        def answer(message: Message) -> None:
            requests.append(asyncio.ensure_future(other.publish(message.reply, b"re: " + message.data)))

        await other.subscribe("ask", answer)
        answers = await asyncio.gather(*(bus.request("ask", str(n).encode(), TIMEOUT_MS) for n in range(20)))
        assert [one.data for one in answers] == [f"re: {n}".encode() for n in range(20)]
        assert all(one.status == 0 for one in answers)

    async def test_nobody_listens(self, bus: Bus) -> None:
        """A request that nobody can hear fails at once, not when its time is up."""
        started = asyncio.get_running_loop().time()
        with pytest.raises(NoResponders):
            await bus.request("nobody", b"?", TIMEOUT_MS)
        assert (asyncio.get_running_loop().time() - started) * 1000 < TIMEOUT_MS / 2

    async def test_nobody_answers(self, bus: Bus) -> None:
        """A request that is heard and not answered ends when its time is up."""
        box = Mailbox()
        await bus.subscribe("silent", box)
        with pytest.raises(BusTimeout):
            await bus.request("silent", b"?", 50)
        assert await box.bodies(1) == [b"?"]

    async def test_the_notice_that_nobody_listens(self, bus: Bus) -> None:
        """Who publishes with a reply subject hears there that nobody listens; who does not, hears nothing."""
        box = Mailbox()
        inbox = bus.new_inbox()
        await bus.subscribe(f"{inbox}.*", box)
        await bus.publish("nobody", b"x")
        await bus.publish("nobody", b"x", reply=f"{inbox}.7")
        [notice] = await box.take(1)
        assert (notice.subject, notice.data, notice.status) == (f"{inbox}.7", b"", NO_RESPONDERS)

    async def test_an_inbox_is_ones_own(self, bus: Bus, other: Bus) -> None:
        """No two inboxes are the same, and all that is sent below one arrives at who listens to all of it."""
        inboxes = {handle.new_inbox() for handle in (bus, other) for _ in range(100)}
        assert len(inboxes) == 200
        mine, theirs = Mailbox(), Mailbox()
        inbox, foreign = bus.new_inbox(), bus.new_inbox()
        await bus.subscribe(f"{inbox}.*", mine)
        await bus.subscribe(f"{foreign}.*", theirs)
        await other.publish(f"{inbox}.1", b"a")
        await other.publish(f"{foreign}.1", b"b")
        await other.publish(f"{inbox}.2", b"c")
        assert await mine.bodies(2) == [b"a", b"c"]
        assert await theirs.bodies(1) == [b"b"]

    async def test_who_stops_hears_no_more(self, bus: Bus) -> None:
        """After `stop` returned no message is handled, also none that was sent before; stopping again is harmless."""
        stopped, stays = Mailbox(), Mailbox()
        subscription = await bus.subscribe("news", stopped)
        await bus.subscribe("news", stays)
        await bus.publish("news", b"1")
        await subscription.stop()
        await subscription.stop()
        seen = len(stopped.messages)
        await bus.publish("news", b"2")
        assert await stays.bodies(2) == [b"1", b"2"]
        assert len(stopped.messages) == seen

    async def test_a_queue_goes_on_without_who_stopped(self, bus: Bus, other: Bus) -> None:
        """What is published after a member of a queue stopped goes to those who stay."""
        leaves, stays = Mailbox(), Mailbox()
        subscription = await bus.subscribe("work", leaves, queue="hosts")
        await other.subscribe("work", stays, queue="hosts")
        await subscription.stop()
        for number in range(20):
            await bus.publish("work", str(number).encode())
        assert len(await stays.bodies(20)) == 20

    async def test_a_handler_that_raises_is_reported_and_called_again(self, bus: Bus) -> None:
        """An exception in a handler reaches the loop's exception handler, and the next message is handled."""
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        box = Mailbox()
        bug = RuntimeError("a bug")

        def handler(message: Message) -> None:
            box(message)
            if message.data == b"1":
                raise bug

        await bus.subscribe("news", handler)
        await bus.publish("news", b"1")
        await bus.publish("news", b"2")
        assert await box.bodies(2) == [b"1", b"2"]
        assert reported == [bug]
