"""Asking: how the command line learns what there is, and has things done.

What is free is asked of the resource-days themselves, all days of a month at a time; what there is to book, of the
catalog. What no command tells (which bookings touch a resource, what of the used is only held) is folded from the
log, by the days' own rules. All of it stands here, behind a few questions, so that who answers them may change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from actors.booking.claims import Day
from actors.booking.commands import ShowBooking, ShowDay
from actors.booking.day import DAY
from actors.catalog import ListEventTypes, ListResources, ListSchedules
from actors.decider import Command, Refusal
from actors.runtime.sender import Sender
from actors.runtime.wire import Accepted
from events.calendar.quantum import SLOTS
from events.catalog import Catalog, EventType, Resource, Schedule
from events.clock import Instant, system_clock
from events.day import Booking, SlotsTaken, day_actor, owner_of
from events.errors import UnknownOutcome
from events.limits import LOOKUP_ACTORS_MAX
from events.log import EventLog
from events.names import actor_name, is_actor
from events.nats.ground import Ground, reached
from tidegate import run_file
from tidegate.config import Settings
from tidegate.refused import Refused
from tidegate.shrinking import Reserved, shrink
from tidegate.slots import Room

WITHIN_MS: Final = 15_000
PAGE: Final = 200
"""So many resources, schedules or event types are asked for at a time."""
DAYS_AT_A_TIME: Final = 32

T = TypeVar("T")


class NotKnown(UnknownOutcome):
    """It was asked for, and no answer came."""

    next_step = "look at what there is, `tidegate booking show` and `list`, before you ask again"


class Asking:
    """What can be asked of one organisation. Made by `opened`. Whatever is refused is raised as `Refused`."""

    def __init__(
        self, org: str, sender: Sender, log: Callable[[], Awaitable[EventLog]], clock: Callable[[], Instant]
    ) -> None:
        self.org: Final = org
        self.clock: Final = clock
        self._sender = sender
        self._open_log = log
        self._log: EventLog | None = None

    # Having things done

    async def ask(self, actor: str, command: Command, **about: Any) -> Accepted:
        """One actor's answer. `about` is what a sender takes: an id, an instant at which it was asked first."""
        return await _patiently(lambda: self._sender.send(actor, command, within_ms=WITHIN_MS, **about))

    async def together(self, parts: Sequence[tuple[str, Command]], **about: Any) -> Accepted:
        """All or nothing. The reply is the first actor's: the owner's."""
        answer = await _patiently(lambda: self._sender.transact(parts, within_ms=WITHIN_MS, **about))
        return Accepted(answer.reply[parts[0][0]], answer.sequence)

    async def all_together(self, parts: Sequence[tuple[str, Command]]) -> list[Any]:
        """The same, with every actor's reply, in order."""
        answer = await _patiently(lambda: self._sender.transact(parts, within_ms=WITHIN_MS))
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

    async def catalog(self) -> Catalog:
        """What there is to book, page by page, retired resources included."""
        resources, links, retired = await self._resources()
        schedules: dict[str, Schedule] = {}
        while page := await self._page(ListSchedules(max(schedules, default=""), PAGE), "schedules", Schedule):
            schedules |= {one.id: one for one in page}
        event_types: dict[str, EventType] = {}
        while page_ := await self._page(ListEventTypes(max(event_types, default=""), PAGE), "event_types", EventType):
            event_types |= {one.slug: one for one in page_}
        return Catalog(
            active={id: one for id, one in resources.items() if id not in retired},
            retired={id: one for id, one in resources.items() if id in retired},
            schedules=schedules,
            event_types=event_types,
            links=links,
        )

    async def _resources(self) -> tuple[dict[str, Resource], dict[str, list[str]], set[str]]:
        found: dict[str, Resource] = {}
        links: dict[str, list[str]] = {}
        retired: set[str] = set()
        while True:
            command = ListResources(retired=True, after=max(found, default=""), most=PAGE)
            reply = (await self.of_catalog(command)).reply
            found |= {one.id: one for one in msgspec.convert(reply["resources"], list[Resource])}
            retired |= set(reply["retired"])
            for id, slugs in reply["links"].items():
                for slug in slugs:
                    links.setdefault(slug, []).append(id)
            if len(reply["resources"]) < PAGE:
                return found, {slug: sorted(ids) for slug, ids in links.items()}, retired

    async def _page(self, command: Command, name: str, type_: type[T]) -> list[T]:
        return msgspec.convert((await self.of_catalog(command)).reply[name], list[type_])  # type: ignore[valid-type]  # given at run time

    async def rooms(self, resource: str, dates: Iterable[str]) -> dict[str, Room]:
        """What is in use of these UTC dates, as the days themselves say."""

        async def one(date: str) -> tuple[str, Room]:
            reply = (await self.ask(day_actor(self.org, resource, date), ShowDay())).reply
            return date, msgspec.convert(reply, Room)

        found: dict[str, Room] = {}
        wanted = list(dates)
        for start in range(0, len(wanted), DAYS_AT_A_TIME):
            found |= dict(await asyncio.gather(*map(one, wanted[start : start + DAYS_AT_A_TIME])))
        return found

    async def with_holds(self, resource: str, rooms: dict[str, Room]) -> dict[str, Room]:
        """The same, and how many of the units in use are only held."""
        days = {
            day.date: day for day, _ in await self._days(resource, [date for date in rooms if any(rooms[date].used)])
        }
        found = dict(rooms)
        for date, day in days.items():
            held = [0] * SLOTS
            for hold in day.holds.values():
                for slot in range(hold.slots.first, hold.slots.end):
                    held[slot] += hold.slots.units
            found[date] = msgspec.structs.replace(rooms[date], held=tuple(held))
        return found

    async def booking(self, id: str) -> Booking:
        """A booking as its owner knows it."""
        owner = owner_of(self.org, id)
        if not is_actor(owner) or id.count(".") != 2:
            raise Refused(Refusal("unknown_booking", f"{id!r} is not a booking: <resource>.<date>.<token>"))
        return msgspec.convert((await self.ask(owner, ShowBooking(id))).reply, Booking)

    async def bookings(self, resource: str, dates: Iterable[str]) -> list[Booking]:
        """Those that have, or had, slots of the resource on these UTC dates, in order of time; ended ones too."""
        known: dict[str, Booking] = {}
        elsewhere: dict[str, None] = {}
        for day, ids in await self._days(resource, dates):
            known |= day.bookings
            elsewhere |= dict.fromkeys(ids)
        others = [id for id in elsewhere if id not in known]
        for start in range(0, len(others), DAYS_AT_A_TIME):
            for one in await asyncio.gather(*map(self.booking, others[start : start + DAYS_AT_A_TIME])):
                known[one.id] = one
        mine = (one for one in known.values() if any(item.resource == resource for item in one.wish.items))
        return sorted(mine, key=lambda one: (one.wish.start, one.id))

    async def log(self) -> EventLog:
        """The log itself, for whoever follows it."""
        if self._log is None:
            self._log = await self._open_log()
        return self._log

    async def _days(self, resource: str, dates: Iterable[str]) -> list[tuple[Day, list[str]]]:
        """Days that have a history, folded from the log, each with the bookings that ever took of it."""
        names = [day_actor(self.org, resource, date) for date in dates]
        if not names:
            return []
        log = await self.log()
        found = []
        for start in range(0, len(names), LOOKUP_ACTORS_MAX):
            for name in await log.last_of(names[start : start + LOOKUP_ACTORS_MAX]):
                day, taken = DAY.initial(name), []
                async for recorded in log.read_actor(name):
                    commit = DAY.facts.read(recorded.body)
                    for fact in (fact for one in commit.decided for fact in one.facts):
                        day = DAY.evolve(day, fact, commit.at)
                        if isinstance(fact, SlotsTaken):
                            taken.append(fact.booking)
                found.append((day, taken))
        return found


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
        yield Asking(org, sender, ground.log, system_clock)
    finally:
        await sender.stop()


async def _patiently(ask: Callable[[], Awaitable[Accepted | Refusal]]) -> Accepted:
    """Who is only busy is asked again, for a while."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WITHIN_MS / 1000
    while True:
        try:
            answer = await ask()
        except UnknownOutcome as error:
            raise NotKnown(str(error)) from error
        if isinstance(answer, Accepted):
            return answer
        if answer.fault != "busy" or answer.code == "changed_meanwhile" or loop.time() >= deadline:
            raise Refused(answer)
        await asyncio.sleep((answer.retry_after_ms or 50) / 1000)
