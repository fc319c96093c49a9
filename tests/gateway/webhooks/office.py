"""Couriers at work: hosts over a log in memory, endpoints that are put, things that happen, and couriers over it.

async with office() as there:
    await there.put("shop", receiver.url)
    courier = await there.courier("one")
    await there.happens(booked("b-1"))

What waits a second elsewhere waits for some milliseconds here (`hurried`), so that tests on real sockets are quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest

from actors.decider import Command
from actors.kinds import KINDS
from actors.runtime.sender import Sender
from actors.webhooks import delivery
from actors.webhooks.commands import PutEndpoint, ShowDeliveries
from actors.webhooks.limits import LEASE_MS
from actors.webhooks.registry import Endpoint
from events.calendar.quantum import Span
from events.clock import Clock
from events.day import Booker, Booking, BookingMade, Item, Status, Wish
from events.facts import Fact
from gateway.measuring.counts import WebhookCounts
from gateway.secret import Secret
from gateway.webhooks import limits
from gateway.webhooks.courier import Courier, CourierSettings
from gateway.webhooks.sending import Sending, posting
from tests.support.house import House, accepted, open_house

DAY: Final = "demo.day.studio.2026-12-07"
ROOM: Final = "demo.room.launch"
START: Final = 1_796_644_800_000
SECRET: Final = Secret(b"s" * 32)


def booking(token: str, status: Status = "provisional") -> Booking:
    return Booking(
        f"studio.2026-12-07.{token}", Wish("visit", START, 60, (Item("studio"),)), Span(START, START + 3_600_000),
        status, "the session", Booker("Ann", "ann@example.org"), {"why": "because"}, "f" * 64, START,
    )  # fmt: skip


def booked(token: str, status: Status = "provisional") -> BookingMade:
    return BookingMade(booking(token, status))


def id_of(token: str) -> str:
    return booking(token).id


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is done every so often is done twenty times as often. Leases are shorter too, but not as much: on
    a busy machine nobody is to be missed who is there."""
    for name in ("LOOK_EVERY_MS", "REPORT_EVERY_MS", "ATTEND_EVERY_MS", "ASK_AGAIN_MS", "READ_AGAIN_MS"):
        monkeypatch.setattr(limits, name, getattr(limits, name) // 20)
    monkeypatch.setattr(limits, "SURE_FOR_MS", limits.SURE_FOR_MS // 5)
    monkeypatch.setattr(delivery, "LEASE_MS", LEASE_MS // 5)


class AtWork:
    """A courier that runs until it is stopped, or killed: then it says nothing any more."""

    def __init__(self, house: House, sender: Sender, courier: Courier) -> None:
        self.sender: Final = sender
        self._house: Final = house
        self._courier: Final = courier
        self._until: Final = asyncio.Event()
        self.task: Final = asyncio.get_running_loop().create_task(courier.run(self._until))

    def sees(self, id: str) -> Endpoint | None:
        """The endpoint as the courier knows it."""
        known = self._courier._directory.active.get(("demo", id))
        return None if known is None else known.endpoint

    async def stop(self) -> None:
        self._until.set()
        await self.task

    async def kill(self) -> None:
        """Nothing comes from it any more, not even a last word."""
        self._house.line_of(self.sender).cut = True
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Office:
    def __init__(self, house: House, sender: Sender, http: Sending) -> None:
        self.house: Final = house
        self.http = http
        self._sender: Final = sender
        self._at_work: Final[list[AtWork]] = []
        self.counts: Final = WebhookCounts()
        """Of all couriers."""
        self._number = 0

    async def ask(self, actor: str, command: Command) -> Any:
        return accepted(await self._sender.send(actor, command)).reply

    async def put(self, id: str, url: str, *events: str, **about: Any) -> None:
        await self.ask("demo.webhooks", PutEndpoint(id, url, events or ("*",), **about))

    async def courier(
        self,
        name: str = "one",
        *,
        http: Sending | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = lambda: 0.5,
        **settings: Any,
    ) -> AtWork:
        sender = await self.house.sender(by="courier")
        courier = Courier(
            self.house.log, sender, clock or self.house.clock, SECRET, CourierSettings(name=name, **settings),
            http or self.http, random=random, counts=self.counts,
        )  # fmt: skip
        at_work = AtWork(self.house, sender, courier)
        self._at_work.append(at_work)
        return at_work

    async def happens(self, *facts: Fact, actor: str = DAY) -> int:
        """A commit with these facts; its sequence."""
        self._number += 1
        return (await self.house.commit(actor, *facts, command_id=f"c-{self._number}")).sequence

    async def shown(self, id: str = "shop") -> dict[str, Any]:
        """How delivery to an endpoint goes, as it stands in the log."""
        shown: dict[str, Any] = await self.ask(f"demo.webhook.{id}", ShowDeliveries())
        return shown

    async def shows(self, condition: Callable[[dict[str, Any]], object], id: str = "shop") -> dict[str, Any]:
        """The same, as soon as it stands so."""
        async with asyncio.timeout(60):
            while not condition(shown := await self.shown(id)):  # noqa: ASYNC110  # it says how it is, when asked
                await asyncio.sleep(0.02)
        return shown

    async def attended(self, name: str = "one", id: str = "shop") -> None:
        await self.shows(lambda shown: shown["courier"] == name, id)

    async def stop(self) -> None:
        for at_work in self._at_work:
            if not at_work.task.done():
                await at_work.stop()


@asynccontextmanager
async def office(http: Sending | None = None) -> AsyncIterator[Office]:
    """With one host. What is sent, is sent for real, also to this machine, unless there is something else to do it."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(KINDS))
        await house.host()
        if http is None:
            http = await stack.enter_async_context(posting(allow_http=True, allow_private=True))
        there = Office(house, await house.sender(), http)
        stack.push_async_callback(there.stop)
        yield there
