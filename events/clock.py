"""Time as it is written down: whole milliseconds since 1970-01-01T00:00Z.

A clock is an argument, never a global: deciders are told the instant, hosts ask the clock they were given.
Durations are measured on the event loop's own monotonic time, which a wall clock that jumps cannot bend.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Instant: TypeAlias = int
"""Milliseconds since the epoch, UTC."""

Clock: TypeAlias = Callable[[], Instant]


def system_clock() -> Instant:
    return time.time_ns() // 1_000_000


def iso(instant: Instant) -> str:
    """`2026-12-07T13:00:00.000Z`, for people."""
    return datetime.fromtimestamp(instant / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
