"""Server-sent events: whoever comes back with the id of the last event they read misses nothing."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.streams.events import Events
from gateway.streams.hub import Hub
from gateway.streams.topics import topic_of
from tests.gateway.streams.test_live import EPOCH, TOPIC, Watcher, followed, quiet


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
    return Events(hub, [topic_of(TOPIC)])


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
