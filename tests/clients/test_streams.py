"""What a stream shows: never more than was told, nothing twice, and never more waiting than is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tidegate_client import AsyncTidegate, Tidegate
from tidegate_client.answers import Held
from tidegate_client.holding import Holding, beat_s
from tidegate_client.limits import CHANGES_WAITING_MAX
from tidegate_client.problems import Problem, not_reached
from tidegate_client.streams.conversation import Change, Conversation, Reply
from tidegate_client.streams.following import Following
from tidegate_client.streams.guesses import Guesses
from tidegate_client.streams.states import Holds, Run
from tidegate_client.streams.stream import Stream
from tidegate_client.streams.views import holding_guess

EPOCH = "0123456789ab"
HOLDS = "holds/room/2026-12-07"
DAY = "day/room/2026-12-07"
NOBODY: Final = "http://127.0.0.1:1"
"""Where no gateway is: whoever follows anything there waits."""
TICKET: Final = "launch.0.1"
AT_ONCE_S: Final = 5.0
"""Much less than anybody waits by themselves."""


def at(sequence: int) -> str:
    return f"{EPOCH}:{sequence}"


def snapshot(topic: str, sequence: int, id: int) -> dict[str, object]:
    state = {"held": "0" * 24, "units": []}
    return {"type": "snapshot", "id": id, "topic": topic, "position": at(sequence), "state": state}


# Following


async def test_a_reader_that_does_not_keep_up_is_told_how_things_are() -> None:
    """What waits for it is bounded; it misses no state that counts, and hears on from there."""
    now = Change(HOLDS, "snapshot", at(5_000), "as it is")
    reader = Following((HOLDS,), lambda _: now, lambda _: None)
    for number in range(CHANGES_WAITING_MAX + 500):
        reader.hear(Change(HOLDS, "delta", at(number)))
    assert await anext(reader) == now
    reader.hear(Change(HOLDS, "delta", at(5_001)))
    assert (await anext(reader)).position == at(5_001)


async def test_whoever_looks_at_a_view_is_told_once_of_what_arrived_together() -> None:
    """And of what comes later, later."""
    reader = Following((HOLDS,), lambda _: None, lambda _: None)
    looking = asyncio.ensure_future(reader.news())
    await asyncio.sleep(0)
    for number in range(3):
        reader.hear(Change(HOLDS, "delta", at(number)))
    await looking
    again = asyncio.ensure_future(reader.news())
    await asyncio.sleep(0)
    assert not again.done()
    reader.hear(Change(HOLDS, "delta", at(3)))
    await again


async def test_a_reader_ends_with_its_stream_or_with_a_problem() -> None:
    """What it was told before, it hears first."""
    reader = Following((HOLDS,), lambda _: None, lambda _: None)
    reader.hear(Change(HOLDS, "delta", at(1)))
    reader.end(None)
    assert [change.position async for change in reader] == [at(1)]
    refused = Following((HOLDS,), lambda _: None, lambda _: None)
    refused.hear(Change(HOLDS, "failed", problem=Problem("unknown_resource", "x")))
    with pytest.raises(Problem, match="unknown_resource"):
        await anext(refused)


# Conversations: what dialogues of the conformance suite don't say


def test_what_was_asked_for_is_asked_for_again_over_the_next_connection() -> None:
    """Under the same key, until it is answered; and not once nobody waits for it."""
    talk = Conversation(lambda: 0.5)
    talk.opened()
    id = talk.call(command="book", key="k")
    dropped = talk.call(command="hold", key="l")
    assert [one["id"] for one in talk.to_say()] == [id, dropped]
    talk.give_up(dropped)
    talk.lost()
    assert talk.to_say() == []
    talk.opened()
    assert talk.to_say() == [{"type": "call", "id": id, "command": "book", "key": "k"}]
    assert talk.hear({"type": "result", "id": id, "position": at(7), "answer": {}}) == [Reply(id, {}, at(7))]
    talk.lost()
    talk.opened()
    assert talk.to_say() == []


def test_a_mark_is_said_behind_the_beginnings() -> None:
    """Else it might be passed before what it stands for was told."""
    talk = Conversation(lambda: 0.5)
    talk.follow(HOLDS)
    talk.opened()
    (subscribe,) = talk.to_say()
    mark = talk.mark(at(9))
    assert talk.to_say() == []
    talk.hear(snapshot(HOLDS, 4, subscribe["id"]))
    assert talk.to_say() == [{"type": "sync", "id": mark, "position": at(9)}]
    assert talk.hear({"type": "synced", "id": mark, "position": at(9)}) == [Reply(mark, position=at(9))]


def test_a_beginning_of_a_request_that_was_given_up_is_not_believed() -> None:
    """Only the last one about a topic counts."""
    talk = Conversation(lambda: 0.5)
    talk.opened()
    talk.follow(HOLDS)
    talk.leave(HOLDS)
    talk.follow(HOLDS)
    first, _, second = talk.to_say()
    assert talk.hear(snapshot(HOLDS, 4, first["id"])) == []
    (begun,) = talk.hear(snapshot(HOLDS, 6, second["id"]))
    assert isinstance(begun, Change) and begun.position == at(6)


@pytest.mark.parametrize("said", ["no json", "[]", '{"type": "snapshot"}', '{"type": "delta", "topic": "status"}'])
async def test_a_stream_that_makes_no_sense_ends_with_a_problem(said: str) -> None:
    """Nobody waits for ever because of it."""

    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type": "snapshot", "id": 1, "topic": "status", "position": "0123456789ab:1", "state": {}}')
        await socket.send(said)
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with AsyncTidegate(f"http://127.0.0.1:{port}", "demo") as client, client.stream() as stream:
            changes = stream.follow("status")
            assert (await anext(changes)).why == "snapshot"
            with pytest.raises(Problem, match="misread"):
                await anext(changes)
            with pytest.raises(Problem, match="misread"):
                await stream.join("launch")


# Closed, or failed


async def code_of(waits: Awaitable[object]) -> str:
    """Of the problem that it comes to, before anybody's patience is over."""
    with pytest.raises(Problem) as told:
        await asyncio.wait_for(waits, AT_ONCE_S)
    return told.value.code


