"""Rations: how something shrinks or goes on which bookings stand.

The bookings stand in other actors, and new ones are made every moment. So a capacity shrinks in two steps. First the
resource is rationed: no more units than that are given out. When every host must have heard of it (`SETTLED_MS`),
nothing above it can be reserved any more; whoever asks then looks at what is reserved, and puts the smaller capacity,
or lifts the ration. The catalog is told when they looked, and takes their word for it. A resource goes in the same way,
rationed to nothing; an event type, when it has been inactive for so long. What nothing was ever linked to has no
bookings, and goes at once.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from actors.catalog.checks import shown
from actors.catalog.commands import LiftRation, RationResource
from actors.decider import CONSULTED_BY_ALL_AFTER_MS, Decision, Refusal
from events.catalog import Catalog, CatalogFact, RationLifted, ResourceRationed
from events.clock import Instant

CLOCKS_DIFFER_MS: Final = 5_000
"""What machines' clocks may be off by."""
SETTLED_MS: Final = CONSULTED_BY_ALL_AFTER_MS + 2 * CLOCKS_DIFFER_MS
"""One host may say since when, and another how long ago that is."""


def ration(catalog: Catalog, command: RationResource | LiftRation) -> Decision[CatalogFact] | Refusal:
    id = command.id
    resource = catalog.active.get(id)
    if resource is None:
        return Refusal("unknown_resource", f"there is no resource {shown(id)}, or it is retired")
    known = catalog.rations.get(id)
    if isinstance(command, LiftRation):
        return Decision(() if known is None else (RationLifted(id),), {"id": id})
    if command.most >= resource.capacity:
        return Refusal("bad_ration", f"{id} has {resource.capacity} units: fewer can be given out, not {command.most}")
    settled = {"id": id, "most": command.most, "settled_after_ms": SETTLED_MS}
    if known is not None and known.most == command.most:
        return Decision(reply=settled)
    return Decision((ResourceRationed(id, command.most),), settled)


def still_bookable(catalog: Catalog, id: str, capacity: int, at: Instant, looked_at: Instant) -> Refusal | None:
    """Whether more of its units than that may be reserved, for all that anybody can know."""
    resource = catalog.active.get(id)
    if resource is None or capacity >= resource.capacity or not _among(catalog.ever_linked, id):
        return None
    known = catalog.rations.get(id)
    if known is None or known.most > capacity:
        return Refusal(
            "still_bookable",
            f"more than {capacity} units of {id} may be reserved: ration it first, and see what is",
        )
    return _settled(known.since, at, looked_at)


def still_offered(catalog: Catalog, slug: str, at: Instant, looked_at: Instant) -> Refusal | None:
    """Whether it may have bookings that nobody has looked at."""
    if not _among(catalog.ever_offered, slug):
        return None
    since = catalog.inactive_since.get(slug)
    if since is None:
        return Refusal("still_bookable", f"{slug} can be booked: make it inactive first, and see what is")
    return _settled(since, at, looked_at)


def _settled(since: Instant, at: Instant, looked_at: Instant) -> Refusal | None:
    left_ms = since + SETTLED_MS - at
    if left_ms > 0:
        return Refusal("not_settled", f"not every host may have heard of it yet: in {left_ms} ms", "busy", left_ms)
    if looked_at < since + SETTLED_MS:
        return Refusal("not_looked", "see first that no booking stands against it, as `tidegate booking shrink` does")
    return None


def _among(names: list[str], name: str) -> bool:
    place = bisect_left(names, name)
    return names[place : place + 1] == [name]
