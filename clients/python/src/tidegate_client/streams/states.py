"""Topics: what each kind is as a whole, and what its deltas make of it. Pure.

    day/<resource>/<date>        Day          holds/<resource>/<date>   Holds
    month/<resource>/<yyyy-mm>   Month        room/<room>               Room
    block/<room>/<n>             Block        ticket/<ticket>           Ticket
    numbers/<room>               RoomNumbers  booking/<booking>         BookingRow, or None
    status                       `{"state": "ok"}`, or "late" while nobody tells the gateway what happens
    bookings                     the rows that changed last, and nothing as a whole

Bitmaps are numbers here, slot 0 (or the first place) the lowest bit.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from tidegate_client.answers import Phase, RoomNumbers, Status, TicketState
from tidegate_client.reading import read

SLOTS: Final = 96
"""Quarter hours of a UTC date."""
ALL_SLOTS: Final = (1 << SLOTS) - 1
BLOCK_PLACES: Final = 1_024
GATHERED: Final = frozenset({"room", "block", "numbers"})
"""Their deltas say how things are, not how they differ: whoever stands within what one spans may take it in."""


class Run(NamedTuple):
    """Slots in a row with so many units, `end` not included."""

    first: int
    end: int
    units: int = 1


@dataclass(frozen=True)
class Day:
    """`busy` are slots that are taken at capacity, or blocked."""

    capacity: int
    busy: int
    blocked: int
    taken: tuple[Run, ...]


@dataclass(frozen=True)
class Holds:
    """What is held for a moment: the slots of which anything is, and how many units."""

    held: int
    units: tuple[Run, ...]


@dataclass(frozen=True)
class Month:
    """The dates on which something is busy, with those slots. While it is `untouched`, nothing ever lay on it."""

    capacity: int
    untouched: bool
    days: Mapping[str, int]


@dataclass(frozen=True)
class LaneTitle:
    id: str
    title: str


@dataclass(frozen=True)
class About:
    """What everybody may know of a room's settings. Instants are in Unix milliseconds."""

    title: str = ""
    announcement: str = ""
    lanes: tuple[LaneTitle, ...] = ()
    pre_queue_at: int | None = None
    opens_at: int | None = None
    closes_at: int | None = None
    draw: bool = False
    shards: int = 1
    work_bits: int = 0


@dataclass(frozen=True)
class Lane:
    """`called_through` is the place behind the last one that was ever called. `blocks` are its blocks' numbers, in the
    order of its places, and `counts` how many wait in each."""

    lane: str
    called_through: int
    waiting: int
    blocks: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Room:
    phase: Phase
    about: About
    seed: str
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Block:
    """Who waits at 1,024 places of a lane: block `index` of it, from place 1,024 × `index` on."""

    lane: str
    index: int
    waiting: int


@dataclass(frozen=True)
class Ticket:
    """`until` is when what it is now ends, in Unix milliseconds."""

    state: TicketState
    until: int | None = None


class Item(NamedTuple):
    resource: str
    units: int = 1


class Span(NamedTuple):
    """From an instant to another, in Unix milliseconds."""

    start: int
    end: int


@dataclass(frozen=True)
class Wish:
    event_type: str
    start: int
    minutes: int
    items: tuple[Item, ...]
    admitted: str = ""


@dataclass(frozen=True)
class BookingRow:
    """A booking as everybody who listens may know it: not whom it is for."""

    id: str
    wish: Wish
    span: Span
    status: Status
    created_at: int
    until: int | None
    version: int
    sequence: int


@dataclass(frozen=True)
class BookingRows:
    """Those that changed; nothing says what all of them are."""

    rows: tuple[BookingRow, ...] = field(default=())


State: TypeAlias = Any


def kind_of(topic: str) -> str:
    return topic.partition("/")[0]


def read_state(topic: str, value: Any) -> State:
    """A topic's state as it was told."""
    match kind_of(topic):
        case "day":
            return Day(value["capacity"], int(value["busy"], 16), int(value["blocked"], 16), _runs(value["taken"]))
        case "holds":
            return Holds(int(value["held"], 16), _runs(value["units"]))
        case "month":
            days = {date: int(bits, 16) for date, bits in value["days"].items()}
            return Month(value["capacity"], value["untouched"], days)
        case "block":
            return Block(value["lane"], value["index"], _places(value["waiting"]))
        case "room":
            return read(Room, value)
        case "ticket":
            return read(Ticket, value)
        case "numbers":
            return read(RoomNumbers, value)
        case "booking":
            return None if value is None else read(BookingRow, value)
        case "bookings":
            return BookingRows()
        case _:
            return value


def state_after(topic: str, state: State, delta: Mapping[str, Any]) -> State:
    """The topic once the delta was taken in. `StartOver`, when it says nothing to this state."""
    known = _AFTER.get((kind_of(topic), str(delta.get("delta"))))
    if known is None:
        raise StartOver(f"{topic} is not known to change by {delta.get('delta')!r}")
    return known(topic, state, delta)


class StartOver(Exception):
    """What was known of a topic cannot be gone on from."""


def slots_of(first: int, end: int) -> int:
    """Slots in a row, as a bitmap."""
    return (1 << end) - (1 << first)


def _runs(value: Sequence[Sequence[int]]) -> tuple[Run, ...]:
    return tuple(Run(*one) for one in value)


def _places(text: str) -> int:
    return int.from_bytes(b64decode(text), "little")


def _flipped(bits: int, delta: Mapping[str, Any], name: str) -> int:
    return (bits | int(delta[f"{name}_set"], 16)) & ~int(delta[f"{name}_cleared"], 16)