async def all_of(changes: Any) -> list[object]:
    return [change async for change in changes]


def everything(stream: Stream) -> list[Awaitable[object]]:
    """That can be waited for on a stream."""
    return [
        stream.wait(TICKET),
        anext(stream.follow(DAY)),
        stream.room("launch").begun(),
        stream.month("room", "2026-12").changed(),
        stream.reached(at(9), within_s=60),
        stream.join("launch"),
    ]


async def test_whoever_waits_on_a_stream_that_is_closed_is_told_so() -> None:
    """And what is gone through ends."""
    async with AsyncTidegate(NOBODY, "demo", within_s=60) as client, client.stream() as stream:
        followed, shown = stream.follow(HOLDS), stream.day("room", "2026-12-07")
        ends = [asyncio.ensure_future(all_of(one)) for one in (followed, shown)]
        waits = [
            asyncio.ensure_future(code_of(one))
            for one in (stream.wait(TICKET), stream.room("launch").begun(), stream.month("room", "2026-12").changed())
        ]
        waits += [asyncio.ensure_future(code_of(one)) for one in (stream.reached(at(9)), stream.join("launch"))]
        done, _ = await asyncio.wait([*ends, *waits], timeout=0.1)
        assert not done
        await stream.close()
        assert await asyncio.gather(*waits) == ["closed"] * 5
        assert await asyncio.gather(*ends) == [[], []]


async def test_nothing_new_is_waited_for_on_a_stream_that_was_closed() -> None:
    """It is said so at once."""
    async with AsyncTidegate(NOBODY, "demo", within_s=60) as client:
        async with client.stream() as stream:
            pass
        assert [await code_of(one) for one in everything(stream)] == ["closed"] * 6


async def test_a_stream_that_is_closed_in_a_hurry_tells_so_as_well() -> None:
    """Also when nobody has the time to see its connection end."""
    async with AsyncTidegate(NOBODY, "demo") as client, client.stream() as stream:
        waits = asyncio.ensure_future(code_of(stream.wait(TICKET)))
        await asyncio.wait([waits], timeout=0.1)
        closing = asyncio.ensure_future(stream.close())
        await asyncio.sleep(0)
        closing.cancel()
        assert await waits == "closed"


