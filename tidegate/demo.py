"""The demo organisation: something believable to look at. Put there by ordinary commands, and the same ones every time.

All that it does follows from the day on which it was first done, which the catalog remembers with its first studio.
Ids of commands and bookings are derived from that, so doing it again does nothing again (law 7): what was not finished
is, and what somebody has changed since stays as they left it. An organisation with things of its own is not touched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec

from actors.booking.asking import for_book, for_booking, id_for
from actors.booking.changing import hashed
from actors.booking.commands import Book, Cancel, JoinStandby
from actors.catalog import Link, ListResources, PutEventType, PutResource, PutSchedule, ShowResource
from actors.decider import Command, Refusal
from actors.runtime.wire import Accepted
from actors.waiting.commands import OpenRoom, PutRoom
from events.calendar.offers import occupied, schedules_of, why_not
from events.calendar.quantum import Span, date_of_day, day_number
from events.calendar.zones import local_date
from events.catalog import WEEKDAYS, Catalog, EventType, Question, Quota, Weekday, Window
from events.clock import Instant, iso
from events.day import Booker, Item, Wish, owner_of
from events.errors import TidegateError
from events.names import actor_name
from events.room import RoomSettings
from events.waiting.sessions import room_actor
from tidegate.asking import Asking
from tidegate.local_time import instant_from
from tidegate.refused import Refused

DEMO: Final = "demo"
"""What its ids begin with."""
ANCHOR: Final = "demo"
"""Under which the first studio's metadata remember when the demo was first put there."""
FIRST: Final = "studio-north"
BERLIN: Final = "Europe/Berlin"
LISBON: Final = "Europe/Lisbon"
DAYS: Final = 14
ROOM: Final = "launch"

_WORKDAYS: Final[tuple[Weekday, ...]] = WEEKDAYS[:5]
_OVER: Final = frozenset(
    {
        "in_the_past", "too_soon", "too_old_to_repeat", "booking_exists", "standby_exists", "not_full", "taken",
        "lapsed", "wrong_phase", "room_closed",
    }
)  # fmt: skip
"""What a refusal means when the demo is asked for again, later: that its time is over, or its place somebody else's."""

Progress = Callable[[int, int], None]


class NotEmpty(TidegateError):
    """There are things of somebody's own."""

    code = "not_empty"
    next_step = "name another organisation: `tidegate demo --set org=my-demo`"


class Filled(msgspec.Struct, frozen=True):
    """What there is now, and how much of it is new."""

    resources: int
    event_types: int
    rooms: int
    bookings: int
    new: int

    @property
    def told(self) -> str:
        rooms = "a waiting room" if self.rooms == 1 else f"{self.rooms} waiting rooms"
        what = f"{self.resources} resources, {self.event_types} event types, {rooms}"
        return f"{what} and {self.bookings} bookings to look at"

    @property
    def data(self) -> dict[str, Any]:
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]  # a struct becomes a dict


class Visit(msgspec.Struct, frozen=True):
    """A booking of the demo. `token` makes its id unlike those of the same day."""

    token: str
    wish: Wish
    booker: Booker
    answers: dict[str, str]
    cancelled: bool = False


BOOKERS: Final = tuple(
    Booker(name, f"{name.split()[0].lower()}@example.org")
    for name in ("Ada Brandt", "Bruno Costa", "Carla Dias", "Deniz Ersoy", "Emil Falk", "Fatima Gomes", "Greta Holm")
)

