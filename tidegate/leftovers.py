"""What a killed run left on a data folder: found by the notes on disk, and ended. Nothing is sought by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tidegate import children, parts
from tidegate.parts import Part
from tidegate.ray_head import PART as RAY
from tidegate.ray_head import folder_of, remove_folder

GENTLY = frozenset({"nats-server"})
"""These are asked to end before they are made to."""


async def end_leftovers(data_dir: Path) -> AsyncIterator[Part]:
    """End every noted process but the keeper, with all that it started; each that there was anything to end of.

    The caller holds the folder's lock: nobody starts any of them meanwhile.
    """
    noted = sorted(parts.noted(data_dir), key=lambda part: part.name != RAY)  # Ray first: it starts its hosts again
    for part in noted:
        if part.name == parts.KEEPER:
            continue
        folder = folder_of(data_dir) if part.name == RAY else data_dir
        if await children.end_leftover(part, folder, gently=part.name in GENTLY):
            yield part
        parts.forget(data_dir, part.name)
    remove_folder(folder_of(data_dir))
