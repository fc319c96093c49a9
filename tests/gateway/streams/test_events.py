"""Server-sent events: whoever comes back with the id of the last event they read misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import cast, get_args

import pytest

from actors.decider import Fault
from actors.simulation.loop import VirtualLoop
from gateway.edge import Edge
from gateway.identity.callers import Caller, nobody
from gateway.problems import Problem
from gateway.streams.events import Events
from gateway.streams.hub import Hub
from gateway.streams.topics import topic_of
from tests.gateway.streams.test_live import EPOCH, TOPIC, Watcher, followed, quiet


async def anybody() -> Caller:
    return nobody("demo")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        yield runner


async def read(events: Events) -> list[dict[str, str]]:
    """What the stream has to say at the moment, by event."""
    run = events.run()
    assert (await anext(run)).startswith(b"retry: ")
    return parted(await anext(run))


def parted(said: bytes) -> list[dict[str, str]]:
    return [dict(line.split(": ", 1) for line in event.split("\n")) for event in said.decode().split("\n\n") if event]


def kinds(events: Sequence[dict[str, str]]) -> list[str]:
    return [event["event"] for event in events]


def stream(hub: Hub) -> Events:
    return Events(cast("Edge", SimpleNamespace(hub=hub)), [topic_of(TOPIC)], anybody)


async def test_the_id_of_each_event_is_where_its_reader_stands_then() -> None:
    """A stream may be cut behind any of them: what was not read is told to whoever comes back."""
    async with followed() as (model, hub, live):
        live.follow(Watcher(), b"1", None)
        await quiet()
        for _ in range(3):
            await model.change()
        await quiet()
        events = stream(hub)
        live.follow(events, b"null", 5)
        told = await read(events)
        assert kinds(told) == ["resumed", "delta", "delta", "delta"]
        assert [event["id"] for event in told] == [f"{EPOCH}:{at}" for at in (5, 6, 7, 8)]


async def test_a_stream_ends_when_a_topic_fails_and_whoever_comes_back_goes_on_where_they_stood() -> None:
    """Nobody is left listening to what is not told any more."""
    async with followed() as (model, hub, live):
        events, said = stream(hub), bytearray()
        live.follow(events, b"null", None)

        async def listen() -> None:
            async for some in events.run():
                said.extend(some)

        listening = asyncio.create_task(listen())
        await quiet()
        model.down = True
        hub.doubt()
        await asyncio.sleep(12)
        assert listening.done()
        last = parted(bytes(said).partition(b"\n\n")[2])[-1]
        assert (last["event"], last["id"]) == ("problem", f"{EPOCH}:5")
        events.stop()
        model.down = False
        await model.change()
        again = stream(hub)
        live.follow(again, b"null", 5)
        await quiet()
        assert kinds(await read(again)) == ["resumed", "delta"]


@pytest.mark.parametrize("fault", get_args(Fault))
async def test_a_stream_ends_only_for_what_its_reader_can_ask_for_again(fault: Fault) -> None:
    """Of what is refused, its other topics are told all the same; coming back would change nothing."""
    async with followed() as (_, hub, live):
        events = stream(hub)
        events.fails(live, b"null", Problem("not_answered", "not now", fault))
        run = events.run()
        told = [await anext(run), await anext(run), await anext(run, b"the end")]
        assert (told[-1] == b"the end") == (fault != "caller")
