"""`tidegate room watch`: a board of a room, live."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.console import Group
from rich.markup import escape
from rich.text import Text

from tidegate.cli.booking.common import plain_table
from tidegate.cli.room.common import RoomArgument, TzOption, estimate_shown, span_shown
from tidegate.cli.room.looking import phase_shown
from tidegate.cli.shared import Invocation, cancelled_by_interrupt

if TYPE_CHECKING:
    from events.room import RoomFact
    from projections.numbers import LaneNumbers, RoomNumbers
    from projections.questions import RoomAnswer
    from tidegate.asking import Asking

EVENTS_SHOWN: Final = 8
_LINE_EVERY_S: Final = 1.0
_SHOW_AGAIN_S: Final = 0.1
"""However fast things change, nobody sees more."""


class Event(msgspec.Struct, frozen=True):
    sequence: int
    at: int
    fact: str
    text: str


class Board(msgspec.Struct, frozen=True):
    """What is seen at one look."""

    numbers: RoomNumbers
    room: RoomAnswer


async def watch(
    call: Invocation,
    room: RoomArgument,
    for_: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="End after so long; else on Ctrl-C.", min=0)
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks, when nothing is heard.", min=0.2, max=60)] = (
        1.0
    ),
    tz: TzOption = "UTC",
) -> None:
    """Watch a room live: who waits, is called and is in, lane by lane, how long it takes, and what happens.

    For example: tidegate room watch launch

    The numbers are the read models'; what happens is read from the log. With --json, one object per line.
    """
    from events.calendar.zones import zone
    from tidegate.asking import opened
    from tidegate.visiting import at_door

    clocks = zone(tz)
    async with opened(call.settings) as asking:
        settings = (await at_door(asking, room)).settings
        work = cancelled_by_interrupt()
        watching = _Watching(call, asking, room, settings, clocks)
        try:
            async with asyncio.timeout(for_):
                await watching.run(every)
        except (TimeoutError, asyncio.CancelledError):
            work.uncancel()
        finally:
            watching.stop()


class _Watching:
    """One board."""

    def __init__(self, call: Invocation, asking: Asking, room: str, settings: Any, tz: str) -> None:
        from tidegate.telling import Teller

        self._call: Final = call
        self._asking: Final = asking
        self._room: Final = room
        self._tz: Final = tz
        self._teller: Final = Teller(room, settings)
        self._events: Final[deque[Event]] = deque(maxlen=EVENTS_SHOWN)
        self._new: list[Event] = []
        self._live: Any = None
        self._told: tuple[Any, ...] = ()
        self._told_at = 0.0

    async def run(self, every: float) -> None:
        """Until it is cancelled."""
        from events.errors import TidegateError
        from tidegate.keeping import first_of

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._keep_looking(every))
        except* TidegateError as group:
            raise first_of(group) from group

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()

    async def _follow(self) -> None:
        from actors.waiting.room import ROOM_KIND
        from events.names import actor_name
        from events.waiting.sessions import room_actor

        log, own = await self._asking.log(), room_actor(self._asking.org, self._room)
        async for step in log.follow((await log.head()).last, actor_name(self._asking.org, "room")):
            for recorded in step:
                if recorded.actor == own:
                    commit = ROOM_KIND.facts.read(recorded.body)
                    facts = [fact for one in commit.decided for fact in one.facts]
                    self._happened(recorded.sequence, commit.at, facts)

    def _happened(self, sequence: int, at: int, facts: list[RoomFact]) -> None:
        for fact, text in self._teller.told(facts):
            event = Event(sequence, at, type(fact).__name__, text)
            self._events.append(event)
            self._new.append(event)

    async def _keep_looking(self, every: float) -> None:
        from projections.questions import NumbersOf, RoomOf
        from tidegate.refused import Refused

        asking, loop = self._asking, asyncio.get_running_loop()
        async with asking.hints(f"room/{self._room}", f"numbers/{self._room}") as hint:
            at_least: int | None = None
            while True:
                hint.clear()
                looked_at = loop.time()
                try:
                    numbers: RoomNumbers = await asking.look(NumbersOf(org=asking.org, room=self._room), at_least)
                    seen: RoomAnswer = await asking.look(RoomOf(org=asking.org, room=self._room), 0)
                except Refused as refused:
                    if refused.refusal.fault != "busy":
                        raise
                    self._events.append(Event(0, asking.clock(), "Silence", str(refused)))
                    continue
                at_least = seen.sequence
                self._show(Board(numbers, seen))
                await asyncio.sleep(max(0.0, looked_at + _SHOW_AGAIN_S - loop.time()))
                try:
                    async with asyncio.timeout(every):
                        await hint.wait()
                except TimeoutError:
                    pass  # estimates and the last minute move without any news

    def _show(self, board: Board) -> None:
        if self._call.out.is_terminal and not self._call.json:
            if self._live is None:
                from rich.live import Live

                self._live = Live(console=self._call.out, auto_refresh=False)
                self._live.start()
            self._new.clear()
            self._live.update(table(self._room, board, self._events, self._tz), refresh=True)
            return
        now = asyncio.get_running_loop().time()
        told = (board.numbers.phase, board.numbers.all, board.numbers.waits)
        if not self._new and (told == self._told or now - self._told_at < _LINE_EVERY_S):
            return
        new, self._new = self._new, []
        if self._call.json:
            self._call.answer(as_data(self._room, board, new))
        else:
            self._print(board, new, is_due=told != self._told and now - self._told_at >= _LINE_EVERY_S)
        if self._call.json or now - self._told_at >= _LINE_EVERY_S:
            self._told, self._told_at = told, now
        sys.stdout.flush()

    def _print(self, board: Board, new: list[Event], *, is_due: bool) -> None:
        from tidegate.local_time import second

        for event in new:
            when = f"{event.sequence:>6} {second(event.at, self._tz)}"
            self._call.out.print(f"[dim]{when}[/] {escape(event.text)}", soft_wrap=True)
        if is_due:
            self._call.out.print(line(board, self._tz), markup=False, soft_wrap=True)


def as_data(room: str, board: Board, new: list[Event]) -> dict[str, Any]:
    from events.clock import iso

    data: dict[str, Any] = {"room": room, **msgspec.to_builtins(board.numbers)}
    data["at"] = iso(board.numbers.at)
    data["newcomer"] = msgspec.to_builtins(board.room.newcomer)
    data["events"] = [msgspec.to_builtins(event) | {"at": iso(event.at)} for event in new]
    return data


def line(board: Board, tz: str) -> str:
    """All of it in a line, for a file or a pipe."""
    from tidegate.local_time import second

    numbers, everybody = board.numbers, board.numbers.all
    waiting = f"{everybody.drawing:,} for the draw" if everybody.drawing else f"{everybody.waiting:,} waiting"
    return (
        f"{second(numbers.at, tz)} {numbers.phase.replace('_', '-')}: {waiting}, {everybody.absent:,} absent, "
        f"{everybody.called:,} called, {everybody.active:,} in, {numbers.claims_last_minute:,} a minute; "
        f"a newcomer: {estimate_shown(board.room.newcomer)}"
    )


def table(room: str, board: Board, events: deque[Event], tz: str) -> Group:
    """All of it at a look, for a terminal."""
    from tidegate.local_time import second

    numbers, about = board.numbers, board.room.about
    headline = Text.assemble((room, "bold"), "  ", phase_shown(numbers.phase), "  ", (about.title, "dim"))
    parts: list[Any] = [headline]
    if about.announcement:
        parts.append(Text(about.announcement, "yellow"))
    lanes = plain_table("lane", "joined", "waiting", "absent", "called", "in", "came in", "missed", "left", "gone")
    titles = {lane.id: lane.title for lane in about.lanes}
    for one in numbers.lanes if len(numbers.lanes) > 1 else ():
        lanes.add_row(titles.get(one.lane) or one.lane or "ordinary", *_cells(one))
    lanes.add_row("all", *_cells(numbers.all), style="bold" if len(numbers.lanes) > 1 else None)
    parts += [Text(), lanes, Text()]
    seats = f"{numbers.all.active:,} of {numbers.capacity:,}" if numbers.capacity else f"{numbers.all.active:,}"
    rate = f" of {numbers.per_minute:,}" if numbers.per_minute else ""
    parts.append(
        Text(f"seats taken {seats}; in the last minute {numbers.claims_last_minute:,}{rate} came in, "
             f"{numbers.calls_last_minute:,} called")
    )  # fmt: skip
    waits = numbers.waits
    if waits.count:
        p50, p90, p99 = (span_shown(value) for value in (waits.p50_s, waits.p90_s, waits.p99_s))
        parts.append(Text(f"waited, of the last {waits.count:,} called: p50 {p50}, p90 {p90}, p99 {p99}"))
    parts.append(Text(f"a newcomer is called in {estimate_shown(board.room.newcomer)}"))
    if events:
        parts.append(Text())
    parts += [Text.assemble((f"{one.sequence:>6} {second(one.at, tz)} ", "dim"), one.text) for one in events]
    return Group(*parts)


def _cells(one: LaneNumbers) -> list[str]:
    waiting = f"{one.drawing:,} to draw" if one.drawing else f"{one.waiting:,}"
    counts = (one.absent, one.called, one.active, one.claims, one.misses, one.left, one.expired)
    return [f"{one.joined:,}", waiting, *(f"{count:,}" for count in counts)]
