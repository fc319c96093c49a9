"""Whether those who follow topics may still: a key that was revoked opens nothing any more, a session ends, a role is
narrowed.

Who asks for something is found out each time that they ask. Who only listens asks for nothing; so all of them are
looked at, and five seconds after that again. Whom what they showed when they came would not let in any more is sent
away, and a topic that they may not follow any more ends. Whoever cannot be found out at the moment stays: read models
that do not answer in time are nobody's own fault.

Those who showed the same are found out by one question, and some dozens are asked at a time: to be asked may take its
five seconds, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from typing import Final, NoReturn, Protocol

import msgspec

from gateway.identity.callers import Caller
from gateway.problems import Problem, problem_from

LOOK_EVERY_S: Final = 5.0
ASKED_AT_ONCE: Final = 64
IN_A_TURN: Final = 100
"""So many are seen to; then others have theirs."""
SHOWN: Final[tuple[str, ...]] = ("authorization", "cookie", "tidegate-session")
"""The headers by which somebody shows who they are."""


class Still(Hashable, Protocol):
    """Who somebody is by what they showed when they came. It is equal to that of whoever showed the same."""

    def __call__(self) -> Awaitable[Caller]:
        """A `Problem` when it shows nobody any more."""
        ...


class Staying(Protocol):
    """A socket, or a stream of events."""

    @property
    def still(self) -> Still: ...

    def stays(self, caller: Caller) -> None:
        """That is who they are now: what they may not follow any more ends."""

    def sent_away(self, problem: Problem) -> None:
        """What they showed when they came is good for nothing any more."""


class _Shown(msgspec.Struct, frozen=True):
    asked: Callable[[str, str, Mapping[str, str]], Awaitable[Caller]]
    org: str
    headers: tuple[tuple[str, str], ...]

    def __call__(self) -> Awaitable[Caller]:
        return self.asked("GET", self.org, dict(self.headers))


def shown(
    asked: Callable[[str, str, Mapping[str, str]], Awaitable[Caller]], org: str, headers: Mapping[str, str]
) -> Still:
    """By these headers, of which no more is kept than that takes. `asked` is `Front.caller`."""
    return _Shown(asked, org, tuple((name, headers[name]) for name in SHOWN if name in headers))


async def watch(*those: Callable[[], Iterable[Staying]]) -> NoReturn:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        by_still: dict[Still, list[Staying]] = {}
        for count, one in enumerate([one for them in those for one in them()], 1):
            by_still.setdefault(one.still, []).append(one)
            if count % IN_A_TURN == 0:
                await asyncio.sleep(0)
        unasked = iter(by_still.items())
        async with asyncio.TaskGroup() as asking:
            for _ in range(min(ASKED_AT_ONCE, len(by_still))):
                asking.create_task(_look_at(unasked))


async def _look_at(unasked: Iterator[tuple[Still, list[Staying]]]) -> None:
    for still, those in unasked:
        found = await _found(still)
        for count, one in enumerate(those, 1):
            if isinstance(found, Caller):
                one.stays(found)
            elif found.fault == "caller":
                one.sent_away(found)
            if count % IN_A_TURN == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)


async def _found(still: Still) -> Caller | Problem:
    try:
        caller = await still()
        caller.needs("streams.read")
    except Exception as error:  # noqa: BLE001  # of a bug our log is told; it sends nobody away
        return problem_from(error)
    return caller
