"""Consulting: what a host knows of the actors that others decide by.

A resource-day decides by its organisation's catalog. The catalog is an actor of its own, perhaps on another host, and
a decision must not wait for it; so every host keeps a *view* of the catalogs that its actors ask for, folded from the
log. A view is refreshed when news come that its actor has committed, and every so often whatever comes; one that was
not refreshed for long is not decided by. So a change is in force everywhere within `CONSULTED_FRESH_MS`, however many
messages are lost, and each decision can name the sequence that it was made by.

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
from events.errors import BusError, LogError
from events.limits import APPEND_TIMEOUT_MS, READY_WITHIN_MS
from events.log import EventLog
from events.names import kind_of

log = structlog.get_logger(__name__)

NEWS: Final = "hosts.news"
CONSULTED_EVERY_MS: Final = 500
"""How often the log is asked whether a view is behind."""
CONSULTED_FRESH_MS: Final = 2_000
"""A view that was not compared with the log for so long is not decided by."""
CONSULTED_FOR_MS: Final = 600_000
"""A view that nobody asked for during so long is forgotten."""
VIEWS_AT_A_TIME: Final = 200

assert 2 * CONSULTED_EVERY_MS < CONSULTED_FRESH_MS
assert (
    CONSULTED_FRESH_MS + 2 * HostLimits().lease_ms + READY_WITHIN_MS + 2 * APPEND_TIMEOUT_MS < CONSULTED_BY_ALL_AFTER_MS
), "a decision waits for the others of its transaction, for a round, for a log that was away, for the wire, for the log"


class News(msgspec.Struct, frozen=True, array_like=True):
    """The actor has a commit at this sequence."""

    actor: str
    sequence: int


_NEWS: Final = msgspec.json.Decoder(News)


class _View:
    __slots__ = ("asked_at", "checked_at", "memory", "retry_at", "waiting")

    def __init__(self, memory: Memory, now: float) -> None:
        self.memory = memory
        self.asked_at = now
        self.checked_at = self.retry_at = float("-inf")
        self.waiting: dict[Cell, None] = {}


class Consulting:
    def __init__(
        self,
        events: EventLog,
        bus: Bus,
        kinds: Mapping[str, AnyDecider],
        tasks: Tasks,
        known: Callable[[Cell], None],
    ) -> None:
        self._events = events
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

    def view(self, cell: Cell) -> Consulted[Any] | None:
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
                policy = Consulted(memory.state, memory.sequence, cell.leases)
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
            self._look.set()

    async def _keep_fresh(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(CONSULTED_EVERY_MS / 1000):
                    await self._look.wait()
            except TimeoutError:
                pass  # nobody was in a hurry
            self._look.clear()
            now = loop.time()
            for name in [name for name, view in self._views.items() if _is_idle(view, now)]:
                del self._views[name]
            names = [name for name, view in self._views.items() if view.retry_at <= now]
            for start in range(0, len(names), VIEWS_AT_A_TIME):
                await self._refresh(names[start : start + VIEWS_AT_A_TIME])

    async def _refresh(self, names: list[str]) -> None:
        began = asyncio.get_running_loop().time()
        try:
            last = await self._events.last_of(names)
        except LogError as error:
            self._later(names, error)
            return
        for name in names:
            view = self._views[name]
            try:
                if name in last and last[name].sequence > view.memory.sequence:
                    async for recorded in self._events.read_actor(name, after=view.memory.sequence):
                        view.memory.follow(recorded)
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

    def _later(self, names: list[str], error: LogError) -> None:
        """Not at once: and meanwhile the others are not kept waiting."""
        log.warning("not_consulted", code=error.code, detail=str(error), actors=names[:3], count=len(names))
        retry_at = asyncio.get_running_loop().time() + CONSULTED_EVERY_MS / 1000
        for name in names:
            self._views[name].retry_at = retry_at


def _is_idle(view: _View, now: float) -> bool:
    return not view.waiting and now - view.asked_at > CONSULTED_FOR_MS / 1000
