"""Hosts without a stack around them: processes of `tidegate host` on servers that the test has started itself, so
that it can put something in between, or have three of them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from events.nats.reach import Reach
from tests.support.stack import environment
from tidegate import children
from tidegate.children import Child


@asynccontextmanager
async def hosts(
    folder: Path, reach: Reach, names: Sequence[str] = ("host-1", "host-2")
) -> AsyncIterator[dict[str, Child]]:
    """One process each, by name; killed when it is over. Their logs are in `<folder>/logs`."""
    async with AsyncExitStack() as ends:
        running: dict[str, Child] = {}
        for name in names:
            running[name] = await children.start(
                folder,
                name,
                _command(name, reach),
                environment=environment(),
                folder=folder,
                log_file=folder / "logs" / f"{name}.log",
            )
            ends.push_async_callback(running[name].kill)
        yield running


def _command(name: str, reach: Reach) -> list[str]:
    settings = {
        "nats.urls": ",".join(reach.servers),
        "nats.monitor_urls": ",".join(reach.monitors),
        "nats.replicas": str(reach.replicas),
        "log.format": "json",
    }
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [sys.executable, "-m", "tidegate", "host", "--name", name, *changes]
