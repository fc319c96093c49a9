"""The demo organisation: a few resources to look at, put there by ordinary commands when its catalog is empty."""

from __future__ import annotations

from typing import Final

from actors.catalog import ListResources, PutResource
from actors.decider import Refusal
from actors.runtime.sender import Sender
from events.errors import TidegateError
from events.names import actor_name

ORG: Final = "demo"
WITHIN_MS: Final = 15_000

RESOURCES: Final = (
    PutResource("studio-north", "Europe/Berlin", "Studio North, recording", 1),
    PutResource("studio-south", "Europe/Lisbon", "Studio South, rehearsal", 2),
    PutResource("meeting-room", "America/New_York", "Meeting room, 8th floor", 12),
)


class SeedRefused(TidegateError):
    """A demo resource was refused: the log is full, the host is busy, or it is a bug of ours."""

    code = "seed_refused"
    next_step = "nothing: the stack runs all the same, and a catalog that is still empty is seeded at the next start"


async def seed(sender: Sender) -> int:
    """How many resources were put: all of them when the catalog is empty, else none. Repeating changes nothing."""
    actor = actor_name(ORG, "catalog")
    known = await sender.send(actor, ListResources(retired=True), by="seed", within_ms=WITHIN_MS)
    if isinstance(known, Refusal):
        raise SeedRefused(f"{known.code}: {known.detail}")
    if known.reply["resources"]:
        return 0
    for resource in RESOURCES:
        answer = await sender.send(actor, resource, id=f"seed-{resource.id}", by="seed", within_ms=WITHIN_MS)
        if isinstance(answer, Refusal):
            raise SeedRefused(f"{resource.id}: {answer.code}: {answer.detail}")
    return len(RESOURCES)
