"""The catalogs of all organisations, by the same fold that the judges use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from events.catalog import Catalog, take_in
from events.codec import canonical
from events.commit import Commit
from events.log import Recorded
from events.names import kind_of
from projections.folding import Change, Delta


class CatalogChanged(Delta, frozen=True, tag="catalog"):
    """Topic `catalog`: what is on offer, and when, is to be asked anew."""


class _Kept(msgspec.Struct):
    catalog: Catalog = msgspec.field(default_factory=Catalog)
    sequence: int = 0


_SAVED: Final = msgspec.json.Decoder(dict[str, _Kept])


class Catalogs:
    """A projection."""

    name = "catalogs"
    version = 1

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, org: str) -> Catalog:
        """An organisation without a catalog has an empty one."""
        kept = self._kept.get(org)
        return Catalog() if kept is None else kept.catalog

    def sequence_of(self, org: str) -> int:
        """Where its last commit stands; 0 before its first."""
        kept = self._kept.get(org)
        return 0 if kept is None else kept.sequence

    def take(self, recorded: Recorded, commit: Commit[Any], *, tell: bool) -> list[Change]:
        if kind_of(recorded.actor) != "catalog":
            return []
        org = recorded.actor.split(".", 1)[0]
        kept = self._kept.setdefault(org, _Kept())
        for decided in commit.decided:
            for fact in decided.facts:
                kept.catalog = take_in(kept.catalog, fact, commit.at)
        before, kept.sequence = kept.sequence, recorded.sequence
        return [Change(org, "catalog", before, recorded.sequence, CatalogChanged())] if tell else []

    def save(self) -> bytes:
        return canonical(self._kept)

    def load(self, data: bytes) -> None:
        self._kept = _SAVED.decode(data)


def part_of(catalog: Catalog, event_types: Sequence[str], resources: Sequence[str]) -> Catalog:
    """What is said of these, as far as they are there."""
    ways = {slug: catalog.event_types[slug] for slug in event_types if slug in catalog.event_types}
    active = {id: catalog.active[id] for id in resources if id in catalog.active}
    named = {way.schedule for way in ways.values()} | {one.schedule for one in active.values()}
    return Catalog(
        active=active,
        retired={id: catalog.retired[id] for id in resources if id in catalog.retired},
        rations={id: catalog.rations[id] for id in active if id in catalog.rations},
        schedules={id: catalog.schedules[id] for id in sorted(named) if id},
        event_types=ways,
        links={slug: [id for id in sorted(active) if catalog.linked(slug, id)] for slug in ways},
    )