def units_of(runs: Sequence[Run]) -> list[int]:
    """Units, slot by slot."""
    units = [0] * SLOTS
    for one in runs:
        units[one.first : one.end] = [one.units] * (one.end - one.first)
    return units


def _runs_of(units: Sequence[int]) -> tuple[Run, ...]:
    found: list[Run] = []
    for slot, many in enumerate(units):
        if many and found and found[-1].end == slot and found[-1].units == many:
            found[-1] = Run(found[-1].first, slot + 1, many)
        elif many:
            found.append(Run(slot, slot + 1, many))
    return tuple(found)


def runs_with(units: Sequence[int], would_be: Sequence[int], within: Run) -> tuple[Run, ...]:
    """Units that are at least what they would be, within a run."""
    return _runs_of(
        [max(many, would_be[slot]) if within.first <= slot < within.end else many for slot, many in enumerate(units)]
    )


def _with(runs: tuple[Run, ...], changed: Sequence[Sequence[int]]) -> tuple[Run, ...]:
    return _runs_of(units_of((*runs, *_runs(changed))))


# What each delta makes of its topic


def _day(_: str, day: Day, delta: Mapping[str, Any]) -> Day:
    busy, blocked = _flipped(day.busy, delta, "busy"), _flipped(day.blocked, delta, "blocked")
    return Day(delta["capacity"], busy, blocked, _with(day.taken, delta["taken"]))


def _day_resized(_: str, day: Day, delta: Mapping[str, Any]) -> Day:
    capacity, busy = delta["capacity"], day.blocked
    for one in day.taken:
        busy |= slots_of(one.first, one.end) if one.units >= capacity else 0
    return replace(day, capacity=capacity, busy=busy if capacity > 0 else ALL_SLOTS)


def _holds(_: str, holds: Holds, delta: Mapping[str, Any]) -> Holds:
    return Holds(_flipped(holds.held, delta, "held"), _with(holds.units, delta["held"]))


def _month(_: str, month: Month, delta: Mapping[str, Any]) -> Month:
    days = dict(month.days)
    for one in delta["days"]:
        days[one["date"]] = _flipped(days.get(one["date"], 0), one, "busy")
    return Month(delta["capacity"], untouched=False, days={date: days[date] for date in sorted(days) if days[date]})


def _month_resized(topic: str, month: Month, delta: Mapping[str, Any]) -> Month:
    if not month.untouched:
        raise StartOver("something lies on the month, and what its days are now was not told")
    capacity = delta["capacity"]
    days = {} if capacity > 0 else dict.fromkeys(dates_of(topic.rpartition("/")[2]), ALL_SLOTS)
    return Month(capacity, untouched=True, days=days)


def dates_of(month: str) -> list[str]:
    """The dates of `2026-12`."""
    year, number = (int(one) for one in month.split("-"))
    long = 30 + (number in {1, 3, 5, 7, 8, 10, 12})
    if number == 2:
        long = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return [f"{month}-{day:02}" for day in range(1, long + 1)]


def _room(_: str, room: Room, delta: Mapping[str, Any]) -> Room:
    counts = {block: count for lane in room.lanes for block, count in zip(lane.blocks, lane.counts, strict=True)}
    counts |= dict(delta.get("blocks", ()))
    lanes = {lane.lane: lane for lane in room.lanes}
    for now in delta.get("lanes", ()):
        blocks = lanes[now["lane"]].blocks if now["lane"] in lanes else ()
        lanes[now["lane"]] = Lane(now["lane"], now["called_through"], now["waiting"], blocks, ())
    for block, name in delta.get("added", ()):
        lane = lanes[name]
        if block not in lane.blocks:  # it may be known, to whoever stands within what the delta spans
            lanes[name] = replace(lane, blocks=(*lane.blocks, block))
    return Room(
        delta.get("phase") or room.phase,
        read(About, delta["about"]) if delta.get("about") else room.about,
        delta.get("seed") or room.seed,
        tuple(replace(lane, counts=tuple(counts[block] for block in lane.blocks)) for lane in lanes.values()),
    )


def _block(_: str, block: Block, delta: Mapping[str, Any]) -> Block:
    return replace(block, waiting=_places(delta["waiting"]))


def _ticket(_topic: str, _state: Ticket, delta: Mapping[str, Any]) -> Ticket:
    return Ticket(delta["state"], delta.get("until"))


def _numbers(_topic: str, _state: RoomNumbers, delta: Mapping[str, Any]) -> RoomNumbers:
    found: RoomNumbers = read(RoomNumbers, delta["numbers"])
    return found


def _booking(_topic: str, _state: BookingRow | None, delta: Mapping[str, Any]) -> BookingRow:
    found: BookingRow = read(BookingRow, delta["rows"][-1])
    return found


def _bookings(_topic: str, _state: BookingRows, delta: Mapping[str, Any]) -> BookingRows:
    found: BookingRows = read(BookingRows, delta)
    return found


def _status(_topic: str, _state: Any, delta: Mapping[str, Any]) -> dict[str, Any]:
    return {"state": delta["state"]}


_AFTER: Final[Mapping[tuple[str, str], Callable[[str, Any, Mapping[str, Any]], Any]]] = {
    ("day", "day"): _day,
    ("day", "units"): _day_resized,
    ("holds", "holds"): _holds,
    ("month", "month"): _month,
    ("month", "units"): _month_resized,
    ("room", "room"): _room,
    ("block", "block"): _block,
    ("ticket", "ticket"): _ticket,
    ("numbers", "numbers"): _numbers,
    ("booking", "bookings"): _booking,
    ("bookings", "bookings"): _bookings,
    ("status", "status"): _status,
}
"""By the kind of a topic, and that of a delta."""
