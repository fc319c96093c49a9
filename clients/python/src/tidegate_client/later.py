"""The client that awaits."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Self, TypeVar

import httpx

from tidegate_client.answers import Booking, Ticket
from tidegate_client.asking import Ask
from tidegate_client.commands import Commands
from tidegate_client.exchange import Exchange, Gateways, Manner, Seen
from tidegate_client.holding import Holding, beat_s
from tidegate_client.managing import Managing
from tidegate_client.problems import Problem
from tidegate_client.reads import Reads
from tidegate_client.streams.stream import Stream
from tidegate_client.transport import LOST, httpx_request, no_cookies
from tidegate_client.work import whose, work_of

T = TypeVar("T")


class AsyncTidegate(Commands, Reads, Managing):
    """Asks the gateways of one organisation.

        async with AsyncTidegate("https://booking.example.org", "demo") as client:
            visitor = await client.visitor()
            async with visitor.holding("session", "studio-north", "2026-12-07T10:00") as held:
                booked = await visitor.book("session", "studio-north", "2026-12-07T10:00", hold=held.hold)

    Several URLs are several gateways: when one is not there, the next one is asked. `token` and the rest are those of
    `Manner`.
    """

    def __init__(self, url: str | Sequence[str], org: str, *, token: str = "", **manner: Any) -> None:
        self._manner: Manner = Manner(org, token, **manner)
        self._gateways: Gateways = Gateways([url] if isinstance(url, str) else url)
        self._seen: Seen = Seen()
        self._http = httpx.AsyncClient(cookies=no_cookies(), follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Of this client, and of all that were made of it by `but`."""
        await self._http.aclose()

    @property
    def manner(self) -> Manner:
        return self._manner

    @property
    def position(self) -> str:
        """The highest that was told. Nothing older is read; kept, and given to another client by `resume_from`, nor
        there."""
        return self._seen.position

    def resume_from(self, position: str) -> None:
        """Read nothing older than that."""
        self._seen.note(position)

    def but(self, **about: Any) -> AsyncTidegate:
        """The same client, asking in another manner: `but(session=…)`, `but(key="order-17")`, `but(within_s=60)`."""
        other = object.__new__(AsyncTidegate)
        other._manner = replace(self._manner, **about)
        other._gateways, other._seen, other._http = self._gateways, self._seen, self._http
        return other

    async def do_later(self, ask: Ask[T]) -> T:
        """Have that done. Every method comes to this."""
        exchange = Exchange(self._manner, self._gateways, self._seen, ask, time.monotonic, random.random)
        while True:
            try:
                answer = await self._http.request(**httpx_request(exchange.request()))
            except LOST as error:
                pause_s: float | None = exchange.lost(f"{type(error).__name__}: {error}")
            else:
                pause_s = exchange.heard(answer.status_code, answer.headers, answer.content)
            if pause_s is None:
                return exchange.answer
            await asyncio.sleep(pause_s)

    async def visitor(self) -> AsyncTidegate:
        """Begin a session, and act for it: as the visitor, or for them where this client has a token of its own."""
        begun = await self.begin_session()
        shown = {"session" if self._manner.token else "token": begun.token}
        return self.but(**shown, visitor=begun.visitor)

    async def bookings(self, **about: Any) -> AsyncIterator[Booking]:
        """All that fit, in order of their start, page after page; said as for `bookings_page`."""
        cursor = ""
        while True:
            page = await self.bookings_page(**about, cursor=cursor)
            for one in page.bookings:
                yield one
            cursor = page.cursor
            if not cursor:
                return

    async def stand_in_line(
        self, room: str, *, lane: str = "", code: str = "", identity: str = "", email: str = ""
    ) -> Ticket:
        """Join, and do the work that the room may ask for. To `email` is written when it is their turn."""
        try:
            return await self.join(room, lane=lane, code=code, identity=identity, email=email)
        except Problem as problem:
            if problem.code != "work_needed":
                raise
        about = await self.room(room)
        name = whose(self._manner.visitor, identity, one_per_identity=about.one_per_identity)
        at_ms = time.time_ns() // 1_000_000
        work = await asyncio.to_thread(work_of, room, name, about.work_bits, at_ms)
        return await self.join(room, lane=lane, code=code, identity=identity, work=work, email=email)

    @asynccontextmanager
    async def holding(self, event_type: str, resource: str, start: str, **about: Any) -> AsyncIterator[Holding]:
        """Hold slots for as long as the block takes, by heartbeats; what was not booked by then is let go. Whether the
        hold still stands is said by `lost`."""
        held = await self.hold(event_type, resource, start, **about)
        holding = Holding(held)
        beating = asyncio.ensure_future(self._beat(holding, beat_s((await self.event_type(event_type)).hold_seconds)))
        try:
            yield holding
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            with suppress(Problem):  # it runs out by itself
                await self.release_hold(held.hold)

    async def _beat(self, holding: Holding, every_s: float) -> None:
        while holding.lost is None:
            await asyncio.sleep(every_s)
            try:
                kept = await self.but(within_s=every_s).keep_hold(holding.hold)
            except Problem as problem:
                holding.failed(problem)
            else:
                holding.kept(kept.expires_at)

    async def wait(self, ticket: str) -> Ticket:
        """Until it is called, kept alive by a stream of its own. `Problem` when it is over instead."""
        async with self.stream() as stream:
            return await stream.wait(ticket)

    def stream(self) -> Stream:
        """A live stream, to be used by `async with`."""
        return Stream(self._manner, self._gateways, self._seen, self)
