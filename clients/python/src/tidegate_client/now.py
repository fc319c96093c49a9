"""The client that blocks."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread
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
from tidegate_client.streams.blocking import BlockingStream
from tidegate_client.transport import LOST, httpx_request, no_cookies
from tidegate_client.work import whose, work_of

T = TypeVar("T")


class Tidegate(Commands, Reads, Managing):
    """Asks the gateways of one organisation. It may be shared by threads.

        with Tidegate("https://booking.example.org", "demo") as client:
            visitor = client.visitor()
            with visitor.holding("session", "studio-north", "2026-12-07T10:00") as held:
                booked = visitor.book("session", "studio-north", "2026-12-07T10:00", hold=held.hold)

    Several URLs are several gateways: when one is not there, the next one is asked. `token` and the rest are those of
    `Manner`.
    """

    def __init__(self, url: str | Sequence[str], org: str, *, token: str = "", **manner: Any) -> None:
        self._manner: Manner = Manner(org, token, **manner)
        self._gateways: Gateways = Gateways([url] if isinstance(url, str) else url)
        self._seen: Seen = Seen()
        self._http = httpx.Client(cookies=no_cookies(), follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Of this client, and of all that were made of it by `but`."""
        self._http.close()

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

    def but(self, **about: Any) -> Tidegate:
        """The same client, asking in another manner: `but(session=…)`, `but(key="order-17")`, `but(within_s=60)`."""
        other = object.__new__(Tidegate)
        other._manner = replace(self._manner, **about)
        other._gateways, other._seen, other._http = self._gateways, self._seen, self._http
        return other

    def do(self, ask: Ask[T]) -> T:
        """Have that done. Every method comes to this."""
        exchange = Exchange(self._manner, self._gateways, self._seen, ask, time.monotonic, random.random)
        while True:
            try:
                answer = self._http.request(**httpx_request(exchange.request()))
            except LOST as error:
                pause_s: float | None = exchange.lost(f"{type(error).__name__}: {error}")
            else:
                pause_s = exchange.heard(answer.status_code, answer.headers, answer.content)
            if pause_s is None:
                return exchange.answer
            time.sleep(pause_s)

    def visitor(self) -> Tidegate:
        """Begin a session, and act for it: as the visitor, or for them where this client has a token of its own."""
        begun = self.begin_session()
        shown = {"session" if self._manner.token else "token": begun.token}
        return self.but(**shown, visitor=begun.visitor)

    def bookings(self, **about: Any) -> Iterator[Booking]:
        """All that fit, in order of their start, page after page; said as for `bookings_page`."""
        cursor = ""
        while True:
            page = self.bookings_page(**about, cursor=cursor)
            yield from page.bookings
            cursor = page.cursor
            if not cursor:
                return

    def stand_in_line(
        self, room: str, *, lane: str = "", code: str = "", identity: str = "", email: str = ""
    ) -> Ticket:
        """Join, and do the work that the room may ask for. To `email` is written when it is their turn."""
        try:
            return self.join(room, lane=lane, code=code, identity=identity, email=email)
        except Problem as problem:
            if problem.code != "work_needed":
                raise
        about = self.room(room)
        name = whose(self._manner.visitor, identity, one_per_identity=about.one_per_identity)
        at_ms = time.time_ns() // 1_000_000
        work = work_of(room, name, about.work_bits, at_ms)
        return self.join(room, lane=lane, code=code, identity=identity, work=work, email=email)

    @contextmanager
    def holding(self, event_type: str, resource: str, start: str, **about: Any) -> Iterator[Holding]:
        """Hold slots for as long as the block takes, by heartbeats from a thread; what was not booked by then is let
        go. Whether the hold still stands is said by `lost`."""
        held = self.hold(event_type, resource, start, **about)
        holding, ended = Holding(held), Event()
        every_s = beat_s(self.event_type(event_type).hold_seconds)
        beating = Thread(target=self._beat, args=(holding, every_s, ended), name=f"holding {held.hold}", daemon=True)
        beating.start()
        try:
            yield holding
        finally:
            ended.set()
            beating.join()
            with suppress(Problem):  # it runs out by itself
                self.release_hold(held.hold)

    def _beat(self, holding: Holding, every_s: float, ended: Event) -> None:
        while holding.lost is None and not ended.wait(every_s):
            try:
                kept = self.but(within_s=every_s).keep_hold(holding.hold)
            except Problem as problem:
                holding.failed(problem)
            else:
                holding.kept(kept.expires_at)

    def wait(self, ticket: str) -> Ticket:
        """Until it is called, kept alive by a stream of its own. `Problem` when it is over instead."""
        with self.stream() as stream:
            return stream.wait(ticket)

    def stream(self) -> BlockingStream:
        """A live stream, to be used by `with`."""
        return BlockingStream(self._manner, self._gateways, self._seen, self)
