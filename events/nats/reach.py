"""Where the servers are, and which log of theirs is meant: what every process needs to take part.

Plain data, so that it can be handed to another process or another machine. It holds what was learnt about the log as
well: a process that is told the log's `identity` refuses one that was created anew meanwhile. `ground` leads there.
"""

from __future__ import annotations

import msgspec


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """`servers` are `nats://…`; `monitors` are the URLs by which each of them can be asked about itself."""

    servers: tuple[str, ...]
    monitors: tuple[str, ...] = ()
    stream: str = "log"
    replicas: int = 1
    bytes_max: int | None = None
    identity: str | None = None
