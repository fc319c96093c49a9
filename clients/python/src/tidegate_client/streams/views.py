"""Views: several topics of a stream as one thing to show, always as it is now, what is guessed included.

async with stream.day("studio-north", "2026-12-07") as day:
    async for now in day:              # once it has begun, and whenever it changes
        print([slot.use for slot in now.slots()])
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from tidegate_client.answers import OVER, SlotState, TicketState
from tidegate_client.answers import Ticket as TicketShown
from tidegate_client.asking import Ask
from tidegate_client.commands import room_of
from tidegate_client.limits import DRAWN_SPREAD_S
from tidegate_client.problems import Problem
from tidegate_client.streams.conversation import NOTHING_YET
from tidegate_client.streams.guesses import Guess
from tidegate_client.streams.showing import SlotNow, UseRun, agree, ahead, runs_of, slots_now, visit_now
from tidegate_client.streams.states import (
    Block,
    Day,
    Holds,
    Month,
    Room,
    Run,
    Ticket,
    dates_of,
    runs_with,
    slots_of,
    units_of,
)

if TYPE_CHECKING:
    from tidegate_client.streams.stream import Stream

T = TypeVar("T")

_GOING: Final = frozenset({"drawing", "waiting", "absent", "called", "claim_waits"})
"""What a room closes on."""


class View:
    """Some topics of a stream. Begun by `async with`, or by `begun`."""

    def __init__(self, stream: Stream, *topics: str) -> None:
        self._stream: Final = stream
        self._following = stream.follow(*topics)
        self.topics: tuple[str, ...] = topics

    async def __aenter__(self) -> Self:
        await self.begun()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    async def __aiter__(self) -> AsyncIterator[Self]:
        try:
            await self.begun()
            while True:
                yield self
                await self.changed()
        except Problem:
            if not self.has_ended:
                raise

    @property
    def has_ended(self) -> bool:
        """Whether it was left, or its stream was closed meanwhile."""
        return self._following.has_ended

    @property
    def is_begun(self) -> bool:
        return all(self._stream.seen(name) is not NOTHING_YET for name in self.topics)

    async def begun(self) -> Self:
        """Come back when there is something to show."""
        while not self.is_begun:
            await self._following.news()
        return self

    async def changed(self) -> Self:
        """Come back when there is something else to show than the last time: once for what arrives together. `Problem`
        when there will be nothing."""
        await self._following.news()
        return self

    def leave(self) -> None:
        self._following.leave()

    def positions(self) -> Mapping[str, str]:
        """Where each topic stands."""
        return {name: self._stream.position_of(name) for name in self.topics}

    def _state(self, number: int) -> Any:
        state = self._stream.seen(self.topics[number])
        if state is NOTHING_YET:
            raise LookupError(f"{self.topics[number]} has not begun: await `begun` before")
        return state


class DayView(View):
    """How the slots of a UTC date of one resource stand, by what is booked and what is held."""

    def __init__(self, stream: Stream, resource: str, date: str) -> None:
        super().__init__(stream, f"day/{resource}/{date}", f"holds/{resource}/{date}")

    @property
    def day(self) -> Day:
        found: Day = self._state(0)
        return found

    @property
    def holds(self) -> Holds:
        found: Holds = self._state(1)
        return found

    def slots(self, *, units: int = 1, own: Sequence[Run] = ()) -> tuple[SlotNow, ...]:
        """All 96, for somebody who wants so many units; `own` is what they hold themselves."""
        return slots_now(self.day, self.holds, units=units, own=own)

    def runs(self, *, units: int = 1, own: Sequence[Run] = ()) -> tuple[UseRun, ...]:
        """The same in as few runs as say it all."""
        return runs_of(self.slots(units=units, own=own))

    def visit(self, first: int, end: int, *, units: int = 1, own: Sequence[Run] = ()) -> tuple[SlotState, int]:
        """How a visit over these slots stands, buffers included, and how many units are left over all of it."""
        return visit_now(self.slots(units=units, own=own), first, end)

    async def attempt(self, ask: Ask[T], *, holds: Run | None = None, takes: Run | None = None) -> T:
        """Have it done over the stream, and show these slots as held, or as taken, from now on.

        await day.attempt(stream.hold.ask("session", "studio-north", "2026-12-07T10:00"), holds=Run(36, 40))
        """
        guesses: dict[str, Guess] = {}
        if takes is not None:
            guesses[self.topics[0]] = taking_guess(self.day, takes)
        if holds is not None:
            guesses[self.topics[1]] = holding_guess(self.holds, holds)
        return await self._stream.attempt(ask, guesses)


def _more(runs: Sequence[Run], more: Run) -> list[int]:
    """Units slot by slot, as they would be with these."""
    return [many + more.units * (more.first <= slot < more.end) for slot, many in enumerate(units_of(runs))]


def holding_guess(now: Holds, more: Run) -> Guess:
    would_be = _more(now.units, more)

    def guess(holds: Holds) -> Holds:
        units = runs_with(units_of(holds.units), would_be, more)
        return Holds(holds.held | slots_of(more.first, more.end), units)

    return guess


def taking_guess(now: Day, more: Run) -> Guess:
    would_be = _more(now.taken, more)

    def guess(day: Day) -> Day:
        taken = runs_with(units_of(day.taken), would_be, more)
        busy = sum(slots_of(one.first, one.end) for one in taken if one.units >= day.capacity)
        return replace(day, taken=taken, busy=day.busy | busy)

    return guess


class MonthView(View):
    """Which slots are busy on each UTC date of a month."""

    def __init__(self, stream: Stream, resource: str, month: str) -> None:
        super().__init__(stream, f"month/{resource}/{month}")
        self._dates: Final = dates_of(month)

    @property
    def month(self) -> Month:
        found: Month = self._state(0)
        return found

    def busy(self) -> dict[str, int]:
        """For every date of the month, a bitmap of its 96 slots, slot 0 the lowest bit."""
        return {date: self.month.days.get(date, 0) for date in self._dates}


class RoomView(View):
    """A waiting room as everybody sees it."""

    def __init__(self, stream: Stream, room: str) -> None:
        super().__init__(stream, f"room/{room}")

    @property
    def room(self) -> Room:
        found: Room = self._state(0)
        return found

    @property
    def waiting(self) -> int:
        """How many wait and are present, in all lanes."""
        return sum(lane.waiting for lane in self.room.lanes)


class BlockView(View):
    """Who waits at 1,024 places of a line."""

    def __init__(self, stream: Stream, room: str, block: int) -> None:
        super().__init__(stream, f"block/{room}/{block}")

    @property
    def block(self) -> Block:
        found: Block = self._state(0)
        return found


class TicketView(View):
    """How a ticket stands. Followed by whoever it belongs to, it is kept alive."""

    def __init__(self, stream: Stream, ticket: str) -> None:
        super().__init__(stream, f"ticket/{ticket}")

    @property
    def ticket(self) -> Ticket:
        found: Ticket = self._state(0)
        return found


class PlaceView(View):
    """Where a ticket stands in its line: exact, and without a message to each who waits. It follows the room, the block
    that its own place lies in, and the ticket itself.

    Before a draw there is no place, and no block. That a draw was made is told by the room, and to nobody one by one:
    whoever took part asks for their place then.
    """

    def __init__(self, stream: Stream, ticket: TicketShown) -> None:
        self._room: Final = room_of(ticket.ticket)
        self._shown = ticket
        self._ahead: int | None = None
        super().__init__(stream, *self._wanted())

    def _wanted(self) -> tuple[str, ...]:
        wanted = (f"room/{self._room}", f"ticket/{self._shown.ticket}")
        return wanted if self._shown.block is None else (*wanted, f"block/{self._room}/{self._shown.block}")

    async def begun(self) -> Self:
        await super().begun()
        await self._find_place()
        return self

    async def changed(self) -> Self:
        await super().changed()
        await self._find_place()
        return self

    async def _find_place(self) -> None:
        if self._shown.block is not None or not self.room.seed:
            return
        await asyncio.sleep(random.random() * DRAWN_SPREAD_S)
        self._shown = await self._stream.look_at(self._shown.ticket)
        if self._shown.block is not None:
            before = self._following
            self.topics = self._wanted()
            self._following = self._stream.follow(*self.topics)
            before.leave()
            await super().begun()

    @property
    def room(self) -> Room:
        found: Room = self._state(0)
        return found

    @property
    def state(self) -> TicketState:
        """That the room has closed is told by the room, to everybody at once."""
        found: Ticket = self._state(1)
        state = self._shown.state if found.state == "drawing" else found.state
        return "closed" if self.room.phase == "closed" and state in _GOING else state

    @property
    def until(self) -> int | None:
        """When what it is now ends, in Unix milliseconds."""
        found: Ticket = self._state(1)
        return found.until

    @property
    def ahead(self) -> int | None:
        """How many are present before it; none while nobody can know, or once it was called. While the room is told of
        a change and the block is not yet, or the other way round, it is what both have said last."""
        if self._shown.place is None or self._shown.block is None or self.state not in {"waiting", "absent"}:
            return None
        block: Block = self._state(2)
        if agree(self.room, block):
            self._ahead = ahead(self.room, block, self._shown.place)
        return self._ahead

    @property
    def is_over(self) -> bool:
        return self.state in OVER
