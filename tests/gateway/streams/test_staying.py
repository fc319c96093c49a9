"""Whoever listens is looked at again and again, and only what is their own fault sends them away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from events.permissions import Standing, permitted
from gateway.edge import Edge
from gateway.identity.callers import Caller, unauthenticated
from gateway.problems import Problem
from gateway.streams.events import Events
from gateway.streams.staying import ASKED_AT_ONCE, LOOK_EVERY_S, Still, shown, watch
from gateway.streams.topics import topic_of
from tests.gateway.streams.test_live import followed
from tests.support.gateway import in_virtual_time

__all__ = ["in_virtual_time"]

LATE = Problem("deadline_passed", "who asks could not be told in the time that was given", "late")
BUSY = Problem("not_answered", "whose key that is cannot be told at the moment", "busy")


def caller(standing: Standing = "operator") -> Caller:
    return Caller("demo", standing, "user:staff.ann", permitted(standing))


class Somebody:
    """At a stream, with whatever became of it."""

    def __init__(self, still: Still) -> None:
        self.still = still
        self.known: list[Caller] = []
        self.problems: list[str] = []

    def stays(self, caller: Caller) -> None:
        self.known.append(caller)

    def sent_away(self, problem: Problem) -> None:
        self.problems.append(problem.code)


class Front:
    """Knows everybody, takes its time, and counts how often it is asked."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.asked: list[str] = []
        self.problem: Exception | None = None
        self._takes_s = takes_s

    async def caller(self, method: str, org: str, headers: Mapping[str, str]) -> Caller:
        self.asked.append(headers["authorization"])
        await asyncio.sleep(self._takes_s)
        if self.problem is not None:
            raise self.problem
        if "revoked" in headers["authorization"]:
            raise unauthenticated("there is no such key, or it is not good any more", "bad_token")
        return caller()

    def somebody(self, key: str) -> Somebody:
        return Somebody(shown(self.caller, "demo", {"authorization": key, "user-agent": "whatever"}))


@asynccontextmanager
async def watched(*those: Somebody | Events) -> AsyncIterator[None]:
    watching = asyncio.ensure_future(watch(lambda: those))
    try:
        yield
        assert not watching.done(), watching
    finally:
        watching.cancel()


@pytest.mark.parametrize("problem", [LATE, BUSY, Problem("bug", "ours", "ours"), ZeroDivisionError()])
async def test_whoever_cannot_be_found_out_stays(problem: Exception) -> None:
    """Until they can. Whoever is not let in any more then is sent away then."""
    front = Front()
    staff, gone = front.somebody("staff"), front.somebody("revoked")
    front.problem = problem
    async with watched(staff, gone):
        await asyncio.sleep(LOOK_EVERY_S * 3 + 1)
        assert len(front.asked) >= 4
        assert (staff.problems, gone.problems, staff.known) == ([], [], [])
        front.problem = None
        await asyncio.sleep(LOOK_EVERY_S)
        assert (staff.problems, staff.known) == ([], [caller()])
        assert gone.problems == ["bad_token"]


async def test_those_who_showed_the_same_are_found_out_by_one_question() -> None:
    """A thousand sockets of one key take no more than one."""
    front = Front()
    desks = [front.somebody("desk") for _ in range(1_000)]
    others = [front.somebody("other"), front.somebody("revoked")]
    async with watched(*desks, *others):
        await asyncio.sleep(LOOK_EVERY_S + 1)
        assert sorted(front.asked) == ["desk", "other", "revoked"]
        assert all(len(one.known) == 1 for one in desks)
        assert [one.problems for one in others] == [[], ["bad_token"]]


async def test_keys_that_take_long_to_be_told_of_do_not_hold_up_all_the_others() -> None:
    """Some dozens are asked at a time: a round of a thousand keys that each take five seconds lasts a minute or so."""
    front = Front(takes_s=5.0)
    slow = [front.somebody(f"slow {number}") for number in range(1_000)]
    last = front.somebody("revoked")
    async with watched(*slow, last):
        await asyncio.sleep(LOOK_EVERY_S + 0.1)
        assert len(front.asked) == ASKED_AT_ONCE
        await asyncio.sleep(5.0 * (1_000 // ASKED_AT_ONCE + 1))
        assert last.problems == ["bad_token"]


@pytest.mark.parametrize("names", [["bookings"], ["status", "numbers/launch"]])
async def test_an_event_stream_ends_when_one_of_its_topics_may_not_be_followed_any_more(names: list[str]) -> None:
    """Whoever comes back is told why."""
    standing: Standing = "operator"

    async def still() -> Caller:
        return caller(standing)

    async with followed() as (_, hub, _):
        events = Events(cast("Edge", SimpleNamespace(hub=hub)), [topic_of(name) for name in names], still)
        async with watched(events):
            await asyncio.sleep(LOOK_EVERY_S + 1)
            assert not events.ended
            standing = "session"
            await asyncio.sleep(LOOK_EVERY_S)
            assert events.ended
