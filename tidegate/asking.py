"""Asking: how the command line learns what there is, and has things done.

What is to be done is asked of the actors; what there is, of the read models, which are made to answer from no earlier
moment than the one at which they are asked: whoever has just booked finds the booking. A single booking is shown by its
owner, whose word is what a change of it goes by.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from actors.booking.commands import ShowBooking
from actors.decider import Command, Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.bus import Bus
from events.calendar.quantum import Span
from events.catalog import Catalog
from events.clock import Instant, system_clock
from events.day import Booking, owner_of
from events.errors import BusError, UnknownOutcome
from events.log import EventLog
from events.names import actor_name, is_actor
from events.nats.ground import Ground, reached
from gateway.shrinking import Reserved, shrink
from projections import answering, publishing
from projections.limits import PAGE_ROWS_MAX
from projections.questions import Bookings, CatalogAnswer, CatalogOf, Page, Question, Row, Unanswered
from tidegate import run_file
from tidegate.config import Settings
from tidegate.refused import Refused

WITHIN_MS: Final = 15_000
_NOT_ASKED_AGAIN: Final = frozenset({"changed_meanwhile", "queue_full"})
"""What waiting a little does not mend, whoever is said to be busy."""

T = TypeVar("T")


class NotKnown(UnknownOutcome):
    """It was asked for, and no answer came."""

    next_step = "look at what there is, `tidegate booking show` and `list`, before you ask again"


class Asking:
    """What can be asked of one organisation. Made by `opened`. Whatever is refused is raised as `Refused`."""

    def __init__(
        self, org: str, bus: Bus, sender: Sender, log: Callable[[], Awaitable[EventLog]], clock: Callable[[], Instant]
    ) -> None:
        self.org: Final = org
        self.clock: Final = clock
        self.catalog_at = 0
        """The sequence of the catalog that was seen: nobody is to decide by an older one."""
        self._guards: Final[dict[str, str]] = {}
        """Which room guards an event type, of those that were seen."""
        self._bus: Final = bus
        self._sender: Final = sender
        self._open_log = log
        self._log: EventLog | None = None

    # Having things done

    async def ask(self, actor: str, command: Command, **about: Any) -> Accepted:
        """One actor's answer. `about` is what a sender takes: an id, an instant at which it was asked first."""
        return await self._patiently(lambda: self._sender.send(actor, command, within_ms=WITHIN_MS, **about))

    async def together(self, parts: Sequence[tuple[str, Command]], **about: Any) -> Accepted:
        """All or nothing. The reply is the first actor's: the owner's."""
        answer = await self._patiently(lambda: self._sender.transact(parts, within_ms=WITHIN_MS, **about))
        return Accepted(answer.reply[parts[0][0]], answer.sequence)

    async def all_together(self, parts: Sequence[tuple[str, Command]]) -> list[Any]:
        """The same, with every actor's reply, in order."""
        answer = await self._patiently(lambda: self._sender.transact(parts, within_ms=WITHIN_MS))
        return [answer.reply[actor] for actor, _ in parts]

    async def of_catalog(self, command: Command, **about: Any) -> Accepted:
        return await self.ask(actor_name(self.org, "catalog"), command, **about)

    async def shrink(self, resource: str, units: int, told: Callable[[str], None]) -> list[Reserved]:
        """Leave the resource so many units, or none at all; the days that stand against it, and then it stays."""
        answer = await shrink(self._sender, await self.log(), self.clock, self.org, resource, units, told)
        if isinstance(answer, Refusal):
            raise Refused(answer)
        return answer if isinstance(answer, list) else []

    # Looking

    async def look(self, question: Question, at_least: int | None = None) -> Any:
        """What the read models answer, not older than the log is now; or than a sequence that is enough."""
        since = (await (await self.log()).head()).last if at_least is None else at_least
        asked = msgspec.structs.replace(question, at_least=since)

        async def once() -> Any | Refusal:
            try:
                return await answering.ask(self._bus, asked, WITHIN_MS)
            except Unanswered as error:
                problem = error.problem
                return Refusal(problem.code, problem.detail, problem.fault)
            except BusError as error:
                return Refusal("not_answered", f"the read models do not answer: {error}", "busy")

        return await self._patiently(once)

    async def catalog(self, *resources: str, event_type: str = "") -> Catalog:
        """What there is to book, retired resources included; or what is said of these alone."""
        ways = (event_type,) if event_type else ()
        asked = CatalogOf(org=self.org, event_types=ways, resources=resources)
        answer: CatalogAnswer = await self.look(asked)
        self.catalog_at = max(self.catalog_at, answer.sequence)
        self._guards.update((slug, one.room) for slug, one in answer.catalog.event_types.items() if one.room)
        return answer.catalog

    async def booking(self, id: str) -> Booking:
        """A booking as its owner knows it."""
        owner = owner_of(self.org, id)
        if not is_actor(owner) or id.count(".") != 2:
            raise Refused(Refusal("unknown_booking", f"{id!r} is not a booking: <resource>.<date>.<token>"))
        return msgspec.convert((await self.ask(owner, ShowBooking(id))).reply, Booking)

    async def bookings(self, resource: str, span: Span) -> list[Row]:
        """Those of the resource that begin in that time, in order; ended ones too."""
        found: list[Row] = []
        asked = Bookings(org=self.org, resource=resource, start=span.start, end=span.end, limit=PAGE_ROWS_MAX)
        while True:
            page: Page = await self.look(asked)
            found += page.rows
            if not page.cursor:
                return found
            asked = msgspec.structs.replace(asked, cursor=page.cursor)

    async def log(self) -> EventLog:
        """The log itself, for whoever follows it."""
        if self._log is None:
            self._log = await self._open_log()
        return self._log

    @asynccontextmanager
    async def hints(self, *topics: str) -> AsyncIterator[asyncio.Event]:
        """Set whenever one of these topics of the organisation may have changed. A hint may get lost: who has to know
        looks now and then anyway."""
        told = asyncio.Event()
        async with AsyncExitStack() as stops:
            for topic in topics:
                heard = await self._bus.subscribe(publishing.subject_of(self.org, topic), lambda _: told.set())
                stops.push_async_callback(heard.stop)
            yield told

    async def _patiently(self, ask: Callable[[], Awaitable[T | Refusal]]) -> T:
        """Who is only busy is asked again, for a while."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WITHIN_MS / 1000
        while True:
            try:
                answer = await ask()
            except UnknownOutcome as error:
                raise NotKnown(str(error)) from error
            if not isinstance(answer, Refusal):
                return answer
            if answer.fault != "busy" or answer.code in _NOT_ASKED_AGAIN or loop.time() >= deadline:
                raise Refused(answer, self._guards.values())
            await asyncio.sleep((answer.retry_after_ms or 50) / 1000)


@asynccontextmanager
async def opened(settings: Settings, *, by: str = "cli") -> AsyncIterator[Asking]:
    """The organisation of the settings, as long as the block runs."""
    async with (
        reached(run_file.reach_of(settings), name="tidegate-booking") as ground,
        on(ground, settings.org, by=by) as asking,
    ):
        yield asking


@asynccontextmanager
async def on(ground: Ground, org: str, *, by: str) -> AsyncIterator[Asking]:
    """The same, where there is a connection already."""
    sender = Sender(ground.bus, system_clock, by=by)
    await sender.start()
    try:
        yield Asking(org, ground.bus, sender, ground.log, system_clock)
    finally:
        await sender.stop()
