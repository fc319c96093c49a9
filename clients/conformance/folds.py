"""Vectors of what deltas make of topics: stories told to the read models themselves, as they would be to a subscriber.

Each story follows some topics. Whatever is told of one is written down with the state that the read models show then,
so a client that takes in the same deltas has to come to the same states. Rooms are told twice: change by change, and
gathered, where a client may stand anywhere within what a delta spans.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from events.calendar.quantum import SLOT_MS, SLOTS, Span, day_start
from events.catalog import Resource, ResourcePut
from events.day import (
    Blocked,
    BookingCancelled,
    BookingMoved,
    DayFact,
    HoldExpired,
    HoldReleased,
    Item,
    Slots,
    SlotsFreed,
    SlotsHeld,
    SlotsTaken,
    Unblocked,
    Wish,
    day_actor,
)
from events.room import RoomSettings
from projections.deriving import ahead
from projections.folding import Change, position
from projections.questions import Shown
from projections.space import Line
from tests.projections.launch import PRESS, Launch
from tests.projections.launch import ROOM as LAUNCH
from tests.projections.story import DATE, NOW, ORG, Story, wished

EPOCH: Final = "0123456789ab"
ROOM: Final = Resource("room", "Room", "UTC", capacity=3)
MONTH: Final = DATE[:7]


def plain(value: Any) -> Any:
    """As JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def place(sequence: int) -> str:
    return position(EPOCH, sequence)


class Watch:
    """One topic of a story, followed from now on."""

    def __init__(self, name: str, story: Story, topic: str) -> None:
        self._story: Final = story
        self._heard = len(story.changes)
        self.topic: Final = topic
        self._name: Final = name
        self._steps: Final[list[Any]] = []
        self._since, self._state = self._shown()

    def _shown(self) -> tuple[str, Any]:
        answer = self._story.models.answer_now(Shown(org=ORG, topic=self.topic))
        return place(int(answer.position.split(":")[1])), plain(answer.state)

    def look(self) -> None:
        """Write down what was told since."""
        told, self._heard = self._story.changes[self._heard :], len(self._story.changes)
        kind, resource = self.topic.split("/")[0], self.topic.split("/")[1] if "/" in self.topic else ""
        mine = [one for one in told if one.topic == self.topic]
        if not mine and kind in {"day", "month"}:
            mine = [one for one in told if one.topic == f"units/{resource}"]
        self._note(mine)

    def _note(self, changes: Sequence[Change]) -> None:
        for number, one in enumerate(changes, 1):
            step = {"before": place(one.before), "after": place(one.after), "delta": plain(one.delta)}
            if number == len(changes):
                step["state"] = self._shown()[1]
            self._steps.append(step)

    def case(self) -> Any:
        return {
            "name": self._name, "topic": self.topic, "position": self._since, "state": self._state,
            "steps": self._steps,
        }  # fmt: skip


