"""A host that is lost keeps the actors of others closed for no longer than it takes to notice: neither those that it
had asked to wait for it, nor those that wait for an actor of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from actors.decider import Command
from actors.runtime.cell import Cell
from actors.runtime.host import Host
from actors.runtime.limits import DEAD_AFTER_MS
from actors.runtime.transactions import Prepare, Released, parts_subject
from actors.runtime.transactions import _encode as encode
from actors.runtime.wire import Accepted, encode_command
from tests.support.house import House, open_house
from tests.support.tally import Add
from tests.support.waiting import later, until

LEASE_MS = 20_000
NOTICED_WITHIN_S = DEAD_AFTER_MS / 1000 + 0.5


def body_of(command: Command) -> msgspec.Raw:
    return msgspec.Raw(encode_command(command))


async def two_hosts(house: House) -> tuple[Host, Host]:
    one, two = await house.host("one"), await house.host("two")
    await until(house.settled)
    return one, two


async def test_its_participants_go_on() -> None:
    """They had promised it something. They ask the log, find nothing, and decide on."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = house.actor_of(one), house.actor_of(two)
        house.log_of(one).hold("append")
        transaction = later(sender.transact([(lead, Add(1)), (other, Add(1))], within_ms=20_000))
        await until(lambda: house.log_of(one).held["append"])
        house.kill(one)
        async with asyncio.timeout(NOTICED_WITHIN_S):
            assert await sender.send(other, Add(5)) == Accepted({"total": 5}, 1)
        answer = await transaction  # by its successor
        assert isinstance(answer, Accepted)
        assert answer.reply == {lead: {"total": 1}, other: {"total": 6}}
        assert len(await house.recorded(other)) == 2


async def test_what_it_had_stored_stands() -> None:
    """Its batch had landed, and nobody was told: its participants find it in the log."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = house.actor_of(one), house.actor_of(two)
        house.log_of(one).hold("acknowledge")
        transaction = later(sender.transact([(lead, Add(1)), (other, Add(1))], within_ms=20_000))
        await until(lambda: house.log_of(one).held["acknowledge"])
        house.kill(one)
        async with asyncio.timeout(NOTICED_WITHIN_S):
            assert await sender.send(other, Add(5)) == Accepted({"total": 6}, 3)
        answer = await transaction
        assert isinstance(answer, Accepted)
        assert answer.reply == {lead: {"total": 1}, other: {"total": 1}}


async def test_what_it_had_asked_for_besides_is_not_promised_any_more() -> None:
    """Other transactions of its own wait for the same actor: none of them closes it again for a lease."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        leads, other = house.actors_of(one, 3), house.actor_of(two)
        house.log_of(one).hold("append")
        asked = [later(sender.transact([(lead, Add(1)), (other, Add(1))], within_ms=20_000)) for lead in leads]
        await until(lambda: house.log_of(one).held["append"])
        await until(lambda: len(two.cells[other].mailbox) == len(leads) - 1)
        house.kill(one)
        async with asyncio.timeout(NOTICED_WITHIN_S):
            await sender.send(other, Add(5))
        assert all(isinstance(answer, Accepted) for answer in await asyncio.gather(*asked))


async def test_who_waits_for_its_actors_goes_on() -> None:
    """A transaction had closed an actor of ours, and asks one of the lost host's: ours opens again."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = min(house.actors_of(one, 100)), max(house.actors_of(two, 100))
        assert lead < other, "the lead is closed first"
        house.kill(two)
        transaction = later(sender.transact([(lead, Add(1)), (other, Add(1))], within_ms=20_000))
        await until(lambda: house.line_of(one).published[-1].subject.endswith(".parts"))
        async with asyncio.timeout(NOTICED_WITHIN_S):
            assert await sender.send(lead, Add(5)) == Accepted({"total": 5}, 1)
        await transaction


async def test_a_younger_one_of_its_name_is_another() -> None:
    """It is back before anybody noticed that it was gone, and knows nothing of what it had asked for."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = house.actor_of(one), house.actor_of(two)
        house.log_of(one).hold("append")
        transaction = later(sender.transact([(lead, Add(1)), (other, Add(1))], within_ms=20_000))
        await until(lambda: house.log_of(one).held["append"])
        house.kill(one)
        await house.host("one", incarnation="i2")
        async with asyncio.timeout(0.2):
            await sender.send(other, Add(5))
        await transaction


async def test_a_part_that_is_released_in_the_moment_of_its_turn_is_not_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its actor has closed on it, and whoever asked has gone before it could be told."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = house.actor_of(one), house.actor_of(two)
        close_on, seen = Cell._close_on, list[bool]()

        def and_gone(cell: Cell, *arguments: Any) -> bool:
            seen.append(close_on(cell, *arguments))
            two.transactions.gone("one", "i1")
            return seen[-1]

        monkeypatch.setattr(Cell, "_close_on", and_gone)
        ask = Prepare("one.i1.7", other, "t-7", "ann", house.clock(), 20_000, body_of(Add(1)), (lead, other))
        await house.bus.publish(parts_subject("two", "i1"), encode(ask), house.bus.new_inbox())
        await until(lambda: seen)
        assert seen == [True]
        async with asyncio.timeout(0.5):
            assert await sender.send(other, Add(5)) == Accepted({"total": 5}, 1)


async def test_a_part_that_is_released_before_it_is_promised_is_not_promised() -> None:
    """Its coordinator has given up, while the actor was still being read from the log."""
    async with open_house(lease_ms=LEASE_MS) as house:
        one, two = await two_hosts(house)
        sender = await house.sender()
        lead, other = house.actor_of(one), house.actor_of(two)
        house.log_of(two).hold("read")
        door = parts_subject("two", "i1")
        ask = Prepare("one.i1.7", other, "t-7", "ann", house.clock(), 20_000, body_of(Add(1)), (lead, other))
        await house.bus.publish(door, encode(ask), house.bus.new_inbox())
        await until(lambda: house.log_of(two).held["read"])
        await house.bus.publish(door, encode(Released("one.i1.7", other, in_doubt=False)))
        house.log_of(two).release("read")
        async with asyncio.timeout(0.5):
            assert await sender.send(other, Add(5)) == Accepted({"total": 5}, 1)
