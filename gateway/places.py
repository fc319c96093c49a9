"""Places: how tickets stand, asked for many at a time.

In a rush thousands join within a second, and each wants to know where they stand. While one question is under way, the
next tickets gather; then one question has them all. It is not answered from before the last of their joins.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

from events.bus import Bus
from events.errors import BusError
from gateway.problems import Problem, problem_from, unanswered
from projections import answering
from projections.limits import TICKETS_MAX
from projections.questions import TicketAnswer, Tickets, Unanswered

ASKED_AT_ONCE_MAX: Final = 4
WITHIN_MS: Final = 5_000


class _Wanted:
    """How one ticket stands, asked by so many who still wait; not from before the last of their joins."""

    def __init__(self) -> None:
        self.at_least = 0
        self.waiting = 0
        self.answer: Final[asyncio.Future[TicketAnswer]] = asyncio.get_running_loop().create_future()

    def fail(self, problem: Problem) -> None:
        if not self.answer.done():
            self.answer.set_exception(problem)
            self.answer.exception()  # whoever waited may have gone


class Places:
    def __init__(self, bus: Bus) -> None:
        self._bus: Final = bus
        self._wanted: Final[dict[str, dict[str, _Wanted]]] = {}
        """By organisation and ticket, what has not been asked yet. Organisations take turns: whose turn was last is
        last."""
        self._under_way: Final[set[asyncio.Task[None]]] = set()
        self._gathering = False
        """A question is about to be asked, and has yet to be told of which tickets."""

    async def of(self, org: str, ticket: str, at_least: int, within_ms: int) -> TicketAnswer:
        """How the ticket stands, not older than that sequence."""
        wanted = self._wanted.setdefault(org, {}).setdefault(ticket, _Wanted())
        wanted.at_least = max(wanted.at_least, at_least)
        wanted.waiting += 1
        self._go_on()
        try:
            async with asyncio.timeout(within_ms / 1000):
                return await asyncio.shield(wanted.answer)
        except TimeoutError as error:
            raise _not_answered() from error
        finally:
            wanted.waiting -= 1
            if not wanted.waiting:
                self._forget(org, ticket, wanted)

    def _forget(self, org: str, ticket: str, wanted: _Wanted) -> None:
        """Nobody waits for it any more, so it is not asked either."""
        some = self._wanted.get(org, {})
        if some.get(ticket) is wanted:
            del some[ticket]
            if not some:
                del self._wanted[org]

    def _go_on(self) -> None:
        if self._wanted and not self._gathering and len(self._under_way) < ASKED_AT_ONCE_MAX:
            self._gathering = True
            task = asyncio.get_running_loop().create_task(self._gather())
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._go_on()

    async def _gather(self) -> None:
        await asyncio.sleep(0)  # others of this round of the loop come along
        self._gathering = False
        if not self._wanted:
            return  # whoever wanted it has gone
        org = next(iter(self._wanted))
        wanted = self._wanted.pop(org)
        some = {ticket: wanted.pop(ticket) for ticket in list(islice(wanted, TICKETS_MAX))}
        if wanted:
            self._wanted[org] = wanted
        self._go_on()
        await self._ask(org, some)

    async def _ask(self, org: str, some: dict[str, _Wanted]) -> None:
        asked = Tickets(org=org, tickets=tuple(some), at_least=max(one.at_least for one in some.values()))
        try:
            answers: tuple[TicketAnswer | None, ...] = await answering.ask(self._bus, asked, WITHIN_MS)
            for (ticket, one), answer in zip(some.items(), answers, strict=True):
                if answer is None:
                    one.fail(Problem("unknown_ticket", f"there is no ticket {ticket!r}"))
                elif not one.answer.done():
                    one.answer.set_result(answer)
        except Exception as error:  # noqa: BLE001  # whatever it is, they wait for it, and it is logged
            problem = _told(error)
            for one in some.values():
                one.fail(problem)


def _told(error: Exception) -> Problem:
    match error:
        case Unanswered():
            return unanswered(error)
        case BusError():
            return _not_answered()
        case _:
            return problem_from(error)


def _not_answered() -> Problem:
    return Problem("not_answered", "the read models do not answer at the moment", "busy")
