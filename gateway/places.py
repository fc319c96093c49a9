"""Places: how tickets stand, asked for many at a time.

In a rush thousands join within a second, and each wants to know where they stand. While one question is under way, the
next tickets gather; then one question has them all. It is not answered from before the last of their joins.
"""

from __future__ import annotations

import asyncio
from typing import Final

from events.bus import Bus
from events.errors import BusError
from gateway.problems import Problem, unanswered
from projections import answering
from projections.limits import TICKETS_MAX
from projections.questions import TicketAnswer, Tickets, Unanswered

ASKED_AT_ONCE_MAX: Final = 4
WITHIN_MS: Final = 5_000


class Places:
    def __init__(self, bus: Bus) -> None:
        self._bus: Final = bus
        self._waiting: Final[dict[str, dict[str, tuple[int, asyncio.Future[TicketAnswer]]]]] = {}
        """By organisation and ticket: the sequence of its join, and who wants to know."""
        self._under_way: Final[set[asyncio.Task[None]]] = set()

    async def of(self, org: str, ticket: str, at_least: int, within_ms: int) -> TicketAnswer:
        """How the ticket stands, not older than that sequence."""
        waiting = self._waiting.setdefault(org, {})
        known = waiting.get(ticket)
        future: asyncio.Future[TicketAnswer] = asyncio.get_running_loop().create_future() if known is None else known[1]
        waiting[ticket] = (max(at_least, known[0] if known else 0), future)
        self._go_on()
        try:
            async with asyncio.timeout(within_ms / 1000):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise Problem("not_answered", "the read models do not answer at the moment", "busy") from error

    def _go_on(self) -> None:
        while self._waiting and len(self._under_way) < ASKED_AT_ONCE_MAX:
            org, waiting = next(iter(self._waiting.items()))
            some = dict(list(waiting.items())[:TICKETS_MAX])
            for ticket in some:
                del waiting[ticket]
            if not waiting:
                del self._waiting[org]
            task = asyncio.get_running_loop().create_task(self._ask(org, some))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._go_on()

    async def _ask(self, org: str, some: dict[str, tuple[int, asyncio.Future[TicketAnswer]]]) -> None:
        await asyncio.sleep(0)  # others of this round of the loop come along
        asked = Tickets(org=org, tickets=tuple(some), at_least=max(sequence for sequence, _ in some.values()))
        failed: Problem | None = None
        answers: tuple[TicketAnswer | None, ...] = ()
        try:
            answers = await answering.ask(self._bus, asked, WITHIN_MS)
        except Unanswered as error:
            failed = unanswered(error)
        except BusError:
            failed = Problem("not_answered", "the read models do not answer at the moment", "busy")
        for number, (ticket, (_, future)) in enumerate(some.items()):
            if future.done():
                continue
            answer = None if failed else answers[number]
            if answer is not None:
                future.set_result(answer)
            else:
                future.set_exception(failed or Problem("unknown_ticket", f"there is no ticket {ticket!r}"))
                future.exception()  # whoever waited may have gone
