"""What is asked of waiting rooms, and their topics as they are now, answered from the fold."""

from __future__ import annotations

from typing import Any

from events.clock import Instant
from events.room import ORDINARY
from events.waiting.sessions import ticket_of
from projections.estimates import Estimate, Forecast, Line, Outlook
from projections.limits import ROOMS_SHOWN_MAX
from projections.numbers import RoomNumbers
from projections.paces import MINUTE_S, WINDOW_S, Pace, Sums
from projections.places import BLOCK_PLACES, Lane
from projections.questions import (
    LaneLine,
    RoomAnswer,
    RoomLine,
    TicketAnswer,
    TicketOf,
    Unanswered,
)
from projections.room_topics import BlockShown, LaneShown, RoomShown, TicketShown
from projections.rooms import Room, Rooms
from projections.standing import IN_LINE, NAMES, State

_WITH_END = frozenset({State.ABSENT, State.CALLED, State.ACTIVE})


def rooms_of(rooms: Rooms, org: str) -> tuple[RoomLine, ...]:
    found = sorted(rooms.of(org).items())[:ROOMS_SHOWN_MAX]
    return tuple(
        RoomLine(id, room.about.title, room.phase, sum(room.waiting()), room.places.count(State.ACTIVE))
        for id, room in found
    )


def room_of(rooms: Rooms, org: str, id: str, now: Instant) -> RoomAnswer:
    room = _room(rooms, org, id)
    known = {lane.name: lane for lane in room.places.lanes}
    titles = {lane.id: lane.title for lane in room.about.lanes}
    names = [*titles, *(name for name in known if name not in titles and name != ORDINARY), ORDINARY]
    lanes = tuple(
        LaneLine(name, titles.get(name, ""), known[name].states[State.WAITING], known[name].called_through)
        if name in known
        else LaneLine(name, titles.get(name, ""), 0, 0)
        for name in names
    )
    waiting = known[ORDINARY].states[State.WAITING] if ORDINARY in known else 0
    drawing = known[ORDINARY].states[State.DRAWING] if ORDINARY in known else 0
    newcomer = _estimate(room, ORDINARY, waiting + drawing, now)
    return RoomAnswer(id, room.phase, room.about, lanes, newcomer, room.seed, room.changed_at)


def ticket_answer(rooms: Rooms, asked: TicketOf, now: Instant) -> TicketAnswer:
    room, row = _ticket(rooms, asked.org, asked.ticket)
    places = room.places
    lane, state = places.lanes[int(places.lane[row])], State(int(places.state[row]))
    placed, in_line = not places.drawing, state in IN_LINE
    place = int(places.place[row])
    ahead = lane.ahead(place) if placed and in_line else None
    estimate = None
    if in_line:
        estimate = _estimate(room, lane.name, ahead, now) if ahead is not None else _drawn_estimate(room, lane, now)
    until = int(places.until[row])
    return TicketAnswer(
        asked.ticket,
        NAMES[state],
        lane.name,
        place if placed else None,
        places.block_of(int(places.lane[row]), place) if placed else None,
        place % BLOCK_PLACES if placed else None,
        ahead,
        None if ahead is None else ahead + 1,
        estimate,
        until if until and state in _WITH_END else None,
        int(places.since_s[row]) * 1_000 if state == State.ABSENT else None,
        int(places.joined_s[row]) * 1_000,
        int(places.changed_at[row]),
    )


def numbers_of(rooms: Rooms, org: str, id: str, now: Instant) -> RoomNumbers:
    return _room(rooms, org, id).numbers(now)


def shown(rooms: Rooms, org: str, topic: str) -> tuple[int, Any]:
    """Where a topic of a room stands, and what it is as a whole."""
    kind, _, name = topic.partition("/")
    if kind == "ticket":
        room, row = _ticket(rooms, org, name)
        state, until = room.places.state[row], int(room.places.until[row])
        ends = until if until and state in _WITH_END else None
        return int(room.places.changed_at[row]), TicketShown(NAMES[state], ends)
    id, _, number = name.partition("/")
    room = _room(rooms, org, id)
    if kind == "room" and not number:
        return room.changed_at, room_shown(room)
    if kind == "numbers" and not number:
        return room.numbers_at, room.numbers(room.pace.at)
    places = room.places
    if kind == "block" and number.isascii() and number.isdigit() and int(number[:9]) < len(places.block_lane):
        block = int(number[:9])
        lane, index = places.lanes[places.block_lane[block]], places.block_index[block]
        return places.block_at[block], BlockShown(lane.name, index, lane.bits(index))
    raise Unanswered("unknown_topic", f"there is no topic {topic[:100]!r}")