class _Day:
    """What lies on a day, so that what is told of it can happen."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._number = 0
        self._holds: dict[str, Slots] = {}
        self._taken: list[str] = []
        self._blocks: list[str] = []

    def next(self) -> DayFact:
        self._number += 1
        first = self._dice.randrange(SLOTS - 1)
        slots = Slots(first, self._dice.randint(first + 1, min(first + 20, SLOTS)), self._dice.randint(1, 2))
        does = ["hold", "hold", "take", "take", "block"]
        does += ["release", "convert"] * bool(self._holds) + ["free"] * bool(self._taken)
        does += ["unblock"] * bool(self._blocks)
        match self._dice.choice(does):
            case "hold":
                return self._hold(slots)
            case "take":
                return self._take(slots)
            case "block":
                self._blocks.append(f"x{self._number}")
                return Blocked(self._blocks[-1], slots, "")
            case "free":
                return SlotsFreed(self._taken.pop(0))
            case "unblock":
                return Unblocked(self._blocks.pop())
            case does_now:
                id = self._dice.choice(sorted(self._holds))
                slots = self._holds.pop(id)
                if does_now == "convert":
                    return self._take(slots, id)
                return HoldReleased(id) if self._number % 2 else HoldExpired(id)

    def _hold(self, slots: Slots) -> DayFact:
        id, session = f"h{self._number}", self._dice.choice(["ann", "ben"])
        self._holds[id] = slots
        _, wish, _ = wished("h", NOW)
        return SlotsHeld(id, session, wish, slots, NOW + 10_000, NOW + 900_000, 10_000, 1)

    def _take(self, slots: Slots, hold: str = "") -> DayFact:
        self._taken.append(f"b{self._number}")
        return SlotsTaken(self._taken[-1], "visit", slots, "confirmed", None, hold, 1)


def calendar_cases() -> Iterator[Any]:
    """Days, holds and months, of a resource whose capacity changes too."""
    story, dice = Story(), random.Random(5)
    story.open(ROOM)
    names = (f"day/room/{DATE}", f"holds/room/{DATE}", f"month/room/{MONTH}", "day/room/2026-12-20")
    watches = [Watch("what happens on a day", story, name) for name in names]
    watches.append(Watch("a month that nothing lies on, and its capacity", story, "month/room/2027-01"))
    day = _Day(dice)
    for number in range(36):
        if number % 9 == 4:
            story.tell(f"{ORG}.catalog", ResourcePut(msgspec.structs.replace(ROOM, capacity=(0, 1, 2, 3)[number % 4])))
        else:
            facts = [day.next() for _ in range(dice.choice([1, 1, 2]))]
            story.tell(day_actor(ORG, "room", DATE), *facts)
        for watch in watches:
            watch.look()
    for watch in watches:
        yield watch.case()


def booking_cases() -> Iterator[Any]:
    """A booking that is made, moved and cancelled; and all bookings, of which only deltas are told."""
    story = Story()
    story.open(ROOM, Resource("studio", "Studio", "UTC"))
    first = story.book("b-1", day_start(DATE) + 40 * SLOT_MS)
    watches = [
        Watch("a booking that is there", story, f"booking/{first}"),
        Watch("a booking that is made later", story, f"booking/studio.{DATE}.b-2"),
        Watch("all bookings, of which there is no state", story, "bookings"),
    ]
    second = story.book("b-2", day_start(DATE) + 50 * SLOT_MS)
    for watch in watches:
        watch.look()
    start = day_start(DATE) + 60 * SLOT_MS
    wish = Wish("visit", start, 60, (Item("studio"),))
    story.tell(day_actor(ORG, "studio", DATE), BookingMoved(first, wish, Span(start, start + 4 * SLOT_MS), 1))
    for watch in watches:
        watch.look()
    story.tell(day_actor(ORG, "studio", DATE), BookingCancelled(second, "ill"), SlotsFreed(second))
    for watch in watches:
        watch.look()
        yield watch.case()


def room_acts(launch: Launch, dice: random.Random) -> Iterator[None]:
    """A launch in two lanes, with more people than fit into one block."""
    for number in range(40):
        match number % 10:
            case 0 | 1 | 5:
                launch.join(number % 3, *dice.choices(["", "", "", "press"], k=dice.choice([3, 40, 400])))
            case 2:
                launch.silent(dice.sample(launch.tickets("waiting"), 9))
            case 3:
                launch.call(launch.tickets("waiting")[: dice.randint(1, 30)])
            case 4:
                launch.leave(dice.choice(launch.tickets("waiting")))
            case 6:
                launch.claim(launch.tickets("called")[:5])
            case 7:
                launch.back(launch.tickets("absent")[:4])
            case 8:
                launch.miss(launch.tickets("called")[:3])
            case _:
                launch.enter("paused" if launch.room.phase == "open" else "open")
        yield


def room_cases() -> Iterator[Any]:
    launch, dice = Launch(RoomSettings(shards=3, lanes=(PRESS,), title="The launch")), random.Random(11)
    launch.enter("open")
    launch.join(0, "", "", "press")
    watches = [
        Watch("a launch", launch.story, f"room/{LAUNCH}"),
        Watch("who waits at the first places", launch.story, f"block/{LAUNCH}/0"),
        Watch("in numbers", launch.story, f"numbers/{LAUNCH}"),
        *(Watch("a ticket", launch.story, f"ticket/{LAUNCH}.0.{number}") for number in range(3)),
    ]
    for _ in room_acts(launch, dice):
        for watch in watches:
            watch.look()
    for watch in watches:
        yield watch.case()
    yield from draw_cases()


def draw_cases() -> Iterator[Any]:
    """Before a draw nobody has a place; behind it everybody has one, and another announcement is made."""
    launch = Launch(RoomSettings(draw=True))
    launch.enter("pre_queue")
    watch = Watch("a draw", launch.story, f"room/{LAUNCH}")
    first = launch.join(0, *[""] * 30)
    watch.look()
    launch.draw(launch.story.changes[-1].after)
    watch.look()
    launch.enter("open")
    launch.call(first[:4])
    launch.put(RoomSettings(draw=True, announcement="Doors are open", title="Tonight"))
    launch.enter("closed")
    watch.look()
    yield watch.case()


def gathered_cases() -> Iterator[Any]:
    """One delta that spans several changes, for everybody who stands within it."""
    launch, dice = Launch(RoomSettings(shards=3, lanes=(PRESS,))), random.Random(13)
    launch.enter("open")
    launch.join(0, "", "press")
    shown: dict[str, list[tuple[int, Any]]] = {}
    told: dict[str, list[Change]] = {}
    topics = (f"room/{LAUNCH}", f"block/{LAUNCH}/0", f"numbers/{LAUNCH}")

    def look() -> None:
        for topic in topics:
            at, states = launch.shown(topic), shown.setdefault(topic, [])
            sequence = int(at.position.split(":")[1])
            if not states or states[-1][0] != sequence:
                states.append((sequence, plain(at.state)))

    look()
    heard = len(launch.changes)
    for _ in room_acts(launch, dice):
        look()
    for change in launch.changes[heard:]:
        if change.topic in topics:
            told.setdefault(change.topic, []).append(change)
    for topic in topics:
        yield from _spans(topic, told[topic], dict(shown[topic]), dice)


def _spans(topic: str, changes: Sequence[Change], states: dict[int, Any], dice: random.Random) -> Iterator[Any]:
    for _ in range(6):
        first = dice.randrange(len(changes) - 5)
        chosen = changes[first : first + dice.randint(2, 5)]
        delta = chosen[0].delta
        for one in chosen[1:]:
            merged = delta.then(one.delta)
            if merged is None:
                break
            delta = merged
        else:
            before, after = chosen[0].before, chosen[-1].after
            for at in [before, *(one.after for one in chosen[:-1])]:
                if at in states and after in states:
                    yield {
                        "topic": topic, "position": place(at), "state": states[at], "before": place(before),
                        "after": place(after), "delta": plain(delta), "then": states[after],
                    }  # fmt: skip


# Slots


def slot_cases() -> Iterator[Any]:
    """Days with what is taken, held and blocked on them, and what follows for each slot and for whole visits."""
    for seed in range(6):
        story, dice = Story(), random.Random(seed)
        capacity = (1, 1, 3, 4, 2, 0)[seed]
        resource = Resource("room", "Room", "UTC", capacity=capacity)
        story.open(resource)
        day = _Day(dice)
        for _ in range((0, 6, 14, 22, 9, 5)[seed]):
            story.tell(day_actor(ORG, "room", DATE), day.next())
        for units in (1, 2)[: 1 + (capacity > 1)]:
            for session in ("", "ann"):
                yield _slot_case(story, resource, units, session, dice)


def _slot_case(story: Story, resource: Resource, units: int, session: str, dice: random.Random) -> Any:
    availability = story.models.availability
    catalog = story.models.catalogs.of(ORG)
    span = Span(day_start(DATE), day_start(DATE) + SLOTS * SLOT_MS)
    line = Line(availability, catalog, ORG, resource, span, session)
    row = availability.columns.row(availability.columns.resources[ORG, "room"], span.start // (SLOTS * SLOT_MS))
    own = [one.slots for _, one in sorted(availability.claims(row).holds.items()) if one.session == session]
    shown = [
        plain(story.models.answer_now(Shown(org=ORG, topic=f"{kind}/room/{DATE}")).state) for kind in ("day", "holds")
    ]
    uses = [
        [(one.start - span.start) // SLOT_MS, (one.end - span.start) // SLOT_MS, one.use, one.units]
        for one in line.stretches(span, units)
    ]
    visits = []
    for _ in range(12):
        first = dice.randrange(SLOTS - 1)
        end = dice.randint(first + 1, min(SLOTS, first + 12))
        at = np.array([first])
        free, otherwise = (bool(line.free(at, end - first, units, holds=holds)[0]) for holds in (True, False))
        state = "free" if free else "held" if otherwise else "full"
        visits.append([first, end, state, int(line.left(at, end - first)[0])])
    return {
        "day": shown[0], "holds": shown[1], "own": plain(own), "units": units, "slots": uses, "visits": visits,
    }  # fmt: skip


# Places


def place_cases() -> Iterator[Any]:
    """How many are ahead of somebody, by the room and their own block."""
    launch, dice = Launch(RoomSettings(shards=3, lanes=(PRESS,))), random.Random(17)
    launch.enter("open")
    launch.join(0, *[""] * 700, "press")
    for number, _ in enumerate(room_acts(launch, dice)):
        if number % 6 == 5:
            yield _place_case(launch, dice)


def _place_case(launch: Launch, dice: random.Random) -> Any:
    chosen = dice.sample(launch.tickets("waiting"), 4)
    room = launch.shown(f"room/{LAUNCH}").state
    found = {one.id: launch.ticket(one.id) for one in chosen}
    blocks = {one.block: launch.shown(f"block/{LAUNCH}/{one.block}").state for one in found.values()}
    tickets = []
    for one in chosen:
        about = found[one.id]
        assert about.place is not None and about.block is not None
        counted = ahead(room, blocks[about.block], about.place)
        assert counted == about.ahead == launch.ahead(one)
        tickets.append({"lane": about.lane, "place": about.place, "block": about.block, "ahead": counted})
    shown = {str(number): plain(block) for number, block in blocks.items()}
    return {"room": plain(room), "blocks": shown, "tickets": tickets}
