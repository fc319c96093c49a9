"""The bus in memory keeps the contract, and leaves nothing to chance."""

from __future__ import annotations

import pytest

from events.bus import Bus, Handler, Message
from events.memory.bus import MemoryBus
from tests.contracts.bus_contract import BusContract
from tests.support.mailbox import Mailbox


class TestMemoryBus(BusContract):
    @pytest.fixture
    def bus(self) -> Bus:
        return MemoryBus()


async def test_a_queue_takes_turns() -> None:
    """The members of a queue are served one after the other, in the order in which they came."""
    bus, served = MemoryBus(), Mailbox()

    def member(name: bytes) -> Handler:
        return lambda message: served(Message(message.subject, name))

    for name in (b"a", b"b", b"c"):
        await bus.subscribe("work", member(name), queue="hosts")
    for _ in range(7):
        await bus.publish("work", b"")
    assert await served.bodies(7) == [b"a", b"b", b"c", b"a", b"b", b"c", b"a"]


async def test_messages_are_handled_after_publishing_not_during() -> None:
    """Publishing never runs a handler: handlers have turns of the loop of their own."""
    bus, box = MemoryBus(), Mailbox()
    await bus.subscribe("news", box)
    await bus.publish("news", b"1")
    assert not box.messages
    assert await box.bodies(1) == [b"1"]
