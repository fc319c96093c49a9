"""What can be asked of webhooks. The first part is for whoever looks after an organisation's endpoints; the second is
about one endpoint's delivery, and most of it is for the courier."""

from __future__ import annotations

import msgspec

from actors.decider import Command
from actors.webhooks.limits import OVERLAP_S
from events.webhooks import Attempt, Dead, Late, Place

# Of an organisation's webhooks


class PutEndpoint(Command, frozen=True):
    """Have this told to that address from here on; or change all that is said of an endpoint."""

    id: str
    url: str
    events: tuple[str, ...] = ("*",)
    description: str = ""
    active: bool = True


class RemoveEndpoint(Command, frozen=True):
    """Deliver nothing there any more, and forget what was late."""

    id: str


class RotateSecret(Command, frozen=True):
    """Sign with a new secret from here on, and for so long with those before it too."""

    id: str
    overlap_s: int = OVERLAP_S


class EnableEndpoint(Command, frozen=True):
    """Go on where it stood; `afresh`, with what happens from here on."""

    id: str
    afresh: bool = False


class DisableEndpoint(Command, frozen=True):
    """Deliver nothing there for now. `version` is that of the endpoint which this was found out about: if it was
    changed meanwhile, nothing happens."""

    id: str
    why: str = ""
    version: int = 0


class ListEndpoints(Command, frozen=True):
    """All of them, as they are now."""


# Of one endpoint's delivery


class Attend(Command, frozen=True):
    """I am the one who delivers. `born` and `began` are where the endpoint was put, and where it begins. The answer is
    an `Attended`; with `all`, of everything that is late."""

    courier: str
    born: int
    began: int
    all: bool = False


class Report(Command, frozen=True, omit_defaults=True):
    """What came of it, by the one who delivers; its fields are those of `DeliveriesReported`. `leaving`, it is the last
    word of this courier."""

    courier: str
    through: dict[str, int] = msgspec.field(default_factory=dict)
    late: tuple[Late, ...] = ()
    done: tuple[str, ...] = ()
    dead: tuple[Dead, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    delivered: int = 0
    failed: int = 0
    within: dict[str, Place] = msgspec.field(default_factory=dict)
    leaving: bool = False


class ReplayDead(Command, frozen=True):
    """Deliver these dead letters once more; or all of them, as many as may be late together."""

    ids: tuple[str, ...] = ()
    all: bool = False


class SendTest(Command, frozen=True):
    """Deliver a happening that did not happen, to see whether it comes through."""


class ShowDeliveries(Command, frozen=True):
    """How it goes: the last attempts, what is late, and what was given up."""


class Attended(msgspec.Struct, frozen=True):
    """What whoever delivers is told: how far it has come, what others have asked for (or all that is late), and how
    long it has not gone well."""

    through: dict[str, int]
    late: tuple[Late, ...]
    failing_since: int
    dead_in_a_row: int
    within: dict[str, Place] = {}