SCHEDULES: Final = (
    PutSchedule(
        "berlin-hours",
        BERLIN,
        "Berlin, days and evenings",
        {**dict.fromkeys(_WORKDAYS, (Window(540, 1_320),)), "sat": (Window(600, 1_200),)},
        region="DE-BE",
    ),
    PutSchedule("office-hours", BERLIN, "Office hours", dict.fromkeys(_WORKDAYS, (Window(480, 1_080),))),
    PutSchedule("lisbon-always", LISBON, "Lisbon, round the clock", dict.fromkeys(WEEKDAYS, (Window(0, 1_440),))),
)
EVENT_TYPES: Final = (
    PutEventType(
        "session",
        "Recording session",
        durations=(60, 120, 240),
        interval=60,
        buffer_before=15,
        buffer_after=30,
        notice=60,
        horizon_days=180,
        hold_seconds=30,
        cancel_before=24 * 60,
        reschedule_before=24 * 60,
        reminders=(24 * 60, 60),
        questions=(Question("project", "What are you working on?"),),
        price="60 € an hour",
    ),
    PutEventType(
        "meeting",
        "Meeting",
        durations=(30, 60),
        interval=30,
        hold_seconds=30,
        horizon_days=90,
        per_booker=Quota(week=5),
        price="free for members",
    ),
    PutEventType(
        "production",
        "Production, all day",
        durations=(2 * 1_440, 3 * 1_440),
        interval=1_440,
        notice=1_440,
        approval=True,
        pending_for=7 * 1_440,
        cancel_before=3 * 1_440,
        price="400 € a day",
    ),
    PutEventType(
        "premiere",
        "Premiere, in front of an audience",
        durations=(120,),
        interval=60,
        horizon_days=90,
        room=ROOM,
        price="45 €",
    ),
)
LAUNCH: Final = RoomSettings(
    title="The premiere", capacity=20, per_minute=120, active_s=300, active_max_s=1_800, claim_s=30, absent_after_s=30
)
"""The room that guards the premiere: small enough to fill by `tidegate room crowd`, quick enough to watch."""
LINKS: Final = (
    *(Link("session", resource) for resource in (FIRST, "studio-south", "mics")),
    Link("meeting", "meeting-room"),
    *(Link("production", resource) for resource in ("studio-south", "mics")),
    *(Link("premiere", resource) for resource in (FIRST, "studio-south")),
)


def resources(anchor: Instant) -> tuple[PutResource, ...]:
    first = {ANCHOR: iso(anchor)}
    return (
        PutResource(FIRST, BERLIN, "Studio North, recording", 1, "studio", schedule="berlin-hours", metadata=first),
        PutResource("studio-south", LISBON, "Studio South, never closed", 1, "studio", schedule="lisbon-always"),
        PutResource("meeting-room", BERLIN, "Meeting room, 3rd floor", 1, "room", schedule="office-hours"),
        PutResource("mics", BERLIN, "Ribbon microphones", 4, "equipment", standalone=False),
    )


def visits(catalog: Catalog, anchor: Instant) -> Iterator[Visit]:
    """The bookings of two weeks, as far as it is open then; none stands in another's way. Half of the microphones are
    left at any time, whatever day it is: who looks around takes some."""
    today = day_number(local_date(anchor, BERLIN))
    taken: list[tuple[str, Span]] = []
    for number in range(1, DAYS):
        date, turn = date_of_day(today + number), number % len(BOOKERS)
        wanted = (
            ("production", "studio-south", LISBON, "00:00", 2 * 1_440, number == 8, 1),
            ("session", FIRST, BERLIN, "10:00", 120, number % 3 != 0, 1),
            ("session", FIRST, BERLIN, "15:00", 240, number % 2 == 0, 0),
            ("session", "studio-south", LISBON, "11:00", 240, number % 2 == 1, int(number % 3 > 0)),
            ("session", "studio-south", LISBON, "20:00", 60, number % 4 == 2, 0),
            ("meeting", "meeting-room", BERLIN, "09:30", 30, True, 0),
            ("meeting", "meeting-room", BERLIN, "14:00", 60, number % 2 == 0, 0),
        )
        for step, (slug, resource, tz, clock, minutes, is_wanted, mics) in enumerate(wanted):
            event_type = catalog.event_types[slug]
            start = instant_from(f"{date} {clock}", anchor, tz)
            schedules = schedules_of(catalog, event_type, catalog.active[resource])
            if not is_wanted or why_not(event_type, schedules, start, minutes, anchor) is not None:
                continue
            span = occupied(event_type, start, minutes)
            if any(one == resource and other.touches(span) for one, other in taken):
                continue
            taken.append((resource, span))
            items = (Item(resource), *((Item("mics", mics),) if mics else ()))
            answers = {"project": f"Take {number}"} if slug == "session" else {}
            booker = BOOKERS[(turn + step) % len(BOOKERS)]
            yield Visit(
                f"{DEMO}-{step}", Wish(slug, start, minutes, items), booker, answers, cancelled=(number, step) == (4, 2)
            )


async def is_wanted(asking: Asking) -> bool:
    """Whether there is nothing in the organisation, or a demo that may be unfinished."""
    known = (await asking.of_catalog(ListResources(retired=True, most=1))).reply["resources"]
    known = known or await (await asking.log()).actors_under(actor_name(asking.org, "room"))
    return not known or await _anchor(asking) is not None


async def fill(asking: Asking, progress: Progress = lambda _done, _of: None) -> Filled:
    """Put everything there that is not there yet."""
    if not await is_wanted(asking):
        raise NotEmpty(f"the organisation {asking.org!r} has resources or rooms of its own")
    filling = _Filling(asking, await _anchor(asking) or asking.clock(), progress)
    await filling.put()
    await filling.book()
    return filling.filled


