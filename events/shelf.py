"""The shelf as a protocol: the newest bytes under a name. A cache, nothing more.

Snapshots and timer indexes stand on it. Everything on it may vanish, be old, or be lost at any time (law 8):
who reads from it checks what it finds against the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Shelf(Protocol):
    async def put(self, name: str, data: bytes) -> bool:
        """Replace what stands under `name` (the grammar of actors' names); whether it was taken. That says nothing of
        its safety: there is none."""
        ...

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        """What stands under those of the `names` that have something, old or new."""
        ...
