"""The facts of webhooks: to which endpoints an organisation wants to be told what, and how telling them goes.

`demo.webhooks` knows the endpoints. `demo.webhook.<id>` is one endpoint's delivery: how far the log has been told, what
is late, what was given up. Whoever delivers reports in bulk, so that a busy endpoint costs the log one commit a second.

A happening is called `<sequence>-<n>`: the commit that it is in, and the fact of that commit. So its name says where it
can be read again, and neither a body nor a secret is ever written here: of an endpoint's secrets there are the numbers
of their generations.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from events.clock import Instant
from events.facts import Fact, FactSet

EVENTS: Final = (
    "booking.created", "booking.pending", "booking.confirmed", "booking.declined", "booking.cancelled",
    "booking.rescheduled", "booking.completed", "booking.no_show", "booking.lapsed", "booking.reminder",
    "standby.joined", "standby.offered", "standby.taken", "standby.lapsed", "standby.left",
    "room.put", "room.phase", "room.drawn",
    "ticket.called", "ticket.claimed", "ticket.missed", "ticket.exited", "ticket.expired",
    "turn.near", "turn.now",
)  # fmt: skip
"""What an endpoint can ask to be told, by name."""
TEST: Final = "webhook.test"
"""What every endpoint is told when somebody tries it out."""
SOURCES: Final = ("day", "room")
"""The kinds of actors whose facts are told. How far they have been is known of each by itself."""


def wants(events: tuple[str, ...], name: str) -> bool:
    """Whether a filter lets the event by: it names it, or its group (`booking.*`), or everything (`*`)."""
    return name in events or "*" in events or f"{name.partition('.')[0]}.*" in events


class EndpointPut(Fact, frozen=True):
    """A new endpoint, or a change of all that is said of one. `generation` is that of its newest secret: a number that
    no other secret of the organisation ever had."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    active: bool
    generation: int


class EndpointRemoved(Fact, frozen=True):
    id: str


class SecretRotated(Fact, frozen=True):
    """A new secret signs from here on; those before it sign too, through `until`."""

    id: str
    generation: int
    until: Instant


class EndpointDisabled(Fact, frozen=True):
    """Nothing is delivered there any more, and nothing is lost: what happens waits in the log."""

    id: str
    why: str


class EndpointEnabled(Fact, frozen=True):
    """It goes on where it stood; `afresh`, with what happens from here on."""

    id: str
    afresh: bool


WebhooksFact: TypeAlias = EndpointPut | EndpointRemoved | SecretRotated | EndpointDisabled | EndpointEnabled
WEBHOOKS_FACTS = FactSet[WebhooksFact]((EndpointPut, EndpointRemoved, SecretRotated, EndpointDisabled, EndpointEnabled))


Place: TypeAlias = tuple[int, int, int]
"""Where a happening stands: its commit, the fact of that commit, and the part of that fact."""


class Late(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A happening that is not delivered yet: tried so often, for the first time then (0 for never), and again at
    `next_at`."""

    id: str
    attempts: int
    first_at: Instant
    next_at: Instant


class Dead(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A happening that was given up."""

    id: str
    event: str
    attempts: int
    first_at: Instant
    at: Instant
    why: str


class Attempt(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One request: what was answered, or why nothing was (`status` is 0 then)."""

    id: str
    event: str
    at: Instant
    took_ms: int
    status: int
    why: str = ""


class DeliveryBegan(Fact, frozen=True):
    """Of what happened behind `sequence` the endpoint is told, of nothing before. `born` is where the endpoint was put:
    another number is another endpoint under the same name."""

    born: int
    sequence: int


class CourierCame(Fact, frozen=True):
    """From here on this one delivers, and nobody else, to the endpoint as it is in this version. Of another version
    nobody knows yet how it goes."""

    courier: str
    version: int


class CourierWent(Fact, frozen=True):
    courier: str


class DeliveriesReported(Fact, frozen=True, omit_defaults=True):
    """What has come of it since the last report. `through`, by source: everything up to there is done, or stands among
    what is late or dead."""

    through: dict[str, int] = msgspec.field(default_factory=dict)
    late: tuple[Late, ...] = ()
    done: tuple[str, ...] = ()
    """Those that were late before."""
    dead: tuple[Dead, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    """The last ones, if there were many."""
    delivered: int = 0
    failed: int = 0
    within: dict[str, Place] = msgspec.field(default_factory=dict)
    """By source, where the commit behind `through` is read in part: up to there it is as it is up to `through`."""


class TrialAsked(Fact, frozen=True):
    id: str


class ReplayAsked(Fact, frozen=True):
    """These dead letters are to be delivered once more."""

    ids: tuple[str, ...]


WebhookFact: TypeAlias = DeliveryBegan | CourierCame | CourierWent | DeliveriesReported | TrialAsked | ReplayAsked
WEBHOOK_FACTS = FactSet[WebhookFact](
    (DeliveryBegan, CourierCame, CourierWent, DeliveriesReported, TrialAsked, ReplayAsked)
)