class _Filling:
    """One run."""

    def __init__(self, asking: Asking, anchor: Instant, progress: Progress) -> None:
        self._asking: Final = asking
        self._anchor: Final = anchor
        self._progress: Final = progress
        self._head = 0
        self._catalog_at = 0
        self._done = 0
        self._new = 0
        self._bookings = 0

    @property
    def filled(self) -> Filled:
        return Filled(len(resources(self._anchor)), len(EVENT_TYPES), 1, self._bookings, self._new)

    async def put(self) -> None:
        """The first studio is put first but for its schedule: with it goes the day that all the rest follows from."""
        self._head = (await (await self._asking.log()).head()).last
        first, *others = resources(self._anchor)
        ordered: tuple[Command, ...] = (SCHEDULES[0], first, *SCHEDULES[1:], *others, *EVENT_TYPES, *LINKS)
        for command in ordered:
            sequence = await self._once(_name(command), partial(self._asking.of_catalog, command))
            self._catalog_at = max(self._catalog_at, sequence)
            self._progress(self._done, len(ordered))
        room = room_actor(self._asking.org, ROOM)
        for step in (PutRoom(LAUNCH), OpenRoom()):
            await self._once(f"{_spelled(step)}-{ROOM}", partial(self._asking.ask, room, step))

    async def book(self) -> None:
        catalog = await self._asking.catalog()
        if any(one.slug not in catalog.event_types for one in EVENT_TYPES) or any(
            one.id not in catalog.active for one in resources(self._anchor)
        ):
            return  # somebody has taken it apart since
        planned = list(visits(catalog, self._anchor))
        total = self._done + len(planned) + 1
        for visit in planned:
            await self._book(catalog.event_types[visit.wish.event_type], visit)
            self._progress(self._done, total)
        full = next((one for one in planned if one.wish.event_type == "session" and not one.cancelled), None)
        if full is not None:
            await self._wait_for(catalog.event_types["session"], full.wish)
        self._progress(total, total)

    async def _book(self, event_type: EventType, visit: Visit) -> None:
        asking, wish = self._asking, visit.wish
        id = id_for(event_type, wish, visit.token)
        command = Book(
            id, wish, "", "", visit.booker, visit.answers, hashed(f"{DEMO}-{id}"), catalog=self._catalog_at
        )  # fmt: skip
        parts = for_book(asking.org, event_type, command)
        if isinstance(parts, Refusal):
            raise Refused(parts)
        self._bookings += bool(await self._once(f"book-{id}", partial(asking.together, parts)))
        if visit.cancelled:
            booking = await asking.booking(id)
            cancelling = for_booking(asking.org, booking, Cancel(id, reason="the drummer is ill"))
            await self._once(f"cancel-{id}", partial(asking.together, cancelling))

    async def _wait_for(self, event_type: EventType, wish: Wish) -> None:
        wish = msgspec.structs.replace(wish, items=wish.items[:1])
        id = id_for(event_type, wish, f"{DEMO}-waiting")
        command = JoinStandby(id, f"{DEMO}-waiting", wish, BOOKERS[-1], self._catalog_at)
        await self._once(f"wait-{id}", partial(self._asking.ask, owner_of(self._asking.org, id), command))

    async def _once(self, name: str, ask: Callable[..., Awaitable[Accepted]]) -> int:
        """Where it stands in the log; 0 when it has no place there any more."""
        self._done += 1
        try:
            answer = await ask(id=f"demo-{name}", asked_at=self._anchor)
        except Refused as refused:
            if refused.code in _OVER:
                return 0
            raise
        self._new += answer.sequence > self._head
        return answer.sequence


def _name(command: Command) -> str:
    """What is put, or linked: `put-resource-mics`."""
    about = (
        (command.event_type, command.resource) if isinstance(command, Link) else (msgspec.structs.astuple(command)[0],)
    )
    return "-".join((_spelled(command), *about))


def _spelled(command: Command) -> str:
    return str(command.__struct_config__.tag).replace("_", "-")


async def _anchor(asking: Asking) -> Instant | None:
    """When the demo was first put there."""
    try:
        shown = (await asking.of_catalog(ShowResource(FIRST))).reply["resource"]["metadata"].get(ANCHOR)
    except Refused as refused:
        if refused.code != "unknown_resource":
            raise
        return None
    return None if shown is None else instant_from(shown.replace("Z", "+00:00"), 0, "UTC")
