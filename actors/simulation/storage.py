"""The log and the shelf, as one machine sees them: far away, slow, and not always there.

What is stored, in which order, and who loses its fence is decided by `events.memory`. Around it stands what can
happen to a caller. An append may be lost on its way, or be stored and not acknowledged, or be stored only after the
caller has given up: all three look the same to it, an unknown outcome. It may also be refused outright, because the
log is down or full. What has left a machine goes its way even when that machine dies.

An append that is late lands no later than `APPEND_TIMEOUT_MS` after it was sent, as everything that reads the log
once more after a take-over takes for granted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from enum import Enum
from hashlib import sha256
from random import Random
from typing import Any, Final, Literal, TypeVar

import orjson

from actors.simulation.loop import VirtualLoop
from actors.simulation.machine import Machine
from actors.simulation.network import at_once
from actors.simulation.trace import Trace
from actors.simulation.weather import Weather
from events import limits
from events.clock import Clock
from events.entries import check_each, check_together
from events.errors import LogError, LogFull, LogUnavailable, UnknownOutcome
from events.log import Batch, Entry, LogHead, Recorded, Step
from events.memory.log import MemoryLog

T = TypeVar("T")

HOP_MS_MIN: Final = 0.05
HOP_MS_MAX: Final = 1.5
SLOW_MS_MAX: Final = 1_500
GIVES_UP_MS: Final = (100, 400, 1_500, limits.APPEND_TIMEOUT_MS)
"""After how long a caller gives an append up. The real one is patient; an impatient one meets its own echoes."""
FOLLOW_AGAIN_S: Final = 0.05
"""How often a follower that is cut off from the log looks whether it is back."""
VERSIONS_KEPT: Final = 6


class _Fate(Enum):
    ANSWERED = "answered"
    LOST = "append_lost"
    UNANSWERED = "append_unanswered"
    LATE = "append_late"
    UNAVAILABLE = "append_unavailable"


class Storage:
    """The middle: one log and one shelf for all machines. `down` and `full` are the storm's to set."""

    def __init__(self, middle: VirtualLoop, clock: Clock, dice: Random, weather: Weather, trace: Trace) -> None:
        self.weather = weather
        self.log: Final = MemoryLog(clock, identity="simulated")
        self.down = False
        self.full = False
        self.patience_ms = dice.choice(GIVES_UP_MS)
        self._shelf: Final[dict[str, deque[bytes]]] = {}
        self._middle: Final = middle
        self._dice: Final = dice
        self._trace: Final = trace

    def recorded(self) -> list[Recorded]:
        """The whole log."""
        return at_once(_all_of(self.log.read()))

    def shelved(self) -> dict[str, bytes]:
        return {name: versions[-1] for name, versions in self._shelf.items()}

    def lose_shelf(self) -> None:
        self._shelf.clear()

    def hop_s(self, slow: float, kind: str, machine: Machine) -> float:
        dice = self._dice
        hop_s = (HOP_MS_MIN + dice.random() ** 3 * (HOP_MS_MAX - HOP_MS_MIN)) / 1000
        if slow and dice.random() < slow:
            self._trace.fault(kind, where=machine.name)
            hop_s += dice.random() ** 2 * SLOW_MS_MAX / 1000
        return hop_s

    # Appends

    def append(
        self, machine: Machine, what: str, work: Callable[[], Coroutine[Any, Any, T]], doomed: bool
    ) -> asyncio.Future[T | LogError]:
        """Send an append on its way. The future ends with what the machine learns of it."""
        answer: asyncio.Future[T | LogError] = machine.loop.create_future()
        fate = self._fate(machine)
        hop_s = self.hop_s(self.weather.append_slow, "append_slow", machine)
        self._trace.note("appends", what, fate.value, where=machine.name)
        if fate is _Fate.UNAVAILABLE:
            machine.loop.call_later(hop_s, _settle, answer, LogUnavailable("the log is down"))
            return answer

        def arrive() -> None:
            outcome = self._carry_out(what, work, machine)
            if doomed:
                machine.kill("after an append")
            if fate is not _Fate.ANSWERED:
                if not isinstance(outcome, LogError):
                    self._trace.fault(fate.value, what, where=machine.name)
            elif machine.cut:
                self._trace.fault("append_unanswered", what, where=machine.name)
                gives_up(self._dice.random() * self.patience_ms)
            else:
                back_s = self.hop_s(self.weather.append_slow, "append_slow", machine)
                machine.loop.call_later(back_s, _settle, answer, outcome)

        def gives_up(after_ms: float) -> None:
            machine.loop.call_later(after_ms / 1000, _settle, answer, UnknownOutcome("no acknowledgement in time"))

        if fate is not _Fate.ANSWERED:
            gives_up(self.patience_ms)
        if fate is _Fate.LATE:
            left_ms = limits.APPEND_TIMEOUT_MS - self.patience_ms
            hop_s = (self.patience_ms + self._dice.random() ** 4 * left_ms) / 1000
        if fate is _Fate.LOST:
            self._trace.fault(fate.value, what, where=machine.name)
            if doomed:
                machine.kill("after a lost append")
        else:
            self._middle.call_later(hop_s, arrive)
        return answer

    def _carry_out(self, what: str, work: Callable[[], Coroutine[Any, Any, T]], machine: Machine) -> T | LogError:
        if self.down:
            outcome: T | LogError = LogUnavailable("the log is down")
        elif self.full:
            self._trace.fault("append_full", what, where=machine.name)
            outcome = LogFull("the log has no room left")
        else:
            try:
                outcome = at_once(work())
            except LogError as error:
                outcome = error
        self._trace.note("stores", what, str(outcome), where=machine.name)
        return outcome

    def _fate(self, machine: Machine) -> _Fate:
        weather, chance = self.weather, self._dice.random()
        if self.down:
            self._trace.fault("append_unavailable", where=machine.name)
            return _Fate.UNAVAILABLE
        if machine.cut == "loses":
            return _Fate.LOST
        if machine.cut == "holds":
            return _Fate.LATE
        for fate, share in (
            (_Fate.LOST, weather.append_lost),
            (_Fate.UNANSWERED, weather.append_unanswered),
            (_Fate.LATE, weather.append_late),
            (_Fate.UNAVAILABLE, weather.append_unavailable),
        ):
            if chance < share:
                if fate is _Fate.UNAVAILABLE:
                    self._trace.fault("append_unavailable", where=machine.name)
                return fate
            chance -= share
        return _Fate.ANSWERED

    # Reads

    async def ask(self, machine: Machine, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask the log, and wait for what it says; `LogUnavailable` when it doesn't."""
        await machine.call_begins(self.weather.call_stalls)
        answer: asyncio.Future[T | LogError] = machine.loop.create_future()
        weather, dice = self.weather, self._dice

        def arrive() -> None:
            outcome: T | LogError = LogUnavailable("the log is down") if self.down else at_once(work())
            machine.loop.call_later(self.hop_s(weather.read_slow, "read_slow", machine), _settle, answer, outcome)

        if machine.cut:
            machine.loop.call_later(dice.random() * 1.0, _settle, answer, LogUnavailable("the log cannot be reached"))
        elif weather.read_failed and dice.random() < weather.read_failed:
            self._trace.fault("read_failed", where=machine.name)
            machine.loop.call_later(dice.random() * 0.2, _settle, answer, LogUnavailable("the read failed"))
        else:
            self._middle.call_later(self.hop_s(weather.read_slow, "read_slow", machine), arrive)
        outcome = await answer
        if isinstance(outcome, LogError):
            raise outcome
        return outcome

    def interrupted(self, machine: Machine, recorded: list[Recorded]) -> Iterator[Recorded]:
        """What a long read yields before it fails, if it does."""
        if self.weather.read_failed and len(recorded) > 1 and self._dice.random() < self.weather.read_failed:
            self._trace.fault("read_interrupted", where=machine.name)
            yield from recorded[: self._dice.randrange(1, len(recorded))]
            raise LogUnavailable("the read was interrupted")
        yield from recorded

    def breaks_off(self, machine: Machine) -> Literal["", "before", "after"]:
        """Whether a follower is cut off at this step."""
        if self.weather.read_failed and self._dice.random() < self.weather.read_failed:
            self._trace.fault("follow_interrupted", where=machine.name)
            return self._dice.choice(("before", "after"))
        return ""

    # The shelf

    async def put(self, machine: Machine, name: str, data: bytes) -> bool:
        """Now and then one that was taken is lost all the same: the shelf may forget."""
        doom = await machine.call_begins(self.weather.call_stalls)
        done: asyncio.Future[bool] = machine.loop.create_future()

        def arrive() -> None:
            taken = not (self.down or machine.cut)
            if taken and self._dice.random() >= self.weather.shelf_forgot:
                self._shelf.setdefault(name, deque(maxlen=VERSIONS_KEPT)).append(data)
            if doom:
                machine.kill("after a snapshot")
            machine.loop.call_later(self.hop_s(self.weather.shelf_slow, "shelf_slow", machine), _settle, done, taken)

        self._middle.call_later(self.hop_s(self.weather.shelf_slow, "shelf_slow", machine), arrive)
        return await done

    async def get(self, machine: Machine, names: Sequence[str]) -> dict[str, bytes]:
        await machine.call_begins(self.weather.call_stalls)
        answer: asyncio.Future[dict[str, bytes]] = machine.loop.create_future()

        def arrive() -> None:
            found = {} if self.down or machine.cut else self._find(machine, names)
            machine.loop.call_later(self.hop_s(self.weather.shelf_slow, "shelf_slow", machine), _settle, answer, found)

        self._middle.call_later(self.hop_s(self.weather.shelf_slow, "shelf_slow", machine), arrive)
        return await answer

    def _find(self, machine: Machine, names: Sequence[str]) -> dict[str, bytes]:
        weather, dice = self.weather, self._dice
        found: dict[str, bytes] = {}
        for name in names:
            versions = self._shelf.get(name)
            if versions is None:
                continue
            chance = dice.random()
            if chance < weather.shelf_forgot:
                self._trace.fault("shelf_forgot", name, where=machine.name)
                continue
            found[name] = versions[-1]
            if len(versions) > 1 and dice.random() < weather.shelf_stale:
                self._trace.fault("shelf_stale", name, where=machine.name)
                found[name] = versions[dice.randrange(len(versions) - 1)]
            if dice.random() < weather.shelf_damaged:
                self._trace.fault("shelf_damaged", name, where=machine.name)
                found[name] = found[name][: dice.randrange(len(found[name]))]
            elif dice.random() < weather.shelf_foreign:
                foreign = _of_another_life(versions[0], versions[-1])
                if foreign is not None:
                    self._trace.fault("shelf_foreign", name, where=machine.name)
                    found[name] = foreign
        return found


def _of_another_life(oldest: bytes, newest: bytes) -> bytes | None:
    """A snapshot that claims to be as far as the newest, but stands on another chain and in another state."""
    then, now = orjson.loads(oldest), orjson.loads(newest)
    if "head" not in now:
        return None
    head = sha256(now["head"].encode()).hexdigest()
    return orjson.dumps({**now, "state": then["state"], "head": head}, option=orjson.OPT_SORT_KEYS)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if not future.done():
        future.set_result(outcome)


async def _all_of(recorded: AsyncIterator[Recorded]) -> list[Recorded]:
    return [one async for one in recorded]


class MachineLog:
    """An `EventLog`, as one machine sees it."""

    def __init__(self, storage: Storage, machine: Machine) -> None:
        self._storage: Final = storage
        self._machine: Final = machine

    async def append_each(self, entries: Sequence[Entry]) -> list[int | Exception]:
        check_each(entries)
        machine, log = self._machine, self._storage.log
        doom = await machine.call_begins(self._storage.weather.call_stalls)
        answers = [
            self._storage.append(machine, f"{entry.actor} {entry.id[:8]}", _single(log, entry), doom == "after")
            for entry in entries
        ]
        outcomes: list[int | Exception] = []
        for answer in answers:
            outcomes.append(await answer)
        return outcomes

    async def append_together(self, entries: Sequence[Entry]) -> list[int]:
        check_together(entries)
        machine, log = self._machine, self._storage.log
        doom = await machine.call_begins(self._storage.weather.call_stalls)
        what = " ".join(f"{entry.actor} {entry.id[:8]}" for entry in entries)
        outcome = await self._storage.append(machine, what, lambda: log.append_together(entries), doom == "after")
        if isinstance(outcome, LogError):
            raise outcome
        return outcome

    def begin(self, first: Entry) -> Batch:
        """However long it takes to be told that it is prepared: it may be forgotten meanwhile, and be begun anew."""
        machine, storage = self._machine, self._storage
        prepared: asyncio.Future[None] = machine.loop.create_future()
        hop_s = storage.hop_s(storage.weather.append_slow, "append_slow", machine)
        machine.loop.call_later(min(2 * hop_s, limits.PREPARED_WITHIN_MS / 1000), _settle, prepared, None)
        return Batch(first, self.append_together, prepared)

    async def last_of(self, actors: Sequence[str]) -> dict[str, Recorded]:
        return await self._storage.ask(self._machine, lambda: self._storage.log.last_of(actors))

    async def at(self, sequence: int) -> Recorded | None:
        return await self._storage.ask(self._machine, lambda: self._storage.log.at(sequence))

    async def at_each(self, sequences: Sequence[int]) -> list[Recorded | None]:
        return await self._storage.ask(self._machine, lambda: self._storage.log.at_each(sequences))

    async def read_actor(self, actor: str, after: int = 0) -> AsyncIterator[Recorded]:
        log = self._storage.log
        for one in self._storage.interrupted(
            self._machine, await self._storage.ask(self._machine, lambda: _all_of(log.read_actor(actor, after)))
        ):
            yield one

    async def read(self, after: int = 0) -> AsyncIterator[Recorded]:
        log = self._storage.log
        for one in self._storage.interrupted(
            self._machine, await self._storage.ask(self._machine, lambda: _all_of(log.read(after)))
        ):
            yield one

    async def follow(self, after: int = 0, under: str = "") -> AsyncIterator[Step]:
        """Each step takes its time, as an answer to a read does, and none overtakes another. Now and then it breaks
        off, before or after a step, as when a connection is lost; then it is the follower's to go on from where it is.
        """
        storage, machine = self._storage, self._machine
        await machine.call_begins(storage.weather.call_stalls)
        async for step in storage.log.follow(after, under):
            await machine.pause(storage.hop_s(storage.weather.read_slow, "follow_slow", machine))
            while storage.down or machine.cut:
                await machine.pause(FOLLOW_AGAIN_S)
            breaks = storage.breaks_off(machine)
            if breaks == "before":
                raise LogUnavailable("the log was followed no further")
            yield step
            if breaks:
                raise LogUnavailable("the log was followed no further")

    async def actors_under(self, name: str) -> list[str]:
        return await self._storage.ask(self._machine, lambda: self._storage.log.actors_under(name))

    async def orgs_with(self, kind: str) -> list[str]:
        return await self._storage.ask(self._machine, lambda: self._storage.log.orgs_with(kind))

    async def head(self) -> LogHead:
        return await self._storage.ask(self._machine, self._storage.log.head)


def _single(log: MemoryLog, entry: Entry) -> Callable[[], Coroutine[Any, Any, int]]:
    async def append() -> int:
        (outcome,) = await log.append_each((entry,))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return append


class MachineShelf:
    """A `Shelf`, as one machine sees it."""

    def __init__(self, storage: Storage, machine: Machine) -> None:
        self._storage: Final = storage
        self._machine: Final = machine

    async def put(self, name: str, data: bytes) -> bool:
        return await self._storage.put(self._machine, name, data)

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        return await self._storage.get(self._machine, names)