async def test_nothing_new_is_waited_for_on_a_stream_that_has_failed() -> None:
    """Why is said at once; and still when it is closed, to whoever had not heard it yet."""

    def refuse(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(401, '{"code": "bad_token", "detail": "x", "fault": "caller", "status": 401}')
        response.headers["content-type"] = "application/problem+json"
        return response

    async def talk(_: ServerConnection) -> None:
        raise AssertionError

    async with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with AsyncTidegate(f"http://127.0.0.1:{port}", "demo", within_s=60) as client:
            async with client.stream() as stream:
                late = stream.follow(HOLDS)
                assert await code_of(anext(stream.follow(DAY))) == "bad_token"
                assert [await code_of(one) for one in everything(stream)] == ["bad_token"] * 6
            assert await code_of(anext(late)) == "bad_token"


def test_threads_that_wait_on_a_stream_that_is_closed_are_told_so() -> None:
    """And what they go through ends; afterwards nothing new is waited for."""

    def told(what: Any) -> object:
        try:
            return what()
        except Problem as problem:
            return problem.code

    with Tidegate(NOBODY, "demo", within_s=60) as client, ThreadPoolExecutor(8) as threads:
        with client.stream() as stream:
            changes, room, day = stream.follow(HOLDS), stream.room("launch"), stream.day("room", "2026-12-07")
            asked = [
                threads.submit(told, what)
                for what in (
                    lambda: stream.wait(TICKET), lambda: stream.join("launch"), room.__enter__,
                    lambda: list(changes), lambda: list(day),
                )
            ]  # fmt: skip
            assert not wait(asked, timeout=0.1).done
        assert [one.result(AT_ONCE_S) for one in asked] == ["closed", "closed", "closed", [], []]
        assert (list(changes), list(room)) == ([], [])
        changes.leave()
        for what in (lambda: stream.wait(TICKET), lambda: stream.join("launch"), lambda: stream.follow(DAY)):
            late = threads.submit(what)
            with pytest.raises(Problem, match="closed"):
                late.result(AT_ONCE_S)


# Guesses


def test_a_guess_is_seen_until_its_topic_has_come_so_far() -> None:
    """Of each topic for itself, and whatever is heard before the answer."""
    guesses = Guesses()
    number = guesses.make({DAY: lambda state: state + "+", HOLDS: lambda state: state + "?"})
    assert (guesses.seen(DAY, "d"), guesses.seen(HOLDS, "h"), guesses.seen("other", "o")) == ("d+", "h?", "o")
    guesses.reached(DAY, at(50))
    assert guesses.seen(DAY, "d") == "d+"  # nobody has said yet where it stands
    assert guesses.answered(number, at(9), {DAY: at(8), HOLDS: at(3)})
    guesses.reached(DAY, at(9))
    assert (guesses.seen(DAY, "d"), guesses.seen(HOLDS, "h")) == ("d", "h?")
    guesses.drop(number)  # everything through there has been told, and nothing of it was of this topic
    assert (guesses.seen(HOLDS, "h"), len(guesses)) == ("h", 0)


def test_a_delta_that_comes_before_the_answer_leaves_no_guess() -> None:
    """The answer finds its topics there."""
    guesses = Guesses()
    number = guesses.make({DAY: lambda state: state + "+"})
    assert not guesses.answered(number, at(9), {DAY: at(9)})
    assert guesses.seen(DAY, "d") == "d"


def test_a_guess_of_another_log_is_dropped() -> None:
    """Nothing of that log will ever be told."""
    guesses = Guesses()
    number = guesses.make({DAY: lambda state: state + "+"})
    assert not guesses.answered(number, at(9), {DAY: "ba9876543210:2"})


@given(st.integers(0, 80), st.integers(1, 15), st.integers(1, 3))
def test_a_guess_changes_nothing_that_is_so_already(first: int, length: int, units: int) -> None:
    """So it does no harm between the delta and the answer."""
    now = Holds(1, (Run(0, 1, 2),))
    guess = holding_guess(now, Run(first, first + length, units))
    assert guess(guess(now)) == guess(now) != replace(now, held=0)


# Holds


def test_a_hold_is_lost_when_the_gateway_says_so() -> None:
    """And not when nobody answered: the next heartbeat may."""
    holding, gone = (
        Holding(Held("h", "", "", "", "2026-12-07T10:00:10.000Z", "")),
        Problem("hold_gone", "x", "late", 410),
    )
    losses = []
    for problem in (not_reached("ConnectError"), gone):
        holding.failed(problem)
        losses.append(holding.lost)
    assert losses == [None, gone]
    assert beat_s(10) == 5
