"""What every shelf must do while nothing is lost. An adapter passes by subclassing `ShelfContract` and giving it a
`shelf`."""

from __future__ import annotations

import asyncio

import pytest

from events import limits
from events.shelf import Shelf


class ShelfContract:
    @pytest.fixture
    def shelf(self) -> Shelf:
        raise NotImplementedError("a subclass says which shelf")

    async def test_what_was_put_is_there(self, shelf: Shelf) -> None:
        """What stands under a name is what was put there last; names with nothing are left out."""
        await shelf.put("demo.day.alice", b"old")
        await shelf.put("demo.day.bob", bytes(range(256)))
        await shelf.put("demo.day.alice", b"new")
        found = await shelf.get(["demo.day.alice", "demo.day.bob", "demo.day.nobody"])
        assert found == {"demo.day.alice": b"new", "demo.day.bob": bytes(range(256))}

    async def test_nothing_asked_for_is_nothing(self, shelf: Shelf) -> None:
        """An empty question has an empty answer, and so has one about names that have nothing."""
        assert await shelf.get([]) == {}
        assert await shelf.get(["demo.nobody"]) == {}

    async def test_an_empty_item_is_an_item(self, shelf: Shelf) -> None:
        """No bytes under a name is not the same as nothing under it."""
        await shelf.put("demo.empty", b"")
        assert await shelf.get(["demo.empty"]) == {"demo.empty": b""}

    async def test_many_names_at_once(self, shelf: Shelf) -> None:
        """More names than one request asks for are found all the same."""
        items = {f"demo.many.n{number}": str(number).encode() for number in range(limits.LOOKUP_ACTORS_MAX + 50)}
        await asyncio.gather(*(shelf.put(name, data) for name, data in items.items()))
        assert await shelf.get([*items, *items]) == items

    async def test_the_largest_items(self, shelf: Shelf) -> None:
        """Several items of the largest size are found together."""
        large = b"x" * limits.SHELF_ITEM_BYTES_MAX
        for number in range(3):
            await shelf.put(f"demo.large.{number}", large)
        found = await shelf.get([f"demo.large.{number}" for number in range(3)])
        assert [data == large for data in found.values()] == [True] * 3

    async def test_too_large_an_item_is_not_kept(self, shelf: Shelf) -> None:
        """An item above the limit is not kept, and nobody is disturbed by it."""
        await shelf.put("demo.large", b"x" * (limits.SHELF_ITEM_BYTES_MAX + 1))
        assert await shelf.get(["demo.large"]) == {}
