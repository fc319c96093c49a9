"""Consulting: what a host knows of the actors that others decide by.

A resource-day decides by its organisation's catalog. The catalog is an actor of its own, perhaps on another host, and
a decision must not wait for it; so every host keeps a *view* of the catalogs that its actors ask for, folded from the
log. A view is refreshed when news come that its actor has committed, and every so often whatever comes; one that was
not refreshed for long is not decided by. So a change is in force everywhere within `CONSULTED_FRESH_MS`, however many
messages are lost, and each decision can name the sequence that it was made by.

A view begins with what its actor's host has put on the shelf, where that fits the chain. An actor that commits all the
time is looked at every so often, not at every commit.

Considered instead: asking the catalog (a round trip for every decision), sending the rules with the command (whoever
asks would be trusted with them), a copy in every actor (a change would be thousands of commits).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from actors.decider import CONSULTED_BY_ALL_AFTER_MS, AnyDecider, Consulted
from actors.runtime.cell import Cell
from actors.runtime.limits import HostLimits
from actors.runtime.memory import Memory
from actors.runtime.tasks import Tasks
from events.bus import Bus, Message, Subscription
from events.codec import canonical
from events.commit import hash_of
from events.errors import BusError, ChainBroken, LogError
from events.limits import APPEND_TIMEOUT_MS, PREPARED_WITHIN_MS, READY_WITHIN_MS
from events.log import EventLog, Recorded
from events.names import kind_of
from events.shelf import Shelf

log = structlog.get_logger(__name__)

NEWS: Final = "hosts.news"
CONSULTED_EVERY_MS: Final = 500
"""How often the log is asked whether a view is behind."""
CONSULTED_FRESH_MS: Final = 2_000
"""A view that was not compared with the log for so long is not decided by."""
CONSULTED_AGAIN_MS: Final = 25
"""After a look that found something, the next one is no sooner."""
CONSULTED_FOR_MS: Final = 600_000
"""A view that nobody asked for during so long is forgotten."""
VIEWS_AT_A_TIME: Final = 200

assert 2 * CONSULTED_EVERY_MS < CONSULTED_FRESH_MS
assert (
    CONSULTED_FRESH_MS + 2 * HostLimits().lease_ms + PREPARED_WITHIN_MS + READY_WITHIN_MS + 2 * APPEND_TIMEOUT_MS
    < CONSULTED_BY_ALL_AFTER_MS
), (
    "a decision waits for the others of its transaction, for a round, for a batch to be prepared, for a log that was "
    "away, for the wire, for the log"
)


class News(msgspec.Struct, frozen=True, array_like=True):
    """The actor has a commit at this sequence."""

    actor: str
    sequence: int


_NEWS: Final = msgspec.json.Decoder(News)


class _View:
    __slots__ = ("asked_at", "checked_at", "memory", "news", "retry_at", "waiting")

    def __init__(self, memory: Memory, now: float) -> None:
        self.memory = memory
        self.asked_at = now
        self.checked_at = self.retry_at = float("-inf")
        self.waiting: dict[Cell, None] = {}
        self.news = True
        """Whether somebody said that there is something new."""


class Consulting:
    def __init__(
        self,
        events: EventLog,
        shelf: Shelf,
        bus: Bus,
        kinds: Mapping[str, AnyDecider],
        tasks: Tasks,
        known: Callable[[Cell], None],
    ) -> None:
        self._events = events
        self._shelf = shelf
        self._bus = bus
        self._kinds = kinds
        self._tasks = tasks
        self._known = known
        self._consulted: Final = frozenset(decider.consults for decider in kinds.values() if decider.consults)
        self._views: dict[str, _View] = {}
        self._subscription: Subscription | None = None
        self._look = asyncio.Event()

    async def start(self) -> None:
        if self._consulted:
            self._subscription = await self._bus.subscribe(NEWS, self._hear)
            self._tasks.keep(self._keep_fresh())

    async def stop(self) -> None:
        if self._subscription is not None:
            await self._subscription.stop()

    def view(self, cell: Cell) -> Consulted[Any, Any] | None:
        """What the cell is to decide by; None when nobody can tell just now, and then `known` is called later."""
        now = asyncio.get_running_loop().time()
        name = cell.consults
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = _View(self._blank(name), now)
        view.asked_at = now
        if now - view.checked_at < CONSULTED_FRESH_MS / 1000:
            memory, policy = view.memory, cell.policy
            if policy.sequence != memory.sequence or policy.state is not memory.state:
                policy = Consulted(memory.state, cell.leases, memory.sequence)
            return policy  # type: ignore[no-any-return]  # of a kind that consults
        view.waiting[cell] = None
        self._look.set()
        return None

    def _blank(self, name: str) -> Memory:
        return Memory(self._kinds[kind_of(name)], name, remembered_max=1)

    def tell(self, actor: str, kind: str, sequence: int) -> None:
        """One of our own has committed: whoever decides by it had better know."""
        if kind in self._consulted:
            self._tasks.start(self._publish(News(actor, sequence)))

    async def _publish(self, news: News) -> None:
        try:
            await self._bus.publish(NEWS, canonical(news))
        except BusError as error:  # they look for themselves every so often
            log.warning("news_not_told", actor=news.actor, code=error.code, detail=str(error))

    def _hear(self, message: Message) -> None:
        try:
            news = _NEWS.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("malformed_news", detail=str(error))
            return
        view = self._views.get(news.actor)
        if view is not None and view.memory.sequence < news.sequence:
            view.news = True
            self._look.set()

    async def _keep_fresh(self) -> None:
        loop = asyncio.get_running_loop()
        all_at = loop.time()
        while True:
            in_time = True
            try:
                async with asyncio.timeout_at(all_at):
                    await self._look.wait()
            except TimeoutError:
                in_time = False  # nobody was in a hurry
            self._look.clear()
            now = loop.time()
            for name in [name for name, view in self._views.items() if _is_idle(view, now)]:
                del self._views[name]
            everyone = not in_time or now >= all_at  # a loop's timer may come a trifle before its time
            if everyone:
                all_at = now + CONSULTED_EVERY_MS / 1000
            names = [
                name
                for name, view in self._views.items()
                if view.retry_at <= now and (everyone or view.news or view.waiting)
            ]
            for start in range(0, len(names), VIEWS_AT_A_TIME):
                if await self._refresh(names[start : start + VIEWS_AT_A_TIME]):
                    await asyncio.sleep(CONSULTED_AGAIN_MS / 1000)

    async def _refresh(self, names: list[str]) -> bool:
        """Whether there was anything new."""
        anything = False
        began = asyncio.get_running_loop().time()
        for name in names:
            self._views[name].news = False
        try:
            last = await self._events.last_of(names)
        except LogError as error:
            self._later(names, error)
            return False
        for name in names:
            view = self._views[name]
            try:
                if name in last and last[name].sequence > view.memory.sequence:
                    await self._catch_up(view, last[name])
                    anything = True
            except LogError as error:  # a broken chain among them: who decides by it waits in vain, and is told late
                self._later([name], error)
                continue
            except Exception:  # a bug in a decider: its own view is begun anew, and the others stay fresh
                log.exception("view_failed", actor=name)
                view.memory, view.checked_at = self._blank(name), float("-inf")
                view.retry_at = began + CONSULTED_EVERY_MS / 1000
                continue
            view.checked_at = began
            waiting, view.waiting = view.waiting, {}
            for cell in waiting:
                self._known(cell)
        return anything

    async def _catch_up(self, view: _View, newest: Recorded) -> None:
        if not view.memory.sequence:
            shelved = await self._shelved(newest)
            if shelved is not None:
                try:
                    await self._follow(shelved, newest)
                except ChainBroken as broken:
                    log.warning("snapshot_ignored", actor=newest.actor, detail=str(broken))
                else:
                    view.memory = shelved
                    return
        await self._follow(view.memory, newest)

    async def _shelved(self, newest: Recorded) -> Memory | None:
        """A snapshot that may stand on the chain: what follows it will show."""
        name = newest.actor
        data = (await self._shelf.get([name])).get(name)
        memory = None if data is None else Memory.from_snapshot(self._kinds[kind_of(name)], name, 1, data)
        if memory is None or memory.sequence > newest.sequence:
            return None
        fits = memory.sequence < newest.sequence or memory.head == hash_of(newest.body)
        return memory if fits else None

    async def _follow(self, memory: Memory, newest: Recorded) -> None:
        if memory.sequence == newest.previous:
            memory.follow(newest)
        elif memory.sequence < newest.sequence:
            async for recorded in self._events.read_actor(newest.actor, after=memory.sequence):
                memory.follow(recorded)

    def _later(self, names: list[str], error: LogError) -> None:
        """Not at once: and meanwhile the others are not kept waiting."""
        log.warning("not_consulted", code=error.code, detail=str(error), actors=names[:3], count=len(names))
        retry_at = asyncio.get_running_loop().time() + CONSULTED_EVERY_MS / 1000
        for name in names:
            self._views[name].retry_at = retry_at


def _is_idle(view: _View, now: float) -> bool:
    return not view.waiting and now - view.asked_at > CONSULTED_FOR_MS / 1000
