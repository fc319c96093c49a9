"""A call: one request of one caller, however it came, and what it may take.

What it asks of actors carries its deadline, its principal, its trace and, when the client named it by an
`Idempotency-Key`, an id that follows from the caller and that key under a seal that follows from the request: so the
same again is done once, after any crash, and another request under that key is refused. Everything random in what is
done follows from the id then, so that the answer is the same too.
"""

from __future__ import annotations

import asyncio
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from secrets import token_bytes
from typing import Any, Final, TypeVar

import msgspec

from actors.booking.asking import Parts
from actors.decider import Command, Refusal
from actors.runtime.memory import SEAL
from actors.runtime.wire import Accepted
from events.bus import Bus
from events.errors import BusError, UnknownOutcome
from gateway.at_hand import AtHand
from gateway.edge import Edge
from gateway.idempotency import digest
from gateway.identity.callers import Caller
from gateway.limits import SHARED_WITHIN_MS, STEP_DIGITS
from gateway.problems import Problem, not_known, problem_of, unanswered
from projections import answering
from projections.folding import position
from projections.questions import Question, Unanswered

T = TypeVar("T")
K = TypeVar("K")

BEHIND: Final = frozenset({"behind", "catalog_behind"})
"""What is answered by who decides by something older than what the asker has seen."""
BEHIND_MS: Final = 20
TOKEN_BYTES: Final = 10
"""Of what makes the name of a hold or a booking unlike any other: sixteen letters."""


class Call:
    """One request. `at_least` is the sequence that the client has seen: nothing older is read for it."""

    __slots__ = ("_deadline", "_id", "at_least", "caller", "edge", "sequence", "shown_pass", "trace")

    def __init__(
        self,
        edge: Edge,
        caller: Caller,
        within_ms: int,
        *,
        at_least: int = 0,
        id: str = "",
        shown_pass: str = "",
        trace: str = "",
    ) -> None:
        self.edge: Final = edge
        self.caller: Final = caller
        self.at_least = at_least
        self.shown_pass: Final = shown_pass
        self.trace: Final = trace
        self.sequence = 0
        """Where the last of what it had done stands; 0 while nothing is."""
        self._deadline: Final = asyncio.get_running_loop().time() + within_ms / 1000
        self._id: Final = id

    @property
    def org(self) -> str:
        return self.caller.org

    @property
    def left_ms(self) -> int:
        left = int((self._deadline - asyncio.get_running_loop().time()) * 1000)
        if left <= 0:
            raise _late()
        return left

    @property
    def position(self) -> str:
        return position(self.edge.epoch, self.sequence)

    def begin(self) -> None:
        """It is done now: from here on its idempotency key belongs to it, and to no other request."""
        if self._id:
            self.edge.keys_seen.note(self._id)

    def drawn(self, purpose: str, size: int = TOKEN_BYTES) -> bytes:
        """Random bytes; the same ones when the same is asked again under an idempotency key."""
        if not self._id:
            return token_bytes(size)
        return self.edge.secret.derive("drawn", self._id, purpose)[:size]

    def name(self, prefix: str) -> str:
        """For something new, unlike any other's."""
        return f"{prefix}-{b32encode(self.drawn(prefix)).decode().lower()}"

    def token(self, purpose: str) -> str:
        return urlsafe_b64encode(self.drawn(purpose, 18)).decode()

    # Having things done

    async def ask(self, actor: str, command: Command, *, keyed: bool = True) -> Accepted:
        """One actor's answer. What may be done again without harm, and has to be, is not `keyed`."""
        return await self.together(((actor, command),), keyed=keyed)

    async def hear(self, actor: str, question: Command) -> Accepted:
        """What an actor says of itself. It changes nothing, so it needs no id."""
        try:
            answer = await self.edge.sender.send(actor, question, by=self.caller.by, within_ms=self.left_ms)
        except UnknownOutcome as error:
            raise Problem("not_answered", f"{actor} did not answer in time", "busy") from error
        return agreed(answer)

    async def together(self, parts: Parts, *, keyed: bool = True) -> Accepted:
        """All or nothing; the reply is the first actor's. Somebody who has yet to hear of what we know is asked again
        while there is time: they will have in a moment."""
        lead, command = parts[0]
        id = self._id_of(lead, command) if keyed and self._id else None
        while True:
            try:
                answer = await self.edge.sender.transact(
                    parts, id=id, by=self.caller.by, within_ms=self.left_ms, trace=self.trace
                )
            except UnknownOutcome as error:
                raise not_known() from error
            if not isinstance(answer, Refusal):
                self.sequence = max(self.sequence, answer.sequence)
                return Accepted(answer.reply[lead], answer.sequence)
            pause_ms = answer.retry_after_ms or BEHIND_MS
            if answer.code not in BEHIND or pause_ms >= self.left_ms:
                raise problem_of(answer)
            await asyncio.sleep(pause_ms / 1000)

    def _id_of(self, lead: str, command: Command) -> str:
        """A call may ask for several things, each once, and again when it was told to look again."""
        known_as, _, seal = self._id.partition(SEAL)
        return f"{known_as}-{digest((lead.encode(), type(command).__name__.encode()))[:STEP_DIGITS]}{SEAL}{seal}"

    # Looking

    async def look(self, question: Question) -> Any:
        """What the read models answer, not older than what the client has seen or this call has done."""
        return (await self.look_at(question))[0]

    async def look_at(self, question: Question) -> tuple[Any, int]:
        """The same, and the sequence that it stands on."""
        return await self._look(answering.ask_at, question)

    async def look_unread(self, question: Question) -> tuple[bytes, int]:
        """The same, with the answer as it came."""
        return await self._look(answering.ask_unread, question)

    async def _look(
        self, ask: Callable[[Bus, Question, int], Awaitable[tuple[T, int]]], question: Question
    ) -> tuple[T, int]:
        at_least = max(self.at_least, self.sequence, question.at_least)
        asked = msgspec.structs.replace(question, at_least=at_least) if at_least else question
        try:
            return await ask(self.edge.bus, asked, self.left_ms)
        except Unanswered as error:
            raise unanswered(error) from error
        except BusError as error:
            raise Problem("not_answered", "the read models do not answer at the moment", "busy") from error

    async def shared(
        self, kept: AtHand[K, T], key: K, ask: Callable[[Call], Awaitable[tuple[T, int]]], at_least: int = 0
    ) -> tuple[T, int]:
        """An answer that is given to others too, and the sequence that it stands on. It is asked for by a call of its
        own: whoever comes first lends the others neither their deadline nor what they have seen."""
        found = kept.fresh(key, at_least)
        if found is not None:
            if kept.renews:
                kept.renew(key, lambda seen: ask(Call(self.edge, self.caller, SHARED_WITHIN_MS, at_least=seen)))
            return found
        everybodys = Call(self.edge, self.caller, SHARED_WITHIN_MS, at_least=at_least)
        try:
            async with asyncio.timeout(self.left_ms / 1000):
                return await kept.get(key, at_least, lambda: ask(everybodys))
        except TimeoutError as error:
            raise _late() from error


def _late() -> Problem:
    return Problem("deadline_passed", "the time that was given for it is over", "late")


def agreed(answer: T | Refusal) -> T:
    """What was answered; raised, when it is a refusal."""
    if isinstance(answer, Refusal):
        raise problem_of(answer)
    return answer
