"""What the live tests have to do with: courts to play on, rooms to wait before, and somebody who owns them."""

from __future__ import annotations

import asyncio
import datetime as dt
from itertools import count
from typing import Any, Final

from tests.clients.stand import Stand
from tidegate_client import AsyncTidegate, Change
from tidegate_client.streams.following import Following

DATE: Final = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()
NUMBERS: Final = count(1)


def owner(stand: Stand, *urls: str, **manner: Any) -> AsyncTidegate:
    return AsyncTidegate(urls or stand.url, "demo", token=stand.key, **manner)


async def new_court(client: AsyncTidegate, *, capacity: int = 1, **event_type: Any) -> str:
    """A resource of a test's own, open all day, to be played on for a quarter of an hour or an hour; its name, which
    is that of its event type as well."""
    name = f"court-{next(NUMBERS)}"
    await client.put_resource(name, time_zone="UTC", capacity=capacity)
    about = {"durations": [15, 60], "interval": 15, "hold_seconds": 2, "resources": [name]} | event_type
    await client.put_event_type(name, **about)
    return name


async def new_room(client: AsyncTidegate, **settings: Any) -> str:
    name = f"room-{next(NUMBERS)}"
    await client.put_room(name, **settings)
    await client.step_room(name, "open")
    return name


def start(slot: int) -> str:
    return f"{DATE}T{slot // 4:02}:{slot % 4 * 15:02}:00Z"


async def heard(changes: Following, *whys: str, within_s: float = 20.0) -> Change:
    """The next change that comes about in one of these ways."""
    async with asyncio.timeout(within_s):
        while True:
            change = await anext(changes)
            if change.why in whys:
                return change
