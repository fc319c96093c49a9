"""The shelf in memory: a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from events import limits


class MemoryShelf:
    """A `Shelf` that lasts as long as the object; `clear` is the loss that its users must survive."""

    def __init__(self) -> None:
        self._items: Final[dict[str, bytes]] = {}

    async def put(self, name: str, data: bytes) -> bool:
        if len(data) > limits.SHELF_ITEM_BYTES_MAX:
            return False
        self._items[name] = data
        return True

    async def get(self, names: Sequence[str]) -> dict[str, bytes]:
        return {name: self._items[name] for name in names if name in self._items}

    def clear(self) -> None:
        self._items.clear()