def room_shown(room: Room) -> RoomShown:
    lanes = (
        LaneShown(
            lane.name,
            lane.called_through,
            lane.states[State.WAITING],
            tuple(lane.blocks),
            tuple(lane.tally.counts),
        )
        for lane in room.places.lanes
    )
    return RoomShown(room.phase, room.about, room.seed, tuple(lanes))


def _room(rooms: Rooms, org: str, id: str) -> Room:
    room = rooms.of(org).get(id)
    if room is None:
        raise Unanswered("unknown_room", f"there is no room {id[:100]!r}")
    return room


def _ticket(rooms: Rooms, org: str, id: str) -> tuple[Room, int]:
    ticket = ticket_of(id)
    room = rooms.of(org).get(ticket.room) if ticket is not None else None
    row = room.places.row_of(ticket.shard, ticket.number) if room is not None and ticket is not None else None
    if room is None or row is None:
        raise Unanswered("unknown_ticket", f"there is no ticket {id[:100]!r}")
    return room, row


# How long it will take


def _estimate(room: Room, lane: str, ahead: int, now: Instant) -> Estimate:
    return forecast(room, now).estimate(ahead, _line(room, lane, now))


def _drawn_estimate(room: Room, lane: Lane, now: Instant) -> Estimate:
    """For somebody whose place is not drawn yet: from the first to the last of all who take part."""
    first, middle, last = (_estimate(room, lane.name, ahead, now) for ahead in (0, lane.states[0] // 2, lane.states[0]))
    return Estimate(first.low_s, middle.middle_s, last.high_s, last.reason)


def forecast(room: Room, now: Instant) -> Forecast:
    """The room's, made once a second."""
    key = (now // 1_000, room.phase, room.settings)
    if room.forecast is None or room.forecast[0] != key:
        room.forecast = (key, Forecast(_outlook(room, now)))
    return room.forecast[1]


def _outlook(room: Room, now: Instant) -> Outlook:
    settings, pace = room.settings, room.pace
    end = max(now, pace.at)
    return Outlook(
        room.phase,
        settings.capacity,
        settings.per_minute,
        settings.burst,
        settings.active_s,
        None if settings.opens_at is None else (settings.opens_at - now) / 1_000,
        (end - room.first_in_at) / 1_000 if room.first_in_at else 0.0,
        room.places.count(State.ACTIVE),
        room.places.count(State.CALLED, State.CLAIM_WAITS),
        pace.each_second(end, "calls", MINUTE_S),
        pace.sums(-1, end, end - WINDOW_S * 1_000),
        pace.sums(-1, end, end - MINUTE_S * 1_000),
    )


def _line(room: Room, name: str, now: Instant) -> Line:
    places, pace, settings = room.places, room.pace, room.settings
    end = max(now, pace.at)
    known = {lane.name: number for number, lane in enumerate(places.lanes)}
    order = [lane.id for lane in settings.lanes]
    before = [known[lane] for lane in (order[: order.index(name)] if name in order else order) if lane in known]
    window = pace.sums(known[name], end, end - WINDOW_S * 1_000) if name in known else Sums()
    if not before and name == ORDINARY:
        return Line(window)
    others = sum(places.lanes[number].states[State.WAITING] for number in before)
    joining = sum(_joining(pace, number, end) for number in before)
    share = settings.ordinary_share / 100
    if name == ORDINARY:
        return Line(window, 1.0, share if others or joining else 1.0, others, joining)
    somebody = ORDINARY in known and places.lanes[known[ORDINARY]].states[State.WAITING] > 0
    return Line(window, 1 - share if somebody else 1.0, 0.0 if before else 1.0, others, joining)


def _joining(pace: Pace, lane: int, end: Instant) -> float:
    """How many join the lane in a second, if it goes on like this: as in the last minutes, or, where a rush has ended,
    as in the last minute alone."""
    lately, before = (pace.sums(lane, end, end - (s - 1) * 1_000).joined / s for s in (MINUTE_S, WINDOW_S))
    return lately if lately < before / 2 else before
