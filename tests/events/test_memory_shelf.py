"""The shelf in memory keeps the contract, and can be emptied."""

from __future__ import annotations

import pytest

from events.memory.shelf import MemoryShelf
from events.shelf import Shelf
from tests.contracts.shelf_contract import ShelfContract


class TestMemoryShelf(ShelfContract):
    @pytest.fixture
    def shelf(self) -> Shelf:
        return MemoryShelf()


async def test_everything_may_vanish() -> None:
    """A test may empty the shelf at any time."""
    shelf = MemoryShelf()
    await shelf.put("demo.a", b"1")
    shelf.clear()
    assert await shelf.get(["demo.a"]) == {}
