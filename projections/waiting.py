"""What is asked of waiting rooms, and their topics as they are now, answered from the fold."""

from __future__ import annotations

from typing import Any, Final

from events.clock import Instant
from events.room import ORDINARY
from events.waiting.sessions import ticket_of
from projections.estimates import Estimate, Forecast, Line, Outlook
from projections.limits import ROOMS_SHOWN_MAX, TICKETS_MAX
from projections.numbers import RoomNumbers
from projections.paces import MINUTE_S, WINDOW_S, Pace, Sums
from projections.places import BLOCK_PLACES, Lane
from projections.questions import (
    LaneLine,
    RoomAnswer,
    RoomLine,
    TicketAnswer,
    TicketOf,
    Tickets,
    TurnAnswer,
    TurnOf,
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
    newcomer = _Estimates(now).of(room, ORDINARY, waiting + drawing)
    return RoomAnswer(id, room.phase, room.about, lanes, newcomer, room.seed, room.changed_at)


def ticket_answer(rooms: Rooms, asked: TicketOf, now: Instant) -> TicketAnswer:
    room, row = _ticket(rooms, asked.org, asked.ticket)
    return _answer(asked.ticket, room, row, _Estimates(now))


def ticket_answers(rooms: Rooms, asked: Tickets, now: Instant) -> tuple[TicketAnswer | None, ...]:
    if len(asked.tickets) > TICKETS_MAX:
        raise Unanswered("too_many_tickets", f"at most {TICKETS_MAX} at a time")
    estimates = _Estimates(now)
    found = ((id, _found(rooms, asked.org, id)) for id in asked.tickets)
    return tuple(None if one is None else _answer(id, *one, estimates) for id, one in found)


def turn_of(rooms: Rooms, asked: TurnOf, now: Instant) -> TurnAnswer | None:
    found = _found(rooms, asked.org, asked.ticket)
    email = None if found is None else found[0].addresses.get(found[1])
    if found is None or email is None:
        return None
    return TurnAnswer(email, found[0].about.title, _answer(asked.ticket, *found, _Estimates(now)))


def _answer(id: str, room: Room, row: int, estimates: _Estimates) -> TicketAnswer:
    places = room.places
    lane, state = places.lanes[int(places.lane[row])], State(int(places.state[row]))
    placed, in_line = not places.drawing, state in IN_LINE
    place = int(places.place[row])
    ahead = lane.ahead(place) if placed and in_line else None
    estimate = None
    if in_line:
        estimate = estimates.of(room, lane.name, ahead) if ahead is not None else estimates.drawn(room, lane)
    until = int(places.until[row])
    return TicketAnswer(
        id,
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
    found = _found(rooms, org, id)
    if found is None:
        raise Unanswered("unknown_ticket", f"there is no ticket {id[:100]!r}")
    return found


def _found(rooms: Rooms, org: str, id: str) -> tuple[Room, int] | None:
    ticket = ticket_of(id)
    room = rooms.of(org).get(ticket.room) if ticket is not None else None
    row = room.places.row_of(ticket.shard, ticket.number) if room is not None and ticket is not None else None
    return None if room is None or row is None else (room, row)


# How long it will take


class _Estimates:
    """Those of one question. It may ask for many tickets of a lane, and how that moves is looked at once."""

    def __init__(self, now: Instant) -> None:
        self._now: Final = now
        self._lines: Final[dict[tuple[Room, str], tuple[Forecast, Line]]] = {}
        self._drawn: Final[dict[tuple[Room, str], Estimate]] = {}

    def of(self, room: Room, lane: str, ahead: int) -> Estimate:
        known = self._lines.get((room, lane))
        if known is None:
            known = self._lines[room, lane] = (forecast(room, self._now), _line(room, lane, self._now))
        return known[0].estimate(ahead, known[1])

    def drawn(self, room: Room, lane: Lane) -> Estimate:
        """For somebody whose place is not drawn yet: from the first to the last of all who take part."""
        known = self._drawn.get((room, lane.name))
        if known is None:
            many = lane.states[State.DRAWING]
            first, middle, last = (self.of(room, lane.name, ahead) for ahead in (0, many // 2, many))
            known = Estimate(first.low_s, middle.middle_s, last.high_s, last.reason)
            self._drawn[room, lane.name] = known
        return known


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
